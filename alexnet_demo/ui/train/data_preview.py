"""Some training images as the form's settings present them to the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from alexnet_demo.common.errors import DataError
from alexnet_demo.images.encode import data_url
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.components.component import render, style
from alexnet_demo.ui.models import datasets

if TYPE_CHECKING:
    from torch import Tensor

PER_CLASS = 4
RELEVANT = ("drawings", "photos", "generated", "others", "flip", "shift", "erase")
"""The settings that change images; others need no new preview."""
_PAGE = "trained-on turn"  # session state: how often other images were requested


@st.fragment
def data_preview(settings: TrainConfig) -> None:
    """Training images after augmentation."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{PER_CLASS * len(CLASSES)} training images, augmented as these settings specify.",
            width="stretch",
        )
        more = st.button("Show others", icon=":material/casino:", key="other pictures")
    page = st.session_state[_PAGE] = st.session_state.get(_PAGE, 0) + more
    try:
        relevant = TrainConfig(**{name: getattr(settings, name) for name in RELEVANT})
        style(__file__)
        st.html(_sheet(relevant, page))
    except DataError as error:
        st.error(str(error), icon=":material/error:")


@st.cache_data(max_entries=32, show_spinner="Generating images…")
def _sheet(config: TrainConfig, page: int) -> str:
    """The images as HTML, grouped by augmentation."""
    from alexnet_demo.data.preview import preview_groups, samples_per_class

    samples = samples_per_class(datasets.training_set(), PER_CLASS, page)
    total = len(samples)
    kinds = {
        "drawings": f"of {total} as line drawings",
        "photos": f"of {total} as photos",
        "plain": f"of {total} {augmentation(config)}",
        "generated": "generated images of clothing, added to them",
        "others": "generated images of other things, about which the network is to be undecided",
    }
    groups = preview_groups(samples, config, seed=page)

    def url(pixels: Tensor) -> str:
        return data_url(Image.fromarray(pixels.numpy()), 112)

    return render(__file__, groups=groups, kinds=kinds, names=CLASSES, url=url)


def augmentation(config: TrainConfig) -> str:
    """How the images that become neither drawings nor photos are augmented."""
    changes = ["each mirrored with probability ½"] * config.flip
    if config.shift:
        changes.append(f"shifted by up to {config.shift} of 28 pixels")
    changes += ["partly erased"] * (config.erase > 0)
    return ", ".join(changes) or "unchanged"
