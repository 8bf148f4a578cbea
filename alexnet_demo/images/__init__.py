"""Any image file, drawing, or photo → the 28×28 or 56×56 grayscale views that are classified.

Must not import torch or know about networks, datasets, or runs.
"""
