"""Asking a network about the whole test set: in the background, once for all sessions, and kept."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from alexnet_demo import results
from alexnet_demo.config import TEST_SAMPLES
from alexnet_demo.results import Results

if TYPE_CHECKING:  # torch takes seconds to import
    from alexnet_demo.predict import Classifier

CHUNK = 250  # pictures between two looks at the progress
MOST = 16  # surveys held in memory; what is on disk is read again


@dataclass
class Survey:
    """A network's answers for the test set, on their way or there."""

    done: int = 0
    work: Future[Results] = field(default_factory=Future)

    @property
    def share(self) -> float:
        """How far it has come, 0 to 1."""
        return self.done / TEST_SAMPLES

    @property
    def results(self) -> Results | None:
        """The answers; None while they are on their way, or where they failed."""
        return self.work.result() if self.work.done() and not self.work.exception() else None

    @property
    def problem(self) -> str:
        """Why it failed, as a sentence; empty where it did not."""
        error = self.work.exception() if self.work.done() else None
        return str(error) if error else ""


class _Office:
    """The surveys of all sessions, one at work at a time."""

    def __init__(self) -> None:
        self.lock, self.surveys = Lock(), dict[str, Survey]()
        self.worker = ThreadPoolExecutor(1, "survey")

    def survey(self, digest: str, ask: Callable[[Survey], Results], again: bool) -> Survey:
        with self.lock:
            found = self.surveys.get(digest)
            if found is None or (again and found.problem):
                found = self.surveys[digest] = Survey()
                if kept := results.read(digest):
                    found.work.set_result(kept)
                else:
                    found.work = self.worker.submit(ask, found)
                for old in list(self.surveys)[:-MOST]:
                    if self.surveys[old].work.done():
                        del self.surveys[old]
            return found


@st.cache_resource(show_spinner=False)
def _office() -> _Office:
    return _Office()


def survey(digest: str, classifier: Classifier, *, again: bool = False) -> Survey:
    """The survey of a network; begun where there is none yet.

    Args:
        digest: SHA-256 of its weights file.
        again: begin anew where the last one failed.
    """

    def ask(progress: Survey) -> Results:
        from alexnet_demo.data import load_split

        split, parts = load_split(train=False), []
        for images in split.images.split(CHUNK):
            parts.append(classifier.probabilities(images.numpy()))
            progress.done += len(images)
        found = Results(np.concatenate(parts), split.labels.numpy())
        with suppress(OSError):  # then it is asked again after the next start
            results.keep(digest, found)
        return found

    return _office().survey(digest, ask, again)
