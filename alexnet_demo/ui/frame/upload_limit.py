"""A bound on the memory of uploads, which Streamlit keeps until their session ends."""

from __future__ import annotations

import os
import re
from collections import Counter

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

DEFAULT = 1_000
"""Megabytes for all sessions together; each may use half of that."""
SMALLEST = 100_000
"""Bytes that a file counts at least: records take memory, too, and counting many takes time."""

_PATH = re.compile(r".*/_stcore/upload_file/([^/]+)/[^/]+/?")
_OWN = "Your uploads take all the memory that one visitor may use. Remove some of them first.\n"
_ALL = "All visitors' uploads together take all the memory that they may use. Try again later.\n"


class UploadLimit:
    """Refuse an upload for which there is no room.

    Anybody can open a session and send files that no page ever shows. All sessions together get
    ``ALEXNET_DEMO_UPLOAD_MEMORY`` megabytes, and each one half of that. What is still being
    received counts as well, whatever size was announced. When all is used, uploads of sessions that
    have disconnected are removed.
    """

    def __init__(self, app: ASGIApp) -> None:
        setting = os.environ.get("ALEXNET_DEMO_UPLOAD_MEMORY", "").strip()
        self.app = app
        self.limit = (int(setting) if setting.isdecimal() else DEFAULT) * 1_000_000
        self.receiving: Counter[str] = Counter()  # bytes of unfinished uploads, by session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        upload = scope["type"] == "http" and scope["method"] == "PUT"
        if not (upload and (match := _PATH.fullmatch(scope["path"]))):
            await self.app(scope, receive, send)
            return
        session, received = match[1], 0

        async def count_and_receive() -> Message:
            nonlocal received
            message = await receive()
            size = len(message.get("body", b""))
            received += size
            self.receiving[session] += size
            self._require_room(session)
            return message

        announced = Headers(scope=scope).get("content-length", "")
        try:
            self._require_room(session, int(announced) if announced.isdecimal() else 0)
            await self.app(scope, count_and_receive, send)
        except HTTPException as error:  # before the app was called; later it answers itself
            await PlainTextResponse(error.detail, error.status_code)(scope, receive, send)
        finally:
            self.receiving -= Counter({session: received})  # drops those at 0

    def _require_room(self, session: str, further: int = 0) -> None:
        """Raise unless that many further bytes of a session fit.

        Raises:
            HTTPException: 413. The app turns it into its answer if it is reading the body.
        """
        server = runtime.get_instance()
        files = server.uploaded_file_mgr
        assert isinstance(files, MemoryUploadedFileManager)
        used = self.receiving + Counter({key: _stored(files, key) for key in [*files.file_storage]})
        if used[session] + further > self.limit / 2:
            raise HTTPException(413, _OWN)
        if used.total() + further > self.limit:
            for other in used:
                if not server.is_active_session(other):
                    files.remove_session_files(other)
                    used[other] = self.receiving[other]
        if used.total() + further > self.limit:
            raise HTTPException(413, _ALL)


def _stored(files: MemoryUploadedFileManager, session: str) -> int:
    """Bytes of a session's finished uploads."""
    sizes = [
        len(file.data) + len(file.name) + len(file.type)
        for file in [*files.file_storage.get(session, {}).values()]
    ]
    return sum(max(size, SMALLEST) for size in sizes)
