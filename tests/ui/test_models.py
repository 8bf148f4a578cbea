"""Loading models: once for all sessions, and exempt from later garbage collections."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.ui.models import model_loading
from alexnet_demo.ui.models.model_loading import Option


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
