"""The commands, as a person or a script calls them: output, errors, exit status."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from alexnet_demo.cli import inspect, train
from alexnet_demo.cli.main import build_parser, main
from alexnet_demo.export import onnx
from alexnet_demo.export.script import training_script
from alexnet_demo.network import checkpoint
from alexnet_demo.runs.devices import device_lock
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import list_runs, prepare
from alexnet_demo.settings import article, config, paths
from tests.support.waiting import PATIENCE, wait_for

TRAIN = (
    *("train", "--width", "0.0625", "--batch-size", "16", "--device", "cpu"),
    *("--train-samples", "64", "--test-samples", "32"),
)


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_train_streams_events_then_predict_uses_its_weights(runs_dir, tmp_path, capsys):
    from PIL import Image

    from alexnet_demo.data.splits import load_split

    directory = tmp_path / "somewhere"
    assert main([*TRAIN, "--epochs", "1", "--run-dir", str(directory), "--json"]) == 0
    events = lines(capsys.readouterr().out)
    assert events[0]["event"] == "start"
    assert events[-1]["reason"] == "finished"
    assert events == lines((directory / "events.jsonl").read_text())
    assert "Epoch 1/1" in (directory / "train.log").read_text()

    image = tmp_path / "shoe.png"
    Image.fromarray(load_split(train=False).images[0].numpy()).save(image)
    best = str(Run(directory).best)
    assert main(["predict", str(image), "--weights", best, "--json"]) == 0
    (prediction,) = lines(capsys.readouterr().out)
    assert prediction["path"] == str(image)
    assert prediction["label"] in article.CLASSES
    assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "hours"),
    [
        ((), True),
        (("--epochs", "3"), True),
        (("--recipe", "article"), False),
        (("--recipe", "quick"), False),
        (("--width", "0.125"), False),
    ],
)
def test_only_the_default_recipe_without_a_gpu_takes_hours_unasked(monkeypatch, arguments, hours):
    args = build_parser().parse_args(["train", *arguments])
    for gpu in (False, True):
        monkeypatch.setattr(train, "has_gpu", lambda gpu=gpu: gpu)
        assert train._takes_hours(args) == (hours and not gpu)


def test_resume_with_more_epochs_saves_the_changed_settings(runs_dir, tmp_path, capsys):
    directory = tmp_path / "run"
    assert main([*TRAIN, "--epochs", "1", "--run-dir", str(directory)]) == 0
    more = ["--epochs", "2", "--lr-scale", "0.5"]
    assert main(["train", "--resume", str(directory), *more, "--json"]) == 0
    events = lines(capsys.readouterr().out.partition("\n")[2])
    assert [e["epoch"] for e in events if e["event"] == "epoch"] == [2]
    assert (Run(directory).config.epochs, Run(directory).config.lr_scale) == (2, 0.5)


def test_the_range_test_prints_its_trials_and_a_suggestion(capsys):
    recipe = ("--recipe", "quick", "--lr-find", "--json")
    assert main([*TRAIN, *recipe, "--precision", "fp32"]) == 0
    *trials, suggested = lines(capsys.readouterr().out)
    assert all(trial.keys() == {"lr", "loss", "smoothed"} for trial in trials)
    assert 1e-4 < suggested["suggested_lr"] < 3


def test_train_reports_unusable_arguments_with_status_2(runs_dir, tmp_path, capsys):
    assert main(["train", "--epochs", "0"]) == 2
    assert capsys.readouterr().err.startswith("alexnet_demo train: Epochs must be between 1 and")
    for option in (("--resume", "nothing"), ("--run-dir", str(tmp_path / "a")), ("--wait",)):
        assert main([*TRAIN, "--lr-find", *option]) == 2
        assert option[0] in capsys.readouterr().err
    assert main([*TRAIN, "--device", "cuda:77", "--run-dir", str(tmp_path / "a")]) == 2
    assert "'cuda:77'" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
    assert main(["train", "--recipe", "none"]) == 2


def test_a_busy_device_is_refused_before_anything_is_written(runs_dir: Path, capsys):
    paused = Run(runs_dir / "20260101-000000-quick-aa")
    prepare(paused.directory, config.TrainConfig.from_recipe("quick", device="cpu"))
    paused.last.write_bytes(b"state")
    with device_lock("cpu"):
        assert main([*TRAIN, "--json"]) == 2
        assert main(["train", "--resume", paused.id]) == 2
    output = capsys.readouterr()
    line = "alexnet_demo train: Another run is using cpu: pause or stop it first, choose "
    assert output.err == 2 * f"{line}another device, or queue behind it with --wait.\n"
    assert not output.out
    assert [run.id for run in list_runs()] == [paused.id]
    assert not paused.events.exists()


def test_of_two_runs_started_at_once_one_trains_and_the_other_leaves_no_trace(runs_dir: Path):
    command = [sys.executable, "-m", "alexnet_demo", *TRAIN, "--epochs", "1"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, cwd=paths.ROOT, **pipes) for _ in range(2)]  # type: ignore[call-overload]
    errors = [process.communicate(timeout=PATIENCE)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], errors
    assert [run.state for run in list_runs()] == ["finished"]


def test_a_queued_run_starts_when_the_device_is_free(runs_dir: Path, capsys):
    with device_lock("cpu"):
        options = ["--epochs", "1", "--wait", "--json"]
        command = [sys.executable, "-m", "alexnet_demo", *TRAIN, *options]
        terminal = subprocess.Popen(command, cwd=paths.ROOT, stdout=subprocess.PIPE, text=True)
        wait_for(lambda: [run.state for run in list_runs()] == ["queued"], "not queued")
    out, _ = terminal.communicate(timeout=PATIENCE)
    assert terminal.returncode == 0
    assert [e["epoch"] for e in lines(out) if e["event"] == "epoch"] == [1]
    assert lines(out)[-1]["reason"] == "finished"


def test_ctrl_c_stops_with_a_checkpoint_and_resume_finishes(runs_dir: Path, capsys):
    command = [sys.executable, "-m", "alexnet_demo", *TRAIN, "--epochs", "3", "--json"]
    process = subprocess.Popen(
        command, cwd=paths.ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    (run,) = wait_for(list_runs, "no run")
    wait_for(lambda: run.history.batches, "no batch")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert lines(out)[-1]["reason"] == "stopped"
    assert main(["train", "--resume", run.id, "--json"]) == 0
    assert [e["epoch"] for e in run.history.epochs] == [1, 2, 3]
    assert checkpoint.load(run.last)[1]["step"] == 12


def test_summary_gives_the_true_totals(capsys):
    assert main(["summary", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total_params"] == 46_764_746
    assert main(["summary", "--json", "--in-channels", "3", "--classes", "1000"]) == 0
    assert json.loads(capsys.readouterr().out)["total_params"] == 50_844_008
    assert main(["summary"]) == 0
    assert "46,764,746" in capsys.readouterr().out
    assert main(["summary", "--image-size", "66"]) == 2
    assert "66×66 is too small" in capsys.readouterr().err


def test_runs_lists_runs(runs_dir: Path, capsys):
    assert main(["runs", "--json"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["runs"]) == 0
    assert "python -m alexnet_demo train" in capsys.readouterr().out
    prepare(runs_dir / "20260101-000000-quick-aa", config.TrainConfig.from_recipe("quick"))
    assert main(["runs", "--json"]) == 0
    (record,) = lines(capsys.readouterr().out)
    assert record["state"] == "interrupted"
    assert record["recipe"] == "quick"
    assert main(["runs"]) == 0
    assert "Quick look" in capsys.readouterr().out


def test_predict_reports_damaged_files_and_continues(tmp_path: Path, tiny_weights: Path, capsys):
    from PIL import Image

    image = Image.new("L", (40, 60), 255)
    image.paste(60, (10, 10, 30, 50))
    image.save(tmp_path / "b.png")
    (tmp_path / "a.png").write_bytes(b"not an image")
    assert main(["predict", str(tmp_path), "--weights", str(tiny_weights), "--json"]) == 2
    broken, good = lines(capsys.readouterr().out)
    assert broken["path"].endswith("a.png")
    assert broken["error"]
    assert good["label"]
    missing = str(tmp_path / "none.safetensors")
    assert main(["predict", str(tmp_path), "--weights", missing]) == 2
    assert missing in capsys.readouterr().err


@pytest.mark.parametrize("command", [["predict", "shoe.png"], ["evaluate"]])
def test_without_the_included_model_the_error_shows_how_to_choose_weights(
    runs_dir: Path, tmp_path: Path, monkeypatch, capsys, command: list[str]
):
    monkeypatch.setattr(paths, "WEIGHTS_DIR", tmp_path)
    assert main(command) == 2
    assert "--weights runs/RUN/checkpoints/best.safetensors" in capsys.readouterr().err
    run = Run(runs_dir / "20260101-000000-quick-aa")
    prepare(run.directory, config.TrainConfig.from_recipe("quick"))
    run.best.touch()
    assert main(command) == 2
    assert f"--weights {run.best}" in capsys.readouterr().err


def test_evaluate_uses_the_test_set(tiny_weights: Path, capsys):
    command = ["evaluate", "--weights", str(tiny_weights), "--test-samples", "50", "--json"]
    assert main([*command, "--device", "cpu"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert 0 <= report["accuracy"] <= 1
    assert main([*command, "--test-samples", "0"]) == 2


def test_export_quantizes_to_a_file_that_other_commands_read(
    trained_run: Run, tmp_path: Path, capsys
):
    out = tmp_path / "new folder" / "small.safetensors"
    command = ["export", "--weights", str(trained_run.best), "--device", "cpu", "--json"]
    assert main([*command, "--out", str(out), "--samples", "300"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["bytes"] == out.stat().st_size < trained_run.best.stat().st_size / 2
    assert report["certainty"]["temperature"] > 0
    evaluate = ["evaluate", "--weights", str(out), "--test-samples", "50", "--json"]
    assert main([*evaluate, "--device", "cpu"]) == 0
    assert json.loads(capsys.readouterr().out)["temperature"] == report["certainty"]["temperature"]
    assert main([*command, "--out", str(out), "--samples", "1"]) == 2
    assert "--samples" in capsys.readouterr().err


def test_export_writes_a_run_as_a_script(tmp_path: Path, capsys):
    out = tmp_path / "new folder" / "train.py"
    settings = ["--recipe", "quick", "--epochs", "2", "--device", "cpu"]
    assert main(["export", "--script", str(out), *settings, "--json"]) == 0
    (report,) = lines(capsys.readouterr().out)
    expected = config.TrainConfig.from_recipe("quick", epochs=2, device="cpu")
    assert out.read_text(encoding="utf-8") == training_script(expected)
    assert report["out"] == str(out) and report["config"] == expected.to_json()
    assert report["lines"] == len(out.read_text(encoding="utf-8").splitlines())
    assert main(["export", "--script", str(out), "--epochs", "0"]) == 2
    assert "Epochs" in capsys.readouterr().err


def test_export_writes_a_model_as_onnx(tiny_weights: Path, tmp_path: Path, capsys):
    for name in onnx.PACKAGES:
        pytest.importorskip(name)
    out = tmp_path / "net.onnx"
    command = ["export", "--onnx", str(out), "--weights", str(tiny_weights)]
    assert main([*command, "--json"]) == 0
    (report,) = lines(capsys.readouterr().out)
    assert report["bytes"] == out.stat().st_size
    assert {"greatest_difference", "same_labels", "pictures"} <= report.keys()


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        ([], "--out, --onnx"),
        (["--out", "a", "--onnx", "b"], "--out, --onnx"),
        (["--out", "a", "--epochs", "3"], "--script"),
        (["--script", "a", "--weights", "b"], "--weights"),
    ],
)
def test_export_writes_one_file(arguments: list[str], facts: str, tmp_path, capsys):
    files = [str(tmp_path / part) if part in ("a", "b") else part for part in arguments]
    assert main(["export", *files]) == 2
    assert facts in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_report_of_a_run_is_one_file(runs_dir: Path, tmp_path: Path, capsys):
    out = tmp_path / "new folder" / "report.html"
    assert main(["report", "fast", "--html", str(out), "--json"]) == 0
    (done,) = lines(capsys.readouterr().out)
    assert done.keys() == {"run", "path", "bytes", "seconds"}
    assert (done["path"], done["bytes"]) == (str(out), out.stat().st_size)
    assert "Fast, on two CPU cores" in out.read_text(encoding="utf-8")
    run = Run(runs_dir / "20260101-000000-quick-aa")
    prepare(run.directory, config.TrainConfig.from_recipe("quick"))
    for name in (run.id, str(run.directory)):
        assert main(["report", name, "--html", str(out)]) == 0
        assert str(out) in capsys.readouterr().out
    assert main(["report", "nothing", "--html", str(out)]) == 2
    assert "'nothing'" in capsys.readouterr().err
    run.best.write_bytes(b"no weights")
    assert main(["report", run.id, "--html", str(out)]) == 2
    assert "best.safetensors" in capsys.readouterr().err
    assert main(["report", "fast", "--html", str(tmp_path)]) == 2


def write_to_a_closed_pipe(_: object) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as pipe:
        pipe.write(b"x")


def connect_to_a_closed_port(_: object) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        socket.create_connection(unused.getsockname()).close()


def read_a_missing_file(_: object) -> None:
    Path("none").read_bytes()


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (write_to_a_closed_pipe, "Broken pipe"),
        (connect_to_a_closed_port, "Connection refused"),
        (read_a_missing_file, "No such file or directory: none"),
    ],
)
def test_an_error_of_the_system_names_a_file_only_if_there_is_one(
    command, sentence: str, monkeypatch, capsys
):
    monkeypatch.setattr(inspect, "run_summary", command)
    assert main(["summary"]) == 2
    assert capsys.readouterr().err == f"alexnet_demo summary: {sentence}\n"


@pytest.mark.parametrize(
    "command",
    [
        ["predict", ""],
        ["predict", "shoe.png", ""],
        ["evaluate", "--images", ""],
        ["evaluate", "--weights="],
        ["train", "--run-dir", ""],
        ["train", "--resume", ""],
        ["export", "--out", ""],
        ["report", "", "--html", "a"],
        ["report", "fast", "--html", ""],
    ],
)
def test_an_empty_path_is_not_the_current_folder(command: list[str], runs_dir: Path, capsys):
    assert main(command) == 2
    assert capsys.readouterr().err.endswith("a path cannot be empty\n")


def test_standard_output_is_json_only():
    done = subprocess.run(
        [sys.executable, "-m", "alexnet_demo", "summary", "--json"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    assert len(lines(done.stdout)) == 1


@pytest.mark.parametrize(("command", "library"), [("runs", "numpy"), ("predict x.png", "torch")])
@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        ("No module named it", "requirements.txt"),
        ("libfoo.so: failed to map segment from shared object", "memory"),
    ],
)
def test_a_library_that_cannot_be_loaded_is_no_traceback(
    command: str, library: str, reason: str, answer: str, tmp_path: Path
) -> None:
    (tmp_path / f"{library}.py").write_text(f"raise ImportError({reason!r})\n")
    path = os.pathsep.join([str(tmp_path), str(paths.ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "alexnet_demo", *command.split()],
        env=os.environ | {"PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and answer in done.stderr
