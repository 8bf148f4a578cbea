"""The plot of class probabilities along a path of images."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_demo.figures import theme
from alexnet_demo.figures.path import path_figure


def test_classes_that_matter_have_a_line_and_the_selected_image_is_marked() -> None:
    probabilities = np.zeros((3, 10), np.float32)
    probabilities[:, 0], probabilities[:, 6] = (0.9, 0.5, 0.02), (0.08, 0.47, 0.95)
    probabilities[:, 3] = (0.02, 0.03, 0.03)
    figure = path_figure([0, 0.5, 1], probabilities, 0.5, "Share")
    assert [line.name for line in figure.data] == ["T-shirt/top", "Shirt"]
    assert list(figure.data[1].y) == pytest.approx([0.08, 0.47, 0.95])
    assert figure.data[1].line.color == theme.CLASS_COLORS["Shirt"]
    assert [shape.x0 for shape in figure.layout.shapes] == [0.5]
    assert figure.layout.height
