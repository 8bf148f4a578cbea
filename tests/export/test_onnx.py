"""The network as an ONNX file: the same answers in ONNX Runtime, and what it says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from alexnet_demo.common.errors import CheckpointError, OnnxError
from alexnet_demo.data.splits import load_split
from alexnet_demo.export import onnx
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input
from alexnet_demo.runs.run import Run
from alexnet_demo.settings.article import CLASSES


@pytest.fixture(scope="module")
def exported(trained_run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    for name in onnx.PACKAGES:
        pytest.importorskip(name)
    out = tmp_path_factory.mktemp("onnx") / "new folder" / "net.onnx"
    return out, onnx.export(trained_run.best, out)


def test_it_gives_the_same_answers(exported: tuple[Path, dict], trained_run: Run) -> None:
    """Compared anew, on other pictures and in batches of other sizes."""
    out, report = exported
    assert json.loads(json.dumps(report)) == report
    assert report["bytes"] == out.stat().st_size > 100_000  # the weights are inside
    assert list(out.parent.iterdir()) == [out]
    assert report["same_labels"] == 1.0 and report["greatest_difference"] < 1e-5
    session = onnx.open_session(out)
    images = load_split(train=False).tail(21).images
    model = Classifier.load(trained_run.best).model
    with torch.inference_mode():
        logits = model(to_input(images)).numpy()
    for first, last in ((0, 1), (1, 21)):
        (found,) = session.run(["logits"], {"pictures": to_input(images[first:last]).numpy()})
        assert found == pytest.approx(logits[first:last], abs=1e-4)


def test_its_metadata_says_what_it_takes_and_gives(exported: tuple[Path, dict]) -> None:
    session = onnx.open_session(exported[0])
    (given,), (gives,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == (
        *("pictures", "tensor(float)"),
        ["batch", 1, 224, 224],
    )
    assert (gives.name, gives.shape) == ("logits", ["batch", 10])
    about = session.get_modelmeta()
    told = about.custom_metadata_map
    assert json.loads(told["classes"]) == list(CLASSES)
    assert json.loads(told["temperature"]) == 1.0
    assert told["epoch"] == "4"
    assert "divided by 255" in told["input"] and "softmax" in told["output"]
    assert told["input"] in about.description


def test_a_file_that_answers_otherwise_is_not_written(
    tiny_model: AlexNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in onnx.PACKAGES:
        pytest.importorskip(name)
    right = onnx.write

    def wrong(_model: AlexNet, path: Path, about: dict) -> None:
        torch.manual_seed(3)
        other = AlexNet(width=0.0625).eval()
        other.initialize_he()
        other.get_parameter("net.fc8.weight").data *= 100
        right(other, path, about)

    monkeypatch.setattr(onnx, "write", wrong)
    out = tmp_path / "net.onnx"
    out.write_bytes(b"before")
    with pytest.raises(OnnxError, match="other answers than PyTorch"):
        onnx.write_checked(tiny_model, out, {})
    assert out.read_bytes() == b"before" and list(tmp_path.iterdir()) == [out]


def test_a_missing_package_is_one_sentence(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx, "PACKAGES", ("json", "no_such_package"))
    with pytest.raises(OnnxError, match=r"need no_such_package, .* requirements.txt"):
        onnx.export(tiny_weights, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_weights_that_cannot_be_used_say_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        onnx.export(tmp_path / "none.safetensors", tmp_path / "net.onnx")
