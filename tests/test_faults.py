"""What may go wrong around a training, each done for real: what is said, and what is kept.

`docs/reliability.md` lists them with the tests of other modules. Trainings are tiny; where only
processes matter, a stand-in trains that starts at once.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch

from alexnet_demo.common.errors import CheckpointError, DataError, TrainError
from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.data import splits
from alexnet_demo.jobs import actions, lr_tests, scheduler
from alexnet_demo.network import checkpoint
from alexnet_demo.runs.devices import blocking_run
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.history import NUMBERS, History
from alexnet_demo.runs.locks import trainer_lock
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import current_run, get_run, list_runs, prepare
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training import engine as engine_module
from alexnet_demo.training import trainer as train_module
from alexnet_demo.training.worker import run_training
from tests.support import stand_in
from tests.support.waiting import begun, reach, wait_for

TINY = TrainConfig(
    epochs=3,
    batch_size=16,
    lr=0.05,
    momentum=0.9,
    width=0.0625,
    train_samples=48,
    test_samples=16,
    device="cpu",
    precision="fp32",
    memory_format="channels_last",
    checkpoint_minutes=0.0,
)
REAL = sys.executable


@pytest.fixture
def runs_dir(runs_dir: Path) -> Path:
    runs_dir.mkdir()
    return runs_dir


@pytest.fixture
def stand_ins(tmp_path: Path, runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Processes that start at once in place of trainers; none is left behind."""
    monkeypatch.setattr(sys, "executable", stand_in.interpreter(tmp_path))
    yield
    for run in list_runs():
        if run.active:
            os.kill(read_json(run.directory / "job.json")["pid"], signal.SIGKILL)


def made(runs_dir: Path, settings: TrainConfig = TINY) -> Run:
    run = Run(runs_dir / "20260101-000000-article-aa")
    prepare(run.directory, settings)
    return run


def trained(runs_dir: Path, settings: TrainConfig = TINY) -> Run:
    run = made(runs_dir, settings)
    assert run_training(settings, run.directory) == "finished"
    return run


def step_of(path: Path) -> int:
    return checkpoint.load(path)[1]["step"]


def at_step(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], object]) -> None:
    """Do something before a step of the training, counted from 1."""
    real, steps = engine_module.train_step, iter(range(1, 1000))

    def step(*arguments, **named):
        if next(steps) == number:
            act()
        return real(*arguments, **named)

    monkeypatch.setattr(engine_module, "train_step", step)


# ---------------------------------------------------------------------------- a full disk


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own at a folder, or a skipped test where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk to its last byte."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return filler


def test_a_full_disk_during_a_checkpoint_keeps_the_one_before(runs_dir: Path, monkeypatch):
    def shrink() -> None:
        """Leave less room than any checkpoint takes, and enough for an event."""
        used = shutil.disk_usage(runs_dir).used
        remount(runs_dir, f"size={used // 1024 + 400}k")

    with mounted(runs_dir, "size=64m"):
        run = made(runs_dir)
        at_step(monkeypatch, 6, shrink)
        with pytest.raises(TrainError, match=r"could not be written .*No space left.* then resume"):
            run_training(TINY, run.directory)
        assert run.state == "failed" and "free disk space" in run.error
        assert step_of(run.last) == 3
        assert not list(run.last.parent.glob(".*.tmp"))
        remount(runs_dir, "size=64m")
        assert run_training(TINY, run.directory) == "finished"
        assert [e["epoch"] for e in run.history.epochs] == [1, 2, 3]


def test_a_full_disk_during_an_event_write_loses_no_more_than_since_the_checkpoint(
    runs_dir: Path, monkeypatch
):
    monkeypatch.setattr(train_module, "EVENT_SECONDS", 0.0)
    with mounted(runs_dir, "size=16m"):
        run = made(runs_dir)
        at_step(monkeypatch, 5, lambda: fill(runs_dir))
        with pytest.raises(TrainError, match="The disk is full: free some space, then resume"):
            run_training(TINY, run.directory)
        # Whether or not the last page of the file had room for the error: the page tells it.
        assert run.state in ("failed", "interrupted")
        assert "The disk is full" in run.error and "last checkpoint" in run.error
        (runs_dir / "filler").unlink()
        assert run_training(TINY, run.directory) == "finished"
        assert [b["step"] for b in run.history.batches] == list(range(1, 10))


