"""What other tabs and terminals start: noticed here, and told to who clicked in vain."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.runs import list_runs
from alexnet_demo.ui.wording import plain

WATCH_SECONDS = 3.0
REFUSED = "start refused"  # session state: why a click on Start came to nothing


def active_runs() -> frozenset[str]:
    """The ids of the runs that train now."""
    return frozenset(run.id for run in list_runs() if run.active)


def watch(active: frozenset[str]) -> None:
    """Run the page anew when a training begins or ends elsewhere."""
    st.fragment(_compare, run_every=WATCH_SECONDS)(active)


def _compare(known: frozenset[str]) -> None:
    if active_runs() != known:
        st.rerun()


def tell_refusal(active: frozenset[str]) -> None:
    """Say why Start came to nothing, for as long as another training goes on."""
    refused = st.session_state.pop(REFUSED, "")
    if not active:
        return
    if st.session_state.get("start"):  # clicked on a form that is not shown any more
        refused = "Another training began meanwhile, so yours did not: pause or stop it first."
    if refused:
        st.session_state[REFUSED] = refused
        st.warning(plain(refused), icon=":material/info:")
