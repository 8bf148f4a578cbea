"""Images that visitors draw and upload, and the predictions that they must get."""

from __future__ import annotations

import html
import io
import json
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from alexnet_demo.data.splits import load_split
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import Choices, PreparedImage
from alexnet_demo.images.strokes import parse, render
from alexnet_demo.inference import backend_choice
from alexnet_demo.inference.classifier import Classifier

DRAWINGS, UPLOADS = 40, 40
TOLERANCE = 0.02  # of a probability: in bfloat16, rounding depends on the batch size
_BAR = re.compile(
    r'<span class="name">(.*?)</span>.*?<span class="percent">(?:&[lg]t;)?([\d.]+)%', re.DOTALL
)
_OUTLINES = json.loads(Path(__file__).with_name("outlines.json").read_text(encoding="utf-8"))
"""Points of garments by class, on the canvas of 256 units."""


@dataclass(frozen=True)
class Sample:
    """An image to draw (strokes, as the canvas sends them) or to upload (a file's bytes).

    Attributes:
        probabilities: what PyTorch predicts, with which a server begins, and what the fastest
            backend does, to which it changes once that is chosen.
    """

    way: Literal["draw", "upload"]
    content: Any
    probabilities: tuple[dict[str, float], ...]

    def agrees(self, prediction: dict[str, float]) -> bool:
        """Whether a prediction on the page, see `read_prediction`, is an expected one."""
        return bool(prediction) and any(_near(p, prediction) for p in self.probabilities)


def _near(expected: dict[str, float], prediction: dict[str, float]) -> bool:
    near = all(abs(expected[name] - p) <= TOLERANCE for name, p in prediction.items())
    return near and expected[next(iter(prediction))] >= max(expected.values()) - TOLERANCE


def read_prediction(page: Iterable[str]) -> dict[str, float]:
    """The class probabilities shown on a page, most likely first; empty if there are none."""
    bars = next((body for body in page if 'class="answer"' in body), "")
    return {html.unescape(name): float(p) / 100 for name, p in _BAR.findall(bars)}


def make_samples(weights: Path, seed: int = 0) -> list[Sample]:
    """Drawings and files, with the predictions of the model in this process, one by one.

    Chooses the fastest backend, as the server does.

    Raises:
        ValueError: when the weights cannot be loaded.
    """
    plain, fastest = (Classifier.load_with_digest(weights) for _ in range(2))
    backend_choice.use_fastest(fastest)
    classifiers, rng = (plain, fastest), random.Random(seed)

    def sample(way: Literal["draw", "upload"], content: Any, image: PreparedImage) -> Sample:
        expected = (dict(each.predict([image])[0].ranked) for each in classifiers)
        return Sample(way, content, tuple(expected))

    drawings = [_draw(rng) for _ in range(DRAWINGS)]
    rendered = [prepare(render(parse(strokes)), Choices("sketch")) for strokes in drawings]
    samples = [sample("draw", *pair) for pair in zip(drawings, rendered, strict=True)]
    return samples + [sample("upload", data, prepare(data)) for data in _files(seed)]


def _draw(rng: random.Random) -> list[dict[str, Any]]:
    """A garment's outline at a random place and size, drawn by an unsteady hand."""
    outline = rng.choice(list(_OUTLINES.values()))
    scale, left, top = rng.uniform(0.6, 0.95), rng.uniform(0, 12), rng.uniform(0, 12)

    def place(value: float, offset: float) -> float:
        return round(scale * value + offset + rng.gauss(0, 3), 1)

    points = [[place(x, left), place(y, top)] for x, y in outline]
    return [{"tool": "pen", "width": rng.choice([5, 8, 12]), "points": points}]


def _files(seed: int) -> Iterable[bytes]:
    """Test images as product photos: large, dark on white, PNG and JPEG in turn."""
    images, rng = load_split(train=False).images, np.random.default_rng(seed)
    for number, index in enumerate(rng.choice(len(images), UPLOADS, replace=False)):
        garment = Image.fromarray(255 - images[int(index)].numpy()).resize((420, 420))
        sheet = Image.new("RGB", (640, 560), "white")
        sheet.paste(garment, (110, 70))
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG" if number % 2 else "JPEG")
        yield buffer.getvalue()
