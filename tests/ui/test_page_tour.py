"""The tour: its stops exist, its facts hold for the network that ships, its bar leads on."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from alexnet_demo.data.splits import load_split
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.runs import pins
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.snapshots import Snapshot
from alexnet_demo.settings import paths
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.paths import ROOT
from alexnet_demo.settings.recipes import RECIPES
from alexnet_demo.ui.architecture.network_config import DEMO, measure
from alexnet_demo.ui.frame import tour
from alexnet_demo.ui.predict import sources
from alexnet_demo.ui.results import views
from alexnet_demo.ui.train import form
from alexnet_demo.ui.widgets import glossary
from alexnet_demo.ui.widgets.navigation import ARCHITECTURE, PREDICT, RESULTS, TRAIN
from tests.support.pages import open_page, page_text

LAYERS = [layer.name for layer in measure(DEMO).layers]
KNOWN: dict[str, dict[str, Collection[str]]] = {
    TRAIN: {"recipe": RECIPES},
    ARCHITECTURE: {"layer": LAYERS, "view": ("In numbers", "Weights", "Output", "One unit")},
    PREDICT: {"source": sources.SOURCES},
    RESULTS: {"show": views.VIEWS},
}
"""What pages read of their addresses, with the values they have."""


def at_stop(stop: str) -> AppTest:
    return open_page(TRAIN, tour=stop)


def test_the_page_lists_every_stop_with_its_question(runs_dir):
    at = open_page(tour.TOUR)
    for number, stop in enumerate(tour.STOPS, 1):
        assert f"{number}. {stop.title}" in page_text(at)
        assert stop.task in page_text(at) and stop.answer in page_text(at)
        assert stop.question in [expander.label for expander in at.expander]


def test_every_stop_leads_to_a_state_that_its_page_has():
    for stop in tour.STOPS:
        assert (ROOT / stop.script).is_file()
        for name, value in stop.state.items():
            assert name not in KNOWN[stop.script] or value in KNOWN[stop.script][name]


def test_the_bar_says_what_to_do_and_a_page_without_a_stop_has_none(runs_dir):
    at = at_stop("6")
    assert "Stop 6 of 10: Start a training" in page_text(at)
    assert tour.STOPS[5].task in page_text(at) and tour.STOPS[5].answer in page_text(at)
    assert "Stop 1" not in page_text(at_stop("11"))


def test_visitors_are_not_told_to_press_what_they_have_not(runs_dir, monkeypatch):
    number = next(n for n, stop in enumerate(tour.STOPS, 1) if stop.state == {"recipe": "quick"})
    stop = tour.STOPS[number - 1]
    assert stop.task in page_text(at_stop(str(number)))
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    told = page_text(at_stop(str(number)))
    assert stop.to_visitors in told and "Start training" not in told


def test_stops_are_read_from_an_address_with_care():
    assert (tour.stop_at("1"), tour.stop_at("10")) == (1, 10)
    for nonsense in ("11", "0", "-1", "²", "1.5", "x", "9" * 5000, ""):
        assert tour.stop_at(nonsense) is None


# ------------------------------------------------------------------ facts in the texts


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    path = ROOT / "weights" / paths.SHIPPED_WEIGHTS
    if not path.is_file():
        pytest.skip("this copy has no shipped network")
    return Classifier.load(path)


def said(classifier: Classifier, number: int) -> tuple[str, str]:
    """What a test picture is labelled, and what the network takes it for."""
    split = load_split(train=False)
    answer = classifier.probabilities(split.images[number : number + 1].numpy())[0]
    return CLASSES[int(split.labels[number])], CLASSES[int(np.argmax(answer))]


def test_the_pictures_are_what_the_tour_says(shipped: Classifier):
    assert said(shipped, 17)[0] == "Coat"
    assert said(shipped, 3531) == ("T-shirt/top", "Dress")
    assert said(shipped, 5806) == ("Shirt", "T-shirt/top")


def test_every_twelfth_filter_of_conv1_is_nearly_the_same(shipped: Classifier):
    weight = shipped.model.net.get_submodule("conv1").weight
    assert isinstance(weight, torch.Tensor)
    alike = np.corrcoef(weight.detach().float().flatten(1).numpy())
    assert min(alike[n, n + 12] for n in range(84)) > 0.95
    deeper = shipped.model.net.get_submodule("conv2").weight
    assert isinstance(deeper, torch.Tensor)
    assert np.corrcoef(deeper.detach().float().flatten(1).numpy()[::32])[0, 1:].min() < 0.9


def test_the_training_on_record_goes_as_the_tour_says():
    (name,) = (stop.state["watch"] for stop in tour.STOPS if "watch" in stop.state)
    run = Run(paths.RECORDED_DIR / name)
    pinned = pins.read(run.pins)
    seen = [Snapshot.from_json(json.loads(line)) for line in run.snapshots.open(encoding="utf-8")]
    assert len(pinned) == 10
    first = [seen[0].pins[pin.id] for pin in pinned]
    assert len({answer.top_class for answer in first}) == 1
    assert max(max(answer.probabilities) for answer in first) < 0.25
    last_wrong = {
        pin.name: max(m.epoch for m in seen if m.pins[pin.id].top_class != pin.label)
        for pin in pinned
    }
    assert max(last_wrong, key=last_wrong.__getitem__) == "Test picture 6"
    assert last_wrong["Test picture 6"] == 3
    assert max(last_wrong["Drawn trouser"], last_wrong["Drawn dress"]) < 1
    (coat,) = (pin for pin in pinned if pin.name == "Test picture 6")
    taken = [CLASSES[m.pins[coat.id].top_class] for m in seen if m.epoch <= 3]
    assert coat.label == CLASSES.index("Coat") and taken.count("Shirt") > 3


def test_shirts_and_t_shirts_are_the_pair_most_mixed_up():
    card = (ROOT / "weights" / "README.md").read_text(encoding="utf-8")
    line = re.search(r"Most often mistaken: (.*)", card)
    assert line
    first, second, *_ = line[1].split("; ")
    assert first.startswith("T-shirt/top for Shirt") and second.startswith("Shirt for T-shirt/top")


def test_the_numbers_of_layers_are_the_measured_ones():
    summary = measure(DEMO)
    conv1, conv3, conv5 = (summary[name] for name in ("conv1", "conv3", "conv5"))
    answers = {stop.title: stop.answer for stop in tour.STOPS}
    unit, maps = answers["One unit's sum"], answers["A feature map"]
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
    assert {*form.EXPLAINED, *views.TOPICS.values()} <= set(glossary.TOPICS)
    assert set(views.TOPICS) <= set(views.VIEWS)
