"""What the documents name exists: tests, files, commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alexnet_demo.cli.main import build_parser
from alexnet_demo.settings.paths import ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "weights" / "README.md"]
CURRENT = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]


def texts() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in CURRENT)


def test_every_test_that_a_document_names_exists() -> None:
    functions = {
        name: path.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    named = re.findall(r"`(?:…|[\w/]*?(test_\w+\.py)::)(test_\w+)", texts())
    assert len(named) > 30
    for file, function in named:
        assert function in functions, f"no test is called {function}"
        assert not file or functions[function] == file, f"{function} is not in {file}"


@pytest.mark.parametrize("path", CURRENT, ids=lambda path: path.name)
def test_every_link_and_every_path_leads_to_a_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    paths = re.findall(r"(?:python|pytest)(?: -m slow)? ((?:tools|tests)/[\w/.]+\.py)", text)
    assert not [link for link in links if not (path.parent / link).exists()]
    assert not [name for name in paths if not (ROOT / name).exists()]


def test_every_command_that_a_document_shows_is_accepted() -> None:
    lines = re.findall(r"^(?:time |\w+=\S+ )?python -m alexnet_demo ([^`\n]+)", texts(), re.M)
    assert len(lines) > 15
    for line in lines:
        arguments = re.sub(r"\s*(#| && | \|).*", "", line).replace("NAME", "quick").split()
        if arguments and arguments[0] not in ("COMMAND", "train`"):
            arguments = [word.strip("\"'") for word in arguments]
            assert build_parser().parse_args(arguments).command == arguments[0], line
