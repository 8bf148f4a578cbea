"""Fashion-MNIST on the device, data augmentation, and synthetic drawings and photos.

Must not know about runs, training, or pages.
"""
