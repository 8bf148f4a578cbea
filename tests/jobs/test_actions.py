"""Training processes, real ones: started, paused, resumed, stopped, killed, deleted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from alexnet_demo.common.files import write_json
from alexnet_demo.jobs import actions, lr_tests, processes
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.history import NUMBERS
from alexnet_demo.runs.process_info import register
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import best_run, current_run, get_run, list_runs, prepare
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from tests.support.waiting import begun, reach, wait_for

LONG = TrainConfig(
    epochs=200, batch_size=8, width=0.0625, train_samples=400, test_samples=16, device="cpu"
)


@pytest.fixture(autouse=True)
def _no_trainer_left_behind(runs_dir: Path) -> Iterator[None]:
    yield
    lr_tests.stop_lr_test()
    for run in list_runs():
        if run.active and pid_of(run) != os.getpid():
            psutil.Process(pid_of(run)).kill()


def started(config: TrainConfig = LONG) -> Run:
    return begun(config)


def pid_of(run: Run) -> int:
    return json.loads((run.directory / "job.json").read_text())["pid"]


def canned(directory: Path, *events: dict, config: TrainConfig = LONG) -> Run:
    prepare(directory, config)
    writer = EventWriter(directory / "events.jsonl")
    for event in events:
        writer.write(event.pop("event"), **event)
    writer.close()
    return Run(directory)


def test_start_pause_resume_stop():
    run = started()
    assert run.state in ("starting", "running")
    reach(run, "running")
    wait_for(lambda: len(run.history.batches) > 1, 30, "no batches")
    assert psutil.Process(pid_of(run)).nice() > 0  # pages come first
    assert actions.request(run, "pause").done
    assert run.state in ("pausing", "paused")
    reach(run, "paused")
    paused_at = run.history.step
    assert run.resumable

    assert actions.resume(run).done
    assert run.state in ("starting", "running")
    reach(run, "running")
    wait_for(lambda: run.history.batches[-1]["step"] > paused_at, 30, "did not go on")
    steps = [b["step"] for b in run.history.batches]
    assert steps == sorted(set(steps))
    assert actions.request(run, "stop").done
    reach(run, "stopped")
    assert not actions.request(run, "stop").done


def test_a_killed_trainer_is_seen_and_can_go_on():
    run = started(LONG)
    reach(run, "running")
    assert actions.request(run, "pause").done
    reach(run, "paused")
    actions.resume(run)
    reach(run, "running")
    os.kill(pid_of(run), signal.SIGKILL)
    reach(run, "interrupted")
    assert "killed or ran out of memory" in run.error
    assert actions.resume(run).done
    reach(run, "running")


def test_the_trainer_outlives_its_starter(runs_dir: Path):
    """As when the web server is killed in mid-training."""
    code = (
        "from alexnet_demo.jobs import actions;"
        "from alexnet_demo.settings.config import TrainConfig;"
        "import time;"
        f"print(actions.start(TrainConfig(**{LONG.to_json()!r})).run_id, flush=True);"
        "time.sleep(99)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert starter.stdout
    run = get_run(starter.stdout.readline().strip())
    assert run
    starter.kill()
    starter.wait()
    reach(run, "running")
    wait_for(lambda: len(run.history.batches) > 1, 30, "no batches")


def test_a_trainer_that_cannot_begin_has_failed():
    run = started(TrainConfig(**{**LONG.to_json(), "device": "cuda:77"}))
    reach(run, "failed")
    assert "no device 'cuda:77'" in run.error


def test_a_pid_used_by_another_process_is_not_ours(runs_dir: Path):
    run = canned(runs_dir / "a", {"event": "start", "step": 0})
    register(run.directory, os.getpid())
    record = json.loads((run.directory / "job.json").read_text())
    write_json(run.directory / "job.json", {**record, "marks": 0})
    assert run.state == "running"
    record = {**record, "marks": 0, "started": record["started"] - 1000}
    write_json(run.directory / "job.json", record)
    assert run.state == "interrupted"


def test_a_clock_that_is_set_does_not_end_a_run(runs_dir: Path, monkeypatch):
    run = canned(runs_dir / "a", {"event": "start", "step": 0})
    sleeper = subprocess.Popen(["sleep", "60"])  # ended with the test, as a trainer would be
    register(run.directory, sleeper.pid)
    record = json.loads((run.directory / "job.json").read_text())
    write_json(run.directory / "job.json", {**record, "marks": 0})
    boot = psutil.boot_time()
    for module in (psutil, getattr(psutil, "_pslinux", psutil)):
        monkeypatch.setattr(module, "boot_time", lambda: boot - 3600)
    assert run.state == "running"


def test_a_pause_right_after_resume_is_heard():
    run = started()
    reach(run, "running")
    actions.request(run, "pause")
    reach(run, "paused")
    assert actions.resume(run).done
    assert actions.request(run, "pause").done
    reach(run, "paused")


def test_a_trainer_faster_than_its_starter_begins_all_the_same(monkeypatch):
    """The child may read the run directory before it is registered as its process."""
    monkeypatch.setattr(processes, "register", lambda *_: None)
    run = started()
    reach(run, "running")


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ({"event": "end", "reason": "finished"}, "finished"),
        ({"event": "end", "reason": "stopped"}, "stopped"),
        ({"event": "end", "reason": "paused"}, "paused"),
        ({"event": "error", "message": "No."}, "failed"),
        ({"event": "batch", "step": 1}, "interrupted"),
    ],
)
def test_state_follows_from_the_last_event(runs_dir: Path, event: dict, state: str):
    assert canned(runs_dir / "a", {"event": "start", "step": 0}, event).state == state


def test_runs_are_listed_newest_first_and_found_by_id_alone(runs_dir: Path):
    assert list_runs() == []
    for name in ("20260101-000000-article-aa", "20260102-000000-quick-bb"):
        canned(runs_dir / name)
    (runs_dir / "no-run").mkdir()
    assert [run.id[-2:] for run in list_runs()] == ["bb", "aa"]
    assert get_run("20260101-000000-article-aa")
    for wrong in ("", "..", "../runs/20260101-000000-article-aa", "no-run", ".locks", "a/b"):
        assert get_run(wrong) is None


def an_epoch(accuracy: float) -> dict:
    return {"event": "epoch", **dict.fromkeys(NUMBERS["epoch"], 1.0), "test_accuracy": accuracy}


def test_a_run_that_failed_at_once_does_not_take_over(runs_dir: Path):
    assert current_run() is None
    failed = {"event": "error", "message": "No."}
    canned(runs_dir / "20260101-000000-quick-aa", {"event": "end", "reason": "finished"})
    canned(runs_dir / "20260102-000000-quick-bb", failed.copy())
    assert (run := current_run()) and run.id[-2:] == "aa"
    canned(runs_dir / "20260103-000000-quick-cc", an_epoch(0.5), failed.copy())
    assert (run := current_run()) and run.id[-2:] == "cc"


def test_the_best_run_is_the_one_with_the_highest_test_accuracy(runs_dir: Path):
    assert best_run() is None
    for day, accuracy in enumerate((0.8, 0.9, 0.1), 1):
        canned(runs_dir / f"2026010{day}-000000-quick-aa", an_epoch(accuracy)).best.touch()
    canned(runs_dir / "20260104-000000-quick-aa", an_epoch(0.95))  # its weights are gone
    assert (run := best_run()) and run.best_accuracy == 0.9


def test_runs_of_one_minute_have_different_names(runs_dir: Path):
    ids = ("20260101-130500-article-aa", "20260101-130542-article-bb", "20260101-130600-article-cc")
    for run_id in ids:
        canned(runs_dir / run_id)
    assert [run.name[-8:] for run in list_runs()] == ["an 13:06", "13:05:42", "13:05:00"]


def test_name_and_note_are_kept(runs_dir: Path):
    run = canned(runs_dir / "20260101-130500-quick-aa", config=TrainConfig.from_recipe("quick"))
    assert run.name == "Quick look, 01 Jan 13:05"
    assert actions.label(run, "  My\nrun ", " why\nso ").done
    again = Run(run.directory)
    assert (again.name, again.note) == ("My run", "why\nso")
    actions.label(again, "", "")
    assert Run(run.directory).name == "Quick look, 01 Jan 13:05"


def test_a_run_that_waits_goes_on_with_what_was_changed(runs_dir: Path):
    run = canned(runs_dir / "a", an_epoch(0.5), {"event": "end", "reason": "finished"})
    assert not actions.change_settings(run, epochs=300).done  # there is no checkpoint
    run.last.touch()
    path = run.directory / "config.json"
    write_json(path, {**json.loads(path.read_text()), "commit": "abc"})
    assert actions.change_settings(run, epochs=300, lr_scale=0.5, patience=3).done
    record = json.loads(path.read_text())
    assert (record["epochs"], record["commit"]) == (300, "abc")
    assert (run.config.lr_scale, run.config.patience) == (0.5, 3)
    assert run.resumable
    assert actions.change_settings(run, epochs=1).message == "Saved. No epochs are left to train."
    assert "between 0.001" in actions.change_settings(run, lr_scale=-1.0).message
    assert run.config.lr_scale == 0.5


def test_a_finished_run_goes_on_for_more_epochs():
    run = started(TrainConfig(**{**LONG.to_json(), "epochs": 1}))
    reach(run, "finished")
    assert not run.resumable and not actions.resume(run).done
    assert actions.change_settings(run, epochs=2).done
    assert actions.resume(run).done
    wait_for(lambda: len(run.history.epochs) == 2, 60, f"did not go on: {run.log_tail()}")
    reach(run, "finished")
    assert not run.resumable


def lr_test(test_id: str | None) -> lr_tests.LrTest:
    test = lr_tests.read_lr_test(str(test_id))
    assert test
    return test


def test_a_learning_rate_is_looked_for_beside_the_server():
    found = lr_tests.start_lr_test(replace(LONG, init="kaiming", momentum=0.9))
    assert found.done, found.message
    wait_for(lambda: not lr_test(found.run_id).running, 60, "it does not end")
    test = lr_test(found.run_id)
    assert test.error == ""
    assert test.suggestion
    rates = [trial["lr"] for trial in test.trials]
    assert rates == sorted(set(rates)) and len(rates) > 5
    assert list_runs() == []


@pytest.fixture
def trying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for Python: tries one learning rate, and another once this file is there."""
    command, go_on = tmp_path / "python", tmp_path / "go-on"
    line = '{{"lr": {}, "loss": 2.3, "smoothed": 2.3}}'
    command.write_text(
        f"#!/bin/sh\necho '{line.format(0.01)}'; printf '{{\"lr\"'\n"
        f"while [ ! -e {go_on} ]; do sleep 0.05; done\n"
        f'echo \': 0.02, "loss": 2, "smoothed": 2}}\'; echo \'{{"suggested_lr": 0.02}}\'\n'
    )
    command.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(command))
    return go_on


