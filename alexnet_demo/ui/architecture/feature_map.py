"""A feature map whose cells can be chosen, by click, tap or arrow key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from alexnet_demo.ui.components.component import register

_mount = register("feature_map", __file__)


def cells(
    values: np.ndarray,
    chosen: tuple[int, int],
    name: str,
    key: str,
    on_choose: Callable[[int, int], None],
) -> None:
    """Show a feature map, from black for 0 and less to white for its greatest value.

    Args:
        values: float (height, width).
        chosen: row and column of the cell that is marked.
        name: what the map is, for those who cannot see it.
        key: unique on the page.
        on_choose: called with the row and column of another cell, before the page is run anew.
    """

    def sent() -> None:
        cell = _cell(st.session_state[key].get("cell"), values.shape)
        if cell:
            on_choose(*cell)

    _mount(
        data={
            "rows": values.shape[0],
            "columns": values.shape[1],
            "values": [float(f"{v:.4g}") for v in values.ravel().tolist()],
            "chosen": list(chosen),
            "name": name,
        },
        key=key,
        on_cell_change=sent,
    )


def _cell(sent: Any, shape: Sequence[int]) -> tuple[int, int] | None:
    """Row and column within the map; None for whatever else a browser may send."""
    try:
        row, column = (int(place) for place in sent)
    except (TypeError, ValueError, OverflowError):
        return None
    return (row, column) if row in range(shape[0]) and column in range(shape[1]) else None
