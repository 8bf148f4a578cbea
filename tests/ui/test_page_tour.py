"""The tour: its stops exist, its facts hold for the included model, and its bar leads on."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from alexnet_demo.common.access import ADMIN
from alexnet_demo.data.splits import load_split
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.network.activations import activations
from alexnet_demo.runs import pins
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.snapshots import Snapshot
from alexnet_demo.settings import paths
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.experiments import EXPERIMENTS as EXPERIMENTS_BY_NAME
from alexnet_demo.settings.paths import ROOT
from alexnet_demo.settings.recipes import RECIPES
from alexnet_demo.ui.architecture.network_config import DEMO, measure
from alexnet_demo.ui.experiments import convolution, lessons
from alexnet_demo.ui.frame import class_view, handout, tour
from alexnet_demo.ui.frame.class_counts import COUNTS, ClassCounts
from alexnet_demo.ui.frame.stops import FILE, STOPS
from alexnet_demo.ui.models import model_loading
from alexnet_demo.ui.predict import sources
from alexnet_demo.ui.results import views
from alexnet_demo.ui.train import details
from alexnet_demo.ui.widgets import glossary
from alexnet_demo.ui.widgets.navigation import (
    ARCHITECTURE,
    EXPERIMENTS,
    PREDICT,
    RESULTS,
    STORY,
    TOUR,
    TRAIN,
)
from tests.support.pages import open_page, page_text

QUERY_VALUES: dict[str, dict[str, Collection[str]]] = {
    TRAIN: {"recipe": RECIPES},
    ARCHITECTURE: {
        "layer": [layer.name for layer in measure(DEMO).layers],
        "view": ("In numbers", "Weights", "Output", "One unit"),
    },
    PREDICT: {"source": sources.SOURCES},
    RESULTS: {"show": views.VIEWS},
    STORY: {},
    EXPERIMENTS: {"lesson": lessons.LESSONS, "experiment": EXPERIMENTS_BY_NAME},
}
"""Query parameters of pages, with the values that they accept."""


TRAIN_STOP = next(n for n, stop in enumerate(STOPS, 1) if "recipe" in stop.state)


def open_stop(number: object) -> AppTest:
    return open_page(TRAIN, tour=str(number))


def option_button(at: AppTest, number: int, *, right: bool, place: str = "bar") -> Button:
    """The button of the stop's right option, or of its first wrong one."""
    index = [option.right for option in STOPS[number - 1].options].index(right)
    return at.button(key=f"tour question {place} {number} {index}")


def test_every_stop_links_to_a_state_that_its_page_has():
    for stop in STOPS:
        assert (ROOT / stop.script).is_file()
        accepted = QUERY_VALUES[stop.script]
        for name, value in stop.state.items():
            assert name not in accepted or value in accepted[name]


def test_the_kernel_that_a_stop_names_exists():
    script = Path(convolution.__file__).with_name("convolution_math.js").read_text("utf-8")
    kernels = [stop.state["kernel"] for stop in STOPS if "kernel" in stop.state]
    assert kernels and all(f'"{kernel}":' in script for kernel in kernels)


def test_the_page_lists_every_stop_with_its_question(runs_dir):
    at = open_page(TOUR)
    text, labels = page_text(at), [button.label for button in at.button]
    for number, stop in enumerate(STOPS, 1):
        assert f"{number}. {stop.title}" in text
        for part in (stop.task, stop.question, stop.answer):
            assert part in text
        assert {option.text for option in stop.options} <= {*labels}


def test_the_bar_shows_the_stop_that_the_address_names(runs_dir):
    text = page_text(open_stop(TRAIN_STOP))
    stop = STOPS[TRAIN_STOP - 1]
    assert f"Stop {TRAIN_STOP} of {len(STOPS)}: {stop.title}" in text
    assert stop.task in text and stop.question in text and stop.answer in text
    assert "Stop 1" not in page_text(open_stop(len(STOPS) + 1))


def test_a_choice_is_followed_by_feedback_and_can_be_repeated(runs_dir):
    at, stop = open_stop(TRAIN_STOP), STOPS[TRAIN_STOP - 1]
    assert not at.error and not at.success
    option_button(at, TRAIN_STOP, right=False).click().run()
    wrong = next(option for option in stop.options if not option.right)
    assert wrong.feedback in at.error[0].value and not at.success
    assert "Answer" in [expander.label for expander in at.expander]
    option_button(at, TRAIN_STOP, right=True).click().run()
    right = next(option for option in stop.options if option.right)
    assert right.feedback in at.success[0].value and not at.error
    assert "Answer" not in [expander.label for expander in at.expander]  # it is open
    assert not at.exception


def test_choices_are_kept_in_the_session(runs_dir):
    at = open_page(TOUR)
    for number, right in [(1, True), (2, False), (3, False), (3, True)]:
        option_button(at, number, right=right, place="page").click().run()
    assert f"**2 of {len(STOPS)}**" in page_text(at)
    assert [message.value for message in at.error] == [
        f"**Not that one.** {next(o.feedback for o in STOPS[1].options if not o.right)}"
    ]


def test_the_handout_has_every_question_and_its_answer():
    page = html.unescape(handout.html())
    questions, answers = page.split("<h1>Answers</h1>")
    for stop in STOPS:
        assert stop.question in questions and stop.title in answers
        assert all(option.text in questions for option in stop.options)
        (letter, right) = next(
            (letter, option)
            for letter, option in zip("ABCD", stop.options, strict=False)
            if option.right
        )
        assert f"<b>{letter}. {right.text}.</b> {right.feedback}" in answers
    assert "*" not in page.partition("</style>")[2]


