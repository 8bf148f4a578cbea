"""A trained network as a file to hand on: in 8 bits, with what it takes to believe it.

`export` quantises the weights and then fits the certainty (see `certainty`) of the network as it
is after that, on pictures that its training held back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.data.splits import Split, derive_seed, load_split
from alexnet_demo.data.synthetic import as_drawings, as_photos
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.inference.confidence import (
    KEPT,
    ConfidenceModel,
    Outputs,
    ScoreKind,
    calibration_error,
    fit,
)
from alexnet_demo.network import checkpoint, device
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.quantization import dequantize, quantize
from alexnet_demo.settings.article import TRAIN_SAMPLES
from alexnet_demo.settings.config import TrainConfig

SAMPLES = 5_000  # as many pictures as are usually held back
FEWEST = 1_000  # held-back pictures that are enough
KEPT_INFO = ("run", "epoch", "test_accuracy", "test_loss", "config")
BATCH = 500
Change = Callable[[Tensor, Tensor, torch.Generator], Tensor]

log = logging.getLogger(__name__)


def export(
    weights: Path,
    out: Path,
    device_name: str = "auto",
    score: ScoreKind = "combined",
    samples: int = SAMPLES,
) -> dict[str, Any]:
    """Write a network in 8 bits with its certainty.

    Args:
        weights: a checkpoint.
        out: the safetensors file to write.
        device_name: for `device.resolve`.
        score: which one tells clothing from other pictures.
        samples: pictures of each kind to fit the certainty on.

    Returns:
        One JSON-able object: ``weights``, ``out``, ``bytes``, ``seconds``, and ``certainty`` as in
        the file.

    Raises:
        ValueError: for weights or a device that cannot be used.
        OSError: when the file cannot be written.
    """
    begin = time.perf_counter()
    target = device.resolve(device_name)
    model, info = checkpoint.load_weights(weights)
    model.load_state_dict(dequantize(quantize(model.state_dict())))
    certainty = fit_certainty(model, info, target, score, samples)
    about = {name: info[name] for name in KEPT_INFO if name in info}
    out.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save_quantized(
        out, model, {**about, "certainty": certainty.to_json()}, certainty.tensors()
    )
    return {
        "weights": str(weights),
        "out": str(out),
        "bytes": out.stat().st_size,
        "seconds": round(time.perf_counter() - begin, 2),
        "certainty": certainty.to_json(),
    }


def fit_certainty(
    model: AlexNet,
    info: Mapping[str, Any],
    target: torch.device,
    score: ScoreKind = "combined",
    samples: int = SAMPLES,
) -> ConfidenceModel:
    """The certainty of a network, from held-back pictures as all the kinds that it was trained on.

    Args:
        model: on any device; moved to ``target``.
        info: of its checkpoint; without the training's settings there, it is taken to have seen
            all pictures but drawings and photos.
    """
    settings = settings_of(info)
    split, held_back = fitting_set(settings, samples)
    classifier = Classifier(model, dict(info), target)
    outputs = {}
    for kind, change in kinds_of(settings).items():
        log.info("Asking the network about %d pictures of the kind %s", len(split), kind)
        outputs[kind] = ask(classifier, split, change)
    certainty, plain = fit(outputs, score), outputs["dataset"]
    notes = {
        "images": len(split),
        "held_back": held_back,
        "kept": KEPT,
        "ece_before": calibration_error(plain.logits.softmax(1), plain.labels),
        "ece_after": calibration_error(certainty.probabilities(plain.logits), plain.labels),
    }
    return replace(certainty, notes=notes)


def settings_of(info: Mapping[str, Any]) -> TrainConfig:
    """The settings of the training that a checkpoint tells of, else the usual ones."""
    try:
        return TrainConfig.from_json(info["config"])
    except (KeyError, TypeError, AttributeError, ConfigError):
        return TrainConfig()


def fitting_set(settings: TrainConfig, samples: int) -> tuple[Split, bool]:
    """The last training pictures, and whether the training held them all back.

    Where it held back fewer than `FEWEST`, pictures that it was trained on have to do: on these a
    network is right more often, so the certainty becomes somewhat too great.
    """
    held_back = TRAIN_SAMPLES - settings.train_images
    count = min(samples, held_back) if held_back >= FEWEST else samples
    return load_split(train=True).tail(count), count <= held_back


def kinds_of(settings: TrainConfig) -> dict[str, Change]:
    """How the data set's pictures become each kind that the training showed."""
    kinds: dict[str, Change] = {"dataset": lambda images, _labels, _generator: images}
    if settings.drawings:
        kinds["sketch"] = as_drawings
    if settings.photos:
        kinds["photo"] = as_photos
    return kinds


def ask(classifier: Classifier, split: Split, change: Change) -> Outputs:
    """What the network says of pictures, changed by random numbers that are always the same."""
    generator = torch.Generator().manual_seed(derive_seed("certainty", 0))
    parts = [
        classifier.outputs(np.asarray(change(images, labels, generator)))
        for images, labels in zip(split.images.split(BATCH), split.labels.split(BATCH), strict=True)
    ]
    logits, features = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    return Outputs(logits, features, split.labels)
