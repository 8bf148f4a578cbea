"""The Train page on canned runs: form, cost, curves, history."""

from __future__ import annotations

import json
import os
import re
import shlex
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from alexnet_demo.common.access import Outcome
from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.common.text import percent
from alexnet_demo.export import report
from alexnet_demo.export.script import training_script
from alexnet_demo.figures.training import MAX_POINTS, compare_runs, downsample, training_curve
from alexnet_demo.jobs import actions, lr_tests, processes, queue
from alexnet_demo.jobs import queue as queue_
from alexnet_demo.jobs.lr_tests import LrTest
from alexnet_demo.runs import eta
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.history import NUMBERS, History
from alexnet_demo.runs.process_info import register
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import list_runs, prepare, queued_runs
from alexnet_demo.settings import paths, recipes
from alexnet_demo.settings.article import ARTICLE_TEST_ACCURACY
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.schedule import stages
from alexnet_demo.ui.train import cost, downloads, form_state, live
from alexnet_demo.ui.train.data_preview import augmentation
from alexnet_demo.ui.widgets.markdown import plain
from tests.support.pages import open_page, page_text
from tests.support.runs import canned_run
from tests.support.waiting import wait_for

SLOW = {
    "device": "cpu",
    "device_name": "Slow CPU",
    "precision": "fp32",
    "seconds_per_image": 0.05,
    "seconds_per_update": 0.1,
    "test_seconds_per_image": 0.02,
    "parameter_bytes": 374_000_000,
    "activation_bytes_per_image": 5_000_000,
    "base_bytes": 500_000_000,
}
DEVICES = [{"id": "cpu", "name": "Slow CPU", "memory": 8_000_000_000}]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of known speed, which grows as the network is narrowed."""

    def probe(settings: TrainConfig) -> dict[str, Any]:
        return {"devices": DEVICES, "speeds": [at(stage.width) for stage in stages(settings)]}

    def at(width: float) -> dict[str, Any]:
        factor = width**1.66
        return {k: v * factor if k.endswith("_image") else v for k, v in SLOW.items()} | {
            "width": width
        }

    monkeypatch.setattr(cost, "probe", probe)
    monkeypatch.setattr(cost, "DEVICES", {"cpu": "Slow CPU (8.0 GB)"})


@pytest.fixture
def recorded_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for recorded runs; none at first."""
    monkeypatch.setattr(paths, "RECORDED_DIR", tmp_path / "recorded")
    return tmp_path / "recorded"


def page(**query: str) -> AppTest:
    return open_page("pages/1_Train.py", **query)


def said(at: AppTest, name: str) -> str:
    """What the address says; a list where the page itself has written it."""
    value = at.query_params[name]
    return value if isinstance(value, str) else value[0]


def test_first_visit_shows_the_form_with_the_articles_settings(runs_dir, measured):
    at = page()
    assert at.number_input(key="form epochs").value == 10
    assert at.number_input(key="form lr").value == 0.1
    assert not at.button(key="start").disabled
    assert not at.dataframe


def test_a_cpu_is_told_what_it_costs_and_offered_one_minute(runs_dir, measured):
    at = page()
    # 10 × (469 × (128 × 0.05 + 0.1) + 10,000 × 0.02) s
    assert "**54 min 08 s** per epoch, **9 h 01 min** in total" in page_text(at)
    assert "No GPU was found" in page_text(at)
    at.button(key="use quick").click().run()
    assert at.number_input(key="form width").value == TrainConfig.from_recipe("quick").width
    assert re.search(r"\*\*([45]\d|1 min [01]\d) s\*\* in total", page_text(at))
    assert "No GPU was found" not in page_text(at)


def test_bad_values_are_refused_with_the_range(runs_dir, measured):
    at = page()
    at.number_input(key="form batch_size").set_value(0).run()
    assert at.error[0].value == "Batch size must be between 1 and 4,096, not 0."
    assert at.button(key="start").disabled
    at.number_input(key="form batch_size").set_value(64).run()
    assert not at.error
    assert not at.button(key="start").disabled


def test_every_bad_value_is_named_at_once(runs_dir, measured):
    at = page()
    at.number_input(key="form batch_size").set_value(0)
    at.number_input(key="form dropout").set_value(1.5)
    at.checkbox(key="form nesterov").check()
    at.text_input(key="form grow").set_value("a quarter").run()
    assert [error.value.split(" ", 2)[:2] for error in at.error] == [
        ["Batch", "size"],
        ["Nesterov's", "step"],
        ["Dropout", "must"],
        ["Growth", "must"],
    ]


