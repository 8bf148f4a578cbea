"""Which model a page uses, how it is loaded, and its cached passes over the datasets.

Knows no page."""
