"""Which network answers: the shipped one, one of a run's, or an uploaded file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.jobs import actions
from alexnet_demo.runs.run import Run
from alexnet_demo.ui.models.model_loading import (
    _UPLOAD,
    CHOICE,
    UPLOADED,
    _uploaded,
    load,
    options,
    wanted,
)
from alexnet_demo.ui.models.quick_run import quick_training
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

if TYPE_CHECKING:  # torch takes seconds to import: only once a network is to be loaded
    from alexnet_demo.inference.classifier import Classifier

T = TypeVar("T")
MAX_UPLOAD_BYTES = 200_000_000
WATCH_SECONDS = 3.0
"""How often newer weights of a run that trains are looked for."""
HARDLY_LEARNED = 0.3
"""Test accuracy below which a network says little; ten classes guessed at give 0.1."""
_WIDGET = "model picker"


def picker(now: bool = False) -> Classifier | None:
    """Show the choice and return the network, loaded; None after saying why there is none.

    Args:
        now: as for `options`.
    """
    found = options(now)
    if not found:
        invite()
        return None
    st.session_state[_WIDGET] = wanted(found)
    labels = {option.id: option.label for option in found}
    choice = next(option for option in found if option.id == st.session_state[_WIDGET])
    with st.popover(f"Model: {plain(choice.label)}", icon=":material/network_node:"):
        st.selectbox(
            "Model",
            list(labels),
            format_func=lambda i: labels.get(i, i),
            key=_WIDGET,
            on_change=_remember,
            help="best: the weights of the epoch with the highest test accuracy. last: where the "
            "training stood when it last saved. As it is now: what a training has come to, "
            "brought up to date while you look.",
        )
        about = st.empty()
        _upload_form()
    if choice.training and not _on_its_way(choice.training):
        return None
    try:
        classifier = load(choice)
    except CheckpointError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    about.caption(
        describe(classifier),
        help="The width multiplies the channels of every layer: 1 is the article's network. Test "
        "accuracy is the share of right answers on pictures that no training has seen.",
    )
    return classifier


def _on_its_way(run: Run) -> bool:
    """Whether weights of a run that trains are there; they are kept up to date meanwhile."""
    there = actions.request_weights(run, role=access.role())
    stamp = run.now.stat().st_mtime_ns if there else 0
    st.fragment(_keep_fresh, run_every=WATCH_SECONDS)(run, stamp)
    return there


def _keep_fresh(run: Run, stamp: int) -> None:
    """Run the page anew with newer weights as soon as the trainer has written them."""
    there = actions.request_weights(run, role=access.role())
    if not there:
        st.info("The trainer writes its weights at the end of its step…", icon=":material/sync:")
    if (run.now.stat().st_mtime_ns if there else 0) != stamp or run.state != "running":
        st.rerun()


def beside(choose: Callable[[], T], now: bool = False) -> tuple[Classifier, T] | None:
    """A choice on the left, the model on the right, and a caution about it where one is due.

    Args:
        choose: shows the choice and returns what was chosen; not asked where there is no network.
        now: as for `options`.
    """
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        left = st.container(width="content")
        classifier = picker(now)
    if classifier is None:
        return None
    with left:
        choice = choose()
    caution(classifier)
    return classifier, choice


def caution(classifier: Classifier) -> None:
    """Say so where a network is little better than chance."""
    # A training state has no test of its own, but tells how far its run had come.
    info = classifier.info
    accuracy = info.get("test_accuracy", info.get("best_accuracy"))
    if accuracy == -1 and info.get("epoch"):
        return  # widened, and not tested since
    if isinstance(accuracy, (int, float)) and accuracy < HARDLY_LEARNED:
        st.warning(
            "This model has hardly learned anything yet: its answers are little better than "
            "guesses. Choose another under Model, or train one for longer.",
            icon=":material/school:",
        )


def _remember() -> None:
    st.session_state[CHOICE] = st.session_state[_WIDGET]


def describe(classifier: Classifier) -> str:
    """What is known of a network, such as ``Width 0.25 · epoch 4 · test accuracy 85.1 %``."""
    width = classifier.model.width
    facts = ["The article's AlexNet" if width == 1 else f"AlexNet at {width:g} of its width"]
    info = classifier.info
    epoch, accuracy, step = (info.get(name) for name in ("epoch", "test_accuracy", "step"))
    if isinstance(epoch, int) and 0 <= epoch < 10**6:
        facts.append(f"epoch {epoch}")
    if isinstance(step, int) and 0 <= step < 10**9:
        facts.append(f"step {step:,}")
    if isinstance(accuracy, (int, float)) and 0 <= accuracy <= 1:
        facts.append(f"test accuracy {accuracy * 100:.1f} %")
    return " · ".join(facts)


def use(run: Run) -> None:
    """Go to Predict with a run's best weights."""
    st.session_state[CHOICE] = f"{run.id}/best"
    st.switch_page("pages/3_Predict.py")


# ------------------------------------------------------------------ loading


def _upload_form() -> None:
    """Take a weights file; what does not fit is refused with one sentence."""
    if not access.controls():
        access.explain()
        return
    file = st.file_uploader(
        "Or a file of your own",
        type=["safetensors"],
        help="A .safetensors file with this network's layers. Other kinds are never opened.",
        key="weights file",
    )
    if file is None:
        return
    data = file.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    if (st.session_state.get(_UPLOAD) or {}).get("digest") == digest:
        return
    try:
        _check_and_keep(Path(file.name).name, data, digest)
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.rerun()


def _check_and_keep(name: str, data: bytes, digest: str) -> None:
    if len(data) > MAX_UPLOAD_BYTES:
        raise ValueError(f"{name} is too large: at most {MAX_UPLOAD_BYTES // 10**6} MB.")
    _uploaded(digest, (name, data, access.role()))
    record: dict[str, Any] = {"name": name, "digest": digest}
    st.session_state[_UPLOAD] = record
    st.session_state[CHOICE] = UPLOADED


# ------------------------------------------------------------------ no model yet


def invite() -> None:
    """Where there is no network yet: one click to train one."""
    if not access.controls():
        st.info("There is no model here yet.", icon=":material/hourglass_empty:")
        access.explain()
        return
    with st.container(border=True):
        st.subheader("No model yet: train one now", anchor=False)
        st.write(
            "A quick training of a narrow AlexNet gives a first model within minutes, without a "
            "graphics card. You can watch it learn, then come back here."
        )
        quick_training("primary")
        with st.popover("I have a weights file", icon=":material/upload_file:"):
            _upload_form()
