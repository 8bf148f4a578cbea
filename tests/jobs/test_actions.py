"""Actions: start, pause, resume, stop, change, and delete, also at once, or on a broken disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

import psutil
import pytest

from alexnet_demo.common.access import Outcome
from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.jobs import actions, lr_tests, processes, queue
from alexnet_demo.runs.devices import blocking_run
from alexnet_demo.runs.locks import trainer_lock
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import current_run, list_runs
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from tests.support.disks import fill, mounted, remount
from tests.support.fake_trainer import ENDLESS, SHORT, start_and_kill_server
from tests.support.runs import canned_run, tiny_config
from tests.support.waiting import begun, reach, wait_for

NAME = "20260101-000000-quick-aa"
LONG = tiny_config(epochs=200, batch_size=8, train_samples=400, test_samples=16)


def pid_of(run: Run) -> int:
    return read_json(run.job_path)["pid"]


# ------------------------------------------------------------------ real trainers


def test_start_pause_resume_kill_resume_stop(monkeypatch: pytest.MonkeyPatch):
    run = begun(LONG)
    assert run.state in ("starting", "running")
    reach(run, "running")
    wait_for(lambda: len(run.history.batches) > 1, "no batches")
    assert psutil.Process(pid_of(run)).nice() > 0  # pages come first
    assert actions.request(run, "pause").done
    reach(run, "paused")

    # A request right after resuming is not lost.
    assert actions.resume(run).done
    assert actions.request(run, "pause").done
    reach(run, "paused")
    paused_at = run.history.step

    assert actions.resume(run).done
    wait_for(lambda: run.history.step > paused_at, "it does not continue")
    steps = [b["step"] for b in run.history.batches]
    assert steps == sorted(set(steps))
    os.kill(pid_of(run), signal.SIGKILL)
    reach(run, "interrupted")
    assert run.error

    # A trainer may be faster than whoever registers it.
    monkeypatch.setattr(processes, "register", lambda *_: None)
    assert actions.resume(run).done
    reach(run, "running")
    assert actions.request(run, "stop").done
    reach(run, "stopped")
    assert not actions.request(run, "stop").done


def test_a_finished_run_resumes_for_more_epochs():
    run = begun(replace(LONG, epochs=1))
    reach(run, "finished")
    assert not run.resumable and not actions.resume(run).done
    assert actions.change_settings(run, epochs=2).done
    assert actions.resume(run).done
    wait_for(lambda: len(run.history.epochs) == 2, f"it does not continue: {run.log_tail()}")
    reach(run, "finished")
    assert not run.resumable


def test_a_trainer_without_its_device_fails():
    run = begun(replace(LONG, device="cuda:77"))
    reach(run, "failed")
    assert "cuda:77" in run.error


def test_probe_returns_speeds_or_an_error():
    record = processes.probe(TrainConfig(width=0.0625, batch_size=2, device="cpu"))
    assert [speed["device"] for speed in record["speeds"]] == ["cpu"]
    assert record["devices"]
    assert "cuda:77" in processes.probe(TrainConfig(device="cuda:77"))["error"]


# ------------------------------------------------------------------ fake trainers


@pytest.mark.usefixtures("fake_trainers")
def test_the_trainer_outlives_a_killed_server_and_killed_too_can_resume():
    (run_id,) = start_and_kill_server(ENDLESS)
    run = Run(paths.RUNS_DIR / run_id)
    wait_for(lambda: len(run.history.batches) > 1, "no batches")
    os.kill(pid_of(run), signal.SIGKILL)
    reach(run, "interrupted")
    assert run.resumable
    assert actions.resume(run).done
    reach(run, "running")


def at_once(act: Callable[[], Outcome], count: int = 6) -> list[Outcome]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: act(), range(count)))


def test_a_run_that_another_server_has_deleted_no_longer_exists(runs_dir: Path):
    """Its page may still be open here."""
    run = canned_run(runs_dir, "20260101-120000-quick", (0.5,), None)
    shutil.rmtree(run.directory)
    for outcome in (
        actions.label(run, "a name", ""),
        actions.change_settings(run, epochs=9),
        actions.request(run, "stop"),
        actions.resume(run),
        actions.cancel(run),
        actions.delete(run),
    ):
        assert not outcome.done and outcome.run_id == run.id
        assert "Errno" not in outcome.message and str(runs_dir) not in outcome.message
        assert not run.directory.exists()


@pytest.mark.usefixtures("fake_trainers")
def test_delete_pause_stop_and_resume_at_once():
    run = begun(ENDLESS)
    reach(run, "running")
    assert not any(outcome.done for outcome in at_once(lambda: actions.delete(run)))
    assert run.state == "running" and run.last.is_file()

    requests: list[Literal["pause", "stop"]] = ["pause", "stop"] * 3
    assert any(outcome.done for outcome in at_once(lambda: actions.request(run, requests.pop())))
    wait_for(lambda: run.state in ("paused", "stopped"), run.state)
    assert sum(b'"end"' in line for line in run.events.read_bytes().splitlines()) == 1

    assert sum(outcome.done for outcome in at_once(lambda: actions.resume(run))) == 1
    reach(run, "running")
    starts = [e for e in run.events.read_text().splitlines() if json.loads(e)["event"] == "start"]
    assert len(starts) == 2


# ------------------------------------------------------------------ run directories


def test_settings_change_for_the_epochs_to_come(runs_dir: Path):
    run = canned_run(runs_dir, NAME, [0.5])
    assert not actions.change_settings(run, epochs=300).done  # there is no checkpoint
    run.last.touch()
    write_json(run.config_path, {**read_json(run.config_path), "commit": "abc"})
    assert actions.change_settings(run, epochs=300, lr_scale=0.5, patience=3).done
    record = read_json(run.config_path)
    assert (record["epochs"], record["commit"]) == (300, "abc")
    assert (run.config.lr_scale, run.config.patience) == (0.5, 3)
    assert run.resumable
    assert actions.change_settings(run, epochs=1).done
    assert not run.resumable
    assert "0.001" in actions.change_settings(run, lr_scale=-1.0).message
    assert run.config.lr_scale == 0.5


def test_name_and_note_are_saved(runs_dir: Path):
    run = canned_run(runs_dir, NAME)
    default = run.name
    assert actions.label(run, "  My\nrun ", " why\nso ").done
    saved = Run(run.directory)
    assert (saved.name, saved.note) == ("My run", "why\nso")
    actions.label(saved, "", "")
    assert Run(run.directory).name == default


def test_deleted_at_once_a_run_is_deleted_once(runs_dir: Path):
    run, other = canned_run(runs_dir, NAME), canned_run(runs_dir, f"{NAME}b")
    outcomes = at_once(lambda: actions.delete(run))
    assert sum(outcome.done for outcome in outcomes) == 1
    assert len({outcome.message for outcome in outcomes if not outcome.done}) == 1
    assert [run.id for run in list_runs()] == [other.id]
    assert not list(runs_dir.glob(".trash*"))


def test_deleting_a_link_leaves_what_it_leads_to(runs_dir: Path, tmp_path: Path):
    target = canned_run(tmp_path, "elsewhere", [0.5])
    link = runs_dir / NAME
    link.symlink_to(target.directory)
    outcome = actions.delete(list_runs()[0])
    assert outcome.done and "link" in outcome.message and str(target.directory) in outcome.message
    assert list_runs() == [] and not os.path.lexists(link)
    assert target.history.epochs_done == 1
    assert not list(runs_dir.glob(".trash*"))


def test_a_run_that_cannot_be_moved_is_not_deleted(runs_dir: Path):
    directory = runs_dir / NAME
    directory.mkdir()
    with mounted(directory, "size=1m"):
        run = canned_run(runs_dir, NAME, [0.5])
        outcome = actions.delete(run)
        assert not outcome.done and "unchanged" in outcome.message
        assert [listed.id for listed in list_runs()] == [NAME] and run.history.epochs_done == 1


def test_a_run_that_is_deleted_in_part_is_gone_and_the_rest_is_named(runs_dir: Path):
    run = canned_run(runs_dir, NAME, [0.5])
    try:
        subprocess.run(["chattr", "+i", run.events], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to make a file immutable")
    outcome = actions.delete(run)
    (rest,) = runs_dir.glob(".trash*")
    assert outcome.done and str(rest) in outcome.message and list_runs() == []
    subprocess.run(["chattr", "-i", rest / run.events.name], check=True)
    assert actions.delete(canned_run(runs_dir, NAME)).done  # which also removes the rest
    assert not list(runs_dir.glob(".trash*"))


def test_a_run_on_another_machine_is_recognized_by_its_lock_and_not_deleted(runs_dir: Path):
    run = canned_run(runs_dir, NAME, end=None)
    write_json(run.job_path, {"pid": 1, "started": 0.0, "host": "elsewhere"})
    assert run.state == "interrupted"
    with trainer_lock(run.directory):
        assert run.state == "running" and current_run() and run.active
        assert blocking_run(TrainConfig(device="cpu")) is None  # its device is not one of ours
        assert not actions.delete(run).done and not actions.resume(run).done
    assert run.state == "interrupted" and actions.delete(run).done


def test_a_run_whose_job_file_is_lost_while_it_trains_is_not_deleted(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(actions, "EXIT_SECONDS", 0.0)
    run = canned_run(runs_dir, NAME, end=None)
    with trainer_lock(run.directory):
        assert run.state == "interrupted"
        assert not actions.delete(run).done
    assert actions.delete(run).done


@pytest.mark.usefixtures("fake_trainers")
def test_a_damaged_config_without_events_cannot_be_resumed(runs_dir: Path):
    run = canned_run(runs_dir, NAME)
    run.config_path.write_text("{")
    run.last.touch()
    run.events.unlink()
    outcome = actions.resume(run)
    assert not outcome.done and run.id in outcome.message


# ------------------------------------------------------------------ the disk


def test_a_runs_directory_that_cannot_be_created_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(paths, "RUNS_DIR", tmp_path / "file" / "runs")
    outcome = actions.start(LONG)
    assert not outcome.done and "file" in outcome.message


@pytest.mark.usefixtures("fake_trainers")
def test_a_full_disk_at_the_start_leaves_no_partial_run(runs_dir: Path):
    with mounted(runs_dir, "size=1m"):
        fill(runs_dir)
        outcome = actions.start(SHORT)
        assert not outcome.done and "No space left" in outcome.message
        assert list_runs() == []


@pytest.mark.usefixtures("fake_trainers")
def test_a_read_only_runs_directory_is_reported_and_can_be_read(runs_dir: Path):
    with mounted(runs_dir, "size=16m"):
        run = canned_run(runs_dir, NAME, end="paused")
        run.last.write_bytes(b"state")
        remount(runs_dir, "ro")
        outcomes = (
            actions.start(SHORT),
            actions.resume(run),
            actions.delete(run),
            actions.label(run, "name", ""),
            actions.change_settings(run, epochs=5),
            lr_tests.start_lr_test(SHORT),
        )
        assert not any(outcome.done for outcome in outcomes)
        assert all("Read-only file system" in outcome.message for outcome in outcomes)
        queue.ensure_scheduler()
        assert [(run.id, run.state) for run in list_runs()] == [(NAME, "paused")]
