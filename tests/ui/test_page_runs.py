"""Runs on the Train page: live view, queue, table, downloads."""

from __future__ import annotations

import json
import os
import shlex
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from alexnet_demo.common.access import Outcome
from alexnet_demo.common.files import read_json, sha256, write_json
from alexnet_demo.common.text import percent
from alexnet_demo.export.script import training_script
from alexnet_demo.figures.training import compare_runs, training_curve
from alexnet_demo.inference import predictions
from alexnet_demo.jobs import actions, processes, queue
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.process_info import register
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import list_runs, prepare, queued_runs
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.train import compare, details, downloads, form, live, runs_table
from alexnet_demo.ui.widgets.markdown import plain
from tests.support.pages import open_page, page_text
from tests.support.runs import canned_run
from tests.support.waiting import wait_for

RUN = "20260101-000000-quick-aa"
page = partial(open_page, "pages/1_Train.py")


def test_a_finished_run_shows_its_metrics(runs_dir, measured):
    run = canned_run(runs_dir, RUN, [0.5, 0.81, 0.8], "finished")
    at = page(run=run.id)
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown["Best validation accuracy"] == f"{percent(0.81, 2)} of 2,000"
    assert shown["Test accuracy"] == f"{percent(0.80, 2)} of 2,000"
    assert shown["Peak memory"] == "1.0 GB"
    # The last epoch's, as in the table and the files, not the last batches'.
    assert (shown["Train accuracy"], shown["Train loss"]) == ("82.0%", "0.480")
    assert "Some CPU in fp32, ⅛ width, 7 parameters" in page_text(at)
    table = at.dataframe[0].value
    assert table["Validation"].tolist() == pytest.approx([81.0])
    assert table["Test"].tolist() == pytest.approx([80.0])
    assert table["Evaluated on"].tolist() == ["2,000 validation, 2,000 test"]
    assert table["Epochs"].tolist() == ["3 of 3"]
    assert "start" not in [button.key for button in at.button]
    at.button(key="leave run").click().run()
    assert at.button(key="start") and "run" not in at.query_params


def test_a_run_that_chose_by_the_test_set_says_so(runs_dir, measured):
    """As the article does, and all runs up to 0.5."""
    settings = TrainConfig(epochs=2)
    run = canned_run(runs_dir, RUN, [0.5, 0.81], "finished", settings=settings)
    at = page(run=run.id)
    labels = {metric.label: metric.value for metric in at.metric}
    assert labels["Best test accuracy"] == f"{percent(0.81, 2)} of 10,000"
    assert not [label for label in labels if "alidation" in label]
    table = at.dataframe[0].value
    assert table["Test"].tolist() == pytest.approx([81.0])
    assert table["Validation"].isna().all()
    assert downloads.metrics_csv(run).startswith(
        "epoch,step,train_loss,train_accuracy,test_loss,test_acc"
    )
    validated = canned_run(runs_dir, RUN[:-1] + "z", [0.5], "finished")
    header = downloads.metrics_csv(validated).splitlines()[0]
    assert "validation_loss,validation_accuracy,seconds,test_seconds" in header
    assert "test_accuracy" not in header


def test_a_killed_run_shows_an_error_and_resume(runs_dir, measured):
    run = canned_run(runs_dir, RUN, [0.5], None)
    run.last.write_bytes(b"state")
    at = page(run=run.id)
    assert "killed" in page_text(at)
    assert at.button(key="control Resume")


def test_a_stopped_run_can_be_resumed(runs_dir, measured):
    run = canned_run(runs_dir, RUN, [0.5], "stopped")
    run.last.write_bytes(b"state")
    assert "select Resume to continue" in page_text(page(run=run.id))


def order(at: AppTest, *keys: str) -> list[int]:
    """The places of these keys among the containers and widgets of the page, from the top."""
    places: list[str] = []

    def walk(node: Any) -> None:
        for child in getattr(node, "children", {}).values():
            places.append(str(getattr(child, "key", "") or ""))
            walk(child)

    walk(at.main)
    return [places.index(key) for key in keys]


