"""Pages opened with Streamlit's `AppTest`, and what they show."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from alexnet_demo.settings.paths import ROOT
from tests.support.waiting import PATIENCE


def load_page(script: str, **query: str) -> AppTest:
    """A page that has not run yet.

    Args:
        script: relative to the project, such as ``pages/1_Train.py``.
        query: parameters of the page's address.
    """
    at = AppTest.from_file(str(ROOT / script), default_timeout=PATIENCE)
    for name, value in query.items():
        at.query_params[name] = value
    return at


def open_page(script: str, **query: str) -> AppTest:
    """A page that has run without an exception."""
    at = load_page(script, **query).run()
    assert not at.exception
    return at


def page_text(at: AppTest) -> str:
    """All the text of a page but that of widgets: HTML, Markdown, captions, messages."""
    headings = (*at.title, *at.subheader, *at.markdown, *at.caption)
    messages = (*at.info, *at.warning, *at.error, *at.success)
    html = (element.proto.body for element in at.get("html"))
    return "\n".join([*html, *(str(element.value) for element in (*headings, *messages))])
