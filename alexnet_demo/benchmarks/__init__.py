"""Measurements: training and inference speed, and load from many visitors.

Only `visitors` speaks Streamlit's protocol."""
