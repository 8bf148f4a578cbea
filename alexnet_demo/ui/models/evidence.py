"""Evidence for two classes in an image: Grad-CAM, and a test of what it suggests by occlusion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from alexnet_demo.common.errors import BusyError
from alexnet_demo.images.encode import overlay_heatmap, png
from alexnet_demo.inference.batcher import BATCHER
from alexnet_demo.network.occlusion import occlusion
from alexnet_demo.ui.widgets.glossary import explain

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.inference.classifier import Classifier

FULL_COLOR = 0.1  # drop of a probability that has the strongest color, unless another is larger
_SIDE = 224  # of a map on the page, pixels


def show(classifier: Classifier, pixels: np.ndarray, classes: Mapping[str, int]) -> None:
    """Grad-CAM for two classes and, on request, what covering parts of the image costs each.

    Args:
        pixels: uint8 (side, side), 0 background to 255.
        classes: their indices, by what to call them.
    """
    try:
        heat = _grad_cam(classifier, pixels, list(classes.values()))
        st.markdown("**Evidence for each class** (Grad-CAM)")
        _show_maps("Grad-CAM", pixels, heat, classes, classes)
        _show_occlusion(classifier, pixels, classes)
    except BusyError as error:
        st.warning(str(error), icon=":material/hourglass_top:")
    explain("What the colors mean", "Grad-CAM", "Occlusion")


def _grad_cam(classifier: Classifier, pixels: np.ndarray, classes: list[int]) -> np.ndarray:
    import torch

    from alexnet_demo.network.grad_cam import grad_cam

    images = np.stack([pixels] * len(classes))
    return BATCHER.submit(partial(grad_cam, classifier.model, images, torch.tensor(classes)))


@st.fragment
def _show_occlusion(classifier: Classifier, pixels: np.ndarray, classes: Mapping[str, int]) -> None:
    if not st.toggle("Test it: cover each part in turn", key="cover parts"):
        return
    try:
        drops = _occlusion(classifier.digest, pixels, classifier)[list(classes.values())]
    except BusyError as error:
        st.warning(str(error), icon=":material/hourglass_top:")
        return
    st.markdown("**What covering a part costs each class** (occlusion)")
    largest = drops.max((1, 2)).clip(0)
    captions = (
        f"{name}: down by up to {100 * drop:.1f} points"
        for name, drop in zip(classes, largest, strict=True)
    )
    heat = drops.clip(0) / largest.clip(FULL_COLOR)[:, None, None]
    _show_maps("Occlusion", pixels, heat, classes, captions)
    st.markdown(
        "**Try it:** Where does covering lower the probability most, and did Grad-CAM mark that "
        "part? If it marked another part, why may covering that one cost nothing?"
    )


@st.cache_data(max_entries=64, show_spinner="Covering one part after another…")
def _occlusion(digest: str, pixels: np.ndarray, _classifier: Classifier) -> np.ndarray:
    """`occlusion` by the model with this digest, for all sessions."""
    return occlusion(partial(BATCHER.probabilities, _classifier), pixels)


def _show_maps(
    method: str,
    pixels: np.ndarray,
    maps: np.ndarray,
    classes: Iterable[str],
    captions: Iterable[str],
) -> None:
    columns = st.columns(len(maps))
    for column, heat, name, caption in zip(columns, maps, classes, captions, strict=True):
        image = png(overlay_heatmap(pixels, heat, _SIDE))
        column.image(image, width=_SIDE, alt=f"{method} for {name}", caption=caption)
