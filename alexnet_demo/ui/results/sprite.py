"""All test pictures on one sheet, which the browser fetches once."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from alexnet_demo.common.files import write_atomically
from alexnet_demo.settings.article import TEST_SAMPLES
from alexnet_demo.settings.paths import ROOT
from alexnet_demo.ui.components.plot import served_url
from alexnet_demo.ui.models import datasets

COLUMNS = 100
_FILE = ROOT / "static" / "test-pictures.webp"


@cache
def of_test_pictures() -> dict[str, Any] | None:
    """The sheet's ``url``, ``columns`` and ``rows``; None where it cannot be written."""
    rows = TEST_SAMPLES // COLUMNS
    try:
        if not _FILE.is_file():
            images = datasets.test_set().images.numpy()
            side = images.shape[-1]
            pixels = images.reshape(rows, COLUMNS, side, side).swapaxes(1, 2)
            sheet = Image.fromarray(np.ascontiguousarray(pixels.reshape(rows * side, -1)))
            _FILE.parent.mkdir(exist_ok=True)
            write_atomically(_FILE, lambda temporary: sheet.save(temporary, "WEBP", quality=75))
    except OSError:
        return None  # without it a point is named, not shown
    return {"url": served_url(_FILE), "columns": COLUMNS, "rows": rows}
