"""One run on disk: files, events, history, snapshots, pins, locks, state, and who uses a device.

Imports no torch, never starts a process, and knows nothing of pages."""
