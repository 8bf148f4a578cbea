"""A drawing canvas for mouse, finger, or stylus."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images import strokes
from alexnet_demo.images.strokes import Stroke
from alexnet_demo.ui.components.component import register

DRAWING = "drawing"  # session state; not a widget's key, so it survives a page switch

_mount = register("canvas", __file__)


def canvas(key: str = "canvas", name: str = DRAWING, image: str = "") -> tuple[Stroke, ...]:
    """Show the canvas and return the drawing; the page reruns after each stroke.

    The drawing survives reruns and page switches. Invalid data (a browser can send anything) shows
    an error and counts as blank.

    Args:
        key: unique on the page, and for the image.
        name: of the drawing in the session state.
        image: URL of an image to draw upon, in black.
    """
    saved = st.session_state.get(name, [])
    result = _mount(
        key=key,
        data={"side": strokes.SIDE, "strokes": saved, "image": image},
        on_strokes_change=lambda: None,
    )
    records = getattr(result, "strokes", None)
    try:
        drawing = strokes.parse(saved if records is None else records)
    except ImageError as error:
        st.error(str(error))
        return ()
    if records is not None:
        # Only what was validated: a record may hold anything else as well.
        st.session_state[name] = [stroke.to_json() for stroke in drawing]
    return drawing
