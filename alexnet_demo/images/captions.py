"""Names and explanations of the preparation's steps, as the Predict page shows them.

They are read from ``captions.json``, where ``before`` is the step that a second view starts from.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from alexnet_demo.images.prepared import Choices, Step

_CAPTIONS = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def caption_steps(
    images: dict[str, np.ndarray],
    chosen: Choices,
    used: Choices,
    source: Literal["file", "image"],
) -> tuple[Step, ...]:
    """The steps with their captions: those from the original to the input, then a second view.

    Args:
        images: what each step resulted in, by its key in ``captions.json``, in order: uint8 (H, W)
            or (H, W, 3). The first is the original.
        chosen: what was chosen by hand.
        used: what was decided.
        source: whether the original was read from a file.
    """
    shown = {key: Image.fromarray(pixels) for key, pixels in images.items()}
    polarity = _CAPTIONS["polarities"][chosen.polarity][used.polarity]
    facts = {
        "polarity": polarity,
        "background": _CAPTIONS["backgrounds"][used.background],
        "source": _CAPTIONS["sources"][source],
    }
    steps: list[Step] = []
    previous = "original"
    captions = {key: _CAPTIONS["steps"][key] for key in shown}
    for key in sorted(captions, key=lambda key: "before" in captions[key]):
        caption, image = captions[key], shown[key]
        name, explanation = caption["name"].format(side=image.width), caption["explanation"]
        before = shown[caption.get("before", previous)]
        steps.append(Step(name, explanation.format_map(facts), before, image))
        previous = key
    return tuple(steps)
