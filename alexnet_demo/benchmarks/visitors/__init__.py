"""Many visitors at once: ``python -m alexnet_demo load``.

Beside `ui` the only part that knows Streamlit, here its protocol; only the command imports it.
"""
