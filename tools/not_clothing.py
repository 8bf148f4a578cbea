"""How well a network tells that a picture is no clothing: ``python tools/not_clothing.py``.

Pictures that show none, of eight families, are asked about as `predict` would, and so are pictures
of clothing: the test set's, and those of any folders given. The answer is one JSON object; a
family's ``auroc`` is the probability that clothing gets a higher score than it. Photos are cut out
of those that come with scikit-image (``pip install -r requirements-dev.txt``).
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

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.cli.options import add_device_option, add_weights_option, weights_of
from alexnet_demo.common.errors import ImageError
from alexnet_demo.data.splits import load_split
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import PreparedImage
from alexnet_demo.inference.classifier import Classifier, average_views
from alexnet_demo.inference.confidence import SCORES, ConfidenceModel, ScoreKind, auroc
from alexnet_demo.inference.image_files import images_in, read_file

SIDE = 256
# None with a piece of clothing in it: no astronaut in a suit, no photographer in a coat.
PHOTOS = (
    *("brick.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png"),
    *("hubble_deep_field.jpg", "moon.png", "motorcycle_left.png", "rocket.jpg"),
)
BatchRandom = np.random.Generator


# ------------------------------------------------------------------ line art


def glyph(text: str, dice: BatchRandom) -> Image.Image:
    """A character of Pillow's own font, of any size, place and weight, somewhat turned."""
    image = Image.new("L", (SIDE, SIDE), 255)
    font = ImageFont.load_default(size=int(dice.integers(120, 230)))
    width = int(dice.integers(0, 5))
    place = (SIDE / 2 + dice.uniform(-15, 15), SIDE / 2 + dice.uniform(-15, 15))
    ImageDraw.Draw(image).text(
        place, text, fill=int(dice.integers(0, 80)), font=font, anchor="mm", stroke_width=width
    )
    return image.rotate(dice.uniform(-15, 15), Image.Resampling.BILINEAR, fillcolor=255)


def digit(dice: BatchRandom) -> Image.Image:
    return glyph(str(dice.integers(10)), dice)


def letter(dice: BatchRandom) -> Image.Image:
    return glyph(str(dice.choice(list(ascii_letters))), dice)


def shape(dice: BatchRandom) -> Image.Image:
    """The outline of an ellipse, a star or a polygon, stretched and turned."""
    corners = int(dice.integers(3, 11))
    angles = np.arange(corners) / corners * 2 * np.pi
    radii = np.ones(corners)
    if corners == 10:
        radii[::2] = dice.uniform(0.35, 0.6)  # a star
    elif corners == 9:
        angles = np.linspace(0, 2 * np.pi, 90)
        radii = np.ones(90)
    points = np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None]
    return stroked(turned(points * dice.uniform(50, 110, 2), dice), dice, closed=True)


def scribble(dice: BatchRandom) -> Image.Image:
    """A random walk whose direction drifts."""
    count = int(dice.integers(60, 300))
    heading = dice.normal(0, dice.uniform(0.15, 0.7), count).cumsum()
    walk = np.stack([np.cos(heading), np.sin(heading)], 1).cumsum(0)
    walk -= (walk.max(0) + walk.min(0)) / 2
    return stroked(walk / np.abs(walk).max() * dice.uniform(60, 115) + SIDE / 2, dice)


def turned(points: np.ndarray, dice: BatchRandom) -> np.ndarray:
    """Turned by any angle around the picture's middle, (N, 2)."""
    cos, sin = np.cos(angle := dice.uniform(0, 2 * np.pi)), np.sin(angle)
    return points @ np.array([[cos, -sin], [sin, cos]]) + SIDE / 2


def stroked(points: np.ndarray, dice: BatchRandom, closed: bool = False) -> Image.Image:
    """A dark line through points (N, 2) in pixels, on white."""
    image = Image.new("L", (SIDE, SIDE), 255)
    line = [(float(x), float(y)) for x, y in points]
    ImageDraw.Draw(image).line(
        line + line[:2] * closed,
        fill=int(dice.integers(0, 100)),
        width=int(dice.integers(2, 9)),
        joint="curve",
    )
    return image


# ------------------------------------------------------------------ noise and photos


def white_noise(dice: BatchRandom) -> Image.Image:
    """Every pixel for itself, in grey or in colour."""
    shape = (SIDE, SIDE) if dice.random() < 0.5 else (SIDE, SIDE, 3)
    spread = dice.uniform(20, 80)
    return Image.fromarray(dice.normal(128, spread, shape).clip(0, 255).astype(np.uint8))


def smooth_noise(dice: BatchRandom) -> Image.Image:
    """Clouds of any size."""
    cells = int(dice.integers(3, 40))
    small = Image.fromarray(dice.integers(0, 256, (cells, cells)).astype(np.uint8))
    return small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def photo(dice: BatchRandom) -> Image.Image:
    """A square out of a photo, from a third of its shorter side to all of it."""
    image = read_photo(str(dice.choice(PHOTOS)))
    side = int(min(image.size) * dice.uniform(1 / 3, 1))
    left, top = (int(dice.integers(0, length - side + 1)) for length in image.size)
    return image.crop((left, top, left + side, top + side))


