"""Prepared pictures → ranked probabilities, and whether to believe them."""

from __future__ import annotations

import copy
import math
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alexnet_demo.common import errors as errors_
from alexnet_demo.common.access import READ_ONLY, Role, require_admin
from alexnet_demo.common.files import sha256
from alexnet_demo.images.prepared import SIDE, Kind, PreparedImage
from alexnet_demo.inference.confidence import CONFIDENCE_THRESHOLD, ConfidenceModel
from alexnet_demo.network import checkpoint, device
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.device import DTYPES
from alexnet_demo.network.input import to_input
from alexnet_demo.network.timing import choose_precision
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import channels

BATCH = 64


@dataclass(frozen=True)
class Prediction:
    """The answer for one picture.

    Attributes:
        ranked: every class with its probability (0 to 1, summing to 1), the likeliest first.
        kind: what the picture was taken for: ``sketch``, ``photo`` or ``dataset``.
        ms: milliseconds of the network for this picture (its share of the batch).
        score: how like clothing the picture is, see `Certainty.likeness`.
        threshold: the score that 95 % of true clothing of this kind reach; any score passes where
            none was fitted.
        level: the top probability from which an answer is called sure.
    """

    ranked: tuple[tuple[str, float], ...]
    kind: Kind
    ms: float
    score: float = 0.0
    threshold: float = -math.inf
    level: float = CONFIDENCE_THRESHOLD

    @property
    def label(self) -> str:
        """The likeliest class."""
        return self.ranked[0][0]

    @property
    def probability(self) -> float:
        """That of `label`, 0 to 1."""
        return self.ranked[0][1]

    @property
    def clothing(self) -> bool:
        """Whether the picture passes for clothing at all; the classes know nothing else."""
        return self.score >= self.threshold

    @property
    def sure(self) -> bool:
        """Whether the picture passes for clothing and `label` has a probability of ``level``.

        Only of a shipped network are the probabilities calibrated, see `certainty`; others are
        sure and wrong at times, above all about pictures unlike those that they were trained on.
        """
        return self.clothing and self.probability >= self.level


