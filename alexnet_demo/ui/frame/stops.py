"""The stops of the guided tour, read from ``tour.md``.

A section there is a stop, with a paragraph each for: the address of its page (query parameters
restore a state; the fragment is the key of a container to scroll to), the task, the question, and
the answer. ``Visitors:`` is the task for visitors of a read-only server, if they cannot do the
other one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from alexnet_demo.ui.widgets.markdown import sections
from alexnet_demo.ui.widgets.navigation import ARCHITECTURE, PREDICT, RESULTS, TRAIN

_SCRIPTS = {"Architecture": ARCHITECTURE, "Predict": PREDICT, "Results": RESULTS, "Train": TRAIN}


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


def _stop(title: str, text: str) -> Stop:
    page, task, *visitors, question, answer = (" ".join(p.split()) for p in text.split("\n\n"))
    address = urlsplit(page.removeprefix("Page: "))
    return Stop(
        title,
        _SCRIPTS[address.path],
        dict(parse_qsl(address.query)),
        task,
        question.removeprefix("Question: "),
        answer,
        "".join(visitors).removeprefix("Visitors: "),
        address.fragment,
    )


STOPS = tuple(_stop(*item) for item in sections(Path(__file__).with_name("tour.md")).items())
