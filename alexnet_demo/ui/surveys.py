"""Asking a network about a whole data set: in the background, once for all sessions, and kept."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import streamlit as st

from alexnet_demo import results
from alexnet_demo.broker import BROKER
from alexnet_demo.config import TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.results import Results

if TYPE_CHECKING:  # torch takes seconds to import
    from alexnet_demo.atlas import Atlas
    from alexnet_demo.predict import Classifier

T = TypeVar("T")
CHUNK = 16  # pictures at a time: whoever asks about one meanwhile waits for no more
MOST = 16  # surveys held in memory; what is on disk is read again


@dataclass
class Survey(Generic[T]):
    """What is asked of a network about many pictures, on its way or there."""

    total: int
    done: int = 0
    work: Future[T] = field(default_factory=Future)

    @property
    def share(self) -> float:
        """How far it has come, 0 to 1."""
        return min(1.0, self.done / self.total)

    @property
    def found(self) -> T | None:
        """What it gave; None while it is on its way, or where it failed."""
        return self.work.result() if self.work.done() and not self.work.exception() else None

    @property
    def problem(self) -> str:
        """Why it failed, as a sentence; empty where it did not."""
        error = self.work.exception() if self.work.done() else None
        return (str(error) or type(error).__name__) if error else ""


class _Office:
    """The surveys of all sessions, one of each kind at work at a time."""

    def __init__(self) -> None:
        self.lock, self.surveys = Lock(), dict[tuple[str, str], Survey[Any]]()
        self.workers = {kind: ThreadPoolExecutor(1, kind) for kind in ("test", "training")}

    def survey(
        self,
        key: tuple[str, str],
        total: int,
        kept: Callable[[], T | None],
        ask: Callable[[Survey[T]], T],
        again: bool = False,
    ) -> Survey[T]:
        """The survey of that key: at hand, or kept on disk, or begun; ``again`` if it failed."""
        with self.lock:
            found = self.surveys.get(key)
            if found is None or (again and found.problem):
                found = Survey(total)
                if (old := kept()) is not None:
                    found.work.set_result(old)
                else:
                    found.work = self.workers[key[1]].submit(ask, found)
                self.surveys[key] = found
                for other in list(self.surveys)[:-MOST]:
                    if self.surveys[other].work.done():
                        del self.surveys[other]
            return found


@st.cache_resource(show_spinner=False)
def _office() -> _Office:
    return _Office()


def of_test_set(classifier: Classifier, *, again: bool = False) -> Survey[tuple[Results, Atlas]]:
    """What a network says of the test pictures, and where they lie for it.

    Args:
        classifier: with its file's digest, under which all is kept.
        again: begin anew where the last survey failed.
    """
    digest = classifier.digest

    def kept() -> tuple[Results, Atlas] | None:
        from alexnet_demo import atlas

        answers, places = results.read(digest), atlas.read(digest)
        return None if answers is None or places is None else (answers, places)

    def ask(progress: Survey[tuple[Results, Atlas]]) -> tuple[Results, Atlas]:
        import torch

        from alexnet_demo import atlas
        from alexnet_demo.data import load_split

        split, parts, features = load_split(train=False), [], []
        for images in split.images.split(CHUNK):
            ask_now = partial(classifier.outputs, images.numpy())
            logits, own = BROKER.unhurried(ask_now)
            parts.append(classifier.certainty.probabilities(logits).numpy())
            features.append(own)
            progress.done += len(images)
        answers = Results(np.concatenate(parts), split.labels.numpy())
        places = atlas.fit(torch.cat(features))
        with suppress(OSError):  # then it is asked again after the next start
            results.keep(digest, answers)
            atlas.keep(digest, places)
        return answers, places

    return _office().survey((digest, "test"), TEST_SAMPLES, kept, ask, again)


def of_training_set(
    classifier: Classifier, places: Atlas, *, again: bool = False
) -> Survey[np.ndarray]:
    """Where the training pictures lie for a network, float (60000, D); see `of_test_set`."""
    digest = classifier.digest

    def kept() -> np.ndarray | None:
        from alexnet_demo import atlas

        return atlas.read_training(digest)

    def ask(progress: Survey[np.ndarray]) -> np.ndarray:
        from alexnet_demo import atlas
        from alexnet_demo.data import load_split

        parts = []
        for images in load_split(train=True).images.split(CHUNK):
            ask_now = partial(classifier.outputs, images.numpy())
            parts.append(places.place(BROKER.unhurried(ask_now)[1]).astype(np.float16))
            progress.done += len(images)
        points = np.concatenate(parts)
        with suppress(OSError):
            atlas.keep_training(digest, points)
        return points

    return _office().survey((digest, "training"), TRAIN_SAMPLES, kept, ask, again)
