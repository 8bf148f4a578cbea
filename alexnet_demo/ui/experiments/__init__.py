"""The Experiments page: one module per lesson, each with a function ``show``.

`lessons` names them; the page imports only the chosen one.
"""