def test_a_full_disk_when_starting_leaves_no_half_a_run(runs_dir: Path, stand_ins):
    with mounted(runs_dir, "size=1m"):
        fill(runs_dir)
        outcome = actions.start(TINY)
        assert not outcome.done and "No space left" in outcome.message
        assert list_runs() == []


def test_a_full_disk_during_a_download_is_said_and_leaves_no_half_a_file(
    tmp_path: Path, monkeypatch
):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    published = paths.DATA_DIR / "FashionMNIST" / "raw"
    mirror = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(published)))
    Thread(target=mirror.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{mirror.server_port}/"
    monkeypatch.setattr(splits.FashionMNIST, "mirrors", [address])
    folder = tmp_path / "data"
    folder.mkdir()
    with mounted(folder, "size=8m"):
        with pytest.raises(DataError, match=r"train-images.* free some space on the disk"):
            splits.load_split(train=True, root=folder)
        remount(folder, "size=128m")
        assert len(splits.load_split(train=True, root=folder)) == 60_000
    mirror.shutdown()


# ------------------------------------------------------------------- a read-only directory


def test_a_read_only_runs_directory_is_said_and_can_still_be_read(runs_dir: Path, stand_ins):
    with mounted(runs_dir, "size=16m"):
        run = made(runs_dir)
        events = EventWriter(run.events)
        events.write("end", reason="paused")
        events.close()
        run.last.write_bytes(b"state")
        remount(runs_dir, "ro")
        attempts = (
            actions.start(TINY),
            actions.resume(run),
            actions.delete(run),
            actions.label(run, "name", ""),
            actions.change_settings(run, epochs=5),
            lr_tests.start_lr_test(TINY),
        )
        assert not any(outcome.done for outcome in attempts)
        assert all("Read-only file system" in outcome.message for outcome in attempts)
        scheduler.ensure_scheduler()
        assert [(found.id, found.state) for found in list_runs()] == [(run.id, "paused")]


# ---------------------------------------------------------------------------- damaged files


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing", "empty", "other kind"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(
    runs_dir: Path, damage: str, monkeypatch
):
    """The run ends with the same weights as one that was not damaged: steps are exact."""
    straight = trained(runs_dir)
    wanted = checkpoint.load(straight.last)[0]
    shutil.rmtree(straight.directory)
    run = made(runs_dir)
    at_step(monkeypatch, 8, lambda: (run.directory / "request").write_text("pause"))
    assert run_training(TINY, run.directory) == "paused"
    (run.directory / "request").unlink()
    assert (step_of(run.last), step_of(run.previous)) == (8, 6)

    whole = run.last.read_bytes()
    half = len(whole) // 2
    broken = {
        "cut": whole[:half],
        "flipped": whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :],
        "empty": b"",
        "other kind": b"PK\x03\x04" + whole,
    }
    run.last.unlink() if damage == "missing" else run.last.write_bytes(broken[damage])
    assert run.resumable
    assert run_training(TINY, run.directory) == "finished"
    is_own_job = checkpoint.load(run.last)[0]
    assert all(torch.equal(is_own_job[name], wanted[name]) for name in wanted)
    assert [e["epoch"] for e in run.history.epochs] == [1, 2, 3]
    said = "" if damage == "missing" else "Resumed from the previous checkpoint."
    assert run.warning.endswith(said) and bool(run.warning) == bool(said)


def test_without_a_whole_checkpoint_it_says_so_and_changes_nothing(runs_dir: Path):
    run = trained(runs_dir)
    for path in (run.last, run.previous):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"last\.safetensors is not a readable"):
        run_training(replace(TINY, epochs=4), run.directory)
    assert run.state == "failed"
    assert checkpoint.load_weights(run.best)
    assert len(run.history.epochs) == 3


def test_a_damaged_config_is_taken_from_the_records(runs_dir: Path):
    run = made(runs_dir)
    run_training(replace(TINY, epochs=1), run.directory)
    write_json(run.directory / "config.json", TINY.to_json())
    run = Run(run.directory)
    (run.directory / "config.json").write_bytes(b'{"recipe": "art\xff')
    assert run.config == replace(TINY, epochs=1)
    assert "settings were restored" in run.warning
    assert actions.change_settings(run, epochs=2).done  # which writes the file anew
    assert Run(run.directory).config.epochs == 2 and not run.warning