def test_learning_rates_are_seen_as_they_are_tried(trying: Path):
    found = lr_tests.start_lr_test(LONG)
    wait_for(lambda: lr_test(found.run_id).trials, 10, "no trial")
    assert len(lr_test(found.run_id).trials) == 1  # half a line is none
    assert lr_test(found.run_id).suggestion is None
    assert lr_tests.running_lr_test() == found.run_id
    assert "already" in lr_tests.start_lr_test(LONG).message  # one at a time
    trying.touch()
    wait_for(lambda: not lr_test(found.run_id).running, 10, "it does not end")
    assert lr_test(found.run_id).suggestion == 0.02
    assert [trial["lr"] for trial in lr_test(found.run_id).trials] == [0.01, 0.02]

    again = lr_tests.start_lr_test(LONG)
    assert again.done
    assert lr_tests.read_lr_test(str(found.run_id)) is None  # swept


def test_looking_for_a_learning_rate_gives_way_to_a_training(trying: Path):
    found = lr_tests.start_lr_test(LONG)
    assert lr_tests.running_lr_test()
    run = started()  # stands still, too
    assert lr_tests.running_lr_test() is None
    assert lr_tests.read_lr_test(str(found.run_id)) is None
    assert run.active
    assert "is using cpu: pause or stop it first" in lr_tests.start_lr_test(LONG).message


