"""AlexNet and what is computed from it: layer summary, checkpoints, Grad-CAM, activations.

Knows nothing of datasets, runs, or training."""