@cache
def read_photo(name: str) -> Image.Image:
    """One of `PHOTOS`, RGB."""
    found = find_spec("skimage")
    if found is None or found.origin is None:
        raise SystemExit("The photos come with scikit-image: pip install -r requirements-dev.txt")
    return Image.open(Path(found.origin).parent / "data" / name).convert("RGB")


LINE_ART: dict[str, Callable[[BatchRandom], Image.Image]] = {
    "digits": digit,
    "letters": letter,
    "shapes": shape,
    "scribbles": scribble,
}
OTHERS: dict[str, Callable[[BatchRandom], Image.Image]] = {
    "white noise": white_noise,
    "smooth noise": smooth_noise,
    "photos": photo,
}
FAMILIES = {**LINE_ART, **OTHERS}
BARS = {**dict.fromkeys(LINE_ART, 0.85), **dict.fromkeys(OTHERS, 0.95)}


# ------------------------------------------------------------------ measuring


def readable(pictures: Iterable[Image.Image | bytes]) -> list[PreparedImage]:
    """Those that can be used, made ready as for `predict`."""
    ready = []
    for picture in pictures:
        try:
            ready.append(replace(prepare(picture), steps=()))
        except ImageError:
            continue
    return ready


@dataclass(frozen=True)
class Scored:
    """Scores of N pictures.

    Attributes:
        by_name: (N,) each: ``shipped``, as `predict` gives it, and every score alone.
        passes: bool (N,), whether the shipped one passes for clothing.
    """

    by_name: dict[str, torch.Tensor]
    passes: torch.Tensor

    @property
    def passing(self) -> float:
        """The share that passes for clothing."""
        return round(float(self.passes.float().mean()), 4)


def score(classifier: Classifier, pictures: list[PreparedImage]) -> Scored:
    """Ask a network about pictures, once, and read its answer with each score."""
    seen, own = classifier.forward_views(pictures), classifier.confidence
    usable: tuple[ScoreKind, ...] = ("energy",) if own.basis is None else SCORES
    readings: dict[str, ConfidenceModel] = {"shipped": own}
    readings |= {name: replace(own, score=name) for name in usable}
    by_name = {
        name: torch.from_numpy(average_views(certainty, pictures, *seen)[1])
        for name, certainty in readings.items()
    }
    thresholds = torch.tensor([own.ood_threshold(picture.kind) for picture in pictures])
    return Scored(by_name, by_name["shipped"] >= thresholds)


def measure(
    classifier: Classifier, count: int, folders: Iterable[Path], seed: int = 0
) -> dict[str, Any]:
    """Scores of ``count`` pictures a family against clothing, JSON-able.

    Returns:
        ``clothing``: by set ``pictures`` and ``kept``, the share that passes for clothing;
        ``families``: by name ``pictures``, ``kinds`` (what they were taken for), ``passed`` (the
        share that passes for clothing), ``bar``, ``auroc`` by set, and ``auroc_by_score``, the
        same for each score alone.
    """
    test = load_split(train=False).head(count).images.numpy()
    sets = {"test set": readable(map(Image.fromarray, test))}
    for folder in folders:
        sets[str(folder)] = readable(read_file(path) for path in images_in(folder))
    if empty := [name for name, pictures in sets.items() if not pictures]:
        raise ValueError(f"{empty[0]} holds no pictures that can be read.")
    clothing = {name: score(classifier, pictures) for name, pictures in sets.items()}
    families = {}
    for name, draw in FAMILIES.items():
        dice = np.random.default_rng([seed, *name.encode()])
        pictures = readable(draw(dice) for _ in range(count))
        other = score(classifier, pictures)
        families[name] = {
            "pictures": len(pictures),
            "kinds": dict(Counter(picture.kind for picture in pictures)),
            "passed": other.passing,
            "bar": BARS[name],
            "auroc": against(clothing, other, "shipped"),
            "auroc_by_score": {
                alone: against(clothing, other, alone)
                for alone in other.by_name
                if alone != "shipped"
            },
        }
    return {
        "clothing": {
            name: {
                "pictures": len(sets[name]),
                "kept": found.passing,
            }
            for name, found in clothing.items()
        },
        "families": families,
    }


def against(clothing: dict[str, Scored], other: Scored, name: str) -> dict[str, float]:
    """The AUROC of one score for each set of clothing."""
    return {
        which: round(auroc(found.by_name[name], other.by_name[name]), 4)
        for which, found in clothing.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=300, help="pictures of each family")
    parser.add_argument("--clothing", type=Path, nargs="*", default=[], help="folders of clothing")
    add_weights_option(parser)
    add_device_option(parser)
    options = parser.parse_args()
    try:
        classifier = Classifier.load(weights_of(options), options.device)
        found = measure(classifier, options.count, options.clothing)
    except ValueError as error:
        sys.exit(str(error))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
