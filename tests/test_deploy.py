"""The nginx example of docs/deploy.md, with a real nginx and two real servers; and the image."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from alexnet_demo.benchmarks.visitors.client import Session
from alexnet_demo.benchmarks.visitors.expected import read_prediction
from alexnet_demo.settings import paths
from alexnet_demo.settings.paths import ROOT
from tests.support.runs import canned_run
from tests.support.server import Server
from tests.support.waiting import PATIENCE, run_async, wait_for
from tests.ui.test_page_predict import image_file

NGINX = shutil.which("nginx") or next(iter(map(str, Path("/usr/sbin").glob("nginx"))), None)
CONFIG = ROOT / "deploy" / "nginx.conf"
UPSTREAM = "X-Served-By"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, tiny_weights: Path) -> Iterator[list[Server]]:
    """Two servers over one directory of runs, which has one."""
    first, second = (Server(tmp_path_factory.mktemp("server")) for _ in range(2))
    second.runs, second.weights = first.runs, first.weights
    (first.weights / paths.SHIPPED_WEIGHTS).write_bytes(tiny_weights.read_bytes())
    canned_run(first.runs, "20260101-120000-article", (0.5,), None, weights=tiny_weights)
    for server in (first, second):
        server.start()
    yield [first, second]
    for server in (first, second):
        server.kill()


@pytest.fixture(scope="module")
def proxy(servers: list[Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The example with these servers' ports, telling who answered; gives its address."""
    if NGINX is None:
        pytest.skip("no nginx here: get one with `apt-get install nginx-light` (Debian, Ubuntu)")
    folder = tmp_path_factory.mktemp("nginx")
    port = Server(folder).port  # a free one
    text = CONFIG.read_text()
    for number, server in enumerate(servers, 1):
        text = text.replace(f"server app{number}:8501;", f"server 127.0.0.1:{server.port};")
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};")
    text = text.replace("add_header", f"add_header {UPSTREAM} $upstream_addr always; add_header", 1)
    (folder / "nginx.conf").write_text(text)
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: _answers(url), "nginx does not answer")
    yield url
    process.terminate()
    process.wait(PATIENCE)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/_stcore/health", timeout=2).ok
    except requests.RequestException:
        return False


def served_by(visitor: requests.Session, url: str) -> str:
    answer = visitor.get(f"{url}/_stcore/health", timeout=PATIENCE)
    assert answer.ok
    return answer.headers[UPSTREAM]


@pytest.mark.slow
def test_visitors_stay_where_they_are_and_are_spread(proxy: str) -> None:
    found = []
    for _ in range(24):
        visitor = requests.Session()
        (server,) = {served_by(visitor, proxy) for _ in range(5)}
        found.append(server)
    assert len(set(found)) == 2


@pytest.mark.slow
def test_a_forged_cookie_is_replaced(proxy: str) -> None:
    forged = {"alexnet_visitor": "x" * 32}
    answer = requests.get(f"{proxy}/_stcore/health", cookies=forged, timeout=PATIENCE)
    assert re.fullmatch(r"[0-9a-f]{32}", str(answer.cookies.get("alexnet_visitor")))


@pytest.mark.slow
def test_names_and_frames_are_checked_through_the_proxy(proxy: str) -> None:
    """And nginx's own answers, such as to an upload that is too large, say who may frame them."""
    page = requests.get(proxy, timeout=PATIENCE)
    assert page.ok and page.headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    assert requests.get(proxy, headers={"Host": "evil.test"}, timeout=PATIENCE).status_code == 403
    refused = requests.post(proxy, headers={"Content-Length": str(2**30)}, timeout=PATIENCE)
    assert refused.status_code == 413
    assert refused.headers["Content-Security-Policy"] == "frame-ancestors 'self'"


@pytest.mark.slow
def test_sessions_and_uploads_go_through(proxy: str) -> None:
    """An upload that reached the other server would be refused: it does not know the session."""

    async def classify() -> dict[str, float]:
        session = Session(proxy)
        await session.open("Predict")
        await session.choose("source", "Upload")
        await session.upload("pictures", "a.png", image_file())
        await session.close()
        return read_prediction(session.html())

    async def several() -> list[dict[str, float]]:
        return await asyncio.gather(*(classify() for _ in range(8)))

    answers = run_async(several())
    assert len(answers) == 8 and all(len(answer) == 5 for answer in answers)


@pytest.mark.slow
def test_all_servers_show_the_same_runs(servers: list[Server], proxy: str) -> None:
    async def shown(url: str) -> set[str]:
        session = Session(url)
        await session.open("Train")
        await session.close()
        return {e.markdown.body for e in session.elements if e.HasField("markdown")}

    pages = [run_async(shown(url)) for url in (servers[0].url, servers[1].url, proxy)]
    assert all("50" in "".join(page) for page in pages)
    assert pages[0] == pages[1] == pages[2]


@pytest.mark.slow
def test_when_a_server_dies_the_others_take_its_visitors(servers: list[Server], proxy: str) -> None:
    visitors = [requests.Session() for _ in range(8)]
    assert len({served_by(visitor, proxy) for visitor in visitors}) == 2
    servers[1].kill()
    left = {served_by(visitor, proxy).split(", ")[-1] for visitor in visitors}
    assert left == {f"127.0.0.1:{servers[0].port}"}


# ------------------------------------------------------------------ the image


def test_the_image_leaves_out_what_it_should_and_keeps_what_it_needs() -> None:
    """`.dockerignore` names folders that are here, and none that the app reads."""
    ignored = {line for line in (ROOT / ".dockerignore").read_text().splitlines() if line}
    needed = {"alexnet_demo", "app.py", "data", "pages", "recorded", "static", "weights"}
    assert not needed & ignored and {"runs", ".*", ".streamlit/secrets.toml"} <= ignored


def test_the_image_is_closed_to_visitors_and_runs_without_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    user = next(n for n, line in enumerate(lines) if line.startswith("USER "))
    assert lines[user] == "USER 1000"
    assert not [line for line in lines[user:] if line.startswith(("RUN", "COPY"))]
    assert any("ALEXNET_DEMO_PUBLIC=1" in line for line in lines[user:])
    assert any("/_stcore/health" in line for line in lines)
