"""Pin ten images for a run that will be recorded: ``python tools/pin_for_recording.py``.

Five drawings, and five test images of classes that are easily confused. The next run, from the page
or the command line, starts with them; ``tools/record_run.py`` then adds it to the recorded runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import Choices
from alexnet_demo.images.strokes import Stroke, render
from alexnet_demo.runs import pins
from alexnet_demo.settings.article import CLASSES

TEST_CLASSES = ("Pullover", "Dress", "Coat", "Shirt", "Ankle boot")
PEN = 7.0  # canvas units; the canvas is 256 wide
Line = tuple[tuple[float, float], ...]
DRAWINGS: dict[str, tuple[Line, ...]] = {
    "T-shirt/top": (
        (
            *((92, 40), (52, 62), (28, 110), (62, 130), (80, 104), (78, 222), (178, 222)),
            *((176, 104), (194, 130), (228, 110), (204, 62), (164, 40)),
        ),
        ((92, 40), (108, 58), (128, 64), (148, 58), (164, 40)),
    ),
    "Trouser": (
        (
            *((84, 28), (172, 28), (184, 232), (142, 234), (128, 96), (114, 234), (72, 232)),
            (84, 28),
        ),
        ((82, 48), (174, 48)),
        ((128, 48), (128, 84)),
    ),
    "Dress": (
        (
            *((104, 24), (98, 62), (106, 108), (62, 232), (194, 232), (150, 108), (158, 62)),
            *((152, 24), (140, 50), (116, 50), (104, 24)),
        ),
        ((106, 108), (150, 108)),
    ),
    "Bag": (
        ((48, 104), (208, 104), (222, 222), (34, 222), (48, 104)),
        ((92, 104), (94, 68), (108, 48), (128, 42), (148, 48), (162, 68), (164, 104)),
        ((42, 146), (214, 146)),
    ),
    "Sneaker": (
        (
            *((30, 126), (40, 186), (218, 190), (226, 174), (206, 158), (164, 146), (124, 116)),
            *((106, 98), (92, 112), (62, 122), (30, 126)),
        ),
        ((34, 172), (224, 176)),
        ((112, 122), (128, 108)),
        ((128, 134), (144, 120)),
        ((144, 144), (160, 132)),
    ),
}


def pin_drawing(name: str) -> pins.Pin:
    """A pin with the network's view of a drawing."""
    strokes = tuple(Stroke("pen", PEN, line) for line in DRAWINGS[name])
    view = prepare(render(strokes), Choices("sketch")).views[0]
    return pins.Pin(
        f"Drawn {name.partition('/')[0].lower()}", np.asarray(view), CLASSES.index(name)
    )


def main() -> None:
    test_images = [pin for pin in pins.defaults() if pin.label in map(CLASSES.index, TEST_CLASSES)]
    board = [*map(pin_drawing, DRAWINGS), *test_images]
    pins.write(pins.board_path(), board)
    print(f"{len(board)} images are pinned for the next run: {pins.board_path()}")


if __name__ == "__main__":
    main()
