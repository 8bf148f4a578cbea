"""What the recipe ``best`` trains on, as one picture: ``python tools/contact_sheet.py``.

Training pictures as published, then drawings and photos made of them as a training sees them,
the ten classes as columns. Writes ``docs/images/contact_sheet.png``; the Train page shows the
like for any settings.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.data.preview import Group, preview_groups, samples_per_class
from alexnet_demo.data.splits import load_split
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import TrainConfig

FILE = Path(__file__).parent / "images" / "contact_sheet.png"
SEED = 1
TILE, GAP, HEAD = 84, 4, 26  # pixels: a picture, between pictures, a line of words
ROWS = 3  # of each part
PARTS = {
    "Training pictures as published": TrainConfig(),
    "The same as line drawings": TrainConfig(drawings=1.0),
    "The same as photos": TrainConfig(photos=1.0),
}


def main() -> None:
    garments = samples_per_class(load_split(train=True), ROWS)
    part = HEAD + ROWS * (TILE + GAP)
    width, height = len(CLASSES) * (TILE + GAP) + GAP, HEAD + len(PARTS) * part
    sheet = Image.new("RGB", (width, height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, name in enumerate(CLASSES):
        x = GAP + column * (TILE + GAP) + TILE // 2
        pen.text((x, HEAD // 2), name, "black", font, anchor="mm")
    for top, (words, config) in zip(range(HEAD, height, part), PARTS.items(), strict=True):
        pen.text((GAP, top + HEAD // 2), words, "black", font, anchor="lm")
        (group,) = preview_groups(garments, config, SEED)
        paste(sheet, group, top + HEAD)
    FILE.parent.mkdir(exist_ok=True)
    sheet.save(FILE, optimize=True)


def paste(sheet: Image.Image, group: Group, top: int) -> None:
    """Put a group's pictures into rows from ``top`` on, enlarged as the network gets them."""
    for number, pixels in enumerate(group.images.numpy()):
        row, column = divmod(number, len(CLASSES))
        picture = Image.fromarray(pixels).resize((TILE, TILE), Image.Resampling.BILINEAR)
        sheet.paste(picture, (GAP + column * (TILE + GAP), top + row * (TILE + GAP)))


if __name__ == "__main__":
    main()
