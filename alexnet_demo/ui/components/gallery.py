"""Image tiles in rows, with captions; a tile can be clicked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from alexnet_demo.ui.components.component import register

_mount = register("gallery", __file__)


@dataclass(frozen=True)
class Tile:
    """An image with its captions.

    Attributes:
        number: identifies the tile in the gallery.
        src: URL of the image.
        alt: description for screen readers, and the tooltip.
        caption: a bold line below the image.
        detail: a second line.
    """

    number: int
    src: str
    alt: str
    caption: str = ""
    detail: str = ""


def gallery(
    tiles: Sequence[Tile],
    key: str,
    *,
    clickable: bool = True,
    small: bool = False,
    selected: int | None = None,
    on_click: Callable[[int], None] | None = None,
) -> int | None:
    """Show tiles; return the number of the tile that was clicked just now, else None.

    Args:
        key: unique on the page.
        small: many in a row, for tiles without captions.
        selected: number of a tile to outline.
        on_click: called with the number before the page reruns.
    """
    numbers = {tile.number for tile in tiles}

    def valid(value: Any) -> int | None:  # a browser can send anything
        return int(value) if isinstance(value, (int, float)) and value in numbers else None

    def clicked() -> None:
        number = valid(st.session_state[key].get("opened"))
        if on_click and number is not None:
            on_click(number)

    result = _mount(
        data={
            "tiles": [asdict(tile) for tile in tiles],
            "clickable": clickable,
            "small": small,
            "selected": selected,
        },
        key=key,
        on_opened_change=clicked,
    )
    return valid(result.opened)
