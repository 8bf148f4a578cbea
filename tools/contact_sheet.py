"""The training data of the recipe ``best`` as one image: ``python tools/contact_sheet.py``.

Training images as published, then synthetic drawings and photos made of them, with the ten classes
as columns. Writes ``docs/images/contact_sheet.png``; the Train page shows the same for any
settings.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.data.preview import preview_groups, samples_per_class
from alexnet_demo.data.splits import load_split
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.paths import ROOT

FILE = ROOT / "docs" / "images" / "contact_sheet.png"
SEED = 1
TILE, GAP, LINE = 84, 4, 26  # pixels: an image, between images, a line of text
ROWS = 3  # of each part
PARTS = {
    "Training images as published": TrainConfig(),
    "The same as line drawings": TrainConfig(drawings=1.0),
    "The same as photos": TrainConfig(photos=1.0),
}


def main() -> None:
    samples = samples_per_class(load_split(train=True), ROWS)
    cell, part = TILE + GAP, LINE + ROWS * (TILE + GAP)
    sheet = Image.new("RGB", (len(CLASSES) * cell + GAP, LINE + len(PARTS) * part), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, name in enumerate(CLASSES):
        pen.text((GAP + column * cell + TILE // 2, LINE // 2), name, "black", font, anchor="mm")
    for number, (title, config) in enumerate(PARTS.items()):
        top = LINE + number * part
        pen.text((GAP, top + LINE // 2), title, "black", font, anchor="lm")
        (group,) = preview_groups(samples, config, SEED)
        for index, pixels in enumerate(group.images.numpy()):
            row, column = divmod(index, len(CLASSES))
            image = Image.fromarray(pixels).resize((TILE, TILE), Image.Resampling.BILINEAR)
            sheet.paste(image, (GAP + column * cell, top + LINE + row * cell))
    FILE.parent.mkdir(exist_ok=True)
    sheet.save(FILE, optimize=True)


if __name__ == "__main__":
    main()
