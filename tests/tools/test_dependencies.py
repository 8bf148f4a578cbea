"""The lock file satisfies the requirements, and every dependency is documented."""

from __future__ import annotations

import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from alexnet_demo.settings.paths import ROOT


def lines(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in entries if line and not line.startswith("-r ")]


def test_the_lock_file_pins_one_version_of_each_within_its_range() -> None:
    locked = [
        re.fullmatch(r"([a-z0-9-]+)==([0-9][0-9a-z.]*)", line)
        for line in lines("requirements-lock.txt")
    ]
    assert all(locked), "only name==version: no path, no address, no build for one device"
    versions = {match[1]: match[2] for match in locked if match}
    assert len(versions) == len(locked)
    for line in [*lines("requirements.txt"), *lines("requirements-dev.txt")]:
        requirement = Requirement(line)
        version = versions[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), line


def test_every_direct_dependency_is_listed() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for line in [*lines("requirements.txt"), *lines("requirements-dev.txt")]:
        assert f"\n| {Requirement(line).name} | " in page, (
            f"{line}: run python tools/dependencies.py"
        )
