"""Measure how well a model tells clothing from other things: ``python tools/not_clothing.py``.

Prints one JSON object: which shares of images pass as clothing, and which are called sure. Clothing
is the test set, and any folders passed with ``--clothing``. Other things are generated, cut out of
photos that come with scikit-image (``pip install -r requirements-dev.txt``), or read from folders
passed with ``--other``. Those generated are judged by guards that were fitted without their kinds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.cli.options import add_device_option, add_weights_option, weights_of
from alexnet_demo.common.errors import ImageError
from alexnet_demo.data.doodles import doodles, pick_kinds
from alexnet_demo.data.other_drawings import DOODLES, DRAWING_KINDS, draw
from alexnet_demo.data.other_photos import PHOTO_KINDS, photograph
from alexnet_demo.data.splits import load_split
from alexnet_demo.export.quantized import clothing_outputs, fitting_set, settings_of
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import PreparedImage
from alexnet_demo.inference.classifier import Classifier, average_views
from alexnet_demo.inference.confidence import ConfidenceModel, Outputs, fit
from alexnet_demo.inference.image_files import images_in, read_file

FOLDS = 4
RELATIVES = {
    "writing": ("digits", "letters", "words", "print"),
    "shapes": ("blobs", "polygons", "arrangements", "piles"),
    "scribbles": ("scribbles", "strokes", "hatching", "signatures"),
    "noise": ("white noise", "coarse noise"),
    "surfaces": ("textures", "gradients", "stripes", "plain surfaces", "bricks", "landscapes"),
}
"""Kinds that are alike, by family: none is judged by a guard that was fitted to another. Each
subject of the doodles is a kind of its own, in the family ``things``."""
GENERATED = {
    "sketch": ("drawn", DRAWING_KINDS, draw),
    "photo": ("photographed", PHOTO_KINDS, photograph),
}
# Those without people, who would wear clothing.
PHOTOS = (
    *("brick.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png"),
    *("hubble_deep_field.jpg", "moon.png", "motorcycle_left.png", "rocket.jpg"),
)


# ------------------------------------------------------------------ generated things


@dataclass(frozen=True)
class Others:
    """Generated things of one kind of image: the kind of each, and the model's outputs."""

    kinds: np.ndarray
    outputs: Outputs

    def where(self, mask: np.ndarray) -> Others:
        """Those at which a mask, bool (N,), is True."""
        outputs, chosen = self.outputs, torch.from_numpy(mask)
        parts = outputs.logits[chosen], outputs.features[chosen], outputs.labels[chosen]
        return Others(self.kinds[mask], Outputs(*parts))


def generate(classifier: Classifier, count: int, seed: int) -> dict[str, Others]:
    """The model's outputs for ``count`` drawings and as many photos."""
    others = {}
    for name, (_, kinds, make) in GENERATED.items():
        rng = np.random.default_rng([seed, *name.encode()])
        picked = pick_kinds(count, kinds, DOODLES, rng)
        outputs = classifier.outputs(np.stack([make(kind, rng) for kind in picked]))
        others[name] = Others(
            np.array(picked), Outputs(*outputs, torch.zeros(count, dtype=torch.long))
        )
    return others


def folds() -> list[list[str]]:
    """All kinds in `FOLDS` groups, relatives together."""
    groups = [*RELATIVES.values(), *((kind,) for kind in doodles())]
    return [[kind for group in groups[i::FOLDS] for kind in group] for i in range(FOLDS)]


def family_of(kind: str) -> str:
    """``things``, or one of `RELATIVES`."""
    return next((name for name, kinds in RELATIVES.items() if kind in kinds), "things")


def judge_unfamiliar(
    clothing: Mapping[str, Outputs], others: Mapping[str, Others]
) -> dict[str, dict[str, Any]]:
    """`shares` by family and kind of image, each thing judged by a guard fitted without its kind.

    Args:
        clothing: as for `confidence.fit`.
        others: from `generate`.
    """
    judged: dict[str, list[tuple[bool, bool]]] = {}
    for held_out in folds():
        masks = {name: np.isin(other.kinds, held_out) for name, other in others.items()}
        familiar = {name: other.where(~masks[name]).outputs for name, other in others.items()}
        model = fit(clothing, familiar)
        for name, other in others.items():
            strange = other.where(masks[name])
            logits, features = strange.outputs.logits, strange.outputs.features
            passes = model.ood_score(logits, features) >= model.ood_threshold(name)
            top = model.probabilities(logits).amax(1)
            sure = passes & (top >= model.confidence_threshold)
            pairs = zip(passes.tolist(), sure.tolist(), strict=True)
            for kind, pair in zip(strange.kinds, pairs, strict=True):
                family = f"{family_of(kind)}, {GENERATED[name][0]}"
                judged.setdefault(family, []).append(pair)
    return {family: shares(pairs) for family, pairs in sorted(judged.items())}


