"""A canvas to draw on with mouse, finger or stylus."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images import strokes as drawing
from alexnet_demo.images.strokes import Stroke
from alexnet_demo.ui.components.component import register

DRAWING = "drawing"  # session state; not a widget's key, so it outlives a switch of pages

_mount = register("canvas", __file__)


def canvas(key: str = "canvas") -> tuple[Stroke, ...]:
    """Show the canvas and return what is drawn on it; reruns after each stroke.

    The drawing survives reruns and page switches. What is no drawing (the browser can send
    anything) shows one sentence and counts as blank.
    """
    kept = st.session_state.get(DRAWING, [])
    result = _mount(
        key=key,
        data={"side": drawing.SIDE, "strokes": kept},
        on_strokes_change=lambda: None,
    )
    sent = getattr(result, "strokes", None)
    try:
        strokes = drawing.parse(kept if sent is None else sent)
    except ImageError as error:
        st.error(str(error))
        return ()
    if sent is not None:
        st.session_state[DRAWING] = sent
    return strokes