def test_a_damaged_config_without_records_is_refused_in_a_sentence(runs_dir: Path, stand_ins):
    run = made(runs_dir)
    (run.directory / "config.json").write_text("{")
    assert "cannot be read" in actions.resume(run).message


def test_lost_events_lose_the_curve_alone(runs_dir: Path, monkeypatch):
    run = made(runs_dir)
    at_step(monkeypatch, 5, lambda: (run.directory / "request").write_text("pause"))
    run_training(TINY, run.directory)
    assert len(run.history.epochs) == 1
    (run.directory / "request").unlink()
    run.events.write_bytes(b"")  # emptied, while this process follows it
    assert run.history.epochs == []
    assert run_training(TINY, run.directory) == "finished"
    assert [e["epoch"] for e in run.history.epochs] == [2, 3]


def test_events_with_garbage_in_the_middle_lose_that_alone(runs_dir: Path):
    run = trained(runs_dir)
    lines = run.events.read_bytes().splitlines(keepends=True)
    lines.insert(len(lines) // 2, b'\x00\xff{"event": "epoch", "ep\n[1, 2]\n{}\n')
    run.events.with_suffix(".new").write_bytes(b"".join(lines))
    run.events.with_suffix(".new").replace(run.events)
    assert run.state == "finished"
    assert [e["epoch"] for e in run.history.epochs] == [1, 2, 3]


# ----------------------------------------------------------------------------- the clock


def test_a_clock_set_back_makes_no_time_negative_and_hides_nothing():
    history = History()
    numbers = {name: dict.fromkeys(NUMBERS[name], 1.0) for name in ("batch", "start")}
    for kind, time in (("start", 1000.0), ("batch", 1010.0), ("batch", 400.0), ("batch", 420.0)):
        history.add({"event": kind, "time": time, **numbers[kind]})
    assert history.seconds == 30.0
    elapsed = [batch["elapsed"] for batch in history.batches]
    assert elapsed == sorted(elapsed) and len(elapsed) == 3


def test_a_training_does_not_mind_the_clock(runs_dir: Path, monkeypatch):
    times = iter(range(2_000_000_000, 0, -1_000_000))
    monkeypatch.setattr("alexnet_demo.runs.events.time.time", lambda: next(times))
    run = trained(runs_dir)
    assert run.state == "finished" and run.history.seconds == 0.0
    assert len(run.history.epochs) == 3


# ---------------------------------------------------------------- many hands at one moment


def at_once(act: Callable[[], actions.Outcome], count: int = 6) -> list[actions.Outcome]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: act(), range(count)))


def going(settings: TrainConfig = TINY) -> Run:
    run = begun(replace(settings, epochs=200))
    reach(run, "running")
    return run


def test_pause_and_stop_pressed_at_once_end_the_run_once(stand_ins):
    run = going()
    words: Iterator[str] = iter(("pause", "stop", "pause", "stop", "pause", "stop"))
    assert any(o.done for o in at_once(lambda: actions.request(run, next(words))))  # type: ignore[arg-type]
    wait_for(lambda: run.state in ("paused", "stopped"), 30, run.state)
    assert sum(b"end" in line for line in run.events.read_bytes().splitlines()) == 1


def test_resume_pressed_at_once_starts_one_trainer(stand_ins):
    run = going()
    actions.request(run, "pause")
    wait_for(lambda: run.state == "paused", 30, run.state)
    assert sum(outcome.done for outcome in at_once(lambda: actions.resume(run))) == 1
    wait_for(lambda: run.state == "running", 30, run.log_tail())
    starts = [e for e in run.events.read_text().splitlines() if json.loads(e)["event"] == "start"]
    assert len(starts) == 2


def test_delete_pressed_at_once_deletes_once_and_says_so(runs_dir: Path):
    run = made(runs_dir)
    outcomes = at_once(lambda: actions.delete(run))
    assert sum(outcome.done for outcome in outcomes) == 1
    assert {o.message for o in outcomes if not o.done} == {"This run is already deleted."}
    assert not list(runs_dir.glob(".trash*"))


def test_a_running_run_is_not_deleted(stand_ins):
    run = going()
    assert not any(outcome.done for outcome in at_once(lambda: actions.delete(run)))
    assert run.state == "running" and run.last.is_file()


