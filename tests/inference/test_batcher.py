"""Requests of many threads, answered in one: together, in turn, and never left waiting."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from alexnet_demo.common.errors import BusyError
from alexnet_demo.images.prepared import Choices, PreparedImage
from alexnet_demo.inference import batcher
from alexnet_demo.inference.batcher import BATCH, PIECE, MicroBatcher
from alexnet_demo.inference.classifier import Classifier, Prediction
from tests.support.waiting import wait_for


def picture(number: int) -> PreparedImage:
    pixels = np.random.default_rng(number).integers(0, 256, (28, 28), np.uint8)
    return PreparedImage((), (pixels,), Choices("dataset", "keep", "keep", (0, 0, 1, 1)))


class Slow:
    """Stands where a network stands, to be held up; its answers are the pictures themselves."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.began, self.free = threading.Event(), threading.Event()

    def predict(self, pictures: Sequence[Any]) -> list[Any]:
        self.began.set()
        assert self.free.wait(10)
        self.batches.append(len(pictures))
        return list(pictures)


def ask(desk: MicroBatcher, network: Slow, pictures: Sequence[object]) -> list[object]:
    found = desk.predict(cast(Classifier, network), cast("list[PreparedImage]", pictures))
    return cast("list[object]", found)


@pytest.fixture
def slow() -> Slow:
    return Slow()


def waiting(desk: MicroBatcher) -> int:
    return len(desk._line)


def test_answers_are_those_of_the_network_alone(tiny_weights: Path) -> None:
    network, pictures = Classifier.load(tiny_weights), [picture(n) for n in range(40)]
    alone = [network.predict([p])[0] for p in pictures]
    desk = MicroBatcher()
    with ThreadPoolExecutor(20) as pool:
        together = list(pool.map(lambda p: desk.predict(network, [p])[0], pictures))
    many = desk.predict(network, pictures)

    def numbers(answer: Prediction) -> list[float]:
        return [p for _, p in sorted(answer.ranked)]

    for one, other, third in zip(alone, together, many, strict=True):
        assert numbers(one) == pytest.approx(numbers(other), abs=0.01)
        assert numbers(one) == pytest.approx(numbers(third), abs=0.01)


def test_what_waits_goes_through_together(slow: Slow) -> None:
    desk = MicroBatcher()
    with ThreadPoolExecutor(60) as pool:
        first = pool.submit(ask, desk, slow, ["first"])
        assert slow.began.wait(5)
        others = [pool.submit(ask, desk, slow, [n]) for n in range(50)]
        wait_for(lambda: waiting(desk) == 50, 5, "they do not wait")
        slow.free.set()
        assert first.result() == ["first"]
        assert [other.result() for other in others] == [[n] for n in range(50)]
    assert slow.batches == [1, BATCH, 50 - BATCH]


def test_networks_do_not_mix(slow: Slow) -> None:
    desk, other = MicroBatcher(), Slow()
    other.free.set()
    with ThreadPoolExecutor(9) as pool:
        futures = [pool.submit(ask, desk, slow, ["first"])]
        assert slow.began.wait(5)
        futures += [pool.submit(ask, desk, (slow, other)[n % 2], [n]) for n in range(8)]
        wait_for(lambda: waiting(desk) == 8, 5, "they do not wait")
        slow.free.set()
        assert [f.result()[0] for f in futures] == ["first", *range(8)]
    assert sorted(slow.batches) == [1, 4] and other.batches == [4]


def test_a_full_line_is_refused_at_once_and_later_ones_are_taken(slow: Slow) -> None:
    desk = MicroBatcher(waiting=2)
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(ask, desk, slow, ["first"])]
        assert slow.began.wait(5)
        futures += [pool.submit(ask, desk, slow, [n]) for n in range(2)]
        wait_for(lambda: waiting(desk) == 2, 5, "they do not wait")
        begin = time.monotonic()
        with pytest.raises(BusyError, match="try again"):
            ask(desk, slow, ["too many"])
        assert time.monotonic() - begin < 1
        slow.free.set()
        assert [f.result()[0] for f in futures] == ["first", 0, 1]
    assert ask(desk, slow, ["later"]) == ["later"]


def test_what_does_not_come_in_time_is_given_up(slow: Slow) -> None:
    desk = MicroBatcher(patience=0.2)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(ask, desk, slow, ["late"])
        assert slow.began.wait(5)
        with pytest.raises(BusyError):
            ask(desk, slow, ["never asked"])
        assert waiting(desk) == 0, "nobody waits for it any more"
        with pytest.raises(BusyError):
            late.result()
        slow.free.set()
    assert ask(desk, slow, ["again"]) == ["again"]
    assert slow.batches == [1, 1]


def test_many_pictures_let_others_in_between(slow: Slow) -> None:
    desk = MicroBatcher()
    with ThreadPoolExecutor(2) as pool:
        bulk = pool.submit(ask, desk, slow, range(5 * PIECE))
        assert slow.began.wait(5)
        single = pool.submit(ask, desk, slow, ["one"])
        wait_for(lambda: waiting(desk) == 1, 5, "it does not wait")
        slow.free.set()
        assert single.result() == ["one"] and bulk.result() == list(range(5 * PIECE))
    assert slow.batches[0] == PIECE and len(slow.batches) >= 5
    assert 1 in slow.batches[1:3] or PIECE + 1 in slow.batches[1:3], "it waited for all of them"


def test_work_without_hurry_comes_last(slow: Slow) -> None:
    desk = MicroBatcher()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask, desk, slow, ["first"])
        assert slow.began.wait(5)
        survey = pool.submit(desk.submit_low_priority, lambda: [len(slow.batches)])
        wait_for(lambda: desk._patient, 5, "it does not wait")
        others = [pool.submit(ask, desk, slow, [n]) for n in range(2)]
        wait_for(lambda: waiting(desk) == 2, 5, "they do not wait")
        slow.free.set()
        assert survey.result() == [2], "after both batches"
        assert first.result() and all(other.result() for other in others)


def test_errors_reach_those_who_asked_and_nobody_else(slow: Slow) -> None:
    class Broken:
        def predict(self, _: object) -> list[object]:
            raise MemoryError("no memory")

    desk = MicroBatcher()
    with pytest.raises(MemoryError, match="no memory"):
        ask(desk, cast(Slow, Broken()), ["x"])
    with pytest.raises(ZeroDivisionError):
        desk.submit_low_priority(lambda: 1 / 0)
    slow.free.set()
    assert ask(desk, slow, ["fine"]) == ["fine"]


def test_nothing_stays_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread, and no network that was asked: it may have been let go by those who loaded it."""
    monkeypatch.setattr(batcher, "LINGER", 0.05)
    desk, network = MicroBatcher(), Slow()
    network.free.set()
    assert ask(desk, network, ["x"]) == ["x"]
    wait_for(lambda: desk._thread is None, 5, "the thread stays")
    gone = weakref.ref(network)
    del network
    gc.collect()
    assert gone() is None
