"""Files of a run directory that are no files: no page or command fails, or waits for one."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from alexnet_demo.common.errors import CheckpointError, ConfigError, TrainError
from alexnet_demo.common.files import read_json
from alexnet_demo.jobs import actions, processes, queue
from alexnet_demo.network import checkpoint
from alexnet_demo.runs import pins, snapshots
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.locks import has_trainer
from alexnet_demo.runs.run import FILES, Run
from alexnet_demo.runs.store import active_runs, best_run, current_run, list_runs, prepare
from alexnet_demo.settings import paths
from alexnet_demo.training.worker import run_training
from alexnet_demo.ui.train import downloads
from tests.support.pages import open_page, page_text
from tests.support.runs import canned_run, tiny_config
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.skipif(os.name == "nt", reason="makes FIFOs")


def bind_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.open(path.parent, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{folder}/{path.name}")  # the path itself is too long
        os.close(folder)


def make_unreadable(path: Path) -> None:
    path.write_text("{}")
    path.chmod(0)


def make_huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


KINDS: dict[str, Callable[[Path], object]] = {
    "directory": Path.mkdir,
    "loop": lambda path: path.symlink_to(path.name),
    "fifo": os.mkfifo,
    "socket": bind_socket,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "long": lambda path: path.symlink_to("x" * 300),
    # A regular file that even root cannot read.
    "input-output-error": lambda path: path.symlink_to("/proc/self/mem"),
}
LINUX_ONLY = ("socket", "input-output-error")


def replace(path: Path, kind: str) -> None:
    """Put something that is not a readable file in place of a file."""
    if kind in LINUX_ONLY and sys.platform != "linux":
        pytest.skip("needs /proc")
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    KINDS[kind](path)


def odd_runs(runs_dir: Path, kind: str) -> list[Run]:
    """One run for each file that is odd, and one of which every file is."""
    runs = []
    files = [*FILES, Path("checkpoints", "epoch-001.safetensors")]
    if kind != "directory":
        files.append(Path("checkpoints"))
    for number, file in enumerate(files):
        run = canned_run(runs_dir, f"202601{number + 1:02}-000000-quick-aa", [0.5])
        replace(run.directory / file, kind)
        runs.append(run)
    run = canned_run(runs_dir, "20260131-000000-quick-bb", [0.5])
    for file in files:
        if file.name != "checkpoints":
            replace(run.directory / file, kind)
    return [*runs, run]


@pytest.mark.parametrize("kind", KINDS)
def test_such_a_file_counts_as_empty_with_a_warning(
    runs_dir: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    runs = odd_runs(runs_dir, kind)
    assert {run.id for run in list_runs()} == {run.id for run in runs}
    assert active_runs() == []
    assert best_run() is None or kind == "input-output-error"
    assert (newest := current_run()) and newest.state
    for run, file in zip(runs, FILES, strict=False):
        assert file.name in run.warning
    for run in list_runs():
        assert run.warning and run.name and run.started and isinstance(run.error, str)
        assert run.changeable in (True, False) and not has_trainer(run.directory)
        assert isinstance(run.log_tail(), str)
        assert json.dumps(run.to_json())
        assert isinstance(pins.read(run.pins), tuple)
        assert isinstance(snapshots.follow(run.snapshots), list)
        with pytest.raises(ValueError, match=r"checkpoint|readable"):
            checkpoint.load(run.best)
    everything = runs[-1]
    assert everything.history.start is None and everything.state == "interrupted"
    with pytest.raises(OSError):
        EventWriter(everything.events)
    monkeypatch.setattr(processes.subprocess, "Popen", lambda *_a, **_k: pytest.fail("started"))
    assert not actions.resume(everything).done
    assert not actions.label(everything, "name", "").done or everything.label_path.is_file()
    queue.ensure_scheduler()
    for run in runs:
        assert actions.delete(run).done
    assert list_runs() == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_and_the_page_show_the_runs(runs_dir: Path, kind: str):
    runs = odd_runs(runs_dir, kind)
    for entry in ("20260101-odd", "odd entry"):  # beside the runs
        replace(runs_dir / entry, kind)
    command = [sys.executable, "-m", "alexnet_demo", "runs"]
    environment = os.environ | {"ALEXNET_DEMO_RUNS": str(runs_dir)}
    for option in ([], ["--json"]):
        result = subprocess.run(
            [*command, *option],
            cwd=paths.ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert (result.returncode, result.stderr) == (0, "")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert {record["id"] for record in records} == {run.id for run in runs}
    assert all(record["warning"] for record in records)
    at = open_page("pages/1_Train.py", run=runs[-1].id)
    assert "events.jsonl" in page_text(at)
    assert len(at.dataframe[0].value) == len(runs)


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may read everything")
def test_a_file_and_a_folder_without_permission_count_as_empty(runs_dir: Path):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5])
    for path in (run.events, run.config_path, run.directory / "checkpoints"):
        path.chmod(0)
    try:
        (listed,) = list_runs()
        assert "events.jsonl" in listed.warning and "checkpoints" in listed.warning
        assert listed.checkpoints == [] and json.dumps(listed.to_json())
    finally:
        (run.directory / "checkpoints").chmod(0o700)


def test_a_file_of_a_terabyte_is_not_read_in_one_piece(runs_dir: Path):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5])
    for path in (run.config_path, run.label_path, run.job_path, run.request_path, run.log):
        make_huge(path)
    os.truncate(run.events, 2**28)
    assert read_json(run.config_path) == {} and run.history.epochs_done == 1
    assert json.dumps(run.to_json()) and run.log_tail() is not None


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file outside the runs."""
    path = tmp_path / "private"
    path.write_text("secret\n")
    return path


