"""Pin and unpin images: for the next run, and for all active and queued ones."""

from __future__ import annotations

from collections.abc import Callable

from alexnet_demo.common.access import READ_ONLY, Outcome, Role
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.jobs import queue
from alexnet_demo.jobs.action import action
from alexnet_demo.runs import pins
from alexnet_demo.runs.pins import Pin
from alexnet_demo.runs.store import active_runs, queued_runs

Pins = tuple[Pin, ...]
FAILURE = "The pins could not be saved"


@action(FAILURE)
def pin(image: Pin, *, role: Role = READ_ONLY) -> Outcome:
    """Pin an image for the next run, and for the active and queued ones."""
    already = any(image.id == other.id for other in pins.for_next_run())
    _update(lambda before: (*before, image))
    return Outcome(True, f"{image.name} is {'already ' if already else ''}pinned.")


@action(FAILURE)
def unpin(pin_id: str, *, role: Role = READ_ONLY) -> Outcome:
    """Unpin an image for the next run, and for the active and queued ones."""
    _update(lambda before: tuple(pin for pin in before if pin.id != pin_id))
    return Outcome(True, "No longer pinned.")


def _update(change: Callable[[Pins], Pins]) -> None:
    """Change the pins of the next run and of every active or queued run, or of none."""
    runs = [*active_runs(), *queued_runs(), *queue.pending_on_cluster()]
    before = {pins.board_path(): pins.for_next_run()}
    before |= {run.pins: pins.read(run.pins) for run in runs}
    after = {path: {pin.id: pin for pin in change(old)}.values() for path, old in before.items()}
    if max(map(len, after.values())) > pins.MAX_PINS:
        raise ConfigError(f"{pins.MAX_PINS} images are pinned already: unpin one first.")
    for path, changed in after.items():
        pins.write(path, tuple(changed))
