"""The lock file goes with the ranges, and every dependency is accounted for."""

from __future__ import annotations

import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from alexnet_demo.settings.paths import ROOT


def lines(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    found = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in found if line and not line.startswith("-r ")]


def test_the_lock_file_names_one_version_of_each_within_its_range() -> None:
    locked = [
        re.fullmatch(r"([a-z0-9-]+)==([0-9][0-9a-z.]*)", line)
        for line in lines("requirements-lock.txt")
    ]
    assert all(locked), "only name==version: no path, no address, no build for one device"
    versions = {found[1]: found[2] for found in locked if found}
    assert len(versions) == len(locked)
    for line in [*lines("requirements.txt"), *lines("requirements-dev.txt")]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(versions[canonicalize_name(wanted.name)]), line


def test_every_direct_dependency_is_listed_with_a_reason() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for line in [*lines("requirements.txt"), *lines("requirements-dev.txt")]:
        assert f"\n| {Requirement(line).name} | " in page, (
            f"{line}: run python tools/dependencies.py"
        )
