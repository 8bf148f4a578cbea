"""A closed server's pages: nothing to start or change, and the way to the controls."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo.common import access
from alexnet_demo.settings import paths
from alexnet_demo.ui.train import cost
from alexnet_demo.ui.widgets import access as ui_access
from tests.support.pages import load_page, open_page, page_text
from tests.ui.test_page_predict import make_run

SCRIPTS = ["app.py", "pages/1_Train.py", "pages/3_Predict.py"]
CONTROLS = ("start", "delete run", "control Resume", "resume waiting", "find lr")


@pytest.fixture(autouse=True)
def closed(
    runs_dir: Path, tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A public server with a password, a shipped network and a run; returns the run's id."""
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    monkeypatch.setenv("ALEXNET_DEMO_PASSWORD", "sesame")
    monkeypatch.setattr(ui_access, "_LIMITER", access.PasswordLimiter())
    monkeypatch.setattr(paths, "WEIGHTS_DIR", tmp_path / "weights")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / paths.SHIPPED_WEIGHTS).write_bytes(tiny_weights.read_bytes())
    monkeypatch.setattr(cost, "probe", lambda _: None)
    return make_run(runs_dir, tiny_weights, accuracies=(0.5,))


def page(script: str) -> AppTest:
    return open_page(script)


def unlock(at: AppTest, password: str) -> AppTest:
    at.text_input(key="password").set_value(password)
    next(b for b in at.button if b.label == "Unlock").click().run()
    assert not at.exception
    return at


@pytest.mark.parametrize("script", SCRIPTS)
def test_visitors_see_no_controls(script: str) -> None:
    at = page(script)
    shown = {button.key for button in at.button} | {button.label for button in at.button}
    assert not shown & {*CONTROLS, "Start a quick run"}
    assert not [f for f in at.get("file_uploader") if f.proto.label.startswith("Or upload")]
    if script != "app.py":
        assert access.RESTRICTED in page_text(at)


def test_visitors_watch_a_run_and_take_its_figures(closed: str) -> None:
    at = page("pages/1_Train.py")
    assert "Best test accuracy" in [metric.label for metric in at.metric]
    key = f"runs {hash((closed,))}"
    at.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    at.run()
    assert not at.exception
    keys = {b.key for b in at.button}
    assert "show run" in keys and not keys & set(CONTROLS)
    downloads = {e.proto.label for e in at.get("download_button")}
    assert {"Metrics (CSV)", "Metrics (JSON)"} <= downloads and "Weights" not in downloads
    assert "Select one run to download or use it" in page_text(at)


def test_the_password_opens_the_controls_and_the_lock_closes_them() -> None:
    at = page("pages/1_Train.py")
    unlock(at, "wrong")
    assert "Incorrect password." in [error.value for error in at.error]
    assert "resume waiting" not in {b.key for b in at.button}
    unlock(at, "sesame")
    assert {"resume waiting", "start"} <= {b.key for b in at.button}
    assert access.RESTRICTED not in page_text(at)
    assert "sesame" not in str([at.session_state[key] for key in ("password", "permit")])
    next(b for b in at.button if b.label == "Lock the controls").click().run()
    assert "start" not in {b.key for b in at.button}


def test_a_permit_cannot_be_forged_with_plain_values() -> None:
    for forged in (True, 1, "controls", {"controls": True}):
        at = load_page("pages/1_Train.py")
        at.session_state["permit"] = forged
        assert "start" not in {b.key for b in at.run().button}


def test_without_a_key_there_is_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALEXNET_DEMO_PASSWORD")
    at = page("pages/1_Train.py")
    assert not at.text_input and access.RESTRICTED in page_text(at)


def test_an_open_server_says_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALEXNET_DEMO_PASSWORD")
    monkeypatch.delenv("ALEXNET_DEMO_PUBLIC")
    at = page("pages/1_Train.py")
    assert access.RESTRICTED not in page_text(at) and "start" in {b.key for b in at.button}


def test_who_logs_in_controls_if_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    person = {"is_logged_in": True, "email": "ada@school.example", "email_verified": True}
    monkeypatch.setattr(ui_access, "_user", lambda: person)
    at = page("pages/1_Train.py")
    assert "start" not in {b.key for b in at.button}, "anybody can log in somewhere"
    assert "Log out" in [b.label for b in at.button]
    monkeypatch.setenv("ALEXNET_DEMO_CONTROLLERS", "ada@school.example")
    assert "start" in {b.key for b in at.run().button}
    person["is_logged_in"] = False
    assert "start" not in {b.key for b in at.run().button}
    assert "Log in" in [b.label for b in at.button]
