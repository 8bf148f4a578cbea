"""The exported model: 8-bit weights and a fitted confidence model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from alexnet_demo.data.splits import load_split
from alexnet_demo.export.quantized import export, fitting_set, kinds_of, settings_of
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.network import checkpoint
from alexnet_demo.runs.run import Run
from alexnet_demo.settings.config import TrainConfig


def test_an_exported_model_separates_clothing_from_noise(trained_run: Run, tmp_path: Path) -> None:
    out = tmp_path / "small.safetensors"
    report = export(trained_run.best, out, "cpu", samples=300)
    assert json.loads(json.dumps(report)) == report
    record = report["certainty"]
    assert record["score"] == "guard"
    assert set(record["thresholds"]) == {"dataset", "sketch", "photo"}
    assert record["notes"]["images"] == 300 and record["notes"]["held_back"] is True
    info = checkpoint.load(out)[1]
    assert info["certainty"] == record and info["epoch"] == 4
    classifier = Classifier.load(out)
    assert classifier.confidence.temperature == record["temperature"]
    noise = torch.randint(0, 256, (50, 28, 28), dtype=torch.uint8).numpy()
    clothes = load_split(train=False).head(200).images.numpy()
    ood_score = classifier.confidence.ood_score
    ours, other = (ood_score(*classifier.outputs(pixels)).mean() for pixels in (clothes, noise))
    assert ours > other


def test_confidence_is_fitted_on_unused_training_images() -> None:
    last = load_split(train=True).tail(2_000)
    held, unseen = fitting_set(TrainConfig(validation=5_000), 2_000)
    assert unseen and torch.equal(held.labels, last.labels)
    assert fitting_set(TrainConfig(validation=1_500), 5_000)[0].labels.shape == (1_500,)
    assert fitting_set(TrainConfig(train_samples=20_000), 5_000)[1]
    known, unseen = fitting_set(TrainConfig(), 2_000)
    assert not unseen and torch.equal(known.labels, last.labels)
    few, unseen = fitting_set(TrainConfig(validation=100), 2_000)
    assert len(few) == 2_000 and not unseen


def test_only_kinds_used_in_training_are_fitted() -> None:
    assert list(kinds_of(TrainConfig())) == ["dataset"]
    assert list(kinds_of(TrainConfig(drawings=0.5))) == ["dataset", "sketch"]
    assert list(kinds_of(TrainConfig(drawings=0.5, photos=0.1))) == ["dataset", "sketch", "photo"]


@pytest.mark.parametrize("info", [{}, {"config": None}, {"config": {"epochs": -1}}])
def test_missing_settings_are_replaced_by_the_defaults(info: dict) -> None:
    assert settings_of(info) == TrainConfig()
