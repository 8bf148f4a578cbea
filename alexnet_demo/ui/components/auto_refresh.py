"""Fragments that are drawn again once what they show has changed.

Streamlit's own ``run_every`` runs each fragment of each tab on a clock. Here a tab sends one short
request a second for all of its fragments, the answer to which is nothing if nothing has changed,
and only one every `HIDDEN_SECONDS` while the tab is hidden.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import streamlit as st
from streamlit.errors import StreamlitAPIException

from alexnet_demo.ui.components.component import register

Version = Callable[[], Any]
"""Tells what a view would show, as a value to compare."""
HIDDEN_SECONDS = 30.0
_WATCHES = "auto refresh"  # session state: the page's watches, by key
_mount = register("auto_refresh", __file__)


@dataclass
class _Watch:
    """What a fragment shows: drawn at one version, checked from time to time for another."""

    version: Version
    seconds: float
    shown: Any
    reruns_page: bool = False
    checked: float = field(default_factory=time.monotonic)

    def has_changed(self) -> bool:
        """Whether it is time to look, and there is another version."""
        now = time.monotonic()
        if now - self.checked < self.seconds - 0.5:  # requests arrive early or late
            return False
        self.checked = now
        return bool(self.version() != self.shown)


def reset() -> None:
    """Forget the watches of the page shown before; every page begins with this."""
    st.session_state[_WATCHES] = {}


def auto_refresh(
    key: str, view: Callable[[], None], version: Version, seconds: float | None
) -> None:
    """Show a view as a fragment and draw it again when its version changes.

    Args:
        key: of the fragment, unique on the page.
        version: called for every tab, so cache what takes time.
        seconds: between two looks at the version while the tab is visible; None: draw it once.
    """
    # Of several on a page, the fastest has its tab ask for all of them, the first of equals.
    asks = seconds is not None and all(seconds < watch.seconds for watch in _watches().values())

    def fragment() -> None:
        if seconds is not None:
            _watches()[key] = _Watch(version, seconds, version())
        view()
        if asks:
            _mount(
                data={"seconds": seconds, "hidden": HIDDEN_SECONDS},
                key=f"refresh {key}",
                height=1,
                on_tick_change=partial(_refresh, key),
            )

    st.fragment(fragment, key=key)()


def rerun_page(key: str, version: Version, seconds: float, *, shown: Any = None) -> None:
    """Rerun the page when a version changes; arguments as for `auto_refresh`.

    Only a page with such a fragment looks at the version.

    Args:
        shown: the version that the page shows, if it was read earlier.
    """
    shown = version() if shown is None else shown
    _watches()[key] = _Watch(version, seconds, shown, reruns_page=True)


def _watches() -> dict[str, _Watch]:
    return cast("dict[str, _Watch]", st.session_state.setdefault(_WATCHES, {}))


def _refresh(key: str) -> None:
    """Draw again what has changed; the page, if any of that concerns all of it.

    Streamlit draws the fragment with that key, from which the request comes, by itself. It would
    be blank otherwise, and a rerun of another one takes longer than drawing both.
    """
    changed = {key: watch for key, watch in _watches().items() if watch.has_changed()}
    if any(watch.reruns_page for watch in changed.values()):
        st.rerun()
    if changed.keys() - {key}:
        try:
            st.rerun(list(changed))
        except StreamlitAPIException:  # a fragment within another one is no longer shown
            st.rerun()
