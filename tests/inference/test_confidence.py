"""Calibration, and the scores that tell clothing from other pictures, against plain references."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from alexnet_demo.inference.confidence import (
    DIMENSIONS,
    KEPT,
    SCORES,
    ConfidenceModel,
    Outputs,
    ScoreKind,
    alignment,
    auroc,
    calibration_error,
    energy,
    fit,
    fit_temperature,
    subspace,
)

FEATURES = 100


def clothing(count: int, seed: int = 0) -> Outputs:
    """Features in ten directions, and logits of a network three times too loud."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 10, (count,), generator=generator)
    centres = torch.randn(10, FEATURES, generator=torch.Generator().manual_seed(99)) * 2
    features = centres[labels] + 0.4 * torch.randn(count, FEATURES, generator=generator)
    true = torch.randn(count, 10, generator=generator) + 2 * torch.eye(10)[labels]
    said = torch.multinomial(true.softmax(1), 1, generator=generator)[:, 0]
    return Outputs(3 * true, features.relu(), said)


# ------------------------------------------------------------------ calibration


def test_the_temperature_undoes_what_made_a_network_too_loud() -> None:
    found = clothing(20_000)
    assert fit_temperature(found.logits, found.labels) == pytest.approx(3, rel=0.05)
    assert fit_temperature(found.logits / 3, found.labels) == pytest.approx(1, rel=0.05)


def test_the_calibration_error_of_a_case_counted_by_hand() -> None:
    # Two answers of 0.9, one of them right; two of 0.6, both right: gaps of 0.4 each.
    rows = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    assert calibration_error(rows, torch.tensor([0, 1, 1, 1])) == pytest.approx(0.4)
    # In one bin for all, the gap is that of the means: 0.75 said, 0.75 right.
    assert calibration_error(rows, torch.tensor([0, 1, 1, 1]), bins=1) == pytest.approx(0, abs=1e-6)
    assert calibration_error(torch.tensor([[1.0, 0.0]]), torch.tensor([0])) == 0


def test_a_calibrated_network_has_no_calibration_error() -> None:
    found = clothing(50_000)
    rows = (found.logits / 3).softmax(1)
    assert calibration_error(rows, found.labels) < 0.01
    assert calibration_error(found.logits.softmax(1), found.labels) > 0.1


# ------------------------------------------------------------------ scores


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    generator = np.random.default_rng(0)
    clothes, others = generator.integers(3, 12, 80), generator.integers(0, 10, 70)  # many ties
    pairs = (clothes[:, None] > others).mean() + (clothes[:, None] == others).mean() / 2
    assert auroc(torch.from_numpy(clothes), torch.from_numpy(others)) == pytest.approx(pairs)
    assert auroc(torch.tensor([2.0, 3.0]), torch.tensor([1.0])) == 1
    assert auroc(torch.tensor([1.0]), torch.tensor([1.0, 1.0])) == 0.5


def test_the_energy_is_the_log_of_the_summed_exponentials() -> None:
    assert energy(torch.tensor([[1.0, 2.0]])).item() == pytest.approx(math.log(math.e + math.e**2))


def test_the_angle_is_that_to_the_directions_of_clothing() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(500, DIMENSIONS, generator=generator) @ torch.eye(DIMENSIONS, FEATURES)
    basis = subspace(features + 0.001 * torch.randn(500, FEATURES, generator=generator))
    assert basis.shape == (FEATURES, DIMENSIONS)
    # Three parts along clothing, four away from it: the sine is 4/5, whatever the length.
    strange = torch.zeros(3, FEATURES)
    strange[:, 3], strange[:, 90] = 3.0, 4.0
    strange *= torch.tensor([[1.0], [10.0], [0.01]])
    assert alignment(strange, basis).tolist() == pytest.approx([-0.8] * 3, abs=0.02)
    assert alignment(features[:5], basis).tolist() == pytest.approx([0.0] * 5, abs=0.05)
    assert alignment(torch.zeros(1, FEATURES), basis).item() == pytest.approx(-1)


def test_fitting_again_gives_the_same() -> None:
    first, second = (fit({"dataset": clothing(500)}) for _ in range(2))
    assert first.to_json() == second.to_json()
    assert first.basis is not None and second.basis is not None
    assert torch.equal(first.basis, second.basis)


def test_the_tensors_of_the_whole_network_take_less_than_a_megabyte() -> None:
    stored = ConfidenceModel(basis=subspace(torch.rand(300, 4096))).tensors()
    assert sum(t.numel() * t.element_size() for t in stored.values()) < 300_000


@pytest.mark.parametrize("score", SCORES)
def test_the_threshold_keeps_true_clothing_of_every_kind(score: ScoreKind) -> None:
    certainty = fit({"dataset": clothing(4_000), "sketch": faint(clothing(4_000, 1))}, score)
    for kind, new in (("dataset", clothing(4_000, 2)), ("sketch", faint(clothing(4_000, 3)))):
        ood_score = certainty.ood_score(new.logits, new.features)
        kept = (ood_score >= certainty.threshold(kind)).float().mean().item()
        assert kept == pytest.approx(KEPT, abs=0.02)
        strange = certainty.ood_score(torch.zeros(100, 10), 5 * torch.rand(100, FEATURES))
        assert auroc(ood_score, strange) > 0.9


def faint(outputs: Outputs) -> Outputs:
    """The same of which the network is less sure."""
    return Outputs(outputs.logits / 4, outputs.features * 0.8, outputs.labels)


def test_a_kind_without_a_threshold_takes_the_lowest() -> None:
    certainty = ConfidenceModel(thresholds={"dataset": 1.0, "sketch": -1.0})
    assert certainty.threshold("dataset") == 1.0
    assert certainty.threshold("photo") == -1.0
    assert ConfidenceModel().threshold("photo") == -math.inf


# ------------------------------------------------------------------ the record


@pytest.mark.parametrize("score", SCORES)
def test_the_record_comes_back_from_json_and_tensors(score: ScoreKind) -> None:
    certainty = replace(fit({"dataset": clothing(1_000)}, score), notes={"images": 1_000})
    assert bool(certainty.tensors()) == (score != "energy")
    record = json.loads(json.dumps(certainty.to_json()))
    again = ConfidenceModel.from_file(record, certainty.tensors(), FEATURES)
    new = clothing(50, 5)
    found, wanted = (c.ood_score(new.logits, new.features) for c in (again, certainty))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert again.to_json() == certainty.to_json()
    torch.testing.assert_close(
        again.probabilities(new.logits), (new.logits / certainty.temperature).softmax(1)
    )


def test_without_a_record_nothing_changes() -> None:
    plain = ConfidenceModel.from_file(None, {}, FEATURES)
    logits = torch.randn(3, 10)
    torch.testing.assert_close(plain.probabilities(logits), logits.softmax(1))
    assert plain.level == 0.6
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
def test_damaged_records_are_refused(change, message: str) -> None:
    certainty = fit({"dataset": clothing(500)})
    record, tensors = certainty.to_json(), certainty.tensors()
    change(record, tensors)
    with pytest.raises(ValueError, match=message):
        ConfidenceModel.from_file(record, tensors, FEATURES)
    with pytest.raises(ValueError, match="damaged"):
        ConfidenceModel.from_file("a word", tensors, FEATURES)
