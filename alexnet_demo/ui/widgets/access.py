"""Whether this session may control, and the lock in the sidebar that opens the controls."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alexnet_demo.common import access
from alexnet_demo.common.access import ADMIN, READ_ONLY, PasswordLimiter, Role
from alexnet_demo.common.errors import AccessError

_PERMIT = "permit"  # session state; a browser can send words and numbers, never a Permit
_PROBLEM = "lock problem"  # session state: what is wrong with the password
_PASSWORD = "password"  # widget
_GATE = PasswordLimiter()  # of this process, for all sessions


def role() -> Role:
    """What this session is trusted with: by its password, or by who has logged in."""
    if st.session_state.get(_PERMIT) == ADMIN:
        return ADMIN
    user = _user()
    logged_in = user.get("is_logged_in") is True
    email, verified = str(user.get("email") or ""), user.get("email_verified") is True
    return ADMIN if logged_in and access.is_admin_email(email, verified=verified) else READ_ONLY


def _user() -> dict[str, Any]:
    """What is known of who has logged in; no ``is_logged_in`` where nobody can."""
    return st.user.to_dict()


def controls() -> bool:
    """Whether to show what starts, changes and deletes; the core asks for the permit anyway."""
    return access.has_access(role())


def explain() -> None:
    """One line in the controls' place."""
    st.caption(f":material/lock: {access.RESTRICTED}")


def lock() -> None:
    """On a closed server, for those who run it: the way to the controls, and out of them."""
    if not access.is_restricted():
        return
    if st.session_state.get(_PERMIT) == ADMIN:
        st.button("Lock the controls", icon=":material/lock:", type="tertiary", on_click=_close)
    elif not controls() and access.has_password():
        with st.popover("Unlock the controls", icon=":material/lock:", type="tertiary"):
            _ask_for_password()
    _log_in_or_out()


def _ask_for_password() -> None:
    with st.form("unlock", border=False):
        st.text_input("Password", type="password", key=_PASSWORD, autocomplete="current-password")
        st.form_submit_button("Unlock", icon=":material/lock_open:", on_click=_enter)
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(problem, icon=":material/error:")


def _enter() -> None:
    try:
        st.session_state[_PERMIT] = _GATE.enter(
            str(st.session_state[_PASSWORD]), st.context.ip_address or ""
        )
    except AccessError as error:
        st.session_state[_PROBLEM] = str(error)
    st.session_state[_PASSWORD] = ""  # what was typed is kept nowhere


def _close() -> None:
    del st.session_state[_PERMIT]


def _log_in_or_out() -> None:
    """Streamlit's own login, where ``secrets.toml`` sets it up."""
    logged_in = _user().get("is_logged_in")
    if logged_in is True:
        st.button("Log out", icon=":material/logout:", type="tertiary", on_click=st.logout)
    elif logged_in is False:
        st.button("Log in", icon=":material/login:", type="tertiary", on_click=st.login)
