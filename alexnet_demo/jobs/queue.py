"""The queue: runs that wait until a device is free, first come first served. Imports no torch.

A waiting run has a ``ticket.json`` in its directory, with its number, and that is all of the
queue; it is there after a crash or a reboot. One process, ``python -m alexnet_demo queue``, starts
what is due and ends when nothing waits; `jobs` sees to it that there is one. A web server alone
could not do that, since it may be down or unvisited when a device becomes free; and a process for
every waiting run would hold 30 MB each, and be gone after a reboot.
"""

from __future__ import annotations

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.runs import devices
from alexnet_demo.runs.devices import device_of, locked, same_device
from alexnet_demo.runs.eta import seconds_left
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import active_runs, list_runs


def waiting() -> list[Run]:
    """The runs that wait, the next one first."""
    found = [run for run in list_runs() if run.ticket.exists() and run.state == "queued"]
    return sorted(found, key=lambda run: (_number(run), run.id))


def _number(run: Run) -> int:
    """Place counted from the first ticket ever, which no change of the clock disturbs."""
    number = read_json(run.ticket).get("number")
    return number if isinstance(number, int) else 0


def place(run: Run) -> int | None:
    """The run's place in the queue, from 1; None where it does not wait."""
    ids = [other.id for other in waiting()]
    return ids.index(run.id) + 1 if run.id in ids else None


def enter(run: Run, seconds: float | None) -> None:
    """Put a run at the end; only under the lock of `jobs`.

    Args:
        seconds: what the run will take, where that is known, for those behind it.
    """
    last = max(map(_number, waiting()), default=0)
    write_json(run.ticket, {"number": last + 1, "seconds": seconds})


def leave(run: Run) -> None:
    """Take a run out."""
    run.ticket.unlink(missing_ok=True)


def expected_seconds(run: Run) -> float | None:
    """What a waiting run will take, as far as that was known when it came."""
    seconds = read_json(run.ticket).get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else None


def blocking_run(device: str, of: Run | None = None) -> Run | None:
    """Another run that has the device, or waits for it already."""
    others = [run for run in (*_trained_here(), *waiting()) if of is None or run.id != of.id]
    return next((run for run in others if same_device(device, device_of(run))), None)


def _trained_here() -> list[Run]:
    return [run for run in active_runs() if not (run.on_ray or run.on_other_host)]


def pending_on_cluster() -> list[Run]:
    """Runs that a cluster was given and has not begun, see `ray_jobs`."""
    return [run for run in list_runs() if run.on_ray and run.state == "queued"]


def require_free(device: str, run: Run | None = None) -> None:
    """Refuse a device that another training has, before anything is written for this one.

    Raises:
        ConfigError: with the name of the run that has it.
    """
    if words := busy(device, run):
        raise ConfigError(f"{words}, choose another device, or queue behind it with --wait.")


def busy(device: str, run: Run | None = None) -> str:
    """Which other training has a device, and what to do about it; empty where it is free."""
    other = blocking_run(device, of=run)
    if not (other or locked(device)):
        return ""
    name = f"“{other.name}”" if other else "another run"
    does = "waits for" if other and other.state == "queued" else "trains on"
    return f"{name} {does} {'this device' if device == 'auto' else device}: pause or stop it first"


def due() -> list[Run]:
    """Those whose turn it is: no other trains on their device or waits longer for it."""
    taken, found = [device_of(run) for run in _trained_here()], []
    for run in waiting():
        wanted = run.config.device
        if not any(same_device(wanted, device) for device in taken) and not locked(wanted):
            found.append(run)
        taken.append(wanted)
    return found


def seconds_until_start(run: Run, trained: list[Run], waiting: list[Run]) -> float | None:
    """How long a waiting run still has to wait; None where that of one before it is not known."""
    device, total = run.config.device, 0.0
    for other in trained:
        if devices.same_device(device, device_of(other)):
            left = seconds_left(other, other.history)
            if left is None:
                return None
            total += left
    for other in waiting:
        if other.id == run.id:
            break
        if devices.same_device(device, other.config.device):
            expected = expected_seconds(other)
            if expected is None:
                return None
            total += expected
    return total
