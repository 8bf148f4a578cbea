"""Where data, runs, and weights are on disk; environment variables override the defaults."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA_DIR = Path(os.environ.get("ALEXNET_DEMO_DATA", ROOT / "data")).absolute()
RUNS_DIR = Path(os.environ.get("ALEXNET_DEMO_RUNS", ROOT / "runs")).absolute()
WEIGHTS_DIR = Path(os.environ.get("ALEXNET_DEMO_WEIGHTS", ROOT / "weights")).absolute()
SHIPPED_WEIGHTS = "alexnet-fashion-mnist.safetensors"
SHIPPED_RESULTS = "alexnet-fashion-mnist.results.safetensors"
RECORDED_DIR = ROOT / "recorded"  # included runs to compare with: curves only, no weights
