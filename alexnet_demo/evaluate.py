"""How good a network is: on the test set, or on a folder with one subfolder a class."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, from_numpy
from torch.nn.functional import cross_entropy

from alexnet_demo.config import CLASSES
from alexnet_demo.data import load_split
from alexnet_demo.predict import Classifier, pictures_in, read_file
from alexnet_demo.preprocess import PictureError, prepare


@dataclass
class Labelled:
    """Pictures uint8 (N, 28, 28) with labels int64 (N,), and the files that could not be read."""

    pixels: np.ndarray
    labels: np.ndarray
    unreadable: list[dict[str, str]] = field(default_factory=list)


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
        One JSON-able object, see `score`, with ``weights``, ``images``, ``seconds``,
        ``unreadable`` (``[{"path", "error"}]``), and with ``flip`` also ``flip_averaged``
        (``{"accuracy", "loss"}``) beside it.

    Raises:
        ValueError: for weights or a device that cannot be used, or no pictures in the folder.
    """
    classifier = Classifier.load(weights, device)
    begin = time.perf_counter()
    labelled = read_folder(images) if images else read_test_set(samples)
    logits, labels = classifier.logits(labelled.pixels), from_numpy(labelled.labels)
    report = {
        "weights": str(weights),
        "images": str(images) if images else "Fashion-MNIST test set",
        **score(logits, labels),
        "seconds": round(time.perf_counter() - begin, 2),
        "unreadable": labelled.unreadable,
    }
    if flip:
        mirrored = classifier.logits(labelled.pixels[:, :, ::-1])
        averaged = score((logits.softmax(1) + mirrored.softmax(1)).div(2).log(), labels)
        report["flip_averaged"] = {name: averaged[name] for name in ("accuracy", "loss")}
    return report


def read_test_set(samples: int) -> Labelled:
    """The first so many pictures of the test set."""
    split = load_split(train=False).head(samples)
    return Labelled(split.images.numpy(), split.labels.numpy())


def read_folder(folder: Path) -> Labelled:
    """Every picture below the subfolders that are named as classes, prepared as for `predict`.

    Raises:
        ValueError: when there is no such folder or picture in it.
    """
    known = {spelling(name): label for label, name in enumerate(CLASSES)}
    pixels, labels, unreadable = [], [], []
    for sub in sorted(folder.iterdir()) if folder.is_dir() else []:
        label = known.get(spelling(sub.name))
        if label is None or not sub.is_dir():
            continue
        for path in pictures_in(sub):
            try:
                pixels.append(prepare(read_file(path)).pixels)
                labels.append(label)
            except PictureError as error:
                unreadable.append({"path": str(path), "error": str(error)})
    if not pixels:
        raise ValueError(
            f"{folder} holds no readable pictures in subfolders named as the classes, such as "
            "T-shirt_top or Ankle_boot."
        )
    return Labelled(np.stack(pixels), np.array(labels, np.int64), unreadable)


def spelling(name: str) -> str:
    """A class name's letters alone: ``T-shirt_top`` and ``T-shirt/top`` are one."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def score(logits: Tensor, labels: Tensor) -> dict[str, Any]:
    """Logits float32 (N, 10) and labels int64 (N,) → figures, all JSON-able.

    Returns:
        ``samples``; ``accuracy`` and ``loss`` (mean cross-entropy, nats); ``classes``: by name
        ``precision``, ``recall`` (None where undefined) and ``samples``; ``confusion``: rows are
        true classes, columns predicted ones, counts.
    """
    guesses = logits.argmax(1)
    count = len(CLASSES)
    confusion = (labels * count + guesses).bincount(minlength=count**2).view(count, count)
    true, guessed, hits = confusion.sum(1), confusion.sum(0), confusion.diagonal()
    return {
        "samples": len(labels),
        "accuracy": float(hits.sum() / len(labels)),
        "loss": float(cross_entropy(logits, labels)),
        "classes": {
            name: {
                "precision": _share(int(hits[i]), int(guessed[i])),
                "recall": _share(int(hits[i]), int(true[i])),
                "samples": int(true[i]),
            }
            for i, name in enumerate(CLASSES)
        },
        "confusion": confusion.tolist(),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


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
    if flipped := report.get("flip_averaged"):
        lines.append(
            f"averaged over each picture and its mirror image: accuracy {flipped['accuracy']:.2%}, "
            f"loss {flipped['loss']:.4f}"
        )
    lines += [f"not readable: {bad['path']}: {bad['error']}" for bad in report["unreadable"]]
    return "\n".join(lines)
