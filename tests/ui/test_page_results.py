"""The Results page: its figures are those of the records, and every picture opens."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from alexnet_demo.common.text import percent
from alexnet_demo.data.splits import load_split
from alexnet_demo.inference import embedding, full_pass, predictions
from alexnet_demo.inference.predictions import Results
from alexnet_demo.network import checkpoint
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import paths
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.results import test_images
from alexnet_demo.ui.results import views as page
from alexnet_demo.ui.widgets.glossary import TOPICS
from tests.support.pages import load_page, page_text
from tests.support.waiting import wait_for

PAGE = "pages/4_Results.py"


def made_up(seed: int) -> Results:
    """Answers for the test set that are right about nine times in ten."""
    labels = load_split(train=False).labels.numpy()
    chance = np.random.default_rng(seed)
    scores = chance.normal(size=(len(labels), 10)).astype(np.float32)
    scores[np.arange(len(labels)), labels] += 3.0
    shares = np.exp(scores)
    return Results(shares / shares.sum(1, keepdims=True), labels)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs_dir: Path, tiny_weights) -> Path:
    """A shipped network, and no runs; no survey of earlier tests in memory."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(paths, "WEIGHTS_DIR", folder)
    st.cache_resource.clear()
    shutil.copy(tiny_weights, folder / paths.SHIPPED_WEIGHTS)
    return folder / paths.SHIPPED_WEIGHTS


def digest(weights: Path) -> str:
    return hashlib.sha256(weights.read_bytes()).hexdigest()


def keep(weights: Path, found: Results) -> Results:
    """As if these answers had been computed before, and the pictures placed by them."""
    predictions.save(digest(weights), found)
    embedding.save(digest(weights), embedding.fit(torch.from_numpy(found.probabilities)))
    return found


@pytest.fixture
def found(shipped: Path) -> Results:
    return keep(shipped, made_up(1))


@pytest.fixture
def app(found: Results) -> AppTest:
    return load_page(PAGE)


def look_at(app: AppTest, view: str) -> None:
    app.run()
    app.segmented_control(key="show").set_value(view).run()
    assert not app.exception


def test_the_whole_test_set_is_asked_once_and_kept(shipped: Path):
    app = load_page(PAGE).run()
    assert not app.exception
    end = time.monotonic() + 120
    while not app.metric and time.monotonic() < end:
        time.sleep(0.5)
        app.run()
    kept = predictions.load(digest(shipped))
    assert kept is not None
    assert app.metric[0].value == percent(kept.accuracy, 2)
    # As the network answers when it is asked directly.
    from alexnet_demo.inference.classifier import Classifier

    images = load_split(train=False).images[:50].numpy()
    direct = Classifier.load(shipped).probabilities(images)
    np.testing.assert_allclose(kept.probabilities[:50], direct, atol=2e-2)


def test_the_totals_are_the_records(app: AppTest, found: Results):
    app.run()
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown == {
        "Test accuracy": percent(found.accuracy, 2),
        "Mistakes": f"{int((~found.correct).sum()):,}",
        "Mean confidence": percent(float(found.confidence.mean(dtype=np.float64))),
        "Calibration error": percent(found.calibration_error(), 2),
    }


@pytest.mark.parametrize("view", page.VIEWS)
def test_a_link_opens_every_view(app: AppTest, view: str):
    app.query_params["show"] = view
    app.run()
    assert not app.exception
    assert app.segmented_control(key="show").value == view
    asked = page.EXPLAINED.get(view)
    assert [e.label for e in app.expander if e.label in TOPICS] == ([asked] if asked else [])


def test_the_greatest_mistake_is_open_at_first_and_a_chosen_cell_afterwards(
    app: AppTest, found: Results
):
    app.run()
    wrong = found.confusion - np.diag(np.diag(found.confusion))
    true, guess = divmod(int(wrong.argmax()), 10)
    taken = f"{CLASSES[true]}, but taken for {CLASSES[guess]}."
    assert f"{wrong.max():,} test pictures: {taken}" in page_text(app)
    app.session_state["results cell"] = {"cell": [9, 9]}
    app.run()
    assert f"{found.confusion[9, 9]:,} test pictures: Ankle boot, and known" in page_text(app)