def test_a_bad_momentum_is_one_error():
    values = {**TrainConfig.from_recipe("fast").to_json(), "momentum": 2.0}
    assert form_state.errors(values) == ["Momentum must be between 0 and 0.999, not 2."]


def test_every_setting_has_its_place(runs_dir, measured, monkeypatch):
    gpus = {"cuda:0": "A GPU (80 GB)", "cuda:1": "A GPU (80 GB)"}
    kinds = ("number_input", "checkbox", "selectbox", "text_input", "segmented_control")

    def shown() -> set[str]:
        at = page()
        return {str(e.key).removeprefix("form ") for kind in kinds for e in getattr(at, kind)}

    settings = set(TrainConfig().to_json()) - {"lr_scale"}  # that one is for a run that waits
    assert settings - shown() == {"devices"}
    monkeypatch.setattr(cost, "DEVICES", gpus)
    assert not settings - shown()


def test_a_training_of_hours_is_asked_about_first(runs_dir, measured):
    at = page()
    assert at.button(key="start").label == "Start anyway"
    assert "This takes about **9 h 01 min** on this machine." in page_text(at)
    at.button(key="use fast instead").click().run()
    assert at.text_input(key="form grow").value == TrainConfig.from_recipe("fast").grow
    at.button(key="use quick").click().run()
    assert at.button(key="start").label == "Start training"


def test_the_widths_of_a_growing_training_are_measured_apart(monkeypatch):
    asked: list[str] = []

    def probe(settings: TrainConfig, **_: Any) -> dict[str, Any]:
        asked.append(settings.grow)
        return {"devices": [], "speeds": []}

    monkeypatch.setattr(processes, "probe", probe)
    st.cache_resource.clear()
    for grow in ("", "0.5:0.5", "0.5:0.1", "0.25:0.5"):
        settings = TrainConfig(grow=grow)
        wait_for(partial(cost.probe, settings), 5, "no answer")
    assert asked == ["", "0.5:0.5", "0.25:0.5"]  # shares change nothing


def test_start_hands_over_exactly_the_form(runs_dir, measured, monkeypatch):
    given: list[TrainConfig] = []

    def refuse(settings: TrainConfig, _seconds: float | None, **_: Any) -> Outcome:
        given.append(settings)
        return Outcome(False, "The device is busy.")

    monkeypatch.setattr(actions, "start", refuse)
    at = page(recipe="quick")
    at.number_input(key="form epochs").set_value(2)
    at.number_input(key="form seed").set_value(5)
    at.button(key="start").click().run()
    assert given == [TrainConfig.from_recipe("quick", epochs=2, seed=5)]
    assert plain("The device is busy.") in page_text(at)


def test_a_failed_measurement_is_shown_and_tried_again_later(monkeypatch):
    asked: list[TrainConfig] = []

    def failing(settings: TrainConfig, **_: Any) -> dict[str, Any]:
        asked.append(settings)
        return {"error": "No such device."}

    monkeypatch.setattr(processes, "probe", failing)
    st.cache_resource.clear()
    settings = TrainConfig()
    for _ in range(20):
        answer = wait_for(lambda: cost.probe(settings), 5, "no answer")
        assert answer["error"] == "No such device."
    assert len(asked) == 1
    monkeypatch.setattr(cost, "RETRY_SECONDS", 0.0)
    wait_for(lambda: cost.probe(settings) or len(asked) > 1, 5, "not tried again")
    wait_for(lambda: len(asked) > 1, 5, "not tried again")


def test_a_link_fills_the_form_and_the_address_follows_it(runs_dir, measured):
    at = page(recipe="fast", epochs="3", width="0.25", nesterov="false", seed="7", grow="")
    values = {name: at.session_state[f"form {name}"] for name in TrainConfig().to_json()}
    fast = TrainConfig.from_recipe("fast", epochs=3, width=0.25, nesterov=False, seed=7, grow="")
    assert TrainConfig(**values) == fast
    at.number_input(key="form epochs").set_value(4).run()  # as the recipe has it
    assert "epochs" not in at.query_params
    assert (said(at, "seed"), said(at, "recipe")) == ("7", "fast")
    at.segmented_control(key="form recipe").set_value("quick").run()
    assert said(at, "recipe") == "quick" and "width" not in at.query_params
    assert at.number_input(key="form epochs").value == TrainConfig.from_recipe("quick").epochs


