"""Calibration and out-of-distribution scores against plain references."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from alexnet_demo.inference.confidence import (
    DIMENSIONS,
    PASS_RATE,
    SCORES,
    ConfidenceModel,
    Outputs,
    ScoreKind,
    alignment,
    energy,
    fit,
    fit_temperature,
    subspace,
)

FEATURES = 100


def clothing(count: int, seed: int = 0) -> Outputs:
    """Features along ten directions, and logits three times too large for calibrated confidence."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 10, (count,), generator=generator)
    centers = torch.randn(10, FEATURES, generator=torch.Generator().manual_seed(99)) * 2
    features = centers[labels] + 0.4 * torch.randn(count, FEATURES, generator=generator)
    true = torch.randn(count, 10, generator=generator) + 2 * torch.eye(10)[labels]
    drawn = torch.multinomial(true.softmax(1), 1, generator=generator)[:, 0]
    return Outputs(3 * true, features.relu(), drawn)


# ------------------------------------------------------------------ calibration


def test_the_temperature_undoes_a_scaling_of_the_logits() -> None:
    outputs = clothing(20_000)
    assert fit_temperature(outputs.logits, outputs.labels) == pytest.approx(3, rel=0.05)
    assert fit_temperature(outputs.logits / 3, outputs.labels) == pytest.approx(1, rel=0.05)


def test_the_temperature_minimizes_the_cross_entropy() -> None:
    outputs = clothing(2_000)
    temperature = fit_temperature(outputs.logits, outputs.labels)
    losses = [
        cross_entropy(outputs.logits.double() / (temperature * factor), outputs.labels).item()
        for factor in (0.99, 1.0, 1.01)
    ]
    assert losses[1] == min(losses)


# ------------------------------------------------------------------ scores


def test_the_energy_is_the_log_of_the_summed_exponentials() -> None:
    assert energy(torch.tensor([[1.0, 2.0]])).item() == pytest.approx(math.log(math.e + math.e**2))


def test_alignment_measures_the_angle_to_the_subspace() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(500, DIMENSIONS, generator=generator) @ torch.eye(DIMENSIONS, FEATURES)
    basis = subspace(features + 0.001 * torch.randn(500, FEATURES, generator=generator))
    assert basis.shape == (FEATURES, DIMENSIONS)
    # Three parts inside, four parts orthogonal: the sine is 4/5, whatever the length.
    strange = torch.zeros(3, FEATURES)
    strange[:, 3], strange[:, 90] = 3.0, 4.0
    strange *= torch.tensor([[1.0], [10.0], [0.01]])
    assert alignment(strange, basis).tolist() == pytest.approx([-0.8] * 3, abs=0.02)
    assert alignment(features[:5], basis).tolist() == pytest.approx([0.0] * 5, abs=0.05)
    assert alignment(torch.zeros(1, FEATURES), basis).item() == pytest.approx(-1)


def test_fitting_is_deterministic() -> None:
    first, second = (fit({"dataset": clothing(500)}) for _ in range(2))
    assert first.to_json() == second.to_json()
    assert first.basis is not None and second.basis is not None
    assert torch.equal(first.basis, second.basis)


def test_the_stored_tensors_are_small() -> None:
    stored = ConfidenceModel(basis=subspace(torch.rand(300, 4096))).tensors()
    assert sum(t.numel() * t.element_size() for t in stored.values()) < 300_000


@pytest.mark.parametrize("score", SCORES)
def test_the_thresholds_pass_95_percent_of_every_kind(score: ScoreKind) -> None:
    model = fit({"dataset": clothing(4_000), "sketch": faint(clothing(4_000, 1))}, score)
    for kind, new in (("dataset", clothing(4_000, 2)), ("sketch", faint(clothing(4_000, 3)))):
        ood_score = model.ood_score(new.logits, new.features)
        passed = (ood_score >= model.ood_threshold(kind)).float().mean().item()
        assert passed == pytest.approx(PASS_RATE, abs=0.02)
        strange = model.ood_score(torch.zeros(100, 10), 5 * torch.rand(100, FEATURES))
        above = ood_score[:, None] > strange
        assert above.float().mean() > 0.9  # AUROC


def faint(outputs: Outputs) -> Outputs:
    """The same with lower confidence."""
    return Outputs(outputs.logits / 4, outputs.features * 0.8, outputs.labels)


def test_a_kind_without_a_threshold_uses_the_lowest() -> None:
    model = ConfidenceModel(ood_thresholds={"dataset": 1.0, "sketch": -1.0})
    assert model.ood_threshold("dataset") == 1.0
    assert model.ood_threshold("photo") == -1.0
    assert ConfidenceModel().ood_threshold("photo") == -math.inf


# ------------------------------------------------------------------ the record


@pytest.mark.parametrize("score", SCORES)
def test_a_model_survives_storage(score: ScoreKind) -> None:
    model = replace(fit({"dataset": clothing(1_000)}, score), notes={"images": 1_000})
    assert bool(model.tensors()) == (score != "energy")
    record = json.loads(json.dumps(model.to_json()))
    again = ConfidenceModel.from_file(record, model.tensors(), FEATURES)
    new = clothing(50, 5)
    restored, original = (m.ood_score(new.logits, new.features) for m in (again, model))
    torch.testing.assert_close(restored, original, rtol=1e-4, atol=1e-4)
    assert again.to_json() == model.to_json()
    torch.testing.assert_close(
        again.probabilities(new.logits), (new.logits / model.temperature).softmax(1)
    )


def test_the_default_changes_no_probabilities() -> None:
    plain = ConfidenceModel.from_file(None, {}, FEATURES)
    logits = torch.randn(3, 10)
    torch.testing.assert_close(plain.probabilities(logits), logits.softmax(1))
    assert plain.confidence_threshold == 0.6
    assert plain.ood_score(logits, torch.rand(3, FEATURES)).shape == (3,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r, t: r.pop("temperature"), "damaged"),
        (lambda r, t: r.update(thresholds="none"), "damaged"),
        (lambda r, t: r.update(temperature=0.0), "does not fit"),
        (lambda r, t: r.update(temperature=float("nan")), "does not fit"),
        (lambda r, t: r.update(score="luck"), "does not fit"),
        (lambda r, t: t.update(other=t.pop("basis")), "damaged"),
        (lambda r, t: t.clear(), "does not fit"),
        (lambda r, t: t.update(basis=torch.zeros(7, 3)), "does not fit"),
        (lambda r, t: t["basis"].fill_(float("inf")), "does not fit"),
    ],
)
def test_damaged_records_are_rejected(change, message: str) -> None:
    model = fit({"dataset": clothing(500)})
    record, tensors = model.to_json(), model.tensors()
    change(record, tensors)
    with pytest.raises(ValueError, match=message):
        ConfidenceModel.from_file(record, tensors, FEATURES)
    with pytest.raises(ValueError, match="damaged"):
        ConfidenceModel.from_file("a word", tensors, FEATURES)
