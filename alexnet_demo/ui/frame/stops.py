"""The stops of the guided tour, read from ``tour.md``, which says how a stop is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from alexnet_demo.ui.widgets.markdown import sections
from alexnet_demo.ui.widgets.navigation import (
    ARCHITECTURE,
    EXPERIMENTS,
    PREDICT,
    RESULTS,
    STORY,
    TRAIN,
)

FILE = Path(__file__).with_name("tour.md")
_SCRIPTS = {
    "Architecture": ARCHITECTURE,
    "Experiments": EXPERIMENTS,
    "Predict": PREDICT,
    "Results": RESULTS,
    "Story": STORY,
    "Train": TRAIN,
}
_REQUIRED = frozenset({"Page", "Minutes", "Task", "Question", "Answer"})
_OPTIONAL = frozenset({"Visitors"})
_OPTION = re.compile(r"- \[([ x])\] \*\*(.+?)\*\* (.+)")


@dataclass(frozen=True)
class Option:
    """A choice of a question.

    Attributes:
        text: what can be chosen; plain text.
        feedback: why it is right or wrong, in a sentence; plain text.
        right: whether it is the right one.
    """

    text: str
    feedback: str
    right: bool


@dataclass(frozen=True)
class Stop:
    """A page to visit, what to do and look for there, and a question to answer.

    Attributes:
        script: of the page.
        state: query parameters of the page.
        target: key of the container to scroll to; may be empty.
        minutes: that the stop takes about.
        task: what to do and to look for on that page (Markdown).
        visitor_task: replaces the task on a read-only server; may be empty.
        question: plain text.
        options: three or four, of which one is right.
        answer: the explanation, true of any properly trained model or tested (Markdown).
    """

    title: str
    script: str
    state: Mapping[str, str]
    target: str
    minutes: int
    task: str
    visitor_task: str
    question: str
    options: tuple[Option, ...]
    answer: str


def parse_stop(title: str, text: str) -> Stop:
    """A stop as it is written in ``tour.md``.

    Raises:
        ValueError: if something is missing, unknown, or there twice, or not one option is right.
    """
    fields: dict[str, str] = {}
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        label, _, value = ("Options", "", paragraph)
        if not paragraph.startswith("- "):
            label, _, value = " ".join(paragraph.split()).partition(": ")
        if label in fields or label not in _REQUIRED | _OPTIONAL | {"Options"}:
            raise ValueError(f"{title!r} in the tour: what is “{paragraph[:40]}…” doing there?")
        fields[label] = value
    if missing := (_REQUIRED | {"Options"}) - fields.keys():
        raise ValueError(f"{title!r} in the tour lacks {', '.join(sorted(missing))}.")
    address = urlsplit(fields["Page"])
    if address.path not in _SCRIPTS or not fields["Minutes"].isdecimal():
        raise ValueError(f"{title!r} in the tour has an unknown page or minutes without a number.")
    return Stop(
        title=title,
        script=_SCRIPTS[address.path],
        state=dict(parse_qsl(address.query)),
        target=address.fragment,
        minutes=int(fields["Minutes"]),
        task=fields["Task"],
        visitor_task=fields.get("Visitors", ""),
        question=fields["Question"],
        options=_options(title, fields["Options"]),
        answer=fields["Answer"],
    )


def _options(title: str, text: str) -> tuple[Option, ...]:
    options = []
    for item in re.split(r"\n(?=- )", text):
        match = _OPTION.fullmatch(" ".join(item.split()))
        if not match:
            raise ValueError(f"{title!r} in the tour: an option is “- [ ] **Text.** Feedback.”")
        options.append(Option(match[2].removesuffix("."), match[3], match[1] == "x"))
    if len(options) not in (3, 4) or [option.right for option in options].count(True) != 1:
        raise ValueError(f"{title!r} in the tour needs three or four options, one of them right.")
    return tuple(options)


STOPS = tuple(parse_stop(*item) for item in sections(FILE).items())
MINUTES = 5 * round(sum(stop.minutes for stop in STOPS) / 5)
"""That the tour takes about."""
