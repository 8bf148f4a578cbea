"""Home with and without a model, a run, and the dataset."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo.data import fashion_mnist
from alexnet_demo.jobs import actions
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import article, paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.widgets import sample_images
from tests.support.pages import open_page, page_text
from tests.support.runs import canned_run

QUICK, RUN = "Start a quick run", "20250101-120000-quick-abcd"
home = partial(open_page, "app.py")


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Empty folders for runs and weights, and a start that only records its settings."""
    started: list[TrainConfig] = []

    def start(settings: TrainConfig, **_: object) -> actions.Outcome:
        started.append(settings)
        return actions.Outcome(False, "The device is busy.")

    folders = SimpleNamespace(runs=tmp_path / "runs", weights=tmp_path / "weights", started=started)
    folders.weights.mkdir()
    monkeypatch.setattr(paths, "RUNS_DIR", folders.runs)
    monkeypatch.setattr(paths, "WEIGHTS_DIR", folders.weights)
    monkeypatch.setattr(actions, "start", start)
    return folders


def labels(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


def test_without_a_model_home_offers_a_quick_run() -> None:
    at = home()
    assert at.title[0].value == "Teach a network to recognize clothing"
    assert "No trained model yet" in page_text(at)
    assert labels(at) == [QUICK]


def test_a_quick_run_has_the_quick_recipe_and_shows_a_refusal(places: SimpleNamespace) -> None:
    at = home()
    at.button[0].click().run()
    assert places.started == [TrainConfig.from_recipe("quick")]
    assert [w.value for w in at.warning] == ["The device is busy."]


def test_the_included_model_leads_to_predict(places: SimpleNamespace) -> None:
    (places.weights / paths.SHIPPED_WEIGHTS).write_bytes(b"")
    at = home()
    assert "included model" in page_text(at)
    assert labels(at) == ["Try it on an image", QUICK]


def test_a_finished_run_is_shown_on_the_page_and_in_the_sidebar(places: SimpleNamespace) -> None:
    canned_run(places.runs, RUN, (0.71, 0.84)).best.write_bytes(b"")
    at = home()
    results = "best validation accuracy 84.0% of 2,000, test accuracy 83.0% of 2,000"
    assert f"You trained it: {results}." in page_text(at)
    line = f"2 of 2 epochs done · {results.replace(', t', ' · t')}"
    assert line in page_text(at)
    assert line in [c.value for c in at.sidebar.caption]


def test_a_run_without_a_checkpoint_is_not_a_model(places: SimpleNamespace) -> None:
    canned_run(places.runs, RUN)
    assert "No trained model yet" in page_text(home())


def test_an_active_run_can_be_watched(
    places: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    canned_run(places.runs, RUN, (0.71, 0.84))
    monkeypatch.setattr(Run, "state", "running")
    at = home()
    assert "Training in progress" in page_text(at)
    assert labels(at) == ["Watch training"]
    (places.weights / paths.SHIPPED_WEIGHTS).write_bytes(b"")
    at = home()
    assert "Training in progress" in page_text(at) and "A trained model is ready" in page_text(at)
    assert labels(at) == ["Try it on an image", "Watch training"]


def test_a_paused_run_can_be_resumed(places: SimpleNamespace) -> None:
    canned_run(places.runs, RUN, end="paused").last.write_bytes(b"")
    at = home()
    assert "You can resume it on Train" in page_text(at)
    assert labels(at) == [QUICK, "Resume"]


def test_the_strip_has_ten_images_with_alt_text() -> None:
    strip = sample_images.class_strip()
    assert strip.count("<img ") == 10
    for name in article.CLASSES:
        assert f"image from Fashion-MNIST: {name}" in strip


def test_sample_images_have_the_right_label() -> None:
    from alexnet_demo.data.splits import load_split

    test = load_split(train=False)
    samples = fashion_mnist.first_of_each_class()
    assert [sample.label for sample in samples] == list(range(10))
    for sample in samples:
        assert test.labels[sample.number] == sample.label
        assert (test.images[sample.number].numpy() == sample.pixels).all()


def test_without_the_dataset_there_are_no_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fashion_mnist, "RAW", tmp_path)
    fashion_mnist._first_of_each_class.cache_clear()
    sample_images.class_strip.clear()
    try:
        assert sample_images.class_strip() == ""
        home()
    finally:
        fashion_mnist._first_of_each_class.cache_clear()
        sample_images.class_strip.clear()
