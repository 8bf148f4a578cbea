"""Streamlit components with their JavaScript, CSS, and HTML: canvas, plot, gallery.

They know nothing of runs and models."""
