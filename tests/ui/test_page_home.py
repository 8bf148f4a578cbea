"""Home: what it says and offers with and without a model, a run, and the data."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo.data import fashion_mnist
from alexnet_demo.jobs import actions
from alexnet_demo.runs.history import NUMBERS
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import article, paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.widgets import sample_images
from tests.support.pages import open_page, page_text

QUICK = "Start a quick run"


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Empty folders for runs and weights, and a start of training that is only noted down."""
    asked: list[TrainConfig] = []

    def start(settings: TrainConfig, **_: object) -> actions.Outcome:
        asked.append(settings)
        return actions.Outcome(False, "The device is taken.")

    found = SimpleNamespace(runs=tmp_path / "runs", weights=tmp_path / "weights", asked=asked)
    found.weights.mkdir()
    monkeypatch.setattr(paths, "RUNS_DIR", found.runs)
    monkeypatch.setattr(paths, "WEIGHTS_DIR", found.weights)
    monkeypatch.setattr(actions, "start", start)
    return found


def home() -> AppTest:
    return open_page("app.py")


def labels(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


def finished_run(runs: Path, accuracies: tuple[float, ...] = (0.71, 0.84)) -> Path:
    """A run directory as the trainer leaves it."""
    directory = runs / "20250101-120000-quick-abcd"
    (directory / "checkpoints").mkdir(parents=True)
    settings = TrainConfig.from_recipe("quick", epochs=max(1, len(accuracies)))
    (directory / "config.json").write_text(json.dumps(settings.to_json()))
    events = [{"event": "start", "time": 0, "step": 0}]
    events += [
        {
            **dict.fromkeys(NUMBERS["epoch"], 1.0),
            "event": "epoch",
            "time": n,
            "step": n,
            "epoch": n,
            "test_accuracy": a,
        }
        for n, a in enumerate(accuracies, 1)
    ]
    events.append({"event": "end", "time": 9, "reason": "finished"})
    (directory / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    return directory


def test_says_what_it_is_and_that_there_is_no_model() -> None:
    at = home()
    assert at.title[0].value == "Teach a network to recognize clothing"
    assert "No trained model yet" in page_text(at)
    assert labels(at) == [QUICK]


def test_one_click_asks_for_the_quick_recipe_and_a_refusal_is_shown(
    places: SimpleNamespace,
) -> None:
    at = home()
    at.button[0].click().run()
    assert places.asked == [TrainConfig.from_recipe("quick")]
    assert [w.value for w in at.warning] == ["The device is taken."]


def test_shipped_weights_lead_to_predict(places: SimpleNamespace) -> None:
    (places.weights / paths.SHIPPED_WEIGHTS).write_bytes(b"")
    at = home()
    assert "included model" in page_text(at)
    assert labels(at) == ["Try it on an image", QUICK]


def test_a_finished_run_is_shown_here_and_in_the_sidebar(places: SimpleNamespace) -> None:
    directory = finished_run(places.runs)
    (directory / "checkpoints" / "best.safetensors").write_bytes(b"")
    at = home()
    assert "You trained it" in page_text(at)
    line = "2 of 2 epochs done · best test accuracy 84.0%"
    assert line in page_text(at)
    assert line in [c.value for c in at.sidebar.caption]


def test_a_run_without_a_checkpoint_is_no_model(places: SimpleNamespace) -> None:
    finished_run(places.runs, accuracies=())
    assert "No trained model yet" in page_text(home())


def test_a_run_under_way_is_the_thing_to_watch(
    places: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_run(places.runs)
    monkeypatch.setattr(Run, "state", "running")
    at = home()
    assert "Training in progress" in page_text(at)
    assert labels(at) == ["Watch training"]
    (places.weights / paths.SHIPPED_WEIGHTS).write_bytes(b"")
    at = home()
    assert "Training in progress" in page_text(at) and "A trained model is ready" in page_text(at)
    assert labels(at) == ["Try it on an image", "Watch training"]


def test_a_paused_run_can_be_gone_on_with(places: SimpleNamespace) -> None:
    directory = finished_run(places.runs, accuracies=())
    events = directory / "events.jsonl"
    events.write_text(events.read_text().replace('"finished"', '"paused"'))
    (directory / "checkpoints" / "last.safetensors").write_bytes(b"")
    at = home()
    assert "Paused. You can resume it on Train." in page_text(at)
    assert labels(at) == [QUICK, "Resume"]


def test_ten_pictures_with_alternative_texts() -> None:
    strip = sample_images.class_strip()
    assert strip.count("<img ") == 10
    for name in article.CLASSES:
        assert f"image from Fashion-MNIST: {name}" in strip


def test_pictures_are_of_the_class_they_are_named_for() -> None:
    from alexnet_demo.data.splits import load_split

    test = load_split(train=False)
    samples = fashion_mnist.first_of_each_class()
    assert [sample.label for sample in samples] == list(range(10))
    for sample in samples:
        assert test.labels[sample.number] == sample.label
        assert (test.images[sample.number].numpy() == sample.pixels).all()


def test_without_the_data_the_page_does_without_pictures(
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
