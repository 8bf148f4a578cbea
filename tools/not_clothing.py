"""Measure out-of-distribution detection: ``python tools/not_clothing.py``.

Compares images without clothing, of seven families, with clothing: the test set, and any folders
passed. Prints one JSON object; a family's ``auroc`` is the probability that clothing scores higher
than an image of the family. Photos are crops of those that come with scikit-image
(``pip install -r requirements-dev.txt``).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from string import ascii_letters
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.cli.options import add_device_option, add_weights_option, weights_of
from alexnet_demo.common.errors import ImageError
from alexnet_demo.data.splits import load_split
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import PreparedImage
from alexnet_demo.inference.classifier import Classifier, average_views
from alexnet_demo.inference.confidence import SCORES, ConfidenceModel, ScoreKind
from alexnet_demo.inference.image_files import images_in, read_file

SIDE = 256
# Those without people, who would wear clothing.
PHOTOS = (
    *("brick.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png"),
    *("hubble_deep_field.jpg", "moon.png", "motorcycle_left.png", "rocket.jpg"),
)
Draw = Callable[[np.random.Generator], Image.Image]


# ------------------------------------------------------------------ line art


def glyph(text: str, generator: np.random.Generator) -> Image.Image:
    """A character of Pillow's font, of random size, position, and weight, slightly rotated."""
    image = Image.new("L", (SIDE, SIDE), 255)
    font = ImageFont.load_default(size=int(generator.integers(120, 230)))
    width = int(generator.integers(0, 5))
    place = (SIDE / 2 + generator.uniform(-15, 15), SIDE / 2 + generator.uniform(-15, 15))
    ImageDraw.Draw(image).text(
        place, text, fill=int(generator.integers(0, 80)), font=font, anchor="mm", stroke_width=width
    )
    return image.rotate(generator.uniform(-15, 15), Image.Resampling.BILINEAR, fillcolor=255)


def digit(generator: np.random.Generator) -> Image.Image:
    return glyph(str(generator.integers(10)), generator)


def letter(generator: np.random.Generator) -> Image.Image:
    return glyph(str(generator.choice(list(ascii_letters))), generator)


def shape(generator: np.random.Generator) -> Image.Image:
    """The outline of an ellipse, a star, or a polygon, stretched and rotated."""
    corners = int(generator.integers(3, 11))
    angles = np.arange(corners) / corners * 2 * np.pi
    radii = np.ones(corners)
    if corners == 10:
        radii[::2] = generator.uniform(0.35, 0.6)  # a star
    elif corners == 9:
        angles = np.linspace(0, 2 * np.pi, 90)
        radii = np.ones(90)
    points = np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None]
    return stroke(rotate(points * generator.uniform(50, 110, 2), generator), generator, closed=True)


def scribble(generator: np.random.Generator) -> Image.Image:
    """A random walk with a drifting direction."""
    count = int(generator.integers(60, 300))
    heading = generator.normal(0, generator.uniform(0.15, 0.7), count).cumsum()
    walk = np.stack([np.cos(heading), np.sin(heading)], 1).cumsum(0)
    walk -= (walk.max(0) + walk.min(0)) / 2
    return stroke(walk / np.abs(walk).max() * generator.uniform(60, 115) + SIDE / 2, generator)