@pytest.mark.parametrize("cell", [[10, 0], ["a", 1], 7, [1], {"x": 1}, [float("inf"), 0]])
def test_a_cell_that_is_none_does_no_harm(app: AppTest, cell: object):
    app.session_state["results cell"] = {"cell": cell}
    app.run()
    assert not app.exception


def test_a_link_opens_a_picture_with_both_heat_maps(app: AppTest, found: Results):
    number = int(found.mistakes()[0])
    app.query_params["show"], app.query_params["picture"] = "Mistakes", str(number)
    app.run()
    assert not app.exception
    truth = CLASSES[found.labels[number]]
    assert f"Test picture {number}, labelled {truth}" in page_text(app)
    assert f"Wrong: it is labelled {truth}" in re.sub("labelled an? ", "labelled ", page_text(app))
    assert f"1 of {len(found.mistakes()):,}" in page_text(app)
    app.button[[b.label for b in app.button].index("Next picture")].click().run()
    assert app.session_state["results open"] == found.mistakes()[1]


def test_the_training_pictures_most_like_one_are_shown(app: AppTest, found: Results, shipped: Path):
    places = embedding.load(digest(shipped))
    assert places is not None
    training = np.zeros((60_000, 10), np.float16)
    training[4711] = places.points[12]
    training[:4711] = 9
    embedding.save_points(digest(shipped), "training", training)
    app.query_params["show"], app.query_params["picture"] = "First pictures", "12"
    app.run()
    app.button[[b.label.startswith("Show the training") for b in app.button].index(True)].click()
    app.query_params["picture"] = "12"
    app.session_state["results link"] = ""
    app.run()
    assert not app.exception
    assert "Most like it among the training pictures" in page_text(app)
    (shown,) = (c for c in app.get("bidi_component") if "gallery like" in c.proto.id)
    assert str(4711) in shown.proto.json


def test_pictures_on_the_map_are_chosen_and_what_is_forged_is_not(app: AppTest, found: Results):
    app.session_state["results map"] = {"chosen": [3, 1, "x", -5, 10_000_000, 2]}
    look_at(app, "Map")
    wrong = int((~found.correct[1:4]).sum())
    assert f"3 pictures chosen**, {wrong:,} of them got wrong" in page_text(app)
    app.session_state["results map"] = {"chosen": "123"}
    app.run()
    assert not app.exception
    assert "pictures chosen" not in page_text(app)


def shown_map(app: AppTest) -> dict | None:
    """What the map's component was given."""
    found = [c for c in app.get("bidi_component") if "results map" in c.proto.id]
    return json.loads(found[0].proto.json) if found else None


def test_a_link_opens_the_map_by_tsne_that_was_kept(app: AppTest, found: Results, shipped: Path):
    points = np.random.default_rng(0).normal(size=(10_000, 2)).astype(np.float32)
    embedding.save_points(digest(shipped), "map", points)
    app.query_params["show"], app.query_params["map"] = "Map", "t-SNE"
    app.run()
    assert not app.exception
    shown = shown_map(app)
    assert shown is not None
    # As they were kept, but for where the map begins and ends; what is high up lies at the top.
    across, down = (np.corrcoef(shown[axis], points[:, n])[0, 1] for n, axis in enumerate("xy"))
    assert (across, down) == (pytest.approx(1, abs=1e-4), pytest.approx(-1, abs=1e-4))
    assert 0 <= min(shown["x"]) < max(shown["x"]) <= 1
    assert "how far clumps lie apart" in page_text(app)
    app.segmented_control(key="map").set_value("PCA").run()
    other = shown_map(app)
    assert other is not None and other["x"] != shown["x"]
    assert "of the variance" in page_text(app)


def test_an_unknown_map_in_a_link_is_the_usual_one(app: AppTest):
    app.query_params["show"], app.query_params["map"] = "Map", "../etc"
    app.run()
    assert not app.exception
    assert app.session_state["map"] == "PCA"