def test_a_run_that_another_machine_trains_is_seen_by_its_lock_and_not_deleted(runs_dir: Path):
    run = made(runs_dir)
    EventWriter(run.events).write("start", step=0)
    write_json(run.directory / "job.json", {"pid": 1, "started": 0.0, "host": "elsewhere"})
    assert run.state == "interrupted"
    with trainer_lock(run.directory):
        assert run.state == "running" and current_run() and run.active
        assert blocking_run("cpu") is None  # its device is not one of ours
        assert actions.delete(run).message == "This run is training: stop it before you delete it."
        assert actions.resume(run).message == "This run is already training or queued."
    assert run.state == "interrupted" and actions.delete(run).done


def test_a_run_whose_job_file_is_lost_while_it_trains_is_not_deleted(runs_dir: Path, monkeypatch):
    monkeypatch.setattr(actions, "EXIT_SECONDS", 0.0)
    run = made(runs_dir)
    with trainer_lock(run.directory):
        assert run.state == "interrupted"
        assert "A trainer still holds this run" in actions.delete(run).message
    assert actions.delete(run).done


def test_a_run_whose_directory_is_removed_by_hand_ends_and_frees_the_device(
    runs_dir: Path, monkeypatch
):
    run = made(runs_dir)
    at_step(monkeypatch, 2, lambda: shutil.rmtree(run.directory))
    with pytest.raises(TrainError, match="could not be written"):
        run_training(TINY, run.directory)
    assert trained(runs_dir).state == "finished"  # the device is free again


# ---------------------------------------------------------------------------- kill -9


def test_trainer_and_server_killed_together_leave_a_run_that_goes_on(stand_ins):
    code = (
        f"import sys, time; sys.executable = {sys.executable!r};"
        "from alexnet_demo.jobs import actions;"
        "from alexnet_demo.settings.config import TrainConfig;"
        f"print(actions.start(TrainConfig(**{replace(TINY, epochs=200).to_json()!r})).run_id,"
        "flush=True); time.sleep(99)"
    )
    server = subprocess.Popen([REAL, "-c", code], stdout=subprocess.PIPE, text=True)
    assert server.stdout
    run = get_run(server.stdout.readline().strip())
    assert run
    wait_for(lambda: run.state == "running", 30, run.log_tail())
    server.kill()
    os.kill(read_json(run.directory / "job.json")["pid"], signal.SIGKILL)
    server.wait()
    wait_for(lambda: run.state == "interrupted", 30, run.state)
    assert "killed or ran out of memory" in run.error and run.resumable
    assert actions.resume(run).done
    wait_for(lambda: run.state == "running", 30, run.log_tail())


# ------------------------------------------------------------- other versions, other machines


def test_a_run_directory_from_an_older_version_is_shown_and_refused_kindly(
    runs_dir: Path, stand_ins
):
    """As 0.1.0 wrote it: fewer settings and fields, no marks, another training state."""
    run = made(runs_dir)
    old = {name: TINY.to_json()[name] for name in ("recipe", "epochs", "lr", "width", "device")}
    write_json(run.directory / "config.json", {**old, "amp": True})
    numbers = dict.fromkeys(NUMBERS["epoch"], 1.0)
    events = EventWriter(run.events)
    events.write("start", step=0, config=old)
    events.write("epoch", **{**numbers, "test_accuracy": 0.8})
    events.write("end", reason="paused", step=3)
    events.close()
    write_json(run.directory / "job.json", {"pid": 1, "started": 0.0})
    checkpoint.save(run.last, {"model.net.conv1.weight": torch.zeros(1)}, {"epoch": 1})
    again = Run(run.directory)
    assert (again.state, again.best_accuracy, again.config.lr) == ("paused", 0.8, 0.05)
    with pytest.raises(CheckpointError, match="does not hold the training state of this run"):
        run_training(again.config, again.directory)
    assert again.state == "failed" and "start a new run" in again.error


def test_a_device_that_vanishes_is_said_and_the_checkpoint_kept(runs_dir: Path, monkeypatch):
    def vanish() -> None:
        raise RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might …")

    run = made(runs_dir)
    at_step(monkeypatch, 5, vanish)
    with pytest.raises(TrainError, match=r"GPU stopped responding \(CUDA error: unspecified"):
        run_training(TINY, run.directory)
    assert run.state == "failed" and step_of(run.last) == 3 and run.resumable
    assert run_training(TINY, run.directory) == "finished"
