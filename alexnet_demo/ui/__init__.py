"""What the pages share. The only part of the package that may import Streamlit."""
