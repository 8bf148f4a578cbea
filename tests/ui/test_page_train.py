"""The Train page's form: settings, estimate, link, data preview, learning-rate test."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from alexnet_demo.common.access import Outcome
from alexnet_demo.common.files import write_json
from alexnet_demo.common.text import percent
from alexnet_demo.jobs import actions, lr_tests, processes
from alexnet_demo.jobs.lr_tests import LrTest
from alexnet_demo.runs.store import list_runs
from alexnet_demo.settings import recipes
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.train import cost, form_state
from alexnet_demo.ui.train.data_preview import augmentation
from alexnet_demo.ui.widgets.markdown import plain
from tests.support.pages import open_page, page_text
from tests.support.runs import canned_run
from tests.support.waiting import wait_for

page = partial(open_page, "pages/1_Train.py")


def query(at: AppTest, name: str) -> str:
    """A parameter of the address, which is a list if the page has written it."""
    value = at.query_params[name]
    return value if isinstance(value, str) else value[0]


def test_the_form_starts_with_the_articles_settings(runs_dir, measured):
    at = page()
    assert at.number_input(key="form epochs").value == 10
    assert at.number_input(key="form lr").value == 0.1
    assert not at.button(key="start").disabled
    assert not at.dataframe


def test_a_long_estimate_on_a_cpu_comes_with_a_shorter_run(runs_dir, measured):
    at = page()
    # 10 × (469 × (128 × 0.05 + 0.1) + 10,000 × 0.02) s
    assert "**54 min 08 s** per epoch, **9 h 01 min** in total" in page_text(at)
    assert "No GPU was found" in page_text(at)
    at.button(key="use quick").click().run()
    assert at.number_input(key="form width").value == TrainConfig.from_recipe("quick").width
    assert re.search(r"\*\*([45]\d|1 min [01]\d) s\*\* in total", page_text(at))
    assert "No GPU was found" not in page_text(at)


def test_an_invalid_value_disables_start_and_names_the_range(runs_dir, measured):
    at = page()
    at.number_input(key="form batch_size").set_value(0).run()
    assert "Batch size" in at.error[0].value and "4,096" in at.error[0].value
    assert at.button(key="start").disabled
    at.number_input(key="form batch_size").set_value(64).run()
    assert not at.error
    assert not at.button(key="start").disabled


def test_every_invalid_value_has_its_own_error(runs_dir, measured):
    at = page()
    at.number_input(key="form batch_size").set_value(0)
    at.number_input(key="form dropout").set_value(1.5)
    at.checkbox(key="form nesterov").check()
    at.text_input(key="form grow").set_value("a quarter").run()
    names = ("Batch size", "Nesterov", "Dropout", "Growth")
    assert all(e.value.startswith(name) for e, name in zip(at.error, names, strict=True))


def test_an_invalid_momentum_is_one_error():
    values = {**TrainConfig.from_recipe("fast").to_json(), "momentum": 2.0}
    (error,) = form_state.errors(values)
    assert "Momentum" in error and "0.999" in error


def test_the_form_has_a_field_for_every_setting(runs_dir, measured, monkeypatch):
    gpus = {"cuda:0": "A GPU (80 GB)", "cuda:1": "A GPU (80 GB)"}
    kinds = ("number_input", "checkbox", "selectbox", "text_input", "segmented_control")

    def shown() -> set[str]:
        at = page()
        return {str(e.key).removeprefix("form ") for kind in kinds for e in getattr(at, kind)}

    settings = set(TrainConfig().to_json()) - {"lr_scale"}  # only for a paused run
    assert settings - shown() == {"devices"}
    monkeypatch.setattr(cost, "DEVICES", gpus)
    assert not settings - shown()


def test_a_run_of_hours_needs_a_confirmation(runs_dir, measured):
    at = page()
    assert at.button(key="start").label == "Start anyway"
    assert "This takes about **9 h 01 min**" in page_text(at)
    at.button(key="use fast instead").click().run()
    assert at.text_input(key="form grow").value == TrainConfig.from_recipe("fast").grow
    at.button(key="use quick").click().run()
    assert at.button(key="start").label == "Start training"


def test_each_set_of_widths_is_measured_once(monkeypatch):
    measured_grow: list[str] = []

    def probe(settings: TrainConfig, **_: Any) -> dict[str, Any]:
        measured_grow.append(settings.grow)
        return {"devices": [], "speeds": []}

    monkeypatch.setattr(processes, "probe", probe)
    st.cache_resource.clear()
    for grow in ("", "0.5:0.5", "0.5:0.1", "0.25:0.5"):
        settings = TrainConfig(grow=grow)
        wait_for(partial(cost.probe, settings), 5, "no measurement")
    assert measured_grow == ["", "0.5:0.5", "0.25:0.5"]  # shares change nothing


def test_a_failed_measurement_is_cached_then_retried(monkeypatch):
    requests: list[TrainConfig] = []

    def failing(settings: TrainConfig, **_: Any) -> dict[str, Any]:
        requests.append(settings)
        return {"error": "No such device."}

    monkeypatch.setattr(processes, "probe", failing)
    st.cache_resource.clear()
    settings = TrainConfig()
    for _ in range(20):
        result = wait_for(lambda: cost.probe(settings), 5, "no measurement")
        assert result["error"] == "No such device."
    assert len(requests) == 1
    monkeypatch.setattr(cost, "RETRY_SECONDS", 0.0)
    wait_for(lambda: cost.probe(settings) or len(requests) > 1, 5, "no second measurement")
    wait_for(lambda: len(requests) > 1, 5, "no second measurement")


def test_start_passes_the_forms_settings_and_shows_a_refusal(runs_dir, measured, monkeypatch):
    started: list[TrainConfig] = []

    def refuse(settings: TrainConfig, _seconds: float | None, **_: Any) -> Outcome:
        started.append(settings)
        return Outcome(False, "The device is busy.")

    monkeypatch.setattr(actions, "start", refuse)
    at = page(recipe="quick")
    at.number_input(key="form epochs").set_value(2)
    at.number_input(key="form seed").set_value(5)
    at.button(key="start").click().run()
    assert started == [TrainConfig.from_recipe("quick", epochs=2, seed=5)]
    assert plain("The device is busy.") in page_text(at)


def test_a_link_fills_the_form_and_the_address_follows(runs_dir, measured):
    at = page(recipe="fast", epochs="3", width="0.25", nesterov="false", seed="7", grow="")
    values = {name: at.session_state[f"form {name}"] for name in TrainConfig().to_json()}
    fast = TrainConfig.from_recipe("fast", epochs=3, width=0.25, nesterov=False, seed=7, grow="")
    assert TrainConfig(**values) == fast
    at.number_input(key="form epochs").set_value(4).run()  # the recipe's value
    assert "epochs" not in at.query_params
    assert (query(at, "seed"), query(at, "recipe")) == ("7", "fast")
    at.segmented_control(key="form recipe").set_value("quick").run()
    assert query(at, "recipe") == "quick" and "width" not in at.query_params
    assert at.number_input(key="form epochs").value == TrainConfig.from_recipe("quick").epochs


def test_a_link_ignores_invalid_types_and_reports_values_out_of_range(runs_dir, measured):
    at = page(
        recipe="miracle", epochs="0", lr="nan", batch_size="1e3", momentum="9" * 5000, norm="maybe",
        schedule="zigzag", device="cuda:9", lr_scale="5", grow="[here](http://example.com)",
    )  # fmt: skip
    form = {name: at.session_state[f"form {name}"] for name in TrainConfig().to_json()}
    assert form | {"epochs": 10, "grow": ""} == TrainConfig().to_json()
    epochs, growth = (error.value for error in at.error)
    assert "Epochs" in epochs and "1,000" in epochs
    assert "not '" + plain("[here](http://example.com)") in growth
    assert at.button(key="start").disabled


@pytest.mark.parametrize("recipe", recipes.RECIPES)
def test_settings_survive_the_round_trip_through_a_link(recipe):
    odd = {"lr": 0.0123456789, "norm": True, "flip": False, "grow": "0.5:0.5", "patience": 3}
    for changes in ({}, odd):
        values = TrainConfig.from_recipe(recipe, **changes).to_json()
        read = form_state.from_link(form_state.to_link(values))
        assert read == {name: values[name] for name in read}
        assert set(values) - set(read) == set(form_state.MACHINE)
    assert form_state.to_link(TrainConfig().to_json()) == {}


def test_an_unknown_run_in_the_link_shows_the_form(runs_dir, measured):
    for run in ("../../etc", "a" * 5_000, "\0", "=1", ""):
        assert page(run=run, recipe=run).button(key="start")


def test_selecting_a_recipe_fills_the_form(runs_dir, measured):
    at = page()
    quick = TrainConfig.from_recipe("quick")
    at.segmented_control(key="form recipe").set_value("quick").run()
    assert at.number_input(key="form epochs").value == quick.epochs
    assert at.number_input(key="form momentum").value == quick.momentum


def test_a_recipe_shows_the_accuracy_of_recorded_runs(runs_dir, measured, recorded_dir):
    assert "Recorded run" not in page_text(page(recipe="quick"))
    run = canned_run(recorded_dir, "quick-here", [0.5, 0.81, 0.8], "finished")
    actions.label(run, "Quick look, recorded", "")
    lines = [json.loads(line) for line in run.events.read_text().splitlines()]
    for number, line in enumerate(lines):
        line["time"] = 60 * number
    run.events.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    at = page(recipe="quick")
    # One event a minute: start, then two per epoch, so epoch 2 ends at minute 4.
    accuracy = f"{percent(0.81)} validation accuracy"
    expected = f"Recorded run: {accuracy} after 4 min 00 s on Some CPU in fp32 (3 epochs)."
    assert plain(expected) in page_text(at)
    # One that held out no images trained on more of them.
    fast = TrainConfig.from_recipe("fast", validation=0)
    canned_run(recorded_dir, "fast-here", [0.9, 0.9, 0.9, 0.9], "finished", settings=fast)
    assert "90.0% test accuracy" in page_text(page(recipe="fast"))
    assert plain("(60,000 training images)") in page_text(page(recipe="fast"))
    # A narrower network does not count.
    write_json(run.directory / "config.json", {**run.config.to_json(), "width": 0.0625})
    assert "Recorded run" not in page_text(page(recipe="quick"))
    assert list_runs() == [] and not at.dataframe


def sheet(at: AppTest) -> str:
    """The preview as HTML; empty while it is closed."""
    return next((e.proto.body for e in at.get("html") if 'class="sheet"' in e.proto.body), "")


def test_the_data_preview_is_generated_once_it_is_open(runs_dir, measured):
    at = page(recipe="article")
    assert not sheet(at)
    at.session_state["trained on"] = True
    at.run(timeout=120)  # torch is imported here
    assert "40 of 40 unchanged<" in sheet(at)
    assert sheet(at).count("<img") == 40
    at.number_input(key="form drawings").set_value(0.5)
    at.number_input(key="form shift").set_value(2).run()
    assert "20 of 40 as line drawings" in sheet(at)
    assert "20 of 40 shifted by up to 2 of 28 pixels<" in sheet(at)
    before = sheet(at)
    at.button(key="other pictures").click().run()
    assert sheet(at).count("<img") == 40
    assert sheet(at) != before
    at.number_input(key="form photos").set_value(0.6).run()
    assert not sheet(at) and len(at.error) == 1, "no preview of invalid settings"
    assert not at.exception


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (TrainConfig(), "unchanged"),
        (
            TrainConfig.from_recipe("best", shift=3),
            "randomly mirrored, shifted by up to 3 of 28 pixels, partly erased",
        ),
    ],
)
def test_augmentation_in_words(settings, expected):
    assert augmentation(settings) == expected


def test_the_suggested_learning_rate_goes_into_the_form(runs_dir, measured, monkeypatch):
    trials = [{"lr": 10.0 ** (n / 9 - 3), "loss": 2.0, "smoothed": 2.1} for n in range(20)]
    requests: list[TrainConfig] = []

    def find(settings: TrainConfig, **_: Any) -> Outcome:
        requests.append(settings)
        return Outcome(True, "Started.", "aa")

    monkeypatch.setattr(lr_tests, "start_lr_test", find)
    monkeypatch.setattr(lr_tests, "read_lr_test", lambda _: LrTest(trials, 0.03, False, ""))
    at = page(recipe="quick")
    at.button(key="find lr").click().run()
    assert requests == [TrainConfig.from_recipe("quick")]
    assert at.button(key="use lr").label == "Use 0.03"
    at.button(key="use lr").click().run()
    assert at.number_input(key="form lr").value == 0.03
    monkeypatch.setattr(
        lr_tests, "read_lr_test", lambda _: LrTest([], None, False, "The loss diverged.")
    )
    assert at.run().error[0].value == "The loss diverged."


def test_cancel_stops_the_learning_rate_test(runs_dir, measured, monkeypatch):
    stopped: list[str] = []
    running = LrTest([], None, True, "")
    monkeypatch.setattr(lr_tests, "running_lr_test", lambda: None if stopped else "aa")
    monkeypatch.setattr(lr_tests, "read_lr_test", lambda _: None if stopped else running)
    monkeypatch.setattr(lr_tests, "stop_lr_test", lambda test_id, *, role: stopped.append(test_id))
    at = page()
    at.button(key="stop lr").click().run()
    assert stopped == ["aa"] and not at.exception
    assert at.button(key="find lr")


def test_a_refused_learning_rate_test_shows_the_reason(runs_dir, measured, monkeypatch):
    monkeypatch.setattr(
        lr_tests, "start_lr_test", lambda *_, **__: Outcome(False, "The device is busy.")
    )
    at = page()
    at.button(key="find lr").click().run()
    assert at.error[0].value == "The device is busy."
