"""The stops of the guided tour, read from ``tour.md``.

A section there is a stop: the address of its page (query parameters restore a state; the fragment
is the key of a container to scroll to), the task, the question, and the answer. ``Visitors:`` is
the task for visitors of a read-only server, if they cannot do the other one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from alexnet_demo.ui.widgets.navigation import ARCHITECTURE, PREDICT, RESULTS, TRAIN

_SCRIPTS = {"Architecture": ARCHITECTURE, "Predict": PREDICT, "Results": RESULTS, "Train": TRAIN}
_SECTION = re.compile(
    r"""
    ^\#\#\ (?P<title>.+?)\n\n
    Page:\ (?P<address>.+?)\n\n
    (?P<task>.+?)\n\n
    (Visitors:\ (?P<visitor_task>.+?)\n\n)?
    Question:\ (?P<question>.+?)\n\n
    (?P<answer>.+?)\n(?=\n\#\#\ |\Z)
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Stop:
    """A page to visit, what to do and look for there, and a question to think about.

    Attributes:
        script: of the page.
        state: query parameters of the page.
        task: what to do and to look for (Markdown).
        question: can be answered by looking.
        answer: true of the included model (Markdown).
        visitor_task: replaces the task on a read-only server; may be empty.
        target: key of the container to scroll to; may be empty.
    """

    title: str
    script: str
    state: Mapping[str, str]
    task: str
    question: str
    answer: str
    visitor_task: str
    target: str


def read_stops(text: str) -> tuple[Stop, ...]:
    """The stops in a text such as that of ``tour.md``."""
    stops = []
    for section in _SECTION.finditer(text):
        fields = {name: " ".join(value.split()) for name, value in section.groupdict("").items()}
        address = urlsplit(fields.pop("address"))
        state, target = dict(parse_qsl(address.query)), address.fragment
        stops.append(Stop(script=_SCRIPTS[address.path], state=state, target=target, **fields))
    return tuple(stops)


STOPS = read_stops(Path(__file__).with_name("tour.md").read_text(encoding="utf-8"))
