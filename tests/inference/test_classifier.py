from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet_demo.common import errors
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.data import splits
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import Choices, Kind, PreparedImage
from alexnet_demo.inference.classifier import Classifier, Prediction
from alexnet_demo.inference.confidence import CONFIDENCE_THRESHOLD, ConfidenceModel
from alexnet_demo.inference.image_files import classify_paths
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.settings.article import CLASSES


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return splits.load_split(train=False).head(40).images.numpy()


@pytest.fixture
def folder(tmp_path: Path, pixels: np.ndarray) -> Path:
    """Two good pictures, a broken one, one in a subfolder, and what is no picture."""
    (tmp_path / "sub").mkdir()
    Image.fromarray(pixels[0]).save(tmp_path / "b.png")
    Image.fromarray(pixels[1]).resize((120, 120)).save(tmp_path / "a.JPG", "JPEG")
    Image.fromarray(255 - pixels[2]).save(tmp_path / "sub" / "c.bmp")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_probabilities_are_those_of_the_network_and_sum_to_one(
    tiny_weights: Path, pixels: np.ndarray
) -> None:
    classifier = Classifier.load(tiny_weights)
    rows = classifier.probabilities(pixels)  # 40 pictures: more than one batch
    assert rows.shape == (40, 10) and rows.dtype == np.float32
    assert np.allclose(rows.sum(1), 1, atol=1e-5)
    assert np.allclose(rows[35], classifier.probabilities(pixels[35:36])[0], atol=1e-6)
    assert not np.allclose(rows[0], rows[1], atol=1e-6)
    assert classifier.probabilities(pixels[:0]).shape == (0, 10)


def test_predictions_are_ranked(tiny_weights: Path, pixels: np.ndarray) -> None:
    pictures = [prepare(Image.fromarray(image)) for image in pixels[:3]]
    classifier = Classifier.load(tiny_weights)
    for answer, row in zip(
        classifier.predict(pictures), classifier.probabilities(pixels[:3]), strict=True
    ):
        assert answer.label == CLASSES[row.argmax()]
        assert answer.probability == pytest.approx(row.max(), abs=1e-6)
        assert [p for _, p in answer.ranked] == sorted(row.tolist(), reverse=True)
        assert {name for name, _ in answer.ranked} == set(CLASSES)
        assert answer.kind == "dataset" and answer.ms > 0
    assert classifier.predict([]) == []


def views(*pixels: np.ndarray, kind: Kind = "photo") -> PreparedImage:
    """A picture made ready, with these views."""
    return PreparedImage((), pixels, Choices(kind, "keep", "keep"))


def test_the_views_of_a_picture_are_averaged_whatever_their_sides(
    tiny_weights: Path, pixels: np.ndarray
) -> None:
    classifier = Classifier.load(tiny_weights)
    large = np.kron(pixels[3], np.ones((4, 4), np.uint8))  # 112×112
    pictures = [
        views(pixels[0], pixels[1]),
        views(large, kind="sketch"),
        views(pixels[2], kind="dataset"),
    ]
    first, second, third = classifier.predict(pictures)
    rows = classifier.probabilities(pixels[:3])
    assert dict(first.ranked)["Bag"] == pytest.approx((rows[0, 8] + rows[1, 8]) / 2, abs=1e-6)
    assert dict(second.ranked)["Bag"] == pytest.approx(
        classifier.probabilities(large[None])[0, 8], abs=1e-6
    )
    assert dict(third.ranked)["Bag"] == pytest.approx(rows[2, 8], abs=1e-6)
    assert [answer.kind for answer in (first, second, third)] == ["photo", "sketch", "dataset"]


def test_sure_begins_at_the_level_and_only_for_clothing() -> None:
    def answer(p: float, **more: float) -> Prediction:
        return Prediction((("Bag", p), ("Coat", 1 - p)), "photo", 1.0, **more)

    assert answer(CONFIDENCE_THRESHOLD).sure and answer(CONFIDENCE_THRESHOLD).clothing
    assert not answer(CONFIDENCE_THRESHOLD - 0.01).sure
    assert not answer(0.7, level=0.75).sure
    strange = answer(0.99, score=-3.1, threshold=-2.0)
    assert not strange.clothing and not strange.sure
    assert answer(0.99, score=-2.0, threshold=-2.0).sure


