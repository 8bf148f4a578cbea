"""How width and learning rate change over the steps of a run."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.settings.setting import shown

if TYPE_CHECKING:
    from alexnet_demo.settings.config import TrainConfig

MIN_WIDTH = 0.0625
MAX_GROWTH = 200
"""Length of the text that describes the growth; five doublings take 60 characters."""


def channels(width: float) -> tuple[int, int, int, int, int]:
    """Channels of conv1, conv2, conv3 and conv4, conv5, and units of fc6 and fc7."""
    c1, c2, c3, c5, units = (max(1, round(n * width)) for n in (96, 256, 384, 256, 4096))
    return c1, c2, c3, c5, units


@dataclass(frozen=True)
class Stage:
    """A part of a run at one width: steps ``first`` up to but not including ``end``."""

    width: float
    first: int
    end: int


def stages(config: TrainConfig) -> tuple[Stage, ...]:
    """The widths that a run trains at; the last one is its own ``width``.

    Raises:
        ConfigError: when ``grow`` cannot be parsed, a width is not a whole multiple of the one
            before, or no share is left for the full width.
    """
    if len(config.grow) > MAX_GROWTH:
        raise ConfigError(f"Growth must be written in at most {MAX_GROWTH} characters.")
    parts: list[Stage] = []
    first, used = 0, 0.0
    for part in filter(None, config.grow.split(",")):
        try:
            relative, share = map(float, part.split(":"))
        except ValueError:
            raise ConfigError(
                "Growth must be written as width:share of the steps, such as 0.25:0.6,0.5:0.3, "
                f"not {shown(config.grow)}."
            ) from None
        used += share
        if not (0 < relative < 1 and share > 0 and used < 1):
            raise ConfigError(
                "Growth needs widths between 0 and 1, and shares that sum to less than 1."
            )
        width, narrowest = relative * config.width, MIN_WIDTH
        if width < narrowest:
            raise ConfigError(
                f"Growth would start at width {width:g}, below the minimum of {narrowest:g}: "
                "choose a larger width, or no growth."
            )
        end = round(used * config.total_steps)
        parts.append(Stage(width, first, end))
        first = end
    parts.append(Stage(config.width, first, config.total_steps))
    for small, large in pairwise(parts):
        factor = round(large.width / small.width)
        copies = tuple(factor * count for count in channels(small.width))
        if factor < 2 or channels(large.width) != copies:
            raise ConfigError(
                "Growth needs each width to be a whole multiple of the one before, in every layer."
            )
    return tuple(parts)


def width_at(config: TrainConfig, step: int) -> float:
    """The width at a step, counted from 0; the final width after the last step."""
    return next((s.width for s in stages(config) if step < s.end), config.width)


def lr_at(config: TrainConfig, step: int) -> float:
    """The learning rate of a step, counted from 0."""
    peak = config.lr * config.lr_scale
    if config.schedule == "constant":
        return peak
    total = config.total_steps
    rise = config.warmup * total
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return peak * (total - step) / (total - rise)
