"""Some training pictures as the form's settings would show them to the network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from alexnet_demo.common.errors import DataError
from alexnet_demo.images.encode import data_url
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.components.component import style

if TYPE_CHECKING:  # both import torch
    from alexnet_demo.data.preview import Group
    from alexnet_demo.data.splits import Split

EACH = 4  # garments of every class
HEEDED = ("drawings", "photos", "flip", "shift", "erase")
"""The settings that change pictures; others need no new sheet."""
_TURN = "trained-on turn"  # session state: how often others were asked for


@st.fragment
def trained_on(settings: TrainConfig) -> None:
    """What a recipe trains on, made once the reader opens it."""
    sheet = st.expander(
        "What this recipe trains on",
        icon=":material/grid_view:",
        key="trained on",
        on_change="rerun",
    )
    if not sheet.open:
        return
    with sheet, st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{EACH * len(CLASSES)} training pictures exactly as these settings show them to the "
            "network.",
            width="stretch",
        )
        others = st.button("Show others", icon=":material/casino:", key="other pictures")
    turn = st.session_state.get(_TURN, 0) + others
    st.session_state[_TURN] = turn
    try:
        heeded = TrainConfig(**{name: getattr(settings, name) for name in HEEDED})
        with sheet:
            style(__file__)
            st.html(_sheet(heeded, turn))
    except DataError as error:
        sheet.error(str(error), icon=":material/error:")


@st.cache_data(max_entries=32, show_spinner="Making the pictures…")
def _sheet(config: TrainConfig, turn: int) -> str:
    """The pictures as HTML, grouped by what was made of them."""
    from alexnet_demo.data.preview import preview_groups

    garments = _garments(turn)
    groups = preview_groups(garments, config, seed=turn)
    return "".join(_group(group, len(garments), config) for group in groups)


@st.cache_resource(max_entries=4, show_spinner=False)
def _garments(turn: int) -> Split:
    from alexnet_demo.data.preview import samples_per_class
    from alexnet_demo.data.splits import load_split

    return samples_per_class(load_split(train=True), EACH, turn)


def _group(group: Group, total: int, config: TrainConfig) -> str:
    words = {"drawings": "as line drawings", "photos": "as photos", "plain": plain_words(config)}
    tiles = "".join(
        f'<img src="{data_url(Image.fromarray(pixels), 112)}" '
        f'alt="{escape(CLASSES[label])}" title="{escape(CLASSES[label])}">'
        for pixels, label in zip(group.images.numpy(), group.labels.tolist(), strict=True)
    )
    heading = f"{len(group.labels)} of {total} {words[group.way]}"
    return f'<p class="sheet-head">{heading}</p><div class="sheet">{tiles}</div>'


def plain_words(config: TrainConfig) -> str:
    """What happens to the pictures that become neither drawings nor photos."""
    changes = ["mirrored at random"] * config.flip
    if config.shift:
        changes.append(f"moved by up to {config.shift} of 28 pixels")
    changes += ["partly hidden at times"] * (config.erase > 0)
    return f"as they are, but {', '.join(changes)}" if changes else "as they are"
