"""The Predict page: where an image comes from, and the prediction."""
