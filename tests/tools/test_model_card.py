"""The model card, and the two measurements it needs."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet_demo.common.files import write_json
from alexnet_demo.data.splits import load_split
from alexnet_demo.export.quantized import export
from alexnet_demo.images.prepare import prepare
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import article
from alexnet_demo.settings.config import TrainConfig
from tools import model_card, not_clothing, real_images


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
    photo = {"kind": "photo", "clothing": True}
    predictions: dict[str, dict[str, Any]] = {
        "a/1": {"label": "Shirt", "sure": True, **photo},
        "a/2": {"label": "Coat", "sure": False, **photo},
        "a/3": {"label": "Coat", "sure": True, **photo, "clothing": False},
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
        "unreadable": 0,
        "kinds": {"photo": 3},
    }
    assert scores["kinds"]["b"]["unreadable"] == 1
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
    starts = [
        {"config": first.to_json()},
        {"config": replace(first, epochs=50, lr_scale=2.0).to_json()},
    ]
    assert model_card.commands(starts) == [
        "python -m alexnet_demo train --recipe best --validation 4000",
        "python -m alexnet_demo train --resume RUN --epochs 50 --lr-scale 2.0",
    ]


# ------------------------------------------------------------------ not clothing


@pytest.mark.parametrize("name", [name for name in not_clothing.FAMILIES if name != "photos"])
def test_images_of_a_family_vary_and_are_reproducible(name: str) -> None:
    draw = not_clothing.FAMILIES[name]
    first, again = (np.random.default_rng(3) for _ in range(2))
    images = [np.asarray(draw(first)) for _ in range(4)]
    for image in images:
        assert image.shape[:2] == (not_clothing.SIDE, not_clothing.SIDE)
        assert np.array_equal(image, np.asarray(draw(again)))
    assert not np.array_equal(images[0], images[1])


def test_most_line_art_is_treated_as_drawings() -> None:
    generator = np.random.default_rng(0)
    drawn = [draw(generator) for draw in not_clothing.LINE_ART.values() for _ in range(5)]
    kinds = Counter(prepare(image).kind for image in drawn)
    assert kinds["sketch"] > 10


def test_photos_come_from_scikit_image() -> None:
    pytest.importorskip("skimage")
    generator = np.random.default_rng(0)
    for name in not_clothing.PHOTOS:
        assert min(not_clothing.read_photo(name).size) >= 200
    patch = not_clothing.photo(generator)
    assert patch.mode == "RGB" and patch.width == patch.height


def test_not_clothing_is_measured_against_the_test_set(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    families = {name: not_clothing.FAMILIES[name] for name in ("digits", "white noise")}
    monkeypatch.setattr(not_clothing, "FAMILIES", families)
    scores = not_clothing.measure(Classifier.load(shipped), 8, [])
    assert set(scores["families"]) == set(families)
    assert scores["clothing"]["test set"]["pictures"] == 8
    for family in scores["families"].values():
        assert set(family["auroc_by_score"]) == {"energy", "angle", "combined"}
        assert family["auroc"] == family["auroc_by_score"]["combined"]
        assert 0 <= family["auroc"]["test set"] <= 1 and 0 <= family["passed"] <= 1


# ------------------------------------------------------------------ the card


@pytest.fixture(scope="module")
def records(trained_run: Run, shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of a small measurement without real images and photos."""
    path = tmp_path_factory.mktemp("records") / "records.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(not_clothing, "FAMILIES", {"digits": not_clothing.digit})
        record = model_card.measure(trained_run, shipped, None, "cpu", samples=200, count=5)
    write_json(path, record)
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
    assert text.count("\n| ") > 20 and "| digits | 5 |" in text
    for epoch in trained_run.history.epochs:
        assert f"{epoch['train_loss']:.4f}" in text
    for part in ("Limits", "License", "Your own weights", "Confidence"):
        assert f"## {part}" in text
    assert "Real images" not in text
    assert str(trained_run.directory) not in text and str(shipped.parent) not in text


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


def test_auroc_is_the_share_of_correctly_ordered_pairs() -> None:
    generator = np.random.default_rng(0)
    clothes, others = generator.integers(3, 12, 80), generator.integers(0, 10, 70)  # many ties
    pairs = (clothes[:, None] > others).mean() + (clothes[:, None] == others).mean() / 2
    assert not_clothing.auroc(torch.from_numpy(clothes), torch.from_numpy(others)) == pytest.approx(
        pairs
    )
    assert not_clothing.auroc(torch.tensor([2.0, 3.0]), torch.tensor([1.0])) == 1
    assert not_clothing.auroc(torch.tensor([1.0]), torch.tensor([1.0, 1.0])) == 0.5
