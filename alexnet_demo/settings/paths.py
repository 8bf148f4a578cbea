"""TODO docstring."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


DATA_DIR = Path(os.environ.get("ALEXNET_DEMO_DATA", ROOT / "data")).absolute()


RUNS_DIR = Path(os.environ.get("ALEXNET_DEMO_RUNS", ROOT / "runs")).absolute()


WEIGHTS_DIR = Path(os.environ.get("ALEXNET_DEMO_WEIGHTS", ROOT / "weights")).absolute()


SHIPPED_WEIGHTS = "alexnet-fashion-mnist.safetensors"


# Runs that come with this program, as curves to compare with: no weights, no batch records.
RECORDED_DIR = ROOT / "recorded"
