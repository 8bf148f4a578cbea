"""Names and explanations of the preparation's steps, as the Predict page shows them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from alexnet_demo.images.prepared import Choices, Step


class Caption(NamedTuple):
    """What is said about a step; ``before`` is the step it starts from, if not the previous one."""

    name: str
    explanation: str
    before: str = ""


CAPTIONS = {
    "original": Caption("Original", "The image as uploaded: upright, transparency filled in."),
    # drawings
    "sheet": Caption("Sheet", "Only the sheet of paper is used, not the table around it."),
    "paper": Caption(
        "Paper removed", "Each pixel relative to the paper around it, free of light and shadow."
    ),
    "ink": Caption("Ink", "{polarity}"),
    "ink crop": Caption("Cropped", "Cropped to the drawing, proportions kept."),
    "strokes": Caption("Standard pen", "Redrawn with a pen of standard width."),
    "unshaded": Caption("Second view", "The same without shading. Both views are averaged."),
    "shaded": Caption(
        "{side} × {side}",
        "Treated as a drawing: the area that the outline encloses is shaded.",
        before="strokes",
    ),
    "open": Caption(
        "{side} × {side}", "Treated as a drawing: the outline encloses no area to shade."
    ),
    # photos, and images like those of the data set
    "object": Caption("Background removed", "{background}"),
    "light": Caption("Light on dark", "{polarity}"),
    "crop": Caption("Cropped", "Cropped to the object, proportions kept."),
    "surroundings": Caption(
        "Second view",
        "The object with its surroundings, in case it is cut out badly. Both views are averaged.",
        before="original",
    ),
    "garment": Caption(
        "Second view",
        "The garment without the person wearing it. Both views are averaged.",
        before="original",
    ),
    "photo": Caption(
        "{side} × {side}",
        "Treated as a photo: resized to the data set's size, sharpened, and centered.",
        before="crop",
    ),
    "dataset": Caption("{side} × {side}", "Treated as a data-set image: not changed further."),
    "input": Caption("{side} × {side}", "Resized bilinearly: the network's input."),
}
BACKGROUNDS = {
    "alpha": "The image's own transparency separates object and background.",
    "plain": "The background is plain: whatever differs from it is the object.",
    "cluttered": "The object is segmented from its surroundings.",
    "keep": "The background is kept.",
}
POLARITIES = {  # (chosen, used)
    ("keep", "keep"): "Kept as it is: light on dark.",
    ("invert", "invert"): "Inverted, as you chose.",
    ("auto", "keep"): "The background is already the darker part, so the image is not inverted.",
    ("auto", "invert"): "The background is the lighter part, so the image is inverted.",
}


def caption_steps(
    images: dict[str, np.ndarray], chosen: Choices, used: Choices
) -> tuple[Step, ...]:
    """The steps with their captions.

    Args:
        images: what each step resulted in, by its key in `CAPTIONS`, in order: uint8 (H, W) or
            (H, W, 3). The first is the original.
        chosen: what was chosen by hand.
        used: what was decided.
    """
    shown = {key: Image.fromarray(pixels) for key, pixels in images.items()}
    steps: list[Step] = []
    for key, image in shown.items():
        name, explanation, start = CAPTIONS[key]
        previous = steps[-1].image if steps else image
        words = explanation.format(
            polarity=POLARITIES.get((chosen.polarity, used.polarity)),
            background=BACKGROUNDS.get(used.background),
        )
        before = shown[start] if start else previous
        steps.append(Step(name.format(side=image.width), words, before, image))
    return tuple(steps)
