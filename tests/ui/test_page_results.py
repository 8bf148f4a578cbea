"""The Results page: its figures are those of the predictions, and every image opens."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from alexnet_demo.common.files import sha256
from alexnet_demo.common.text import percent
from alexnet_demo.data.splits import load_split
from alexnet_demo.inference import backend, cache, embedding, full_pass, predictions
from alexnet_demo.inference.batcher import BUSY, MAX_REQUEST, MicroBatcher
from alexnet_demo.inference.classifier import Classifier, feature_count
from alexnet_demo.inference.predictions import Results
from alexnet_demo.network import checkpoint, distinct_units
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import paths
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.models import evidence, passes
from alexnet_demo.ui.results import test_images, views
from alexnet_demo.ui.widgets.glossary import TOPICS
from tests.support.pages import load_page, open_page, page_text
from tests.support.waiting import PATIENCE, wait_for

PAGE = "pages/4_Results.py"


def random_results(seed: int) -> Results:
    """Predictions for the test set that are right about nine times in ten."""
    labels = load_split(train=False).labels.numpy()
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(labels), 10)).astype(np.float32)
    logits[np.arange(len(labels)), labels] += 3.0
    exponentials = np.exp(logits)
    return Results(exponentials / exponentials.sum(1, keepdims=True), labels)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs_dir: Path, tiny_weights) -> Path:
    """An included model, no runs, and no passes of earlier tests in memory."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(paths, "WEIGHTS_DIR", folder)
    st.cache_resource.clear()
    shutil.copy(tiny_weights, folder / paths.SHIPPED_WEIGHTS)
    return folder / paths.SHIPPED_WEIGHTS


def cache_results(weights: Path, results: Results) -> Results:
    """As if a model's predictions and embedding had been computed before."""
    places = embedding.fit(torch.from_numpy(results.probabilities))
    cache.save(sha256(weights), asdict(results))
    cache.save(sha256(weights), asdict(places), embedding.PART)
    return results


@pytest.fixture
def results(shipped: Path) -> Results:
    return cache_results(shipped, random_results(1))


@pytest.fixture
def app(results: Results) -> AppTest:
    return load_page(PAGE)


def select_view(app: AppTest, view: str) -> None:
    app.run()
    app.segmented_control(key="show").set_value(view).run()
    assert not app.exception


def click(app: AppTest, label: str) -> None:
    app.button[[b.label for b in app.button].index(label)].click()


def test_the_test_set_is_evaluated_once_and_cached(shipped: Path):
    app = open_page(PAGE)
    wait_for(lambda: not progress(app.run()), "the test set was not evaluated")
    cached = predictions.load(sha256(shipped))
    assert cached is not None
    assert app.metric[0].value == percent(cached.accuracy, 2)
    # The same as the model's own predictions.
    images = load_split(train=False).images[:50].numpy()
    direct = Classifier.load(shipped).probabilities(images)
    np.testing.assert_allclose(cached.probabilities[:50], direct, atol=2e-2)


def test_the_totals_are_those_of_the_predictions(app: AppTest, results: Results):
    app.run()
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric} == {
        "Test accuracy": percent(results.accuracy, 2),
        "Mistakes": f"{int((~results.correct).sum()):,}",
        "Mean confidence": percent(float(results.confidence.mean(dtype=np.float64))),
        "Calibration error": percent(results.calibration_error(), 2),
    }


@pytest.mark.parametrize("name", [*views.VIEWS, *views.FORMER_NAMES])
def test_a_link_opens_every_view_also_by_its_former_name(app: AppTest, name: str):
    app.query_params["show"] = name
    app.run()
    assert not app.exception
    view = views.FORMER_NAMES.get(name, name)
    assert app.segmented_control(key="show").value == view
    topics = [e.label for e in app.expander if e.label in TOPICS]
    assert topics == ([views.TOPICS[view]] if view in views.TOPICS else [])


