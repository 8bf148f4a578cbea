"""Lets the fastest backend answer for a model as soon as it is known; until then, PyTorch answers.

To choose it takes half a minute of processor time, in a process of its own at low priority,
for one model at a time. Uploaded models, of which nothing is written to the disk, stay in PyTorch.
"""

from __future__ import annotations

import logging
import subprocess
import time
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from alexnet_demo.jobs import processes

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.inference.classifier import Classifier

POLL_SECONDS = 1.0
CHOICE_SECONDS = 600.0
"""After which a choice is given up: it takes minutes at low priority on a busy server."""
END_SECONDS = 10.0  # for a terminated process to end, after which it is killed

log = logging.getLogger(__name__)

_threads: WeakKeyDictionary[Classifier, Thread] = WeakKeyDictionary()
_measuring: dict[str, Thread] = {}
"""By digest of the weights, which are tried once, even if that fails."""
_changing, _one_at_a_time = Lock(), Lock()


def use_fastest(classifier: Classifier, weights: Path, measure: bool) -> None:
    """Switch a model to the fastest backend in the background.

    Args:
        weights: the model's file.
        measure: choose that backend if it has not been chosen yet.
    """
    with _changing:
        other = _measuring.get(classifier.digest)
        measure = measure and not other
        if not measure and classifier in _threads:
            return
        if measure:
            work = Thread(target=_measure, args=(classifier, weights), daemon=True)
            _measuring[classifier.digest] = work
        else:
            work = Thread(target=_use_chosen, args=(classifier, other), daemon=True)
        _threads[classifier] = work
        work.start()


def _use_chosen(classifier: Classifier, measuring: Thread | None) -> None:
    """Take the choice for these weights, also one that another thread is still making."""
    from alexnet_demo.inference import backend_choice

    if not backend_choice.use_chosen(classifier) and measuring:
        measuring.join()  # which gives up in time
        backend_choice.use_chosen(classifier)


def _measure(classifier: Classifier, weights: Path) -> None:
    from alexnet_demo.inference import backend_choice

    if backend_choice.use_chosen(classifier):
        return
    with _one_at_a_time:
        try:
            process = processes.choose_backend(weights)
        except OSError as error:
            log.warning(f"PyTorch answers: {error}")
            return
        deadline = time.monotonic() + CHOICE_SECONDS
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
            chosen = backend_choice.use_chosen(classifier)  # where another server was faster
            if chosen or time.monotonic() > deadline:
                if not chosen:
                    log.warning(f"PyTorch answers: no choice after {CHOICE_SECONDS:.0f} seconds.")
                _end(process)
                return
    backend_choice.use_chosen(classifier)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait(classifier: Classifier) -> None:
    """Wait until a model has the backend that it will keep, for `CHOICE_SECONDS` at most."""
    if thread := _threads.get(classifier):
        thread.join(CHOICE_SECONDS)
