"""The model picker, model loading, and cached passes of a model over the datasets.

Knows no page.
"""
