"""What every package may use: files, text, signal handlers, errors, access control.

Knows no other package of this project."""
