"""The classifier against its own network, and image files and folders classified with it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet_demo.common import errors
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.data import splits
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import Choices, Kind, PreparedImage
from alexnet_demo.inference import classifier as classifier_module
from alexnet_demo.inference.classifier import Classifier, Prediction
from alexnet_demo.inference.confidence import CONFIDENCE_THRESHOLD, ConfidenceModel
from alexnet_demo.inference.image_files import classify_paths
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.settings.article import CLASSES
from tests.support.fake_cuda import CUDA, fake_cuda


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return splits.load_split(train=False).head(40).images.numpy()


@pytest.fixture
def folder(tmp_path: Path, pixels: np.ndarray) -> Path:
    """Two valid images, a broken one, one in a subfolder, and a text file."""
    (tmp_path / "sub").mkdir()
    Image.fromarray(pixels[0]).save(tmp_path / "b.png")
    Image.fromarray(pixels[1]).resize((120, 120)).save(tmp_path / "a.JPG", "JPEG")
    Image.fromarray(255 - pixels[2]).save(tmp_path / "sub" / "c.bmp")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path


def test_probabilities_sum_to_one_whatever_the_batch(
    tiny_weights: Path, pixels: np.ndarray
) -> None:
    classifier = Classifier.load(tiny_weights)
    rows = classifier.probabilities(pixels)  # several batches
    assert rows.shape == (40, 10) and rows.dtype == np.float32
    assert np.allclose(rows.sum(1), 1, atol=1e-5)
    assert np.allclose(rows[35], classifier.probabilities(pixels[35:36])[0], atol=1e-6)
    assert not np.allclose(rows[0], rows[1], atol=1e-6)
    assert classifier.probabilities(pixels[:0]).shape == (0, 10)


def test_the_network_is_contiguous_on_mps_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for Grad-CAM, which uses the classifier's model."""
    move = AlexNet.to
    monkeypatch.setattr(AlexNet, "to", lambda model, *_, **options: move(model, **options))
    for kind, contiguous in (("mps", True), ("cpu", False)):
        classifier = Classifier(AlexNet(width=0.0625), {}, torch.device(kind))
        conv2 = [p for p in classifier.model.parameters() if p.ndim == 4][1]
        assert conv2.is_contiguous() == contiguous


def test_predictions_are_ranked(tiny_weights: Path, pixels: np.ndarray) -> None:
    images = [prepare(Image.fromarray(image)) for image in pixels[:3]]
    classifier = Classifier.load(tiny_weights)
    for prediction, row in zip(
        classifier.predict(images), classifier.probabilities(pixels[:3]), strict=True
    ):
        assert prediction.label == CLASSES[row.argmax()]
        assert prediction.probability == pytest.approx(row.max(), abs=1e-6)
        assert [p for _, p in prediction.ranked] == sorted(row.tolist(), reverse=True)
        assert {name for name, _ in prediction.ranked} == set(CLASSES)
        assert prediction.kind == "dataset" and prediction.ms > 0
    assert classifier.predict([]) == []


def views(*pixels: np.ndarray, kind: Kind = "photo") -> PreparedImage:
    """A prepared image with these views."""
    return PreparedImage((), pixels, Choices(kind, "keep", "keep"))


def test_views_are_averaged_whatever_their_sizes(tiny_weights: Path, pixels: np.ndarray) -> None:
    classifier = Classifier.load(tiny_weights)
    large = np.kron(pixels[3], np.ones((4, 4), np.uint8))  # 112×112
    images = [
        views(pixels[0], pixels[1]),
        views(large, kind="sketch"),
        views(pixels[2], kind="dataset"),
    ]
    first, second, third = classifier.predict(images)
    rows = classifier.probabilities(pixels[:3])
    assert dict(first.ranked)["Bag"] == pytest.approx((rows[0, 8] + rows[1, 8]) / 2, abs=1e-6)
    assert dict(second.ranked)["Bag"] == pytest.approx(
        classifier.probabilities(large[None])[0, 8], abs=1e-6
    )
    assert dict(third.ranked)["Bag"] == pytest.approx(rows[2, 8], abs=1e-6)
    assert [prediction.kind for prediction in (first, second, third)] == [
        "photo",
        "sketch",
        "dataset",
    ]


def test_sure_needs_clothing_and_confidence() -> None:
    def prediction(p: float, **more: Any) -> Prediction:
        return Prediction((("Bag", p), ("Coat", 1 - p)), "photo", 1.0, **more)

    at_threshold = prediction(CONFIDENCE_THRESHOLD)
    assert at_threshold.sure and at_threshold.clothing
    assert not prediction(CONFIDENCE_THRESHOLD - 0.01).sure
    assert not prediction(0.7, confidence_threshold=0.75).sure
    strange = prediction(0.99, ood_score=-3.1, ood_threshold=-2.0)
    assert not strange.clothing and not strange.sure
    assert prediction(0.99, ood_score=-2.0, ood_threshold=-2.0).sure