def test_a_link_with_nonsense_is_passed_over_and_what_cannot_be_is_said(runs_dir, measured):
    at = page(
        recipe="miracle", epochs="0", lr="nan", batch_size="1e3", momentum="9" * 5000, norm="maybe",
        schedule="zigzag", device="cuda:9", lr_scale="5", grow="[here](http://example.com)",
    )  # fmt: skip
    form = {name: at.session_state[f"form {name}"] for name in TrainConfig().to_json()}
    kept = form | {"epochs": 10, "grow": ""}
    assert kept == TrainConfig().to_json()
    epochs, growth = (error.value for error in at.error)
    assert epochs == "Epochs must be between 1 and 1,000, not 0."
    assert "not '" + plain("[here](http://example.com)") in growth
    assert at.button(key="start").disabled


@pytest.mark.parametrize("recipe", recipes.RECIPES)
def test_what_the_address_says_is_read_back_the_same(recipe):
    odd = {"lr": 0.0123456789, "norm": True, "flip": False, "grow": "0.5:0.5", "patience": 3}
    for changes in ({}, odd):
        values = TrainConfig.from_recipe(recipe, **changes).to_json()
        read = form_state.from_link(form_state.to_link(values))
        assert read == {name: values[name] for name in read}
        assert set(values) - set(read) == set(form_state.MACHINE)
    assert form_state.to_link(TrainConfig().to_json()) == {}


def test_changing_the_recipe_fills_the_form(runs_dir, measured):
    at = page()
    quick = TrainConfig.from_recipe("quick")
    at.segmented_control(key="form recipe").set_value("quick").run()
    assert at.number_input(key="form epochs").value == quick.epochs
    assert at.number_input(key="form momentum").value == quick.momentum


def sheet(at: AppTest) -> str:
    """The sheet of training pictures as HTML; empty while it is closed."""
    return next((e.proto.body for e in at.get("html") if 'class="sheet"' in e.proto.body), "")


def test_what_a_recipe_trains_on_is_made_once_it_is_opened(runs_dir, measured):
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
    assert not sheet(at) and len(at.error) == 1, "no sheet of settings that cannot be"
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
def test_changes_of_plain_pictures_in_words(settings, expected):
    assert augmentation(settings) == expected


def test_a_run_is_shown_whole(runs_dir, measured):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5, 0.81, 0.8], "finished")
    at = page(run=run.id)
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown["Best test accuracy"] == percent(0.81, 2)
    assert shown["Peak memory"] == "1.0 GB"
    # The last epoch's, as in the table and the files, not the last batches'.
    assert (shown["Train accuracy"], shown["Train loss"]) == ("82.0%", "0.480")
    assert "Some CPU in fp32, ⅛ width, 7 parameters" in page_text(at)
    table = at.dataframe[0].value
    assert table["Best"].tolist() == pytest.approx([81.0])
    assert table["Epochs"].tolist() == ["3 of 3"]
    at.button(key="new training").click().run()
    assert at.button(key="start")


def test_a_killed_run_says_so_and_offers_resume(runs_dir, measured):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5], None)
    run.last.write_bytes(b"state")
    at = page(run=run.id)
    assert "killed or ran out of memory" in page_text(at)
    assert at.button(key="control Resume")


def test_a_stopped_run_says_that_it_can_go_on(runs_dir, measured):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5], "stopped")
    run.last.write_bytes(b"state")
    assert "Stopped. Everything is saved; select Resume to continue." in page_text(page(run=run.id))


def test_a_paused_run_stands_above_the_form(runs_dir, measured, monkeypatch):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5], "paused")
    run.last.write_bytes(b"state")
    resumed: list[str] = []

    def resume(run: Run, **_: Any) -> Outcome:
        resumed.append(run.id)
        return Outcome(True, "Training goes on.")

    monkeypatch.setattr(actions, "resume", resume)
    at = page()
    keys = [button.key for button in at.main.button]
    assert keys.index("resume waiting") < keys.index("start")
    at.button(key="resume waiting").click().run()
    assert resumed == [run.id]


