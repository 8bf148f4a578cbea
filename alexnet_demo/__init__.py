"""AlexNet on Fashion-MNIST: train it, look inside it, try it on your own images."""

__version__ = "0.5.0"
