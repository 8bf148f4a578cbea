"""Names and notes of others: seen as they are, and never more than text."""

from __future__ import annotations

import pytest

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


def test_what_cannot_be_seen_is_left_out_and_emoji_stay_whole() -> None:
    assert one_line("a\x00b\x1b[1m \u202egnp.exe\n c") == "a b [1m gnp.exe c"
    assert readable("one\n\ttwo\ud800") == "one\n\ttwo"
    assert one_line("👩‍👩‍👧 é 衣") == "👩‍👩‍👧 é 衣"
    assert readable({"name": 1}) == readable(None) == one_line(7) == ""


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("No space left: '/srv/a b/runs/x/last.st'", "No space left: 'last.st'"),
        ("Permission denied: '/srv/runs/x/request'", "Permission denied: 'request'"),
        ("/home/ada/runs/1/checkpoints/last.safetensors is damaged", "last.safetensors is damaged"),
        (r"C:\Users\ada\runs\last.safetensors is damaged", "last.safetensors is damaged"),
        ("12 images/s and a loss of 1/3", "12 images/s and a loss of 1/3"),
        ("see http://10.0.0.1:8265/api", "see http://10.0.0.1:8265/api"),
    ],
)
def test_folders_are_left_out(told: str, shown: str) -> None:
    assert without_folders(told) == shown
