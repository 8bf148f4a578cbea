"""The Architecture page: the layers and their numbers, and the layers of a trained model at work.

Knows nothing of training and of the other pages."""
