"""The Results page: the model on the full test set."""
