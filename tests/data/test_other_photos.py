import numpy as np
import pytest

from alexnet_demo.data.other_photos import BODIES, PHOTO_KINDS, SURFACES, other_photos, photograph


@pytest.mark.parametrize("kind", [*SURFACES, *BODIES, "cup", "car"])
def test_photos_show_something_on_black_or_a_whole_scene(kind: str) -> None:
    images = other_photos(12, np.random.default_rng(0), [kind])
    assert images.shape == (12, 28, 28) and images.dtype == np.uint8
    for image in images:
        rows, columns = np.nonzero(image)
        assert max(np.ptp(rows), np.ptp(columns)) >= 25
    assert len({image.tobytes() for image in images}) == 12


def test_every_kind_can_be_photographed() -> None:
    rng = np.random.default_rng(1)
    assert all(photograph(kind, rng).any() for kind in PHOTO_KINDS)


def test_a_seed_gives_the_same_photos_most_things_cut_out() -> None:
    first, again = (other_photos(40, np.random.default_rng(5), ["cup", "house"]) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    black = (first[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 0).all(1)
    assert 0.3 < black.mean() < 0.95
