"""Score a network on a folder of labelled real pictures: ``python tools/real_images.py DIR``.

``DIR/manifest.csv`` has a line a picture: ``path`` (below DIR, its first folder naming the kind of
picture), ``source``, ``label`` (a class), and ``alternates``: other classes, separated by ``;``,
that a person would accept as well. Strict scores count the label alone, lenient ones the alternates
too; a picture that cannot be read counts as wrong. The pictures go the way of ``predict``.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.cli.options import add_device_option, add_weights_option, weights_of
from alexnet_demo.inference.image_files import classify_paths
from alexnet_demo.settings.article import CLASSES

Record = dict[str, Any]


@dataclass
class Tally:
    """Counts of a group of pictures."""

    pictures: int = 0
    strict: int = 0
    lenient: int = 0
    clothing: int = 0
    sure: int = 0
    sure_lenient: int = 0
    unreadable: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, row: Mapping[str, str], answer: Record) -> None:
        """Count a line of the manifest and what `predict` said of it."""
        others = (row.get("alternates") or "").split(";")
        accepted = {row["label"], *(name.strip() for name in others)}
        lenient = answer.get("label") in accepted
        sure = bool(answer.get("sure"))
        self.pictures += 1
        self.strict += answer.get("label") == row["label"]
        self.lenient += lenient
        self.clothing += bool(answer.get("clothing"))
        self.sure += sure
        self.sure_lenient += sure and lenient
        self.unreadable += "label" not in answer
        self.kinds[answer.get("kind", "unreadable")] += 1

    def to_json(self) -> Record:
        """Shares of the pictures, 0 to 1; ``sure_lenient`` of those that it was sure of."""
        return {
            "pictures": self.pictures,
            **{
                name: round(getattr(self, name) / self.pictures, 4)
                for name in ("strict", "lenient", "clothing", "sure")
            },
            "sure_lenient": round(self.sure_lenient / self.sure, 4) if self.sure else None,
            "unreadable": self.unreadable,
            "kinds": dict(self.kinds),
        }


def read_manifest(folder: Path) -> list[dict[str, str]]:
    """The lines of ``manifest.csv``.

    Raises:
        ValueError: when it is missing, empty, lacks a column, or names an unknown class.
    """
    try:
        with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise ValueError(f"{folder} holds no manifest.csv that can be read.") from error
    if not rows or not {"path", "source", "label"} <= rows[0].keys():
        raise ValueError(f"{folder / 'manifest.csv'} needs lines with path, source and label.")
    if unknown := {row["label"] for row in rows} - set(CLASSES):
        raise ValueError(f"{sorted(unknown)[0]} is none of the classes: {', '.join(CLASSES)}.")
    return rows


def score(rows: Iterable[Mapping[str, str]], answers: Mapping[str, Record]) -> Record:
    """Lines of the manifest and answers by path → tallies, JSON-able.

    Returns:
        ``kinds``, ``sources`` and ``classes`` (``{kind: {class: …}}``), see `Tally.to_json`.
    """
    kinds: dict[str, Tally] = {}
    sources: dict[str, Tally] = {}
    classes: dict[str, dict[str, Tally]] = {}
    for row in rows:
        kind, answer = row["path"].partition("/")[0], answers.get(row["path"], {})
        kinds.setdefault(kind, Tally()).add(row, answer)
        sources.setdefault(f"{kind}: {row['source']}", Tally()).add(row, answer)
        classes.setdefault(kind, {}).setdefault(row["label"], Tally()).add(row, answer)
    return {
        "kinds": {name: tally.to_json() for name, tally in sorted(kinds.items())},
        "sources": {name: tally.to_json() for name, tally in sorted(sources.items())},
        "classes": {
            kind: {name: tally.to_json() for name, tally in sorted(tallies.items())}
            for kind, tallies in sorted(classes.items())
        },
    }


def measure(folder: Path, weights: Path, device: str = "auto") -> Record:
    """Ask a network about every picture of a manifest, see `score`."""
    rows = read_manifest(folder)
    paths = {str(folder / row["path"]): row["path"] for row in rows}
    found = classify_paths(paths, weights, device)
    answers = {paths[a["path"]]: a for a in found if a["path"] in paths}
    return score(rows, answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with a manifest.csv")
    add_weights_option(parser)
    add_device_option(parser)
    options = parser.parse_args()
    try:
        found = measure(options.folder, weights_of(options), options.device)
    except ValueError as error:
        sys.exit(str(error))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
