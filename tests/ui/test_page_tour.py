"""The tour: its stops exist, its facts hold for the included model, and its bar leads on."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo.data.splits import load_split
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.network.distinct_units import distinct_units
from alexnet_demo.runs import pins
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.snapshots import Snapshot
from alexnet_demo.settings import paths
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.paths import ROOT
from alexnet_demo.settings.recipes import RECIPES
from alexnet_demo.ui.architecture.network_config import DEMO, measure
from alexnet_demo.ui.frame import tour
from alexnet_demo.ui.frame.stops import STOPS
from alexnet_demo.ui.predict import sources
from alexnet_demo.ui.results import views
from alexnet_demo.ui.train import details
from alexnet_demo.ui.widgets import glossary
from alexnet_demo.ui.widgets.navigation import ARCHITECTURE, PREDICT, RESULTS, TOUR, TRAIN
from tests.support.pages import open_page, page_text

QUERY_VALUES: dict[str, dict[str, Collection[str]]] = {
    TRAIN: {"recipe": RECIPES},
    ARCHITECTURE: {
        "layer": [layer.name for layer in measure(DEMO).layers],
        "view": ("In numbers", "Weights", "Output", "One unit"),
    },
    PREDICT: {"source": sources.SOURCES},
    RESULTS: {"show": views.VIEWS},
}
"""Query parameters of pages, with the values that they accept."""


def open_stop(number: object) -> AppTest:
    return open_page(TRAIN, tour=str(number))


def test_every_section_of_the_text_is_a_stop():
    text = (ROOT / "alexnet_demo" / "ui" / "frame" / "tour.md").read_text(encoding="utf-8")
    assert [stop.title for stop in STOPS] == re.findall("^## (.*)$", text, re.MULTILINE)
    assert len(STOPS) == text.count("\nPage: ") == text.count("\nQuestion: ") == 10
    assert [bool(stop.visitor_task) for stop in STOPS].count(True) == text.count("\nVisitors: ")
    for stop in STOPS:
        for label in ("Page:", "Question:", "Visitors:", "##"):
            assert label not in stop.task + stop.question + stop.answer + stop.visitor_task


def test_every_stop_links_to_a_state_that_its_page_has():
    for stop in STOPS:
        assert (ROOT / stop.script).is_file()
        accepted = QUERY_VALUES[stop.script]
        for name, value in stop.state.items():
            assert name not in accepted or value in accepted[name]


def test_the_page_lists_every_stop_with_its_question(runs_dir):
    at = open_page(TOUR)
    text, labels = page_text(at), [expander.label for expander in at.expander]
    for number, stop in enumerate(STOPS, 1):
        assert f"{number}. {stop.title}" in text
        assert stop.task in text and stop.answer in text
        assert stop.question in labels


def test_the_bar_shows_the_stop_that_the_address_names(runs_dir):
    text = page_text(open_stop(6))
    assert f"Stop 6 of 10: {STOPS[5].title}" in text
    assert STOPS[5].task in text and STOPS[5].answer in text
    assert "Stop 1" not in page_text(open_stop(11))


def test_visitors_get_a_task_that_they_can_do(runs_dir, monkeypatch):
    assert STOPS[5].task in page_text(open_stop(6))
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    text = page_text(open_stop(6))
    assert STOPS[5].visitor_task in text and "Start training" not in text


def test_an_address_can_hold_anything_for_a_stop():
    assert (tour.parse_stop("1"), tour.parse_stop("10")) == (1, 10)
    for nonsense in ("11", "0", "-1", "²", "1.5", "x", "9" * 5000, ""):
        assert tour.parse_stop(nonsense) is None


# ------------------------------------------------------------------ facts in the text


@pytest.fixture(scope="module")
def included() -> Classifier:
    path = ROOT / "weights" / paths.SHIPPED_WEIGHTS
    if not path.is_file():
        pytest.skip("there is no included model")
    return Classifier.load(path)


def label_and_prediction(classifier: Classifier, number: int) -> tuple[str, str]:
    split = load_split(train=False)
    probabilities = classifier.probabilities(split.images[number : number + 1].numpy())[0]
    return CLASSES[int(split.labels[number])], CLASSES[int(np.argmax(probabilities))]


def test_labels_and_predictions_of_the_test_images(included: Classifier):
    assert label_and_prediction(included, 17)[0] == "Coat"
    assert label_and_prediction(included, 3531) == ("T-shirt/top", "Dress")
    assert label_and_prediction(included, 5806) == ("Shirt", "T-shirt/top")


def test_some_filters_of_conv1_are_grainy_and_no_two_alike(included: Classifier):
    weight = included.model.get_parameter("net.conv1.weight").detach().float()
    assert distinct_units(included.model)["conv1"] == 1.0
    steps = weight.diff(dim=3).square().mean((1, 2, 3)) / weight.var((1, 2, 3))
    grainy = {place + group for place in range(12) for group in (0, 48)}
    assert {*steps.topk(8).indices.tolist()} < grainy


def test_predictions_of_the_recorded_run():
    (name,) = (stop.state["watch"] for stop in STOPS if "watch" in stop.state)
    run = Run(paths.RECORDED_DIR / name)
    pinned = {pin.name: pin for pin in pins.read(run.pins)}
    lines = run.snapshots.read_text(encoding="utf-8").splitlines()
    snapshots = [Snapshot.from_json(json.loads(line)) for line in lines]
    assert len(pinned) == 10
    first = [snapshots[0].pins[pin.id] for pin in pinned.values()]
    assert len({prediction.top_class for prediction in first}) == 1
    assert max(max(prediction.probabilities) for prediction in first) < 0.25
    last_mistake = {
        name: max(s.epoch for s in snapshots if s.pins[pin.id].top_class != pin.label)
        for name, pin in pinned.items()
    }
    assert max(last_mistake, key=last_mistake.__getitem__) == "Test image 6"
    assert last_mistake["Test image 6"] == 3
    assert max(last_mistake["Drawn trouser"], last_mistake["Drawn dress"]) < 1
    coat = pinned["Test image 6"]
    predictions = [CLASSES[s.pins[coat.id].top_class] for s in snapshots if s.epoch <= 3]
    assert coat.label == CLASSES.index("Coat") and predictions.count("Shirt") > 3


def test_shirt_and_t_shirt_are_confused_most():
    card = (ROOT / "weights" / "README.md").read_text(encoding="utf-8")
    line = re.search(r"Most frequent confusions: (.*)", card)
    assert line
    first, second, *_ = line[1].split("; ")
    assert first.startswith("T-shirt/top as Shirt") and second.startswith("Shirt as T-shirt/top")


def test_numbers_of_layers_are_the_measured_ones():
    summary = measure(DEMO)
    conv1, conv3, conv5 = (summary[name] for name in ("conv1", "conv3", "conv5"))
    answers = {stop.state.get("view"): stop.answer for stop in STOPS}
    unit, maps = answers["One unit"], answers["Output"]
    assert f"{conv1.macs:,}" in unit and f"{conv1.params:,}" in unit
    for layer in (conv1, conv5):
        assert f"{layer.receptive_field}×{layer.receptive_field}" in maps
    assert conv3.output_shape[1:] == conv5.output_shape[1:] == (12, 12) and "12×12" in maps
    assert conv1.output_shape[1:] == (54, 54) and "54×54" in maps


# ------------------------------------------------------------------ explanations


def test_every_topic_is_short_and_shown_somewhere():
    for topic, text in glossary.TOPICS.items():
        sentences = re.findall(r"[.?!](?=\s|$)", text)
        assert 2 <= len(sentences) <= 6, topic
    scripts = [*(ROOT / "pages").glob("*.py"), *(ROOT / "alexnet_demo" / "ui").rglob("*.py")]
    elsewhere = "".join(p.read_text(encoding="utf-8") for p in scripts if p.stem != "glossary")
    for topic in glossary.TOPICS:
        assert f'"{topic}"' in elsewhere, f"nobody can read about {topic}"


def test_what_pages_ask_to_be_explained_is_there():
    assert {*details.TERMS, *views.TOPICS.values()} <= set(glossary.TOPICS)
    assert set(views.TOPICS) <= set(views.VIEWS)
