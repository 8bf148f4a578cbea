"""The Results page: a model's predictions for the test set, in several views.

Knows no other page, and runs models only through `models` and the batcher.
"""
