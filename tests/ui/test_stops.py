"""The tour's stops as they are written: what is parsed, and what is refused."""

from __future__ import annotations

import re

import pytest

from alexnet_demo.settings.paths import ROOT
from alexnet_demo.ui.frame.stops import FILE, MINUTES, STOPS, Option, parse_stop
from alexnet_demo.ui.widgets.navigation import PREDICT

TEXT = """
Page: Predict?source=Draw&sample=3#network-sees

Minutes: 2

Task: Draw
a shirt.

Question: Why?

- [ ] **Because.** No
  reason.
- [x] **Why not.** A reason.
- [ ] **Never.** Nothing: at all.

Answer: That is why.
"""


def test_a_stop_is_parsed():
    stop = parse_stop("A title", TEXT)
    assert (stop.title, stop.script, stop.target) == ("A title", PREDICT, "network-sees")
    assert stop.state == {"source": "Draw", "sample": "3"}
    assert (stop.minutes, stop.task, stop.visitor_task) == (2, "Draw a shirt.", "")
    assert (stop.question, stop.answer) == ("Why?", "That is why.")
    assert stop.options == (
        Option("Because", "No reason.", right=False),
        Option("Why not", "A reason.", right=True),
        Option("Never", "Nothing: at all.", right=False),
    )
    visited = parse_stop("A title", TEXT + "\nVisitors: Look\nat one.\n")
    assert visited.visitor_task == "Look at one."


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Page: Predict?", "Page: Predictions?"),
        ("Minutes: 2", "Minutes: two"),
        ("Minutes: 2\n", ""),
        ("Task: Draw", "Draw"),
        ("Answer: ", "Question: "),
        ("Question: Why?\n", ""),
        ("- [x]", "- [ ]"),  # no right option
        ("- [ ]", "- [x]"),  # three
        ("- [ ] **Never.** Nothing: at all.\n", ""),  # two options
        ("**Never.** Nothing", "Never. Nothing"),
        ("- [ ] **Never.**", "- **Never.**"),
        ("**Never.** Nothing: at all.", "**Never.**"),  # no feedback
        ("- [ ] **Never", "\n- [ ] **Never"),  # two lists
    ],
)
def test_a_malformed_stop_is_refused_by_name(old: str, new: str):
    assert old in TEXT
    with pytest.raises(ValueError, match="'A title' in the tour"):
        parse_stop("A title", TEXT.replace(old, new))


def test_every_section_of_the_text_is_a_stop():
    text = FILE.read_text(encoding="utf-8")
    assert [stop.title for stop in STOPS] == re.findall("^## (.*)$", text, re.MULTILINE)
    assert len(STOPS) == text.count("\nPage: ") == text.count("\nAnswer: ")
    assert sum(len(stop.options) for stop in STOPS) == text.count("\n- [")
    assert [bool(stop.visitor_task) for stop in STOPS].count(True) == text.count("\nVisitors: ")
    assert abs(MINUTES - sum(stop.minutes for stop in STOPS)) < 3


def test_questions_and_options_are_plain_text_with_feedback_of_a_sentence():
    for stop in STOPS:
        options = [option.text for option in stop.options]
        assert len(set(options)) == len(options)
        feedback = [option.feedback for option in stop.options]
        assert not re.search(r"[*_`$\[<]", " ".join([stop.question, *options, *feedback]))
        for sentence in feedback:
            assert sentence.endswith(".") and not re.search(r"[.?!] [A-Z]", sentence)


def test_the_right_option_has_no_usual_place():
    places = [[option.right for option in stop.options].index(True) for stop in STOPS]
    assert all(places.count(place) <= len(STOPS) / 2 for place in places)


def test_the_advice_for_classes_names_stops_that_exist():
    text = (ROOT / "alexnet_demo" / "ui" / "frame" / "with_a_class.md").read_text(encoding="utf-8")
    (short,) = re.findall(r"ten minutes: (.*?)\.", text, re.DOTALL)
    names = re.findall(r"\*(.+?)\*", " ".join(short.split()))
    assert len(names) > 2 and set(names) <= {stop.title for stop in STOPS}
