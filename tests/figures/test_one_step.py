"""The loss over single steps: what was taken, and what the next step would do."""

from __future__ import annotations

import math

from alexnet_demo.figures.one_step import losses_figure


def test_the_next_step_is_drawn_apart_and_only_if_its_loss_is_a_number() -> None:
    taken, following = losses_figure([2.5, 2.0], 1.5).data
    assert list(taken.x) == [0, 1] and list(taken.y) == [2.5, 2.0]
    assert list(following.x) == [1, 2] and list(following.y) == [2.0, 1.5]
    for after in (math.nan, math.inf):
        assert len(losses_figure([2.5, 2.0], after).data) == 1
