"""The app as a real server, and a page of it in a real browser."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from alexnet_demo.settings import paths
from tests.support.waiting import wait_for


class Server:
    """The app, served on a port of its own with runs and weights of its own.

    Args:
        script: what ``streamlit run`` is given.
        environment: variables beyond this process's own.
    """

    def __init__(
        self, folder: Path, script: str = "app.py", environment: Mapping[str, str] | None = None
    ) -> None:
        self.script, self.environment = script, dict(environment or {})
        self.runs, self.weights = folder / "runs", folder / "weights"
        self.runs.mkdir()
        self.weights.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {
            "server.headless": "true",
            "server.port": str(self.port),
            "server.address": "127.0.0.1",
            "server.fileWatcherType": "none",
        }
        environment = {
            "ALEXNET_DEMO_RUNS": str(self.runs),
            "ALEXNET_DEMO_WEIGHTS": str(self.weights),
            **self.environment,
        }
        command = [sys.executable, "-m", "streamlit", "run", self.script]
        for name, value in options.items():
            command += [f"--{name}", value]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=paths.ROOT, env=os.environ | environment, stdout=log, stderr=log
            )
        wait_for(self._healthy, f"the server did not start: see {self.log}")

    def _healthy(self) -> bool:
        try:
            with urlopen(f"{self.url}/_stcore/health", timeout=1) as answer:
                return answer.status == 200
        except (URLError, OSError):
            return False

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


def settle(page: Any) -> None:
    """Wait until the page's script has run."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def steady_box(target: Any) -> dict[str, float]:
    """The bounding box of a locator, once it has stayed the same for half a second.

    What is above it may still load after the script has run, and would move it under a click.
    """
    boxes: list[dict[str, float]] = []
    while len(boxes) < 6 or any(box != boxes[-1] for box in boxes[-6:]):
        assert len(boxes) < 600, "the page does not come to rest"
        boxes.append(target.bounding_box())
        target.page.wait_for_timeout(100)
    return boxes[-1]
