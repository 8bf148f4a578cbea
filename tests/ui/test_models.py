"""Which network answers: loaded once, whoever asks, and let go when nobody does."""

from __future__ import annotations

import gc
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.ui.models import model_loading
from alexnet_demo.ui.models.model_loading import Option


def test_sessions_that_come_at_once_share_one_network(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, load = [], Classifier.load

    def slowly(path: Path, *device: str) -> Classifier:
        loads.append(path)
        time.sleep(0.3)
        return load(path, *device)

    monkeypatch.setattr(Classifier, "load", slowly)
    model_loading._from_file.clear()
    option = Option("shipped", "Shipped", tiny_weights)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(model_loading.load, [option] * 8))
    assert len(loads) == 1 and len(set(map(id, found))) == 1


def test_what_is_loaded_is_not_gone_through_at_every_collection(tiny_weights: Path) -> None:
    model_loading._freeze_garbage_collector.cache_clear()
    model_loading._from_file.clear()
    try:
        model_loading.load(Option("shipped", "Shipped", tiny_weights))
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()
