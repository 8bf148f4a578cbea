"""What surrounds every page: title, menu, status, and the guided tour.

Knows no page's content."""
