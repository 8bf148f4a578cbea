"""What the server checks before a page sees a request: the host, and who may frame the answer."""

from __future__ import annotations

import runpy
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from starlette.responses import PlainTextResponse
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from alexnet_demo.ui.frame import server as server_module
from alexnet_demo.ui.frame.server import FramePolicy, HostCheck
from tests.support.server import Server
from tests.support.waiting import PATIENCE, run_async, wait_for

MACHINE = socket.gethostname()
OWN = ["localhost", "127.0.0.1", "[::1]", "192.0.2.7", "LOCALHOST.", MACHINE]
FOREIGN = ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test", "a@localhost", "[evil.test]"]


@pytest.fixture(autouse=True)
def _streamlit_config() -> Iterator[None]:
    """Streamlit's own option, which the check takes over."""
    before = config.get_option("server.allowedHosts")
    yield
    config.set_option("server.allowedHosts", before)


def page_status(server: Server, host: str) -> int:
    headers = {"Host": f"{host}:{server.port}"}
    return requests.get(f"{server.url}/Train", headers=headers, timeout=PATIENCE).status_code


def socket_status(server: Server, host: str) -> int:
    """The answer to the handshake that a page at this host makes."""
    origin = Origin(f"http://{host}:{server.port}")
    url = f"ws://{host}:{server.port}/_stcore/stream"
    resolved = socket.create_connection(("127.0.0.1", server.port))
    try:
        with connect(url, sock=resolved, origin=origin) as session:
            return session.response.status_code if session.response else 0
    except InvalidStatus as error:
        return error.response.status_code


def test_a_page_under_another_name_reaches_nothing(server: Server) -> None:
    for host in ("localhost", "127.0.0.1", "192.0.2.7", MACHINE):
        assert (page_status(server, host), socket_status(server, host)) == (200, 101), host
    for host in ("evil.test", "localhost.evil.test"):
        assert (page_status(server, host), socket_status(server, host)) == (403, 403), host


SCRIPT = """
from pathlib import Path
from alexnet_demo.ui.widgets import access
with Path(__file__).with_name("address").open("a") as file:
    file.write(access._address() + "\\n")
"""


@pytest.mark.parametrize(
    ("named", "forwarded", "address"),
    [
        ("", "203.0.113.9", ""),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "192.0.2.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "", ""),
        ("*", "192.0.2.1, 203.0.113.9", "192.0.2.1"),  # hence such a proxy must replace the header
    ],
)
def test_only_a_named_proxy_says_who_the_visitor_is(
    named: str, forwarded: str, address: str, tmp_path: Path
) -> None:
    """The password's limit counts addresses, so nobody may make up new ones."""
    (tmp_path / "page.py").write_text(SCRIPT)
    server = Server(tmp_path, str(tmp_path / "page.py"), {"FORWARDED_ALLOW_IPS": named})
    if not named:
        del server.environment["FORWARDED_ALLOW_IPS"]
    server.start()
    try:
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        rerun = BackMsg(rerun_script=ClientState()).SerializeToString()
        url, streamlit = f"ws://127.0.0.1:{server.port}/_stcore/stream", Subprotocol("streamlit")
        with connect(url, subprotocols=[streamlit], additional_headers=headers) as session:
            session.send(rerun)
            file = tmp_path / "address"
            wait_for(lambda: file.is_file() and file.read_text(), "the page did not run")
        assert file.read_text().splitlines()[0] == address
    finally:
        server.kill()


def test_a_refusal_says_how_to_allow_the_name(server: Server) -> None:
    headers = {"Host": "demo.school.example"}
    text = requests.get(server.url, headers=headers, timeout=PATIENCE).text
    assert "--server.allowedHosts demo.school.example" in text


def test_without_the_checks_streamlit_itself_refuses_other_names(tmp_path: Path) -> None:
    """As where a Streamlit does not know ``st.App``: `.streamlit/config.toml` still names hosts."""
    server = Server(tmp_path, "pages/3_Predict.py")
    server.start()
    try:
        assert socket_status(server, "localhost") == 101
        assert socket_status(server, "evil.test") == 403
    finally:
        server.kill()


def test_one_setting_opens_a_domain_and_keeps_health_checks(tmp_path: Path) -> None:
    names = {"STREAMLIT_SERVER_ALLOWED_HOSTS": "demo.school.example *.lab.example"}
    server = Server(tmp_path, environment=names)
    server.start()
    try:
        for host in ("demo.school.example", "a.lab.example", "localhost", "127.0.0.1"):
            assert (page_status(server, host), socket_status(server, host)) == (200, 101), host
        assert (page_status(server, "evil.test"), socket_status(server, "evil.test")) == (403, 403)
    finally:
        server.kill()


def answer(app: HostCheck | FramePolicy, host: str = "localhost") -> dict[str, str | int]:
    """Status and headers of one request."""
    sent: list[dict] = []

    async def send(message) -> None:
        sent.append(dict(message))

    async def receive() -> dict:
        return {"type": "http.request"}

    header = (b"host", f"{host}:8501".encode())
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [header]}
    run_async(app(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return {"status": sent[0]["status"], **headers}


PAGE = PlainTextResponse("a page")


@pytest.mark.parametrize("host", OWN)
def test_own_hosts_are_accepted(host: str) -> None:
    assert answer(HostCheck(PAGE), host)["status"] == 200


@pytest.mark.parametrize("host", [*FOREIGN, "", "localhost:1:2", "localhost/x", "[::1", "a b"])
def test_foreign_and_malformed_hosts_are_refused(host: str) -> None:
    assert answer(HostCheck(PAGE), host)["status"] == 403


def loaded() -> dict[str, Any]:
    """The server's module, loaded anew as at the start of a server."""
    return runpy.run_path(server_module.__file__)


@pytest.mark.parametrize(
    ("setting", "accepted", "refused"),
    [
        (["a.example,b.example"], ["b.example", "localhost"], ["c.example"]),
        (["a.example", "*.lab.example"], ["a.example", "x.lab.example"], ["lab.example"]),
        ([], ["localhost"], ["evil.test"]),
        (["*"], ["c.example"], []),
    ],
)
def test_every_instance_of_the_check_refuses_other_names(
    setting: list[str], accepted: list[str], refused: list[str]
) -> None:
    """Names may be separated by commas, and a star is any."""
    config.set_option("server.allowedHosts", setting)
    (middleware,) = (m for m in loaded()["MIDDLEWARE"] if m.cls.__name__ == "HostCheck")
    for _ in range(2):
        check = middleware.cls(PAGE, *middleware.args, **middleware.kwargs)
        for host in (*accepted, *refused):
            assert answer(check, host)["status"] == (200 if host in accepted else 403), host


def test_no_other_site_may_frame_the_app(server: Server) -> None:
    for path in ("", "Train", "_stcore/health"):
        response = requests.get(f"{server.url}/{path}", timeout=PATIENCE)
        assert response.headers["Content-Security-Policy"] == "frame-ancestors 'self'"


@pytest.mark.parametrize(
    ("setting", "sites"),
    [
        ("", ""),
        ("https://huggingface.co", " https://huggingface.co"),
        ("https://a.example, https://*.b.example", " https://a.example https://*.b.example"),
        ("*", " *"),
        ("a.example; script-src 'none'\r\nX: ü", " a.example script-src 'none' X:"),
    ],
)
def test_one_setting_names_sites_that_may_frame_it(
    setting: str, sites: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_FRAME_ANCESTORS", setting)
    policy = answer(FramePolicy(PAGE))["content-security-policy"]
    assert policy == f"frame-ancestors 'self'{sites}"