@pytest.mark.parametrize("end", ["paused", "stopped", None])
def test_an_unfinished_run_is_above_the_folded_form(runs_dir, measured, monkeypatch, end):
    run = canned_run(runs_dir, RUN, [0.5], end)
    run.last.write_bytes(b"state")
    resumed: list[str] = []

    def resume(run: Run, **_: Any) -> Outcome:
        resumed.append(run.id)
        return Outcome(True, "Training resumed.")

    monkeypatch.setattr(actions, "resume", resume)
    at = page()
    assert "start" not in [button.key for button in at.button]
    places = order(at, "control Resume", "run-figures", "live axis", form.FOLDED)
    assert places == sorted(places)
    at.session_state[form.FOLDED] = True
    at.run()
    assert at.button(key="start")
    at.button(key="control Resume").click().run()
    assert resumed == [run.id]


def test_a_link_that_fills_the_form_shows_it_above_an_unfinished_run(runs_dir, measured):
    canned_run(runs_dir, RUN, [0.5], "paused").last.write_bytes(b"state")
    at = page(recipe="fast", epochs="3")
    places = order(at, "resume waiting", "form recipe", "start", "control Resume")
    assert places == sorted(places)
    assert at.number_input(key="form epochs").value == 3
    at.number_input(key="form epochs").set_value(4).run()
    assert order(at, "form recipe") < order(at, "control Resume"), "the form has moved"


