"""The Streamlit app: what the pages are made of.

The only package besides `benchmarks.visitors` that imports Streamlit. Never imports training or
cli."""