def test_the_most_frequent_mistake_is_shown_until_a_cell_is_selected(
    app: AppTest, results: Results
):
    app.run()
    mistakes = results.confusion - np.diag(np.diag(results.confusion))
    true, guess = divmod(int(mistakes.argmax()), 10)
    outcome = f"{CLASSES[true]}, predicted as {CLASSES[guess]}."
    assert f"{mistakes.max():,} test images: {outcome}" in page_text(app)
    app.session_state["results cell"] = {"cell": [9, 9]}
    app.run()
    assert f"{results.confusion[9, 9]:,} test images: Ankle boot, classified" in page_text(app)


@pytest.mark.parametrize("cell", [[10, 0], ["a", 1], 7, [1], {"x": 1}, [float("inf"), 0]])
def test_an_invalid_cell_is_ignored(app: AppTest, cell: object):
    app.session_state["results cell"] = {"cell": cell}
    app.run()
    assert not app.exception


def test_a_link_opens_an_image_with_its_label_and_pages_on(app: AppTest, results: Results):
    number = int(results.mistakes()[0])
    app.query_params["show"], app.query_params["picture"] = "Mistakes", str(number)
    app.run()
    assert not app.exception
    truth = CLASSES[results.labels[number]]
    assert f"Test image {number}, labeled {truth}" in page_text(app)
    assert "Incorrect: labeled" in page_text(app)
    assert f"1 of {len(results.mistakes()):,}" in page_text(app)
    click(app, "Next image")
    app.run()
    assert app.session_state["results open"] == results.mistakes()[1]


def image_count(app: AppTest) -> int:
    return len(app.get("image") or app.get("imgs"))  # as older Streamlits call it


def test_what_grad_cam_suggests_is_tested_by_occlusion_once_for_all(
    app: AppTest, results: Results, monkeypatch: pytest.MonkeyPatch
):
    st.cache_data.clear()
    calls = []
    real = Classifier.probabilities

    def probabilities(classifier: Classifier, pixels: np.ndarray) -> np.ndarray:
        calls.append(len(pixels))
        return real(classifier, pixels)

    monkeypatch.setattr(Classifier, "probabilities", probabilities)
    app.query_params["show"], app.query_params["picture"] = "First images", "12"
    app.run()
    shown = image_count(app)
    calls.clear()
    app.toggle(key="cover parts").set_value(True)
    reopen_image(app, 12)
    assert image_count(app) == shown + 2
    assert 1 < sum(calls) <= 65 and max(calls) <= MAX_REQUEST
    calls.clear()
    reopen_image(app, 12)
    assert not calls


