"""ONNX export: the same predictions in ONNX Runtime, and complete metadata."""

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


def test_it_gives_the_same_logits(exported: tuple[Path, dict], trained_run: Run) -> None:
    """On other images than the export checks, and with other batch sizes."""
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
        (exported,) = session.run(["logits"], {"pictures": to_input(images[first:last]).numpy()})
        assert exported == pytest.approx(logits[first:last], abs=1e-4)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_another_activation_is_exported(activation: str, tmp_path: Path) -> None:
    for name in onnx.PACKAGES:
        pytest.importorskip(name)
    model = AlexNet(width=0.0625, activation=activation).eval()
    report = onnx.write_checked(model, tmp_path / "net.onnx", {})
    assert report["greatest_difference"] < 1e-5


def test_its_metadata_describe_input_and_output(exported: tuple[Path, dict]) -> None:
    session = onnx.open_session(exported[0])
    (image,), (logits,) = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type, image.shape) == (
        *("pictures", "tensor(float)"),
        ["batch", 1, 224, 224],
    )
    assert (logits.name, logits.shape) == ("logits", ["batch", 10])
    about = session.get_modelmeta()
    metadata = about.custom_metadata_map
    assert json.loads(metadata["classes"]) == list(CLASSES)
    assert json.loads(metadata["temperature"]) == 1.0
    assert metadata["epoch"] == "4"
    assert "divided by 255" in metadata["input"] and "softmax" in metadata["output"]
    assert metadata["input"] in about.description


def test_a_file_with_other_predictions_is_not_written(
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
    with pytest.raises(OnnxError):
        onnx.write_checked(tiny_model, out, {})
    assert out.read_bytes() == b"before" and list(tmp_path.iterdir()) == [out]


def test_a_missing_package_is_named(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx, "PACKAGES", ("json", "no_such_package"))
    with pytest.raises(OnnxError, match="no_such_package"):
        onnx.export(tiny_weights, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_unusable_weights_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.safetensors"):
        onnx.export(tmp_path / "none.safetensors", tmp_path / "net.onnx")
