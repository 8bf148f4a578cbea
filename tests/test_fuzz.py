"""Anything from outside is used, or refused in one line: thousands of generated cases.

A few of each kind run with every test run, all of them with ``pytest -m slow``; the cases are the
same each time.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save

from alexnet_demo.common.errors import CheckpointError, ConfigError, ImageError
from alexnet_demo.common.text import no_formula, one_line, readable
from alexnet_demo.figures import training
from alexnet_demo.images import strokes as drawing
from alexnet_demo.images.decode import open_image
from alexnet_demo.images.prepare import prepare
from alexnet_demo.inference.predictions import Results
from alexnet_demo.jobs import actions
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.runs.events import EventReader
from alexnet_demo.runs.history import NUMBERS, History
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import get_run, list_runs
from alexnet_demo.settings import config, paths, schedule
from alexnet_demo.ui.predict.classify import as_csv
from alexnet_demo.ui.results.embedding_map import _numbers
from alexnet_demo.ui.results.views import _cell
from alexnet_demo.ui.train.downloads import metrics_csv, metrics_json
from alexnet_demo.ui.train.runs_table import _row
from alexnet_demo.ui.widgets.markdown import plain
from tests.support.fuzz import TIERS, fuzz, odd_numbers, odd_texts, odd_values
from tests.support.hostile import encode, garment


def mixed(usual: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Records in which any value may be missing or replaced by an odd one."""
    return st.fixed_dictionaries(
        {}, optional={k: st.one_of(st.just(v), st.just(v), odd_values) for k, v in usual.items()}
    )


def damaged(files: list[bytes]) -> st.SearchStrategy[bytes]:
    """Files with bytes changed, removed, doubled, or inserted, or truncated."""
    edit = st.tuples(
        st.sampled_from(["set", "drop", "double", "insert", "cut", "big"]),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=8),
    )

    def apply(pair: tuple[bytes, list[tuple[str, float, bytes]]]) -> bytes:
        data = bytearray(pair[0])
        for what, share, content in pair[1]:
            # Most of what a decoder trusts is at the beginning.
            at = int(share * share * len(data))
            if what == "set":
                data[at : at + len(content)] = content
            elif what == "big":
                data[at : at + 4] = b"\xff\xff\xff\x7f"
            elif what == "drop":
                del data[at : at + len(content)]
            elif what == "double":
                data[at:at] = data[at : at + 64]
            elif what == "insert":
                data[at:at] = content
            else:
                del data[at + 1 :]
        return bytes(data)

    return st.tuples(st.sampled_from(files), st.lists(edit, min_size=1, max_size=4)).map(apply)


def small_files() -> list[bytes]:
    """A small image in each format, in most of its variants."""
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = np.linspace(0, 65_535, 24 * 20).reshape(20, 24)
    image = garment((24, 20))
    return [
        encode(image, "PNG"),
        encode(image.convert("RGBA"), "PNG", exif=exif),
        encode(image.convert("P"), "PNG", transparency=0),
        encode(Image.fromarray(deep.astype(np.uint16)), "PNG"),
        encode(image, "JPEG", exif=exif),
        encode(image, "JPEG", progressive=True, comment="x" * 50),
        encode(image.convert("CMYK"), "JPEG"),
        encode(image, "WEBP"),
        encode(image.convert("RGBA"), "WEBP", lossless=True, exif=exif),
        encode(image, "WEBP", save_all=True, append_images=[image.rotate(90)]),
        encode(image.convert("P"), "GIF", comment="x" * 300),
        encode(image, "GIF", save_all=True, append_images=[image.rotate(90)]),
        encode(image, "BMP"),
        encode(image.convert("1"), "BMP"),
        encode(image, "TIFF"),
        encode(image, "TIFF", compression="tiff_lzw", exif=exif),
        encode(image.convert("1"), "TIFF", compression="group4"),
        encode(image, "TIFF", compression="jpeg"),
        encode(Image.fromarray(deep.astype(np.float32)), "TIFF"),
        encode(Image.fromarray(deep.astype(np.int32)), "TIFF", compression="tiff_deflate"),
    ]


@TIERS
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_damaged_image_files(tier: str) -> None:
    def check(data: bytes) -> None:
        try:
            opened = open_image(data)
            prepare(opened)
        except ImageError as error:
            assert str(error).endswith(".") and "\n" not in str(error)
        else:
            assert opened.mode in ("RGB", "RGBA") and 0 < max(opened.size) <= 512

    fuzz(tier, 5_000, st.one_of(damaged(small_files()), st.binary(max_size=200)), check)


