"""Metrics of a model: on the test set, or on a folder with one subfolder per class."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from alexnet_demo.common.errors import ImageError
from alexnet_demo.common.text import percent, printable_line
from alexnet_demo.data.splits import load_split
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import Choices, PreparedImage
from alexnet_demo.inference import backend_choice
from alexnet_demo.inference.classifier import Classifier, average_views
from alexnet_demo.inference.confidence import ConfidenceModel
from alexnet_demo.inference.image_files import images_in, read_file
from alexnet_demo.inference.predictions import Results, class_scores, share
from alexnet_demo.network.distinct_units import COPY_COSINE, distinct_units
from alexnet_demo.settings.article import CLASSES

CHOOSE_FROM = 5_000  # images: with fewer, choosing a backend takes longer than it saves
MIN_PROBABILITY = 1e-12  # keeps the logarithm finite


@dataclass(frozen=True)
class LabeledImages:
    """Prepared images, their labels, int64 (N,), and the files that could not be read."""

    images: list[PreparedImage]
    labels: np.ndarray
    unreadable: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Evaluation:
    """A model's predictions for N labeled images.

    Attributes:
        results: calibrated, and averaged over an image's views.
        clothing: bool (N,), see `Prediction`.
        logits: float32 (N, 10); None if any image has several views.
    """

    results: Results
    clothing: np.ndarray
    logits: Tensor | None = None


def evaluate(
    weights: Path,
    device: str = "auto",
    images: Path | None = None,
    samples: int = 10_000,
    flip: bool = False,
    fastest: bool = True,
) -> dict[str, Any]:
    """Evaluate a checkpoint.

    Args:
        weights: a safetensors file.
        device: name for `device.resolve`.
        images: a folder with one subfolder per class, named as the class with ``_`` for spaces
            and slashes (``T-shirt_top``); by default, the test set.
        samples: how many of the test set's first images to use, 1 to 10,000.
        flip: also evaluate the mean over each image and its mirror image.
        fastest: use the fastest backend, see `backend_choice`; else PyTorch.

    Returns:
        One JSON-able object: see `metrics` and `confidence_metrics`, with ``weights``,
        ``distinct_units`` (see `network.distinct_units`), ``images``, ``backend``, ``seconds``,
        ``unreadable`` (``[{"path", "error"}]``), and with ``flip`` also ``flip_averaged``
        (``{"accuracy", "loss"}``).

    Raises:
        ValueError: for unusable weights, a device that is not available, or a folder without
            images.
    """
    classifier = Classifier.load_with_digest(weights, device)
    labeled = read_folder(images) if images else read_test_set(samples)
    if fastest:
        _use_fastest(classifier, len(labeled.images))
    distinct = distinct_units(classifier.model)
    start = time.perf_counter()
    evaluation = predict_labeled(classifier, labeled)
    report = {
        "weights": str(weights),
        "distinct_units": distinct,
        "images": str(images) if images else "Fashion-MNIST test set",
        "backend": classifier.backend.name,
        **metrics(evaluation.results),
        **confidence_metrics(evaluation, classifier.confidence),
        "seconds": round(time.perf_counter() - start, 2),
        "unreadable": labeled.unreadable,
    }
    if flip:
        mirrored = predict_labeled(classifier, mirror(labeled)).results
        both = (evaluation.results.probabilities + mirrored.probabilities) / 2
        averaged = metrics(Results(both, labeled.labels))
        report["flip_averaged"] = {name: averaged[name] for name in ("accuracy", "loss")}
    return report


def _use_fastest(classifier: Classifier, images: int) -> None:
    """Let the fastest backend answer, if it is known or worth finding out for so many images."""
    if images >= CHOOSE_FROM:
        backend_choice.use_fastest(classifier)
    else:
        backend_choice.use_chosen(classifier)


def predict_labeled(classifier: Classifier, labeled: LabeledImages) -> Evaluation:
    """Predictions for labeled images, the same as `Classifier.predict` returns."""
    confidence, images = classifier.confidence, labeled.images
    logits, features = classifier.forward_views(images)
    probabilities, scores = average_views(confidence, images, logits, features)
    return Evaluation(
        Results(probabilities, labeled.labels),
        scores >= np.array([confidence.ood_threshold(image.kind) for image in images]),
        logits if len(logits) == len(images) else None,
    )


def read_test_set(samples: int) -> LabeledImages:
    """The first images of the test set, which need no preparation."""
    split = load_split(train=False).head(samples)
    choices = Choices("dataset", "keep", "keep")
    images = [PreparedImage((), (image,), choices) for image in split.images.numpy()]
    return LabeledImages(images, split.labels.numpy())


def mirror(labeled: LabeledImages) -> LabeledImages:
    """The same images, flipped horizontally."""
    mirrored = [
        replace(image, views=tuple(view[:, ::-1] for view in image.views))
        for image in labeled.images
    ]
    return replace(labeled, images=mirrored)


def read_folder(folder: Path) -> LabeledImages:
    """Every image in the subfolders named as classes, prepared as for `predict`.

    Raises:
        ValueError: when there are no readable images.
    """
    label_of = {normalize(name): label for label, name in enumerate(CLASSES)}
    images, labels, unreadable = [], [], []
    for sub in sorted(folder.iterdir()) if folder.is_dir() else []:
        label = label_of.get(normalize(sub.name))
        if label is None or not sub.is_dir():
            continue
        for path in images_in(sub):
            try:
                images.append(replace(prepare(read_file(path)), steps=()))  # steps take memory
                labels.append(label)
            except ImageError as error:
                unreadable.append({"path": str(path), "error": str(error)})
    if not images:
        raise ValueError(
            f"{folder} has no readable images in subfolders named as the classes, such as "
            "T-shirt_top or Ankle_boot."
        )
    return LabeledImages(images, np.array(labels), unreadable)


def normalize(name: str) -> str:
    """A class name's letters alone: ``T-shirt_top`` and ``T-shirt/top`` are the same."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def metrics(results: Results) -> dict[str, Any]:
    """The classification metrics, JSON-able.

    Returns:
        ``samples``; ``accuracy`` and ``loss`` (mean cross-entropy, nats); ``classes``: by name
        ``precision``, ``recall``, ``f1`` (None where undefined) and ``samples``; ``confusion``:
        counts, rows are true classes, columns predicted ones.
    """
    true = np.take_along_axis(results.probabilities, results.labels[:, None], 1)
    classes = [asdict(scores) for scores in class_scores(results.confusion)]
    return {
        "samples": len(results.labels),
        "accuracy": results.accuracy,
        "loss": float(-np.log(true.clip(min=MIN_PROBABILITY)).mean(dtype=np.float64)),
        "classes": {scores.pop("name"): scores for scores in classes},
        "confusion": results.confusion.tolist(),
    }


