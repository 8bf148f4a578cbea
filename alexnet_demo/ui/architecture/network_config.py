"""The network that the Architecture page shows: a preset, or the reader's own settings."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from alexnet_demo.settings.article import IMAGE_SIZE
from alexnet_demo.settings.config import SETTINGS

if TYPE_CHECKING:
    from alexnet_demo.network.summary import Summary


@dataclass(frozen=True)
class NetworkConfig:
    """What determines the shape of every layer."""

    in_channels: int = 1
    classes: int = 10
    width: float = 1.0
    image_size: int = IMAGE_SIZE


DEMO = NetworkConfig()
PRESETS = {
    "This demo": DEMO,
    "ImageNet, 3×224×224, 1000 classes": NetworkConfig(in_channels=3, classes=1000),
}
_PRESET = "arch_preset"
_FIELDS = ("arch_channels", "arch_classes", "arch_width", "arch_side")  # widgets


def choose() -> tuple[NetworkConfig, DeltaGenerator]:
    """Show the presets, and a popover with the four settings.

    Returns:
        The settings, and a container beside their inputs for an error message.
    """
    for key, value in zip(_FIELDS, astuple(DEMO), strict=True):
        st.session_state.setdefault(key, value)
    names = {config: name for name, config in PRESETS.items()}
    st.session_state[_PRESET] = names.get(_current())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "Network",
            list(PRESETS),
            key=_PRESET,
            on_change=_apply_preset,
            label_visibility="collapsed",
        )
        # A fixed width, so that an error message does not move the input that is being edited.
        with st.popover("Adjust", icon=":material/tune:"), st.container(width=272):
            _inputs()
            messages = st.container()
    return _current(), messages


def _current() -> NetworkConfig:
    return NetworkConfig(*(st.session_state[key] for key in _FIELDS))


def _apply_preset() -> None:
    if preset := PRESETS.get(st.session_state[_PRESET] or ""):
        st.session_state.update(zip(_FIELDS, astuple(preset), strict=True))


def _inputs() -> None:
    channels, classes, width, side = _FIELDS
    smallest, largest = SETTINGS["width"].bounds
    st.number_input("Input channels", 1, 64, key=channels, help="1 for grayscale, 3 for color.")
    st.number_input("Classes", 1, 21_841, key=classes, help="Number of units in fc8.")
    st.number_input(
        "Width",
        *(smallest, largest),
        key=width,
        step=0.25,
        help="Multiplies the channels of every convolution and the units of fc6 and fc7.",
    )
    st.number_input(
        "Image size in pixels",
        *(16, 1024),
        key=side,
        step=16,
        help="Images are square. The three pooling layers need at least 67×67 pixels.",
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def measure(config: NetworkConfig) -> Summary:
    """Measure every layer of a network.

    Raises:
        ValueError: when the network cannot be built.
    """
    import torch

    from alexnet_demo.network.alexnet import AlexNet
    from alexnet_demo.network.summary import summarize

    # Shapes need no values: on the meta device even a wide network takes no memory.
    with torch.device("meta"):
        model = AlexNet(config.classes, config.in_channels, config.width, config.image_size)
    return summarize(model)
