"""Sections of the home page. Imports no torch, so that the page opens at once."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import best_run, current_run
from alexnet_demo.settings import paths
from alexnet_demo.ui.frame import page as frame
from alexnet_demo.ui.frame.stops import MINUTES
from alexnet_demo.ui.models.model_picker import quick_run_button
from alexnet_demo.ui.widgets import access, sample_images
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.navigation import (
    EXPERIMENTS,
    PREDICT,
    STORY,
    TOUR,
    TRAIN,
    link,
    replay_link,
)

CARDS = {
    "Train": "Choose a recipe, check the estimated time, and watch the curves.",
    "Architecture": "Eight layers drawn to scale, with 46.8 million parameters.",
    "Predict": "Draw or upload clothing and see the prediction.",
    "Results": "Misclassified images, confidence, and evidence for each class.",
}
TRAIN_FOR_VISITORS = "Watch a training replay: curves, filters, and predictions at every step."


def show() -> None:
    """The page."""
    invitation = "Train it on your own machine" if access.can_control() else "Watch how it learns"
    frame.page(
        "Home",
        "AlexNet, the network that made deep learning famous in 2012, on 70,000 small images of "
        f"clothing. {invitation}, inspect every layer, and try it on your own images.",
        heading="Teach a network to recognize clothing",
    )
    if sample_strip := sample_images.class_strip():
        st.html(sample_strip)
    next_step()
    guide()
    cards()


def next_step() -> None:
    """What to do next: use a model, watch the active run, or start one."""
    run, best = current_run(), best_run()
    active = run is not None and run.active
    included = (paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS).is_file()
    with st.container(border=True, key="home-now", gap="small"):
        if included or best:
            _model_ready(None if included else best, active)
        elif not active:
            _no_model("secondary" if run and run.resumable else "primary")
        if run and (included or best or not active):
            st.divider()
        if run and active:
            st.markdown("**Training in progress**")
            frame.run_line(run)
            _button(TRAIN, "Watch training", ":material/show_chart:")
        elif run:
            _last_run(run)


def _model_ready(trained: Run | None, active: bool) -> None:
    """Offer the weights of this run, or the included model if there is no run."""
    origin = "The included model."
    if trained:
        results = ", ".join(map(str, trained.accuracies))
        origin = f"{': '.join(filter(None, ['You trained it', results]))}."
    st.markdown(f"**A trained model is ready** · {origin}")
    with st.container(horizontal=True, vertical_alignment="center"):
        _button(PREDICT, "Try it on an image", ":material/draw:")
        if not active:
            quick_run_button("secondary")
        replay_link()


def _no_model(emphasis: Literal["primary", "secondary"]) -> None:
    st.markdown("**No trained model yet**")
    if not access.can_control():
        access.show_notice()
        return
    st.markdown(
        "This copy includes no weights, and no run has finished an epoch. A quick run trains a "
        "narrower AlexNet on part of the images and shows its first curves within minutes, even "
        "without a GPU."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        quick_run_button(emphasis)
        replay_link()


def _last_run(run: Run) -> None:
    st.markdown("Latest run")
    frame.run_line(run)
    if run.error:
        st.markdown(plain(frame.visible_error(run.error)))
    link(TRAIN, "View curves", ":material/show_chart:", state={"run": run.id})
    if run.resumable and access.can_control():
        st.markdown(f"{run.state.capitalize()}. You can resume it on Train.")
        _button(TRAIN, "Resume", ":material/play_arrow:")


def _button(script: str, label: str, icon: str) -> None:
    if st.button(label, icon=icon, type="primary"):
        st.switch_page(script)


def guide() -> None:
    """A pointer to the tour for first-time readers."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="home-tour"):
        st.markdown(
            f"**New here?** Take a tour of drawing, training, and mistakes, in about {MINUTES} "
            "minutes, alone or with a class:",
            width="content",
        )
        link(TOUR, "Take the tour", ":material/tour:")
        link(STORY, "Why AlexNet mattered", ":material/auto_stories:")
        link(EXPERIMENTS, "Test its claims", ":material/science:")


def cards() -> None:
    """One card per page."""
    pages = [page for page in frame.PAGES if page[1] in CARDS]
    for column, (script, title, icon) in zip(st.columns(len(pages)), pages, strict=True):
        with column.container(border=True, height="stretch", gap="xsmall", key=f"card-{title}"):
            st.subheader(f"{icon} {title}", anchor=False)
            visitor = script == TRAIN and not access.can_control()
            st.markdown(TRAIN_FOR_VISITORS if visitor else CARDS[title])
            link(script, f"Open {title}", ":material/arrow_forward:")
