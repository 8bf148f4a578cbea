"""Experiments > Twin runs: predict, the recorded result or runs here, the verdict, a report."""

from __future__ import annotations

import time
from html import unescape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo.export import experiment_report
from alexnet_demo.jobs import experiments as jobs
from alexnet_demo.runs import store, twin_runs
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.twin_runs import EPOCH, Recorded, TwinRun
from alexnet_demo.settings.experiments import EXPERIMENTS, UNDECIDED, Experiment
from alexnet_demo.ui.experiments import twin_results
from alexnet_demo.ui.experiments import twin_runs as view
from tests.support.pages import open_page, page_text
from tests.support.runs import canned_run

PAGE = "pages/7_Experiments.py"
INIT = EXPERIMENTS["initialization"]


@pytest.fixture(autouse=True)
def _no_recorded_results(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs_dir.mkdir()
    monkeypatch.setattr(view, "recorded", lambda _: None)
    twin_results.reload()


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Three seeds in which He initialization is ahead."""
    runs = tuple(
        TwinRun(label, seed, [dict.fromkeys(EPOCH, value)], 1500)
        for label, value in (("Default", 0.1), ("He", 0.8))
        for seed in (0, 1, 2)
    )
    record = Recorded(runs, {"date": "27 November 2026", "device": "Some CPU"})
    monkeypatch.setattr(view, "recorded", lambda each: record if each is INIT else None)
    return record


def finish(runs_dir: Path, experiment: Experiment, seed: int, accuracies: dict[str, float]) -> None:
    for label, accuracy in accuracies.items():
        settings = experiment.configs(seed)[label]
        run = canned_run(runs_dir, f"{label}-{seed}", (accuracy,), settings=settings)
        assert run.state == "finished"


def predict(at: AppTest, outcome: str, experiment: Experiment = INIT) -> AppTest:
    at.radio(key=f"prediction {experiment.name}").set_value(outcome).run()
    assert not at.exception
    return at


def buttons(at: AppTest) -> set[str]:
    return {button.key for button in at.button if button.key}


def test_an_address_holds_an_experiment_and_the_result_waits_for_a_prediction(recorded) -> None:
    at = open_page(PAGE, experiment="initialization")
    text = page_text(at)
    assert INIT.title in text and INIT.question in text
    assert INIT.meaning["He"] not in text and not at.get("download_button")
    assert at.radio[0].options == list(INIT.options.values()) and at.radio[0].value is None
    text = page_text(predict(at, "He"))
    assert INIT.meaning["He"] in text and INIT.look in text
    assert at.get("download_button")


@pytest.mark.parametrize("prediction", INIT.options)
def test_the_verdict_is_the_runs_whatever_was_predicted(recorded, prediction: str) -> None:
    text = page_text(predict(open_page(PAGE, experiment="initialization"), prediction))
    assert INIT.meaning["He"] in text
    assert (":material/check:" in text) == (prediction == "He")
    assert (":material/close:" in text) == (prediction != "He")


def test_runs_on_this_machine_are_reachable_by_their_address(runs_dir: Path, recorded) -> None:
    finish(runs_dir, INIT, 4, {"Default": 0.8, "He": 0.4})  # contradicts what is expected
    at = open_page(PAGE, experiment="initialization", result="4")
    text = page_text(at)
    assert INIT.meaning["Default"] in text and INIT.options[INIT.expected] in text
    assert INIT.meaning["He"] not in text
    at.segmented_control(key="result").set_value("recorded").run()
    assert INIT.meaning["He"] in page_text(at)


def test_runs_that_are_not_done_have_no_verdict(runs_dir: Path) -> None:
    finish(runs_dir, INIT, 0, {"He": 0.8})
    at = open_page(PAGE, experiment="initialization", result="0")
    assert not any(meaning in page_text(at) for meaning in INIT.meaning.values())


def test_another_experiment_asks_for_a_prediction_again(runs_dir: Path, recorded) -> None:
    finish(runs_dir, EXPERIMENTS["activation"], 0, {"ReLU": 0.8, "tanh": 0.7, "Sigmoid": 0.1})
    at = predict(open_page(PAGE, experiment="initialization"), "He")
    at.segmented_control(key="experiment").set_value("activation").run()
    assert at.query_params.get("result") is None
    assert EXPERIMENTS["activation"].meaning["ReLU"] not in page_text(at)
    predict(at, UNDECIDED, EXPERIMENTS["activation"])
    assert EXPERIMENTS["activation"].meaning["ReLU"] in page_text(at)
    at.segmented_control(key="experiment").set_value("initialization").run()
    assert at.radio[0].value == "He" and INIT.meaning["He"] in page_text(at)


def test_run_it_here_starts_what_is_missing(runs_dir: Path, monkeypatch) -> None:
    finish(runs_dir, INIT, 0, {"Default": 0.1, "He": 0.8})
    started = []

    def start(settings, seconds, *, name, role):
        started.append((settings, name))
        run = canned_run(runs_dir, f"new-{len(started)}", (0.5,), settings=settings)
        return jobs.actions.Outcome(True, "", run.id)

    monkeypatch.setattr(jobs.actions, "start", start)
    at = predict(open_page(PAGE, experiment="initialization"), "He")
    assert at.number_input[0].value == 1
    at.button(key="run experiment").click().run()
    assert not at.exception
    assert [settings for settings, _ in started] == list(INIT.configs(1).values())
    assert len({name for _, name in started}) == 2 and all(INIT.title in n for _, n in started)
    assert at.query_params["result"] == "1"


def test_a_refused_start_is_an_error_on_the_page(monkeypatch) -> None:
    refused = jobs.actions.Outcome(False, "The disk is full.")
    monkeypatch.setattr(jobs.actions, "start", lambda *_, **__: refused)
    at = predict(open_page(PAGE, experiment="dropout"), UNDECIDED, EXPERIMENTS["dropout"])
    at.button(key="run experiment").click().run()
    assert len(at.error) == 1 and "result" not in at.query_params


def test_visitors_see_results_and_start_nothing(runs_dir: Path, recorded, monkeypatch) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    at = predict(open_page(PAGE, experiment="initialization"), "He")
    assert INIT.meaning["He"] in page_text(at)
    assert "run experiment" not in buttons(at) and not at.number_input


def test_any_finished_run_can_be_the_first_of_ones_own_experiment(runs_dir: Path) -> None:
    finish(runs_dir, INIT, 0, {"He": 0.8})
    at = predict(open_page(PAGE, experiment="dropout"), UNDECIDED, EXPERIMENTS["dropout"])
    assert not at.selectbox
    at.session_state[view.OWN] = True
    options = at.run().selectbox(key="own experiment").options
    assert len(options) == 1 + len(view.recorded_runs())


def test_the_page_lists_the_runs_once(
    runs_dir: Path, recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(runs_dir, INIT, 4, {"Default": 0.8, "He": 0.4})
    at = open_page(PAGE, experiment="initialization", result="4")  # imports what takes time
    listings: list[list[Run]] = []

    def list_runs() -> list[Run]:
        listings.append(store.list_runs())
        return listings[-1]

    monkeypatch.setattr(twin_results, "list_runs", list_runs)
    twin_results.reload()
    began = time.monotonic()
    assert at.run().get("download_button")
    expired = (time.monotonic() - began) / (twin_results.POLL_SECONDS / 2)
    assert 1 <= len(listings) <= 1 + expired


def test_the_report_holds_the_verdict_and_both_curves(recorded) -> None:
    html = unescape(experiment_report.render(INIT, recorded.runs, "Default", "On some CPU."))
    assert html.count("<svg viewBox") >= 2 and "<script" not in html
    assert INIT.meaning["He"] in html and "On some CPU." in html
    one = unescape(experiment_report.render(INIT, recorded.runs[:1]))
    assert twin_runs.result(INIT, recorded.runs[:1]) is None and INIT.meaning["He"] not in one
