"""A proxy that strips a prefix from paths, as JupyterHub and code-server do."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from threading import Event, Thread

from tests.support.waiting import PATIENCE

PREFIX = "/user/ada/proxy/8501"


class StripProxy:
    """Passes on what begins with `PREFIX`, without it, and refuses all else.

    Websockets pass too. The server never learns the prefix.

    Args:
        upstream: port of the server on this machine.
        blocked: a path, without the prefix, that is refused as well; a regular expression.
    """

    def __init__(self, upstream: int, blocked: str = "(?!)") -> None:
        self.upstream, self.blocked = upstream, re.compile(blocked.encode())
        self._loop, self._ready = asyncio.new_event_loop(), Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    @property
    def url(self) -> str:
        """Address of the app's home page."""
        return f"http://127.0.0.1:{self.port}{PREFIX}/"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        start = asyncio.start_server(self._serve, "127.0.0.1", 0)
        server = self._loop.run_until_complete(start)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, path, rest = head.split(b" ", 2)
            inner = path.removeprefix(PREFIX.encode())
            if inner == path or self.blocked.match(inner):
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            else:
                # One request per connection, so that only the first head must be read.
                connection = b"Upgrade" if b"upgrade: websocket" in rest.lower() else b"close"
                rest = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", rest)
                rest = rest.replace(b"\r\n", b"\r\nConnection: " + connection + b"\r\n", 1)
                upstream = await asyncio.open_connection("127.0.0.1", self.upstream)
                upstream[1].write(b" ".join((method, inner, rest)))
                await asyncio.gather(_copy(reader, upstream[1]), _copy(upstream[0], writer))
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