def test_a_stored_confidence_model_is_used(
    tmp_path: Path, tiny_model: AlexNet, tiny_weights: Path, pixels: np.ndarray
) -> None:
    plain = Classifier.load(tiny_weights)
    confidence = ConfidenceModel(
        temperature=0.02,
        confidence_threshold=0.9,
        scales={"energy": (2.0, 0.5)},
        ood_thresholds={"sketch": 1e6},
    )
    path = tmp_path / "w.safetensors"
    checkpoint.save_weights(path, tiny_model, {"certainty": confidence.to_json()})
    classifier = Classifier.load(path)
    logits, _ = plain.outputs(pixels)
    expected = (logits / 0.02).softmax(1).numpy()
    assert np.allclose(classifier.probabilities(pixels), expected, atol=1e-4)
    (prediction,) = classifier.predict([views(pixels[0], kind="sketch")])
    energy = logits[:1].logsumexp(1).item()
    assert prediction.ood_score == pytest.approx((energy - 2) / 0.5, rel=1e-4)
    assert not prediction.clothing and prediction.confidence_threshold == 0.9
    (default,) = plain.predict([views(pixels[0], kind="sketch")])
    assert default.clothing and default.confidence_threshold == CONFIDENCE_THRESHOLD


def test_a_damaged_confidence_record_is_rejected(tmp_path: Path, tiny_model: AlexNet) -> None:
    path = tmp_path / "w.safetensors"
    checkpoint.save_weights(path, tiny_model, {"certainty": {"temperature": 0}})
    with pytest.raises(errors.CheckpointError, match=r"w\.safetensors"):
        Classifier.load(path)


def test_folders_are_classified_in_order_and_broken_files_reported(
    folder: Path, tiny_weights: Path
) -> None:
    missing = str(folder / "nowhere.png")
    records = list(classify_paths([str(folder), missing], tiny_weights, "cpu", "auto", 3))
    names = [Path(record["path"]).name for record in records]
    assert names == ["a.JPG", "b.png", "broken.png", "c.bmp", "nowhere.png"]
    good = [record for record in records if "error" not in record]
    assert [Path(record["path"]).name for record in good] == ["a.JPG", "b.png", "c.bmp"]
    for record in good:
        keys = "path label probabilities kind sure clothing score ms backend"
        assert set(record) == set(keys.split())
        assert len(record["probabilities"]) == 3
        assert record["label"] == next(iter(record["probabilities"]))
    assert [record["kind"] for record in good] == ["photo", "dataset", "dataset"]
    broken = [record for record in records if "error" in record]
    assert [set(record) for record in broken] == [{"path", "error"}] * 2


def test_order_is_kept_across_batches(
    tmp_path: Path, tiny_weights: Path, pixels: np.ndarray
) -> None:
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{number:02}.png")
    records = list(classify_paths([str(tmp_path)], tiny_weights, "cpu"))
    labels = [CLASSES[i] for i in Classifier.load(tiny_weights).probabilities(pixels).argmax(1)]
    assert [record["label"] for record in records] == labels


def test_a_dash_reads_paths_from_standard_input(
    folder: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{folder / 'b.png'}\n\n{folder / 'sub'}\n-\n"))
    records = list(classify_paths(["-"], tiny_weights, "cpu"))
    assert [Path(record["path"]).name for record in records] == ["b.png", "c.bmp"]


def test_invalid_arguments_are_rejected(folder: Path, tiny_weights: Path) -> None:
    good = str(folder / "b.png")
    with pytest.raises(errors.CheckpointError, match=r"none\.safetensors"):
        list(classify_paths([good], folder / "none.safetensors"))
    with pytest.raises(ConfigError, match="cuda:99"):
        list(classify_paths([good], tiny_weights, "cuda:99"))
    with pytest.raises(ValueError, match="--top"):
        list(classify_paths([good], tiny_weights, "cpu", top=0))
    with pytest.raises(ValueError, match="painting"):
        list(classify_paths([good], tiny_weights, "cpu", "painting"))


def test_weights_whose_outputs_overflow_are_rejected(tmp_path: Path, tiny_model) -> None:
    huge = {name: t * 1e9 for name, t in tiny_model.state_dict().items()}
    checkpoint.save(tmp_path / "w.safetensors", huge, checkpoint.describe(tiny_model))
    with pytest.raises(errors.CheckpointError, match=r"w\.safetensors"):
        Classifier.load(tmp_path / "w.safetensors")


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_predicts_on_a_gpu(
    pixels: np.ndarray, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier_module, "choose_precision", lambda *_: precision)
    with fake_cuda():
        classifier = Classifier(AlexNet(width=0.0625), {}, CUDA)
        logits, features = classifier.outputs(pixels)
        assert classifier.probabilities(pixels).shape == (40, 10)
    # Weights or activations may exceed fp16's range.
    assert classifier.precision == ("fp32" if precision == "fp16" else precision)
    assert (logits.shape, features.shape) == ((40, 10), (40, 256))
    assert {t.device.type for t in (logits, features)} == {"cpu"}
    assert {t.dtype for t in (logits, features)} == {torch.float32}
