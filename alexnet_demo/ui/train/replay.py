"""A training to go through by a slider, live, finished or recorded; and the pins it watches."""

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
MOMENT = "moment"  # query parameter: the step of the moment that is shown
_OF = "replay of"  # session state: the run that the moment in the address belongs to

_mount = register("replay", __file__)


def replay(run: Run, *, linked: bool = False) -> None:
    """What a run's network was like at every moment on record, brought up to date as it trains.

    Args:
        linked: the address was made for this run, and the moment in it, too.
    """
    if linked:
        st.session_state[_OF] = run.id
    st.subheader("Watch it learn", anchor=False)
    st.fragment(_view, run_every=POLL_SECONDS if run.active else None)(run)


def _view(run: Run) -> None:
    found = snapshots.follow(run.snapshots)
    if not found:
        waits = "Its first moment is recorded as soon as the network is there."
        st.caption(waits if run.active else "This run was made without recording its moments.")
        return
    key = f"replay {run.id}"
    _mount(
        data={
            "key": run.id,
            "step": _asked_for(run),
            "epochs": run.config.epochs,
            "classes": list(CLASSES),
            "colors": list(theme.CLASS_COLORS.values()),
            "pins": [_pin(pin) for pin in pins.read(run.pins)],
            **_records(str(run.directory), _recorded(run, found), run, found),
        },
        default={"step": None},
        key=key,
        on_step_change=partial(_remember, key),
    )
    st.caption(
        "Drag the slider, or play: every picture, map and number is what the trainer recorded at "
        "that moment. An orange frame: taken for something else than it is.",
        help="Where it looks is Grad-CAM for the likeliest class. The table's last three columns "
        "are the length of a layer's weights, of their gradient, and how much the last step "
        "changed them, as a share: about 0.1 % is usual, far more shakes a network up. Where the "
        "learning rate falls, so does the change, to nearly nothing at the end. Always 0 are "
        "channels and units that no picture stirs any more.",
    )


def _remember(key: str) -> None:
    """Keep the moment in the address, so that a link shows it."""
    step = component_state(key, "step")
    if isinstance(step, int):
        st.query_params[MOMENT] = str(step)


def _asked_for(run: Run) -> int | None:
    """The step that the address names for this run; None for the newest."""
    if st.session_state.setdefault(_OF, run.id) != run.id:  # it was of the run shown before
        st.session_state[_OF] = run.id
        st.query_params.pop(MOMENT, None)
    text = st.query_params.get(MOMENT, "")
    return int(text) if text.isdecimal() and len(text) < 12 else None


def _pin(pin: Pin) -> dict[str, str]:
    label = "" if pin.label is None else CLASSES[pin.label]
    src = f"data:image/png;base64,{pin.png}"
    return {"id": pin.id, "name": pin.name, "label": label, "src": src}


def _recorded(run: Run, found: list[Snapshot]) -> tuple[int, ...]:
    """Changes whenever a moment or an epoch was recorded."""
    return len(found), found[-1].step, len(run.history.epochs)


@st.cache_resource(max_entries=16, show_spinner=False)
def _records(
    directory: str, recorded: tuple[int, ...], _run: Run, _found: list[Snapshot]
) -> dict[str, Any]:
    """Moments and curves as the browser takes them, made anew only where records came in."""
    records = [
        {
            **moment.to_json(),
            "worries": snapshots.diagnose(moment),
            "size": theme.width_name(moment.width),
        }
        for moment in _found
    ]
    return {"moments": records, "curves": _curves(_run)}


def _curves(run: Run) -> dict[str, list[tuple[float, float]]]:
    """Accuracy by epoch: on the pictures trained on, and on those tested on."""
    history = run.history
    trained = [
        (event["epoch"], event["accuracy"]) for event in training.downsample(history.batches)
    ]
    if not trained:  # a recorded run keeps no batches
        trained = [(event["epoch"], event["train_accuracy"]) for event in history.epochs]
    return {"train": trained, "test": [(e["epoch"], e["test_accuracy"]) for e in history.epochs]}
