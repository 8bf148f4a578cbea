"""Lets the fastest backend answer for a model as soon as it is known; until then, PyTorch answers.

To choose it takes half a minute of processor time, in a process of its own at low priority,
for one model at a time. Uploaded models, of which nothing is written to the disk, stay in PyTorch.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from alexnet_demo.jobs import processes

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.inference.classifier import Classifier

POLL_SECONDS = 1.0

_threads: WeakKeyDictionary[Classifier, Thread] = WeakKeyDictionary()
_measured = set[str]()  # digests of weights: each is tried once, even if that fails
_changing, _one_at_a_time = Lock(), Lock()


def use_fastest(classifier: Classifier, weights: Path, measure: bool) -> None:
    """Switch a model to the fastest backend in the background.

    Args:
        weights: the model's file.
        measure: choose that backend if it has not been chosen yet.
    """
    with _changing:
        measure = measure and classifier.digest not in _measured
        if measure:
            _measured.add(classifier.digest)
        elif classifier in _threads:
            return
        work = Thread(target=_use_fastest, args=(classifier, weights, measure), daemon=True)
        _threads[classifier] = work
        work.start()


def _use_fastest(classifier: Classifier, weights: Path, measure: bool) -> None:
    from alexnet_demo.inference import backend_choice

    if backend_choice.use_chosen(classifier) or not measure:
        return
    with _one_at_a_time, suppress(OSError):  # then PyTorch stays
        process = processes.choose_backend(weights)
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
            if backend_choice.use_chosen(classifier):  # another server was faster
                process.terminate()
                process.wait()
                return
    backend_choice.use_chosen(classifier)


def wait(classifier: Classifier) -> None:
    """Wait until a model has the backend that it will keep."""
    if thread := _threads.get(classifier):
        thread.join()
