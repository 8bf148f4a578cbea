"""What every package may use: files, text, signals, errors, access control.

Knows no other package of this project."""
