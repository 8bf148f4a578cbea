"""What a training will cost on this machine, and what else could be trained instead."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alexnet_demo.common.text import duration, memory
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.cost import Speed, estimate, fit
from alexnet_demo.settings.recipes import RECIPES
from alexnet_demo.ui.train import form_state, probes

QUICK_SECONDS = 60
LONG_SECONDS = 600
OFFERED = ("quick", "fast")


def cost_line(settings: TrainConfig) -> None:
    """The cost as soon as it is measured, and shorter trainings where it is long."""
    pending = _pending(settings)
    st.fragment(_cost, run_every=1.0 if pending else None)(settings, pending)


def seconds(settings: TrainConfig) -> float | None:
    """How long the training will take; None until that is measured."""
    speeds = _speeds(probes.ask(settings))
    return estimate(settings, speeds).total_seconds if speeds else None


def offers(settings: TrainConfig, place: str) -> None:
    """Buttons that fill the form with shorter trainings, where those are measured.

    Args:
        place: what tells this place from others on the page.
    """
    whole = seconds(settings) or 0.0
    for recipe in _offered(settings):
        other = _other(recipe, settings)
        took = seconds(other)
        if took is None or took >= whole:
            continue
        title = RECIPES[recipe].title
        if st.button(
            f"Use {title}: about {duration(took)}",
            icon=":material/bolt:",
            on_click=form_state.fill,
            args=(other,),
            key=f"use {recipe} {place}".strip(),
        ):
            st.rerun()  # the form stands outside of this part of the page


def _offered(settings: TrainConfig) -> list[str]:
    return [recipe for recipe in OFFERED if recipe != settings.recipe or recipe == "quick"]


def _other(recipe: str, settings: TrainConfig) -> TrainConfig:
    """A recipe on the same device; the quick look on as many images as its time allows."""
    other = TrainConfig.from_recipe(recipe, device=settings.device)
    speeds = _speeds(probes.ask(other)) if recipe == "quick" else []
    return fit(other, speeds, QUICK_SECONDS) if speeds else other


def _speeds(found: dict[str, Any] | None) -> list[Speed]:
    return [Speed(**speed) for speed in (found or {}).get("speeds", ())]


def _pending(settings: TrainConfig) -> bool:
    """Whether a measurement is still missing."""
    if probes.ask(settings) is None:
        return True
    others = _offered(settings) if _too_long(settings) else ()
    # All are asked for at once, and measured one after the other.
    return None in [probes.ask(_other(recipe, settings)) for recipe in others]


def _too_long(settings: TrainConfig) -> bool:
    speeds = _speeds(probes.ask(settings))
    return bool(
        speeds
        and speeds[-1].device == "cpu"
        and estimate(settings, speeds).total_seconds > LONG_SECONDS
    )


def _cost(settings: TrainConfig, was_pending: bool) -> None:
    if was_pending and not _pending(settings):
        st.rerun()  # polling stops, and the form learns which devices there are
    found = probes.ask(settings)
    if found is None:
        st.caption(":material/timer: Measuring how fast this machine is…")
        return
    if "error" in found:
        st.warning(found["error"], icon=":material/warning:")
        return
    speeds = _speeds(found)
    expected = estimate(settings, speeds)
    st.markdown(
        f":material/timer: About **{duration(expected.seconds_per_epoch)}** an epoch, "
        f"**{duration(expected.total_seconds)}** in all, and {memory(expected.memory_bytes)} of "
        f"memory on {speeds[-1].device_name} in {speeds[-1].precision} "
        f"({expected.images_per_s:,.0f} images/s, just measured)."
    )
    if not _too_long(settings):
        return
    with st.container(border=True):
        st.markdown(
            "There is no GPU here, and a CPU needs long for the whole network. To see one learn "
            "soon, train a narrow AlexNet on part of the images."
            + ("" if settings.grow else " Or begin narrow and widen it on the way, as *Fast* does.")
        )
        if was_pending:
            st.caption(":material/timer: Measuring what would be shorter…")
        with st.container(horizontal=True):
            offers(settings, "")
