"""What the network sees: what was decided about a picture, controls over it, and every step."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import streamlit as st
from PIL import Image, ImageDraw

from alexnet_demo.common.text import percent
from alexnet_demo.images.encode import CRISP_UP_TO, data_url
from alexnet_demo.ui.components.component import style

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.images.boxes import Box
    from alexnet_demo.images.prepared import Choices, Kind, PreparedImage, Step

KINDS = {"auto": "Automatic", "sketch": "Drawing", "photo": "Photo", "dataset": "Data set"}
POLARITIES = {"auto": "Automatic", "invert": "Dark on light", "keep": "Light on dark"}
BACKGROUNDS = {"auto": "Automatic", "plain": "Plain", "cluttered": "Cluttered", "keep": "Leave it"}
CROPS = {"auto": "Automatic", "hand": "By hand"}
CONTROLS = {  # by key: label, options, help
    "kind": (
        "Kind of picture",
        KINDS,
        "Drawings are traced with one pen; photos lose their background; pictures of the data set "
        "stay as they are.",
    ),
    "polarity": (
        "Light and dark",
        POLARITIES,
        "The network knows light things on black: what is dark on light is reversed.",
    ),
    "ground": (
        "Background",
        BACKGROUNDS,
        "Of photos. Plain: what differs from it is kept. Cluttered: the thing in the middle is "
        "cut out.",
    ),
    "crop": (
        "Part to look at",
        CROPS,
        "By hand, you choose a frame; what lies outside is left out.",
    ),
}
KIND_WORDS = {"sketch": "a drawing", "photo": "a photo", "dataset": "a data-set picture"}
_GROUND_WORDS = {
    "alpha": "cut out by its transparency",
    "plain": "plain background taken off",
    "cluttered": "cut out of its surroundings",
    "keep": "background left",
}
_SLIDERS = {"across": "From left to right", "down": "From top to bottom"}
_DECIDED_BOX = "decided box"  # session state: where the last picture was cropped
_THUMBNAIL = 240  # pixels: twice what a card shows, for sharp screens
_CONTROL_WIDTH = 165  # pixels: two fit side by side on a phone
_FRAME = "#ff7f0e"
_ARROW = '<span class="arrow" aria-hidden="true">→</span>'


# ------------------------------------------------------------------ deciding otherwise


def choices(usual: Kind = "auto") -> Choices:
    """What is chosen under `controls`; ``usual`` where the kind is left automatic.

    Pictures of the data set are light on dark already.
    """
    from alexnet_demo.images.prepared import Choices

    kind, polarity, ground, crop = map(_chosen, CONTROLS)
    box = _chosen_box() if crop == "hand" else None
    if (usual, kind, polarity) == ("dataset", "auto", "auto"):
        polarity = "keep"
    return Choices(usual if kind == "auto" else kind, polarity, ground, box)


def _chosen(key: str) -> Any:
    """What a control says; ``auto`` where it is not shown yet."""
    return st.session_state.get(key) or "auto"


def controls(kind: Kind | None = None) -> None:
    """Override what was decided.

    Args:
        kind: what the picture was taken for, if one is shown: only photos have a background.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for key, (label, options, help_text) in CONTROLS.items():
            st.selectbox(
                label,
                list(options),
                format_func=options.__getitem__,
                key=key,
                help=help_text,
                on_change=_frame_from_automatic if key == "crop" else None,
                disabled=key == "ground" and kind not in (None, "photo"),
                width=_CONTROL_WIDTH,
            )
        if any(st.session_state[key] != "auto" for key in CONTROLS):
            st.button("All automatic", icon=":material/undo:", key="reset", on_click=automatic)
    if st.session_state["crop"] == "hand":
        for column, (key, label) in zip(st.columns(2), _SLIDERS.items(), strict=True):
            st.session_state.setdefault(key, (0, 100))
            column.slider(label, 0, 100, key=key, format="%d %%")


def automatic() -> None:
    """Leave everything to the program again, as every new picture begins."""
    for key in CONTROLS:
        st.session_state[key] = "auto"


def _frame_from_automatic() -> None:
    """Begin the frame by hand where the automatic one lay."""
    left, top, right, bottom = st.session_state.get(_DECIDED_BOX) or (0.0, 0.0, 1.0, 1.0)
    st.session_state["across"] = (round(100 * left), round(100 * right))
    st.session_state["down"] = (round(100 * top), round(100 * bottom))


