"""Fashion-MNIST on the device, data augmentation, and synthetic drawings and photos.

Knows nothing of runs or training."""
