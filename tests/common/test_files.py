"""Atomic writes and tolerant JSON reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from alexnet_demo.common.files import read_json, sweep, write_atomically, write_json


def test_a_failed_write_keeps_the_previous_file(tmp_path: Path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})

    def fail(temporary: Path) -> None:
        temporary.write_text('{"a":')
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, fail)
    assert read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_of_the_longest_length_is_written(tmp_path: Path):
    path = tmp_path / f"{250 * 'a'}.json"
    write_json(path, {"a": 1})
    assert read_json(path) == {"a": 1} and list(tmp_path.iterdir()) == [path]


def test_damaged_json_is_empty(tmp_path: Path):
    deep, lone_surrogate = b'{"a":' * 100_000, b'{"a": "\\ud800"}'
    for content in (b"", b"[1]", b"{half", b"\xff", deep, lone_surrogate):
        (tmp_path / "a.json").write_bytes(content)
        assert read_json(tmp_path / "a.json") == {}
    assert read_json(tmp_path / "missing.json") == {}


def test_sweep_removes_temporary_files_only(tmp_path: Path):
    (tmp_path / ".last.safetensors.1.2.tmp").touch()
    (tmp_path / "last.safetensors").touch()
    sweep(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["last.safetensors"]


def test_surrogate_pairs_are_read(tmp_path: Path):
    (tmp_path / "a.json").write_bytes(rb'{"a": "\ud83d\udc5f", "b": "\\ud800"}')
    assert read_json(tmp_path / "a.json") == {"a": "👟", "b": "\\ud800"}
