"""The model card, and the two measurements it needs."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from alexnet_demo.common.files import write_json
from alexnet_demo.data.other_drawings import DRAWING_KINDS
from alexnet_demo.data.other_photos import PHOTO_KINDS
from alexnet_demo.data.splits import load_split
from alexnet_demo.export.quantized import export
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.inference.confidence import ConfidenceModel, Outputs, fit
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import article
from alexnet_demo.settings.config import TrainConfig
from tools import model_card, not_clothing, real_images

NOISE = Image.effect_noise((40, 40), 60)


@pytest.fixture(scope="module")
def shipped(trained_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported weights of a trained run."""
    path = tmp_path_factory.mktemp("shipped") / "small.safetensors"
    export(trained_run.best, path, "cpu", samples=200)
    return path


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """Four images from two sources with a manifest; one of them is broken."""
    split = load_split(train=False)
    rows = []
    for number in range(3):
        path = tmp_path / "photos" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(255 - split.images[number].numpy()).resize((90, 90)).save(path)
        others = ";".join(article.CLASSES) if number == 0 else ""
        label = "Bag" if number == 0 else article.CLASSES[split.labels[number]]
        rows.append([f"photos/{number}.png", "shop", label, others])
    (tmp_path / "sketches").mkdir()
    (tmp_path / "sketches" / "1.png").write_bytes(b"not an image")
    rows.append(["sketches/1.png", "hand", "Bag", ""])
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "source", "label", "alternates"], *rows])
    return tmp_path


# ------------------------------------------------------------------ real images


def test_strict_and_lenient_scores_counted_by_hand() -> None:
    rows = [
        {"path": "a/1", "source": "x", "label": "Coat", "alternates": "Shirt;Pullover"},
        {"path": "a/2", "source": "x", "label": "Coat", "alternates": ""},
        {"path": "a/3", "source": "y", "label": "Bag", "alternates": ""},
        {"path": "b/4", "source": "y", "label": "Bag"},
    ]

    def photo(label: str, confidence: float, sure: bool, clothing: bool = True) -> dict[str, Any]:
        rest = dict.fromkeys(article.CLASSES, (1 - confidence) / 9)
        probabilities = {**rest, label: confidence}
        flags = {"sure": sure, "clothing": clothing, "kind": "photo"}
        return {"label": label, "probabilities": probabilities, **flags}

    predictions: dict[str, dict[str, Any]] = {
        "a/1": photo("Shirt", 0.82, sure=True),
        "a/2": photo("Coat", 0.58, sure=False),
        "a/3": photo("Coat", 0.82, sure=True, clothing=False),
        "b/4": {"error": "broken"},
    }
    scores = real_images.score(rows, predictions)
    assert scores["kinds"]["a"] == {
        "pictures": 3,
        "strict": 0.3333,
        "lenient": 0.6667,
        "clothing": 0.6667,
        "sure": 0.6667,
        "sure_lenient": 0.5,
        "ece": round((0.82 + 0.42 + 0.82) / 3, 4),
        "unreadable": 0,
        "kinds": {"photo": 3},
    }
    assert scores["all"]["pictures"] == 4
    assert scores["kinds"]["b"]["unreadable"] == 1
    assert scores["kinds"]["b"]["ece"] is None
    assert scores["kinds"]["b"]["sure_lenient"] is None
    assert scores["sources"]["a: x"]["strict"] == 0.5
    assert scores["classes"]["a"]["Bag"]["lenient"] == 0


def test_real_images_are_classified(real: Path, shipped: Path) -> None:
    scores = real_images.measure(real, shipped, "cpu")
    assert scores["kinds"]["photos"]["pictures"] == 3
    assert scores["kinds"]["photos"]["lenient"] > 0
    assert scores["kinds"]["sketches"]["unreadable"] == 1


def test_an_invalid_manifest_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"manifest\.csv"):
        real_images.read_manifest(tmp_path)
    (tmp_path / "manifest.csv").write_text("path,label\n1.png,Bag\n")
    with pytest.raises(ValueError, match="path, source"):
        real_images.read_manifest(tmp_path)
    (tmp_path / "manifest.csv").write_text("path,source,label\n1.png,here,Hat\n")
    with pytest.raises(ValueError, match="Hat"):
        real_images.read_manifest(tmp_path)


def test_commands_include_each_resume() -> None:
    first = TrainConfig.from_recipe("best", validation=4000)
    second = replace(first, epochs=50, lr_scale=2.0)
    assert model_card.commands([first.to_json(), second.to_json()]) == [
        "python -m alexnet_demo train --recipe best --validation 4000",
        "python -m alexnet_demo train --resume RUN --epochs 50 --lr-scale 2.0",
    ]


# ------------------------------------------------------------------ not clothing


def test_every_generated_kind_is_in_one_fold() -> None:
    kinds = [kind for fold in not_clothing.folds() for kind in fold]
    assert len(kinds) == len(set(kinds))
    assert {*DRAWING_KINDS, *PHOTO_KINDS} == set(kinds)
    assert not_clothing.family_of("digits") == "writing"
    assert not_clothing.family_of("tree") == "things"


def test_photos_come_from_scikit_image() -> None:
    pytest.importorskip("skimage")
    for name in not_clothing.PHOTOS:
        assert min(not_clothing.read_photo(name).size) >= 200
    (patch,) = not_clothing.photos(1, seed=0)
    assert patch.mode == "RGB" and patch.width == patch.height


