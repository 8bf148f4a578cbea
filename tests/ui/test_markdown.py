from __future__ import annotations

import pytest

from alexnet_demo.ui.widgets.markdown import plain


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[a](HTTP://b.c)", "\\[a\\]\\(HTTP\\:\u2060//b.c\\)"),
        ("www.a.b or a@b.c", "www\u2060.a.b or a@\u2060b.c"),
        ("&lt;b&gt; ![x]", r"\&lt;b\&gt; \!\[x\]"),
        ("**a**_b_.png", r"\*\*a\*\*\_b\_.png"),
        ("1. first", r"1\. first"),
        ("# a\n# b\x00", r"\# a \# b"),
        (":red[$x$]", r"\:red\[\$x\$\]"),
        ("shoe.png", "shoe.png"),
    ],
)
def test_markdown_shows_a_name_as_it_is(name: str, shown: str) -> None:
    assert plain(name) == shown
