"""One run on disk: events, history, snapshots, pins, locks, and the process that trains it.

Imports no torch, and never starts a process."""
