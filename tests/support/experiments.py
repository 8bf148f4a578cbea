"""An experiment whose runs take a second."""

from __future__ import annotations

from alexnet_demo.settings.experiments import UNDECIDED, Experiment
from tests.support.runs import TINY

TINY_EXPERIMENT = Experiment(
    name="tiny",
    title="Tiny",
    question="Does a tiny run learn anything?",
    settings=TINY | {"epochs": 1, "init": "kaiming"},
    variants={"slow": {"lr": 1e-6}, "fast": {"lr": 0.05}},
    score="accuracy",
    options={"slow": "The slow one", "fast": "The fast one", UNDECIDED: "Neither"},
    expected="fast",
    look="The curves.",
    meaning={"slow": "The slow one won.", "fast": "The fast one won.", UNDECIDED: "Neither won."},
)
