"""The phases of one step: each shows its records, see `network.one_step`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from alexnet_demo.common.text import percent
from alexnet_demo.images.encode import data_url
from alexnet_demo.inference.batcher import BATCHER
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.components.component import render, style
from alexnet_demo.ui.components.gallery import Tile, gallery
from alexnet_demo.ui.experiments.step_session import IMAGES, Session, batch, rate
from alexnet_demo.ui.widgets import query_params

if TYPE_CHECKING:  # both import torch
    from torch import Tensor

    from alexnet_demo.network import one_step
    from alexnet_demo.network.one_step import Pass

MAPS = 4  # of each convolution
NUDGE = 1e-3
_ROW = 480  # pixels: four tiles of a gallery
_IMAGE = "step image"  # session state: number of the selected image


def show_batch(record: Pass, phase: str) -> None:
    """The batch's images, where they matter; *Forward* shows maps of the selected one."""
    style(__file__)
    if phase not in ("Forward", "Loss"):
        return
    images, _, labels = batch()
    details = [""] * IMAGES
    if phase == "Loss":
        values = zip(record.probabilities.tolist(), record.losses.tolist(), strict=True)
        details = [f"−ln {p:.4g} = {loss:.4g}" for p, loss in values]
    tiles = [
        Tile(n, data_url(Image.fromarray(image), 28), f"Image {n}: {name}", name, details[n])
        for n, (image, name) in enumerate(
            zip(images, (CLASSES[label] for label in labels), strict=True)
        )
    ]

    def select(number: int) -> None:
        st.session_state[_IMAGE] = number

    clickable = phase == "Forward"
    selected = st.session_state.get(_IMAGE, 0) if clickable else None
    with st.container(width=_ROW):
        key = f"batch {phase}"
        gallery(tiles, key, clickable=clickable, selected=selected, on_click=select)


def _forward(session: Session) -> None:
    from alexnet_demo.network.activations import activations

    pixels = batch()[0][st.session_state.get(_IMAGE, 0)]
    outputs = BATCHER.submit(partial(activations, session.model, pixels))
    rows = [(r, _map_urls(outputs.get(f"relu{r.name[-1]}"))) for r in session.record.layers]
    st.html(render(__file__, layers=rows, percent=percent, number=_number))


def _map_urls(output: Tensor | None) -> list[str]:
    """The strongest channels of an output, or all units in a square; white is the maximum."""
    from alexnet_demo.network.activations import strongest

    if output is None:  # the logits
        return []
    if output.ndim == 1:
        side = math.isqrt(len(output))
        maps = output[: side * side].view(1, side, side)
    else:
        maps = output[strongest(output)[:MAPS]]
    levels = (255 * maps / maps.max().clamp(min=1e-12)).byte().numpy()
    return [data_url(Image.fromarray(level), max(level.shape)) for level in levels]


def _loss(session: Session) -> None:
    mean, n = session.record.loss, IMAGES
    total = float(session.record.losses.sum())
    st.markdown(f"Mean: {total:.5g} / {n} = **{mean:.5g}**. A guess would have ln 10 = 2.3026.")


def _backward(session: Session) -> None:
    norms = {layer.name: layer.gradient_norm for layer in reversed(session.record.layers)}
    logs = [math.log10(max(norm, 1e-12)) for norm in norms.values()]
    low, high = min(logs) - 0.5, max(logs)
    bars = [
        (name, norm, (log - low) / (high - low))
        for (name, norm), log in zip(norms.items(), logs, strict=True)
    ]
    st.html(render(__file__, bars=bars, number=_number))
    if norms["fc8"] and math.isfinite(ratio := norms["conv1"] / norms["fc8"]):
        st.markdown(f"The gradient of conv1 is {ratio:.3g} times as large as that of fc8.")


def _update(session: Session) -> float:
    from alexnet_demo.network import one_step

    layer = query_params.choice("Layer", [r.name for r in session.record.layers], "weight")
    _, x, y = batch()
    record, lr = session.record, rate()

    def compute() -> tuple[one_step.WeightUpdate, tuple[float, float], float]:
        updated = one_step.step(session.model, record.gradients, lr)
        update = one_step.steepest_weight(session.model, updated, record, layer)
        nudged = one_step.nudged_losses(session.model, x, y, layer, update.index, NUDGE)
        return update, nudged, one_step.mean_loss(updated, x, y)

    update, (smaller, larger), after = BATCHER.submit(compute)
    parts = "filter, input channel, row, column" if len(update.index) == 4 else "unit, input"
    place = ", ".join(f"{p} {n}" for p, n in zip(parts.split(", "), update.index, strict=True))
    st.markdown(f"The weight of {layer} at {place}:")
    st.html(render(__file__, update=update, lr=lr))
    st.markdown(
        f"Check without backpropagation: with this weight {NUDGE:g} smaller, the loss is "
        f"{smaller:.9g}; {NUDGE:g} larger, {larger:.9g}. The difference divided by {2 * NUDGE:g} "
        f"is **{(larger - smaller) / (2 * NUDGE):.3g}**; the gradient is {update.gradient:.3g}. "
        "Computed in float32, which has about seven digits."
    )
    return after


def _loss_after(session: Session) -> float:
    from alexnet_demo.network import one_step

    _, x, y = batch()
    record, lr = session.record, rate()
    after = BATCHER.submit(
        lambda: one_step.mean_loss(one_step.step(session.model, record.gradients, lr), x, y)
    )
    st.markdown(verdict(record.loss, after, record.predicted_change(lr), lr))
    return after


def verdict(before: float, after: float, predicted: float, lr: float) -> str:
    """What a step did to the loss, in words (Markdown).

    Args:
        predicted: the change to first order, at most 0.
    """
    if not math.isfinite(after):
        return (
            f"The loss is **no longer a number**: at a learning rate of {lr:g}, the step is so "
            "long that values overflow. Choose a smaller one."
        )
    change = f"{before:.5g} → {after:.5g}"
    if after > before:
        return (
            f"{change}: the loss **rises** by {after - before:.4g}, although the gradient predicts "
            f"a fall of {-predicted:.4g}. At a learning rate of {lr:g}, the step overshoots: it "
            "is too long."
        )
    if after == before:
        return f"{change}: the loss **stays the same**. The step is too short to change it."
    share = (before - after) / -predicted
    text = f"{change}: the loss **falls** by {before - after:.4g}. The gradient predicts a fall of "
    text += f"{-predicted:.4g}"
    if abs(share - 1) < 0.1:
        return f"{text}, which is nearly right: along so short a step, the gradient hardly changes."
    return f"{text}; along so long a step, the gradient itself changes."


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


PHASES: dict[str, Callable[[Session], float | None]] = {
    "Forward": _forward,
    "Loss": _loss,
    "Backward": _backward,
    "Update": _update,
    "Loss after": _loss_after,
}
"""Each shows a phase, and returns the loss after the step if it computes it."""
