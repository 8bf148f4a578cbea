"""The batcher: requests of many threads run in batches, in turn, and never wait forever."""

from __future__ import annotations

import gc
import threading
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
from alexnet_demo.inference.batcher import MAX_BATCH, MAX_REQUEST, MicroBatcher
from alexnet_demo.inference.classifier import Classifier, Prediction
from tests.support.waiting import PATIENCE, wait_for


def image(seed: int) -> PreparedImage:
    pixels = np.random.default_rng(seed).integers(0, 256, (28, 28), np.uint8)
    return PreparedImage((), (pixels,), Choices("dataset", "keep", "keep", (0, 0, 1, 1)))


class Blocking:
    """A model that waits until `free` is set; its predictions are the images themselves."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.began, self.free = threading.Event(), threading.Event()

    def predict(self, images: Sequence[Any]) -> list[Any]:
        self.began.set()
        assert self.free.wait(PATIENCE)
        self.batches.append(len(images))
        return list(images)


def predict(desk: MicroBatcher, model: Blocking, images: Sequence[object]) -> list[object]:
    return cast(
        "list[object]",
        desk.predict(cast(Classifier, model), cast("list[PreparedImage]", images)),
    )


@pytest.fixture
def blocking() -> Blocking:
    return Blocking()


def wait_until_queued(desk: MicroBatcher, count: int) -> None:
    wait_for(lambda: len(desk._queue) == count, f"{len(desk._queue)} queued, not {count}")


def test_predictions_equal_those_of_the_model_alone(tiny_weights: Path) -> None:
    model, images = Classifier.load(tiny_weights), [image(n) for n in range(40)]
    alone = [model.predict([i])[0] for i in images]
    desk = MicroBatcher()
    with ThreadPoolExecutor(20) as pool:
        together = list(pool.map(lambda i: desk.predict(model, [i])[0], images))
    many = desk.predict(model, images)

    def probabilities(prediction: Prediction) -> list[float]:
        return [p for _, p in sorted(prediction.ranked)]

    for one, other, third in zip(alone, together, many, strict=True):
        assert probabilities(one) == pytest.approx(probabilities(other), abs=0.01)
        assert probabilities(one) == pytest.approx(probabilities(third), abs=0.01)


def test_probabilities_are_computed_in_turns(tiny_weights: Path) -> None:
    model = Classifier.load(tiny_weights)
    pixels = np.random.default_rng(0).integers(0, 256, (MAX_REQUEST + 1, 28, 28), np.uint8)
    batches: list[int] = []

    class Recording(MicroBatcher):
        def submit(self, function: Any) -> Any:
            result = super().submit(function)
            batches.append(len(result))
            return result

    probabilities = Recording().probabilities(model, pixels)
    assert batches == [MAX_REQUEST, 1]
    np.testing.assert_allclose(probabilities, model.probabilities(pixels), atol=0.01)


def test_queued_requests_share_a_batch(blocking: Blocking) -> None:
    desk = MicroBatcher()
    with ThreadPoolExecutor(60) as pool:
        first = pool.submit(predict, desk, blocking, ["first"])
        assert blocking.began.wait(PATIENCE)
        others = [pool.submit(predict, desk, blocking, [n]) for n in range(50)]
        wait_until_queued(desk, 50)
        blocking.free.set()
        assert first.result() == ["first"]
        assert [other.result() for other in others] == [[n] for n in range(50)]
    assert blocking.batches == [1, MAX_BATCH, 50 - MAX_BATCH]


def test_a_batch_holds_requests_for_one_model(blocking: Blocking) -> None:
    desk, other = MicroBatcher(), Blocking()
    other.free.set()
    with ThreadPoolExecutor(9) as pool:
        futures = [pool.submit(predict, desk, blocking, ["first"])]
        assert blocking.began.wait(PATIENCE)
        futures += [pool.submit(predict, desk, (blocking, other)[n % 2], [n]) for n in range(8)]
        wait_until_queued(desk, 8)
        blocking.free.set()
        assert [f.result()[0] for f in futures] == ["first", *range(8)]
    assert sorted(blocking.batches) == [1, 4] and other.batches == [4]


def test_a_full_queue_rejects_requests_while_it_is_full(blocking: Blocking) -> None:
    desk = MicroBatcher(max_queued=2)
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(predict, desk, blocking, ["first"])]
        assert blocking.began.wait(PATIENCE)
        futures += [pool.submit(predict, desk, blocking, [n]) for n in range(2)]
        wait_until_queued(desk, 2)
        with pytest.raises(BusyError):  # at once: the model is still blocked
            predict(desk, blocking, ["too many"])
        blocking.free.set()
        assert [f.result()[0] for f in futures] == ["first", 0, 1]
    assert predict(desk, blocking, ["later"]) == ["later"]


def test_requests_time_out_and_leave_the_queue(blocking: Blocking) -> None:
    desk = MicroBatcher(timeout=0.2)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(predict, desk, blocking, ["late"])
        assert blocking.began.wait(PATIENCE)
        with pytest.raises(BusyError):
            predict(desk, blocking, ["never run"])
        assert not desk._queue
        with pytest.raises(BusyError):
            late.result()
        blocking.free.set()
    desk._timeout = PATIENCE
    assert predict(desk, blocking, ["again"]) == ["again"]
    assert blocking.batches == [1, 1]


def test_a_large_request_lets_others_in_between(blocking: Blocking) -> None:
    desk = MicroBatcher()
    with ThreadPoolExecutor(2) as pool:
        bulk = pool.submit(predict, desk, blocking, range(5 * MAX_REQUEST))
        assert blocking.began.wait(PATIENCE)
        single = pool.submit(predict, desk, blocking, ["one"])
        wait_until_queued(desk, 1)
        blocking.free.set()
        assert single.result() == ["one"] and bulk.result() == list(range(5 * MAX_REQUEST))
    assert blocking.batches[0] == MAX_REQUEST and len(blocking.batches) >= 5
    assert 1 in blocking.batches[1:3] or MAX_REQUEST + 1 in blocking.batches[1:3]


def test_low_priority_work_runs_last(blocking: Blocking) -> None:
    desk = MicroBatcher()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(predict, desk, blocking, ["first"])
        assert blocking.began.wait(PATIENCE)
        full_pass = pool.submit(desk.submit_low_priority, lambda: [len(blocking.batches)])
        wait_for(lambda: desk._low_priority, "not queued")
        others = [pool.submit(predict, desk, blocking, [n]) for n in range(2)]
        wait_until_queued(desk, 2)
        blocking.free.set()
        assert full_pass.result() == [2], "after both batches"
        assert first.result() and all(other.result() for other in others)


def test_errors_reach_their_own_request_only(blocking: Blocking) -> None:
    class Broken:
        def predict(self, _: object) -> list[object]:
            raise MemoryError

    desk = MicroBatcher()
    with pytest.raises(MemoryError):
        predict(desk, cast(Blocking, Broken()), ["x"])
    with pytest.raises(ZeroDivisionError):
        desk.submit_low_priority(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        desk.submit(lambda: 1 / 0)
    blocking.free.set()
    assert predict(desk, blocking, ["fine"]) == ["fine"]


def test_an_idle_batcher_keeps_no_thread_and_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher, "IDLE_SECONDS", 0.05)
    desk, model = MicroBatcher(), Blocking()
    model.free.set()
    assert predict(desk, model, ["x"]) == ["x"]
    wait_for(lambda: desk._thread is None, "the thread stays")
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None
