"""A visitor without a browser: one session of a running app, in Streamlit's protocol.

Sends what a browser would send, reruns of the page or of a fragment with the state of all widgets,
and collects the elements that the server sends until the script has finished.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from urllib3 import Retry
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

TICKER = "alexnet_demo.auto_refresh"  # component that has a browser ask for what is new
REPLACED = ForwardMsg.FINISHED_EARLY_FOR_RERUN  # another run of the script follows


class LostError(RuntimeError):
    """No answer came, or an error instead; the message says which."""


class Session:
    """One visitor's connection.

    Args:
        url: of the app, such as ``http://localhost:8501``.
        timeout: seconds to wait for an answer.
    """

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        self.url, self.timeout = url.rstrip("/"), timeout
        self.id = ""
        self.pages: dict[str, str] = {}  # URL path → hash of the page's script
        self.widgets: dict[str, tuple[str, str]] = {}  # by key: id, and fragment to rerun or ""
        self.elements: list[Element] = []  # of the last script run
        self.tickers: dict[str, float] = {}  # by key of a ticker: seconds between requests
        self._page, self._is_page = "", True
        self._states: dict[str, WidgetState] = {}
        self._files: dict[str, str] = {}  # widget's key → URL to delete its file
        self._http = requests.Session()
        # As browsers do: an idle connection may be closed just as it is used again.
        self._http.mount(self.url, HTTPAdapter(max_retries=Retry(1)))
        self._socket: ClientConnection
        self._connected = False

    async def open(self, path: str = "") -> None:
        """Open a new connection and the page of that path, by default the home page.

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
        """Disconnect, if connected."""
        if self._connected:
            await self._socket.close()
        self._http.close()

    async def show(self, path: str) -> None:
        """Switch to the page of that path."""
        self._page, self._states = self.pages[path], {}
        await self._rerun()

    async def choose(self, key: str, option: str) -> None:
        """Select one of a segmented control's options."""
        await self._change(key, string_array_value={"data": [option]})

    async def set_state(self, key: str, state: dict[str, Any]) -> None:
        """Set a component's state."""
        await self._change(key, json_value=json.dumps(state))

    async def upload(self, key: str, name: str, data: bytes) -> None:
        """Upload one file, in place of the uploader's earlier one."""
        request = {"request_id": name, "session_id": self.id, "file_names": [name]}
        await self._send(file_urls_request=request)
        answers = [m async for m in self._until("file_urls_response")]
        urls = answers[-1].file_urls_response.file_urls[0]
        await asyncio.to_thread(self._put, urls, name, data, self._files.get(key, ""))
        self._files[key] = urls.delete_url
        info = {"file_id": urls.file_id, "name": name, "size": len(data), "file_urls": urls}
        await self._change(key, file_uploader_state_value={"uploaded_file_info": [info]})

    async def watch(self, seconds: float) -> int:
        """Stay on the page and ask for what is new as often as a browser does.

        Returns:
            The number of requests.
        """
        sent = time.monotonic()
        end, requests = sent + seconds, 0
        while self.tickers:
            key = min(self.tickers, key=self.tickers.__getitem__)
            due = sent + self.tickers[key]
            if due > end:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            sent = time.monotonic()
            widget, fragment = self.widgets[key]
            widget = f"$$STREAMLIT_INTERNAL_KEY_{widget}__events"
            ticks = json.dumps([{"event": "tick", "value": True}])
            await self._rerun(fragment, WidgetState(id=widget, json_trigger_value=ticks))
            requests += 1
        await asyncio.sleep(max(0.0, end - time.monotonic()))
        return requests

    def html(self) -> Iterator[str]:
        """The bodies of the HTML elements of the last script run."""
        return (e.html.body for e in self.elements if e.WhichOneof("type") == "html")

    # -------------------------------------------------------------- protocol

    def _put(self, urls: FileURLs, name: str, data: bytes, old: str) -> None:
        def send(method: str, path: str, **options: Any) -> None:
            headers = {"X-Xsrftoken": self._http.cookies.get("_streamlit_xsrf") or ""}
            options |= {"headers": headers, "timeout": self.timeout}
            self._http.request(method, self.url + path, **options).raise_for_status()

        try:
            send("PUT", urls.upload_url, files={"file": (name, data)})
            if old:
                send("DELETE", old)
        except requests.RequestException as error:
            raise LostError(f"The upload failed: {error}.") from error

    async def _change(self, key: str, **value: Any) -> None:
        """Give a widget a value, as a field of Streamlit's ``WidgetState``, and rerun."""
        if key not in self.widgets:
            raise LostError(f"The page has no widget “{key}”.")
        widget, fragment = self.widgets[key]
        self._states[widget] = WidgetState(id=widget, **value)
        await self._rerun(fragment)

    async def _rerun(self, fragment: str = "", *triggers: WidgetState) -> None:
        """Rerun the page's script or one fragment, and collect its elements."""
        request = {
            "query_string": "",
            "page_script_hash": self._page,
            "fragment_id": fragment,
            "widget_states": {"widgets": [*self._states.values(), *triggers]},
        }
        await self._send(rerun_script=request)
        self.elements = []
        widgets, tickers = self.widgets, self.tickers
        self.widgets, self.tickers = {}, {}
        self._is_page = not fragment
        async for answer in self._until("script_finished"):
            self._receive(answer)
        if not self._is_page:
            self.widgets, self.tickers = widgets | self.widgets, tickers | self.tickers

    async def _send(self, **request: Any) -> None:
        try:
            await self._socket.send(BackMsg(**request).SerializeToString())
        except (OSError, WebSocketException) as error:
            raise LostError(f"The connection was lost: {error}.") from error

    async def _until(self, kind: str) -> AsyncIterator[ForwardMsg]:
        """The server's messages, up to the first one of a kind."""
        end = time.monotonic() + self.timeout
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
        except TimeoutError as error:
            raise LostError(f"No answer came within {self.timeout:g} s.") from error
        except (OSError, WebSocketException) as error:
            raise LostError(f"The connection was lost: {error}.") from error

    def _receive(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.id = message.new_session.initialize.session_id or self.id
            self._page = message.new_session.page_script_hash
        elif kind == "navigation":
            pages = message.navigation.app_pages
            self.pages = {page.url_pathname: page.page_script_hash for page in pages}
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            self._is_page |= not message.delta.fragment_id  # the fragment has rerun the page
            element_type = element.WhichOneof("type")
            if element_type == "exception":
                raise LostError(f"The page failed: {element.exception.message}")
            self.elements.append(element)
            widget = getattr(getattr(element, element_type or "", None), "id", "")
            if isinstance(widget, str) and widget.startswith("$$ID-"):
                key = widget.split("-", 2)[2]
                self.widgets[key] = widget, message.delta.fragment_id
                if element.bidi_component.component_name == TICKER:
                    self.tickers[key] = json.loads(element.bidi_component.json)["seconds"]
