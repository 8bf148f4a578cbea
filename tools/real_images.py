"""Evaluate a model on a folder of labeled real images: ``python tools/real_images.py DIR``.

``DIR/manifest.csv`` has one line per image: ``path`` (relative to DIR; its first folder is the kind
of image), ``source``, ``label`` (a class), and ``alternates``: other classes, separated by ``;``,
that a person would also accept. Strict scores accept the label alone, lenient ones the alternates,
too; an unreadable image counts as wrong. Images are prepared as in ``predict``.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from alexnet_demo.cli.options import add_device_option, add_weights_option, weights_of
from alexnet_demo.inference.image_files import classify_paths
from alexnet_demo.inference.predictions import Results
from alexnet_demo.settings.article import CLASSES

Record = dict[str, Any]


@dataclass
class Tally:
    """Counts over a group of images."""

    pictures: int = 0
    strict: int = 0
    lenient: int = 0
    clothing: int = 0
    sure: int = 0
    sure_lenient: int = 0
    unreadable: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    probabilities: list[list[float]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def add(self, row: Mapping[str, str], prediction: Record) -> None:
        """Count a line of the manifest and its prediction, see `classify_paths`."""
        alternates = (row.get("alternates") or "").split(";")
        label, sure = prediction.get("label"), bool(prediction.get("sure"))
        lenient = label in {row["label"], *(name.strip() for name in alternates)}
        self.pictures += 1
        self.strict += label == row["label"]
        self.lenient += lenient
        self.clothing += bool(prediction.get("clothing"))
        self.sure += sure
        self.sure_lenient += sure and lenient
        self.unreadable += label is None
        self.kinds[prediction.get("kind", "unreadable")] += 1
        if label is not None:
            self.probabilities.append([prediction["probabilities"][name] for name in CLASSES])
            self.labels.append(CLASSES.index(row["label"]))

    def to_json(self) -> Record:
        """Shares of the images, 0 to 1; ``sure_lenient`` is a share of those with a sure label.

        ``ece`` is the expected calibration error with respect to the strict label.
        """
        results = Results(np.array(self.probabilities), np.array(self.labels))
        return {
            "pictures": self.pictures,
            **{
                name: round(getattr(self, name) / self.pictures, 4)
                for name in ("strict", "lenient", "clothing", "sure")
            },
            "sure_lenient": round(self.sure_lenient / self.sure, 4) if self.sure else None,
            "ece": round(results.calibration_error(), 4) if self.labels else None,
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
        raise ValueError(f"{folder} has no readable manifest.csv.") from error
    if not rows or not {"path", "source", "label"} <= rows[0].keys():
        raise ValueError(f"{folder / 'manifest.csv'} needs lines with path, source, and label.")
    if unknown := {row["label"] for row in rows} - set(CLASSES):
        raise ValueError(
            f"{sorted(unknown)[0]} is not a class. The classes are {', '.join(CLASSES)}."
        )
    return rows


def score(rows: Iterable[Mapping[str, str]], predictions: Mapping[str, Record]) -> Record:
    """Lines of the manifest and predictions by path → tallies, JSON-able.

    Returns:
        ``all``, ``kinds``, ``sources`` and ``classes`` (``{kind: {class: …}}``), see
        `Tally.to_json`.
    """
    total = Tally()
    kinds: defaultdict[str, Tally] = defaultdict(Tally)
    sources: defaultdict[str, Tally] = defaultdict(Tally)
    classes: defaultdict[str, defaultdict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    for row in rows:
        kind = row["path"].partition("/")[0]
        for tally in (
            total,
            kinds[kind],
            sources[f"{kind}: {row['source']}"],
            classes[kind][row["label"]],
        ):
            tally.add(row, predictions.get(row["path"], {}))
    return {
        "all": total.to_json(),
        "kinds": _to_json(kinds),
        "sources": _to_json(sources),
        "classes": {kind: _to_json(tallies) for kind, tallies in sorted(classes.items())},
    }


def _to_json(tallies: Mapping[str, Tally]) -> Record:
    return {name: tally.to_json() for name, tally in sorted(tallies.items())}


def measure(folder: Path, weights: Path, device: str = "auto") -> Record:
    """Classify every image of a manifest, see `score`."""
    rows = read_manifest(folder)
    paths = {str(folder / row["path"]): row["path"] for row in rows}
    records = classify_paths(paths, weights, device)
    return score(rows, {paths[r["path"]]: r for r in records if r["path"] in paths})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with a manifest.csv")
    add_weights_option(parser)
    add_device_option(parser)
    options = parser.parse_args()
    try:
        report = measure(options.folder, weights_of(options), options.device)
    except ValueError as error:
        sys.exit(str(error))
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