def _chosen_box() -> Box:
    (left, right), (top, bottom) = (_span(key) for key in _SLIDERS)
    return left, top, right, bottom


def _span(key: str) -> tuple[float, float]:
    """A slider's two ends as shares, never quite together: there must be something to look at."""
    low, high = st.session_state.get(key) or (0, 100)
    low = min(low, 99)
    return low / 100, max(high, low + 1) / 100


# ------------------------------------------------------------------ what was decided


def decided(prepared: PreparedImage) -> str:
    """Every decision in words, such as ``Taken for a drawing · dark ink on light · …``."""
    found = prepared.choices
    tones = ["dark", "light"] if found.polarity == "invert" else ["light", "dark"]
    ink = " ink" if found.kind == "sketch" else ""
    words = [
        f"Taken for {KIND_WORDS[found.kind]}" + _by_you("kind"),
        f"{tones[0]}{ink} on {tones[1]}" + _by_you("polarity"),
    ]
    if found.kind == "photo":
        words.append(_GROUND_WORDS[found.background] + _by_you("ground"))
    return " · ".join([*words, _cropped(found.box)])


def _by_you(key: str) -> str:
    return "" if _chosen(key) == "auto" else " (your choice)"


def is_whole(box: Box) -> bool:
    """Whether a box holds all of the picture, or nearly so."""
    left, top, right, bottom = box
    return min(right - left, bottom - top) > 0.995


def _cropped(box: Box | None) -> str:
    if box is None or is_whole(box):
        return "not cropped"
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    frame = " within your frame" if _chosen("crop") == "hand" else ""
    size = f"{percent(width, 0)} × {percent(height, 0)}".replace(" ", "\u00a0")  # stays on one line
    return f"cropped to {size}{frame}"


# ------------------------------------------------------------------ every step


def steps(prepared: PreparedImage | None) -> None:
    """The way from the picture to the network, with controls over it."""
    if prepared is None:
        controls()  # another choice may make the picture usable
        return
    st.session_state[_DECIDED_BOX] = prepared.choices.box
    with st.container(key="network-sees"):
        st.subheader("What the network sees", anchor=False)
        st.markdown(decided(prepared))
        controls(prepared.kind)
        style(__file__)
        st.html(_cards(prepared))


def _cards(prepared: PreparedImage) -> str:
    first, *others = prepared.steps
    urls: dict[int, str] = {}  # by picture: one step's after is the next one's before

    def tile(image: Image.Image, words: str) -> str:
        if id(image) not in urls:
            urls[id(image)] = data_url(image, _THUMBNAIL)
        crisp = ' class="crisp"' if max(image.size) <= CRISP_UP_TO else ""
        return f'<img{crisp} src="{urls[id(image)]}" alt="{escape(words)}">'

    box, original, legend = prepared.choices.box, first.image, ""
    if box and not is_whole(box):
        original, legend = framed(first.image, box), " The frame is the part that is used."
    views = [Image.fromarray(view) for view in prepared.views]
    cards = [_card(first.name, first.explanation + legend, tile(original, _alt(first)))]
    for step in others:
        pictures = tile(step.before, "Before"), tile(step.image, _alt(step))
        cards.append(_card(step.name, step.explanation, _ARROW.join(pictures)))
    if len(views) > 1:
        shown = "".join(tile(view, f"View {number}") for number, view in enumerate(views, 1))
        words = "The network looks at each of these pictures; its answers are averaged."
        cards.append(_card(f"{len(views)} views", words, shown))
    return f'<div class="steps" role="list">{"".join(cards)}</div>'


def _card(name: str, explanation: str, pictures: str) -> str:
    return (
        f'<div class="step" role="listitem"><div class="pictures">{pictures}</div>'
        f'<div class="words"><b>{escape(name)}</b><span>{escape(explanation)}</span></div></div>'
    )


def _alt(step: Step) -> str:
    return f"{step.name}: {step.explanation}"


def framed(image: Image.Image, box: Box) -> Image.Image:
    """The picture, small, with a frame around the part that is used."""
    small = image.convert("RGB")
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    left, top = round(box[0] * small.width), round(box[1] * small.height)
    right, bottom = round(box[2] * small.width) - 1, round(box[3] * small.height) - 1
    corners = (left, top, max(left, right), max(top, bottom))  # a thin thing has a thin frame
    ImageDraw.Draw(small).rectangle(corners, outline=_FRAME, width=max(1, max(small.size) // 80))
    return small