def test_a_finished_run_leads_to_predict(runs_dir, measured):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5], "finished")
    assert "try run" not in [button.key for button in page(run=run.id).button]
    run.best.write_bytes(b"weights")
    assert "try run" in [button.key for button in page(run=run.id).button]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would be started."""
    commands: list[list[str]] = []
    monkeypatch.setattr(processes, "launch", lambda arguments, *_: commands.append(arguments))
    return commands


def held(runs_dir: Path, name: str = "20260101-000000-quick-aa") -> Run:
    """A run that trains, as far as its files tell: its process is this one."""
    run = canned_run(runs_dir, name, [0.5], None)
    register(run.directory, os.getpid())
    write_json(run.directory / "job.json", {**read_json(run.directory / "job.json"), "marks": 0})
    return run


def test_a_start_while_another_trains_is_queued(runs_dir, measured, launched):
    first = held(runs_dir)
    at = page()
    assert "start" not in [button.key for button in at.button]
    at.button(key="new training").click().run()
    assert plain(first.name) in at.info[0].value
    at.button(key="start").click().run()
    assert not at.exception
    (waiting,) = queued_runs()
    assert "run" not in at.query_params  # the page stays with what trains
    assert at.button(key="new training")
    assert launched[0] == ["queue"]
    assert [toast.value for toast in at.toast] == ["Queued, place 1."]
    assert plain(waiting.name) in page_text(at)
    assert "starts next" in page_text(at)  # one record tells no pace
    at.query_params["run"] = waiting.id
    at.run()
    at.button(key=f"watch {first.id}").click().run()
    assert first.id in at.query_params["run"]
    at.button(key=f"cancel {waiting.id}").click().run()
    assert not at.exception
    assert [toast.value for toast in at.toast] == ["Removed from the queue."]
    assert queued_runs() == [] and [run.id for run in list_runs()] == [first.id]


def test_a_click_on_start_is_not_lost_when_another_began_meanwhile(runs_dir, measured, launched):
    canned_run(runs_dir, "20260101-000000-quick-aa", [0.5], "finished")
    at = page()
    held(runs_dir, "20260102-000000-quick-bb")  # as another tab has started it
    at.button(key="start").click().run()
    assert not at.exception
    assert len(queued_runs()) == 1


def test_the_wait_is_the_sum_of_those_before_it(runs_dir, monkeypatch):
    monkeypatch.setattr(queue, "seconds_left", lambda *_: 100.0)
    trained = [held(runs_dir)]
    for number, seconds in enumerate((20.0, None, 5.0), 2):
        run = Run(runs_dir / f"2026010{number}-000000-quick-aa")
        prepare(run.directory, TrainConfig.from_recipe("quick", device="cpu"))
        queue.enter(run, seconds)
    line = queued_runs()
    found = [queue_.seconds_until_start(run, trained, line) for run in line]
    assert found == [100.0, 120.0, None]


def test_deleting_leaves_no_other_run_ticked(runs_dir, measured):
    names = ("20260101-000000-quick-aa", "20260102-000000-quick-bb")
    old, new = (canned_run(runs_dir, name, [0.5], "finished") for name in names)
    at = page(run=new.id)
    key = f"runs {hash((new.id, old.id))}"
    at.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    at.run()
    assert at.button(key="delete run")
    # AppTest runs no dialog: what its button does, done here.
    outcome = actions.delete(new)
    at.session_state["toast"] = outcome.message
    at.run()
    assert not at.exception
    assert [toast.value for toast in at.toast] == [plain(outcome.message)]
    assert at.dataframe[0].value["Name"].tolist() == [old.name]
    assert "delete run" not in [button.key for button in at.button]


def test_a_recipe_tells_what_a_recorded_run_reached(runs_dir, measured, recorded_dir):
    assert "Recorded run" not in page_text(page(recipe="quick"))
    run = canned_run(recorded_dir, "quick-here", [0.5, 0.81, 0.8], "finished")
    actions.label(run, "Quick look, recorded", "")
    lines = [json.loads(line) for line in run.events.read_text().splitlines()]
    for number, line in enumerate(lines):
        line["time"] = 60 * number
    run.events.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    at = page(recipe="quick")
    # The start, two events an epoch: epoch 2 is the fourth minute.
    accuracy = f"{percent(0.81)} test accuracy"
    expected = f"Recorded run: {accuracy} after 4 min 00 s on Some CPU in fp32 (3 epochs)."
    assert plain(expected) in page_text(at)
    # One of a narrower network is there to compare with, not to expect.
    write_json(run.directory / "config.json", {**run.config.to_json(), "width": 0.0625})
    assert "Recorded run" not in page_text(page(recipe="quick"))
    assert list_runs() == [] and not at.dataframe


def test_recorded_runs_can_be_laid_over_the_curves(runs_dir, measured, recorded_dir):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5], "paused")
    assert "live compare" not in [choice.key for choice in page(run=run.id).multiselect]
    actions.label(canned_run(recorded_dir, "quick-here", [0.5, 0.81], "finished"), "Recorded", "")
    at = page(run=run.id)
    assert at.multiselect(key="live compare").options == ["Recorded"]
    assert at.multiselect(key="live compare").value == []
    at.multiselect(key="live compare").select("Recorded")
    at.segmented_control(key="live axis").set_value("minutes").run()
    assert not at.exception


def test_recorded_runs_stay(runs_dir, recorded_dir):
    run = canned_run(recorded_dir, "quick-here", [0.5], "finished")
    assert not actions.delete(run).done and not actions.resume(run).done
    assert not actions.change_settings(run, epochs=9).done
    assert run.events.exists()


def test_a_waiting_run_can_be_changed(runs_dir, measured):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5, 0.6], "finished")
    fields = [str(field.key) for field in page(run=run.id).number_input]
    assert not [key for key in fields if key.startswith("change")]  # no checkpoint to go on from
    run.last.write_bytes(b"state")
    at = page(run=run.id)
    assert "control Resume" not in [button.key for button in at.button]
    save = f"save change {run.id}"
    at.number_input(key=f"change epochs {run.id}").set_value(1)
    at.button(key=save).click().run()
    assert at.error[0].value == plain("Epochs must be at least 2, which are done already.")
    at.number_input(key=f"change lr_scale {run.id}").set_value(0.0)
    at.button(key=save).click().run()
    assert plain("Learning-rate multiplier must be between 0.001") in at.error[0].value
    at.number_input(key=f"change epochs {run.id}").set_value(5)
    at.number_input(key=f"change lr_scale {run.id}").set_value(0.1)
    at.button(key=save).click().run()
    assert not at.error and at.button(key="control Resume")
    changed = Run(run.directory).config
    assert (changed.epochs, changed.lr_scale) == (5, 0.1)


def test_a_run_that_stopped_early_says_so(runs_dir, measured):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.7, 0.6, 0.5], "finished")
    settings = TrainConfig.from_recipe("quick", epochs=9, patience=2)
    prepare(run.directory, settings)
    text = run.events.read_text().replace('"epochs": 3', '"epochs": 9')
    run.events.write_text(text)
    run.last.write_bytes(b"state")
    at = page(run=run.id)
    early = "Stopped early after 3 epochs: no improvement in the last 2 (best: epoch 1)."
    assert early in page_text(at)
    assert at.dataframe[0].value["State"].tolist() == ["finished early"]
    assert not Run(run.directory).resumable  # it would stop again at once
    assert actions.change_settings(Run(run.directory), patience=4).done
    assert Run(run.directory).resumable


def test_the_command_names_what_was_automatic(runs_dir):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5], "finished")
    assert run.config.precision == "auto"
    assert shlex.join(live.resolved_config(run).command()) == (
        "train --recipe quick --epochs 1 --device cpu --precision fp32"
    )


def test_form_and_run_can_be_taken_along_as_a_script(runs_dir, measured, monkeypatch):
    offered = {}

    def download_button(label, data, **_):
        offered[label] = data() if callable(data) else data

    monkeypatch.setattr(downloads.st, "download_button", download_button)
    at = page()
    at.number_input(key="form epochs").set_value(3).run()
    assert offered["Download script"] == training_script(TrainConfig(epochs=3))
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5], "finished")
    page(run=run.id)
    assert offered["Download script"] == training_script(live.resolved_config(run))
    assert "autocast" not in offered["Download script"]  # it was settled that it would not pay


def test_the_widths_reached_stand_in_caption_and_curves(runs_dir, measured):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5], None)
    writer = EventWriter(run.events)
    writer.write("grow", step=700, epoch=1.1, width=0.5, parameters=9_000)
    writer.close()
    assert "½ width, 9,000 parameters" in page_text(page(run=run.id))
    figure = training_curve(run.history, "accuracy", 4)
    assert [note.text for note in figure.layout.annotations] == ["½ width →"]
    assert [line.x0 for line in figure.layout.shapes] == [1.1]


def test_a_found_learning_rate_goes_into_the_form(runs_dir, measured, monkeypatch):
    trials = [{"lr": 10.0 ** (n / 9 - 3), "loss": 2.0, "smoothed": 2.1} for n in range(20)]
    asked: list[TrainConfig] = []

    def find(settings: TrainConfig, **_: Any) -> Outcome:
        asked.append(settings)
        return Outcome(True, "Trying.", "aa")

    monkeypatch.setattr(lr_tests, "start_lr_test", find)
    monkeypatch.setattr(lr_tests, "read_lr_test", lambda _: LrTest(trials, 0.03, False, ""))
    at = page(recipe="quick")
    at.button(key="find lr").click().run()
    assert asked == [TrainConfig.from_recipe("quick")]
    assert at.button(key="use lr").label == "Use 0.03"
    at.button(key="use lr").click().run()
    assert at.number_input(key="form lr").value == 0.03
    monkeypatch.setattr(lr_tests, "read_lr_test", lambda _: LrTest([], None, False, "It exploded."))
    assert at.run().error[0].value == "It exploded."


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


def test_a_refused_look_for_a_learning_rate_says_why(runs_dir, measured, monkeypatch):
    monkeypatch.setattr(
        lr_tests, "start_lr_test", lambda *_, **__: Outcome(False, "The device is taken.")
    )
    at = page()
    at.button(key="find lr").click().run()
    assert at.error[0].value == "The device is taken."


def test_unknown_run_in_the_link_shows_the_form(runs_dir, measured):
    for run in ("../../etc", "a" * 5_000, "\0", "=1", ""):
        assert page(run=run, recipe=run).button(key="start")


def test_downloads_hold_every_epoch(runs_dir):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5, 0.81], "finished")
    header, *rows = downloads.metrics_csv(run).splitlines()
    assert header.startswith("epoch,step,train_loss")
    assert [row.split(",")[5] for row in rows] == ["0.5", "0.81"]
    record = json.loads(downloads.metrics_json(run))
    assert record["config"]["recipe"] == "quick"
    assert [e["test_accuracy"] for e in record["epochs"]] == [0.5, 0.81]
    assert str(runs_dir) not in downloads.metrics_json(run)


def test_a_report_is_offered_once_the_network_was_asked(runs_dir, measured, tiny_weights):
    st.cache_resource.clear()  # surveys of earlier tests
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5], "finished")
    ticked = {"selection": {"rows": [0], "columns": []}}

    def tick(at: AppTest) -> AppTest:
        at.session_state[f"runs {hash((run.id,))}"] = ticked
        return at.run()

    at = tick(page())
    assert "download report" in download_keys(at)  # there are no weights to ask
    run.best.write_bytes(tiny_weights.read_bytes())
    tick(at)
    assert "download report" not in download_keys(at)
    at.button(key="make report").click()
    tick(at)
    wait_for(lambda: "download report" in download_keys(tick(at)), 120, "the network was not asked")
    assert not at.exception
    assert report.cached_results(run) is not None


def test_a_report_of_weights_that_cannot_be_read_is_refused(runs_dir, measured):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5], "finished")
    run.best.write_bytes(b"no weights")
    at = page()
    at.session_state[f"runs {hash((run.id,))}"] = {"selection": {"rows": [0], "columns": []}}
    at.session_state["report wanted"] = run.id
    at.run()
    assert not at.exception
    assert "best.safetensors" in at.error[0].value.replace("\\", "")


def download_keys(at: AppTest) -> list[str]:
    """The keys of the download buttons."""
    return [button.proto.id.rpartition("-")[2] for button in at.get("download_button")]


# ------------------------------------------------------------------------------ figures


def history_of(count: int, best: int, pace: float = 0.0) -> History:
    """``count`` epochs, ``pace`` seconds apart."""
    history = History()
    for i in range(1, count + 1):
        for kind in ("batch", "epoch"):
            when = {"step": i, "epoch": i, "time": i * pace}
            numbers = dict.fromkeys(NUMBERS[kind], 1.0) | when
            accuracy = 0.9 if i == best else 0.5
            history.add({"event": kind, **numbers, "test_accuracy": accuracy})
    return history


def traces(figure: Any) -> dict[str, Any]:
    return {trace.name: trace for trace in figure.data}


def test_long_curves_are_thinned_but_never_the_best_or_the_last():
    history = history_of(5_003, best=1_234)
    kept = downsample(history.epochs, keep=history.best)
    assert len(kept) <= MAX_POINTS + 1
    assert history.best in kept
    assert kept[-1] is history.epochs[-1]
    figure = traces(training_curve(history, "accuracy", 5_003))
    assert max(figure["test, per epoch"].y) == 0.9
    assert list(figure["best epoch"].x) == [1_234]


def test_the_articles_curve_is_the_dashed_reference():
    figure = traces(training_curve(history_of(2, 1), "accuracy", 10))
    assert list(figure["article, test"].y) == list(ARTICLE_TEST_ACCURACY)
    assert figure["article, test"].line.dash == "dash"
    assert training_curve(History(), "loss", 3, log_scale=True).layout.yaxis.type == "log"


def test_overlay_has_a_line_for_each_run():
    runs = [("one", history_of(2, 1)), ("two", history_of(3, 2))]
    figure = traces(compare_runs(runs, "accuracy"))
    assert list(figure["two"].y) == [0.5, 0.9, 0.5]
    assert set(figure) == {"one", "two", "article, test"}
    assert list(traces(compare_runs(runs, "loss"))["two"].y) == [1.0, 1.0, 1.0]


def test_along_minutes_curves_stand_where_the_clock_stood():
    quick, slow = (history_of(2, 1, pace) for pace in (60, 600))
    figure = training_curve(quick, "accuracy", 2, others=[("slow", slow)], axis="minutes")
    assert list(traces(figure)["test, per epoch"].x) == [0, 1]
    assert list(traces(figure)["slow"].x) == [0, 10]
    assert "article, test" not in traces(figure)  # it tells no times
    assert list(traces(compare_runs([("slow", slow)], "loss", "minutes"))["slow"].x) == [0, 10]


def test_an_empty_curve_says_when_it_begins():
    (words,) = training_curve(History(), "accuracy", 3).layout.annotations
    assert words.text == "The curve begins after the first batches."
    assert not training_curve(history_of(1, 1), "accuracy", 3).layout.annotations


def test_the_time_left_follows_the_pace_without_the_warm_up(runs_dir):
    run = Run(runs_dir / "a")
    prepare(run.directory, TrainConfig(epochs=1, batch_size=10, train_samples=1000, test_samples=1))
    history = History()

    def batch(step: int, images_per_s: float) -> None:
        numbers = dict.fromkeys(NUMBERS["batch"], 1.0) | {"step": step, "time": step}
        history.add({"event": "batch", **numbers, "images_per_s": images_per_s})

    batch(1, 0.5)  # the first batch also plans and allocates
    assert eta.seconds_left(run, history) is None
    batch(11, 100.0)
    assert eta.seconds_left(run, history) == pytest.approx(8.9, abs=0.01)
    batch(41, 300.0)  # in all 40 steps of ten images in two seconds
    assert eta.seconds_left(run, history) == pytest.approx(590 / 200, abs=0.01)


def test_the_time_left_counts_on_slower_steps_once_the_network_is_widened(runs_dir):
    run = Run(runs_dir / "a")
    prepare(
        run.directory,
        TrainConfig(epochs=2, batch_size=10, train_samples=1000, test_samples=1, grow="0.25:0.5"),
    )
    history = History()
    for step in (1, 51):
        numbers = dict.fromkeys(NUMBERS["batch"], 1.0) | {"step": step, "images_per_s": 100.0}
        history.add({"event": "batch", **numbers, "time": step})
    left = 4.9 + 10 * 4**eta.WORK_BY_WIDTH  # seconds at a quarter of the width, then at the whole
    assert eta.seconds_left(run, history) == pytest.approx(left, abs=0.01)


def test_a_name_and_note_of_markup_are_shown_as_they_are(runs_dir, measured):
    run = canned_run(runs_dir, "20260101-000000-quick-aa", [0.5, 0.81], "finished")
    actions.label(run, "=<b>[x](javascript:1)", "=1+1")
    at = page(run=run.id)
    assert r"=\<b\>\[x\]\(javascript\:1\)" in [e.value for e in at.subheader]
    row = at.dataframe[0].value.iloc[0]
    assert (row["Name"], row["Note"]) == ("'=<b>[x](javascript:1)", "'=1+1")
    figure = compare_runs([(Run(run.directory).name, run.history)], "accuracy")
    assert figure.data[0].name == "=&lt;b&gt;[x](javascript:1)"  # which Plotly shows as it is
