"""Prepared images → ranked class probabilities, and whether to trust them."""

from __future__ import annotations

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

from alexnet_demo.common.access import READ_ONLY, Role, require_admin
from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.common.files import sha256
from alexnet_demo.images.prepared import SIDE, Kind, PreparedImage
from alexnet_demo.inference.backend import Backend, TorchBackend, outputs
from alexnet_demo.inference.confidence import CONFIDENCE_THRESHOLD, ConfidenceModel
from alexnet_demo.network import checkpoint, device
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.timing import (
    MEMORY_FORMATS,
    choose_memory_format,
    choose_precision,
)
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.schedule import channels

BATCH = 64  # images


@dataclass(frozen=True)
class Prediction:
    """The prediction for one image.

    Attributes:
        ranked: every class with its probability (0 to 1, summing to 1), most probable first.
        kind: what the image was treated as: ``sketch``, ``photo`` or ``dataset``.
        ms: milliseconds of the forward pass (this image's share of the batch).
        ood_score: see `ConfidenceModel.ood_score`; higher means more like clothing.
        ood_threshold: most true clothing of this kind scores at least this; −∞ where no threshold
            was fitted.
        confidence_threshold: the probability from which a prediction counts as sure.
        backend: the name of what ran the model, see `Backend`.
    """

    ranked: tuple[tuple[str, float], ...]
    kind: Kind
    ms: float
    ood_score: float = 0.0
    ood_threshold: float = -math.inf
    confidence_threshold: float = CONFIDENCE_THRESHOLD
    backend: str = ""

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.ranked[0][0]

    @property
    def probability(self) -> float:
        """The probability of `label`, 0 to 1."""
        return self.ranked[0][1]

    @property
    def clothing(self) -> bool:
        """Whether the image passes as clothing at all; the classes cover nothing else."""
        return self.ood_score >= self.ood_threshold

    @property
    def sure(self) -> bool:
        """Whether the image passes as clothing and the confidence reaches its threshold.

        Only exported models have calibrated probabilities, see `confidence`; others are often
        overconfident, above all on images unlike their training images.
        """
        return self.clothing and self.probability >= self.confidence_threshold


