"""The training loop, its state, and the worker process around it.

Writes a run directory and knows nothing of jobs or pages."""
