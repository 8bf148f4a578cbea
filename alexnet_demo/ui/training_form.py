"""The form that starts a training, and what it will cost on this machine."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any

import streamlit as st

from alexnet_demo import jobs
from alexnet_demo.config import LIMITS, PRECISIONS, RECIPES, ConfigError, TrainConfig
from alexnet_demo.cost import Speed, estimate, fit
from alexnet_demo.ui.elsewhere import REFUSED
from alexnet_demo.ui.wording import duration, memory, plain

QUICK_SECONDS = 120
LONG_SECONDS = 600
RETRY_SECONDS = 30
# Text in st.session_state survives a page switch only under keys that are no widget's.
DRAFT = "training draft"
HELP = {
    "epochs": "How often the network sees every training image.",
    "batch_size": "Images per step. Larger batches use a GPU better and need more memory.",
    "lr": "How far each step goes. Too high and the loss explodes, too low and nothing moves.",
    "momentum": "How much of the last step's direction is kept. The article uses none.",
    "weight_decay": "Pulls weights towards zero at each step.",
    "seed": "The same seed gives the same initial weights and order of images.",
    "width": "Multiplies the channels of every layer. 1 is the article's network.",
    "train_samples": "A subset trains faster and learns less.",
    "test_samples": "Images used to test after each epoch.",
}


class Probes:
    """Measurements of this machine, one at a time, shared by all visitors."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "probe")
        self._found: dict[tuple[object, ...], Future[dict[str, Any]]] = {}
        self._lock = Lock()

    def ask(self, settings: TrainConfig) -> dict[str, Any] | None:
        """What `jobs.probe` found for such settings; None while it still measures.

        A failure is kept for `RETRY_SECONDS`, then tried again.
        """
        s = settings
        key = (s.device, s.precision, s.width, min(s.batch_size, 1024), s.momentum > 0)
        with self._lock:
            future = self._found.get(key)
            if future is None or _outdated(future):
                future = self._found[key] = self._pool.submit(_timed_probe, settings)
            while len(self._found) > 64:
                self._found.pop(next(iter(self._found)))
        return future.result() if future.done() else None

    def devices(self) -> dict[str, str]:
        """Devices found so far, id → name with memory."""
        with self._lock:
            done = [f.result() for f in self._found.values() if f.done()]
        return {
            device["id"]: f"{device['name']} ({memory(device['memory'])})"
            for found in done
            for device in found.get("devices", ())
        }


def _timed_probe(settings: TrainConfig) -> dict[str, Any]:
    return {**jobs.probe(settings), "at": time.monotonic()}


def _outdated(future: Future[dict[str, Any]]) -> bool:
    """Whether this is a failure of some time ago."""
    if not future.done():
        return False
    found = future.result()
    return "error" in found and time.monotonic() - found["at"] > RETRY_SECONDS


@st.cache_resource
def probes() -> Probes:
    return Probes()


def training_form() -> None:
    """Recipe, settings, cost and the Start button."""
    _begin_draft()
    st.segmented_control(
        "Recipe",
        list(RECIPES),
        format_func=lambda name: RECIPES[name].title,
        key="form recipe",
        required=True,
        on_change=_take_recipe,
    )
    st.caption(RECIPES[st.session_state["form recipe"]].summary)
    for column, name in zip(st.columns(3), ("epochs", "batch_size", "lr"), strict=True):
        _number(column, name)
    with st.expander("More settings"):
        _more_settings()
    st.session_state[DRAFT] = {
        name.removeprefix("form "): value
        for name, value in st.session_state.items()
        if isinstance(name, str) and name.startswith("form ")
    }
    try:
        settings = TrainConfig(**st.session_state[DRAFT])
    except ConfigError as error:
        st.error(str(error), icon=":material/error:")
        settings = None
    if st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        disabled=settings is None,
        key="start",
    ):
        _start(settings)
    if settings:
        pending = _pending(settings)
        st.fragment(_cost, run_every=1.0 if pending else None)(settings, pending)


def _begin_draft() -> None:
    """Put the draft's values into the widgets that this page has not shown yet."""
    recipe = st.query_params.get("recipe", "article")
    settings = TrainConfig.from_recipe(recipe if recipe in RECIPES else "article")
    draft = st.session_state.get(DRAFT, settings.to_json())
    for name, value in draft.items():
        st.session_state.setdefault(f"form {name}", value)


def _take_recipe() -> None:
    """Fill the form with the chosen recipe; device and seed stay as they are."""
    kept = ("device", "seed")
    _fill(TrainConfig.from_recipe(st.session_state["form recipe"]), kept)


