"""Fixtures that several test modules share."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import paths
from tests.support.server import Server
from tests.support.trained_run import copy_trained_run

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def pytest_configure(config: pytest.Config) -> None:
    """Let parallel workers, which inherit the environment, share the processors among them."""
    if workers := getattr(config.option, "numprocesses", None):
        threads = max(1, (os.cpu_count() or 1) // workers)
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))


@pytest.fixture
def runs_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory of runs, for this process and the ones it starts."""
    directory = tmp_path / "runs"
    monkeypatch.setattr(paths, "RUNS_DIR", directory)
    monkeypatch.setenv("ALEXNET_DEMO_RUNS", str(directory))
    return directory


@pytest.fixture(scope="session")
def tiny_model() -> AlexNet:
    """The article's network at a sixteenth of its width, with fixed random weights."""
    torch.manual_seed(0)
    return AlexNet(width=0.0625).eval()


@pytest.fixture(scope="session")
def tiny_weights(tiny_model: AlexNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    checkpoint.save_weights(path, tiny_model, {"epoch": 1, "test_accuracy": 0.1})
    return path


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy of the run of a narrow network that learned something, see `trained_run`."""
    return copy_trained_run(tmp_path_factory.mktemp("runs"))


# ------------------------------------------------------------------------ real browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with no runs and no shipped weights yet."""
    served = Server(tmp_path_factory.mktemp("server"))
    served.start()
    yield served
    served.kill()
    for job in served.runs.glob("*/job.json"):
        if Run(job.parent).active:
            psutil.Process(json.loads(job.read_text())["pid"]).kill()


@pytest.fixture(scope="module")
def app_url(server: Server, tiny_model: AlexNet) -> str:
    """Address of a running app that has a shipped network: tiny, untrained, and not saying so."""
    target = server.weights / paths.SHIPPED_WEIGHTS
    checkpoint.save_weights(target, tiny_model, {"epoch": 1, "test_accuracy": 0.5})
    return server.url


@pytest.fixture(scope="session")
def browser_type_launch_args(playwright: Any) -> dict[str, Any]:
    """An installed Chromium; its background traffic is off so that no test needs a network."""
    found = [shutil.which(name) for name in CHROMIUM_NAMES] + [playwright.chromium.executable_path]
    usable = [path for path in found if path and Path(path).exists()]
    if not usable:
        pytest.skip(
            "no Chromium here: get one with `apt-get install chromium` (Debian, Ubuntu) "
            "or `playwright install chromium`"
        )
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    return {"executable_path": usable[0], "args": flags}
