"""The fastest backend in the background: for which models it is chosen, and when it answers."""

from __future__ import annotations

import subprocess
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from alexnet_demo.common.access import ADMIN, READ_ONLY, Role
from alexnet_demo.inference import backend_choice
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.jobs import processes
from alexnet_demo.runs.run import Run
from alexnet_demo.ui.models import backends, model_loading
from alexnet_demo.ui.models.model_loading import SHIPPED, Option
from alexnet_demo.ui.widgets import access
from tests.support.waiting import PATIENCE


class Fast:
    """Stands for a faster backend."""

    name = "fast"


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch, backend_choices: list[Path]) -> list[Path]:
    """Nothing is chosen until `choose_backend` is called; the weights for which it was."""
    monkeypatch.setattr(backends, "_measuring", {})

    def use_chosen(classifier: Classifier) -> bool:
        if backend_choices:
            classifier.backend = Fast()  # type: ignore[assignment]
        return bool(backend_choices)

    monkeypatch.setattr(backend_choice, "use_chosen", use_chosen)
    return backend_choices


def load(weights: Path) -> Classifier:
    return Classifier.load_with_digest(weights)


def delay_choice(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Let a backend be chosen only once the event is set."""
    go, choose = Event(), processes.choose_backend

    def wait_and_choose(weights: Path) -> Any:
        assert go.wait(PATIENCE)
        return choose(weights)

    monkeypatch.setattr(processes, "choose_backend", wait_and_choose)
    return go


def test_pytorch_answers_until_the_backend_is_chosen(
    tiny_weights: Path, chosen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    go = delay_choice(monkeypatch)
    classifier = load(tiny_weights)
    backends.use_fastest(classifier, tiny_weights, measure=True)  # returns at once
    assert classifier.backend.name.startswith("PyTorch")
    go.set()
    backends.wait(classifier)
    assert classifier.backend.name == "fast" and chosen == [tiny_weights]


def test_it_is_chosen_once_for_the_same_weights_even_if_that_fails(
    tiny_weights: Path, chosen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend_choice, "use_chosen", lambda _: False)
    for classifier in (load(tiny_weights), load(tiny_weights)):
        for _ in range(2):
            backends.use_fastest(classifier, tiny_weights, measure=True)
            backends.wait(classifier)
        assert classifier.backend.name.startswith("PyTorch")
    assert chosen == [tiny_weights]


def test_the_choice_of_another_server_is_taken_at_once(
    tiny_weights: Path, chosen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    def never_ends(weights: Path) -> Any:
        chosen.append(weights)  # as if its file were there now
        return SimpleNamespace(
            poll=lambda: None, terminate=lambda: ended.append("terminate"), wait=lambda _: 0
        )

    monkeypatch.setattr(backends, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(processes, "choose_backend", never_ends)
    classifier = load(tiny_weights)
    backends.use_fastest(classifier, tiny_weights, measure=True)
    backends.wait(classifier)
    assert classifier.backend.name == "fast" and ended == ["terminate"]


def test_a_choice_that_takes_too_long_is_given_up(
    tiny_weights: Path, chosen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ignores that it is terminated, and is killed."""
    ended: list[str] = []

    def end(seconds: float | None = None) -> int:
        if seconds is None:
            return -9
        raise subprocess.TimeoutExpired("backend", seconds)

    process = SimpleNamespace(
        poll=lambda: None,
        terminate=lambda: ended.append("terminate"),
        kill=lambda: ended.append("kill"),
        wait=end,
    )
    monkeypatch.setattr(backends, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(backends, "CHOICE_SECONDS", 0.05)
    monkeypatch.setattr(processes, "choose_backend", lambda _: process)
    classifier = load(tiny_weights)
    backends.use_fastest(classifier, tiny_weights, measure=True)
    backends._threads[classifier].join(PATIENCE)
    assert ended == ["terminate", "kill"] and not backends._one_at_a_time.locked()
    assert classifier.backend.name.startswith("PyTorch")


def test_waiting_for_a_backend_ends(
    tiny_weights: Path, chosen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    go = Event()
    monkeypatch.setattr(backends, "CHOICE_SECONDS", 0.05)
    monkeypatch.setattr(backend_choice, "use_chosen", lambda _: go.wait(PATIENCE))
    classifier = load(tiny_weights)
    backends.use_fastest(classifier, tiny_weights, measure=False)
    backends.wait(classifier)
    assert backends._threads[classifier].is_alive()
    go.set()


@pytest.mark.parametrize("measure", [True, False])
def test_a_model_that_is_loaded_again_takes_the_choice_being_made(
    tiny_weights: Path, chosen: list[Path], monkeypatch: pytest.MonkeyPatch, measure: bool
) -> None:
    go = delay_choice(monkeypatch)
    first, second = load(tiny_weights), load(tiny_weights)
    backends.use_fastest(first, tiny_weights, measure=True)
    backends.use_fastest(second, tiny_weights, measure)
    backends._threads[second].join(0.2)
    assert second.backend.name.startswith("PyTorch") and not chosen
    go.set()
    backends.wait(second)
    assert second.backend.name == "fast" and chosen == [tiny_weights]


def test_without_measuring_only_a_known_choice_is_used(
    tiny_weights: Path, chosen: list[Path]
) -> None:
    first, second = load(tiny_weights), load(tiny_weights)
    backends.use_fastest(first, tiny_weights, measure=False)
    backends.wait(first)
    assert first.backend.name != "fast" and not chosen
    backends.use_fastest(first, tiny_weights, measure=True)  # by somebody else
    backends.wait(first)
    backends.use_fastest(second, tiny_weights, measure=False)
    backends.wait(second)
    assert first.backend.name == second.backend.name == "fast" and len(chosen) == 1


@pytest.mark.parametrize(
    ("role", "option", "live", "measured"),
    [
        (READ_ONLY, SHIPPED, False, True),
        (READ_ONLY, "20261127-083000Z-quick-1a2b/best", False, False),
        (ADMIN, "20261127-083000Z-quick-1a2b/best", False, True),
        (ADMIN, "20261127-083000Z-quick-1a2b/now", True, False),
    ],
)
def test_visitors_and_changing_weights_start_no_choice(
    tiny_weights: Path,
    tmp_path: Path,
    chosen: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    role: Role,
    option: str,
    live: bool,
    measured: bool,
) -> None:
    monkeypatch.setattr(access, "role", lambda: role)
    monkeypatch.setattr(access, "can_control", lambda: role is ADMIN)
    run = Run(tmp_path) if live else None
    classifier = model_loading.load(Option(option, "A model", tiny_weights, run))
    backends.wait(classifier)
    assert bool(chosen) is measured
    model_loading._from_file.clear()
