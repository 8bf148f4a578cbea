"""Generated cases: a few with every test run, all of them with ``pytest -m slow``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TIERS = pytest.mark.parametrize("tier", ["few", pytest.param("many", marks=pytest.mark.slow)])


def fuzz(tier: str, cases: int, strategy: st.SearchStrategy[Any], check: Callable) -> None:
    """Check that many generated values, or a hundredth of them."""
    limits = settings(
        max_examples=cases if tier == "many" else cases // 100,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    limits(given(strategy)(check))()


odd_numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.sampled_from([10**400, -(10**400), 2**63, 1e308, -1e308, 0, 1, -1]),
)
odd_texts = st.one_of(
    st.text(st.characters(), max_size=60),  # lone surrogates, control characters, emoji
    st.sampled_from(
        [
            "=HYPERLINK(1)",
            "＝1+1",
            "\t=1",
            "../../etc/passwd",
            "<script>alert(1)</script>",
            "[x](javascript:alert(1))",
            "![](http://a.b/c)",
            "# x\n1. y",
            "$x$ :red[a] :smile:",
            "www.a.b a@b.c &lt;",
            "\u202egnp.exe",
            "👩‍👩‍👧",
            "\x00\x1b[31m",
            "\ud800",
            "a" * 5_000,
        ]
    ),
)
odd_values = st.recursive(
    st.one_of(st.none(), odd_numbers, odd_texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=8,
)