def test_a_killed_look_for_a_learning_rate_says_so(trying: Path, runs_dir: Path):
    found = lr_tests.start_lr_test(LONG)
    job = runs_dir / lr_tests.LR_TESTS / str(found.run_id) / "job.json"
    psutil.Process(json.loads(job.read_text())["pid"]).kill()
    wait_for(lambda: not lr_test(found.run_id).running, 10, "it does not end")
    assert "killed or ran out of memory" in lr_test(found.run_id).error


def test_a_look_for_a_learning_rate_that_fails_says_why():
    found = lr_tests.start_lr_test(TrainConfig(device="cuda:77"))
    wait_for(lambda: not lr_test(found.run_id).running, 60, "it does not end")
    assert lr_test(found.run_id).error.startswith("There is no device 'cuda:77' here")


def test_delete_spares_what_trains(runs_dir: Path):
    run = started()
    outcome = actions.delete(run)
    assert not outcome.done
    assert "stop it" in outcome.message
    finished = canned(runs_dir / "b", {"event": "end", "reason": "finished"})
    assert actions.delete(finished).done
    assert [r.id for r in list_runs()] == [run.id]
    assert not list(runs_dir.glob(".trash*"))


def test_damaged_files_do_no_harm(runs_dir: Path):
    run = canned(runs_dir / "a", {"event": "end", "reason": "finished"})
    for name in ("config.json", "job.json", "label.json"):
        (run.directory / name).write_text('{"half')
    again = Run(run.directory)
    assert again.config == TrainConfig()
    assert again.state == "finished"
    assert again.name


