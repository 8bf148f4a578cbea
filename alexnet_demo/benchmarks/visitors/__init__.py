"""Many visitors at once: ``python -m alexnet_demo load``.

Only this package and `ui` know Streamlit, here its protocol; only the command imports it.
"""
