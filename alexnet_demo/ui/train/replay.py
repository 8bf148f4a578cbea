"""A run's snapshots under a slider, during training or afterwards, with its pinned images."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from alexnet_demo.figures import theme, training
from alexnet_demo.runs import pins, snapshots
from alexnet_demo.runs.pins import Pin
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.snapshots import Snapshot
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.components.component import component_state, register

POLL_SECONDS = 2.0
SNAPSHOT = "moment"  # query parameter: the step of the snapshot that is shown
_OWNER = "replay of"  # session state: the run that the snapshot in the address belongs to
_HELP = (
    "The heat map is Grad-CAM for the class with the highest probability. In the table, *Dead* is "
    "the share of channels or units that output 0 for every image. The last three columns are the "
    "norm of a layer's weights, the norm of its gradient, and the size of the last update "
    "relative to the weights. About 0.1% is typical; much more makes training unstable. The "
    "update shrinks with the learning rate, to almost nothing at the end of a decaying schedule."
)
_mount = register("replay", __file__)


def replay(run: Run, *, linked: bool = False) -> None:
    """Show the network at every recorded snapshot; new ones appear as the run trains.

    Args:
        linked: whether the address, with the snapshot in it, was made for this run.
    """
    if linked:
        st.session_state[_OWNER] = run.id
    st.subheader("Training replay", anchor=False)
    st.fragment(_view, run_every=POLL_SECONDS if run.active else None)(run)


def _view(run: Run) -> None:
    records = snapshots.follow(run.snapshots)
    if not records:
        st.caption(
            "The first snapshot is recorded when training starts."
            if run.active
            else "No snapshots were recorded for this run."
        )
        return
    key = f"replay {run.id}"
    version = (len(records), records[-1].step, len(run.history.epochs))
    _mount(
        data={
            "key": run.id,
            "step": _requested_step(run),
            "epochs": run.config.epochs,
            "tested_on": run.config.eval_split,
            "classes": list(CLASSES),
            "colors": list(theme.CLASS_COLORS.values()),
            "pins": [_pin(pin) for pin in pins.read(run.pins)],
            **_snapshot_data(str(run.directory), version, run, records),
        },
        default={"step": None},
        key=key,
        on_step_change=partial(_store_step, key),
    )
    st.caption(
        "Drag the slider or press Play. Every image, map, and number was recorded at that step. "
        "Orange frame: misclassified.",
        help=_HELP,
    )


def _store_step(key: str) -> None:
    """Put the selected step into the address, so that a link opens it."""
    step = component_state(key, "step")
    if isinstance(step, int):
        st.query_params[SNAPSHOT] = str(step)


def _requested_step(run: Run) -> int | None:
    """The step that the address names for this run; None for the newest."""
    if st.session_state.setdefault(_OWNER, run.id) != run.id:  # belongs to the run shown before
        st.session_state[_OWNER] = run.id
        st.query_params.pop(SNAPSHOT, None)
    text = st.query_params.get(SNAPSHOT, "")
    return int(text) if text.isdecimal() and len(text) < 12 else None


def _pin(pin: Pin) -> dict[str, str]:
    label = "" if pin.label is None else CLASSES[pin.label]
    src = f"data:image/png;base64,{pin.png}"
    return {"id": pin.id, "name": pin.name, "label": label, "src": src}


@st.cache_resource(max_entries=16, show_spinner=False)
def _snapshot_data(
    directory: str, version: tuple[int, ...], _run: Run, _snapshots: list[Snapshot]
) -> dict[str, Any]:
    """Snapshots and accuracy curves for the browser, cached until new records arrive."""
    epochs = _run.history.epochs
    batches = training.downsample(_run.history.batches)
    train = [(batch["epoch"], batch["accuracy"]) for batch in batches]
    if not train:  # a recorded run has no batch records
        train = [(epoch["epoch"], epoch["train_accuracy"]) for epoch in epochs]
    return {
        "snapshots": [
            {
                **snapshot.to_json(),
                "warnings": snapshots.diagnose(snapshot),
                "size": theme.width_name(snapshot.width),
            }
            for snapshot in _snapshots
        ],
        "curves": {
            "train": train,
            "test": [(epoch["epoch"], epoch["test_accuracy"]) for epoch in epochs],
        },
    }
