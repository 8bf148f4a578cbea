"""Start, queue, pause, resume, and delete runs, each trained by a process of its own.

Imports no torch and never the training package, whose command it runs; knows nothing of pages."""