class Classifier:
    """A trained network on its device, ready to classify.

    Where bfloat16 is faster (see `timing.choose_precision`) a copy of the network in it answers:
    its probabilities are within about 0.01 of float32's, at half the time.

    Args:
        model: in evaluation mode; moved to ``device``.
        info: what the checkpoint says of itself.
        certainty: how to read the network's outputs.

    Attributes:
        digest: SHA-256 of the file that it was read from, where somebody has noted it.
    """

    digest = ""

    def __init__(
        self,
        model: AlexNet,
        info: dict[str, Any],
        device: torch.device,
        confidence: ConfidenceModel | None = None,
    ) -> None:
        self.model = model.to(device).eval()
        self.info, self.device, self.confidence = info, device, confidence or ConfidenceModel()
        self.precision = choose_precision("auto", device)
        self.model.to(memory_format=torch.channels_last)
        fast = self.model
        if self.precision != "fp32":
            fast = copy.deepcopy(self.model).to(DTYPES[self.precision])
        # Up to fc7 and its ReLU (dropout does nothing here), and fc8 alone.
        self._body, self._head = fast.net[:-1], fast.net[-1]

    @classmethod
    def load(cls, weights: Path, device_name: str = "cpu") -> Classifier:
        """Read a checkpoint.

        Raises:
            CheckpointError: when the file is missing or does not hold this network.
            ConfigError: when the device is not there.
        """
        target = device.resolve(device_name)
        model, info = checkpoint.load_weights(weights)
        found = cls(model, info, target, confidence_of(weights, model, info))
        grounds = np.stack([np.full((SIDE, SIDE), level, np.uint8) for level in (0, 255)])
        if not np.isfinite(found.probabilities(grounds)).all():
            raise errors_.CheckpointError(
                f"{Path(weights).name} cannot be used: its weights are so large that its answers "
                "are no numbers."
            )
        return found

    @classmethod
    def load_with_digest(cls, weights: Path, device_name: str = "cpu") -> Classifier:
        """Read a checkpoint and note its file's digest.

        Raises:
            CheckpointError: as `load` does, and when a training writes the file meanwhile.
            ConfigError: when the device is not there.
        """
        digest = sha256(weights)
        classifier = cls.load(weights, device_name)
        if sha256(weights) != digest:
            raise errors_.CheckpointError("The weights changed while they were read: try it again.")
        classifier.digest = digest
        return classifier

    @classmethod
    def from_upload(cls, name: str, data: bytes, role: Role = READ_ONLY) -> Classifier:
        """Read a checkpoint that somebody handed in; nothing of it stays on the disk.

        Args:
            name: the file's, for messages.
            data: its bytes.
            permit: of who handed it in.

        Raises:
            AccessError: when they may not, see `access`.
            CheckpointError: as `load`.
        """
        require_admin(role)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.safetensors"  # its own name may be none for a disk
            path.write_bytes(data)
            try:
                return cls.load(path)
            except errors_.CheckpointError as error:
                raise errors_.CheckpointError(str(error).replace(path.name, name)) from error

    def outputs(self, pixels: np.ndarray) -> tuple[Tensor, Tensor]:
        """Logits and what they were made from.

        Args:
            pixels: uint8 (N, side, side), 0 background to 255.

        Returns:
            Logits (N, 10) and the features of fc7 after its ReLU (N, D): float32, on the CPU.
        """
        images = torch.from_numpy(np.array(pixels, dtype=np.uint8))
        if not len(images):
            return torch.empty(0, len(CLASSES)), torch.empty(0, units_of(self.model))
        logits, features = [], []
        with torch.inference_mode():
            for part in images.split(BATCH):
                x = to_input(part.to(self.device)).to(DTYPES[self.precision])
                features.append(self._body(x))
                logits.append(self._head(features[-1]))
        return torch.cat(logits).float().cpu(), torch.cat(features).float().cpu()

    def logits(self, pixels: np.ndarray) -> Tensor:
        """uint8 (N, side, side), 0 background → float32 logits (N, 10) on the CPU."""
        return self.outputs(pixels)[0]

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (N, side, side), 0 background → calibrated float32 (N, 10), rows summing to 1."""
        return self.confidence.probabilities(self.logits(pixels)).numpy()

    def predict(self, pictures: Sequence[PreparedImage]) -> list[Prediction]:
        """One answer for each picture, in their order: the mean over its views."""
        if not pictures:
            return []
        begin = time.perf_counter()
        rows, scores = average_views(self.confidence, pictures, *self.forward_views(pictures))
        ms = (time.perf_counter() - begin) * 1000 / len(pictures)
        threshold, level = self.confidence.threshold, self.confidence.level
        return [
            Prediction(rank(row), p.kind, ms, float(score), threshold(p.kind), level)
            for row, score, p in zip(rows, scores, pictures, strict=True)
        ]

    def forward_views(self, pictures: Sequence[PreparedImage]) -> tuple[Tensor, Tensor]:
        """`outputs` for every view of every picture, in order; those of one side go together."""
        views = [view for picture in pictures for view in picture.views]
        by_side = defaultdict(list)
        for number, view in enumerate(views):
            by_side[view.shape].append(number)
        logits = torch.empty(len(views), len(CLASSES))
        features = torch.empty(len(views), units_of(self.model))
        for numbers in by_side.values():
            pixels = np.stack([views[number] for number in numbers])
            logits[numbers], features[numbers] = self.outputs(pixels)
        return logits, features


def average_views(
    certainty: ConfidenceModel, pictures: Sequence[PreparedImage], logits: Tensor, features: Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """What `Classifier.look` gave, averaged over each picture's views.

    Returns:
        Calibrated probabilities, float32 (N, 10), and scores, float32 (N,), see `Prediction`.
    """
    ends = np.cumsum([len(picture.views) for picture in pictures])[:-1]
    rows = np.split(certainty.probabilities(logits).numpy(), ends)
    scores = np.split(certainty.ood_score(logits, features).numpy(), ends)
    return np.stack([own.mean(0) for own in rows]), np.stack([own.mean() for own in scores])


def confidence_of(weights: Path, model: AlexNet, info: Mapping[str, Any]) -> ConfidenceModel:
    """How to read the outputs of a checkpoint's network, as it says itself.

    Raises:
        CheckpointError: when what it says does not fit the network.
    """
    tensors = checkpoint.load_part(weights, checkpoint.CONFIDENCE_PREFIX)
    try:
        return ConfidenceModel.from_file(info.get("certainty"), tensors, units_of(model))
    except ValueError as error:
        raise errors_.CheckpointError(f"{Path(weights).name} cannot be used: {error}.") from error


def units_of(model: AlexNet) -> int:
    """Number of features that fc7 gives."""
    return channels(model.width)[-1]


def rank(probabilities: np.ndarray) -> tuple[tuple[str, float], ...]:
    """(10,) in the order of the classes → pairs of class and probability, the likeliest first."""
    order = np.argsort(-probabilities, kind="stable")
    return tuple((CLASSES[i], float(probabilities[i])) for i in order)


# ------------------------------------------------------------------ files