def shares(judged: Iterable[tuple[bool, bool]]) -> dict[str, Any]:
    """Of images that pass as clothing and are called sure, or not: their number and shares."""
    pairs = np.array(list(judged), float)
    passes, sure = pairs.mean(0).round(4).tolist()
    return {"pictures": len(pairs), "passes": passes, "sure": sure}


# ------------------------------------------------------------------ images


def photos(count: int, seed: int) -> list[Image.Image]:
    """Square crops of photos, from a third of the shorter side to all of it."""
    rng = np.random.default_rng(seed)
    crops = []
    for name in rng.choice(PHOTOS, count):
        image = read_photo(str(name))
        side = int(min(image.size) * rng.uniform(1 / 3, 1))
        left, top = (int(rng.integers(0, length - side + 1)) for length in image.size)
        crops.append(image.crop((left, top, left + side, top + side)))
    return crops


@cache
def read_photo(name: str) -> Image.Image:
    """One of `PHOTOS`, RGB."""
    found = find_spec("skimage")
    if found is None or found.origin is None:
        raise SystemExit("scikit-image is required: pip install -r requirements-dev.txt")
    return Image.open(Path(found.origin).parent / "data" / name).convert("RGB")


def readable(images: Iterable[Image.Image | bytes]) -> list[PreparedImage]:
    """The usable images, prepared as in `predict`."""
    ready = []
    for image in images:
        try:
            ready.append(replace(prepare(image), steps=()))
        except ImageError:
            continue
    return ready


def judge(classifier: Classifier, images: list[PreparedImage]) -> dict[str, Any]:
    """`shares` of images by the model's own guard."""
    own: ConfidenceModel = classifier.confidence
    rows, scores = average_views(own, images, *classifier.forward_views(images))
    passes = scores >= np.array([own.ood_threshold(image.kind) for image in images])
    sure = passes & (rows.max(1) >= own.confidence_threshold)
    return shares(zip(passes, sure, strict=True))


def measure(
    classifier: Classifier,
    count: int,
    clothing: Iterable[Path] = (),
    others: Iterable[Path] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """What passes as clothing, JSON-able.

    Args:
        classifier: with a guard, or of version 0.5.
        count: images of each set; ten times as many drawings and photos are generated.
        clothing: folders of it.
        others: folders of other things.
        seed: of everything random.

    Returns:
        ``clothing`` and ``others``: `shares` by set, or by family of generated things.

    Raises:
        ValueError: for a folder without readable images.
    """
    test = load_split(train=False).head(count).images.numpy()
    sets: dict[str, dict[str, list[PreparedImage]]] = {
        "clothing": {"test set": readable(map(Image.fromarray, test))},
        "others": {"crops of photos": readable(photos(count, seed))},
    }
    for role, folders in (("clothing", clothing), ("others", others)):
        for folder in folders:
            sets[role][str(folder)] = readable(read_file(path) for path in images_in(folder))
    for name in (name for own in sets.values() for name, images in own.items() if not images):
        raise ValueError(f"{name} has no readable images.")
    report = {
        role: {name: judge(classifier, images) for name, images in own.items()}
        for role, own in sets.items()
    }
    settings = settings_of(classifier.info)
    split = fitting_set(settings, 10 * count)[0]
    unfamiliar = judge_unfamiliar(
        clothing_outputs(classifier, split, settings), generate(classifier, 10 * count, seed)
    )
    return {**report, "others": {**unfamiliar, **report["others"]}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=300, help="images of each set")
    parser.add_argument("--clothing", type=Path, nargs="*", default=[], help="folders of clothing")
    parser.add_argument("--other", type=Path, nargs="*", default=[], help="folders without any")
    add_weights_option(parser)
    add_device_option(parser)
    options = parser.parse_args()
    try:
        classifier = Classifier.load(weights_of(options), options.device)
        report = measure(classifier, options.count, options.clothing, options.other)
    except ValueError as error:
        sys.exit(str(error))
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
