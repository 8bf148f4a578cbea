"""A read-only server's pages: nothing to start or change, and the lock that opens the controls."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo.common import access
from alexnet_demo.jobs import lr_tests
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.predict import probes
from alexnet_demo.ui.train import form, measurement
from alexnet_demo.ui.widgets import access as ui_access
from tests.support.pages import load_page, open_page, page_text
from tests.support.runs import canned_run

TRAIN = "pages/1_Train.py"
CONTROLS = {"start", "delete run", "control Resume", "resume waiting", "find lr"}


@pytest.fixture(autouse=True)
def run_id(
    runs_dir: Path, tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A public server with a password, an included model, and a run; returns the run's id."""
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    monkeypatch.setenv("ALEXNET_DEMO_PASSWORD", "sesame")
    monkeypatch.setattr(ui_access, "_LIMITER", access.PasswordLimiter())
    monkeypatch.setattr(paths, "WEIGHTS_DIR", tmp_path / "weights")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / paths.SHIPPED_WEIGHTS).write_bytes(tiny_weights.read_bytes())
    monkeypatch.setattr(measurement, "measure", lambda _: (None, True))
    return canned_run(runs_dir, "20260101-120000-article", (0.5,), None, weights=tiny_weights).id


def keys(at: AppTest) -> set[str]:
    return {str(button.key) for button in at.button}


def labels(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


def click(at: AppTest, label: str) -> None:
    at.button[labels(at).index(label)].click().run()
    assert not at.exception


def open_form(at: AppTest) -> AppTest:
    """Open the form below the unfinished run, if this session may see it."""
    at.session_state[form.FOLDED] = True
    return at.run()


def unlock(at: AppTest, password: str) -> None:
    at.text_input(key="password").set_value(password)
    click(at, "Unlock")


@pytest.mark.parametrize("script", ["app.py", TRAIN, "pages/3_Predict.py"])
def test_visitors_see_no_controls(script: str) -> None:
    at = open_page(script)
    assert not keys(at) & CONTROLS and "Start a quick run" not in labels(at)
    assert not [f for f in at.get("file_uploader") if f.proto.label.startswith("Or upload")]
    if script != "app.py":
        assert access.RESTRICTED in page_text(at)


def test_visitors_take_a_step_and_convolve_with_the_models_filters() -> None:
    at = open_page("pages/7_Experiments.py", lesson="One step")
    click(at, "Whole step")
    assert len(at.session_state["one step"].losses) == 2
    query = {"lesson": "Convolution", "kernel": "AlexNet's conv1.0"}
    at = open_page("pages/7_Experiments.py", **query)
    (data,) = (c.proto.json for c in at.get("bidi_component") if '"filters"' in c.proto.json)
    assert '"number"' in data


@pytest.mark.parametrize("probe", probes.PROBES)
def test_visitors_can_probe_the_network(probe: str) -> None:
    at = open_page("pages/3_Predict.py", source="Samples", probe=probe)
    assert at.segmented_control(key="probe").value == probe
    assert not at.warning or "chance" in at.warning[0].value


def test_visitors_can_view_a_run_and_download_its_metrics(run_id: str) -> None:
    at = open_page(TRAIN)
    assert "Best validation accuracy" in [metric.label for metric in at.metric]
    selection = {"rows": [0], "columns": [], "cells": []}
    at.session_state[f"runs {hash((run_id,))}"] = {"selection": selection}
    at.run()
    assert not at.exception
    assert "show run" in keys(at) and not keys(at) & CONTROLS
    downloads = {e.proto.label for e in at.get("download_button")}
    assert {"Metrics (CSV)", "Metrics (JSON)"} <= downloads and "Weights" not in downloads


def test_the_password_opens_the_controls_and_the_lock_closes_them() -> None:
    at = open_page(TRAIN)
    unlock(at, "wrong")
    assert "Incorrect password." in [error.value for error in at.error]
    assert not keys(at) & CONTROLS
    unlock(at, "sesame")
    assert "control Resume" in keys(at)
    assert access.RESTRICTED not in page_text(at)
    assert "sesame" not in str([at.session_state[key] for key in ("password", "permit")])
    assert "start" in keys(open_form(at))
    click(at, "Lock the controls")
    assert "start" not in keys(at)


@pytest.mark.parametrize("key", ["start", "control Resume", "stop lr", "pin test picture"])
def test_a_click_that_arrives_after_locking_does_nothing(
    key: str, runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page may still show a control: in another tab's view, or because a message was late."""
    if key == "stop lr":
        command = tmp_path / "python"
        command.write_text("#!/bin/sh\nexec sleep 600\n")
        command.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(command))
        assert lr_tests.start_lr_test(TrainConfig(device="cpu"), role=access.ADMIN).done
    try:
        at = open_page(TRAIN)
        unlock(at, "sesame")
        open_form(at)
        files = sorted(runs_dir.rglob("*"))
        del at.session_state["permit"]
        at.button(key=key).click().run()
        assert not at.exception and key not in keys(at)
        assert sorted(runs_dir.rglob("*")) == files
        assert bool(lr_tests.running_lr_test()) == (key == "stop lr")
    finally:
        lr_tests.stop_lr_test(role=access.ADMIN)


def test_a_role_cannot_be_forged_with_plain_values() -> None:
    for forged in (True, 1, "controls", {"controls": True}):
        at = load_page(TRAIN)
        at.session_state["permit"] = forged
        assert "start" not in keys(open_form(at))


def test_without_a_password_there_is_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALEXNET_DEMO_PASSWORD")
    at = open_page(TRAIN)
    assert not at.text_input and access.RESTRICTED in page_text(at)


def test_an_open_server_shows_no_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALEXNET_DEMO_PASSWORD")
    monkeypatch.delenv("ALEXNET_DEMO_PUBLIC")
    at = open_form(open_page(TRAIN))
    assert access.RESTRICTED not in page_text(at) and "start" in keys(at)


def test_a_logged_in_user_controls_only_if_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    user = {"is_logged_in": True, "email": "ada@school.example", "email_verified": True}
    monkeypatch.setattr(ui_access, "_user", lambda: user)
    at = open_page(TRAIN)
    assert "start" not in keys(open_form(at)), "anybody can log in somewhere"
    assert "Log out" in labels(at)
    monkeypatch.setenv("ALEXNET_DEMO_CONTROLLERS", "ada@school.example")
    assert "start" in keys(open_form(at))
    user["is_logged_in"] = False
    assert "start" not in keys(open_form(at))
    assert "Log in" in labels(at)
