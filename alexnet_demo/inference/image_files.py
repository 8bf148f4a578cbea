"""Image files and folders → predictions as JSON records."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from alexnet_demo.common.errors import ImageError
from alexnet_demo.common.files import link_target, open_file
from alexnet_demo.images.decode import SUFFIXES
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import Choices, PreparedImage
from alexnet_demo.inference import backend_choice
from alexnet_demo.inference.classifier import BATCH, Classifier, Prediction

MAX_FILE_BYTES = 200_000_000


def classify_paths(
    paths: Iterable[str], weights: Path, device: str = "auto", kind: str = "auto", top: int = 10
) -> Iterator[dict[str, Any]]:
    """Classify image files, one JSON-able record a file, in order.

    A folder is searched recursively, in sorted order; ``-`` reads paths from standard input, one a
    line. An unreadable file yields ``{"path", "error"}`` and does not stop the others.

    Yields:
        ``{"path", "label", "probabilities": {class: p}, "kind", "sure", "clothing", "score",
        "ms", "backend"}`` with the ``top`` most probable classes in order; ``ms`` covers reading,
        preparation, and the forward pass; for the rest see `Prediction`.

    Raises:
        ValueError: for an unknown ``kind``, ``top`` below 1, unusable weights, or a device that is
            not available.
    """
    if top < 1:
        raise ValueError("--top must be at least 1.")
    choices = Choices(kind)  # type: ignore[arg-type]
    classifier = Classifier.load_with_digest(weights, device)
    backend_choice.use_chosen(classifier)
    files = expand(paths)
    while chunk := list(islice(files, BATCH)):
        yield from _classify_chunk(classifier, chunk, choices, top)


def _classify_chunk(
    classifier: Classifier, chunk: list[Path], choices: Choices, top: int
) -> Iterator[dict[str, Any]]:
    """One record a file; the readable ones share batches."""
    images: list[PreparedImage | ImageError] = []
    prepare_ms = []
    for path in chunk:
        start = time.perf_counter()
        try:
            images.append(prepare(read_file(path), choices))
        except ImageError as error:
            images.append(error)
        prepare_ms.append((time.perf_counter() - start) * 1000)
    predictions = iter(classifier.predict([i for i in images if isinstance(i, PreparedImage)]))
    for path, image, ms in zip(chunk, images, prepare_ms, strict=True):
        if isinstance(image, ImageError):
            yield {"path": str(path), "error": str(image)}
        else:
            yield to_record(path, next(predictions), ms, top)


def to_record(path: Path, prediction: Prediction, prepare_ms: float, top: int) -> dict[str, Any]:
    """The JSON-able form of a prediction."""
    return {
        "path": str(path),
        "label": prediction.label,
        "probabilities": {name: round(p, 6) for name, p in prediction.ranked[:top]},
        "kind": prediction.kind,
        "sure": prediction.sure,
        "clothing": prediction.clothing,
        "score": round(prediction.ood_score, 3),
        "ms": round(prepare_ms + prediction.ms, 2),
        "backend": prediction.backend,
    }


def expand(paths: Iterable[str]) -> Iterator[Path]:
    """Replace folders by their images and ``-`` by the paths on standard input (once)."""
    for name in paths:
        if name == "-":
            yield from expand(line for raw in sys.stdin if (line := raw.strip()) and line != "-")
        elif _is_folder(Path(name)):
            yield from images_in(Path(name))
        else:
            yield Path(name)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # the name is too long, or permission is denied
        return False


def images_in(folder: Path) -> list[Path]:
    """Every file below a folder with the suffix of an image, sorted, without hidden files."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    )


def read_file(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        ImageError: when it is missing, unreadable, or larger than 200 MB.
    """
    try:
        with open_file(link_target(path)) as file:
            data: bytes = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise ImageError("No such file.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"The file cannot be read: {reason}.") from error
    if len(data) > MAX_FILE_BYTES:
        raise ImageError(f"The file is too large (the limit is {MAX_FILE_BYTES // 10**6} MB).")
    return data
