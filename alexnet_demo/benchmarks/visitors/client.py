"""A visitor without a browser: one session of a running app, in Streamlit's own protocol.

It sends what the browser would send, reruns of the page or of a fragment with the state of all
widgets, and keeps what the server sends until the script has run.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs, UploadedFileInfo
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

REPLACED = ForwardMsg.FINISHED_EARLY_FOR_RERUN  # by another run, which follows


class LostError(RuntimeError):
    """No answer came, or an error in its place; the message says which."""


@dataclass(frozen=True)
class Widget:
    """Where a widget stands: its id, and the fragment that it reruns, if in one."""

    id: str
    fragment: str


class Session:
    """One visitor's connection.

    Args:
        url: where the app is, such as ``http://localhost:8501``.
        patience: seconds to wait for an answer.
    """

    def __init__(self, url: str, patience: float = 30.0) -> None:
        self.url, self.patience = url.rstrip("/"), patience
        self.id = ""
        self.pages: dict[str, str] = {}  # path in the address → hash of the page's script
        self.widgets: dict[str, Widget] = {}  # by key
        self.elements: list[Element] = []  # of the last run
        self._page = ""
        self._states: dict[str, WidgetState] = {}
        self._files: dict[str, str] = {}  # widget's key → where its file is deleted
        self._http = requests.Session()
        self._socket: ClientConnection
        self._connected = False

    async def open(self, path: str = "") -> None:
        """Connect anew and show the page of that path; the app's first one without.

        Raises:
            LostError: when the server does not answer.
        """
        self._page, self._states, self._files = "", {}, {}
        try:
            await asyncio.to_thread(self._http.get, f"{self.url}/_stcore/health", timeout=30)
            split = urlsplit(self.url)
            scheme = "wss" if split.scheme == "https" else "ws"
            cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._http.cookies)
            self._socket = await connect(
                f"{scheme}://{split.netloc}{split.path}/_stcore/stream",
                subprotocols=["streamlit"],  # type: ignore[list-item]
                origin=f"{split.scheme}://{split.netloc}",  # type: ignore[arg-type]
                additional_headers={"Cookie": cookies},
                max_size=None,
                compression=None,
            )
        except (OSError, WebSocketException, requests.RequestException) as error:
            raise LostError(
                f"No server answers at {self.url} ({type(error).__name__}): is the app running "
                "there? `streamlit run app.py` starts it."
            ) from error
        self._connected = True
        await self._rerun()
        if path:
            await self.show(path)

    async def close(self) -> None:
        """Leave; nothing to do where `open` did not come to a connection."""
        if self._connected:
            await self._socket.close()
        self._http.close()

    async def show(self, path: str) -> None:
        """Switch to the page of that path."""
        self._page, self._states = self.pages[path], {}
        await self._rerun()

    async def set(self, key: str, **value: Any) -> None:
        """Give a widget a value, as a field of Streamlit's ``WidgetState``, and rerun."""
        widget = self._widget(key)
        await self._change(WidgetState(id=widget.id, **value), widget)

    async def choose(self, key: str, option: str) -> None:
        """Press one of a segmented control's options."""
        widget = self._widget(key)
        state = WidgetState(id=widget.id)
        state.string_array_value.data.append(option)
        await self._change(state, widget)

    async def tell(self, key: str, state: dict[str, Any]) -> None:
        """Give a component its state."""
        await self.set(key, json_value=json.dumps(state))

    async def upload(self, key: str, name: str, data: bytes) -> None:
        """Put one file into an uploader, in place of those that it has."""
        widget, ask = self._widget(key), BackMsg()
        ask.file_urls_request.request_id = name
        ask.file_urls_request.session_id = self.id
        ask.file_urls_request.file_names.append(name)
        await self._send(ask)
        urls = [m async for m in self._until("file_urls_response")][-1].file_urls_response
        place = urls.file_urls[0]
        await asyncio.to_thread(self._put, place, name, data, self._files.get(key, ""))
        self._files[key] = place.delete_url
        state = WidgetState(id=widget.id)
        info = UploadedFileInfo(file_id=place.file_id, name=name, size=len(data), file_urls=place)
        state.file_uploader_state_value.uploaded_file_info.append(info)
        await self._change(state, widget)

    def html(self) -> Iterator[str]:
        """The bodies of what was shown as HTML in the last run."""
        return (e.html.body for e in self.elements if e.WhichOneof("type") == "html")

    # -------------------------------------------------------------- what goes over the wire

    def _put(self, place: FileURLs, name: str, data: bytes, old: str) -> None:
        guard = {"X-Xsrftoken": self._http.cookies.get("_streamlit_xsrf") or ""}
        put, wait = self.url + place.upload_url, self.patience
        try:
            self._http.put(
                put, files={"file": (name, data)}, headers=guard, timeout=wait
            ).raise_for_status()
            if old:
                self._http.delete(self.url + old, headers=guard, timeout=wait).raise_for_status()
        except requests.RequestException as error:
            raise LostError(f"The upload failed: {error}.") from error

    def _widget(self, key: str) -> Widget:
        if key not in self.widgets:
            raise LostError(f"The page shows no “{key}”.")
        return self.widgets[key]

    async def _change(self, state: WidgetState, widget: Widget) -> None:
        self._states[state.id] = state
        await self._rerun(widget.fragment)

    async def _rerun(self, fragment: str = "") -> None:
        """Have the page's script or one fragment run, and take in what it shows."""
        message = BackMsg()
        message.rerun_script.query_string = ""
        message.rerun_script.page_script_hash = self._page
        message.rerun_script.fragment_id = fragment
        message.rerun_script.widget_states.widgets.extend(self._states.values())
        await self._send(message)
        self.elements = []
        if not fragment:
            self.widgets = {}
        async for answer in self._until("script_finished"):
            self._take(answer)

    async def _send(self, message: BackMsg) -> None:
        try:
            await self._socket.send(message.SerializeToString())
        except (OSError, WebSocketException) as error:
            raise LostError(f"The connection was lost: {error}.") from error

    async def _until(self, kind: str) -> AsyncIterator[ForwardMsg]:
        """What the server sends, up to the first message of a kind."""
        end = time.monotonic() + self.patience
        try:
            while True:
                wait = self._socket.recv(decode=False)
                message = ForwardMsg()
                message.ParseFromString(await asyncio.wait_for(wait, end - time.monotonic()))
                yield message
                if message.WhichOneof("type") != kind:
                    continue
                if kind != "script_finished" or message.script_finished != REPLACED:
                    return
        except asyncio.TimeoutError as error:
            raise LostError(f"No answer came within {self.patience:g} s.") from error
        except (OSError, WebSocketException) as error:
            raise LostError(f"The connection was lost: {error}.") from error

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            begun = message.new_session
            self.id = begun.initialize.session_id or self.id
            self._page = begun.page_script_hash
        elif kind == "navigation":
            found = message.navigation.app_pages
            self.pages = {page.url_pathname: page.page_script_hash for page in found}
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            shown = element.WhichOneof("type")
            if shown == "exception":
                raise LostError(f"The page failed: {element.exception.message}")
            self.elements.append(element)
            widget = getattr(getattr(element, shown or "", None), "id", "")
            if isinstance(widget, str) and widget.startswith("$$ID-"):
                key = widget.split("-", 2)[2]
                self.widgets[key] = Widget(widget, message.delta.fragment_id)