@pytest.mark.parametrize("name", ["events.jsonl", "moments.jsonl", "trainer.lock", "checkpoints"])
def test_a_link_leads_no_trainer_out_of_the_directory(runs_dir: Path, victim: Path, name: str):
    config = tiny_config(epochs=1)
    run = Run(runs_dir / "20260101-000000-quick-aa")
    prepare(run.directory, config)
    outside = victim
    if name == "checkpoints":
        run.last.parent.rmdir()
        outside = victim.parent / "elsewhere"
        outside.mkdir()
    (run.directory / name).symlink_to(outside)
    with pytest.raises((OSError, ConfigError, TrainError)):
        run_training(config, run.directory)
    assert victim.read_text() == "secret\n"
    assert name != "checkpoints" or not list(outside.iterdir())
    if name != "trainer.lock":
        assert name in run.warning


def test_a_link_leads_no_page_out_of_the_directory(
    runs_dir: Path, victim: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5], weights=tiny_weights)
    run.log.symlink_to(victim)
    assert run.log_tail() == "" and "train.log" in run.warning
    monkeypatch.setattr(processes.subprocess, "Popen", lambda *_a, **_k: pytest.fail("started"))
    with pytest.raises(OSError, match="link"):
        processes.launch([], run.directory)
    assert best_run() and run.checkpoints and downloads._weights(run)
    elsewhere = victim.parent / "elsewhere"
    run.last.parent.rename(elsewhere)
    run.last.parent.symlink_to(elsewhere)
    assert best_run() is None and run.checkpoints == [] and "checkpoints" in run.warning
    with pytest.raises(CheckpointError):
        downloads._weights(run)
    monkeypatch.setattr(Run, "active", True)
    run.weights_request.symlink_to(victim.parent / "new")
    assert not actions.request_weights(run) and not (victim.parent / "new").exists()
    assert victim.read_text() == "secret\n"


def test_a_link_leads_no_trainer_on_a_cluster_out_of_the_directory(
    victim: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))  # the function needs none of it
    ray_driver = importlib.import_module("alexnet_demo.cli.ray_driver")
    monkeypatch.delitem(sys.modules, ray_driver.__name__)
    monkeypatch.setattr(subprocess, "call", lambda *_a, **_k: pytest.fail("started"))
    (victim.parent / "train.log").symlink_to(victim)
    with pytest.raises(OSError):
        ray_driver.train(str(victim.parent))
    assert victim.read_text() == "secret\n"


def test_a_whole_run_directory_may_be_a_link(runs_dir: Path, tmp_path: Path):
    config = tiny_config(epochs=1)
    prepare(tmp_path / "elsewhere", config)
    run = Run(runs_dir / "20260101-000000-quick-aa")
    runs_dir.mkdir(exist_ok=True)
    run.directory.symlink_to(tmp_path / "elsewhere")
    assert run_training(config, run.directory) == "finished"
    assert run.warning == "" and best_run() and run.checkpoints and run.history.epochs


@pytest.mark.parametrize("kind", ["gone", *KINDS])
def test_weights_that_change_between_page_and_click_are_refused(
    runs_dir: Path, tiny_weights: Path, kind: str
):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5], weights=tiny_weights)
    if kind == "gone":
        run.best.unlink()
    else:
        replace(run.best, kind)
    with pytest.raises(CheckpointError):
        downloads._weights(run)


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_of_the_server_may_be_odd_too(runs_dir: Path, kind: str):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5])
    for name in (".launch.lock", ".locks", ".pins.json", ".queue", ".lr-find"):
        replace(runs_dir / name, kind)
    queue.ensure_scheduler()
    assert [listed.id for listed in list_runs()] == [run.id]
    assert pins.for_next_run() is not None
    open_page("pages/1_Train.py")