class Classifier:
    """A trained model on its device, ready to classify.

    The forward pass uses PyTorch; on a device with units for bfloat16 (see
    `timing.choose_precision`) it runs a copy of the model in it: probabilities within about 0.01 of
    float32's, in half the time. It never uses fp16, where weights or activations may overflow.
    `backend_choice.use_chosen` replaces it by what is fastest on this machine. Gradients and inner
    views use `model`.

    Args:
        model: moved to ``device`` and set to evaluation mode.
        info: the metadata of its checkpoint.
        confidence: calibration and out-of-distribution detection; by default none.

    Attributes:
        backend: runs the forward pass.
        digest: SHA-256 of the weights file, see `load_with_digest`; otherwise empty.
    """

    digest = ""

    def __init__(
        self,
        model: AlexNet,
        info: dict[str, Any],
        device: torch.device,
        confidence: ConfidenceModel | None = None,
    ) -> None:
        self.info, self.device, self.confidence = info, device, confidence or ConfidenceModel()
        precision = choose_precision("auto", device)
        self.precision = "fp32" if precision == "fp16" else precision
        layout = MEMORY_FORMATS[choose_memory_format("channels_last", device, self.precision)]
        self.model = model.to(device).to(memory_format=layout).eval()
        self.backend: Backend = TorchBackend(self.model, self.precision)

    @classmethod
    def load(cls, weights: Path, device_name: str = "cpu") -> Classifier:
        """Read a checkpoint.

        Raises:
            CheckpointError: when the file is missing or does not hold a usable AlexNet.
            ConfigError: when the device is not available.
        """
        target = device.resolve(device_name)
        model, info = checkpoint.load_weights(weights)
        classifier = cls(model, info, target, confidence_of(weights, model, info))
        blank = np.stack([np.full((SIDE, SIDE), gray, np.uint8) for gray in (0, 255)])
        if not np.isfinite(classifier.probabilities(blank)).all():
            raise CheckpointError(
                f"{Path(weights).name} cannot be used: its weights are so large that its outputs "
                "overflow."
            )
        return classifier

    @classmethod
    def load_with_digest(cls, weights: Path, device_name: str = "cpu") -> Classifier:
        """Read a checkpoint and set `digest`.

        Raises:
            CheckpointError: as `load`, and when a run overwrites the file meanwhile.
            ConfigError: when the device is not available.
        """
        digest = sha256(weights)
        classifier = cls.load(weights, device_name)
        if sha256(weights) != digest:
            raise CheckpointError("The weights changed while they were being read. Try again.")
        classifier.digest = digest
        return classifier

    @classmethod
    def from_upload(cls, name: str, data: bytes, role: Role = READ_ONLY) -> Classifier:
        """Read an uploaded checkpoint; nothing of it stays on the disk.

        Args:
            name: of the upload, for error messages.
            data: its bytes.
            role: of the user.

        Raises:
            AccessError: when the role does not permit uploads.
            CheckpointError: as `load`.
        """
        require_admin(role)
        with tempfile.TemporaryDirectory() as folder:
            # The upload's own name may not be a valid file name.
            path = Path(folder) / "weights.safetensors"
            path.write_bytes(data)
            try:
                return cls.load(path)
            except CheckpointError as error:
                raise CheckpointError(str(error).replace(path.name, name)) from error

    def outputs(self, pixels: np.ndarray) -> tuple[Tensor, Tensor]:
        """Logits and features of images of one size.

        Args:
            pixels: uint8 (N, side, side), 0 (background) to 255.

        Returns:
            Logits (N, 10) and the features of fc7 after its ReLU (N, D): float32, on the CPU.
        """
        if not len(pixels):
            return torch.empty(0, len(CLASSES)), torch.empty(0, feature_count(self.model))
        return outputs(self.backend, pixels, BATCH)

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (N, side, side), see `outputs` → calibrated float32 (N, 10), rows summing to 1."""
        return self.confidence.probabilities(self.outputs(pixels)[0]).numpy()

    def predict(self, images: Sequence[PreparedImage]) -> list[Prediction]:
        """One prediction for each image, in order: the mean over its views."""
        if not images:
            return []
        start = time.perf_counter()
        confidence, backend = self.confidence, self.backend.name
        rows, scores = average_views(confidence, images, *self.forward_views(images))
        ms = (time.perf_counter() - start) * 1000 / len(images)
        return [
            Prediction(
                rank(row),
                image.kind,
                ms,
                float(score),
                confidence.ood_threshold(image.kind),
                confidence.confidence_threshold,
                backend,
            )
            for row, score, image in zip(rows, scores, images, strict=True)
        ]

    def forward_views(self, images: Sequence[PreparedImage]) -> tuple[Tensor, Tensor]:
        """`outputs` for all views of all images, in order; views of one size share batches."""
        views = [view for image in images for view in image.views]
        by_shape = defaultdict(list)
        for index, view in enumerate(views):
            by_shape[view.shape].append(index)
        logits = torch.empty(len(views), len(CLASSES))
        features = torch.empty(len(views), feature_count(self.model))
        for indices in by_shape.values():
            pixels = np.stack([views[index] for index in indices])
            logits[indices], features[indices] = self.outputs(pixels)
        return logits, features


def average_views(
    confidence: ConfidenceModel, images: Sequence[PreparedImage], logits: Tensor, features: Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Average what `Classifier.forward_views` returned over each image's views.

    Returns:
        Calibrated probabilities, float32 (N, 10), and out-of-distribution scores, float32 (N,).
    """
    ends = np.cumsum([len(image.views) for image in images])[:-1]
    rows = np.split(confidence.probabilities(logits).numpy(), ends)
    scores = np.split(confidence.ood_score(logits, features).numpy(), ends)
    return np.stack([own.mean(0) for own in rows]), np.stack([own.mean() for own in scores])


def confidence_of(weights: Path, model: AlexNet, info: Mapping[str, Any]) -> ConfidenceModel:
    """The confidence model stored in a checkpoint.

    Raises:
        CheckpointError: when it is damaged or does not fit the network.
    """
    tensors = checkpoint.load_part(weights, checkpoint.CONFIDENCE_PREFIX)
    try:
        return ConfidenceModel.from_file(info.get("certainty"), tensors, feature_count(model))
    except ValueError as error:
        raise CheckpointError(f"{Path(weights).name} cannot be used: {error}.") from error


def feature_count(model: AlexNet) -> int:
    """Number of units of fc7."""
    return channels(model.width)[-1]


def rank(probabilities: np.ndarray) -> tuple[tuple[str, float], ...]:
    """(10,) in class order → pairs of class and probability, most probable first."""
    order = np.argsort(-probabilities, kind="stable")
    return tuple((CLASSES[i], float(probabilities[i])) for i in order)
