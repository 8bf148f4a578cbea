"""Pictures pinned and unpinned, for the next run and for those on their way. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable

from alexnet_demo.common.access import READ_ONLY, RESTRICTED, Outcome, Role, has_access
from alexnet_demo.jobs import queue
from alexnet_demo.runs import pins
from alexnet_demo.runs.locks import launch_lock
from alexnet_demo.runs.pins import Pin
from alexnet_demo.runs.store import active_runs, queued_runs

Pins = tuple[Pin, ...]


def pin(picture: Pin, *, role: Role = READ_ONLY) -> Outcome:
    """Pin a picture for the next run, and for those that train or wait now."""
    if not has_access(role):
        return Outcome(False, RESTRICTED)
    again = picture.id in {known.id for known in pins.for_next_run()}
    words = f"{picture.name} is pinned{' already' if again else ''}."
    return _pinned(lambda pinned: (*pinned, picture), words)


def unpin(pin_id: str, *, role: Role = READ_ONLY) -> Outcome:
    """Take a pin off the board, and off the runs that train or wait now."""
    if not has_access(role):
        return Outcome(False, RESTRICTED)
    return _pinned(lambda pinned: tuple(p for p in pinned if p.id != pin_id), "No longer pinned.")


def _pinned(change: Callable[[Pins], Pins], message: str) -> Outcome:
    """Change the pins on the board and of every run that trains or waits, or of none."""
    try:
        with launch_lock():
            places = [(pins.board_path(), pins.for_next_run())]
            runs = [*active_runs(), *queued_runs(), *queue.pending_on_cluster()]
            places += [(run.pins, pins.read(run.pins)) for run in runs]
            changed = {path: tuple({p.id: p for p in change(old)}.values()) for path, old in places}
            if max(map(len, changed.values())) > pins.MAX_PINS:
                full = f"{pins.MAX_PINS} pictures are pinned already: take one off first."
                return Outcome(False, full)
            for path, after in changed.items():
                pins.write(path, after)
    except OSError as error:
        return Outcome(False, f"The pins could not be saved: {error}.")
    return Outcome(True, message)
