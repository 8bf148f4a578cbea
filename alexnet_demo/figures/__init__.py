"""Records → Plotly figures and SVG diagrams.

Computes nothing but positions and colors, and knows nothing of Streamlit.
"""
