"""From logits to probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from alexnet_demo.config import CLASSES
from alexnet_demo.ui.seen import Network, outputs

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.summary import Layer


def decision(layer: Layer, network: Network, picture: np.ndarray, key: str) -> None:
    """Each class's logit, what the exponential makes of it, and its probability."""
    logits = outputs(network, picture)["fc8"]
    heat = _temperature(network, key)
    powers = (logits / heat - (logits / heat).max()).exp()
    shares = (logits / heat).softmax(0)
    st.dataframe(
        [
            {"Class": name, "Logit z": z, "exp((z − max)/T)": power, "Probability": share}
            for name, z, power, share in zip(
                CLASSES, logits.tolist(), powers.tolist(), shares.tolist(), strict=True
            )
        ],
        column_config={
            "Logit z": st.column_config.NumberColumn(format="%.2f"),
            "exp((z − max)/T)": st.column_config.NumberColumn(format="%.4f"),
            "Probability": st.column_config.ProgressColumn(
                format="percent", min_value=0, max_value=1
            ),
        },
        hide_index=True,
    )
    st.caption(
        "Softmax: each logit is divided by the temperature T and put into the exponential; each "
        f"result divided by their sum, here {float(powers.sum()):.4f}, is a probability. A high "
        "temperature makes them alike, a low one lets the greatest take all. Which is greatest "
        "never changes."
    )


def _temperature(network: Network, key: str) -> float:
    """Let the reader choose one; at first the very one that Predict uses."""
    fitted = network.temperature
    first = round(fitted, 2)
    heat = st.slider(
        "Temperature",
        *(min(0.1, first), max(5.0, first), first, 0.01),
        key=f"temperature {key} {network.id}",
    )
    if fitted == 1:
        words = "It begins at 1, which changes nothing: none was fitted to this network."
    else:
        words = (
            f"It begins at {first:.2f}, which was fitted to this network's answers, so that a "
            "confidence of 90 % is right nine times in ten. Predict and Results use it."
        )
    st.caption(words)
    return fitted if heat == first else float(heat)
