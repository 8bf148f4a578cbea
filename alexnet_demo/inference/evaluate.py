"""How good a network is: on the test set, or on a folder with one subfolder a class."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, nll_loss

from alexnet_demo.common.errors import ImageError
from alexnet_demo.data.splits import load_split
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import Choices, PreparedImage
from alexnet_demo.inference.classifier import Classifier, average_views
from alexnet_demo.inference.confidence import ConfidenceModel, calibration_error
from alexnet_demo.inference.image_files import images_in, read_file
from alexnet_demo.inference.predictions import Results, class_scores, share
from alexnet_demo.settings.article import CLASSES

LEAST = 1e-12  # a probability is taken for no less, so that its logarithm is finite


@dataclass
class Labelled:
    """Pictures made ready with their labels, int64 (N,), and the files that could not be read."""

    pictures: list[PreparedImage]
    labels: Tensor
    unreadable: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Answers:
    """What a network said of N pictures.

    Attributes:
        probabilities: float32 (N, 10), calibrated, averaged over a picture's views.
        clothing: bool (N,), see `Prediction`.
        labels: int64 (N,), the truth.
        logits: float32 (N, 10), where every picture has one view.
    """

    probabilities: Tensor
    clothing: Tensor
    labels: Tensor
    logits: Tensor | None = None


def evaluate(
    weights: Path,
    device: str = "auto",
    images: Path | None = None,
    samples: int = 10_000,
    flip: bool = False,
) -> dict[str, Any]:
    """Measure a checkpoint.

    Args:
        weights: a safetensors file.
        device: name for `device.resolve`.
        images: a folder with one subfolder a class, named as the class with ``_`` for spaces and
            slashes (``T-shirt_top``); without it, the first ``samples`` of the test set.
        samples: 1 to 10,000, used without ``images``.
        flip: also say what the average over each picture and its mirror image would reach.

    Returns:
        One JSON-able object: see `score` and `trust`, with ``weights``, ``images``, ``seconds``,
        ``unreadable`` (``[{"path", "error"}]``), and with ``flip`` also ``flip_averaged``
        (``{"accuracy", "loss"}``) beside it.

    Raises:
        ValueError: for weights or a device that cannot be used, or no pictures in the folder.
    """
    classifier = Classifier.load(weights, device)
    begin = time.perf_counter()
    labelled = read_folder(images) if images else read_test_set(samples)
    answers = ask(classifier, labelled)
    report = {
        "weights": str(weights),
        "images": str(images) if images else "Fashion-MNIST test set",
        **score(answers.probabilities, answers.labels),
        **trust(answers, classifier.confidence),
        "seconds": round(time.perf_counter() - begin, 2),
        "unreadable": labelled.unreadable,
    }
    if flip:
        mirrored = ask(classifier, mirror(labelled))
        both = (answers.probabilities + mirrored.probabilities) / 2
        averaged = score(both, answers.labels)
        report["flip_averaged"] = {name: averaged[name] for name in ("accuracy", "loss")}
    return report


def ask(classifier: Classifier, labelled: Labelled) -> Answers:
    """The answers for pictures made ready, as `Classifier.predict` gives them."""
    logits, features = classifier.forward_views(labelled.pictures)
    rows, scores = average_views(classifier.confidence, labelled.pictures, logits, features)
    thresholds = [classifier.confidence.threshold(picture.kind) for picture in labelled.pictures]
    one_view = len(logits) == len(labelled.pictures)
    return Answers(
        torch.from_numpy(rows),
        torch.from_numpy(scores) >= torch.tensor(thresholds),
        labelled.labels,
        logits if one_view else None,
    )


def read_test_set(samples: int) -> Labelled:
    """The first so many pictures of the test set, which are the network's input as they are."""
    split = load_split(train=False).head(samples)
    known = Choices("dataset", "keep", "keep")
    return Labelled(
        [PreparedImage((), (image,), known) for image in split.images.numpy()], split.labels
    )


def mirror(labelled: Labelled) -> Labelled:
    """The same pictures with left and right swapped."""
    turned = [
        replace(picture, views=tuple(view[:, ::-1] for view in picture.views))
        for picture in labelled.pictures
    ]
    return replace(labelled, pictures=turned)


