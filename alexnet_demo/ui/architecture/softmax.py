"""From logits to probabilities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from alexnet_demo.common.text import percent
from alexnet_demo.figures.theme import CLASS_COLORS
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.architecture.activations import Network, outputs
from alexnet_demo.ui.components.component import style

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.network.summary import Layer


def decision(layer: Layer, network: Network, picture: np.ndarray, key: str) -> None:
    """Each class's logit, what the exponential makes of it, and its probability."""
    logits = outputs(network, picture)["fc8"]
    heat = _temperature(network, key)
    powers = (logits / heat - (logits / heat).max()).exp()
    shares = (logits / heat).softmax(0)
    style(__file__)
    st.html(_table(zip(CLASSES, logits.tolist(), powers.tolist(), shares.tolist(), strict=True)))
    st.caption(
        "Softmax: each logit is divided by the temperature T and put into the exponential; each "
        f"result divided by their sum, here {float(powers.sum()):.4f}, is a probability. A high "
        "temperature makes them alike, a low one lets the greatest take all. Which is greatest "
        "never changes."
    )


def _table(rows: Iterable[tuple[str, float, float, float]]) -> str:
    """A row for each class: its name, logit, exponential and probability."""
    heads = ("Class", "Logit z", "exp((z\u00a0−\u00a0max)/T)", "Probability")
    head = "".join(f'<th scope="col">{words}</th>' for words in heads) + '<td class="share"></td>'
    body = "".join(
        f'<tr><th scope="row">{name}</th><td>{z:.2f}</td><td>{power:.4f}</td>'
        f'<td>{percent(share)}</td><td class="share"><div class="track"><div class="bar" '
        f'style="width:{100 * share:.2f}%;background:{CLASS_COLORS[name]}"></div></div></td></tr>'
        for name, z, power, share in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="decision">{table}</div>'


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
