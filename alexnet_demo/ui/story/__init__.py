"""The Story page: why AlexNet mattered in 2012, and what the article made of it.

Knows nothing of runs and of the other pages; imports no torch."""