def read_folder(folder: Path) -> Labelled:
    """Every picture below the subfolders that are named as classes, prepared as for `predict`.

    Raises:
        ValueError: when there is no such folder or picture in it.
    """
    known = {spelling(name): label for label, name in enumerate(CLASSES)}
    pictures, labels, unreadable = [], [], []
    for sub in sorted(folder.iterdir()) if folder.is_dir() else []:
        label = known.get(spelling(sub.name))
        if label is None or not sub.is_dir():
            continue
        for path in images_in(sub):
            try:
                picture = prepare(read_file(path))
                pictures.append(replace(picture, steps=()))  # which hold large pictures
                labels.append(label)
            except ImageError as error:
                unreadable.append({"path": str(path), "error": str(error)})
    if not pictures:
        raise ValueError(
            f"{folder} holds no readable pictures in subfolders named as the classes, such as "
            "T-shirt_top or Ankle_boot."
        )
    return Labelled(pictures, torch.tensor(labels), unreadable)


def spelling(name: str) -> str:
    """A class name's letters alone: ``T-shirt_top`` and ``T-shirt/top`` are one."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def score(probabilities: Tensor, labels: Tensor) -> dict[str, Any]:
    """Probabilities float32 (N, 10) and labels int64 (N,) → figures, all JSON-able.

    Returns:
        ``samples``; ``accuracy`` and ``loss`` (mean cross-entropy, nats); ``classes``: by name
        ``precision``, ``recall``, ``f1`` (None where undefined) and ``samples``; ``confusion``:
        rows are true classes, columns predicted ones, counts.
    """
    found = Results(probabilities.numpy(), labels.numpy())
    return {
        "samples": len(labels),
        "accuracy": found.accuracy,
        "loss": float(nll_loss(probabilities.clamp(min=LEAST).log(), labels)),
        "classes": {
            line.name: {
                "precision": line.precision,
                "recall": line.recall,
                "f1": line.f1,
                "samples": line.samples,
            }
            for line in class_scores(found.confusion)
        },
        "confusion": found.confusion.tolist(),
    }


def trust(answers: Answers, certainty: ConfidenceModel) -> dict[str, Any]:
    """How far the answers can be believed, all JSON-able.

    Returns:
        ``temperature`` and ``ece``, the expected calibration error, see `certainty`; where every
        picture has one view ``uncalibrated`` (``{"loss", "ece"}``), as with a temperature of 1;
        ``clothing`` and ``sure``: the shares of the pictures that are taken for clothing, and of
        the answers that are called sure (see `Prediction`); ``sure_accuracy``: the share of these
        that are right, None where there are none.
    """
    top, guesses = answers.probabilities.max(1)
    sure = answers.clothing & (top >= certainty.level)
    hits = guesses == answers.labels
    report: dict[str, Any] = {
        "temperature": certainty.temperature,
        "ece": calibration_error(answers.probabilities, answers.labels),
        "clothing": float(answers.clothing.float().mean()),
        "sure": float(sure.float().mean()),
        "sure_accuracy": share(int((hits & sure).sum()), int(sure.sum())),
    }
    if answers.logits is not None:
        report["uncalibrated"] = {
            "loss": float(cross_entropy(answers.logits, answers.labels)),
            "ece": calibration_error(answers.logits.softmax(1), answers.labels),
        }
    return report


def format_report(report: dict[str, Any]) -> str:
    """The figures as a plain-text table."""
    lines = [
        f"{report['images']}: {report['samples']:,} pictures, accuracy {report['accuracy']:.2%}, "
        f"loss {report['loss']:.4f}, {report['seconds']:.1f} s",
        "",
        f"{'class':<12} {'precision':>9} {'recall':>8} {'pictures':>9}",
    ]
    for name, figures in report["classes"].items():
        precision, recall = (
            "–" if figures[key] is None else f"{figures[key]:.1%}"
            for key in ("precision", "recall")
        )
        lines.append(f"{name:<12} {precision:>9} {recall:>8} {figures['samples']:>9,}")
    lines += [
        "",
        f"calibration error {report['ece']:.2%} at temperature {report['temperature']:.3f}; "
        f"taken for clothing {report['clothing']:.1%}, sure {report['sure']:.1%}",
    ]
    if flipped := report.get("flip_averaged"):
        lines.append(
            f"averaged over each picture and its mirror image: accuracy {flipped['accuracy']:.2%}, "
            f"loss {flipped['loss']:.4f}"
        )
    lines += [f"not readable: {bad['path']}: {bad['error']}" for bad in report["unreadable"]]
    return "\n".join(lines)
