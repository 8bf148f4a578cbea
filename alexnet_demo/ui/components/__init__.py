"""Custom Streamlit components with their JavaScript and CSS: canvas, plot, gallery, drawing.

Know nothing of runs or models."""
