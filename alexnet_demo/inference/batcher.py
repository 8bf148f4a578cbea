"""One thread in which the networks answer, for all who ask. Imports no torch.

Sessions that each ran the network themselves would share the cores badly: every call takes all of
them. Here requests wait in one line; what waits for the same network when the thread is free goes
through it as one batch, which costs less than one by one. Nobody is made to wait for a batch to
fill. Answers equal those of the network asked alone, but for the last bits of rounding.

The line is short, so that who would wait long is told at once to try again. Work without hurry,
such as asking about a whole test set, is done while nobody else waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late  # the built-in one from Python 3.11 on
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any, TypeVar

from alexnet_demo.common.errors import BusyError

if TYPE_CHECKING:  # both import torch
    from alexnet_demo.images.prepared import PreparedImage
    from alexnet_demo.inference.classifier import Classifier, Prediction

T = TypeVar("T")
WAITING = 64  # requests in the line
PATIENCE = 10.0  # seconds until an answer must have come
BATCH = 32  # pictures that go through a network together
PIECE = 8  # pictures of one request in a batch: others get in between
LINGER = 5.0  # seconds that the thread stays without work; the next request starts another
BUSY = "Many people are asking at this moment: try again in a few seconds."


@dataclass(eq=False)  # two requests for the same picture are two
class _Request:
    """Pictures for a network, and where the answers go."""

    classifier: Classifier
    pictures: Sequence[PreparedImage]
    answers: Future[list[Prediction]] = field(default_factory=Future)


@dataclass(eq=False)
class _Task:
    """Something else to ask a network, and where the answer goes."""

    work: Callable[[], Any]
    answers: Future[Any] = field(default_factory=Future)


class MicroBatcher:
    """Answers for all threads of a process, one batch after the other.

    Args:
        waiting: requests that may wait; a further one is refused.
        patience: seconds until a request that waits is given up.
    """

    def __init__(self, waiting: int = WAITING, patience: float = PATIENCE) -> None:
        self._waiting, self._patience = waiting, patience
        self._changed = Condition()
        self._line = deque[_Request | _Task]()
        self._patient = deque[_Task]()
        self._thread: Thread | None = None

    def predict(
        self, classifier: Classifier, pictures: Sequence[PreparedImage]
    ) -> list[Prediction]:
        """`Classifier.predict`, together with whatever else is asked of that network.

        Raises:
            BusyError: when too many wait already, or the answer did not come in time.
        """
        found: list[Prediction] = []
        for first in range(0, len(pictures), PIECE):
            found += self._in_turn(_Request(classifier, pictures[first : first + PIECE]))
        return found

    def submit(self, work: Callable[[], T]) -> T:
        """What ``work`` returns, called in the thread in its turn; it should be brief.

        Raises:
            BusyError: as `predict`.
        """
        answer: T = self._in_turn(_Task(work))
        return answer

    def submit_low_priority(self, work: Callable[[], T]) -> T:
        """What ``work`` returns, called in the thread once nobody waits; it should be brief."""
        task = _Task(work)
        with self._changed:
            self._patient.append(task)
            self._wake()
        answer: T = task.answers.result()
        return answer

    def _in_turn(self, request: _Request | _Task) -> Any:
        """Wait in the line for an answer."""
        with self._changed:
            if len(self._line) >= self._waiting:
                raise BusyError(BUSY)
            self._line.append(request)
            self._wake()
        try:
            return request.answers.result(self._patience)
        except Late:
            with self._changed:
                if request.answers.cancel() and request in self._line:
                    self._line.remove(request)
            raise BusyError(BUSY) from None

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._work, name="broker", daemon=True)
            self._thread.start()
        self._changed.notify()

    # -------------------------------------------------------------- in the thread

    def _work(self) -> None:
        while step := self._next():
            step()
            del step  # which holds on to a network

    def _next(self) -> Callable[[], None] | None:
        """What to do now; None after a while without work, which ends the thread."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._line or self._patient, LINGER):
                self._thread = None
                return None
            if self._line and isinstance(self._line[0], _Request):
                batch = list(self._batch(self._line[0].classifier))
                return lambda: _answer(batch)
            task: Any = (self._line or self._patient).popleft()
            return lambda: _settle(task)

    def _batch(self, classifier: Classifier) -> Iterator[_Request]:
        """The requests in the line for a network, as many as fit."""
        room = BATCH
        for request in [each for each in self._line if isinstance(each, _Request)]:
            if request.classifier is classifier and len(request.pictures) <= room:
                room -= len(request.pictures)
                self._line.remove(request)
                if request.answers.set_running_or_notify_cancel():
                    yield request


def _answer(batch: list[_Request]) -> None:
    if not batch:  # all were given up
        return
    pictures = [picture for request in batch for picture in request.pictures]
    try:
        found = iter(batch[0].classifier.predict(pictures))
    except BaseException as error:  # told to those who asked
        for request in batch:
            request.answers.set_exception(error)
        return
    for request in batch:
        request.answers.set_result([next(found) for _ in request.pictures])


def _settle(task: _Task) -> None:
    if not task.answers.set_running_or_notify_cancel():  # given up
        return
    try:
        task.answers.set_result(task.work())
    except BaseException as error:
        task.answers.set_exception(error)


BATCHER = MicroBatcher()
"""This process's; it starts no thread before it is asked."""
