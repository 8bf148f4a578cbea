"""Any image file, drawing, or photo → the 28×28 and 224×224 pixels that the network sees.

Imports no torch, and knows nothing of networks or runs."""
