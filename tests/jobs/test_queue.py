"""The queue: order, places, cancelling, and its scheduler, with fake trainers and real kills."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from alexnet_demo.cli.follow import follow
from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.jobs import actions, queue
from alexnet_demo.runs import devices
from alexnet_demo.runs.process_info import is_alive
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import active_runs, list_runs, prepare, queued_runs
from alexnet_demo.settings import paths
from tests.jobs.conftest import kill
from tests.support.fake_trainer import ENDLESS, SHORT, start_and_kill_server
from tests.support.waiting import PATIENCE, begun, reach, wait_for

pytestmark = pytest.mark.usefixtures("fake_trainers")


def queued(runs_dir: Path, name: str, device: str = "cpu") -> Run:
    """A queued run without a scheduler."""
    run = Run(runs_dir / name)
    prepare(run.directory, replace(ENDLESS, device=device))
    queue.enter(run, 60.0)
    return run


def test_queued_runs_are_trained_in_turn(runs_dir: Path):
    first = begun(ENDLESS)
    second, third = begun(SHORT), begun(SHORT)
    assert [second.state, third.state] == ["queued", "queued"]
    assert [queue.place(run) for run in (first, second, third)] == [None, 1, 2]
    assert not second.active and not second.resumable
    reach(first, "running")
    assert actions.request(first, "pause").done  # a paused run releases the device
    reach(third, "finished")
    assert second.state == "finished"
    assert second.history.end and third.history.start
    assert second.history.end["time"] <= third.history.start["time"]  # never two at once
    job = runs_dir / queue.SCHEDULER / "job.json"
    wait_for(lambda: not job.exists(), "the scheduler does not end with the queue")


def test_a_resumed_run_is_queued_too_and_returns_to_paused_when_cancelled():
    first = begun(ENDLESS)
    reach(first, "running")
    actions.request(first, "pause")
    reach(first, "paused")
    begun(ENDLESS)
    assert actions.resume(first).done
    assert first.state == "queued" and queue.place(first) == 1
    assert not actions.resume(first).done  # it is queued already
    assert actions.cancel(first).done
    assert first.state == "paused" and first.resumable
    assert not actions.cancel(first).done


def test_cancelling_or_deleting_a_run_that_never_started_leaves_nothing(runs_dir: Path):
    begun(ENDLESS)
    cancelled, deleted = begun(ENDLESS), begun(ENDLESS)
    assert actions.cancel(cancelled).done and actions.delete(deleted).done
    assert not cancelled.directory.exists() and queued_runs() == []
    assert len(list_runs()) == 1
    assert not list(runs_dir.glob(".trash*"))


def test_the_queue_survives_the_kill_of_all_processes(runs_dir: Path):
    """As in a reboot: tickets are files, and the first visitors start the scheduler again."""
    first = begun(ENDLESS)
    second = begun(SHORT)
    reach(first, "running")
    kill(runs_dir / queue.SCHEDULER)
    kill(first.directory)
    reach(first, "interrupted")
    wait_for(lambda: not is_alive(runs_dir / queue.SCHEDULER), "the scheduler is not dead yet")
    assert second.state == "queued"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: queue.ensure_scheduler(), range(4)))
    reach(second, "finished")
    assert len([run for run in list_runs() if run.state == "finished"]) == 1


def test_the_queue_needs_no_server():
    """A server starts one run, queues another, and is killed; both are trained."""
    for run_id in start_and_kill_server(SHORT, 2):
        reach(Run(paths.RUNS_DIR / run_id), "finished")


def test_a_scheduler_killed_while_it_starts_a_run_neither_loses_nor_doubles_it(runs_dir: Path):
    """Killed after the launch, before the ticket is gone: the trainer takes the ticket."""
    run = queued(runs_dir, "20260101-000000-quick-aa")
    queue.launch(run)
    reach(run, "running")
    assert not run.ticket.exists()
    assert queued_runs() == []


def test_the_order_does_not_depend_on_the_clock(runs_dir: Path):
    """Names sort by the time of the start, which may have been set back; tickets do not."""
    names = ("20260103-000000-quick-aa", "20260101-000000-quick-bb", "20260102-000000-quick-cc")
    runs = [queued(runs_dir, name) for name in names]
    assert [run.id for run in queued_runs()] == list(names)
    runs[0].ticket.unlink()
    assert [queue.place(run) for run in runs] == [None, 1, 2]


def test_a_run_is_due_when_nobody_uses_its_device_or_queued_for_it_before(runs_dir: Path):
    devices.record({f"cuda:{n}": f"GPU-{n}" for n in range(3)} | {"cpu": "cpu"})
    names = ("cuda:0", "cuda:0", "auto", "cuda:1", "cuda:2", "auto", "cpu")
    runs = [queued(runs_dir, f"2026010{n}-000000-quick-aa", d) for n, d in enumerate(names, 1)]

    def due() -> list[int]:
        return [runs.index(next(r for r in runs if r.id == run.id)) for run in queue.due()]

    assert due() == [0, 2, 4, 6], "auto takes the first GPU that is left"
    with devices.device_lock("GPU-0"):  # by a run outside runs/
        assert due() == [2, 4, 6]
    with devices.device_lock("GPU-1"):
        assert due() == [0, 2, 6], "auto takes the next one"


def test_a_run_on_several_gpus_waits_for_all_of_them(runs_dir: Path):
    devices.record({"cuda:0": "GPU-0", "cuda:1": "GPU-1", "cpu": "cpu"})
    both = Run(runs_dir / "20260101-000000-quick-aa")
    prepare(both.directory, replace(ENDLESS, device="auto", devices=2))
    queue.enter(both, 60.0)
    behind = queued(runs_dir, "20260102-000000-quick-aa", "cuda:0")
    assert [run.id for run in queue.due()] == [both.id]
    with devices.device_lock("GPU-1"):
        assert queue.due() == [], "the run behind would keep it waiting"
    assert queue.seconds_until_start(behind, [], [both, behind]) == 60.0


def test_a_queued_run_starts_on_the_gpu_that_is_free_first(runs_dir: Path):
    devices.record({"cuda:0": "GPU-0", "cuda:1": "GPU-1", "cpu": "cpu"})
    runs = [queued(runs_dir, f"2026010{n}-000000-quick-aa", "auto") for n in (1, 2, 3, 4)]
    for run, seconds in zip(runs, (60.0, 20.0, 50.0, 1.0), strict=True):
        write_json(run.ticket, read_json(run.ticket) | {"seconds": seconds})
    waits = [queue.seconds_until_start(run, [], runs) for run in runs]
    assert waits == [0.0, 0.0, 20.0, 60.0]


def test_a_damaged_ticket_and_a_damaged_config_block_nobody(runs_dir: Path):
    damaged = queued(runs_dir, "20260101-000000-quick-aa")
    damaged.ticket.write_text('{"num')
    damaged.config_path.write_text("{")
    behind = queued(runs_dir, "20260102-000000-quick-bb")
    assert queue.expected_seconds(damaged) is None
    assert [run.id for run in queued_runs()] == [damaged.id, behind.id]
    queue.ensure_scheduler()
    reach(behind, "running")
    assert damaged.state == "failed"
    assert "ConfigError" in damaged.log_tail()


def test_of_eight_starts_at_once_one_trains_and_seven_queue():
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(actions.start, [ENDLESS] * 8))
    assert all(outcome.done for outcome in outcomes)
    assert len(active_runs()) == 1
    assert [queue.place(run) for run in queued_runs()] == list(range(1, 8))


def terminal(*options: str) -> subprocess.Popen[str]:
    """The command ``train --wait`` in a terminal."""
    command = [sys.executable, "-m", "alexnet_demo", *SHORT.command(), "--wait", *options]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=paths.ROOT, text=True, stdout=pipe, stderr=pipe)
    wait_for(queued_runs, "it does not queue")
    return process


def test_a_terminal_waits_for_its_turn_and_follows_the_run():
    first = begun(ENDLESS)
    reach(first, "running")
    process = terminal("--json")
    assert len(active_runs()) == 1
    actions.request(first, "stop")
    out, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, log
    events = [json.loads(line) for line in out.splitlines()]
    assert (events[-1]["event"], events[-1]["reason"]) == ("end", "finished")
    assert "place 1" in log


def test_ctrl_c_removes_a_waiting_terminal_from_the_queue():
    with devices.device_lock("cpu"):
        process = terminal()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert list_runs() == []


def test_ctrl_c_is_tried_again_while_neither_cancel_nor_stop_succeeds(monkeypatch):
    busy = [actions.Outcome(False, "busy")] * 2
    run = begun(ENDLESS)
    reach(run, "running")
    request = actions.request
    monkeypatch.setattr(
        actions, "request", lambda *args, **role: busy.pop() if busy else request(*args, **role)
    )
    state = ThreadPoolExecutor(1).submit(follow, run, interrupted=True)
    wait_for(state.done, "it trains on")
    assert state.result() == "stopped" and not busy


def test_only_a_ticket_of_this_server_starts_a_run(runs_dir: Path):
    """A queued run's directory, copied, put back, or from elsewhere, brings no ticket along."""
    original = queued(runs_dir, "20260101-000000-quick-aa", "cuda:0")
    copy = Run(runs_dir / "20260102-000000-quick-bb")
    shutil.copytree(original.directory, copy.directory)
    write_json(copy.directory / "ticket.json", {"number": 1, "seconds": 1.0})
    backup = runs_dir.with_name("backup")
    shutil.copytree(original.directory, backup)
    assert [run.id for run in queued_runs()] == [original.id]
    assert actions.delete(original).done
    shutil.copytree(backup, original.directory)
    assert queued_runs() == [] and not original.ticket.exists()
    queue.run_scheduler()  # returns at once: nothing is queued
    assert [run.state for run in list_runs()] == ["interrupted"] * 2
    assert not any(run.job_path.exists() for run in list_runs())


