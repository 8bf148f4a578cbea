"""Images that visitors draw and upload, and the predictions that they must get."""

from __future__ import annotations

import html
import io
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
from alexnet_demo.inference.classifier import Classifier

DRAWINGS, UPLOADS = 40, 40
TOLERANCE = 0.02  # of a probability: in bfloat16, rounding depends on the batch size
_BAR = re.compile(r'<span class="name">(.*?)</span>.*?<span class="percent">([\d.]+)%', re.DOTALL)
_SHAPES = {  # outlines on the canvas, 256 units wide
    "T-shirt/top": [
        (90, 40), (50, 60), (20, 110), (55, 130), (70, 110), (70, 220), (186, 220), (186, 110),
        (201, 130), (236, 110), (206, 60), (166, 40), (128, 60), (90, 40),
    ],
    "Trouser": [
        (80, 30), (176, 30), (190, 230), (145, 230), (128, 100), (111, 230), (66, 230), (80, 30),
    ],
    "Dress": [
        (100, 20), (108, 90), (60, 235), (196, 235), (148, 90), (156, 20), (128, 50), (100, 20),
    ],
    "Bag": [
        (40, 110), (40, 220), (216, 220), (216, 110), (40, 110), (85, 110), (95, 50), (161, 50),
        (171, 110),
    ],
    "Ankle boot": [
        (90, 30), (90, 130), (40, 180), (35, 215), (190, 215), (180, 110), (170, 30), (90, 30),
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """An image to draw (strokes, as the canvas sends them) or to upload (a file's bytes)."""

    way: Literal["draw", "upload"]
    content: Any
    probabilities: dict[str, float]

    def agrees(self, prediction: dict[str, float]) -> bool:
        """Whether a prediction on the page, see `read_prediction`, is the expected one."""
        if not prediction:
            return False
        expected = self.probabilities
        near = all(abs(expected[name] - p) <= TOLERANCE for name, p in prediction.items())
        return near and expected[next(iter(prediction))] >= max(expected.values()) - TOLERANCE


def read_prediction(page: Iterable[str]) -> dict[str, float]:
    """The class probabilities shown on a page, most likely first; empty if there are none."""
    bars = next((body for body in page if 'class="answer"' in body), "")
    return {html.unescape(name): float(p) / 100 for name, p in _BAR.findall(bars)}


def make_samples(weights: Path, seed: int = 0) -> list[Sample]:
    """Drawings and files, with the predictions of the model in this process, one by one.

    Raises:
        ValueError: when the weights cannot be loaded.
    """
    classifier, rng = Classifier.load(weights), random.Random(seed)

    def sample(way: Literal["draw", "upload"], content: Any, image: PreparedImage) -> Sample:
        return Sample(way, content, dict(classifier.predict([image])[0].ranked))

    drawings = [_draw(rng) for _ in range(DRAWINGS)]
    rendered = [prepare(render(parse(strokes)), Choices("sketch")) for strokes in drawings]
    samples = [sample("draw", *pair) for pair in zip(drawings, rendered, strict=True)]
    return samples + [sample("upload", data, prepare(data)) for data in _files(seed)]


def _draw(rng: random.Random) -> list[dict[str, Any]]:
    """A garment's outline at a random place and size, drawn by an unsteady hand."""
    outline = _SHAPES[rng.choice(list(_SHAPES))]
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
