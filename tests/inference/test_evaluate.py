"""Metrics of cases counted by hand, of the test set, and of folders."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from alexnet_demo.common.text import percent
from alexnet_demo.data import splits
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.inference.confidence import ConfidenceModel
from alexnet_demo.inference.evaluate import (
    Evaluation,
    confidence_metrics,
    evaluate,
    format_report,
    metrics,
    predict_labeled,
    read_folder,
)
from alexnet_demo.inference.predictions import Results
from alexnet_demo.network import checkpoint
from alexnet_demo.network.distinct_units import distinct_units
from alexnet_demo.settings.article import CLASSES


def test_metrics_of_a_case_counted_by_hand() -> None:
    # True classes 0 0 1 2, predicted 0 1 1 1, each with a logit of 9 against 0.
    logits = torch.zeros(4, 10)
    logits[[0, 1, 2, 3], [0, 1, 1, 1]] = 9.0
    report = metrics(Results(logits.softmax(1).numpy(), np.array([0, 0, 1, 2])))
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


def test_flip_averages_with_the_mirror_image(tiny_weights: Path) -> None:
    report = evaluate(tiny_weights, "cpu", samples=100, flip=True)
    split = splits.load_split(train=False).head(100)
    classifier, pixels = Classifier.load(tiny_weights), split.images.numpy()
    both = classifier.probabilities(pixels) + classifier.probabilities(pixels[:, :, ::-1])
    accuracy = (both.argmax(1) == split.labels.numpy()).mean()
    assert report["flip_averaged"]["accuracy"] == pytest.approx(accuracy)
    assert "flip_averaged" not in evaluate(tiny_weights, "cpu", samples=10)
    assert f"{accuracy:.2%}" in format_report(report)


def test_confidence_metrics_of_a_case_counted_by_hand() -> None:
    # Three predictions of 0.8, two correct; one of 0.4, correct, that does not pass as clothing.
    rows = torch.full((4, 10), 0.2 / 9)
    rows[:3, 0] = 0.8
    rows[3] = 0.6 / 9
    rows[3, 0] = 0.4
    labels, clothing = np.array([0, 0, 1, 0]), np.array([True, True, True, False])
    evaluation = Evaluation(Results(rows.numpy(), labels), clothing)
    report = confidence_metrics(evaluation, ConfidenceModel(temperature=1.5))
    assert report == {
        "temperature": 1.5,
        "ece": pytest.approx(0.75 * abs(0.8 - 2 / 3) + 0.25 * 0.6, abs=1e-6),
        "clothing": 0.75,
        "sure": 0.75,
        "sure_accuracy": pytest.approx(2 / 3),
    }
    none_sure = confidence_metrics(
        Evaluation(Results(rows[3:].numpy(), labels[3:]), clothing[3:], rows[3:].log()),
        ConfidenceModel(),
    )
    assert none_sure["sure_accuracy"] is None
    assert none_sure["uncalibrated"]["ece"] == pytest.approx(none_sure["ece"])


def test_images_of_a_folder_are_prepared_as_for_predict(tmp_path: Path, tiny_weights: Path) -> None:
    drawing = Image.new("L", (200, 200), 255)
    corners = [(60, 30), (140, 30), (150, 180), (50, 180)]
    ImageDraw.Draw(drawing).polygon(corners, outline=0, width=4)
    (tmp_path / "Dress").mkdir()
    drawing.save(tmp_path / "Dress" / "1.png")
    (image,) = read_folder(tmp_path).images
    assert image.kind == "sketch" and image.views[0].shape != (28, 28)
    classifier = Classifier.load(tiny_weights)
    evaluation = predict_labeled(classifier, read_folder(tmp_path))
    (prediction,) = classifier.predict([image])
    assert evaluation.results.confidence[0] == pytest.approx(prediction.probability, abs=1e-6)
    assert evaluate(tiny_weights, "cpu", images=tmp_path, flip=True)["flip_averaged"]


def test_metrics_of_the_test_set(tiny_weights: Path) -> None:
    report = evaluate(tiny_weights, "cpu", samples=200)
    split = splits.load_split(train=False).head(200)
    predicted = Classifier.load(tiny_weights).probabilities(split.images.numpy()).argmax(1)
    assert report["accuracy"] == pytest.approx((predicted == split.labels.numpy()).mean())
    assert np.array(report["confusion"]).sum() == 200
    assert report["distinct_units"] == distinct_units(checkpoint.load_weights(tiny_weights)[0])
    assert json.loads(json.dumps(report)) == report
    table = format_report(report)
    assert "Ankle boot" in table and percent(report["accuracy"], 2) in table


def test_a_folder_with_one_subfolder_per_class(tmp_path: Path, tiny_weights: Path) -> None:
    images = splits.load_split(train=False).head(3).images.numpy()
    for sub, image in zip(("T-shirt_top", "Ankle_boot", "trouser"), images, strict=True):
        (tmp_path / sub).mkdir()
        Image.fromarray(image).save(tmp_path / sub / "1.png")
    (tmp_path / "Hat").mkdir()
    Image.fromarray(images[0]).save(tmp_path / "Hat" / "1.png")
    (tmp_path / "trouser" / "2.png").write_bytes(b"")
    labeled = read_folder(tmp_path)
    assert labeled.labels.tolist() == [9, 0, 1]
    assert np.array_equal(labeled.images[1].views[0], images[0])
    report = evaluate(tiny_weights, "cpu", images=tmp_path)
    assert report["samples"] == 3
    (unreadable,) = report["unreadable"]
    assert unreadable.keys() == {"path", "error"}
    assert unreadable["path"] == str(tmp_path / "trouser" / "2.png")
    assert "2.png" in format_report(report)


def test_a_folder_without_classes_is_rejected(tmp_path: Path, tiny_weights: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ValueError, match=folder.name):
            evaluate(tiny_weights, "cpu", images=folder)
