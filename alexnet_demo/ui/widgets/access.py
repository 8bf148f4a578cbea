"""What this session may do, and the lock in the sidebar that opens the controls."""

from __future__ import annotations

import os
from typing import Any

import streamlit as st

from alexnet_demo.common import access
from alexnet_demo.common.access import ADMIN, READ_ONLY, PasswordLimiter, Role
from alexnet_demo.common.errors import AccessError

_ROLE = "permit"  # session state; a browser can send words and numbers, never a Role
_ERROR = "lock problem"  # session state: why the password was refused
_PASSWORD = "password"  # widget
_LIMITER = PasswordLimiter()  # shared by all sessions of this process


def role() -> Role:
    """This session's role, granted by password or by login."""
    if st.session_state.get(_ROLE) == ADMIN:
        return ADMIN
    user = _user()
    logged_in = user.get("is_logged_in") is True
    email, verified = str(user.get("email") or ""), user.get("email_verified") is True
    return ADMIN if logged_in and access.is_admin_email(email, verified=verified) else READ_ONLY


def _user() -> dict[str, Any]:
    """The logged-in user; without ``is_logged_in`` if no login is set up."""
    return st.user.to_dict()


def can_control() -> bool:
    """Whether to show controls that start, change, or delete; the core checks the role anyway."""
    return access.has_access(role())


def show_notice() -> None:
    """Say, in place of the controls, that this server is read-only."""
    st.caption(f":material/lock: {access.RESTRICTED}")


def show_lock() -> None:
    """On a read-only server: unlock or lock the controls, log in or out."""
    if not access.is_restricted():
        return
    if st.session_state.get(_ROLE) == ADMIN:
        st.button(
            "Lock the controls",
            icon=":material/lock:",
            type="tertiary",
            on_click=st.session_state.pop,
            args=(_ROLE,),
        )
    elif not can_control() and access.has_password():
        with st.popover("Unlock the controls", icon=":material/lock:", type="tertiary"):
            with st.form("unlock", border=False):
                st.text_input(
                    "Password", type="password", key=_PASSWORD, autocomplete="current-password"
                )
                st.form_submit_button("Unlock", icon=":material/lock_open:", on_click=_unlock)
            if error := st.session_state.pop(_ERROR, ""):
                st.error(error, icon=":material/error:")
    logged_in = _user().get("is_logged_in")  # None if secrets.toml sets up no login
    if logged_in is True:
        st.button("Log out", icon=":material/logout:", type="tertiary", on_click=st.logout)
    elif logged_in is False:
        st.button("Log in", icon=":material/login:", type="tertiary", on_click=st.login)


def _unlock() -> None:
    try:
        st.session_state[_ROLE] = _LIMITER.enter(str(st.session_state[_PASSWORD]), _address())
    except AccessError as error:
        st.session_state[_ERROR] = str(error)
    st.session_state[_PASSWORD] = ""  # the password is stored nowhere


def _address() -> str:
    """The visitor's IP address; empty if unknown, as behind a proxy that nobody named.

    The server believes ``X-Forwarded-For`` from the proxies in ``FORWARDED_ALLOW_IPS``, by default
    from any program on this machine. Without a named proxy, the header may hold anything.
    """
    forwarded = "X-Forwarded-For" in st.context.headers
    if forwarded and not os.environ.get("FORWARDED_ALLOW_IPS"):
        return ""
    return st.context.ip_address or ""
