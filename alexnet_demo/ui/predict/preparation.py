"""What the network sees: how an image was preprocessed, step by step, and controls over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image, ImageDraw

from alexnet_demo.common.text import percent
from alexnet_demo.images.boxes import Box
from alexnet_demo.images.encode import CRISP_UP_TO, data_url
from alexnet_demo.images.prepared import Choices, Kind, PreparedImage
from alexnet_demo.ui.components.component import render, style

CONTROLS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("controls.json").read_text(encoding="utf-8")
)
"""By key: label, help, options, and for some the phrases that name a decision."""
KINDS: dict[str, str] = CONTROLS["kind"]["options"]
KIND_PHRASES: dict[str, str] = CONTROLS["kind"]["phrases"]
_SLIDERS = {"across": "Horizontal range", "down": "Vertical range"}
_LAST_BOX = "decided box"  # session state: where the last image was cropped
_THUMBNAIL = 240  # pixels: twice what a card shows, for high-density screens
_CONTROL_WIDTH = 165  # pixels: two fit side by side on a phone
_FRAME_COLOR = "#ff7f0e"


# ------------------------------------------------------------------ controls


def choices(kind: Kind = "auto") -> Choices:
    """What is set under `show_controls`.

    Args:
        kind: what the image is, unless set otherwise. Dataset images are light on dark.
    """
    kind_choice, polarity, ground, crop = map(_choice, CONTROLS)
    box: Box | None = None
    if crop == "hand":
        (left, right), (top, bottom) = map(_range, _SLIDERS)
        box = left, top, right, bottom
    if (kind, kind_choice, polarity) == ("dataset", "auto", "auto"):
        polarity = "keep"
    return Choices(kind if kind_choice == "auto" else kind_choice, polarity, ground, box)


def _choice(key: str) -> Any:
    """A control's value; ``auto`` if it has not been on the page yet."""
    return st.session_state.get(key) or "auto"


def _range(key: str) -> tuple[float, float]:
    """A slider's ends, 0 to 1, at least 0.01 apart: a crop cannot be empty."""
    low, high = st.session_state.get(key) or (0, 100)
    low = min(low, 99)
    return low / 100, max(high, low + 1) / 100


def show_controls(kind: Kind | None = None) -> None:
    """Controls that override automatic decisions.

    Args:
        kind: of the image, if there is a single one: only photos have a background to remove.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for key, control in CONTROLS.items():
            st.selectbox(
                control["label"],
                list(control["options"]),
                format_func=control["options"].__getitem__,
                key=key,
                help=control["help"],
                on_change=_start_from_last_box if key == "crop" else None,
                disabled=key == "ground" and kind not in (None, "photo"),
                width=_CONTROL_WIDTH,
            )
        if any(st.session_state[key] != "auto" for key in CONTROLS):
            st.button("Reset to automatic", icon=":material/undo:", key="reset", on_click=reset)
    if st.session_state["crop"] == "hand":
        for column, (key, label) in zip(st.columns(2), _SLIDERS.items(), strict=True):
            st.session_state.setdefault(key, (0, 100))
            column.slider(label, 0, 100, key=key, format="%d%%")


def reset() -> None:
    """Set all controls to automatic, as for every new image."""
    for key in CONTROLS:
        st.session_state[key] = "auto"


def _start_from_last_box() -> None:
    """Let the manual crop begin with the automatic one."""
    box = st.session_state.get(_LAST_BOX) or (0.0, 0.0, 1.0, 1.0)
    left, top, right, bottom = (round(100 * edge) for edge in box)
    st.session_state.update(across=(left, right), down=(top, bottom))


# ------------------------------------------------------------------ decisions and steps


def show_steps(prepared: PreparedImage | None) -> None:
    """Every preprocessing step, with controls; only the controls if the image was unusable."""
    if prepared is None:
        show_controls()
        return
    st.session_state[_LAST_BOX] = prepared.choices.box
    with st.container(key="network-sees"):
        st.subheader("What the network sees", anchor=False)
        st.markdown(_summary(prepared.choices))
        show_controls(prepared.kind)
        style(__file__)
        st.html(_cards(prepared))


def _summary(decisions: Choices) -> str:
    """Every decision, such as ``Treated as a drawing · dark ink on light · not cropped``."""

    def phrase(text: str, key: str) -> str:
        return text if _choice(key) == "auto" else f"{text} (your choice)"

    ink = " ink" if decisions.kind == "sketch" else ""
    tones = f"dark{ink} on light" if decisions.polarity == "invert" else f"light{ink} on dark"
    phrases = [
        phrase(f"Treated as {KIND_PHRASES[decisions.kind]}", "kind"),
        phrase(tones, "polarity"),
    ]
    if decisions.kind == "photo":
        phrases.append(phrase(CONTROLS["ground"]["phrases"][decisions.background], "ground"))
    crop = "not cropped"
    if (box := decisions.box) and not _is_whole(box):
        left, top, right, bottom = box
        size = f"{percent(right - left, 0)}\u00a0×\u00a0{percent(bottom - top, 0)}"
        crop = f"cropped to {size}" + (" within your frame" if _choice("crop") == "hand" else "")
    return " · ".join([*phrases, crop])


def _is_whole(box: Box) -> bool:
    left, top, right, bottom = box
    return min(right - left, bottom - top) > 0.995


def _cards(prepared: PreparedImage) -> str:
    first, box = prepared.steps[0], prepared.choices.box
    framed = draw_frame(first.image, box) if box and not _is_whole(box) else None
    urls: dict[int, str] = {}  # by image: one step's result is the next one's input

    def url(image: Image.Image) -> str:
        if id(image) not in urls:
            urls[id(image)] = data_url(image, _THUMBNAIL)
        return urls[id(image)]

    return render(
        __file__,
        steps=prepared.steps,
        original=framed or first.image,
        framed=framed is not None,
        views=[Image.fromarray(view) for view in prepared.views],
        url=url,
        crisp_up_to=CRISP_UP_TO,
    )


def draw_frame(image: Image.Image, box: Box) -> Image.Image:
    """A thumbnail, RGB, with a frame around the box, at least one pixel wide and high."""
    small = image.convert("RGB")
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    left, top = round(box[0] * small.width), round(box[1] * small.height)
    right, bottom = round(box[2] * small.width) - 1, round(box[3] * small.height) - 1
    corners = (left, top, max(left, right), max(top, bottom))
    width = max(1, max(small.size) // 80)
    ImageDraw.Draw(small).rectangle(corners, outline=_FRAME_COLOR, width=width)
    return small
