"""Trained networks applied: classification, evaluation, confidence, embeddings.

Knows nothing of training or pages."""
