"""What each part of the recipe ``best`` brings: ``python tools/ablation.py [--real DIR]``.

Small networks, alike but for one part, are trained for a few epochs each and asked about the test
set, about drawings and photos made from held-back pictures, and about a folder of real pictures
with a ``manifest.csv`` (columns ``path``, ``source``, ``label``). A line of JSON a variant comes
out; ``docs/ablation.md`` holds them as a table, with what was concluded.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.data.splits import Split, epoch_order, load_split
from alexnet_demo.data.synthetic import as_drawings, as_photos
from alexnet_demo.images import redraw
from alexnet_demo.images.prepare import prepare
from alexnet_demo.network.device import keep_freed_memory
from alexnet_demo.network.input import to_input
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.schedule import lr_at
from alexnet_demo.training.engine import Engine
from tools.real_images import read_manifest

Variant = dict[str, Any]
VARIANTS: dict[str, Variant] = {
    "all": {},
    "drawings at 28×28": {"SKETCH_SIDE": 28},
    "drawings at 112×112": {"SKETCH_SIDE": 112},
    "drawings not shaded inside": {"SHADE": 0},
    "no drawings": {"drawings": 0.0},
    "no photos": {"photos": 0.0},
    "neither": {"drawings": 0.0, "photos": 0.0},
    "no normalisation": {"norm": False},
}
"""What differs from the recipe: settings, and in capitals constants of `linework`."""

CONSTANTS = {name: getattr(redraw, name) for name in ("SHADE", "SKETCH_SIDE")}


def train(config: TrainConfig) -> Engine:
    """A network trained as `train` would, without files and tests."""
    engine = Engine(config)
    data = load_split(train=True, device=engine.device).head(config.train_images)
    step = 0
    for epoch in range(config.epochs):
        order = epoch_order(len(data), config.seed, epoch)
        for chosen in order.split(config.batch_size):
            engine.step(data, chosen.to(engine.device), step, lr_at(config, step))
            step += 1
    engine.model.eval()
    return engine


@torch.no_grad()
def probabilities(engine: Engine, images: Tensor) -> Tensor:
    """uint8 (N, side, side) → (N, 10) on the CPU."""
    parts = [engine.model(to_input(part.to(engine.device))) for part in images.split(128)]
    return torch.cat(parts).softmax(1).cpu()


def accuracy(engine: Engine, images: Tensor, labels: Tensor) -> float:
    return float((probabilities(engine, images).argmax(1) == labels).float().mean())


def scores(engine: Engine, held: Split, test: Split, real: Path | None) -> dict[str, float]:
    """Shares that are right, 0 to 1."""
    generator = torch.Generator().manual_seed(7)
    found = {
        "test": accuracy(engine, test.images, test.labels),
        "made drawings": accuracy(
            engine, as_drawings(held.images, held.labels, generator), held.labels
        ),
        "made photos": accuracy(
            engine, as_photos(held.images, held.labels, generator), held.labels
        ),
    }
    if real is not None:
        hits = defaultdict(list)
        for row in read_manifest(real):
            views = prepare((real / row["path"]).read_bytes()).views
            p = sum(probabilities(engine, torch.from_numpy(v.copy())[None])[0] for v in views)
            assert isinstance(p, Tensor)
            right = CLASSES[int(p.argmax())] == row["label"]
            hits[row["path"].split("/")[0]].append(right)
            hits[row["source"]].append(right)
        found |= {f"real {name}": sum(v) / len(v) for name, v in hits.items()}
    return {name: round(value, 4) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--width", type=float, default=0.125)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--train-samples", type=int, default=30_000)
    parser.add_argument("--validation", type=int, default=1_000)
    parser.add_argument("--real", type=Path, help="folder with manifest.csv")
    parser.add_argument("--out", type=Path, help="also keep the networks in this folder")
    given = parser.parse_args()
    keep_freed_memory()
    held = load_split(train=True).tail(given.validation)
    test = load_split(train=False)
    for name in given.variants:
        settings = dict(VARIANTS[name])
        for constant, usual in CONSTANTS.items():
            setattr(redraw, constant, settings.get(constant, usual))
        settings = {k: v for k, v in settings.items() if k not in CONSTANTS}
        config = TrainConfig.from_recipe(
            "best",
            **{
                "width": given.width,
                "grow": "",
                "epochs": given.epochs,
                "train_samples": given.train_samples,
                "validation": given.validation,
                **settings,
            },
        )
        begin = time.monotonic()
        engine = train(config)
        seconds = round(time.monotonic() - begin, 1)
        record = {"variant": name, **scores(engine, held, test, given.real), "seconds": seconds}
        print(json.dumps(record, ensure_ascii=False), flush=True)
        if given.out:
            given.out.mkdir(parents=True, exist_ok=True)
            torch.save(engine.model.state_dict(), given.out / f"{name}.pt")


if __name__ == "__main__":
    main()