def test_visitors_get_a_task_that_they_can_do(runs_dir, monkeypatch):
    stop = STOPS[TRAIN_STOP - 1]
    assert stop.task in page_text(open_stop(TRAIN_STOP))
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    text = page_text(open_stop(TRAIN_STOP))
    assert stop.visitor_task in text and "Start training" not in text


def test_an_address_can_hold_anything_for_a_stop():
    last = str(len(STOPS))
    assert (tour.parse_stop("1"), tour.parse_stop(last)) == (1, len(STOPS))
    for nonsense in (str(len(STOPS) + 1), "0", "-1", "²", "1.5", "x", "9" * 5000, ""):
        assert tour.parse_stop(nonsense) is None


# ------------------------------------------------------------------ the class view


@pytest.fixture
def counts(runs_dir, monkeypatch) -> Iterator[ClassCounts]:
    """The counts of a server that counts."""
    monkeypatch.setenv("ALEXNET_DEMO_CLASS", "1")
    COUNTS.reset(ADMIN)
    yield COUNTS
    COUNTS.reset(ADMIN)


def test_the_class_view_shows_what_other_sessions_choose(counts):
    student = open_stop(TRAIN_STOP)
    option_button(student, TRAIN_STOP, right=False).click().run()
    option_button(student, TRAIN_STOP, right=True).click().run()
    stop = counts.snapshot()[TRAIN_STOP - 1]
    assert (stop.here, stop.answered, stop.solved) == (1, 1, 1)
    # AppTest gives all sessions one id, so that opening the view leaves the stop.
    text = html.unescape(page_text(open_page(TOUR, **{"class": "1"})))
    assert "<b>1</b> answered · " in " ".join(text.split())
    assert "✓" not in text
    for stop in STOPS:
        assert stop.title in text and all(option.text in text for option in stop.options)


def test_the_class_view_marks_the_right_options_on_request_and_resets(counts):
    open_stop(TRAIN_STOP)
    at = open_page(TOUR, **{"class": "1"})
    at.toggle(key="class right").set_value(True).run()
    assert page_text(at).count("✓") == len(STOPS)
    next(button for button in at.button if button.label == "Reset").click().run()
    assert sum(stop.here for stop in counts.snapshot()) == 0
    assert "class" in at.query_params
    next(button for button in at.button if button.label == "The tour").click().run()
    assert "class" not in at.query_params and "Class view" in [b.label for b in at.button]
    next(button for button in at.button if button.label == "Class view").click().run()
    assert "class" in at.query_params and "here now" in page_text(at)
    assert not at.exception


def test_visitors_have_no_class_view_but_read_that_they_are_counted(counts, monkeypatch):
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    at = open_page(TOUR, **{"class": "1"})
    assert "here now" not in page_text(at)
    assert [button.label for button in at.button] == ["The tour"]
    assert "Class view" not in [button.label for button in open_page(TOUR).button]
    assert class_view.NOTICE in page_text(open_page(TOUR))


def test_nothing_is_counted_unless_switched_on(counts, monkeypatch):
    monkeypatch.delenv("ALEXNET_DEMO_CLASS")
    at = open_stop(TRAIN_STOP)
    option_button(at, TRAIN_STOP, right=True).click().run()
    assert not counts._sessions
    assert "ALEXNET_DEMO_CLASS" in page_text(open_page(TOUR, **{"class": "1"}))
    assert class_view.NOTICE not in page_text(open_page(TOUR))


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
    assert label_and_prediction(included, 3531)[0] == "T-shirt/top"
    assert label_and_prediction(included, 5806)[0] == "Shirt"


def test_many_values_of_conv1_are_zero_and_fewer_after_pooling(included: Classifier):
    image = load_split(train=False).images[17].numpy()
    outputs = activations(included.model, image)
    zeros = {name: float((outputs[name] == 0).float().mean()) for name in ("relu1", "pool1")}
    assert zeros["relu1"] > 0.2 and zeros["pool1"] < zeros["relu1"]


def test_a_confidence_of_ninety_percent_is_right_about_nine_times_in_ten():
    results = model_loading.included_results()
    if results is None:
        pytest.skip("there are no included results")
    about = (results.confidence > 0.85) & (results.confidence < 0.95)
    assert 0.85 < results.correct[about].mean() < 0.95


def test_predictions_of_the_recorded_run():
    (name,) = (stop.state["watch"] for stop in STOPS if "watch" in stop.state)
    run = Run(paths.RECORDED_DIR / name)
    pinned = {pin.name: pin for pin in pins.read(run.pins)}
    lines = run.snapshots.read_text(encoding="utf-8").splitlines()
    snapshots = [Snapshot.from_json(json.loads(line)) for line in lines]
    assert len(pinned) == 10 and len({pin.label for pin in pinned.values()}) > 1
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
    layers = measure(DEMO)
    conv1, pool1, conv3, conv5 = (layers[name] for name in ("conv1", "pool1", "conv3", "conv5"))
    (unit,) = (stop.answer for stop in STOPS if stop.state.get("view") == "One unit")
    assert f"{conv1.macs:,}" in unit and f"{conv1.params:,}" in unit
    sides = [layer.output_shape[1:] for layer in (conv1, pool1, conv3, conv5)]
    assert sides == [(54, 54), (26, 26), (12, 12), (12, 12)]
    assert (conv1.receptive_field, conv5.receptive_field) == (11, 163)
    text = FILE.read_text(encoding="utf-8")
    for number in (math.prod(conv1.output_shape), math.prod(conv5.output_shape)):
        assert f"{number:,}" in text
    activations = [layer for layer in layers.layers if layer.name.startswith("relu")]
    assert len(activations) == 7 and 4**7 == 16_384


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
