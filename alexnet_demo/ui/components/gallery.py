"""Small pictures in rows, with words below; a click on one opens it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from alexnet_demo.ui.components.component import register

_mount = register("gallery", __file__)


@dataclass(frozen=True)
class Tile:
    """A picture to choose.

    Attributes:
        number: what is given back when it is chosen.
        src: the picture's URL.
        alt: what it is, for those who cannot see it.
        says: a line in bold below it.
        below: a second line.
    """

    number: int
    src: str
    alt: str
    says: str = ""
    below: str = ""


def gallery(
    tiles: Sequence[Tile],
    key: str,
    *,
    opens: bool = True,
    small: bool = False,
    chosen: int | None = None,
    on_open: Callable[[int], None] | None = None,
) -> int | None:
    """Show tiles; the number of the one that was clicked just now, else None.

    Args:
        key: unique on the page.
        opens: whether a click does something.
        small: many in a row, for pictures without words.
        chosen: number of a tile to mark.
        on_open: called with that number before the page is run anew.
    """
    known = {tile.number for tile in tiles}

    def number(sent: Any) -> int | None:  # a browser can send anything
        return int(sent) if isinstance(sent, (int, float)) and sent in known else None

    def opened() -> None:
        clicked = number(st.session_state[key].get("opened"))
        if on_open and clicked is not None:
            on_open(clicked)

    result = _mount(
        data={
            "tiles": [asdict(tile) for tile in tiles],
            "opens": opens,
            "small": small,
            "chosen": chosen,
        },
        key=key,
        on_opened_change=opened,
    )
    return number(result.opened)
