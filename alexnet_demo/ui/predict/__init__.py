"""The Predict page: sources of images, their preprocessing, and predictions.

Knows no other page, and runs models only through `models` and the batcher.
"""
