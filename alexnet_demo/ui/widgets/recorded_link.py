"""TODO docstring."""

from __future__ import annotations

from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import recorded_runs
from alexnet_demo.ui.widgets.navigation import TRAIN, link

ICON = ":material/slow_motion_video:"


WATCH = "watch"  # query parameter: the recorded run that is shown


def _to_watch() -> list[Run]:
    """The recorded runs that can be gone through, moment by moment."""
    return [run for run in recorded_runs() if run.snapshots.is_file()]


def link_to_watch() -> None:
    """On another page, a link to one of them; nothing where there is none."""
    for run in _to_watch()[:1]:
        link(TRAIN, "Watch one learn", ICON, state={WATCH: run.id})
