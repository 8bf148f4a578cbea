from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from alexnet_demo.data import splits
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.inference.confidence import ConfidenceModel
from alexnet_demo.inference.evaluate import (
    Answers,
    ask,
    evaluate,
    format_report,
    read_folder,
    score,
    trust,
)
from alexnet_demo.settings.article import CLASSES


def test_figures_of_a_case_counted_by_hand() -> None:
    # True classes 0 0 1 2, said 0 1 1 1, each with certainty of logit 9 against 0.
    logits = torch.zeros(4, 10)
    logits[[0, 1, 2, 3], [0, 1, 1, 1]] = 9.0
    report = score(logits.softmax(1), torch.tensor([0, 0, 1, 2]))
    assert report["accuracy"] == 0.5 and report["samples"] == 4
    total = math.log(math.exp(9) + 9)
    assert report["loss"] == pytest.approx(total - 2 * 9 / 4, rel=1e-5)
    first, second, third, unseen = (report["classes"][CLASSES[i]] for i in (0, 1, 2, 9))
    assert first == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "samples": 2}
    assert second == {"precision": pytest.approx(1 / 3), "recall": 1.0, "f1": 0.5, "samples": 1}
    assert third == {"precision": None, "recall": 0.0, "f1": 0.0, "samples": 1}
    assert unseen == {"precision": None, "recall": None, "f1": None, "samples": 0}
    assert report["confusion"][0][:3] == [1, 1, 0]
    assert report["confusion"][2][:3] == [0, 1, 0]


def test_the_average_with_the_mirror_image_is_told_apart(tiny_weights: Path) -> None:
    report = evaluate(tiny_weights, "cpu", samples=100, flip=True)
    split = splits.load_split(train=False).head(100)
    classifier, pixels = Classifier.load(tiny_weights), split.images.numpy()
    both = classifier.probabilities(pixels) + classifier.probabilities(pixels[:, :, ::-1])
    hits = (both.argmax(1) == split.labels.numpy()).mean()
    assert report["flip_averaged"]["accuracy"] == pytest.approx(hits)
    assert "flip_averaged" not in evaluate(tiny_weights, "cpu", samples=10)
    assert "mirror image: accuracy" in format_report(report)


def test_what_can_be_believed_of_a_case_counted_by_hand() -> None:
    # Three answers of 0.8, two right; one of 0.4, right, that does not pass for clothing.
    rows = torch.full((4, 10), 0.2 / 9)
    rows[:3, 0] = 0.8
    rows[3] = 0.6 / 9
    rows[3, 0] = 0.4
    labels, clothing = torch.tensor([0, 0, 1, 0]), torch.tensor([True, True, True, False])
    report = trust(Answers(rows, clothing, labels), ConfidenceModel(temperature=1.5))
    assert report == {
        "temperature": 1.5,
        "ece": pytest.approx(0.75 * abs(0.8 - 2 / 3) + 0.25 * 0.6, abs=1e-6),
        "clothing": 0.75,
        "sure": 0.75,
        "sure_accuracy": pytest.approx(2 / 3),
    }
    nothing = trust(Answers(rows[3:], clothing[3:], labels[3:], rows[3:].log()), ConfidenceModel())
    assert nothing["sure_accuracy"] is None
    assert nothing["uncalibrated"]["ece"] == pytest.approx(nothing["ece"])


def test_pictures_of_a_folder_count_with_all_their_views(
    tmp_path: Path, tiny_weights: Path
) -> None:
    """A drawing goes to the network at its own size, as it does in predict."""
    image = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(image).polygon([(60, 30), (140, 30), (150, 180), (50, 180)], outline=0, width=4)
    (tmp_path / "Dress").mkdir()
    image.save(tmp_path / "Dress" / "1.png")
    (picture,) = read_folder(tmp_path).pictures
    assert picture.kind == "sketch" and picture.views[0].shape != (28, 28)
    classifier = Classifier.load(tiny_weights)
    answers = ask(classifier, read_folder(tmp_path))
    (said,) = classifier.predict([picture])
    assert float(answers.probabilities[0].max()) == pytest.approx(said.probability, abs=1e-6)
    assert evaluate(tiny_weights, "cpu", images=tmp_path, flip=True)["flip_averaged"]


def test_the_test_set_through_a_network(tiny_weights: Path) -> None:
    report = evaluate(tiny_weights, "cpu", samples=200)
    split = splits.load_split(train=False).head(200)
    guesses = Classifier.load(tiny_weights).probabilities(split.images.numpy()).argmax(1)
    assert report["accuracy"] == pytest.approx((guesses == split.labels.numpy()).mean())
    assert np.array(report["confusion"]).sum() == 200
    assert json.loads(json.dumps(report)) == report
    table = format_report(report)
    assert "Ankle boot" in table and f"{report['accuracy']:.2%}" in table


def test_a_folder_with_one_subfolder_a_class(tmp_path: Path, tiny_weights: Path) -> None:
    images = splits.load_split(train=False).head(3).images.numpy()
    for sub, image in zip(("T-shirt_top", "Ankle_boot", "trouser"), images, strict=True):
        (tmp_path / sub).mkdir()
        Image.fromarray(image).save(tmp_path / sub / "1.png")
    (tmp_path / "Hat").mkdir()
    Image.fromarray(images[0]).save(tmp_path / "Hat" / "1.png")
    (tmp_path / "trouser" / "2.png").write_bytes(b"")
    labelled = read_folder(tmp_path)
    assert labelled.labels.tolist() == [9, 0, 1]
    assert np.array_equal(labelled.pictures[1].pixels, images[0])
    report = evaluate(tiny_weights, "cpu", images=tmp_path)
    assert report["samples"] == 3
    assert report["unreadable"] == [
        {"path": str(tmp_path / "trouser" / "2.png"), "error": "The file is empty."}
    ]
    assert "2.png" in format_report(report)


def test_a_folder_without_classes_is_refused(tmp_path: Path, tiny_weights: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ValueError, match="no readable pictures"):
            evaluate(tiny_weights, "cpu", images=folder)
