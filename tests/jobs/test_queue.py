"""The queue: order, places, cancelling, and who attends it; with real processes and real kills.

What trains here is a stand-in that starts at once; `test_main` queues a real training.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from alexnet_demo.common.files import read_json
from alexnet_demo.jobs import actions, queue, scheduler
from alexnet_demo.runs import devices as devices_
from alexnet_demo.runs.devices import device_lock, is_locked
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import active_runs, get_run, list_runs, prepare, queued_runs
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from tests.support import stand_in
from tests.support.waiting import begun, reach, wait_for

REAL = sys.executable
LONG = TrainConfig(
    epochs=200, batch_size=8, width=0.0625, train_samples=400, test_samples=16, device="cpu"
)
SHORT = replace(LONG, epochs=1, train_samples=16)


@pytest.fixture(autouse=True)
def _nobody_left_behind(runs_dir: Path, tmp_path: Path, monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "executable", stand_in.interpreter(tmp_path))
    yield
    for folder in (runs_dir / scheduler.SCHEDULER, *(run.directory for run in list_runs())):
        kill(folder)


def kill(folder: Path) -> None:
    pid = read_json(folder / "job.json").get("pid")
    if pid and pid != os.getpid() and psutil.pid_exists(pid):
        os.kill(pid, signal.SIGKILL)


def started(settings: TrainConfig = LONG) -> Run:
    return begun(settings)


def waits(runs_dir: Path, name: str, device: str = "cpu") -> Run:
    """A run in the queue, and nobody to attend it."""
    run = Run(runs_dir / name)
    prepare(run.directory, replace(LONG, device=device))
    queue.enter(run, 60.0)
    return run


def test_runs_wait_and_are_trained_in_turn():
    first = started()
    second, third = started(SHORT), started(SHORT)
    assert [second.state, third.state] == ["queued", "queued"]
    assert [queue.place(run) for run in (first, second, third)] == [None, 1, 2]
    assert not second.active and not second.resumable
    reach(first, "running")
    assert actions.request(first, "pause").done  # a paused run gives the device back
    reach(third, "finished")
    assert second.state == "finished"
    assert second.history.end and third.history.start
    assert second.history.end["time"] <= third.history.start["time"]  # never two at once
    job = paths.RUNS_DIR / scheduler.SCHEDULER / "job.json"
    wait_for(lambda: not job.exists(), 10, "nothing waits, and still it attends")


def test_a_resumed_run_waits_too_and_goes_back_when_cancelled():
    first = started()
    reach(first, "running")
    actions.request(first, "pause")
    reach(first, "paused")
    second = started()
    assert actions.resume(first).message == "Queued, place 1."
    assert first.state == "queued"
    assert not actions.resume(first).done  # twice in the queue it cannot be
    assert actions.cancel(first).done
    assert first.state == "paused" and first.resumable
    assert not actions.cancel(second).done


def test_cancelling_a_run_that_never_began_leaves_nothing(runs_dir: Path):
    started()
    second = started()
    assert actions.cancel(second).done
    assert not second.directory.exists()
    assert len(list_runs()) == 1
    assert not list(runs_dir.glob(".trash*"))


def test_the_queue_survives_the_kill_of_all_processes():
    """As in a reboot: tickets are files, and whoever looks first has them attended again."""
    first = started()
    second = started(SHORT)
    reach(first, "running")
    kill(paths.RUNS_DIR / scheduler.SCHEDULER)
    kill(first.directory)
    reach(first, "interrupted")
    assert second.state == "queued"
    with ThreadPoolExecutor(4) as pool:  # several visitors at once
        for _ in pool.map(lambda _: scheduler.ensure_scheduler(), range(4)):
            pass
    reach(second, "finished")
    assert len([run for run in list_runs() if run.state == "finished"]) == 1


def test_the_queue_needs_no_server(runs_dir: Path):
    """A server starts one run, queues another and is killed; both are trained all the same."""
    code = (
        f"import sys, time; sys.executable = {sys.executable!r};"
        "from alexnet_demo.jobs import actions;"
        "from alexnet_demo.settings.config import TrainConfig;"
        f"print([actions.start(TrainConfig(**{SHORT.to_json()!r})).run_id for _ in range(2)][1],"
        "flush=True); time.sleep(99)"
    )
    server = subprocess.Popen([REAL, "-c", code], stdout=subprocess.PIPE, text=True)
    assert server.stdout
    run = get_run(server.stdout.readline().strip())
    assert run
    server.kill()
    server.wait()
    reach(run, "finished")


def test_an_attendant_killed_in_mid_start_neither_loses_nor_doubles_a_run(runs_dir: Path):
    """Killed after the launch, before the ticket is gone: the trainer takes it with it."""
    run = waits(runs_dir, "20260101-000000-quick-aa")
    scheduler.launch(run)
    reach(run, "running")
    assert not run.ticket.exists()
    assert queued_runs() == []


def test_first_come_first_served_whatever_the_clock_says(runs_dir: Path):
    """Names sort by the time of the start, which may have been set back; tickets do not."""
    names = ("20260103-000000-quick-aa", "20260101-000000-quick-bb", "20260102-000000-quick-cc")
    runs = [waits(runs_dir, name) for name in names]
    assert [run.id for run in queued_runs()] == list(names)
    queue.leave(runs[0])
    assert [queue.place(run) for run in runs] == [None, 1, 2]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("cpu", "cpu", True),
        ("cpu", "cuda:0", False),
        ("auto", "cuda:0", True),
        ("cuda", "cuda:1", True),
        ("cuda:0", "cuda:1", False),
        ("cuda", "cpu", False),
    ],
)
def test_which_names_may_mean_the_same_device(one: str, other: str, same: bool):
    assert devices_.same_device(one, other) == devices_.same_device(other, one) == same


def test_a_free_device_is_not_kept_waiting_by_another(runs_dir: Path):
    devices = ("cuda:0", "cuda:0", "cuda:1", "auto", "cuda:2")
    runs = [waits(runs_dir, f"2026010{n}-000000-quick-aa", d) for n, d in enumerate(devices, 1)]
    assert [run.id for run in queue.due()] == [runs[0].id, runs[2].id]  # auto may mean any
    with device_lock("cuda:0"):  # by a training outside of runs/
        assert [run.id for run in queue.due()] == [runs[2].id]


def test_a_lock_is_released_when_its_holder_dies(runs_dir: Path):
    code = (
        "from alexnet_demo.runs.devices import device_lock; import time;"
        "lock = device_lock('cpu'); lock.acquire(); print('held', flush=True); time.sleep(99)"
    )
    holder = subprocess.Popen([REAL, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    assert is_locked("cpu") and is_locked("auto")
    assert not is_locked("cuda:0")
    holder.kill()
    holder.wait()
    assert not is_locked("cpu")


def test_a_gpu_has_one_lock_however_it_is_numbered(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    third = device_lock("cuda:1").lock_file
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    assert device_lock("cuda:0").lock_file == third
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert device_lock("cuda:5").lock_file == third


def test_a_damaged_ticket_and_a_damaged_config_hold_nobody_up(runs_dir: Path):
    damaged = waits(runs_dir, "20260101-000000-quick-aa")
    damaged.ticket.write_text('{"num')
    (damaged.directory / "config.json").write_text("{")
    behind = waits(runs_dir, "20260102-000000-quick-bb")
    assert queue.expected_seconds(damaged) is None
    assert [run.id for run in queued_runs()] == [damaged.id, behind.id]
    scheduler.ensure_scheduler()
    reach(behind, "running")
    assert damaged.state == "failed"
    assert "cannot be read" in damaged.log_tail()


def test_a_run_deleted_while_it_waits_is_out_of_the_queue(runs_dir: Path):
    run = waits(runs_dir, "20260101-000000-quick-aa")
    assert actions.delete(run).done
    assert queued_runs() == []


def test_eight_browsers_pressing_start_at_once_train_one_and_queue_seven():
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(actions.start, [LONG] * 8))
    assert all(outcome.done for outcome in outcomes)
    assert len(active_runs()) == 1
    assert [queue.place(run) for run in queued_runs()] == list(range(1, 8))


def test_a_terminal_waits_for_its_turn_and_watches(runs_dir: Path):
    first = started()
    reach(first, "running")
    command = [sys.executable, "-m", "alexnet_demo", *SHORT.command(), "--wait", "--json"]
    pipe = subprocess.PIPE
    terminal = subprocess.Popen(command, cwd=paths.ROOT, text=True, stdout=pipe, stderr=pipe)
    wait_for(queued_runs, 30, "it does not queue")
    assert not active_runs()[1:]
    actions.request(first, "stop")
    out, told = terminal.communicate(timeout=60)
    assert terminal.returncode == 0, told
    assert [json.loads(line)["event"] for line in out.splitlines()][-1] == "end"
    assert "Queued, place 1" in told and "training finished" in told


def test_ctrl_c_takes_a_waiting_terminal_out_of_the_queue(runs_dir: Path):
    with device_lock("cpu"):
        command = [sys.executable, "-m", "alexnet_demo", "train", "--device", "cpu", "--wait"]
        terminal = subprocess.Popen(command, cwd=paths.ROOT, stderr=subprocess.PIPE, text=True)
        wait_for(queued_runs, 30, "it does not queue")
        terminal.send_signal(signal.SIGINT)
        _, told = terminal.communicate(timeout=30)
    assert terminal.returncode == 130
    assert "Removed from the queue." in told
    assert list_runs() == []
