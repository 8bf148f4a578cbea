"""Runs models for all sessions of the server on one thread, in small batches. Imports no torch.

Sessions that each ran a model would compete for the same cores. Here requests queue up, and those
for the same model are batched as soon as the thread is free: no request waits for a batch to fill.
Predictions equal those of the model alone, up to rounding.

The queue is short, so that under heavy load a request fails at once instead of after a long wait.
Low-priority work, such as a pass over the whole test set, runs only while the queue is empty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout  # the built-in one from Python 3.11 on
from dataclasses import dataclass, field
from functools import partial
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from alexnet_demo.common.errors import BusyError

if TYPE_CHECKING:  # both import torch
    from alexnet_demo.images.prepared import PreparedImage
    from alexnet_demo.inference.classifier import Classifier, Prediction

T = TypeVar("T")
MAX_QUEUED = 64  # requests
TIMEOUT = 10.0  # seconds from request to result
MAX_BATCH = 32  # images
MAX_REQUEST = 8  # images; larger requests are split, so that others get a turn in between
LOW_PRIORITY_BATCH = 16  # images of a pass at a time: the longest that a request waits for one
IDLE_SECONDS = 5.0  # after which the thread ends; the next request starts another
BUSY = "The server is busy. Try again in a few seconds."


@dataclass(eq=False)  # two requests for the same image are two
class _Task:
    """A function to run, and the future of its result."""

    function: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)

    def run(self) -> None:
        if self.future.set_running_or_notify_cancel():
            try:
                self.future.set_result(self.function())
            except BaseException as error:  # raised again in the thread that waits
                self.future.set_exception(error)


@dataclass(eq=False)
class _Request:
    """Images to classify, and the future of their predictions."""

    classifier: Classifier
    images: Sequence[PreparedImage]
    future: Future[list[Prediction]] = field(default_factory=Future)


class MicroBatcher:
    """Runs models for all threads of a process, one batch after another.

    Args:
        max_queued: requests that may wait; further ones are rejected.
        timeout: seconds after which a waiting request is abandoned.
    """

    def __init__(self, max_queued: int = MAX_QUEUED, timeout: float = TIMEOUT) -> None:
        self._max_queued, self._timeout = max_queued, timeout
        self._changed = Condition()
        self._queue = deque[_Request | _Task]()
        self._low_priority = deque[_Task]()
        self._thread: Thread | None = None

    def predict(self, classifier: Classifier, images: Sequence[PreparedImage]) -> list[Prediction]:
        """`Classifier.predict`, batched with other requests for the same model.

        Raises:
            BusyError: when the queue is full, or the timeout passes.
        """
        predictions: list[Prediction] = []
        for first in range(0, len(images), MAX_REQUEST):
            part = images[first : first + MAX_REQUEST]
            predictions += self._enqueue(_Request(classifier, part))
        return predictions

    def probabilities(self, classifier: Classifier, pixels: np.ndarray) -> np.ndarray:
        """`Classifier.probabilities` of at least one image, `MAX_REQUEST` images at a time.

        Raises:
            BusyError: as `predict`.
        """
        parts = (
            pixels[first : first + MAX_REQUEST] for first in range(0, len(pixels), MAX_REQUEST)
        )
        return np.concatenate([self.submit(partial(classifier.probabilities, p)) for p in parts])

    def submit(self, function: Callable[[], T]) -> T:
        """Run a short function on the thread in its turn and return its result.

        Raises:
            BusyError: as `predict`.
        """
        result: T = self._enqueue(_Task(function))
        return result

    def submit_low_priority(self, function: Callable[[], T]) -> T:
        """Run a short function on the thread once the queue is empty and return its result."""
        task = _Task(function)
        with self._changed:
            self._low_priority.append(task)
            self._wake()
        result: T = task.future.result()
        return result

    def _enqueue(self, request: _Request | _Task) -> Any:
        """Queue a request and wait for its result."""
        with self._changed:
            if len(self._queue) >= self._max_queued:
                raise BusyError(BUSY)
            self._queue.append(request)
            self._wake()
        try:
            return request.future.result(self._timeout)
        except FutureTimeout:
            with self._changed:
                if request.future.cancel() and request in self._queue:
                    self._queue.remove(request)
            raise BusyError(BUSY) from None

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._work, name="batcher", daemon=True)
            self._thread.start()
        self._changed.notify()

    # -------------------------------------------------------------- on the thread

    def _work(self) -> None:
        while step := self._next():
            step()
            del step  # it references a model

    def _next(self) -> Callable[[], None] | None:
        """The next step; None after `IDLE_SECONDS` without work, which ends the thread."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._queue or self._low_priority, IDLE_SECONDS):
                self._thread = None
                return None
            first = (self._queue or self._low_priority).popleft()
            if isinstance(first, _Task):
                return first.run
            batch = [first, *self._matching(first)]
        return lambda: _predict(batch)

    def _matching(self, first: _Request) -> list[_Request]:
        """Dequeue requests for the same model, up to `MAX_BATCH` images with the first."""
        room, requests = MAX_BATCH - len(first.images), []
        for request in [each for each in self._queue if isinstance(each, _Request)]:
            if request.classifier is first.classifier and len(request.images) <= room:
                room -= len(request.images)
                self._queue.remove(request)
                requests.append(request)
        return requests


def _predict(batch: list[_Request]) -> None:
    batch = [request for request in batch if request.future.set_running_or_notify_cancel()]
    if not batch:  # all timed out
        return
    images = [image for request in batch for image in request.images]
    try:
        predictions = iter(batch[0].classifier.predict(images))
    except BaseException as error:  # raised again in the threads that wait
        for request in batch:
            request.future.set_exception(error)
        return
    for request in batch:
        request.future.set_result([next(predictions) for _ in request.images])


BATCHER = MicroBatcher()
"""The one of this process; it starts its thread on the first request."""
