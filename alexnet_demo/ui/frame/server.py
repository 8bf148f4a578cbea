"""What is checked before Streamlit sees a request: the host, frames, and uploads' memory."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from fnmatch import fnmatchcase
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config

from alexnet_demo.ui.frame.upload_limit import UploadLimit

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^][:/?#@\\\s]+))(?::\d*)?")

_REFUSAL = (
    "This server does not answer to the name “{host}”. If that is its name, start it with "
    "--server.allowedHosts {host}\n"
)


class HostCheck:
    """Refuse requests for a host name that is not this server's.

    A website can make its own name resolve to this machine (DNS rebinding); the browser then lets
    it use the app like the user. Such a request names the website as its host. Accepted are

    - any IP address: a page opened by address is the server's own;
    - ``localhost``, and this machine's name, which no other site can have;
    - the names in Streamlit's ``server.allowedHosts``, ``*`` being any.

    Args:
        allowed: these names, lower case.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str] = ()) -> None:
        name = socket.gethostname().lower()
        short = name.partition(".")[0]
        self.app, self.allowed = app, ["localhost", name, short, f"{short}.local", *allowed]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self.accepts(host := _host(scope)):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await PlainTextResponse(_REFUSAL.format(host=host), 403)(scope, receive, send)

    def accepts(self, host: str) -> bool:
        """Whether a host, lower case and without its port, is this server's."""
        try:
            return bool(ip_address(host))
        except ValueError:
            return bool(host) and any(fnmatchcase(host, pattern) for pattern in self.allowed)


def _host(scope: Scope) -> str:
    """The host that a request names, lower case and without its port; empty if invalid."""
    match = _HOST.fullmatch(Headers(scope=scope).get("host", ""))
    return (match[1] or match[2]).lower().rstrip(".") if match else ""


class FramePolicy:
    """Let only this server's pages, and sites named in the environment, show the app in a frame.

    Elsewhere a page could lay the app invisibly over its own buttons (clickjacking).
    """

    def __init__(self, app: ASGIApp) -> None:
        # All that cannot be part of a source in a policy separates sources.
        sites = re.findall(r"[!-+\--:<-~]+", os.environ.get("ALEXNET_DEMO_FRAME_ANCESTORS", ""))
        self.app, self.policy = app, " ".join(["frame-ancestors 'self'", *sites])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("Content-Security-Policy", self.policy)
            await send(message)

        await self.app(scope, receive, send_with_policy)


def _take_over_names() -> list[str]:
    """The names in ``server.allowedHosts``, which this server checks from now on, not Streamlit.

    Streamlit's own check covers websockets only, and cannot allow addresses in general. Without
    the middleware it stays in force.
    """
    names = re.split(r"[,\s]+", " ".join(config.get_option("server.allowedHosts")).lower())
    config.set_option("server.allowedHosts", ["*"])
    return names


# Taken over once, when this module loads: the option reads "*", any name, from then on.
MIDDLEWARE = [
    Middleware(FramePolicy),
    Middleware(HostCheck, allowed=_take_over_names()),
    Middleware(UploadLimit),
]