def test_a_run_with_weights_links_to_predict(runs_dir, measured):
    run = canned_run(runs_dir, RUN, [0.5], "finished")
    assert "try run" not in [button.key for button in page(run=run.id).button]
    run.best.write_bytes(b"weights")
    assert "try run" in [button.key for button in page(run=run.id).button]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would be started."""
    commands: list[list[str]] = []
    monkeypatch.setattr(processes, "launch", lambda arguments, *_: commands.append(arguments))
    return commands


def active_run(runs_dir: Path, name: str = RUN) -> Run:
    """A run that appears to be in training: its process is this one."""
    run = canned_run(runs_dir, name, [0.5], None)
    register(run.directory, os.getpid())
    write_json(run.directory / "job.json", {**read_json(run.directory / "job.json"), "marks": 0})
    return run


def test_a_run_started_during_another_is_queued(runs_dir, measured, launched):
    first = active_run(runs_dir)
    at = page()
    assert "start" not in [button.key for button in at.button]
    at.session_state[form.FOLDED] = True
    at.run()
    assert plain(first.name) in at.info[0].value
    at.button(key="start").click().run()
    assert not at.exception
    (waiting,) = queued_runs()
    assert "run" not in at.query_params  # the page stays with the active run
    assert not at.session_state[form.FOLDED]
    assert launched[0] == ["queue"]
    assert "place 1" in at.toast[0].value
    assert plain(waiting.name) in page_text(at)
    assert "starts next" in page_text(at)  # one record gives no speed
    at.query_params["run"] = waiting.id
    at.run()
    at.button(key=f"watch {first.id}").click().run()
    assert first.id in at.query_params["run"]
    at.button(key=f"cancel {waiting.id}").click().run()
    assert not at.exception
    assert len(at.toast) == 1
    assert queued_runs() == [] and [run.id for run in list_runs()] == [first.id]


def test_start_still_counts_when_another_tab_started_a_run(runs_dir, measured, launched):
    canned_run(runs_dir, RUN, [0.5], "finished")
    at = page()
    active_run(runs_dir, "20260102-000000-quick-bb")  # as another tab has started it
    at.button(key="start").click().run()
    assert not at.exception
    assert len(queued_runs()) == 1


def test_the_wait_is_the_sum_of_the_runs_before(runs_dir, monkeypatch):
    monkeypatch.setattr(queue, "seconds_left", lambda *_: 100.0)
    active = [active_run(runs_dir)]
    for number, seconds in enumerate((20.0, None, 5.0), 2):
        run = Run(runs_dir / f"2026010{number}-000000-quick-aa")
        prepare(run.directory, TrainConfig.from_recipe("quick", device="cpu"))
        queue.enter(run, seconds)
    waits = [queue.seconds_until_start(run, active, queued_runs()) for run in queued_runs()]
    assert waits == [100.0, 120.0, None]


def test_deleting_a_run_selects_no_other(runs_dir, measured):
    names = (RUN, "20260102-000000-quick-bb")
    old, new = (canned_run(runs_dir, name, [0.5], "finished") for name in names)
    at = page(run=new.id)
    select(at, new, old)
    assert at.button(key="delete run")
    # AppTest does not run dialogs, so do what the button does.
    outcome = actions.delete(new)
    at.session_state["toast"] = outcome.message
    at.run()
    assert not at.exception
    assert [toast.value for toast in at.toast] == [plain(outcome.message)]
    assert at.dataframe[0].value["Name"].tolist() == [old.name]
    assert "delete run" not in [button.key for button in at.button]


def test_curves_can_be_compared_with_recorded_runs(runs_dir, measured, recorded_dir):
    run = canned_run(runs_dir, RUN, [0.5], "paused")
    assert "live compare" not in [choice.key for choice in page(run=run.id).multiselect]
    actions.label(canned_run(recorded_dir, "quick-here", [0.5, 0.81], "finished"), "Recorded", "")
    at = page(run=run.id)
    assert at.multiselect(key="live compare").options == ["Recorded"]
    assert at.multiselect(key="live compare").value == []
    at.multiselect(key="live compare").select("Recorded")
    at.segmented_control(key="live axis").set_value("minutes").run()
    assert not at.exception


def test_recorded_runs_cannot_be_changed(runs_dir, recorded_dir):
    run = canned_run(recorded_dir, "quick-here", [0.5], "finished")
    assert not actions.delete(run).done and not actions.resume(run).done
    assert not actions.change_settings(run, epochs=9).done
    assert run.events.exists()


def test_settings_of_a_finished_run_can_change(runs_dir, measured):
    run = canned_run(runs_dir, RUN, [0.5, 0.6], "finished")
    fields = [str(field.key) for field in page(run=run.id).number_input]
    assert not [key for key in fields if key.startswith("change")]  # no checkpoint to resume from
    run.last.write_bytes(b"state")
    at = page(run=run.id)
    assert "control Resume" not in [button.key for button in at.button]
    save = f"save change {run.id}"
    at.number_input(key=f"change epochs {run.id}").set_value(1)
    at.button(key=save).click().run()
    assert "Epochs" in at.error[0].value and "2" in at.error[0].value
    at.number_input(key=f"change lr_scale {run.id}").set_value(0.0)
    at.button(key=save).click().run()
    assert "0.001" in at.error[0].value
    at.number_input(key=f"change epochs {run.id}").set_value(5)
    at.number_input(key=f"change lr_scale {run.id}").set_value(0.1)
    at.button(key=save).click().run()
    assert not at.error and at.button(key="control Resume")
    changed = Run(run.directory).config
    assert (changed.epochs, changed.lr_scale) == (5, 0.1)


def test_early_stopping_is_shown(runs_dir, measured):
    run = canned_run(runs_dir, RUN, [0.7, 0.6, 0.5], "finished")
    settings = TrainConfig.from_recipe("quick", epochs=9, patience=2)
    prepare(run.directory, settings)
    text = run.events.read_text().replace('"epochs": 3', '"epochs": 9')
    run.events.write_text(text)
    run.last.write_bytes(b"state")
    at = page(run=run.id)
    assert "after 3 epochs: no improvement in the last 2 (best: epoch 1)" in page_text(at)
    assert at.dataframe[0].value["State"].tolist() == ["finished early"]
    assert not Run(run.directory).resumable  # it would stop again at once
    assert actions.change_settings(Run(run.directory), patience=4).done
    assert Run(run.directory).resumable


def test_the_last_test_of_a_run_that_stopped_early_is_not_called_the_next_epochs(
    runs_dir, measured, monkeypatch
):
    run = canned_run(runs_dir, RUN, [0.7, 0.6], None, settings=TrainConfig(epochs=9, validation=9))
    register(run.directory, os.getpid())
    write_json(run.job_path, {**read_json(run.job_path), "marks": 0})
    shown: list[str] = []
    monkeypatch.setattr(live.st, "progress", lambda _share, text: shown.append(text))
    for epoch, expected in ((3, "Evaluating after epoch 3"), (2, "on the test set")):
        writer = EventWriter(run.events)
        writer.write("test", epoch=epoch, done=1, total=2)
        writer.close()
        shown.clear()
        live._progress(run, run.history, run.state)
        assert expected in shown[0] and "50%" in shown[0]


def test_the_table_of_runs_opens_no_file_of_all_runs_for_warnings(runs_dir, monkeypatch):
    run = canned_run(runs_dir, RUN, [0.5])
    monkeypatch.setattr(Run, "warning", property(lambda _: pytest.fail("computed")))
    monkeypatch.setattr(Run, "silence", property(lambda _: pytest.fail("computed")))
    assert runs_table._row(run, [])["State"] == "finished"
    assert runs_table._row(run, [])["Name"] == run.name


def test_the_command_has_the_resolved_settings(runs_dir):
    run = canned_run(runs_dir, RUN, [0.5], "finished")
    assert run.config.precision == "auto"
    assert shlex.join(live.resolved_config(run).command()) == (
        "train --recipe quick --epochs 1 --device cpu --precision fp32"
    )


def test_form_and_run_offer_a_script(runs_dir, measured, monkeypatch):
    scripts = {}

    def download_button(label, data, **_):
        scripts[label] = data() if callable(data) else data

    monkeypatch.setattr(downloads.st, "download_button", download_button)
    at = page(epochs="3")
    at.session_state[details.OPEN], at.session_state[details.TAB] = True, "Code"
    at.run()
    assert scripts["Download script"] == training_script(TrainConfig(epochs=3))
    assert at.code[0].value.endswith(shlex.join(TrainConfig(epochs=3).command()))
    run = canned_run(runs_dir, RUN, [0.5], "finished")
    page(run=run.id)
    assert scripts["Download script"] == training_script(live.resolved_config(run))
    assert "autocast" not in scripts["Download script"]  # fp32 on this device


def test_growth_is_shown_in_caption_and_curves(runs_dir, measured):
    run = canned_run(runs_dir, RUN, [0.5], None)
    writer = EventWriter(run.events)
    writer.write("grow", step=700, epoch=1.1, width=0.5, parameters=9_000)
    writer.close()
    assert "½ width, 9,000 parameters" in page_text(page(run=run.id))
    figure = training_curve(run.history, "accuracy", 4)
    assert [note.text for note in figure.layout.annotations] == ["½ width →"]
    assert [line.x0 for line in figure.layout.shapes] == [1.1]


def test_metrics_downloads_have_every_epoch(runs_dir):
    run = canned_run(runs_dir, RUN, [0.5, 0.81], "finished")
    header, *rows = downloads.metrics_csv(run).splitlines()
    assert header.startswith("epoch,step,train_loss")
    assert [row.split(",")[5] for row in rows] == ["0.5", "0.81"]
    record = json.loads(downloads.metrics_json(run))
    assert record["config"]["recipe"] == "quick"
    assert [e["test_accuracy"] for e in record["epochs"]] == [0.5, 0.81]
    assert str(runs_dir) not in downloads.metrics_json(run)


def test_the_report_is_ready_once_the_test_set_is_evaluated(runs_dir, measured, tiny_weights):
    st.cache_resource.clear()  # jobs of earlier tests
    run = canned_run(runs_dir, RUN, [0.5], "finished")
    at = select(page(), run)
    assert "download report" in download_keys(at)  # without weights there is nothing to wait for
    run.best.write_bytes(tiny_weights.read_bytes())
    select(at, run)
    assert "download report" not in download_keys(at)
    at.button(key="make report").click()
    wait_for(lambda: "download report" in download_keys(select(at, run)), "no report")
    assert not at.exception
    assert predictions.load(sha256(run.best)) is not None


def test_a_report_of_unreadable_weights_is_refused(runs_dir, measured):
    run = canned_run(runs_dir, RUN, [0.5], "finished")
    run.best.write_bytes(b"no weights")
    at = page()
    at.session_state["report wanted"] = run.id
    select(at, run)
    assert not at.exception
    assert "best.safetensors" in at.error[0].value.replace("\\", "")


def select(at: AppTest, *runs: Run) -> AppTest:
    """Select the first row of the table that lists these runs."""
    at.session_state[runs_table.table_key(runs)] = {
        "selection": {"rows": [0], "columns": [], "cells": []}
    }
    return at.run()


def download_keys(at: AppTest) -> list[str]:
    """The keys of the download buttons."""
    return [button.proto.id.rpartition("-")[2] for button in at.get("download_button")]


def test_starting_a_run_keeps_the_selection(runs_dir, measured):
    old, new = (canned_run(runs_dir, f"2026010{n}-000000-quick-aa", [0.5]) for n in (1, 2))
    at = select(page(run=old.id), new, old)
    assert f"**{plain(new.name)}**" in page_text(at) and at.button(key="delete run")
    canned_run(runs_dir, "20260103-000000-quick-aa")
    at.run()
    assert f"**{plain(new.name)}**" in page_text(at) and at.button(key="delete run")


def test_columns_for_the_settings_that_differ(runs_dir, measured):
    def columns(*settings: TrainConfig) -> dict[str, list[Any]]:
        for number, each in enumerate(settings, 1):
            canned_run(runs_dir, f"2026010{number}-000000-quick-aa", [0.5], settings=each)
        table = page(run=list_runs()[0].id).dataframe[0].value
        return {name: table[name].tolist() for name in table}

    quick = partial(TrainConfig.from_recipe, "quick", epochs=1)
    assert not {"Learning rate", "Width", "Momentum"} & set(columns(quick(), TrainConfig()))
    shown = columns(quick(), TrainConfig(epochs=2), quick(lr=0.05, nesterov=False), quick(lr=0.1))
    assert shown["Learning rate"] == [0.1, 0.05, 0.1, 0.02]
    assert shown["Nesterov momentum"] == ["yes", "no", "no", "yes"]
    assert not {"Width", "Momentum"} & set(shown), "only the recipes differ in these"
    assert len(shown) == len(set(shown))


def test_a_comparison_says_what_differs_and_of_how_many_images_each_accuracy_is(runs_dir):
    quick = canned_run(runs_dir, RUN, [0.5, 0.8975])
    article = canned_run(runs_dir, "20260102-000000-article-bb", [0.915], settings=TrainConfig())
    rows = {row.pop(""): row for row in compare.differences([quick, article])}
    names = plain(quick.name), plain(article.name)
    assert rows["Best validation accuracy"] == dict(
        zip(names, ("89.75% of 2,000", "–"), strict=True)
    )
    assert rows["Best test accuracy"] == dict(zip(names, ("–", "91.50% of 10,000"), strict=True))
    assert rows["Learning rate"] == dict(zip(names, ("0.02", "0.1"), strict=True))
    assert rows["Nesterov momentum"] == dict(zip(names, ("yes", "no"), strict=True))
    assert "Label smoothing" not in rows
    for run in (quick, article):
        actions.label(run, "Twin", "")
    twins = compare.differences([Run(run.directory) for run in (quick, article)])
    assert len(twins[0]) == 3, "a column for each run, also where names are the same"


def test_a_comparison_says_why_a_run_has_no_curve(runs_dir, measured):
    ended = [
        canned_run(runs_dir, f"2026010{number}-000000-quick-aa", [], end)
        for number, end in enumerate(("paused", "stopped", "error", None), 1)
    ]
    active = active_run(runs_dir, "20260105-000000-quick-aa")
    assert not compare.missing_curve(active)
    reasons = [compare.missing_curve(run) for run in ended]
    assert len(set(reasons)) == len(reasons) and all("epoch" in reason for reason in reasons)
    at = page(run=active.id)
    runs = list_runs()
    at.session_state[runs_table.table_key(runs)] = {"selection": {"rows": list(range(5))}}
    at.run()
    captions = [caption.value for caption in at.caption]
    for run in ended:
        (said,) = [text for text in captions if f"**{plain(run.name)}**" in text]
        assert plain(compare.missing_curve(run)) in said
    for run in ended:
        assert actions.delete(run).done
    assert {compare.missing_curve(run) for run in ended} == {"it was deleted."}


def test_markup_in_a_name_or_note_is_escaped(runs_dir, measured):
    run = canned_run(runs_dir, RUN, [0.5, 0.81], "finished")
    actions.label(run, "=<b>[x](javascript:1)", "=1+1")
    at = page(run=run.id)
    assert r"=\<b\>\[x\]\(javascript\:1\)" in [e.value for e in at.subheader]
    row = at.dataframe[0].value.iloc[0]
    assert (row["Name"], row["Note"]) == ("'=<b>[x](javascript:1)", "'=1+1")
    figure = compare_runs([(Run(run.directory).name, run.history)], "accuracy")
    # Plotly renders HTML.
    assert figure.data[0].name == "=&lt;b&gt;[x](javascript:1), 2,000 validation images"
