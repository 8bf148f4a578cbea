import numpy as np
import pytest

from alexnet_demo.data.other_drawings import DRAWING_KINDS, WITHOUT_SUBJECT, draw, other_drawings
from alexnet_demo.images.redraw import SHADE, SKETCH_SIDE


@pytest.mark.parametrize("kind", [*WITHOUT_SUBJECT, "print", "tree", "fish"])
def test_drawings_fill_the_frame_with_strokes(kind: str) -> None:
    for image in other_drawings(4, np.random.default_rng(0), [kind]):
        assert image.shape == (SKETCH_SIDE, SKETCH_SIDE) and image.dtype == np.uint8
        rows, columns = np.nonzero(image > 200)
        assert max(np.ptp(rows), np.ptp(columns)) > 0.7 * SKETCH_SIDE
        assert (image == 0).mean() > 0.05


def test_every_kind_can_be_drawn() -> None:
    rng = np.random.default_rng(1)
    assert all(draw(kind, rng).any() for kind in DRAWING_KINDS)


def test_a_seed_gives_the_same_drawings_some_of_them_shaded() -> None:
    first, again, other = (other_drawings(30, np.random.default_rng(s)) for s in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    shaded = (first == SHADE).mean((1, 2)) > 0.05
    assert 0.2 < shaded.mean() < 0.9
    assert other_drawings(0, np.random.default_rng(0)).shape == (0, SKETCH_SIDE, SKETCH_SIDE)
