"""Any arguments at all: done, or refused in one sentence, never a traceback.

The cases are made from the parser's own actions, so that a new option is covered at once.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import strategies as st
from PIL import Image

from alexnet_demo.cli.main import build_parser
from alexnet_demo.cli.options import file_path
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.runs.devices import device_lock
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from tests.support.fuzz import TIERS, fuzz, odd_texts
from tests.support.terminal import CONTROL, run

NO_DEVICE = "cuda:77"
PAUSED = "20260101-000000-quick-aa"
NUMBERS = (
    *("0", "1", "2", "7", "-1", "0.5", "1e300", "-0.0", "inf", "-inf", "nan", "1_0", "٣", "0x10"),
    *("99999999999", "99999999999999999999", f"1{'0' * 400}", "9" * 5000, "1e-320", "1e3"),
)
ALWAYS: Mapping[str, tuple[str, ...]] = {
    # The CPU is taken, so that what is not refused before is refused there.
    "train": ("--device", "cpu"),
    "probe": ("--device", NO_DEVICE),
    "bench": ("--device", NO_DEVICE),
    "doctor": ("--device", NO_DEVICE),
    "evaluate": ("--test-samples", "2"),
    "export": ("--samples", "100"),
    "load": ("--url", "http://127.0.0.1:1", "--users", "1"),
}
"""Arguments before the others, without which a case takes long."""


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command."""
    (commands,) = (a for a in build_parser()._actions if a.dest == "command")
    return dict(commands.choices)  # type: ignore[arg-type]


@pytest.fixture
def files(
    tmp_path: Path, runs_dir: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """Names of all sorts of files, in the current folder; the CPU is in use by a run."""
    folder = tmp_path / "files"
    (folder / "folder" / "Bag").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(paths, "WEIGHTS_DIR", folder)
    Path(paths.SHIPPED_WEIGHTS).symlink_to(tiny_weights)
    Image.new("L", (28, 28), 90).save("folder/Bag/a.png")
    Path("junk\x1b[31m\n\u202e.png").write_bytes(b"\x00junk")
    Path(os.fsdecode(b"\xff.png")).write_bytes(b"")
    checkpoint.save_weights(Path("wide.safetensors"), AlexNet(width=0.0625, in_channels=3), {})
    os.mkfifo("pipe")
    Path("loop").symlink_to("loop")
    paused = Run(runs_dir / PAUSED)
    prepare(paused.directory, TrainConfig.from_recipe("quick", device="cpu"))
    paused.last.write_bytes(b"state")
    made = [*map(str, Path().iterdir()), "folder/Bag/a.png", "none", "none/x", "pipe/x", "", "."]
    with device_lock("cpu"):
        yield [*made, "a\0b", "n" * 300, "\ud800", "/proc/1/none"]


def values(command: str, action: argparse.Action, files: list[str]) -> st.SearchStrategy[str]:
    """Values of an option or argument, most of them of its type."""
    name = action.dest
    usual = [str(choice) for choice in action.choices or ()]
    if name == "url":
        hosts = ("", "x", "http://", "http://[", "ftp://127.0.0.1:1", "http://127.0.0.1:99999")
        return st.sampled_from(["http://127.0.0.1:1/\x1b", "http://127.0.0.1:1", *hosts])
    if name == "device":
        return st.sampled_from([NO_DEVICE, "x/../../y", "tpu", "\0", "", "--"])
    if name in ("out", "onnx"):  # where nothing can be written; what can be takes long
        return st.sampled_from(["folder", "pipe", "pipe/x", "a\0b", "n" * 300])
    if action.type is file_path or name in ("paths", "resume", "name"):
        inputs = name in ("paths", "weights", "images")
        devices = ["/dev/zero", "/dev/null", "/dev/tty"] if inputs else []
        return st.sampled_from([*files, *devices, PAUSED, "fast", "-"])
    odd = st.one_of(st.sampled_from([*NUMBERS, "--", "-", "@x", "0.25:0.5"]), odd_texts)
    return st.one_of(st.sampled_from(usual), odd) if usual else odd


def commands(command: str, files: list[str]) -> st.SearchStrategy[list[str]]:
    """Arguments of a command: some options, then what it requires, at times with junk."""
    actions = [a for a in parsers()[command]._actions if a.dest not in ("help", "wait")]

    def given(action: argparse.Action) -> st.SearchStrategy[list[str]]:
        if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
            return st.sampled_from(action.option_strings).map(lambda flag: [flag])
        value = values(command, action, files)
        if not action.option_strings:
            return value.map(lambda text: [text])
        flags = st.sampled_from(action.option_strings)
        joined = st.tuples(flags, value).map(lambda pair: ["=".join(pair)])
        return st.one_of(joined, st.tuples(flags, value).map(list))

    optional = [a for a in actions if a.option_strings]
    required = [a for a in actions if a.required]
    some = st.lists(st.sampled_from(optional).flatmap(given), max_size=4)
    rest = st.tuples(*map(given, required)).map(list)
    junk: st.SearchStrategy[list[str]] = st.one_of(
        st.just([]), st.just([]), st.lists(odd_texts, min_size=1, max_size=2)
    )
    parts = st.tuples(some, rest, junk)
    return parts.map(lambda p: [*chain.from_iterable(p[0]), *chain.from_iterable(p[1]), *p[2]])


@TIERS
@pytest.mark.parametrize("command", sorted(parsers()))
def test_any_arguments(command: str, tier: str, files: list[str]) -> None:
    def check(case: tuple[list[str], str]) -> None:
        arguments, encoding = case
        status, out, err = run([command, *ALWAYS.get(command, ()), *arguments], encoding)
        assert status in (0, 1, 2, 130)
        assert "Traceback" not in err and "Unexpected" not in err
        assert not CONTROL.search(out + err)
        assert status in (0, 130) or (err or out).strip()
        if "--json" in arguments and "--help" not in arguments:
            for line in out.splitlines():
                json.loads(line)

    case = st.tuples(commands(command, files), st.sampled_from(["utf-8", "ascii"]))
    fuzz(tier, 1_000, case, check)
