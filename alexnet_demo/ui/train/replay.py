"""Snapshots of a run under a slider, replays of the recorded runs, and the pinned images."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from alexnet_demo.common.text import duration, percent
from alexnet_demo.figures import theme, training
from alexnet_demo.jobs import actions
from alexnet_demo.runs import pins, snapshots
from alexnet_demo.runs.history import History
from alexnet_demo.runs.pins import Pin
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.snapshots import Snapshot
from alexnet_demo.settings.article import CLASSES, TEST_SAMPLES
from alexnet_demo.ui.components.auto_refresh import auto_refresh
from alexnet_demo.ui.components.component import component_state, register
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.models import datasets
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.navigation import REPLAY_ICON, WATCH, replayable_runs

POLL_SECONDS = 2.0
SNAPSHOT = "moment"  # query parameter: the step of the snapshot that is shown
_OWNER = "replay of"  # session state: the run that the snapshot in the address belongs to
_PINNED = "pins chosen"  # session state: ids in the multiselect of pins
_HELP = (
    "The heat map is Grad-CAM for the class with the highest probability. In the table, *Dead* is "
    "the share of channels or units that output 0 for every image. The last three columns are the "
    "norm of a layer's weights, the norm of its gradient, and the size of the last update "
    "relative to the weights. About 0.1% is typical; much more makes training unstable. The "
    "update shrinks with the learning rate, to almost nothing at the end of a decaying schedule."
)
_mount = register("replay", __file__)


def replay(run: Run, *, linked: bool = False) -> None:
    """Show the network at every snapshot; ``linked`` if the address names the run and a step."""
    if linked:
        st.session_state[_OWNER] = run.id
    st.subheader("Training replay", anchor=False)
    seconds = POLL_SECONDS if run.active else None
    auto_refresh(f"replay {run.id}", lambda: _view(run), lambda: _version(run), seconds)


def _version(run: Run) -> tuple[int, ...]:
    """Changes with every new snapshot, or accuracy on the test set."""
    records = snapshots.follow(run.snapshots)
    return len(records), records[-1].step if records else 0, len(run.history.epochs)


def _view(run: Run) -> None:
    records = snapshots.follow(run.snapshots)
    if not records:
        later = "The first snapshot is recorded when training starts."
        st.caption(later if run.active else "No snapshots were recorded for this run.")
        return
    key = f"replay {run.id}"
    _mount(
        data={
            "key": run.id,
            "step": _requested_step(run),
            "epochs": run.config.epochs,
            "tested_on": run.config.eval_split,
            "classes": list(CLASSES),
            "colors": list(theme.CLASS_COLORS.values()),
            "pins": [
                {
                    "id": pin.id,
                    "name": pin.name,
                    "label": "" if pin.label is None else CLASSES[pin.label],
                    "src": f"data:image/png;base64,{pin.png}",
                }
                for pin in pins.read(run.pins)
            ],
            **_snapshot_data(str(run.directory), _version(run), run, records),
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


def requested() -> Run | None:
    """The recorded run that the address names as ``?watch=`` and its folder."""
    run_id = st.query_params.get(WATCH, "")
    return next((run for run in replayable_runs() if run.id == run_id), None)


def replay_buttons() -> None:
    """A button for each recorded run that has a replay."""
    for run in replayable_runs():
        st.button(
            f"Watch a training replay: {plain(run.name)}",
            icon=REPLAY_ICON,
            key=f"watch {run.id}",
            on_click=_open,
            args=(run.id,),
        )


def recorded_replay(run: Run) -> None:
    """The replay of a recorded run, in place of the rest of the page."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(run.name)}**: {result(run.history)}.", width="content")
        st.button("Back to Train", icon=":material/arrow_back:", key="leave watch", on_click=_close)
    replay(run, linked=True)


def _open(run_id: str) -> None:
    st.query_params.pop(SNAPSHOT, None)  # belongs to the run shown before
    st.query_params[WATCH] = run_id


def _close() -> None:
    for name in (WATCH, SNAPSHOT):
        st.query_params.pop(name, None)


def result(history: History) -> str:
    """Best accuracy of a recorded run, with time, device, and precision."""
    best, start = history.best or {}, history.start or {}
    return (
        f"{percent(best['test_accuracy'])} of {history.eval_set} after {duration(best['elapsed'])} "
        f"on {start.get('device_name', 'an unknown device')} "
        f"in {start.get('precision', 'unknown precision')}"
    )


def pinboard() -> None:
    """Add and remove pins of the next run and of active ones; hidden from visitors."""
    if not access.can_control():
        return
    pinned = {
        pin.id: pin.name if pin.label is None else f"{pin.name} ({CLASSES[pin.label]})"
        for pin in pins.for_next_run()
    }
    with st.expander("Pinned images", icon=":material/push_pin:"):
        st.caption(
            f"Each run records its predictions for these {len(pinned)} images. A run in training "
            "picks up changes at its next snapshot. Pin drawings, photos, and misclassified test "
            "images on Predict and Results."
        )
        st.session_state[_PINNED] = list(pinned)
        st.multiselect(
            "Pinned",
            list(pinned),
            format_func=pinned.__getitem__,
            key=_PINNED,
            placeholder="No pinned images",
            label_visibility="collapsed",
            on_change=_unpin,
            args=(frozenset(pinned),),
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            index = int(st.number_input("Test image", 0, TEST_SAMPLES - 1, key="pin number"))
            if st.button("Pin", icon=":material/push_pin:", key="pin test picture"):
                test = datasets.test_set()
                pixels, label = test.images[index].numpy(), int(test.labels[index])
                pin = Pin(f"Test image {index}", pixels, label)
                page.show_outcome(actions.pin(pin, role=access.role()))


def _unpin(before: frozenset[str]) -> None:
    for pin_id in before - set(st.session_state[_PINNED]):
        outcome = actions.unpin(pin_id, role=access.role())
        if not outcome.done:
            st.toast(plain(outcome.message), icon=":material/error:")
