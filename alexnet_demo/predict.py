"""Prepared pictures → ranked probabilities."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alexnet_demo import checkpoint, device
from alexnet_demo.config import CLASSES
from alexnet_demo.device import DTYPES, choose_precision
from alexnet_demo.model import AlexNet
from alexnet_demo.preprocess import SUFFIXES, Kind, PictureError, Prepared, prepare, to_input

SURE_FROM = 0.6  # top probability from which an answer is called sure
MAX_FILE_BYTES = 200_000_000
BATCH = 64


@dataclass(frozen=True)
class Prediction:
    """The answer for one picture.

    Attributes:
        ranked: every class with its probability (0 to 1, summing to 1), the likeliest first.
        kind: what the picture was taken for: ``sketch``, ``photo`` or ``dataset``.
        ms: milliseconds of the network for this picture (its share of the batch).
    """

    ranked: tuple[tuple[str, float], ...]
    kind: Kind
    ms: float

    @property
    def label(self) -> str:
        """The likeliest class."""
        return self.ranked[0][0]

    @property
    def probability(self) -> float:
        """That of `label`, 0 to 1."""
        return self.ranked[0][1]

    @property
    def sure(self) -> bool:
        """Whether the likeliest class has a probability of at least `SURE_FROM`.

        The probabilities are the plain softmax and not calibrated: a network can be sure and
        wrong, above all about pictures unlike those that it was trained on.
        """
        return self.probability >= SURE_FROM


class Classifier:
    """A trained network on its device, ready to classify.

    Where bfloat16 is faster (see `device.choose_precision`) a copy of the network in it answers:
    its probabilities are within about 0.01 of float32's, at half the time.

    Args:
        model: in evaluation mode; moved to ``device``.
        info: what the checkpoint says of itself.
    """

    def __init__(self, model: AlexNet, info: dict[str, Any], device: torch.device) -> None:
        self.model = model.to(device).eval()
        self.info, self.device = info, device
        self.precision = choose_precision("auto", device)
        self.model.to(memory_format=torch.channels_last)
        self._fast = self.model
        if self.precision != "fp32":
            self._fast = copy.deepcopy(self.model).to(DTYPES[self.precision])

    @classmethod
    def load(cls, weights: Path, device_name: str = "cpu") -> Classifier:
        """Read a checkpoint.

        Raises:
            CheckpointError: when the file is missing or does not hold this network.
            ConfigError: when the device is not there.
        """
        target = device.resolve(device_name)
        model, info = checkpoint.load_weights(weights)
        return cls(model, info, target)

    def logits(self, pixels: np.ndarray) -> torch.Tensor:
        """uint8 (N, 28, 28), 0 background → float32 logits (N, 10) on the CPU."""
        images = torch.from_numpy(np.array(pixels, dtype=np.uint8))
        if not len(images):
            return torch.empty(0, len(CLASSES))
        with torch.inference_mode():
            parts = [self._answer(part.to(self.device)) for part in images.split(BATCH)]
        return torch.cat(parts).float().cpu()

    def _answer(self, images: torch.Tensor) -> torch.Tensor:
        return self._fast(to_input(images).to(DTYPES[self.precision]))

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (N, 28, 28), 0 background → float32 (N, 10), each row summing to 1."""
        return self.logits(pixels).softmax(1).numpy()

    def predict(self, pictures: Sequence[Prepared]) -> list[Prediction]:
        """One answer for each picture, in their order."""
        if not pictures:
            return []
        begin = time.perf_counter()
        rows = self.probabilities(np.stack([p.pixels for p in pictures]))
        ms = (time.perf_counter() - begin) * 1000 / len(pictures)
        return [
            Prediction(rank(row), picture.kind, ms)
            for row, picture in zip(rows, pictures, strict=True)
        ]


def rank(probabilities: np.ndarray) -> tuple[tuple[str, float], ...]:
    """(10,) in the order of the classes → pairs of class and probability, the likeliest first."""
    order = np.argsort(-probabilities, kind="stable")
    return tuple((CLASSES[i], float(probabilities[i])) for i in order)


# ------------------------------------------------------------------ files


def classify_paths(
    paths: Iterable[str], weights: Path, device: str = "auto", kind: str = "auto", top: int = 10
) -> Iterator[dict[str, Any]]:
    """Classify picture files, one JSON-able record a file, in order.

    A folder stands for every picture in it and below, sorted; ``-`` for paths read from standard
    input, one a line. A file that cannot be used gives ``{"path", "error"}`` and the rest go on.

    Yields:
        ``{"path", "label", "probabilities": {class: p}, "kind", "sure", "ms"}`` with the ``top``
        likeliest classes in ranked order; ``ms`` counts reading, preparing and the network.

    Raises:
        ValueError: for an unknown ``kind``, ``top`` below 1, weights that cannot be loaded or a
            device that is not there.
    """
    if top < 1:
        raise ValueError("At least one class must be asked for (--top 1).")
    classifier = Classifier.load(weights, device)
    files = expand(paths)
    while chunk := list(islice(files, BATCH)):
        yield from _classify_chunk(classifier, chunk, kind, top)


def _classify_chunk(
    classifier: Classifier, chunk: list[Path], kind: str, top: int
) -> Iterator[dict[str, Any]]:
    """One record for each file; those that can be read go through the network together."""
    ready: dict[int, tuple[Prepared, float]] = {}
    errors: dict[int, str] = {}
    for index, path in enumerate(chunk):
        begin = time.perf_counter()
        try:
            picture = prepare(read_file(path), kind)  # type: ignore[arg-type]
            ready[index] = picture, (time.perf_counter() - begin) * 1000
        except PictureError as error:
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
        "ms": round(prepare_ms + answer.ms, 2),
    }


def expand(paths: Iterable[str]) -> Iterator[Path]:
    """The files that paths, folders and ``-`` (standard input, once) stand for."""
    for name in paths:
        if name == "-":
            yield from expand(line for raw in sys.stdin if (line := raw.strip()) and line != "-")
        elif Path(name).is_dir():
            yield from pictures_in(Path(name))
        else:
            yield Path(name)


def pictures_in(folder: Path) -> list[Path]:
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
            raise PictureError(f"The file is too large: at most {MAX_FILE_BYTES // 10**6} MB.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PictureError("There is no such file.") from error
    except (OSError, ValueError) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(f"The file cannot be read: {error}.") from error
