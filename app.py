"""Home, and what `streamlit run app.py` serves: the app with checks before each request.

Streamlit finds ``app`` in this file and imports it once to serve it; for each session it then runs
the file as a page. A Streamlit that finds no ``app`` still shows the pages, without these checks.
"""

import streamlit as st

if st.runtime.exists():
    from alexnet_demo.ui.home import home

    home.show()
else:
    from alexnet_demo.ui.frame import server

    app = st.App(__file__, middleware=server.MIDDLEWARE)
