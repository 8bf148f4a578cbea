"""Calibration and out-of-distribution scores against plain references."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from alexnet_demo.inference.confidence import (
    PASS_RATE,
    ConfidenceModel,
    Outputs,
    ScoreKind,
    alignment,
    energy,
    fit,
    fit_temperature,
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


def other_things(count: int, seed: int = 0) -> Outputs:
    """Features in all directions, and small logits."""
    generator = torch.Generator().manual_seed(seed + 1000)
    logits = torch.randn(count, 10, generator=generator)
    features = 2 * torch.rand(count, FEATURES, generator=generator)
    return Outputs(logits, features, torch.zeros(count, dtype=torch.long))


def fitted(count: int = 500) -> ConfidenceModel:
    return fit({"dataset": clothing(count)}, {"photo": other_things(count)})


def of_version_05(score: ScoreKind) -> ConfidenceModel:
    """A model as 0.5 fitted it, with the first coordinates as the subspace."""
    basis = None if score == "energy" else torch.eye(FEATURES, 32)
    scales = {"energy": (10.0, 4.0), "angle": (-0.15, 0.04)}
    return ConfidenceModel(score=score, basis=basis, scales=scales, ood_thresholds={"photo": -1.6})


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
    basis = torch.eye(FEATURES, 32)
    # Three parts inside, four parts orthogonal: the sine is 4/5, whatever the length.
    strange = torch.zeros(3, FEATURES)
    strange[:, 3], strange[:, 90] = 3.0, 4.0
    strange *= torch.tensor([[1.0], [10.0], [0.01]])
    assert alignment(strange, basis).tolist() == pytest.approx([-0.8] * 3)
    assert alignment(basis.T, basis).tolist() == pytest.approx([0.0] * 32)
    assert alignment(torch.zeros(1, FEATURES), basis).item() == pytest.approx(-1)


def test_the_combined_score_is_the_mean_of_the_others() -> None:
    new = clothing(50)
    single, angle, combined = (
        of_version_05(score).ood_score(new.logits, new.features)
        for score in ("energy", "angle", "combined")
    )
    torch.testing.assert_close(single, (energy(new.logits) - 10) / 4)
    torch.testing.assert_close(combined, (single + angle) / 2)


def test_fitting_is_deterministic() -> None:
    first, second = fitted(), fitted()
    assert first.to_json() == second.to_json()
    for name, tensor in first.tensors().items():
        assert torch.equal(tensor, second.tensors()[name])


def test_the_thresholds_pass_the_intended_share_of_each_kind() -> None:
    model = fit(
        {"dataset": clothing(4_000), "sketch": faint(clothing(4_000, 1))},
        {"photo": other_things(2_000)},
    )
    for kind, new in (("dataset", clothing(4_000, 2)), ("sketch", faint(clothing(4_000, 3)))):
        ood_score = model.ood_score(new.logits, new.features)
        passed = (ood_score >= model.ood_threshold(kind)).float().mean().item()
        assert passed == pytest.approx(PASS_RATE, abs=0.02)
        strange = other_things(500, 4)
        strange_score = model.ood_score(strange.logits, strange.features)
        assert (strange_score >= model.ood_threshold(kind)).float().mean() < 0.05


def faint(outputs: Outputs) -> Outputs:
    """The same with lower confidence."""
    return Outputs(outputs.logits / 4, outputs.features * 0.8, outputs.labels)


def test_a_kind_without_a_threshold_uses_the_lowest() -> None:
    model = ConfidenceModel(ood_thresholds={"dataset": 1.0, "sketch": -1.0})
    assert model.ood_threshold("dataset") == 1.0
    assert model.ood_threshold("photo") == -1.0
    assert ConfidenceModel().ood_threshold("photo") == -math.inf


# ------------------------------------------------------------------ the record


@pytest.mark.parametrize("score", ["guard", "energy", "angle", "combined"])
def test_a_model_survives_storage(score: ScoreKind) -> None:
    model = fitted() if score == "guard" else of_version_05(score)
    model = replace(model, notes={"images": 1_000})
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
        (lambda r, t: r.update(score="combined"), "damaged"),
        (lambda r, t: t.update(other=t.pop("hidden")), "damaged"),
        (lambda r, t: t.update(hidden=torch.zeros(7, 3)), "does not fit"),
        (lambda r, t: t.update(output_bias=torch.zeros(2)), "does not fit"),
        (lambda r, t: t["hidden"].fill_(float("inf")), "does not fit"),
        (lambda r, t: (r.update(score="angle"), t.update(basis=torch.zeros(7, 3))), "does not fit"),
    ],
)
def test_damaged_records_are_rejected(change, message: str) -> None:
    model = fitted()
    record, tensors = model.to_json(), model.tensors()
    change(record, tensors)
    with pytest.raises(ValueError, match=message):
        ConfidenceModel.from_file(record, tensors, FEATURES)
    with pytest.raises(ValueError, match="damaged"):
        ConfidenceModel.from_file("a word", tensors, FEATURES)
