"""What visitors draw and upload, and the answers that they must get."""

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
from alexnet_demo.images import strokes as drawing
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import Choices
from alexnet_demo.inference.classifier import Classifier

DRAWINGS, UPLOADS = 40, 40
TOLERANCE = 0.02  # of a probability: batches of another size round otherwise in bfloat16
_BAR = re.compile(r'<span class="name">(.*?)</span>.*?<span class="percent">([\d.]+)%', re.DOTALL)
_SHAPES = {  # outlines on the canvas of 256 units
    "T-shirt/top": [
        (90, 40), (50, 60), (20, 110), (55, 130), (70, 110), (70, 220), (186, 220),
        (186, 110), (201, 130), (236, 110), (206, 60), (166, 40), (128, 60), (90, 40),
    ],
    "Trouser": [
        (80, 30), (176, 30), (190, 230), (145, 230), (128, 100), (111, 230), (66, 230), (80, 30),
    ],
    "Dress": [
        (100, 20), (108, 90), (60, 235), (196, 235), (148, 90), (156, 20), (128, 50), (100, 20),
    ],
    "Bag": [
        (40, 110), (40, 220), (216, 220), (216, 110), (40, 110), (85, 110), (95, 50),
        (161, 50), (171, 110),
    ],
    "Ankle boot": [
        (90, 30), (90, 130), (40, 180), (35, 215), (190, 215), (180, 110), (170, 30), (90, 30),
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """A picture to draw (strokes, as the canvas sends them) or to upload (a file's bytes)."""

    way: Literal["draw", "upload"]
    content: Any
    probabilities: dict[str, float]

    def agrees(self, answer: dict[str, float]) -> bool:
        """Whether an answer on the page, see `read`, is the true one."""
        if not answer:
            return False
        best = max(self.probabilities.values())
        near = all(abs(self.probabilities[name] - p) <= TOLERANCE for name, p in answer.items())
        return near and self.probabilities[next(iter(answer))] >= best - TOLERANCE


def read_prediction(page: Iterable[str]) -> dict[str, float]:
    """The classes and probabilities of the answer on a page, the likeliest first; empty if none."""
    bars = next((body for body in page if 'class="answer"' in body), "")
    return {html.unescape(name): float(p) / 100 for name, p in _BAR.findall(bars)}


def make_samples(weights: Path, seed: int = 0) -> list[Sample]:
    """Drawings and files, each asked alone of the network in this process.

    Raises:
        ValueError: when the weights cannot be loaded.
    """
    network, dice = Classifier.load(weights), random.Random(seed)
    sketches = [_draw(dice) for _ in range(DRAWINGS)]
    found = []
    for strokes in sketches:
        picture = drawing.render(drawing.parse(strokes))
        answer = network.predict([prepare(picture, Choices("sketch"))])[0]
        found.append(Sample("draw", strokes, dict(answer.ranked)))
    for data in _files(seed):
        answer = network.predict([prepare(data)])[0]
        found.append(Sample("upload", data, dict(answer.ranked)))
    return found


def _draw(dice: random.Random) -> list[dict[str, Any]]:
    """A garment's outline, drawn somewhere, in some size, by an unsteady hand."""
    outline = _SHAPES[dice.choice(list(_SHAPES))]
    scale, left, top = dice.uniform(0.6, 0.95), dice.uniform(0, 12), dice.uniform(0, 12)
    points = [
        [
            round(scale * x + left + dice.gauss(0, 3), 1),
            round(scale * y + top + dice.gauss(0, 3), 1),
        ]
        for x, y in outline
    ]
    return [{"tool": "pen", "width": dice.choice([5, 8, 12]), "points": points}]


def _files(seed: int) -> Iterable[bytes]:
    """Test pictures as product photos: large, dark on white, PNG and JPEG in turn."""
    images, grain = load_split(train=False).images, np.random.default_rng(seed)
    for number, index in enumerate(grain.choice(len(images), UPLOADS, replace=False)):
        garment = Image.fromarray(255 - images[int(index)].numpy()).resize((420, 420))
        sheet = Image.new("RGB", (640, 560), "white")
        sheet.paste(garment, (110, 70))
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG" if number % 2 else "JPEG")
        yield buffer.getvalue()
