"""Figures compared with the records they show."""

from __future__ import annotations

import re

import pytest
import torch

from alexnet_demo.figures import architecture, theme, training
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.summary import Summary, summarize
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.paths import ROOT
from alexnet_demo.settings.schedule import lr_at, stages


@pytest.fixture(scope="module")
def summary() -> Summary:
    with torch.device("meta"):
        return summarize(AlexNet())


def test_shares_of_parameters_and_macs_sum_to_100_percent(summary: Summary) -> None:
    params, macs = architecture.params_and_macs(summary).data
    assert sum(params.x) == pytest.approx(-100)
    assert sum(macs.x) == pytest.approx(100)
    assert list(params.y) == [layer.name for layer in summary.layers if layer.params]
    assert sum(params.customdata) == summary.total_params
    assert sum(macs.customdata) == summary.total_macs


@pytest.mark.parametrize(
    ("width", "name"),
    [
        (1.0, "full width"),
        (0.5, "½ width"),
        (0.125, "⅛ width"),
        (0.0625, "1/16 width"),
        (0.3, "0.3 width"),
        (2.0, "2 width"),
    ],
)
def test_widths_have_names(width: float, name: str) -> None:
    assert theme.width_name(width) == name


@pytest.mark.parametrize("recipe", ["article", "fast", "best", "quick"])
def test_the_schedule_covers_every_step(recipe: str) -> None:
    settings = TrainConfig.from_recipe(recipe)
    figure = training.schedule_figure(settings)
    (line,) = figure.data
    assert len(line.x) <= training.SCHEDULE_POINTS
    assert line.x[0] == 0
    assert line.x[-1] * settings.steps_per_epoch == pytest.approx(settings.total_steps - 1)
    assert list(line.x) == sorted(line.x)
    highest = max(lr_at(settings, step) for step in range(settings.total_steps))
    assert max(line.y) == pytest.approx(highest)
    names = [theme.width_name(stage.width) for stage in stages(settings)]
    assert [note.text for note in figure.layout.annotations] == (names if len(names) > 1 else [])


def test_a_schedule_of_one_step_has_one_point() -> None:
    settings = TrainConfig(epochs=1, train_samples=1, schedule="linear")
    assert list(training.schedule_figure(settings).data[0].x) == [0]


def test_the_suggested_learning_rate_is_marked() -> None:
    trials = [{"lr": 10.0**n, "loss": 2.0, "smoothed": 2.1} for n in range(-4, 0)]
    figure = training.lr_test_figure(trials, 0.03)
    assert figure.layout.xaxis.type == "log"
    assert list(figure.data[1].y) == [2.1] * 4
    assert [line.x0 for line in figure.layout.shapes] == [0.03]
    assert not training.lr_test_figure(trials, None).layout.shapes


def test_streamlit_uses_the_same_ten_colors() -> None:
    assert len(set(theme.PALETTE)) == 10
    text = (ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    listed = text.partition("chartCategoricalColors = [")[2].partition("]")[0]
    assert tuple(re.findall(r"#[0-9a-f]{6}", listed)) == theme.PALETTE
