"""The trained run that many tests share: ``python -m tests.support.trained_run`` makes it anew.

A narrow network that learned something, from drawings and photos too. It is kept in
``tests/fixtures/trained-run`` (750 kB), so that no test waits for it and all machines test the same
weights.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from alexnet_demo.runs.run import Run
from alexnet_demo.settings.config import TrainConfig

DIRECTORY = Path(__file__).parents[1] / "fixtures" / "trained-run"
KEPT = ("config.json", "events.jsonl", "checkpoints/best.safetensors")
SETTINGS = {
    "width": 0.0625,
    "epochs": 4,
    "train_samples": 3_000,
    "validation": 1_000,
    "norm": True,
    "init": "kaiming",
    "drawings": 0.25,
    "photos": 0.25,
    "device": "cpu",
    "precision": "fp32",
    "keep_epochs": 0,
}


def copy_trained_run(runs: Path) -> Run:
    """A copy of the run under ``runs``."""
    return Run(Path(shutil.copytree(DIRECTORY, runs / "20260101-000000-quick-aa")))


def main() -> int:
    """Train, and keep what the tests need."""
    from alexnet_demo.runs.store import prepare
    from alexnet_demo.training.worker import run_training

    settings = TrainConfig.from_recipe("quick", **SETTINGS)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        prepare(run.directory, settings)
        run_training(settings, run.directory)
        shutil.rmtree(DIRECTORY, ignore_errors=True)
        for name in KEPT:
            (DIRECTORY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(run.directory / name, DIRECTORY / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