def rotate(points: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Points (N, 2) rotated by a random angle, and moved to the image's center."""
    cos, sin = np.cos(angle := generator.uniform(0, 2 * np.pi)), np.sin(angle)
    return points @ np.array([[cos, -sin], [sin, cos]]) + SIDE / 2


def stroke(points: np.ndarray, generator: np.random.Generator, closed: bool = False) -> Image.Image:
    """A dark line through points (N, 2) in pixels, on white."""
    image = Image.new("L", (SIDE, SIDE), 255)
    line = [(float(x), float(y)) for x, y in points]
    ImageDraw.Draw(image).line(
        line + line[:2] * closed,
        fill=int(generator.integers(0, 100)),
        width=int(generator.integers(2, 9)),
        joint="curve",
    )
    return image


# ------------------------------------------------------------------ noise and photos


def white_noise(generator: np.random.Generator) -> Image.Image:
    """Independent pixels, gray or colored."""
    shape = (SIDE, SIDE) if generator.random() < 0.5 else (SIDE, SIDE, 3)
    spread = generator.uniform(20, 80)
    return Image.fromarray(generator.normal(128, spread, shape).clip(0, 255).astype(np.uint8))


def smooth_noise(generator: np.random.Generator) -> Image.Image:
    """Low-frequency noise of random scale."""
    cells = int(generator.integers(3, 40))
    small = Image.fromarray(generator.integers(0, 256, (cells, cells)).astype(np.uint8))
    return small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def photo(generator: np.random.Generator) -> Image.Image:
    """A square crop of a photo, from a third of its shorter side to all of it."""
    image = read_photo(str(generator.choice(PHOTOS)))
    side = int(min(image.size) * generator.uniform(1 / 3, 1))
    left, top = (int(generator.integers(0, length - side + 1)) for length in image.size)
    return image.crop((left, top, left + side, top + side))


@cache
def read_photo(name: str) -> Image.Image:
    """One of `PHOTOS`, RGB."""
    found = find_spec("skimage")
    if found is None or found.origin is None:
        raise SystemExit("scikit-image is required: pip install -r requirements-dev.txt")
    return Image.open(Path(found.origin).parent / "data" / name).convert("RGB")


LINE_ART: dict[str, Draw] = {
    "digits": digit,
    "letters": letter,
    "shapes": shape,
    "scribbles": scribble,
}
OTHERS: dict[str, Draw] = {
    "white noise": white_noise,
    "smooth noise": smooth_noise,
    "photos": photo,
}
FAMILIES = {**LINE_ART, **OTHERS}
BARS = {**dict.fromkeys(LINE_ART, 0.85), **dict.fromkeys(OTHERS, 0.95)}


# ------------------------------------------------------------------ measuring


def readable(images: Iterable[Image.Image | bytes]) -> list[PreparedImage]:
    """The usable images, prepared as in `predict`."""
    ready = []
    for image in images:
        try:
            ready.append(replace(prepare(image), steps=()))
        except ImageError:
            continue
    return ready


@dataclass(frozen=True)
class Scores:
    """Out-of-distribution scores of N images.

    Attributes:
        by_name: (N,) each: ``model``, the score that `predict` uses, and every score alone.
        passes: bool (N,), whether an image passes as clothing with the model's score.
    """

    by_name: dict[str, torch.Tensor]
    passes: torch.Tensor

    @property
    def pass_rate(self) -> float:
        """The share of images that passes as clothing."""
        return round(float(self.passes.float().mean()), 4)


def score(classifier: Classifier, images: list[PreparedImage]) -> Scores:
    """Run the model on images once, and apply each score to its outputs."""
    outputs, own = classifier.forward_views(images), classifier.confidence
    usable: tuple[ScoreKind, ...] = ("energy",) if own.basis is None else SCORES
    models: dict[str, ConfidenceModel] = {"model": own}
    models |= {name: replace(own, score=name) for name in usable}
    by_name = {
        name: torch.from_numpy(average_views(model, images, *outputs)[1])
        for name, model in models.items()
    }
    thresholds = torch.tensor([own.ood_threshold(image.kind) for image in images])
    return Scores(by_name, by_name["model"] >= thresholds)


def measure(
    classifier: Classifier, count: int, folders: Iterable[Path], seed: int = 0
) -> dict[str, Any]:
    """Scores of ``count`` images per family against clothing, JSON-able.

    Returns:
        ``clothing``: by set ``pictures`` and ``kept``, the share that passes as clothing;
        ``families``: by name ``pictures``, ``kinds`` (what they were treated as), ``passed`` (the
        share that passes as clothing), ``bar`` (the required AUROC), ``auroc`` by set, and
        ``auroc_by_score``, the same for each score alone.
    """
    test = load_split(train=False).head(count).images.numpy()
    sets = {"test set": readable(map(Image.fromarray, test))}
    for folder in folders:
        sets[str(folder)] = readable(read_file(path) for path in images_in(folder))
    if empty := [name for name, images in sets.items() if not images]:
        raise ValueError(f"{empty[0]} has no readable images.")
    clothing = {name: score(classifier, images) for name, images in sets.items()}
    families = {}
    for name, draw in FAMILIES.items():
        generator = np.random.default_rng([seed, *name.encode()])
        images = readable(draw(generator) for _ in range(count))
        other = score(classifier, images)
        families[name] = {
            "pictures": len(images),
            "kinds": dict(Counter(image.kind for image in images)),
            "passed": other.pass_rate,
            "bar": BARS[name],
            "auroc": against(clothing, other, "model"),
            "auroc_by_score": {
                alone: against(clothing, other, alone)
                for alone in other.by_name
                if alone != "model"
            },
        }
    return {
        "clothing": {
            name: {"pictures": len(sets[name]), "kept": scores.pass_rate}
            for name, scores in clothing.items()
        },
        "families": families,
    }


def auroc(clothing: torch.Tensor, other: torch.Tensor) -> float:
    """Area under the ROC curve of a score, 0 to 1.

    The probability that a random image of clothing scores higher than a random other image, with
    ties counted half.

    Args:
        clothing: scores (N,), N at least 1.
        other: scores (M,), M at least 1.
    """
    truth = [1] * len(clothing) + [0] * len(other)
    return float(roc_auc_score(truth, torch.cat([clothing, other]).double().numpy()))


def against(clothing: dict[str, Scores], other: Scores, name: str) -> dict[str, float]:
    """The AUROC of one score for each set of clothing."""
    return {
        which: round(auroc(scores.by_name[name], other.by_name[name]), 4)
        for which, scores in clothing.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=300, help="images of each family")
    parser.add_argument("--clothing", type=Path, nargs="*", default=[], help="folders of clothing")
    add_weights_option(parser)
    add_device_option(parser)
    options = parser.parse_args()
    try:
        classifier = Classifier.load(weights_of(options), options.device)
        report = measure(classifier, options.count, options.clothing)
    except ValueError as error:
        sys.exit(str(error))
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
