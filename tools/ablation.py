"""What each part of the recipe ``best`` contributes: ``python tools/ablation.py [--real DIR]``.

Trains small models that differ in one part, for a few epochs each, and evaluates them on the test
set, on drawings and photos made from validation images, on generated ones of other seeds, and on a
folder of real images with a ``manifest.csv`` (columns ``path``, ``source``, ``label``). Prints a
line of JSON per variant and seed;
``docs/ablation.md`` has the results as a table, and the conclusions.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.data.banks import load_banks
from alexnet_demo.data.splits import Split, epoch_order, load_split
from alexnet_demo.data.synthetic import as_drawings, as_photos
from alexnet_demo.images import redraw
from alexnet_demo.images.prepare import prepare
from alexnet_demo.inference.confidence import energy
from alexnet_demo.network.device import keep_freed_memory
from alexnet_demo.network.input import to_input
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.schedule import lr_at
from alexnet_demo.training.engine import Engine
from tools.real_images import read_manifest

VARIANTS: dict[str, dict[str, Any]] = {
    "all": {},
    "drawings at 28×28": {"SKETCH_SIDE": 28},
    "drawings at 112×112": {"SKETCH_SIDE": 112},
    "drawings without shading": {"SHADE": 0},
    "no drawings": {"drawings": 0.0},
    "no photos": {"photos": 0.0},
    "neither": {"drawings": 0.0, "photos": 0.0},
    "no batch normalization": {"norm": False},
    "averaged weights": {"average": True},
    "no generated clothing": {"generated": 0.0},
    "no other things": {"others": 0.0},
    "no generated images": {"generated": 0.0, "others": 0.0},
}
"""What differs from the recipe: settings, in capitals constants of `images.redraw`, and whether an
exponential moving average of the weights is evaluated instead of the last ones."""

KINDS = ("drawings", "photos")  # the order of the banks
AVERAGED = 100
BANK = 30  # images of each class and kind to measure on
CONSTANTS = {name: getattr(redraw, name) for name in ("SHADE", "SKETCH_SIDE")}


def train(config: TrainConfig, average: bool = False) -> Engine:
    """A model trained as by `train`, without files and evaluation.

    Args:
        average: return an exponential moving average of the weights, over about `AVERAGED` steps.
    """
    engine = Engine(config)
    averaged = AveragedModel(
        engine.model, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / AVERAGED), use_buffers=True
    )
    data = load_split(train=True, device=engine.device).head(config.train_images)
    step = 0
    for epoch in range(config.epochs):
        order = epoch_order(len(data), config.seed, epoch)
        for chosen in order.split(config.batch_size):
            engine.step(data, chosen.to(engine.device), step, lr_at(config, step))
            step += 1
            averaged.update_parameters(engine.model)
    if average:
        engine.model.load_state_dict(averaged.module.state_dict())
    engine.model.eval()
    return engine


@torch.no_grad()
def logits(engine: Engine, images: Tensor) -> Tensor:
    """uint8 (N, side, side) → (N, 10) on the CPU."""
    parts = [engine.model(to_input(part.to(engine.device))) for part in images.split(128)]
    return torch.cat(parts).cpu()


def accuracy(engine: Engine, images: Tensor, labels: Tensor) -> float:
    return float((logits(engine, images).argmax(1) == labels).float().mean())


def accuracies(engine: Engine, validation: Split, test: Split, real: Path | None) -> dict[str, Any]:
    """Accuracy on each kind of image, and the AUROC of the energy of clothing and other things.

    All from 0 to 1.
    """
    generator = torch.Generator().manual_seed(7)
    result = {"test": accuracy(engine, test.images, test.labels)}
    for name, make in (("made drawings", as_drawings), ("made photos", as_photos)):
        images = make(validation.images, validation.labels, generator)
        result[name] = accuracy(engine, images, validation.labels)
    banks = load_banks(torch.device("cpu"), BANK, "ablation")
    for name, clothing, others in zip(KINDS, banks.clothing, banks.others, strict=True):
        result[f"generated {name}"] = accuracy(engine, clothing.images, clothing.labels)
        familiar, other = (
            energy(logits(engine, bank.images)).tolist() for bank in (clothing, others)
        )
        truth = [1] * len(familiar) + [0] * len(other)
        result[f"AUROC {name}"] = float(roc_auc_score(truth, familiar + other))
    if real is not None:
        correct = defaultdict(list)
        for row in read_manifest(real):
            views = prepare((real / row["path"]).read_bytes()).views
            p = sum(logits(engine, torch.from_numpy(v.copy())[None]).softmax(1)[0] for v in views)
            assert isinstance(p, Tensor)
            for group in (row["path"].split("/")[0], row["source"]):
                correct[group].append(CLASSES[int(p.argmax())] == row["label"])
        result |= {f"real {name}": sum(v) / len(v) for name, v in correct.items()}
    return {name: round(value, 4) for name, value in result.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    parser.add_argument("--width", type=float, default=0.125)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--train-samples", type=int, default=30_000)
    parser.add_argument("--validation", type=int, default=1_000)
    parser.add_argument("--real", type=Path, help="folder with manifest.csv")
    parser.add_argument("--out", type=Path, help="also save the weights in this folder")
    options = parser.parse_args()
    common = {"grow": "", **{k: getattr(options, k) for k in ("width", "epochs", "train_samples")}}
    keep_freed_memory()
    validation = load_split(train=True).tail(options.validation)
    test = load_split(train=False)
    for name, seed in product(options.variants, options.seeds):
        changes = CONSTANTS | VARIANTS[name]
        for constant in CONSTANTS:
            setattr(redraw, constant, changes.pop(constant))
        average = changes.pop("average", False)
        settings = {**common, "validation": options.validation, "seed": seed, **changes}
        begin = time.monotonic()
        engine = train(TrainConfig.from_recipe("best", **settings), average)
        seconds = round(time.monotonic() - begin, 1)
        scores = accuracies(engine, validation, test, options.real)
        record = {"variant": name, "seed": seed, **scores, "seconds": seconds}
        print(json.dumps(record, ensure_ascii=False), flush=True)
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            torch.save(engine.model.state_dict(), options.out / f"{name} {seed}.pt")


if __name__ == "__main__":
    main()