def confidence_metrics(evaluation: Evaluation, confidence: ConfidenceModel) -> dict[str, Any]:
    """How far the predictions can be trusted, JSON-able.

    Returns:
        ``temperature`` and ``ece``, the expected calibration error; where every image has one view
        ``uncalibrated`` (``{"loss", "ece"}``), at a temperature of 1; ``clothing`` and ``sure``:
        the shares of images that pass as clothing and of predictions that are sure (see
        `Prediction`); ``sure_accuracy``: the accuracy of these, None where there are none.
    """
    results = evaluation.results
    sure = evaluation.clothing & (results.confidence >= confidence.confidence_threshold)
    report: dict[str, Any] = {
        "temperature": confidence.temperature,
        "ece": results.calibration_error(),
        "clothing": float(evaluation.clothing.mean()),
        "sure": float(sure.mean()),
        "sure_accuracy": share(int((results.correct & sure).sum()), int(sure.sum())),
    }
    if evaluation.logits is not None:
        plain = Results(evaluation.logits.softmax(1).numpy(), results.labels)
        report["uncalibrated"] = {
            "loss": metrics(plain)["loss"],
            "ece": plain.calibration_error(),
        }
    return report


def format_report(report: dict[str, Any]) -> str:
    """The metrics as a plain-text table."""
    lines = [
        f"{report['images']}: {report['samples']:,} images, accuracy "
        f"{percent(report['accuracy'], 2)}, loss {report['loss']:.4f}, {report['seconds']:.1f} s, "
        f"{report['backend']}",
        "",
        f"{'class':<12} {'precision':>9} {'recall':>8} {'images':>9}",
    ]
    for name, scores in report["classes"].items():
        precision, recall = (
            "–" if scores[key] is None else percent(scores[key]) for key in ("precision", "recall")
        )
        lines.append(f"{name:<12} {precision:>9} {recall:>8} {scores['samples']:>9,}")
    lines += [
        "",
        f"calibration error {percent(report['ece'], 2)} at temperature "
        f"{report['temperature']:.3f}; passes as clothing "
        f"{percent(report['clothing'])}, sure {percent(report['sure'])}",
        f"distinct units, of which no earlier one is a copy (cosine {COPY_COSINE} or more): "
        + ", ".join(f"{n} {percent(s)}" for n, s in report["distinct_units"].items()),
    ]
    if flipped := report.get("flip_averaged"):
        lines.append(
            f"mean over each image and its mirror image: accuracy "
            f"{percent(flipped['accuracy'], 2)}, loss {flipped['loss']:.4f}"
        )
    lines += [
        printable_line(f"unreadable: {file['path']}: {file['error']}")
        for file in report["unreadable"]
    ]
    return "\n".join(lines)
