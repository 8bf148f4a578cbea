"""The Story page: 2012's contest, what was new, the networks before and after, and the article."""

from __future__ import annotations

import json
from pathlib import Path

import streamlit as st
from PIL import Image

from alexnet_demo.common.errors import DataError
from alexnet_demo.data.fashion_mnist import read_split
from alexnet_demo.figures.training import published_curves
from alexnet_demo.images.encode import data_url
from alexnet_demo.inference.predictions import Results
from alexnet_demo.settings.article import (
    ARTICLE_CODE_URL,
    ARTICLE_CURVES,
    ARTICLE_PRINTED_FC1,
    ARTICLE_PRINTED_PARAMETERS,
    AUTHOR_URL,
    CLASSES,
    PARAMETERS,
)
from alexnet_demo.settings.papers import ALEXNET, LENET, NETWORKS
from alexnet_demo.ui.components.component import render, style
from alexnet_demo.ui.components.gallery import Tile, gallery
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.models import model_loading
from alexnet_demo.ui.widgets.markdown import sections
from alexnet_demo.ui.widgets.navigation import ARCHITECTURE, PREDICT, TOUR, link

TEXTS = sections(Path(__file__).with_suffix(".md"))
DATA = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
FIRST_IMAGES = 8  # in the article's figure


def show() -> None:
    """The page's sections, below its heading."""
    style(__file__)
    with st.container(key="story"):
        _heading("The contest")
        widest = max(entry["percent"] for entry in DATA["errors"])
        st.html(render(__file__, errors=DATA["errors"], widest=widest))
        st.markdown(TEXTS["The contest, explained"].format(parameters=ALEXNET.parameters))
        _heading("What was new, and what it brought")
        st.html(render(__file__, novelties=DATA["novelties"]))
        link(ARCHITECTURE, "See the layers", ":material/layers:")
        growth = ALEXNET.parameters / LENET.parameters
        _heading("From LeNet-5 to VGG-16", growth=growth)
        widest = max(network.parameters for network in NETWORKS)
        st.html(render(__file__, networks=NETWORKS, widest=widest))
        _article()
        _published_run()
        _first_images()
        link(TOUR, "Take the tour", ":material/tour:")


def _heading(title: str, **values: object) -> None:
    """A section's heading and its text, with values filled in."""
    st.subheader(title, anchor=False)
    st.markdown(TEXTS[title].format(**values))


def _article() -> None:
    excess = ARTICLE_PRINTED_PARAMETERS - PARAMETERS
    _heading(
        "What the article adapts",
        parameters=ALEXNET.parameters,
        article=PARAMETERS,
        printed=ARTICLE_PRINTED_PARAMETERS,
        printed_fc1=ARTICLE_PRINTED_FC1,
        excess=excess,
        fc1=ARTICLE_PRINTED_FC1 - excess,
        profile=AUTHOR_URL,
        code=ARTICLE_CODE_URL,
    )


def _published_run() -> None:
    _heading("The article's run")
    for column, metric in zip(st.columns(2), ARTICLE_CURVES, strict=True):
        with column:
            alt = f"{metric.capitalize()} of the article's run by epoch"
            live_plot(published_curves(metric), alt, f"published {metric}")


def _first_images() -> None:
    """The article's strip of test images; nothing without the included results or the dataset."""
    results = model_loading.included_results()
    tiles = _tiles(results.head(FIRST_IMAGES)) if results else []
    if not tiles:
        return
    _heading("Its last figure: the first eight test images")
    with st.container(width=480):  # two rows of four; on phones, rows of three
        number = gallery(tiles, "first images")
    if number is not None:
        st.switch_page(PREDICT, query_params={"source": "Samples", "sample": str(number)})


def _tiles(results: Results) -> list[Tile]:
    try:
        images, _ = read_split(train=False)
    except DataError:
        return []
    return [
        Tile(
            number,
            data_url(Image.fromarray(images[number]), 28),
            f"Test image {number}",
            f"{'✓' if guess == label else '✗'} {CLASSES[guess]}",
            f"label: {CLASSES[label]}",
        )
        for number, (guess, label) in enumerate(
            zip(results.predicted.tolist(), results.labels.tolist(), strict=True)
        )
    ]
