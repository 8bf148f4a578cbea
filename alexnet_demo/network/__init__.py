"""AlexNet and what can be computed from it alone: layer summary, checkpoints, Grad-CAM, activations.

Knows nothing of datasets, runs, or training."""
