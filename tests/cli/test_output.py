"""What the commands print: nothing that a terminal obeys, in any encoding, to any stream."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from alexnet_demo.cli.output import printable_output
from alexnet_demo.inference import image_files
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from tests.support.terminal import CONTROL, run
from tests.support.waiting import PATIENCE

NAME = "a\x1b[31m\x9b1m\n\u202egnp"
COMMAND = (sys.executable, "-m", "alexnet_demo")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_of_files_stay_text_on_their_line(encoding: str, tmp_path, tiny_weights) -> None:
    Image.new("L", (28, 28), 90).save(tmp_path / f"{NAME}.png")
    (tmp_path / f"{NAME}.jpg").write_bytes(b"junk")
    (tmp_path / os.fsdecode(b"\xff.png")).touch()
    command = ["predict", str(tmp_path), "--weights", str(tiny_weights)]
    status, out, err = run(command, encoding)
    assert status == 2
    assert (len(out.splitlines()), len(err.splitlines())) == (1, 2)
    assert not CONTROL.search(out + err)
    status, out, err = run([*command[:-1], f"{NAME}.safetensors"], encoding)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert not CONTROL.search(err)


def test_names_and_warnings_of_runs_stay_text(runs_dir: Path) -> None:
    one = Run(runs_dir / "20260101-000000-quick-aa")
    prepare(one.directory, TrainConfig.from_recipe("quick"))
    (one.directory / "label.json").write_text('{"name": "a\\u001b[31m\\u202e"}')
    status, out, err = run(["runs"], "ascii")
    assert status == 0 and one.id in out
    assert not CONTROL.search(out + err)


def test_logs_stay_text(capsys: pytest.CaptureFixture[str]) -> None:
    with printable_output():
        handler = logging.StreamHandler(sys.stderr)
        logger = logging.Logger("test")
        logger.addHandler(handler)
        logger.error("Cannot read %s", NAME)
        print(NAME)
    captured = capsys.readouterr()
    assert captured.out and "Cannot read a" in captured.err
    assert not CONTROL.search(captured.out + captured.err)


def test_arguments_in_an_error_stay_text() -> None:
    for arguments in ([NAME], ["train", f"--{NAME}"], ["train", "--recipe", NAME]):
        status, out, err = run(arguments)
        assert (status, out) == (2, "")
        assert not CONTROL.search(err)


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["summary", "--help"]])
def test_help_is_readable_in_ascii(arguments: list[str]) -> None:
    status, out, err = run(arguments, "ascii")
    assert status == 0 and out.startswith("usage: ") and not err


@pytest.mark.parametrize("arguments", [["train", "--help"], ["runs"]])
def test_a_reader_that_is_gone_ends_a_command_quietly(arguments: list[str], runs_dir: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=paths.ROOT, stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    # argparse takes no notice of a help text that cannot be written.
    assert (done.returncode, done.stderr) == (0 if "--help" in arguments else 1, b"")


@pytest.mark.skipif(os.name == "nt", reason="a shell")
@pytest.mark.parametrize(
    ("redirection", "status"), [(">&-", 0), (">&- 2>&-", 0), (">/dev/full", 1)]
)
def test_standard_output_that_cannot_be_written(redirection: str, status: int, runs_dir) -> None:
    if "full" in redirection and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    shell = f'exec "$0" -m alexnet_demo runs {redirection}'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable], cwd=paths.ROOT, capture_output=True, check=False
    )
    assert done.returncode == status
    assert b"Traceback" not in done.stderr and done.stderr.count(b"\n") == bool(status)


def test_a_text_says_whether_a_prediction_is_sure(tmp_path, monkeypatch) -> None:
    record = {"path": "a.png", "label": "Bag", "probabilities": {"Bag": 1.0, "Coat": 0.0001}}

    def line(**facts: bool) -> str:
        answer = iter([{**record, **facts}])
        monkeypatch.setattr(image_files, "classify_paths", lambda *_: answer)
        return run(["predict", "a.png"])[1].strip()

    ranked = "Bag >99.9%, Coat <0.1%"
    assert line(sure=True, clothing=True) == f"a.png: {ranked}"
    assert line(sure=False, clothing=True) == f"a.png: not sure: {ranked}"
    assert line(sure=False, clothing=False) == (
        "a.png: does not look like clothing, closest class: Bag"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        *(["bench"], ["evaluate"], ["probe"], ["queue"], ["summary"], ["predict", "docs"]),
        *(["export", "--out", "a.safetensors"], ["export", "--onnx", "a.onnx"]),
        *(["train", "--lr-find"], ["doctor"]),
    ],
)
def test_ctrl_c_ends_every_command_without_a_traceback(arguments, runs_dir, tmp_path) -> None:
    """At any moment, also while modules are imported: before, some printed a traceback."""
    for seconds in (0.3, 1.0, 3.0, 8.0):
        process = subprocess.Popen(
            [*COMMAND, *(str(tmp_path / a) if a.startswith("a.") else a for a in arguments)],
            cwd=paths.ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        time.sleep(seconds)
        if process.poll() is None:
            os.killpg(process.pid, 2)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode in (0, 130, -2), err
        assert "Traceback" not in err