def test_the_ticket_of_a_run_that_was_removed_by_hand_starts_no_later_one(runs_dir: Path):
    run = queued(runs_dir, "20260101-000000-quick-aa")
    backup = runs_dir.with_name("backup")
    run.directory.rename(backup)
    queue.run_scheduler()
    backup.rename(run.directory)
    assert queued_runs() == [] and run.state == "interrupted"


@pytest.mark.parametrize("device", ["x/../../victim", "a\0b", "x" * 300])
def test_a_forged_device_neither_leaves_the_folder_nor_stalls_the_queue(
    runs_dir: Path, device: str
):
    forged = queued(runs_dir, "20260101-000000-quick-aa")
    record = {**ENDLESS.to_json(), "device": device}
    forged.config_path.write_text(json.dumps(record))
    behind = queued(runs_dir, "20260102-000000-quick-bb")
    queue.ensure_scheduler()
    reach(behind, "running")
    assert forged.state == "failed" and "evice" in forged.log_tail()
    assert sorted(path.name for path in runs_dir.parent.iterdir()) == ["python", "runs"]


def test_an_odd_entry_among_the_tickets_stops_nobody(runs_dir: Path):
    run = queued(runs_dir, "20260101-000000-quick-aa")
    (run.ticket.parent / "20250101-000000-quick-zz.json").mkdir()
    queue.ensure_scheduler()
    reach(run, "running")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a FIFO")
def test_a_run_that_cannot_be_launched_lets_others_go_first(runs_dir: Path):
    stuck = queued(runs_dir, "20260101-000000-quick-aa")
    os.mkfifo(stuck.log)
    behind = queued(runs_dir, "20260102-000000-quick-bb")
    queue.ensure_scheduler()
    reach(behind, "running")
    assert [run.id for run in queued_runs()] == [stuck.id]