def test_a_record_of_certainty_is_read_and_used(
    tmp_path: Path, tiny_model: AlexNet, tiny_weights: Path, pixels: np.ndarray
) -> None:
    plain = Classifier.load(tiny_weights)
    certainty = ConfidenceModel(
        temperature=0.02, level=0.9, scales={"energy": (2.0, 0.5)}, thresholds={"sketch": 1e6}
    )
    path = tmp_path / "w.safetensors"
    checkpoint.save_weights(path, tiny_model, {"certainty": certainty.to_json()})
    classifier = Classifier.load(path)
    wanted = (plain.logits(pixels) / 0.02).softmax(1).numpy()
    assert np.allclose(classifier.probabilities(pixels), wanted, atol=1e-4)
    (answer,) = classifier.predict([views(pixels[0], kind="sketch")])
    energy = plain.logits(pixels[:1]).logsumexp(1).item()
    assert answer.score == pytest.approx((energy - 2) / 0.5, rel=1e-4)
    assert not answer.clothing and answer.level == 0.9
    (free,) = plain.predict([views(pixels[0], kind="sketch")])
    assert free.clothing and free.level == CONFIDENCE_THRESHOLD


def test_a_damaged_record_of_certainty_is_refused(tmp_path: Path, tiny_model: AlexNet) -> None:
    path = tmp_path / "w.safetensors"
    checkpoint.save_weights(path, tiny_model, {"certainty": {"temperature": 0}})
    with pytest.raises(errors.CheckpointError, match="record of certainty is damaged"):
        Classifier.load(path)


def test_folders_are_walked_in_order_and_bad_files_do_not_stop_the_rest(
    folder: Path, tiny_weights: Path
) -> None:
    missing = str(folder / "nowhere.png")
    records = list(classify_paths([str(folder), missing], tiny_weights, "cpu", "auto", 3))
    names = [Path(record["path"]).name for record in records]
    assert names == ["a.JPG", "b.png", "broken.png", "c.bmp", "nowhere.png"]
    good = [record for record in records if "error" not in record]
    assert [Path(record["path"]).name for record in good] == ["a.JPG", "b.png", "c.bmp"]
    for record in good:
        told = {"path", "label", "probabilities", "kind", "sure", "clothing", "score", "ms"}
        assert set(record) == told
        assert len(record["probabilities"]) == 3
        assert record["label"] == next(iter(record["probabilities"]))
    assert [record["kind"] for record in good] == ["photo", "dataset", "dataset"]
    broken = [record["error"] for record in records if "error" in record]
    assert len(broken) == 2 and broken[1] == "There is no such file."


def test_more_files_than_a_batch_keep_their_order(
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


def test_unusable_arguments_are_refused(folder: Path, tiny_weights: Path) -> None:
    good = str(folder / "b.png")
    with pytest.raises(errors.CheckpointError, match="There is no checkpoint"):
        list(classify_paths([good], folder / "none.safetensors"))
    with pytest.raises(ConfigError, match="no device"):
        list(classify_paths([good], tiny_weights, "cuda:99"))
    with pytest.raises(ValueError, match="At least one"):
        list(classify_paths([good], tiny_weights, "cpu", top=0))
    with pytest.raises(ValueError, match="Unknown kind"):
        list(classify_paths([good], tiny_weights, "cpu", "painting"))


def test_weights_whose_answers_are_no_numbers_are_refused(tmp_path: Path, tiny_model) -> None:
    huge = {name: t * 1e9 for name, t in tiny_model.state_dict().items()}
    checkpoint.save(tmp_path / "w.safetensors", huge, checkpoint.describe(tiny_model))
    with pytest.raises(errors.CheckpointError, match="no numbers"):
        Classifier.load(tmp_path / "w.safetensors")
