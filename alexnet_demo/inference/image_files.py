"""TODO docstring."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images.decode import SUFFIXES
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import Choices, PreparedImage
from alexnet_demo.inference.classifier import BATCH, Classifier, Prediction

MAX_FILE_BYTES = 200_000_000


def classify_paths(
    paths: Iterable[str], weights: Path, device: str = "auto", kind: str = "auto", top: int = 10
) -> Iterator[dict[str, Any]]:
    """Classify picture files, one JSON-able record a file, in order.

    A folder stands for every picture in it and below, sorted; ``-`` for paths read from standard
    input, one a line. A file that cannot be used gives ``{"path", "error"}`` and the rest go on.

    Yields:
        ``{"path", "label", "probabilities": {class: p}, "kind", "sure", "clothing", "score",
        "ms"}`` with the ``top`` likeliest classes in ranked order; ``ms`` counts reading,
        preparing and the network; for the rest see `Prediction`.

    Raises:
        ValueError: for an unknown ``kind``, ``top`` below 1, weights that cannot be loaded or a
            device that is not there.
    """
    if top < 1:
        raise ValueError("At least one class must be asked for (--top 1).")
    choices = Choices(kind)  # type: ignore[arg-type]
    classifier = Classifier.load(weights, device)
    files = expand(paths)
    while chunk := list(islice(files, BATCH)):
        yield from _classify_chunk(classifier, chunk, choices, top)


def _classify_chunk(
    classifier: Classifier, chunk: list[Path], choices: Choices, top: int
) -> Iterator[dict[str, Any]]:
    """One record for each file; those that can be read go through the network together."""
    ready: dict[int, tuple[PreparedImage, float]] = {}
    errors: dict[int, str] = {}
    for index, path in enumerate(chunk):
        begin = time.perf_counter()
        try:
            picture = prepare(read_file(path), choices)
            ready[index] = picture, (time.perf_counter() - begin) * 1000
        except ImageError as error:
            errors[index] = str(error)
    answers = dict(
        zip(ready, classifier.predict([picture for picture, _ in ready.values()]), strict=True)
    )
    for index, path in enumerate(chunk):
        if index in errors:
            yield {"path": str(path), "error": errors[index]}
        else:
            yield to_record(path, answers[index], ready[index][1], top)


def to_record(path: Path, answer: Prediction, prepare_ms: float, top: int) -> dict[str, Any]:
    """The JSON-able form of an answer."""
    return {
        "path": str(path),
        "label": answer.label,
        "probabilities": {name: round(p, 6) for name, p in answer.ranked[:top]},
        "kind": answer.kind,
        "sure": answer.sure,
        "clothing": answer.clothing,
        "score": round(answer.score, 3),
        "ms": round(prepare_ms + answer.ms, 2),
    }


def expand(paths: Iterable[str]) -> Iterator[Path]:
    """The files that paths, folders and ``-`` (standard input, once) stand for."""
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
    except OSError:  # a name too long, or a place that may not be looked at
        return False


def images_in(folder: Path) -> list[Path]:
    """Every file below a folder whose name ends as a picture's, sorted, hidden ones left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    )


def read_file(path: Path) -> bytes:
    """The bytes of a picture file.

    Raises:
        PictureError: when it is missing, not readable, or above 200 MB.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ImageError(f"The file is too large: at most {MAX_FILE_BYTES // 10**6} MB.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError("There is no such file.") from error
    except (OSError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"The file cannot be read: {error}.") from error