@TIERS
def test_any_pixels_in_any_shape(tier: str) -> None:
    def check(case: tuple[int, int, int, str]) -> None:
        width, height, seed, mode = case
        rng = np.random.default_rng(seed)
        # Mostly one tone, or stripes and noise of several.
        tones = rng.choice(np.array([0, 40, 128, 250, 255], np.uint8), rng.integers(1, 9))
        pixels = tones[rng.integers(0, len(tones), (height, width, 4), np.uint8)]
        try:
            prepared = prepare(Image.fromarray(pixels).convert(mode))
        except ImageError as error:
            assert str(error).endswith(".")
        else:
            assert all(view.dtype == np.uint8 and view.ndim == 2 for view in prepared.views)

    side = st.one_of(st.integers(1, 40), st.sampled_from([1, 2, 28, 600, 1_200]))
    modes = st.sampled_from(["RGBA", "RGB", "L", "1", "LA", "P", "CMYK", "F", "I"])
    fuzz(tier, 300, st.tuples(side, side, st.integers(0, 2**31), modes), check)


@TIERS
def test_forged_drawings(tier: str) -> None:
    number = st.one_of(st.floats(-300, 600), st.integers(0, 255), odd_numbers)
    point = st.one_of(st.lists(number, min_size=2, max_size=2), st.lists(number), odd_values)
    stroke = st.fixed_dictionaries(
        {
            "tool": st.one_of(st.sampled_from(["pen", "eraser"]), odd_values),
            "width": st.one_of(st.floats(0.1, 64), odd_values),
            "points": st.one_of(st.lists(point, min_size=1, max_size=6), odd_values),
        }
    )
    sent = st.one_of(st.lists(st.one_of(stroke, odd_values), max_size=4), odd_values)

    def check(record: Any) -> None:
        try:
            strokes = drawing.parse(record)
        except ImageError as error:
            assert str(error).endswith("draw again.")
        else:
            assert drawing.render(strokes).size == (drawing.SIDE, drawing.SIDE)

    fuzz(tier, 2_000, sent, check)


def usual_event(kind: str) -> dict[str, Any]:
    texts = {"device": "cpu", "device_name": "a CPU", "reason": "paused", "message": "It failed."}
    numbers = {"width": 1.0, "parameters": 7, "epochs_done": 1, "lr": 0.1}
    known = dict.fromkeys(NUMBERS[kind], 1)
    return {**numbers, **texts, **known, "time": 5.0, "event": kind, "config": {"epochs": 3}}


events = st.sampled_from(sorted(NUMBERS)).flatmap(lambda kind: mixed(usual_event(kind)))
lines = st.one_of(
    events.map(lambda event: json.dumps(event).encode()),
    events.map(lambda event: json.dumps(event).encode()[:-3]),
    st.binary(max_size=60),
    st.just(b"[" * 100_000),
)
label_files = st.one_of(mixed({"name": "first", "note": "of many"}), odd_values)
job_files = st.one_of(
    mixed({"pid": 1, "started": 1.0, "marks": 0}),
    mixed({"ray": "job", "address": "http://127.0.0.1:9", "marks": 0}),
    odd_values,
)
config_files = st.one_of(mixed(config.TrainConfig.from_recipe("fast").to_json()), odd_values)