def _fill(settings: TrainConfig, kept: tuple[str, ...] = ()) -> None:
    for name, value in settings.to_json().items():
        if name not in kept:
            st.session_state[f"form {name}"] = value


def _number(place: Any, name: str) -> None:
    """A number field. `TrainConfig` judges the value, so that its sentence can be shown."""
    limit = LIMITS[name]
    fraction = isinstance(getattr(TrainConfig(), name), float)
    step = {"lr": 0.01, "width": 0.125, "momentum": 0.1, "weight_decay": 0.0001}.get(name, 1)
    place.number_input(
        limit.label,
        key=f"form {name}",
        step=step,
        format="%g" if fraction else "%d",
        help=f"{HELP[name]} {limit.range}.",
    )


def _more_settings() -> None:
    names = ("momentum", "weight_decay", "seed", "width", "train_samples", "test_samples")
    for row in (names[:3], names[3:]):
        for column, name in zip(st.columns(3), row, strict=True):
            _number(column, name)
    left, right = st.columns(2)
    found = probes().devices()
    chosen = st.session_state["form device"]
    choices = list(dict.fromkeys(["auto", *found, chosen]))
    left.selectbox(
        "Device",
        choices,
        format_func=lambda name: (
            found.get(name, "Automatic: a GPU where there is one")
            if name != chosen or name == "auto" or name in found
            else name
        ),
        key="form device",
    )
    right.selectbox(
        "Precision",
        PRECISIONS,
        format_func=lambda name: "Automatic: the faster on this device" if name == "auto" else name,
        key="form precision",
        help="bf16 and fp16 are faster on hardware made for them, and slower elsewhere.",
    )


def _start(settings: TrainConfig | None) -> None:
    if settings is None:
        return
    outcome = jobs.start(settings)
    if outcome.done and outcome.run_id:
        st.query_params["run"] = outcome.run_id
        st.rerun()
    st.session_state[REFUSED] = outcome.message  # lest the page, run anew, forget it
    st.error(plain(outcome.message), icon=":material/error:")


# ----------------------------------------------------------------------------- the cost


def _quick(settings: TrainConfig) -> TrainConfig:
    return TrainConfig.from_recipe("quick", device=settings.device)


def _pending(settings: TrainConfig) -> bool:
    """Whether a measurement is still missing."""
    found = probes().ask(settings)
    if found is None:
        return True
    return _too_long(settings, found) and probes().ask(_quick(settings)) is None


def _too_long(settings: TrainConfig, found: dict[str, Any]) -> bool:
    if "speed" not in found:
        return False
    speed = Speed(**found["speed"])
    return speed.device == "cpu" and estimate(settings, speed).total_seconds > LONG_SECONDS


def _cost(settings: TrainConfig, was_pending: bool) -> None:
    """What the training will take, as soon as that is measured."""
    if was_pending and not _pending(settings):
        st.rerun()  # polling stops, and the form learns which devices there are
    found = probes().ask(settings)
    if found is None:
        st.caption(":material/timer: Measuring how fast this machine is…")
        return
    if "error" in found:
        st.warning(found["error"], icon=":material/warning:")
        return
    speed = Speed(**found["speed"])
    expected = estimate(settings, speed)
    st.markdown(
        f":material/timer: About **{duration(expected.seconds_per_epoch)}** an epoch, "
        f"**{duration(expected.total_seconds)}** in all, and {memory(expected.memory_bytes)} of "
        f"memory on {speed.device_name} in {speed.precision} "
        f"({expected.images_per_s:,.0f} images/s, just measured)."
    )
    if _too_long(settings, found):
        _offer_quick(_quick(settings), settings)


def _offer_quick(quick: TrainConfig, settings: TrainConfig) -> None:
    """On a CPU: a way to see results soon, sized by this machine's own speed."""
    found = probes().ask(quick)
    with st.container(border=True):
        st.markdown(
            "There is no GPU here, and a CPU needs long for the whole network. To see one learn "
            "soon, train a narrow AlexNet on part of the images."
        )
        if found is None:
            st.caption(":material/timer: Measuring how much fits into two minutes…")
        elif "speed" in found:
            speed = Speed(**found["speed"])
            fitted = fit(quick, speed, QUICK_SECONDS)
            took = duration(estimate(fitted, speed).total_seconds)
            st.button(
                f"Use the quick look: about {took}",
                icon=":material/bolt:",
                on_click=_fill,
                args=(fitted,),
                key="use quick",
            )
