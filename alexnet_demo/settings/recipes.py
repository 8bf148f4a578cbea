"""Recipes: named sets of settings to start a run from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """A named set of settings; the rest are the defaults of `TrainConfig`.

    All but the article's hold out training images to choose the best epoch by, so that the test
    set has no part in it.
    """

    title: str
    summary: str
    settings: Mapping[str, Any] = field(default_factory=dict)


RECIPES: Mapping[str, Recipe] = {
    "article": Recipe(
        "Article",
        "The article's training loop as published: plain SGD, learning rate 0.1, batch size 128, "
        "10 epochs, float32. Its author reached 90.47% on a GPU.",
    ),
    "fast": Recipe(
        "Fast",
        "The same network, started at an eighth of its width and widened during training: the "
        "article's accuracy in a fraction of the time.",
        {
            "epochs": 4,
            "lr": 0.05,
            "schedule": "linear",
            "warmup": 0.1,
            "momentum": 0.9,
            "nesterov": True,
            "weight_decay": 5e-4,
            "dropout": 0.2,
            "init": "kaiming",
            "flip": True,
            "grow": "0.125:0.65,0.25:0.25,0.5:0.07",
            "validation": 5_000,
            "precision": "auto",
        },
    ),
    "best": Recipe(
        "Best",
        "For what people really draw and upload: half of the images are rendered as line drawings "
        "or photos. Many epochs while the network is narrow, the last at full width.",
        {
            "epochs": 42,
            "lr": 0.05,
            "schedule": "linear",
            "warmup": 0.05,
            "momentum": 0.9,
            "nesterov": True,
            "weight_decay": 5e-4,
            "dropout": 0.2,
            "init": "kaiming",
            "norm": True,
            "flip": True,
            "shift": 1,
            "erase": 0.1,
            "drawings": 0.25,
            "photos": 0.25,
            "generated": 0.12,
            "others": 0.1,
            "grow": "0.125:0.1,0.25:0.38,0.5:0.47",
            "validation": 3_000,
            "precision": "auto",
        },
    ),
    "quick": Recipe(
        "Quick look",
        "A narrow AlexNet on a third of the images: a first result within minutes, also on a CPU.",
        {
            "epochs": 4,
            "batch_size": 32,
            "lr": 0.02,
            "schedule": "linear",
            "warmup": 0.1,
            "momentum": 0.9,
            "nesterov": True,
            "width": 0.125,
            "dropout": 0.2,
            "init": "kaiming",
            "train_samples": 20_480,
            "validation": 2_000,
            "test_samples": 2_000,
            "precision": "auto",
        },
    ),
}
