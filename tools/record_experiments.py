"""Record the results of experiments: ``python tools/record_experiments.py [NAME …]``.

Runs ``python -m alexnet_demo experiment NAME --seed S`` for each seed and writes the curves to
``recorded/experiments/NAME.json``, which the page Experiments shows at once. Runs that are done are
not repeated, so it can be stopped and started again; set ALEXNET_DEMO_RUNS for a folder of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.common.files import write_text
from alexnet_demo.runs.twin_runs import is_done, result, runs_here, to_record, twin_run
from alexnet_demo.settings.experiments import EXPERIMENTS
from alexnet_demo.settings.paths import RECORDED_DIR, ROOT

SEEDS = (0, 1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[*EXPERIMENTS, []], metavar="NAME")
    options = parser.parse_args()
    for name in options.names or EXPERIMENTS:
        for seed in SEEDS:
            command = ["-m", "alexnet_demo", "experiment", name, "--seed", str(seed)]
            subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
        write(name)


def write(name: str) -> None:
    """Write the record of an experiment, all of whose runs are done."""
    experiment = EXPERIMENTS[name]
    seeds = runs_here(experiment)
    runs = [(label, run) for seed in SEEDS for label, run in seeds[seed].items()]
    assert all(is_done(run) for _, run in runs)
    start = runs[0][1].history.start or {}
    about = {
        "device": start["device_name"],
        "date": f"{date.today():%-d %B %Y}",
        "versions": start["versions"],
        "command": f"python tools/record_experiments.py {name}",
    }
    curves = [twin_run(label, run) for label, run in runs]
    path = RECORDED_DIR / "experiments" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    write_text(path, json.dumps(to_record(experiment, curves, about)) + "\n")
    verdict = result(experiment, curves)
    assert verdict is not None
    print(f"{path}: {verdict.outcome}", *verdict.figures.items(), sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