def test_the_map_by_tsne_is_laid_out_in_the_background_and_kept(
    app: AppTest, shipped: Path, monkeypatch: pytest.MonkeyPatch
):
    go_on = threading.Event()

    def embed(points: np.ndarray) -> np.ndarray:
        go_on.wait(30)
        return points[:, ::-1][:, :2]

    monkeypatch.setattr(embedding, "tsne_seconds", lambda points: 77.0)
    monkeypatch.setattr(embedding, "tsne", embed)
    look_at(app, "Map")
    app.segmented_control(key="map").set_value("t-SNE").run()
    wait_for(lambda: "1 min 17" in progress(app.run()), 10, "no word of how long it takes")
    assert shown_map(app) is None
    go_on.set()
    wait_for(lambda: shown_map(app.run()), 10, "no map")
    kept = embedding.load_points(digest(shipped), "map")
    assert kept is not None and kept.shape == (10_000, 2)


def test_a_map_that_failed_says_why(app: AppTest, monkeypatch: pytest.MonkeyPatch):
    def broken(points: np.ndarray) -> float:
        raise MemoryError

    monkeypatch.setattr(embedding, "tsne_seconds", broken)
    look_at(app, "Map")
    app.segmented_control(key="map").set_value("t-SNE").run()
    wait_for(lambda: app.run().error, 10, "no word of it")
    assert app.error[0].value == "MemoryError"
    monkeypatch.undo()
    assert any(button.label == "Try again" for button in app.button)


def progress(app: AppTest) -> str:
    """The words over the progress bar; empty where there is none."""
    bars = app.get("progress")
    return bars[0].proto.text if bars else ""


def test_more_pictures_are_shown_on_demand(app: AppTest, found: Results):
    look_at(app, "Mistakes")
    (more,) = (b for b in app.button if b.label.startswith("Show more"))
    left = len(found.mistakes()) - test_images.PAGE
    assert more.label == f"Show more ({left:,} left)"
    more.click().run()
    assert any(b.label == f"Show more ({left - test_images.PAGE:,} left)" for b in app.button)


def test_two_models_are_compared(app: AppTest, found: Results, runs_dir: Path, tiny_model):
    run = Run(runs_dir / "20260101-000000-quick-aa")
    run.best.parent.mkdir(parents=True)
    (run.directory / "config.json").write_text('{"recipe": "quick"}')
    checkpoint.save_weights(run.best, tiny_model, {"epoch": 2})
    other = keep(run.best, made_up(2))
    look_at(app, "Compare")
    disputed = found.disagreements(other)
    assert f"{len(disputed):,} pictures" in page_text(app)
    assert f"reaches {percent(other.accuracy, 2)}" in page_text(app)


def test_with_one_model_there_is_nothing_to_compare(app: AppTest):
    look_at(app, "Compare")
    assert "no second model" in app.info[0].value


def test_without_a_model_the_page_offers_to_train_one(shipped: Path):
    shipped.unlink()
    app = load_page(PAGE).run()
    assert not app.exception
    assert "No model yet" in app.subheader[0].value


def test_a_failed_survey_says_why_and_can_be_tried_again(
    shipped: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def broken(train: bool) -> None:
        raise RuntimeError("The data set's files are damaged.")

    monkeypatch.setattr(full_pass, "load_split", broken)
    app = load_page(PAGE).run()
    time.sleep(1)
    app.run()
    assert app.error[0].value.startswith("The data set")
    monkeypatch.undo()
    monkeypatch.setattr(paths, "WEIGHTS_DIR", shipped.parent)
    monkeypatch.setattr(paths, "RUNS_DIR", tmp_path / "runs")
    keep(shipped, made_up(1))
    app.button[[b.label for b in app.button].index("Try again")].click().run()
    assert app.metric


@pytest.mark.parametrize("number", ["9" * 5_000, "-1", "1e3", "<b>", "10000"])
def test_a_link_to_no_picture_opens_none(app: AppTest, number: str):
    app.query_params["picture"] = number
    app.query_params["show"] = number
    app.query_params["model"] = number
    app.run()
    assert not app.exception and not app.error
    assert "results open" not in app.session_state
