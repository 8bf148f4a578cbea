"""Export a trained model: weights in 8 bits, with the confidence model fitted to them."""

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
from alexnet_demo.common.files import prepare_output
from alexnet_demo.data.banks import load_banks
from alexnet_demo.data.splits import Split, derive_seed, load_split
from alexnet_demo.data.synthetic import as_drawings, as_photos
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.inference.confidence import (
    PASS_RATE,
    ConfidenceModel,
    Outputs,
    fit,
)
from alexnet_demo.inference.predictions import Results
from alexnet_demo.network import checkpoint, device
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.quantization import dequantize, quantize
from alexnet_demo.settings.article import CLASSES, TRAIN_SAMPLES
from alexnet_demo.settings.config import TrainConfig

SAMPLES = 5_000  # images of each kind, as many as a usual validation set
MIN_SAMPLES = 1_000  # unused training images that suffice
KEPT_INFO = (
    *("run", "epoch", "step", "config"),
    *(f"{split}_{metric}" for split in ("validation", "test") for metric in ("accuracy", "loss")),
)
BATCH = 500
BANKS = ("sketch", "photo")  # kinds of image in `Banks`, in order
Change = Callable[[Tensor, Tensor, torch.Generator], Tensor]

log = logging.getLogger(__name__)


def export(
    weights: Path,
    out: Path,
    device_name: str = "auto",
    samples: int = SAMPLES,
) -> dict[str, Any]:
    """Write a model in 8 bits with its confidence model.

    Args:
        weights: a checkpoint.
        out: the safetensors file to write.
        device_name: for `device.resolve`.
        samples: images of each kind to fit the confidence model on.

    Returns:
        One JSON-able object: ``weights``, ``out``, ``bytes``, ``seconds``, and ``certainty``, the
        confidence model as stored in the file.

    Raises:
        ValueError: for unusable weights or a device that is not available.
        OSError: when the file cannot be written.
    """
    start = time.perf_counter()
    target = device.resolve(device_name)
    prepare_output(out)
    model, info = checkpoint.load_weights(weights)
    # Fitted to the rounded weights, which are those that will run.
    model.load_state_dict(dequantize(quantize(model.state_dict())))
    confidence = fit_confidence(model, info, target, samples)
    record = confidence.to_json()
    about = {name: info[name] for name in KEPT_INFO if name in info}
    checkpoint.save_quantized(out, model, {**about, "certainty": record}, confidence.tensors())
    return {
        "weights": str(weights),
        "out": str(out),
        "bytes": out.stat().st_size,
        "seconds": round(time.perf_counter() - start, 2),
        "certainty": record,
    }


def fit_confidence(
    model: AlexNet,
    info: Mapping[str, Any],
    target: torch.device,
    samples: int = SAMPLES,
) -> ConfidenceModel:
    """Fit a confidence model on every kind of image that the model was trained on.

    The guard is also fitted to as many drawings and photos of other things.

    Args:
        model: on any device; moved to ``target``.
        info: the metadata of its checkpoint; without settings there, the model is assumed to be
            trained on all images, but no drawings and photos.
    """
    settings = settings_of(info)
    split, unseen = fitting_set(settings, samples)
    classifier = Classifier(model, dict(info), target)
    clothing = clothing_outputs(classifier, split, settings)
    banks = load_banks(torch.device("cpu"), bank_size(split), "guard")
    others = {
        kind: Outputs(*classifier.outputs(bank.images.numpy()), bank.labels)
        for kind, bank in zip(BANKS, banks.others, strict=True)
    }
    confidence = fit(clothing, others)

    def ece(calibration: ConfidenceModel) -> float:
        probabilities = calibration.probabilities(clothing["dataset"].logits)
        return Results(probabilities.numpy(), split.labels.numpy()).calibration_error()

    notes = {
        "images": len(split),
        "held_back": unseen,
        "kept": PASS_RATE,
        "ece_before": ece(ConfidenceModel()),
        "ece_after": ece(confidence),
    }
    return replace(confidence, notes=notes)


def settings_of(info: Mapping[str, Any]) -> TrainConfig:
    """The run's settings from a checkpoint's metadata, by default the usual ones."""
    try:
        return TrainConfig.from_json(info["config"])
    except (KeyError, TypeError, AttributeError, ConfigError):
        return TrainConfig()


def fitting_set(settings: TrainConfig, samples: int) -> tuple[Split, bool]:
    """The last training images, and whether the run used none of them.

    Where fewer than `MIN_SAMPLES` are unused, images that the run trained on must do. A model is
    more accurate on these, so its calibrated confidence will be somewhat too high.
    """
    unused = TRAIN_SAMPLES - settings.train_images
    count = min(samples, unused) if unused >= MIN_SAMPLES else samples
    return load_split(train=True).tail(count), count <= unused


def kinds_of(settings: TrainConfig) -> dict[str, Change]:
    """How the dataset's images become each kind of image that the run trained on."""
    kinds: dict[str, Change] = {"dataset": lambda images, _labels, _generator: images}
    if settings.drawings:
        kinds["sketch"] = as_drawings
    if settings.photos:
        kinds["photo"] = as_photos
    return kinds


def clothing_outputs(
    classifier: Classifier, split: Split, settings: TrainConfig
) -> dict[str, Outputs]:
    """The model's outputs for every kind of image of clothing that it was trained on.

    Half of the drawings and photos are made from the split, and half generated.
    """
    outputs = {}
    for kind, change in kinds_of(settings).items():
        log.info("Running the model on %d images of kind %s", len(split), kind)
        outputs[kind] = outputs_for(classifier, split, change)
    banks = load_banks(torch.device("cpu"), bank_size(split), "guard")
    for kind, bank in zip(BANKS, banks.clothing, strict=True):
        if kind in outputs:
            order = torch.randperm(len(bank.labels), generator=seeded())
            generated = classifier.outputs(bank.images[order].numpy())
            outputs[kind] = outputs[kind] + Outputs(*generated, bank.labels[order])
    return outputs


def bank_size(split: Split) -> int:
    """Generated images per class that are as many as the split's."""
    return len(split) // len(CLASSES)


def seeded() -> torch.Generator:
    """The generator of everything random here."""
    return torch.Generator().manual_seed(derive_seed("certainty", 0))


def outputs_for(classifier: Classifier, split: Split, change: Change) -> Outputs:
    """The model's outputs for changed images, with a fixed random seed."""
    generator = seeded()
    parts = [
        classifier.outputs(np.asarray(change(images, labels, generator)))
        for images, labels in zip(split.images.split(BATCH), split.labels.split(BATCH), strict=True)
    ]
    logits, features = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    return Outputs(logits, features, split.labels)
