"""The control that selects a model: included, uploaded, or from a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import streamlit as st

from alexnet_demo.common.errors import AccessError, CheckpointError
from alexnet_demo.common.text import percent
from alexnet_demo.jobs import actions
from alexnet_demo.runs.run import Run
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.models.model_loading import (
    CHOICE,
    add_upload,
    load_or_show_error,
    options,
    selected,
)
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.navigation import TRAIN

if TYPE_CHECKING:  # torch takes seconds to import: only once a model is to be loaded
    from alexnet_demo.inference.classifier import Classifier

T = TypeVar("T")
POLL_SECONDS = 3.0  # between looks for newer weights of a run in progress
NEAR_CHANCE = 0.3  # accuracy that calls for a warning; chance is 0.1
_WIDGET = "model picker"


def show_beside(choose: Callable[[], T], live: bool = False) -> tuple[Classifier, T] | None:
    """Show a page's own selector on the left and the model picker on the right.

    Args:
        choose: shows the selector and returns the choice; not called if there is no model.
        live: also offer the current weights of runs in progress.
    """
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        left = st.container(width="content")
        classifier = show(live)
    if classifier is None:
        return None
    with left:
        choice = choose()
    if _is_near_chance(classifier):
        st.warning(
            "This model performs barely above chance (10%). Choose another model, or train longer.",
            icon=":material/school:",
        )
    return classifier, choice


def show(live: bool = False) -> Classifier | None:
    """Show the picker and return the model, loaded; None after saying why there is none.

    Args:
        live: also offer the current weights of runs in progress.
    """
    available = {option.id: option for option in options(live)}
    if not available:
        _show_no_model()
        return None
    choice = selected(list(available.values()))
    st.session_state[_WIDGET] = choice.id
    with st.popover(f"Model: {plain(choice.label)}", icon=":material/network_node:"):
        st.selectbox(
            "Model",
            list(available),
            format_func=lambda i: available[i].label if i in available else i,
            key=_WIDGET,
            on_change=lambda: st.session_state.update({CHOICE: st.session_state[_WIDGET]}),
            help="best: the epoch with the highest validation accuracy (test accuracy for runs "
            "without validation images). last: the last checkpoint. "
            "current weights: those of a run in progress, refreshed automatically.",
        )
        details = st.empty()
        _upload_form()
    if choice.live_run:
        stamp = _request_weights(choice.live_run)
        st.fragment(_refresh, run_every=POLL_SECONDS)(choice.live_run, stamp)
        if not stamp:
            return None
    if classifier := load_or_show_error(choice):
        details.caption(
            _describe(classifier),
            help="Width scales the number of channels of every layer; 1 is the article's network. "
            "Validation accuracy is measured on training images held out to choose the best epoch "
            "by, test accuracy on the test set. No weight was trained on either.",
        )
    return classifier


def _request_weights(run: Run) -> int:
    """Ask for a run's current weights; return when they were last written, 0 if not yet."""
    available = actions.request_weights(run, role=access.role())
    return run.now.stat().st_mtime_ns if available else 0


def _refresh(run: Run, stamp: int) -> None:
    """Rerun the page once the trainer has written newer weights or ended."""
    latest = _request_weights(run)
    if not latest:
        st.info("Waiting for the run to write its current weights…", icon=":material/sync:")
    if latest != stamp or run.state != "running":
        st.rerun()


def _is_near_chance(classifier: Classifier) -> bool:
    # A training checkpoint has no accuracy of its own, only the best one of its run.
    info = classifier.info
    _, accuracy = _evaluated(info)
    accuracy = info.get("best_accuracy") if accuracy is None else accuracy
    if accuracy == -1 and info.get("epoch"):
        return False  # widened and not yet evaluated
    return isinstance(accuracy, (int, float)) and accuracy < NEAR_CHANCE


def _evaluated(info: Mapping[str, Any]) -> tuple[str, Any]:
    """The split that a weights file was evaluated on, and its accuracy there, which may be None."""
    if "validation_accuracy" in info:
        return "validation", info["validation_accuracy"]
    config = info.get("config")  # 0.5 wrote ``test_accuracy`` for both splits
    validated = isinstance(config, dict) and config.get("validation")
    return "validation" if validated else "test", info.get("test_accuracy")


def _describe(classifier: Classifier) -> str:
    """A model in a line, such as ``AlexNet, width 0.25 · epoch 4 · test accuracy 85.1%``."""
    width, info = classifier.model.width, classifier.info
    facts = ["The article's AlexNet" if width == 1 else f"AlexNet, width {width:g}"]
    epoch, step = info.get("epoch"), info.get("step")
    split, accuracy = _evaluated(info)
    if isinstance(epoch, int) and 0 <= epoch < 10**6:
        facts.append(f"epoch {epoch}")
    if isinstance(step, int) and 0 <= step < 10**9:
        facts.append(f"step {step:,}")
    if isinstance(accuracy, (int, float)) and 0 <= accuracy <= 1:
        facts.append(f"{split} accuracy {percent(accuracy)}")
    facts.append(f"runs in {classifier.backend.name}")
    return " · ".join(facts)


def _upload_form() -> None:
    """Take a weights file, or say why it cannot be used."""
    if not access.can_control():
        access.show_notice()
        return
    file = st.file_uploader(
        "Or upload a model",
        type=["safetensors"],
        help="A .safetensors file with the layers of this network. No other format is read.",
        key="weights file",
    )
    if file is None:
        return
    try:
        is_new = add_upload(Path(file.name).name, file.getvalue())
    except (AccessError, CheckpointError) as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if is_new:
        st.rerun()


def _show_no_model() -> None:
    """Offer to train a first model with one click, or to upload one."""
    if not access.can_control():
        st.info("There is no model on this server yet.", icon=":material/hourglass_empty:")
        access.show_notice()
        return
    with st.container(border=True):
        st.subheader("No model yet: train one now", anchor=False)
        st.write(
            "A quick run trains a narrow AlexNet within minutes, even without a GPU. Watch its "
            "curves, then come back here."
        )
        quick_run_button("primary")
        with st.popover("Upload a model", icon=":material/upload_file:"):
            _upload_form()


def quick_run_button(emphasis: Literal["primary", "secondary"]) -> None:
    """A button that starts the quick recipe and opens its curves; nothing for visitors."""
    if not access.can_control():
        return
    if st.button("Start a quick run", icon=":material/play_arrow:", type=emphasis):
        outcome = actions.start(TrainConfig.from_recipe("quick"), role=access.role())
        if outcome.done:
            st.switch_page(TRAIN)
        st.warning(plain(outcome.message), icon=":material/error:")
