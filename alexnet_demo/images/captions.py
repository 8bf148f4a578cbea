"""Names and explanations of the preparation's steps, as the Predict page shows them.

They are read from ``captions.json``, where ``before`` is the step that a step starts from, if not
the previous one.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from alexnet_demo.images.prepared import Choices, Step

_CAPTIONS = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def caption_steps(
    images: dict[str, np.ndarray], chosen: Choices, used: Choices
) -> tuple[Step, ...]:
    """The steps with their captions.

    Args:
        images: what each step resulted in, by its key in ``captions.json``, in order: uint8 (H, W)
            or (H, W, 3). The first is the original.
        chosen: what was chosen by hand.
        used: what was decided.
    """
    shown = {key: Image.fromarray(pixels) for key, pixels in images.items()}
    polarity = _CAPTIONS["polarities"][chosen.polarity][used.polarity]
    background = _CAPTIONS["backgrounds"][used.background]
    steps: list[Step] = []
    previous = "original"
    for key, image in shown.items():
        caption = _CAPTIONS["steps"][key]
        explanation = caption["explanation"].format(polarity=polarity, background=background)
        before = shown[caption.get("before", previous)]
        steps.append(Step(caption["name"].format(side=image.width), explanation, before, image))
        previous = key
    return tuple(steps)