@TIERS
def test_event_files_of_any_content(tier: str, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"

    def check(block: list[bytes]) -> None:
        path.write_bytes(b"\n".join(block) + b"\n")
        history = History()
        for event in EventReader(path).read():
            history.add(event)
        assert history.seconds >= 0 and (history.best is None or history.epochs)
        json.dumps([history.epochs, history.batches]).encode()

    fuzz(tier, 1_500, st.lists(lines, max_size=6), check)


@TIERS
@pytest.mark.usefixtures("runs_dir")
def test_run_directories_from_elsewhere(tier: str) -> None:
    places = itertools.count()

    def check(files: tuple[Any, Any, Any, bytes, list[bytes]]) -> None:
        label, job, own, request, block = files
        directory = paths.RUNS_DIR / f"run-{next(places)}"
        directory.mkdir(parents=True)
        for name, content in (("label", label), ("job", job), ("config", own)):
            (directory / f"{name}.json").write_text(json.dumps(content))
        (directory / "request").write_bytes(request)
        (directory / "events.jsonl").write_bytes(b"\n".join(block) + b"\n")
        run = list_runs()[0]
        json.dumps(run.to_json()).encode()
        assert run.state and run.started and isinstance(run.error, str)
        assert run.resumable in (True, False) and run.stopped_early in (True, False)
        row = _row(run, list(config.SETTINGS))
        assert not any(str(value).startswith(("=", "+", "@", "＝")) for value in row.values())
        json.loads(metrics_json(run))
        for cells in csv.reader(io.StringIO(metrics_csv(run))):
            assert cells[0] == "epoch" or all(map(is_number, cells))
        training.downsample(run.history.epochs, keep=run.history.best)
        for file in directory.iterdir():
            file.unlink()
        directory.rmdir()

    request = st.one_of(st.just(b"pause"), st.binary(max_size=8))
    case = st.tuples(label_files, job_files, config_files, request, st.lists(lines, max_size=5))
    fuzz(tier, 1_500, case, check)


def is_number(cell: str) -> bool:
    return cell in ("", "True", "False") or isinstance(float(cell), float)


@TIERS
def test_settings_from_elsewhere(tier: str) -> None:
    def check(record: Any) -> None:
        try:
            settings_ = config.TrainConfig.from_json(record)
        except (ConfigError, TypeError):
            return
        assert settings_.total_steps > 0 and settings_.command()
        assert schedule.lr_at(settings_, 0) >= 0

    fuzz(tier, 1_000, config_files, check)


@pytest.fixture(scope="module")
def narrow() -> bytes:
    """A file with every tensor of the network, of which some cases keep only the first bytes."""
    return save(dict(AlexNet(width=0.0625).state_dict()), {"alexnet_demo": '{"epoch": 1}'})


@TIERS
def test_weight_files_with_forged_headers(tier: str, narrow: bytes) -> None:
    length = struct.unpack("<Q", narrow[:8])[0]
    header, body = json.loads(narrow[8 : 8 + length]), narrow[8 + length :]
    small = narrow[: 8 + length] + body[:64]

    def forged(changes: dict[str, Any]) -> bytes:
        text = json.dumps({**header, **changes}).encode("utf-8", "replace")
        return struct.pack("<Q", len(text)) + text + body

    shape = st.lists(st.integers(0, 2**64), max_size=5)
    entry = st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "F16", "I8", "F8_E4M3", "BOOL", "C64", "U64", "x"]),
            "shape": st.one_of(shape, st.just([0]), odd_values),
            "data_offsets": st.one_of(st.just([0, 0]), st.lists(st.integers(0, 2**64)), odd_values),
        }
    )
    names = st.sampled_from(
        [*header, "net.999.weight", f"net.{'9' * 5000}.weight", "certainty.basis", "a.scale"]
    )
    metadata_values = st.fixed_dictionaries(
        {"alexnet_demo": st.one_of(st.just("[" * 100_000), odd_values.map(json.dumps))}
    )
    changes = st.one_of(
        st.dictionaries(names, st.one_of(entry, odd_values), min_size=1, max_size=3),
        metadata_values.map(lambda metadata: {"__metadata__": metadata}),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.safetensors"

        def check(data: bytes) -> None:
            path.write_bytes(data)
            try:
                model, info = checkpoint.load_weights(path)
            except CheckpointError as error:
                assert str(error).endswith(".")
            else:
                assert isinstance(model, AlexNet) and isinstance(info, dict)

        files = st.one_of(changes.map(forged), damaged([small]), st.binary(max_size=40))
        fuzz(tier, 1_500, files, check)


MARKDOWN = set("\\`*_{}[]()#+-|<>~$:&!")


@TIERS
def test_names(tier: str, runs_dir: Path) -> None:
    run = Run(runs_dir / "20260101-000000-quick-aa")
    run.directory.mkdir(parents=True)
    (run.directory / "config.json").write_text("{}")

    def check(name: str) -> None:
        shown = plain(name)
        assert "\n" not in shown and not any(ord(c) < 32 for c in shown)
        bare = shown.replace("\\\\", "")
        assert all(bare[i - 1] == "\\" for i, c in enumerate(bare) if c in MARKDOWN - {"\\"})
        assert one_line(readable(name)) == one_line(name)
        cell = no_formula(name)
        assert cell.strip()[:1] not in set("=+-@＝＋－＠")
        assert actions.label(run, name, name).done
        again = Run(run.directory)
        assert "/" not in run.id and len(again.name) <= actions.MAX_NAME
        again.name.encode()
        again.note.encode()
        match = get_run(name)
        assert match is None or match.directory.parent == paths.RUNS_DIR

    fuzz(tier, 2_000, odd_texts, check)


@TIERS
def test_file_names_in_the_table_of_predictions(tier: str) -> None:
    from alexnet_demo.inference.classifier import Prediction, rank

    answer = Prediction(rank(np.full(10, 0.1)), "photo", 1.0)

    def check(name: str) -> None:
        rows = list(csv.reader(io.StringIO(as_csv([(name, answer)]), newline="")))
        assert len(rows) == 2 and len(rows[1]) == len(rows[0])
        assert rows[1][0].strip()[:1] not in set("=+-@＝＋－＠")

    fuzz(tier, 500, odd_texts.filter(lambda text: "\0" not in text), check)


@TIERS
def test_component_values_that_a_browser_sends(tier: str) -> None:
    rng = np.random.default_rng(0)
    results = Results(rng.dirichlet(np.ones(10), 50).astype(np.float32), rng.integers(0, 10, 50))

    def check(sent: Any) -> None:
        assert set(_cell(sent, results)) <= set(range(10))
        assert set(_numbers(sent, 50)) <= set(range(50))

    sent = st.one_of(odd_values, st.lists(odd_numbers, min_size=2, max_size=2))
    fuzz(tier, 1_000, sent, check)
