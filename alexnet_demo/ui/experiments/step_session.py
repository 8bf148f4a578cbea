"""A visitor's network on the lesson *One step*, and the step that takes it further."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from alexnet_demo.common.errors import BusyError
from alexnet_demo.inference.batcher import BATCHER

if TYPE_CHECKING:  # all import torch
    from torch import Tensor

    from alexnet_demo.network.alexnet import AlexNet
    from alexnet_demo.network.one_step import Pass

IMAGES = 8
MAX_STEPS = 50
RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
HE, DEFAULT = "He initialization", "PyTorch's default"
RATE = "step rate"  # session state: one of `RATES`
_SESSION = "one step"  # session state: a `Session`


@dataclass
class Session:
    """A visitor's network before the step that is shown: 0.7 MB, and as much for its gradients.

    Attributes:
        losses: before the first step, and after each that was taken.
    """

    init: str
    model: AlexNet
    record: Pass
    losses: list[float]

    @property
    def can_go_on(self) -> bool:
        return len(self.losses) <= MAX_STEPS and math.isfinite(self.losses[-1])


@st.cache_resource(show_spinner="Loading PyTorch and the training images…", show_time=True)
def batch() -> tuple[np.ndarray, Tensor, Tensor]:
    """The first training images, uint8 (N, 28, 28), as network inputs, and their labels."""
    from alexnet_demo.data.splits import load_split
    from alexnet_demo.network.input import to_input

    split = load_split(train=True).head(IMAGES)
    images = split.images.clone()  # without the 60,000 others
    return images.numpy(), to_input(images), split.labels.clone()


def get_session(init: str) -> Session:
    """The session's network, a new one for another initialization."""
    session = st.session_state.get(_SESSION)
    if not isinstance(session, Session) or session.init != init:
        from alexnet_demo.network import one_step

        _, x, y = batch()

        def start() -> tuple[AlexNet, Pass]:
            model = one_step.initial_network(he=init == HE)
            return model, one_step.forward_backward(model, x, y)

        model, record = BATCHER.submit(start)
        session = st.session_state[_SESSION] = Session(init, model, record, [record.loss])
    return session


def take_step() -> bool:
    """Go on to the network after the step that is shown; False where that is not possible now."""
    from alexnet_demo.network import one_step

    session: Session | None = st.session_state.get(_SESSION)  # None right after a reset
    if session is None or not session.can_go_on:
        return False
    _, x, y = batch()
    lr = rate()  # here, since the batcher's thread knows no session

    def compute() -> tuple[AlexNet, Pass]:
        model = one_step.step(session.model, session.record.gradients, lr)
        return model, one_step.forward_backward(model, x, y)

    with suppress(BusyError):  # nothing has changed: the button can be pressed again
        session.model, session.record = BATCHER.submit(compute)
        session.losses.append(session.record.loss)
        return True
    return False


def rate() -> float:
    """The chosen learning rate."""
    chosen = st.session_state.get(RATE)
    return chosen if chosen in RATES else RATES[2]


def reset() -> None:
    """Begin again from the initial network."""
    st.session_state.pop(_SESSION, None)
