"""Loading models: once for all sessions, and exempt from later garbage collections."""

from __future__ import annotations

import gc
import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Event

import pytest
import streamlit as st

from alexnet_demo.common.access import ADMIN, READ_ONLY
from alexnet_demo.common.errors import AccessError
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.settings import paths
from alexnet_demo.ui.models import model_loading
from alexnet_demo.ui.models.model_loading import Option
from alexnet_demo.ui.widgets import access
from tests.support.pages import load_page, open_page

PREDICT = "pages/3_Predict.py"


def test_simultaneous_sessions_share_one_model(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, load, waiting = [], Classifier.load, Event()

    def slow_load(path: Path, *device: str) -> Classifier:
        loads.append(path)
        waiting.wait(0.3)  # for the other sessions to ask, too
        return load(path, *device)

    monkeypatch.setattr(Classifier, "load", slow_load)
    model_loading._from_file.clear()
    option = Option("shipped", "Included model", tiny_weights)
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(model_loading.load, [option] * 8))
    assert len(loads) == 1 and len(set(map(id, models))) == 1


def test_what_is_loaded_is_exempt_from_garbage_collection(tiny_weights: Path) -> None:
    model_loading._freeze_garbage_collector.cache_clear()
    model_loading._from_file.clear()
    try:
        model_loading.load(Option("shipped", "Included model", tiny_weights))
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()


def test_a_visitor_cannot_upload_what_is_in_the_cache(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    for role in (ADMIN, READ_ONLY):
        monkeypatch.setattr(st, "session_state", {})
        monkeypatch.setattr(access, "role", lambda role=role: role)
        with nullcontext() if role is ADMIN else pytest.raises(AccessError):
            assert model_loading.add_upload("mine", tiny_weights.read_bytes())
    assert not st.session_state


def test_an_upload_is_offered_to_no_other_session(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "WEIGHTS_DIR", tmp_path)
    (tmp_path / paths.SHIPPED_WEIGHTS).write_bytes(tiny_weights.read_bytes())
    data = tiny_weights.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    model_loading._uploaded(digest, ("mine", data, ADMIN))
    owner = load_page(PREDICT, model="uploaded")
    owner.session_state[model_loading._UPLOAD] = {"name": "mine", "digest": digest}
    assert "mine" in str(owner.run().selectbox) and not owner.exception
    for link in ("uploaded", digest, "mine"):
        assert "mine" not in str(open_page(PREDICT, model=link).selectbox)
