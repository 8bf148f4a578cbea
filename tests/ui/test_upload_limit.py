"""The memory of uploads: bounded for a session and for all, and released."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.support.server import Server
from tests.support.waiting import PATIENCE, wait_for

TOTAL = 4_000_000
HALF = TOTAL // 2


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose sessions may hold 4 MB of uploads together, and 2 MB each."""
    memory = {"ALEXNET_DEMO_UPLOAD_MEMORY": str(TOTAL // 1_000_000)}
    server = Server(tmp_path_factory.mktemp("limited"), environment=memory)
    server.start()
    yield server
    server.kill()


class Visitor:
    """A session that sends files which no page shows."""

    def __init__(self, server: Server) -> None:
        self.url, self.http = server.url, requests.Session()
        self.http.get(f"{server.url}/_stcore/health", timeout=PATIENCE)
        self.http.headers["X-Xsrftoken"] = str(self.http.cookies["_streamlit_xsrf"])
        stream = f"ws://127.0.0.1:{server.port}/_stcore/stream"
        connection = connect(stream, subprotocols=[Subprotocol("streamlit")], max_size=None)
        with ExitStack() as stack:
            session = stack.enter_context(connection)
            self.leave = stack.pop_all().close
        session.send(BackMsg(rerun_script=ClientState()).SerializeToString())
        message = ForwardMsg()
        while message.WhichOneof("type") != "new_session":
            message.ParseFromString(bytes(session.recv(60, decode=False)))
        self.id = message.new_session.initialize.session_id

    def send(self, name: str, size: int, chunked: bool = False, session: str = "") -> int:
        """Send a file of so many bytes, ``chunked`` without announcing them; return the status."""
        request = requests.Request("PUT", self.address(name, session), files={"file": bytes(size)})
        prepared = self.http.prepare_request(request)
        if chunked and isinstance(body := prepared.body, bytes):
            prepared.body = iter([body[n : n + 65_536] for n in range(0, len(body), 65_536)])
            del prepared.headers["Content-Length"]
            prepared.headers["Transfer-Encoding"] = "chunked"
        answer = self.http.send(prepared, timeout=PATIENCE)
        assert (answer.status_code == 413) == ("uploads" in answer.text)
        return answer.status_code

    def remove(self, name: str) -> None:
        self.http.delete(self.address(name), timeout=PATIENCE).raise_for_status()

    def address(self, name: str, session: str = "") -> str:
        return f"{self.url}/_stcore/upload_file/{session or self.id}/{name}"


@pytest.fixture
def visitors(limited: Server) -> Iterator[list[Visitor]]:
    """Three sessions that are connected at once."""
    everybody = [Visitor(limited) for _ in range(3)]
    yield everybody
    for visitor in everybody:
        visitor.leave()


def test_uploads_that_are_never_shown_are_bounded(visitors: list[Visitor]) -> None:
    one, two, three = visitors
    assert one.send("a", HALF - 300_000) == 204
    assert one.send("b", 400_000) == 413
    assert one.send("c", 400_000, chunked=True) == 413, "no size is announced"
    assert one.send("d", 100_000, chunked=True) == 204, "what is left can be used"
    assert two.send("a", HALF - 100_000) == 204
    assert three.send("a", 400_000) == 413, "all sessions together"
    one.remove("a")
    assert three.send("a", 400_000) == 204, "a removed file makes room"
    assert one.send("e", HALF // 2) == 204


def test_an_upload_that_breaks_off_leaves_nothing(limited: Server, visitors: list[Visitor]) -> None:
    visitor = visitors[0]
    path = visitor.address("a").removeprefix(limited.url)
    token = visitor.http.headers["X-Xsrftoken"]
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Xsrftoken: {token}\r\n"
        f"Cookie: _streamlit_xsrf={token}\r\nContent-Length: {HALF - 1}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    )
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", limited.port)) as connection:
            connection.sendall(head.encode() + bytes(HALF // 2))
            time.sleep(0.2)  # usually some of it has been received, but nothing depends on that
    wait_for(lambda: visitor.send("b", HALF - 300_000) == 204, "the room was not given back")


def test_a_tiny_file_counts_more_than_its_bytes(visitors: list[Visitor]) -> None:
    assert [visitors[0].send(str(n), 1) for n in range(21)] == [204] * 20 + [413]


def test_the_uploads_of_those_who_left_make_room(limited: Server) -> None:
    """Streamlit itself keeps them for minutes, in case their browsers connect again."""
    for _ in range(4):
        visitor = Visitor(limited)
        assert visitor.send("a", HALF - 100_000) == 204
        visitor.leave()


def test_a_session_that_does_not_exist_takes_no_uploads(visitors: list[Visitor]) -> None:
    assert visitors[0].send("a", 1_000, session="no-such-session") == 400