def test_a_directory_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(paths, "RUNS_DIR", tmp_path / "file" / "runs")
    outcome = actions.start(LONG)
    assert not outcome.done
    assert "could not be started" in outcome.message


def test_probe_answers_or_says_why():
    found = processes.probe(TrainConfig(width=0.0625, batch_size=2, device="cpu"))
    assert [speed["device"] for speed in found["speeds"]] == ["cpu"]
    assert found["devices"]
    wrong = processes.probe(TrainConfig(device="cuda:77"))
    assert wrong["error"].startswith("There is no device 'cuda:77' here")


def test_a_run_from_elsewhere_is_shown_as_far_as_it_can_be(runs_dir: Path):
    """Each of these once broke the list of runs, or the page."""
    run = canned(runs_dir / "a", {"event": "end", "reason": "finished"})
    event = {"event": "start", "time": 9e14, "step": 0, "config": {"epochs": [1]}}
    run.events.write_text(json.dumps(event) + "\n")
    write_json(run.directory / "job.json", {"pid": 10**30, "started": 1, "marks": "x"})
    write_json(run.directory / "label.json", {"name": "a\n\u202e=b" + "c" * 200, "note": 7})
    (run.directory / "request").write_bytes(b"\xff")
    (found,) = list_runs()
    assert found.state == "interrupted" and not found.stopped_early and found.started
    assert found.name.startswith("a =bc") and len(found.name) == actions.MAX_NAME
    assert found.note == "" and found.request == ""
    assert json.dumps(found.to_json())


@pytest.mark.parametrize("name", ["=a", "a b", ".hidden", "a\nb", "ä", "a" * 200])
def test_directories_whose_names_are_no_ids_are_no_runs(runs_dir: Path, name: str):
    prepare(runs_dir / name, LONG)
    assert list_runs() == [] and get_run(name) is None
    assert get_run("a" * 5_000) is None and get_run("../a") is None
