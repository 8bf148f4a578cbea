"""The Story page: it opens without PyTorch, its sizes are right, and its facts hold."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo.common.files import sha256
from alexnet_demo.inference import cache
from alexnet_demo.settings import article, paths
from alexnet_demo.settings.article import ARTICLE_CURVES, CLASSES
from alexnet_demo.settings.papers import ALEXNET, NETWORKS
from alexnet_demo.ui.frame.page import PAGES
from alexnet_demo.ui.story import story
from alexnet_demo.ui.widgets.navigation import STORY
from tests.support.pages import open_page, page_text

LABELS = [9, 2, 1, 1, 6, 1, 4, 6]  # of the first eight test images


def tiles(at: AppTest) -> list[str]:
    """Captions and details of the images that the page shows."""
    found = [c.proto.json for c in at.get("bidi_component") if "first images" in c.proto.id]
    shown = [tile for data in found for tile in json.loads(data)["tiles"]]
    return [text for tile in shown for text in (tile["caption"], tile["detail"])]


def test_every_figure_of_the_data_and_the_networks_is_on_the_page(runs_dir: Path) -> None:
    text = page_text(open_page(STORY))
    for entry in story.DATA["errors"]:
        assert f"{entry['percent']}%" in text and entry["name"] in text
    for novelty in story.DATA["novelties"]:
        assert novelty["name"] in text and novelty["brought"] in text
    for network in NETWORKS:
        assert f"{network.parameters:,}" in text and f"{network.error}%" in text
    for number in ("46,764,746", "47,686,346", "921,600", "27,140,096", "26,218,496"):
        assert number in text
    assert article.ARTICLE_CODE_URL in text
    assert not re.search(r"\{\w*\}", text)  # every value is filled in


def test_the_menu_has_at_most_eight_entries() -> None:
    assert STORY in [script for script, _, _ in PAGES]
    assert len(PAGES) <= 8


def test_what_the_text_says_about_the_published_run() -> None:
    training, test = (ARTICLE_CURVES["accuracy"][images] for images in ("training", "test"))
    assert [t > v for t, v in zip(training, test, strict=True)] == [False] * 4 + [True] * 6
    assert training[-1] > training[-2] and test[-1] < test[-2]


def test_what_the_text_says_about_the_article() -> None:
    printed, excess = article.ARTICLE_PRINTED_FC1, 47_686_346 - article.PARAMETERS
    assert printed - excess == 256 * 5 * 5 * 4096 + 4096


def test_winning_takes_seven_networks_and_one_alone_is_between() -> None:
    percent = {entry["name"]: entry["percent"] for entry in story.DATA["errors"]}
    assert percent["Seven networks"] == 15.3 < percent["One network"] < 26.2
    assert percent["One network"] == ALEXNET.error


# ------------------------------------------------------------------ the first eight test images


@pytest.fixture
def included(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs_dir: Path) -> Path:
    """A folder with weights, and with results that take every image for a T-shirt."""
    weights = tmp_path / paths.SHIPPED_WEIGHTS
    weights.write_bytes(b"weights")
    monkeypatch.setattr(paths, "WEIGHTS_DIR", tmp_path)
    arrays = {
        "probabilities": np.tile(np.eye(10, dtype=np.float32)[0], (8, 1)),
        "labels": np.array(LABELS),
    }
    cache.save_included(cache.included_path(), sha256(weights), {"": arrays})
    return weights


def test_the_first_images_have_their_prediction_and_their_label(included: Path) -> None:
    at = open_page(STORY)
    expected = [text for n in LABELS for text in ("✗ T-shirt/top", f"label: {CLASSES[n]}")]
    assert tiles(at) == expected


def test_results_of_other_weights_are_not_shown(included: Path) -> None:
    included.write_bytes(b"other weights")
    assert tiles(open_page(STORY)) == []
    included.unlink()
    assert tiles(open_page(STORY)) == []


def test_the_page_imports_no_torch() -> None:
    code = "import sys, alexnet_demo.ui.story.story; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT).returncode == 0
