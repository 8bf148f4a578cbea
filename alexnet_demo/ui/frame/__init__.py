"""What every page has in common: title, menu, the current run's status, and the guided tour.

It knows nothing of the pages' content."""
