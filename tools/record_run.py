"""Add a run to the recorded runs: ``python tools/record_run.py RUN NAME "Title"``.

Copies its settings, its events except those of single batches, its snapshots, and its pins to
``recorded/NAME``, where the Train page finds it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.common.files import write_json
from alexnet_demo.runs.run import Run
from alexnet_demo.settings.paths import RECORDED_DIR

COPIED_EVENTS = ("start", "grow", "epoch", "end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="directory of the run")
    parser.add_argument("name", help="name of the folder under recorded/")
    parser.add_argument("title", help="title on the Train page")
    options = parser.parse_args()
    source, target = Run(options.run), Run(RECORDED_DIR / options.name)
    target.directory.mkdir(parents=True, exist_ok=True)
    for path in (source.directory / "config.json", source.snapshots, source.pins):
        if path.exists():
            shutil.copy(path, target.directory)
    lines = source.events.read_text(encoding="utf-8").splitlines()
    copied = [line for line in lines if json.loads(line)["event"] in COPIED_EVENTS]
    target.events.write_text("\n".join(copied) + "\n", encoding="utf-8")
    write_json(target.directory / "label.json", {"name": options.title})


if __name__ == "__main__":
    main()
