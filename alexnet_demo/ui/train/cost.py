"""Estimated time and memory of a run on this machine, and shorter runs where that is long.

The machine is measured in the background, once for all sessions.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import streamlit as st

from alexnet_demo.common.access import Role
from alexnet_demo.common.text import duration, memory
from alexnet_demo.jobs import processes
from alexnet_demo.runs.store import active_runs
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.cost import Speed, estimate, fit
from alexnet_demo.settings.recipes import RECIPES
from alexnet_demo.settings.schedule import stages
from alexnet_demo.ui.train import form_state
from alexnet_demo.ui.widgets import access

QUICK_SECONDS = 60  # duration that the quick look is fitted to
LONG_SECONDS = 600  # duration from which shorter runs are suggested on a CPU
RETRY_SECONDS = 30
_pool = ThreadPoolExecutor(1, "probe")  # one measurement at a time
DEVICES: dict[str, str] = {}  # id → name and memory, as the measurements so far listed them


def probe(settings: TrainConfig) -> dict[str, Any] | None:
    """Result of `processes.probe` for these settings; None until it is measured.

    A failure is cached for `RETRY_SECONDS`.
    """
    s, role = settings, access.role()
    widths = tuple(dict.fromkeys(stage.width for stage in stages(s)))
    batch_size = min(s.batch_size, 1024)
    key = (role, s.device, s.precision, widths, batch_size, s.momentum > 0)
    future = _measurement(key, settings, role)
    if future.done() and _outdated(future.result()):
        _measurement.clear(key, settings, role)
        future = _measurement(key, settings, role)
    return future.result() if future.done() else None


@st.cache_resource(max_entries=64, show_spinner=False)
def _measurement(key: object, _settings: TrainConfig, _role: Role) -> Future[dict[str, Any]]:
    return _pool.submit(_measure, _settings, _role)


def _measure(settings: TrainConfig, role: Role) -> dict[str, Any]:
    """A measurement with its time, and whether a run was active meanwhile."""
    busy = bool(active_runs())
    result = processes.probe(settings, role=role)
    for device in result.get("devices", ()):
        DEVICES[device["id"]] = f"{device['name']} ({memory(device['memory'])})"
    return {**result, "at": time.monotonic(), "busy": busy or bool(active_runs())}


def _outdated(result: dict[str, Any]) -> bool:
    """Whether it failed some time ago, or was slowed by a run that has ended since."""
    if "error" in result:
        return time.monotonic() - result["at"] > RETRY_SECONDS
    return result["busy"] and not active_runs()


def seconds(settings: TrainConfig) -> float | None:
    """Estimated duration of a run; None until it is measured."""
    speeds = _speeds(settings)
    return estimate(settings, speeds).total_seconds if speeds else None


def _speeds(settings: TrainConfig) -> list[Speed]:
    return [Speed(**speed) for speed in (probe(settings) or {}).get("speeds", ())]


def _long_on_cpu(settings: TrainConfig) -> bool:
    speeds = _speeds(settings)
    long = (seconds(settings) or 0) > LONG_SECONDS
    return long and speeds[-1].device == "cpu"


def _alternatives(settings: TrainConfig) -> list[TrainConfig]:
    """Shorter runs on the same device; the quick look has as many images as its time allows."""
    quick, fast = (TrainConfig.from_recipe(r, device=settings.device) for r in ("quick", "fast"))
    if speeds := _speeds(quick):
        quick = fit(quick, speeds, QUICK_SECONDS)
    return [quick] if settings.recipe == "fast" else [quick, fast]


def _pending(settings: TrainConfig) -> bool:
    """Whether a measurement is missing; requests all of them, so that they follow each other."""
    alternatives = _alternatives(settings) if _long_on_cpu(settings) else []
    return None in [probe(each) for each in (settings, *alternatives)]


def cost_line(settings: TrainConfig) -> None:
    """Show the estimate as soon as it is measured, and shorter runs where it is long."""
    pending = _pending(settings)
    st.fragment(_cost, run_every=1.0 if pending else None)(settings, pending)


def _cost(settings: TrainConfig, was_pending: bool) -> None:
    if was_pending and not _pending(settings):
        st.rerun()  # polling stops, and the form lists the devices
    result = probe(settings)
    if result is None:
        st.caption(":material/timer: Measuring the speed of this machine…")
        return
    if "error" in result:
        st.warning(result["error"], icon=":material/warning:")
        return
    speeds = _speeds(settings)
    speed, expected = speeds[-1], estimate(settings, speeds)
    st.markdown(
        f":material/timer: About **{duration(expected.seconds_per_epoch)}** per epoch, "
        f"**{duration(expected.total_seconds)}** in total, and {memory(expected.memory_bytes)} of "
        f"memory on {speed.device_name} in {speed.precision} "
        f"({expected.images_per_s:,.0f} images/s, just measured)."
    )
    if result.get("busy"):
        st.caption("Measured while another run was active; it will be faster alone.")
    if not _long_on_cpu(settings):
        return
    with st.container(border=True):
        st.markdown(
            "No GPU was found, and the full network trains slowly on a CPU. For a result within "
            "minutes, train a narrower AlexNet on fewer images."
            + ("" if settings.grow else " *Fast* starts narrow and widens during training.")
        )
        if was_pending:
            st.caption(":material/timer: Measuring shorter runs…")
        with st.container(horizontal=True):
            offers(settings, "")


def offers(settings: TrainConfig, place: str) -> None:
    """Buttons that fill the form with shorter runs, with keys that are unique by ``place``."""
    current = seconds(settings) or 0.0
    for other in _alternatives(settings):
        expected = seconds(other)
        if expected is None or expected >= current:
            continue
        if st.button(
            f"Use {RECIPES[other.recipe].title}: about {duration(expected)}",
            icon=":material/bolt:",
            on_click=form_state.fill,
            args=(other,),
            key=f"use {other.recipe} {place}".strip(),
        ):
            st.rerun()  # the form is outside this fragment
