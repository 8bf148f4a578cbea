"""Counts of a class: each session once, first choices, expiry, and a bound on memory."""

from __future__ import annotations

from threading import Thread

import pytest

from alexnet_demo.common.access import ADMIN, READ_ONLY
from alexnet_demo.common.errors import AccessError
from alexnet_demo.ui.frame import class_counts
from alexnet_demo.ui.frame.class_counts import FORGET_SECONDS, MAX_SESSIONS, ClassCounts
from alexnet_demo.ui.frame.stops import STOPS

RIGHT = [[option.right for option in stop.options].index(True) for stop in STOPS]
WRONG = [right - 1 if right else 1 for right in RIGHT]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def here(counts: ClassCounts) -> list[int]:
    return [stop.here for stop in counts.snapshot()]


def at(*stops: int) -> list[int]:
    return [stops.count(number) for number in range(1, len(STOPS) + 1)]


def test_a_session_is_at_one_stop_and_counts_once():
    counts = ClassCounts()
    for session, stop in [("a", 1), ("a", 2), ("b", 2), ("a", 2), ("c", 1)]:
        counts.visit(session, stop)
    assert here(counts) == at(1, 2, 2)
    counts.visit("a", None)  # a page outside the tour
    assert here(counts) == at(1, 2)


def test_a_session_outside_the_tour_leaves_no_record():
    counts = ClassCounts()
    counts.visit("a", None)
    assert not counts._sessions


def test_first_choices_are_counted_and_the_right_option_found_later():
    counts = ClassCounts()
    for option in (WRONG[2], RIGHT[2], WRONG[2]):
        counts.choose("a", 3, option)
    counts.choose("b", 3, WRONG[2])
    counts.choose("c", 3, RIGHT[2])
    stop = counts.snapshot()[2]
    assert len(stop.first) == len(STOPS[2].options)
    assert (stop.first[WRONG[2]], stop.first[RIGHT[2]]) == (2, 1)
    assert (stop.answered, stop.solved) == (3, 2)
    assert sum(other.answered for other in counts.snapshot()) == 3


def test_a_closed_session_leaves_its_stop_but_its_choices_stay_for_a_while():
    clock, closed = Clock(), set[str]()
    counts = ClassCounts(clock, lambda session: session not in closed)
    for session in ("a", "b"):
        counts.visit(session, 1)
        counts.choose(session, 1, RIGHT[0])
    closed.add("a")
    assert here(counts) == at(1)
    assert counts.snapshot()[0].answered == 2
    closed.clear()  # the browser connects again
    assert here(counts) == at(1, 1)
    clock.now = FORGET_SECONDS - 1
    counts.visit("b", 2)
    assert counts.snapshot()[0].answered == 2
    clock.now = FORGET_SECONDS
    assert counts.snapshot()[0].answered == 1
    assert list(counts._sessions) == ["b"]


def test_beyond_the_bound_the_longest_idle_session_is_forgotten():
    counts = ClassCounts()
    for number in range(MAX_SESSIONS):
        counts.visit(str(number), 1)
    counts.visit("0", 2)
    counts.visit("new", 3)
    assert len(counts._sessions) == MAX_SESSIONS
    assert {"0", "new"} < counts._sessions.keys() and "1" not in counts._sessions


def test_hundreds_of_sessions_at_once():
    counts = ClassCounts()

    def tour(group: int) -> None:
        for number in range(100):
            for stop in (1, 2):
                counts.visit(f"{group} {number}", stop)
                counts.choose(f"{group} {number}", stop, RIGHT[stop - 1])
                counts.snapshot()

    threads = [Thread(target=tour, args=(group,)) for group in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert here(counts) == at(*[2] * 400)
    assert [stop.solved for stop in counts.snapshot()[:2]] == [400, 400]


def test_a_reset_takes_control_of_the_server(monkeypatch: pytest.MonkeyPatch):
    counts = ClassCounts()
    counts.choose("a", 1, 0)
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    with pytest.raises(AccessError):
        counts.reset(READ_ONLY)
    assert counts.snapshot()[0].answered == 1
    counts.reset(ADMIN)
    assert not counts._sessions


def test_counting_is_off_unless_switched_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("ALEXNET_DEMO_CLASS", raising=False)
    assert not class_counts.is_on()
    for value, on in [("", False), ("0", False), ("Off", False), ("1", True), ("true", True)]:
        monkeypatch.setenv("ALEXNET_DEMO_CLASS", value)
        assert class_counts.is_on() == on
