"""Estimated time, memory, and disk space of a run here, and shorter runs where it takes long."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.common.text import duration, memory, percent, precision_name
from alexnet_demo.figures.theme import width_name
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.cost import BUSY, Estimate, estimate, fit
from alexnet_demo.settings.recipes import RECIPES
from alexnet_demo.ui.train import form_state, measurement
from alexnet_demo.ui.train.measurement import Measurement
from alexnet_demo.ui.widgets import run_link

QUICK_SECONDS = 60  # duration that fewer images are fitted to
LONG_SECONDS = 600  # duration from which shorter runs are suggested on a CPU
AGE_SECONDS = 15.0  # how often the age of a measurement is refreshed


def estimated(settings: TrainConfig) -> Estimate | None:
    """The estimate from the newest measurement; None until there is one."""
    measured, _ = measurement.measure(settings)
    return estimate(settings, measured.speeds) if measured and measured.speeds else None


def seconds(settings: TrainConfig) -> float | None:
    """Estimated duration of a run; None until it is measured."""
    expected = estimated(settings)
    return expected.total_seconds if expected else None


def cost_line(settings: TrainConfig) -> None:
    """Show the estimate as soon as it is measured, with its age."""
    pending, long = _pending(settings), _long_on_cpu(settings)
    st.fragment(_cost, run_every=1.0 if pending else AGE_SECONDS)(settings, pending, long)


def _pending(settings: TrainConfig) -> bool:
    """Whether a measurement is under way; requests all of them, so that they follow each other."""
    shorter = [run for _, run in _alternatives(settings)] if _long_on_cpu(settings) else []
    under_way = [pending for _, pending in map(measurement.measure, (settings, *shorter))]
    return any(under_way)


def _cost(settings: TrainConfig, was_pending: bool, was_long: bool) -> None:
    if (_pending(settings), _long_on_cpu(settings)) != (was_pending, was_long):
        st.rerun()  # polling changes, the form lists the devices, or shorter runs are suggested
    measured, _ = measurement.measure(settings)
    expected = estimated(settings)
    if measured is None:
        st.caption(":material/timer: Measuring the speed of this machine…")
    elif expected is None:
        other = "" if settings.device == "cpu" else " The CPU can be chosen as the device."
        st.warning(measured.error + other, icon=":material/warning:")
    else:
        with st.container(gap="xsmall"):
            _estimate(settings, measured, expected, was_pending)


def _estimate(
    settings: TrainConfig, measured: Measurement, expected: Estimate, pending: bool
) -> None:
    speed = measured.speeds[-1]
    st.markdown(
        f":material/timer: About **{duration(expected.total_seconds)}** in total, "
        f"**{duration(expected.seconds_per_epoch)}** per epoch; "
        f"{memory(expected.memory_bytes)} of memory and {memory(expected.disk_bytes)} on disk."
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"{speed.device_name} in {precision_name(speed.precision, speed.tf32)}: "
            f"{expected.images_per_s:,.0f} images/s, "
            f"measured {_ago(measured.age)}. {width_name(settings.width).capitalize()}, "
            f"{speed.parameters:,} parameters.",
            width="content",
        )
        if pending:
            st.caption(":material/timer: Measuring again…", width="content")
        elif st.button(
            "Measure again",
            icon=":material/refresh:",
            key="measure again",
            type="tertiary",
            on_click=measurement.measure_again,
        ):
            st.rerun()  # polling starts outside this fragment
    if measured.during_run:
        st.caption(
            ":material/speed: Measured while another run was active; it will be faster alone."
        )
    elif measured.other_load >= BUSY and speed.device == "cpu":
        st.warning(
            f"This machine is busy: other programs used {percent(measured.other_load, 0)} of its "
            "processors during the measurement. Without them, the run will be faster.",
            icon=":material/speed:",
        )


def _ago(age: float) -> str:
    if age < 60:
        return "just now"
    return f"{age / 60:.0f} min ago" if age < 3600 else f"{duration(age)} ago"


# ------------------------------------------------------------------ shorter runs


def shorter_runs(settings: TrainConfig) -> None:
    """Suggest shorter runs where one takes long on a CPU."""
    if not _long_on_cpu(settings):
        return
    with st.container(border=True, key="shorter-runs", gap="small"):
        text = "For a result within minutes, train on fewer images."
        if settings.width == 1:
            text = (
                "The full network trains slowly on a CPU: a narrower one on fewer images gives a "
                "result within minutes."
            )
        if list(measurement.DEVICES) == ["cpu"]:
            text = f"No GPU was found. {text}"
        st.markdown(text)
        if _pending(settings):
            st.caption(":material/timer: Measuring shorter runs…")
        with st.container(horizontal=True):
            offers(settings, "")


def offers(settings: TrainConfig, place: str) -> None:
    """Buttons that fill the form with shorter runs, with keys that are unique by ``place``."""
    current = seconds(settings) or 0.0
    for label, other in _alternatives(settings):
        expected = seconds(other)
        if expected is None or expected >= current:
            continue
        st.button(
            f"{label}: about {duration(expected)}",
            icon=":material/bolt:",
            on_click=form_state.fill,
            args=(other,),
            key=f"use {other.recipe} {place}".strip(),
        )


def _long_on_cpu(settings: TrainConfig) -> bool:
    measured, _ = measurement.measure(settings)
    if measured is None or not measured.speeds or measured.speeds[-1].device != "cpu":
        return False
    return (seconds(settings) or 0) > LONG_SECONDS


def _alternatives(settings: TrainConfig) -> list[tuple[str, TrainConfig]]:
    """What else to train on the same device, each with what a button calls it."""
    same = {name: getattr(settings, name) for name in (*run_link.MACHINE, "seed")}
    recipes = [
        (f"Use {RECIPES[name].title}", TrainConfig.from_recipe(name, **same))
        for name in ("quick", "fast")
        if name != settings.recipe
    ]
    if settings.recipe != "quick":
        return recipes
    measured, _ = measurement.measure(settings)
    if not measured or not measured.speeds:
        return []
    fewer = fit(settings, measured.speeds, QUICK_SECONDS)
    return [(f"Train on {fewer.train_samples:,} images", fewer)]
