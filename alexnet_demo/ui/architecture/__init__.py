"""The Architecture page: layers, numbers, and the inside of a trained network."""