def test_no_kind_is_judged_by_a_guard_that_was_fitted_to_it(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = Classifier.load(shipped)
    others = not_clothing.generate(classifier, 40, seed=0)
    outputs = classifier.outputs(load_split(train=False).head(100).images.numpy())
    clothing = {"dataset": Outputs(*outputs, load_split(train=False).head(100).labels)}
    fits = []

    def remember(of_clothing: Any, familiar: dict[str, Outputs]) -> ConfidenceModel:
        fits.append(sum(len(o.logits) for o in familiar.values()))
        return fit(of_clothing, familiar)

    monkeypatch.setattr(not_clothing, "fit", remember)
    families = not_clothing.judge_unfamiliar(clothing, others)
    assert len(fits) == not_clothing.FOLDS
    # Each image is missing from one fit, and judged there.
    assert sum(fits) == 80 * (not_clothing.FOLDS - 1)
    assert sum(family["pictures"] for family in families.values()) == 80
    assert all(0 <= f["sure"] <= f["passes"] <= 1 for f in families.values())


def test_folders_are_judged_by_the_models_own_guard(
    real: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(not_clothing, "photos", lambda count, _: [NOISE] * count)
    report = not_clothing.measure(Classifier.load(shipped), 8, [real], [real / "photos"])
    assert report["clothing"]["test set"]["pictures"] == 8
    assert report["clothing"][str(real)] == report["others"][str(real / "photos")]
    assert report["others"]["things, drawn"]["pictures"] > 20
    with pytest.raises(ValueError, match="sketches"):
        not_clothing.measure(Classifier.load(shipped), 8, [], [real / "sketches"])


# ------------------------------------------------------------------ the card


@pytest.fixture(scope="module")
def records(trained_run: Run, shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of a small measurement without real images and photos."""
    path = tmp_path_factory.mktemp("records") / "records.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(not_clothing, "photos", lambda count, _: [NOISE] * count)
        measured = model_card.measure(shipped, None, "cpu", 200, 5, trained_run.best)
    write_json(path, measured | model_card.describe_training(trained_run, [], trained_run.best))
    return path


def test_the_card_shows_what_was_measured(
    trained_run: Run, shipped: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "README.md"
    arguments = ["--again", "--records", str(records), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["model_card.py", *arguments])
    model_card.main()
    text, record = out.read_text(encoding="utf-8"), json.loads(records.read_text())
    assert f"**{record['test']['accuracy']:.2%}** on 200 images" in text
    assert "python -m alexnet_demo train --recipe quick" in text
    assert "1,000 validation images" in text
    assert record["weights"]["sha256"] in text
    assert text.count("\n| ") > 20 and "| clothing: test set | 5 |" in text
    for epoch in trained_run.history.epochs:
        assert f"{epoch['train_loss']:.4f}" in text
    for part in ("Limits", "License", "Your own weights", "Confidence"):
        assert f"## {part}" in text
    assert "Real images" not in text
    for folder in (trained_run.directory, shipped.parent):
        assert str(folder) not in text and str(folder) not in records.read_text()


def test_the_recorded_training_stays_where_no_run_is_given(
    shipped: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(not_clothing, "photos", lambda count, _: [NOISE] * count)
    before, own = json.loads(records.read_text()), tmp_path / "records.json"
    arguments = ["--weights", shipped, "--records", own, "--out", tmp_path / "README.md"]
    small = ["--device", "cpu", "--test-samples", "100", "--count", "5"]
    monkeypatch.setattr(sys, "argv", ["model_card.py", *map(str, arguments), *small])
    with pytest.raises(SystemExit):
        model_card.main()
    write_json(own, before)
    model_card.main()
    after = json.loads(own.read_text())
    assert after["test"]["samples"] == 100 != before["test"]["samples"]
    assert (after["run"], after["earlier"]) == (before["run"], before["earlier"])


def test_real_images_have_a_section(real: Path, records: Path, shipped: Path) -> None:
    record = json.loads(records.read_text())
    scores = real_images.measure(real, shipped, "cpu")
    text = model_card.card({**record, "real": scores, "float_real": scores})
    assert "4 images that people drew" in text
    assert "| photos: shop | 3 |" in text
    assert "strict: photos +0.00, sketches +0.00" in text
    assert str(real) not in text


def test_weights_without_a_confidence_record_have_a_card(trained_run: Run, records: Path) -> None:
    record = json.loads(records.read_text())
    plain = {**record, "weights": model_card.describe_weights(trained_run.best)}
    plain["float_test"] = None
    text = model_card.card(plain)
    assert "temperature of 1.000" in text and "In float32" not in text


def test_a_run_without_epochs_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=tmp_path.name):
        model_card.describe_run(Run(tmp_path))


def test_the_most_frequent_confusions_come_first() -> None:
    confusion = [[0] * 10 for _ in range(10)]
    confusion[6][0], confusion[0][6], confusion[9][9] = 30, 40, 900
    assert model_card.confusions(confusion) == [
        "T-shirt/top as Shirt (40)",
        "Shirt as T-shirt/top (30)",
    ]
    assert model_card.confusions([[5]]) == ["none"]


def test_weights_of_a_stopped_run_are_newer_than_its_last_epoch(records: Path) -> None:
    record = json.loads(records.read_text())
    epochs = record["run"]["epochs"]
    last = {"weights": {**record["weights"], "step": epochs[-1]["step"] + 1234}}
    stopped, finished = model_card.card({**record, **last}), model_card.card(record)
    assert f"step {epochs[-1]['step'] + 1234:,}" in stopped
    assert "checkpoints/last.safetensors" in stopped and "last.safetensors" not in finished
    bold = [f"| **{epoch['epoch']}** |" for epoch in epochs]
    assert any(row in finished for row in bold) and not any(row in stopped for row in bold)
