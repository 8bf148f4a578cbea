"""Apply trained models: classification, evaluation, confidence, embeddings.

Knows nothing of training, jobs, or pages.
"""