def test_a_busy_server_shows_no_evidence(
    app: AppTest, results: Results, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(evidence, "BATCHER", MicroBatcher(max_queued=0))
    app.query_params["show"], app.query_params["picture"] = "First images", "12"
    app.run()
    assert not app.exception
    assert BUSY in [warning.value for warning in app.warning]


def neighbor_gallery(app: AppTest) -> list[str]:
    """The gallery of most similar training images as JSON, if it is shown."""
    found = app.get("bidi_component")
    return [component.proto.json for component in found if "gallery like" in component.proto.id]


def test_known_similar_training_images_are_shown_at_once(app: AppTest, shipped: Path):
    indices = np.zeros((10_000, 8), np.uint16)
    indices[12] = range(4711, 4719)
    cache.save(sha256(shipped), {"indices": indices}, embedding.NEIGHBOR_PART)
    app.query_params["show"], app.query_params["picture"] = "First images", "12"
    app.run()
    assert not app.exception
    (shown,) = neighbor_gallery(app)
    assert all(f"Training image {n}" in shown for n in range(4711, 4719))


def reopen_image(app: AppTest, number: int) -> AppTest:
    """Rerun the page with the panel of an image open."""
    app.query_params["picture"] = str(number)
    app.session_state["results link"] = ""
    app.run()
    assert not app.exception
    return app


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Passes stop after about 600 of the first 1,000 images, until this event is set.

    They wait between two batches, not on the thread that all computation shares: a view may need
    it meanwhile, as Distinct units does.
    """
    proceed, calls, outputs = threading.Event(), count(), backend.outputs

    def gated(run: Any, pixels: np.ndarray, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        def run_gated(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            if next(calls) * batch > 600:
                proceed.wait(PATIENCE)
            result: tuple[torch.Tensor, torch.Tensor] = run(images)
            return result

        return outputs(run_gated, pixels, batch)

    monkeypatch.setattr(backend, "outputs", gated)
    monkeypatch.setattr(full_pass, "load_split", lambda train: load_split(train=train).head(1_000))
    yield proceed
    proceed.set()


def test_views_fill_while_the_test_set_is_evaluated(shipped: Path, paused: threading.Event):
    app = open_page(PAGE)
    wait_for(lambda: "first 500" in page_text(app.run()), "no partial results")
    assert re.search(r"500 of 10,000, about .* left\.", progress(app))
    for name in views.VIEWS:
        select_view(app, name)
        assert "first 500" in page_text(app) and app.metric[0].label == "Test accuracy"
    select_view(app, "First images")
    reopen_image(app, 499)
    assert "Test image 499, labeled" in page_text(app)
    app.query_params["picture"] = "600"
    assert "Test image 600" not in page_text(app.run())
    paused.set()
    wait_for(lambda: not progress(app.run()), "not complete")
    text = page_text(reopen_image(app, 600))
    assert "Test image 600, labeled" in text and "of 10,000 test images" not in text
    results = predictions.load(sha256(shipped))
    assert results is not None and app.metric[0].value == percent(results.accuracy, 2)


def test_similar_training_images_are_found_on_demand_and_shown_meanwhile(
    app: AppTest, shipped: Path, tiny_model: AlexNet, paused: threading.Event
):
    features = torch.rand(10_000, feature_count(tiny_model))
    cache.save(sha256(shipped), asdict(embedding.fit(features)), embedding.PART)
    app.query_params["show"], app.query_params["picture"] = "First images", "12"
    app.run()
    assert not neighbor_gallery(app)
    click(app, "Show most similar training images")
    wait_for(lambda: neighbor_gallery(reopen_image(app, 12)), "no partial results")
    assert re.search(r"(250|500) of 60,000, about .* left\.", progress(app))
    paused.set()
    wait_for(lambda: not progress(reopen_image(app, 12)), "not complete")
    neighbors = embedding.load_neighbors(sha256(shipped))
    assert neighbors is not None and neighbors.shape == (10_000, 8)
    assert all(f"Training image {n}" in neighbor_gallery(app)[0] for n in neighbors[12])


def test_images_are_selected_on_the_map_and_forged_selections_ignored(
    app: AppTest, results: Results
):
    app.session_state["results map"] = {"chosen": [3, 1, "x", -5, 10_000_000, 2]}
    select_view(app, "Map")
    wrong = int((~results.correct[1:4]).sum())
    assert f"3 images selected**, {wrong:,} of them" in page_text(app)
    app.session_state["results map"] = {"chosen": "123"}
    app.run()
    assert not app.exception
    assert "images selected" not in page_text(app)


def map_data(app: AppTest) -> dict | None:
    """The data of the map's component; None if there is none."""
    found = [c for c in app.get("bidi_component") if "results map" in c.proto.id]
    return json.loads(found[0].proto.json) if found else None


def test_a_link_opens_the_cached_tsne_map(app: AppTest, results: Results, shipped: Path):
    points = np.random.default_rng(0).normal(size=(10_000, 2)).astype(np.float32)
    cache.save(sha256(shipped), {"points": points}, "map")
    app.query_params["show"], app.query_params["map"] = "Map", "t-SNE"
    app.run()
    assert not app.exception
    tsne = map_data(app)
    assert tsne is not None
    # Rescaled only; the vertical axis points up.
    across, down = (np.corrcoef(tsne[axis], points[:, n])[0, 1] for n, axis in enumerate("xy"))
    assert (across, down) == (pytest.approx(1, abs=1e-4), pytest.approx(-1, abs=1e-4))
    assert 0 <= min(tsne["x"]) < max(tsne["x"]) <= 1
    app.segmented_control(key="map").set_value("PCA").run()
    pca = map_data(app)
    assert pca is not None and pca["x"] != tsne["x"]
    assert "of the variance" in page_text(app)


def test_an_unknown_map_in_a_link_falls_back_to_pca(app: AppTest):
    app.query_params["show"], app.query_params["map"] = "Map", "../etc"
    app.run()
    assert not app.exception
    assert app.session_state["map"] == "PCA"


def test_the_tsne_map_is_computed_in_the_background_and_cached(
    app: AppTest, shipped: Path, monkeypatch: pytest.MonkeyPatch
):
    proceed = threading.Event()

    def tsne(points: np.ndarray) -> np.ndarray:
        proceed.wait(PATIENCE)
        return points[:, ::-1][:, :2]

    monkeypatch.setattr(embedding, "tsne_seconds", lambda points: 77.0)
    monkeypatch.setattr(embedding, "tsne", tsne)
    select_view(app, "Map")
    app.segmented_control(key="map").set_value("t-SNE").run()
    try:
        wait_for(lambda: "1 min 17 s" in progress(app.run()), "no estimate of the time")
        assert map_data(app) is None
    finally:
        proceed.set()
    wait_for(lambda: map_data(app.run()), "no map")
    cached = embedding.load_tsne(sha256(shipped))
    assert cached is not None and cached.shape == (10_000, 2)


def test_a_failed_map_shows_the_error(app: AppTest, monkeypatch: pytest.MonkeyPatch):
    def broken(points: np.ndarray) -> float:
        raise MemoryError

    monkeypatch.setattr(embedding, "tsne_seconds", broken)
    select_view(app, "Map")
    app.segmented_control(key="map").set_value("t-SNE").run()
    wait_for(lambda: app.run().error, "no error")
    assert app.error[0].value == "MemoryError"
    assert any(button.label == "Try again" for button in app.button)


def progress(app: AppTest) -> str:
    """The text of the progress bar; empty if there is none."""
    bars = app.get("progress")
    return bars[0].proto.text if bars else ""


def test_more_images_are_shown_on_demand(app: AppTest, results: Results):
    select_view(app, "Mistakes")
    left = len(results.mistakes()) - test_images.PAGE
    click(app, f"Show more ({left:,} left)")
    app.run()
    click(app, f"Show more ({left - test_images.PAGE:,} left)")


def test_two_models_are_compared(app: AppTest, results: Results, runs_dir: Path, tiny_model):
    run = Run(runs_dir / "20260101-000000-quick-aa")
    run.best.parent.mkdir(parents=True)
    (run.directory / "config.json").write_text('{"recipe": "quick"}')
    checkpoint.save_weights(run.best, tiny_model, {"epoch": 2})
    other = cache_results(run.best, random_results(2))
    select_view(app, "Compare")
    assert f"{len(results.disagreements(other)):,} images" in page_text(app)
    assert percent(other.accuracy, 2) in page_text(app)


def test_with_one_model_there_is_nothing_to_compare(app: AppTest):
    select_view(app, "Compare")
    assert "no second model" in app.info[0].value


def test_without_a_model_the_page_offers_to_train_one(shipped: Path):
    shipped.unlink()
    assert "No model yet" in open_page(PAGE).subheader[0].value


def test_a_failed_evaluation_shows_the_error_and_can_be_retried(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(train: bool) -> None:
        raise RuntimeError("damaged")

    with monkeypatch.context() as patched:
        patched.setattr(full_pass, "load_split", broken)
        app = open_page(PAGE)
        wait_for(lambda: app.run().error, "no error")
        assert app.error[0].value == "damaged"
    cache_results(shipped, random_results(1))
    click(app, "Try again")
    assert app.run().metric


@pytest.mark.parametrize("number", ["9" * 5_000, "-1", "1e3", "<b>", "10000"])
def test_a_link_to_no_image_opens_none(app: AppTest, number: str):
    app.query_params["picture"] = number
    app.query_params["show"] = number
    app.query_params["model"] = number
    app.run()
    assert not app.exception and not app.error
    assert "results open" not in app.session_state


def test_distinct_units_are_counted_per_layer(app: AppTest, shipped: Path):
    model, info = checkpoint.load_weights(shipped)
    with torch.no_grad():
        filters = model.get_parameter("net.conv2.weight")
        filters[1] = filters[0]
    checkpoint.save_weights(shipped, model, info)
    cache_results(shipped, random_results(1))
    select_view(app, "Distinct units")
    table = app.dataframe[0].value.set_index("Layer")
    assert list(table.index) == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"]
    assert table["Units"].tolist() == [
        len(model.get_parameter(f"net.{n}.bias")) for n in table.index
    ]
    assert table["Distinct"]["conv2"] == table["Units"]["conv2"] - 1
    assert table["Share"]["conv2"] == pytest.approx(100 - 100 / table["Units"]["conv2"])


@pytest.fixture
def copies(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> AlexNet:
    """The included model, of which a filter of conv2 is a copy of another."""
    monkeypatch.setattr(passes, "FIRST_IMAGES", 48)
    model, info = checkpoint.load_weights(shipped)
    with torch.no_grad():
        for name in ("weight", "bias"):
            parameter = model.get_parameter(f"net.conv2.{name}")
            parameter[1] = parameter[0]
    checkpoint.save_weights(shipped, model, info)
    cache_results(shipped, random_results(1))
    return model


def test_the_threshold_decides_what_counts_as_a_copy(app: AppTest, copies: AlexNet):
    app.query_params["cosine"] = "99"
    select_view(app, "Distinct units")
    assert app.slider[0].value == 99
    total = sum(len(copies.get_parameter(f"net.{n}.bias")) for n in app.dataframe[0].value["Layer"])
    assert f"**{total - 1:,} of {total:,} units** are distinct" in page_text(app)
    app.slider[0].set_value(90).run()
    assert "cosine" not in app.query_params
    app.slider[0].set_value(50).run()
    assert not app.exception and app.query_params["cosine"] == "50"


def test_the_threshold_is_at_first_that_of_distinct_units(
    app: AppTest, copies: AlexNet, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(distinct_units, "COPY_COSINE", 0.8)
    select_view(app, "Distinct units")
    assert app.slider[0].value == 80 and "cosine" not in app.query_params


@pytest.mark.parametrize("cosine", ["", "7", "100", "-1", "x"])
def test_a_link_with_another_threshold_opens_the_view(app: AppTest, cosine: str):
    app.query_params["cosine"] = cosine
    select_view(app, "Distinct units")
    assert app.slider[0].value in (50, 90)
    assert "no copies to merge" in page_text(app)


def test_copies_are_merged_and_the_accuracy_holds(app: AppTest, copies: AlexNet):
    select_view(app, "Distinct units")
    click(app, "Merge copies and evaluate")
    wait_for(lambda: "Merging removes 1 of" in page_text(app.run()), "not evaluated")
    whole, merged = app.dataframe[1].value.to_dict("records")
    assert (whole["Cosine"], merged["Cosine"]) == ("none", "0.90")
    assert whole["Units"] - merged["Units"] == 1
    inputs = copies.get_parameter("net.conv2.weight").shape[1]
    gone = 25 * inputs + 1 + 9 * len(copies.get_parameter("net.conv3.bias"))
    assert whole["Parameters"] - merged["Parameters"] == gone
    assert merged["Accuracy"] == whole["Accuracy"] and merged["Same prediction"] == 100
    app.slider[0].set_value(95).run()
    assert "Merging removes" not in page_text(app)
    assert len(app.dataframe[1].value) == 2
