"""Numbers as text, and text from outside made safe."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_demo.common import text
from alexnet_demo.common.text import no_formula, one_line, readable, without_folders


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"),
        (" \x00=1+1", "' \x00=1+1"),
        ("＝1+1", "'＝1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\nx", "'\nx"),
        ("", ""),
        (" a shoe=1", " a shoe=1"),
    ],
)
def test_no_cell_is_a_formula(cell: str, safe: str) -> None:
    assert no_formula(cell) == safe


def test_invisible_characters_are_removed_and_emoji_stay_whole() -> None:
    assert one_line("a\x00b\x1b[1m \u202egnp.exe\n c") == "a b [1m gnp.exe c"
    assert readable("one\n\ttwo\ud800") == "one\n\ttwo"
    assert one_line("👩‍👩‍👧 é 衣") == "👩‍👩‍👧 é 衣"
    assert readable({"name": 1}) == readable(None) == one_line(7) == ""


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("No space left: '/srv/a b/runs/x/last.st'", "No space left: 'last.st'"),
        ("Permission denied: '/srv/runs/x/request'", "Permission denied: 'request'"),
        ("/home/ada/runs/1/checkpoints/last.safetensors is damaged", "last.safetensors is damaged"),
        (r"C:\Users\ada\runs\last.safetensors is damaged", "last.safetensors is damaged"),
        ("12 images/s and a loss of 1/3", "12 images/s and a loss of 1/3"),
        ("see http://10.0.0.1:8265/api", "see http://10.0.0.1:8265/api"),
    ],
)
def test_folders_are_removed(message: str, shown: str) -> None:
    assert without_folders(message) == shown


def test_percentages_are_short_and_never_rounded_to_all_or_nothing() -> None:
    assert [text.short_percent(share) for share in (0.5607, 0.0361, 0.001, 0.0002)] == [
        *("56%", "3.6%", "0.1%", "<0.1%")
    ]
    assert [text.whole_percent(share) for share in (0.904, 0.996, 1)] == ["90%", ">99%", "100%"]
    assert [text.percent(share) for share in (0, 1e-9, 0.0005, 0.9994, 0.99996, 1)] == [
        *("0.0%", "<0.1%", "0.1%", "99.9%", ">99.9%", "100.0%")
    ]
    assert (text.percent(0.00001, 2), text.percent(0.99999, 2)) == ("<0.01%", ">99.99%")
    assert (text.probability(np.float32(1)), text.probability(0)) == (">99.9%", "<0.1%")
    assert text.percent(float("nan")) == "–"


def test_the_same_share_reads_the_same_in_any_precision() -> None:
    """Halves, which binary numbers hold only approximately, are rounded up."""
    for tenths in range(5, 10_000, 10):  # of a percent, and a half
        share = tenths / 10_000
        up = (tenths + 5) // 10
        expected = f"{up // 10}.{up % 10}%" if up < 1_000 else ">99.9%"
        written = {text.percent(number) for number in (share, np.float32(share), round(share, 6))}
        assert written == {expected}


def test_a_terminal_obeys_nothing_that_is_printable() -> None:
    hostile = "a\x1b[31m\x9b1m\u202e\ud800\x00\r衣\tb\n"
    assert text.printable(hostile) == "a\ufffd[31m\ufffd1m\ufffd\ufffd\ufffd\ufffd衣\tb\n"
    assert "\n" not in text.printable_line(hostile)


def test_durations_and_sizes_take_the_unit_that_fits() -> None:
    assert [text.duration(s) for s in (-1, 45.4, 125, 26_640)] == [
        *("0 s", "45 s", "2 min 05 s", "7 h 24 min")
    ]
    assert [text.memory(size) for size in (12, 14_200, 850e6, 1.6e9)] == [
        *("12 bytes", "14.2 kB", "850 MB", "1.6 GB")
    ]
