"""Widgets of the home page. Imports no torch, so that the page is there at once."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from alexnet_demo.common.text import percent
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import best_run, current_run
from alexnet_demo.settings import paths
from alexnet_demo.ui.frame import page as shell
from alexnet_demo.ui.models.model_picker import quick_run_button
from alexnet_demo.ui.widgets import access, sample_images
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.navigation import (
    ARCHITECTURE,
    PREDICT,
    RESULTS,
    TOUR,
    TRAIN,
    link,
    replay_link,
)

CARDS = (
    (TRAIN, "Train", "Choose a recipe, see what it will cost, and watch the curves as they grow."),
    (ARCHITECTURE, "Architecture", "Eight layers to scale: where 46.8 million parameters sit."),
    (
        PREDICT,
        "Predict",
        "Draw a piece of clothing or upload a photo, and see what it is taken for.",
    ),
    (RESULTS, "Results", "What it gets wrong, how sure it was, and where it looked."),
)
TO_VISITORS = "Watch a network learn: its curves, its filters, and what it said on the way."


def invitation() -> str:
    """What to do with a training here: visitors of a closed server look on."""
    return "Train it on your own machine" if access.can_control() else "Watch it learn"


def hero() -> None:
    """Ten real pictures, one of each class."""
    if pictures := sample_images.class_strip():
        st.html(pictures)


def next_step() -> None:
    """The one thing to do now, and what is there to do it with."""
    run, shipped = current_run(), paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    training = bool(run and run.active)
    best = best_run()
    ready = shipped.is_file() or best is not None
    with st.container(border=True, key="home-now", gap="small"):
        if ready:
            _ready(None if shipped.is_file() else best, training)
        elif not training:
            _nothing_yet("secondary" if run and run.resumable else "primary")
        if run and (ready or not training):
            st.divider()
        if run and training:
            _training(run)
        elif run:
            _last_run(run)


def _training(run: Run) -> None:
    st.markdown("**A training is under way**")
    shell.run_line(run)
    _go(TRAIN, "Watch it train", ":material/show_chart:")


def _ready(trained: Run | None, training: bool) -> None:
    """Offer the network of this run, or the shipped one without it."""
    where = "You trained it yourself." if trained else "It comes with this program."
    if trained and trained.best_accuracy is not None:
        where = f"You trained it yourself: {percent(trained.best_accuracy)} in its test."
    st.markdown(f"**A trained model is ready** · {where}")
    with st.container(horizontal=True, vertical_alignment="center"):
        _go(PREDICT, "Try it on a picture", ":material/draw:")
        if not training:
            quick_run_button("secondary")
        replay_link()


def _nothing_yet(emphasis: Literal["primary", "secondary"]) -> None:
    st.markdown("**There is no trained model yet**")
    if not access.can_control():
        access.show_notice()
        return
    st.markdown(
        "No weights came with this copy, and no run on it has finished an epoch so far. A quick "
        "training takes a narrower AlexNet and part of the pictures: its curves show within "
        "minutes, also without a GPU."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        quick_run_button(emphasis)
        replay_link()


def _last_run(run: Run) -> None:
    st.markdown("Newest run")
    shell.run_line(run)
    if run.error:
        st.markdown(plain(shell.visible_error(run.error)))
    link(TRAIN, "Its curves", ":material/show_chart:", state={"run": run.id})
    if run.resumable and access.can_control():
        st.markdown(f"{run.state.capitalize()}: go on with it on Train.")
        _go(TRAIN, "Go on with it", ":material/play_arrow:")


def _go(script: str, label: str, icon: str) -> None:
    if st.button(label, icon=icon, type="primary"):
        st.switch_page(script)


def guide() -> None:
    """The tour, for those who are here for the first time."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="home-tour"):
        st.markdown(
            "**New here?** Ten minutes from drawing to training to mistakes, alone or with a "
            "class:",
            width="content",
        )
        link(TOUR, "Take the tour", ":material/tour:")


def cards() -> None:
    """Where to go from here, one card a page."""
    for column, (script, title, text) in zip(st.columns(len(CARDS)), CARDS, strict=True):
        with column.container(border=True, height="stretch", gap="xsmall", key=f"card-{title}"):
            icon = next(icon for page, _, icon in shell.PAGES if page == script)
            st.subheader(f"{icon} {title}", anchor=False)
            st.markdown(text if script != TRAIN or access.can_control() else TO_VISITORS)
            link(script, f"Open {title}", ":material/arrow_forward:")
