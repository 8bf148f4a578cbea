"""Figures, read back and held against the records they show."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
import torch

from alexnet_demo import charts
from alexnet_demo.config import ROOT, TrainConfig, lr_at, stages
from alexnet_demo.model import AlexNet
from alexnet_demo.summary import Summary, summarize

SVG = {"": "http://www.w3.org/2000/svg"}
BLOCKS = [
    *("input", "conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"),
    *("fc6", "fc7", "fc8"),
]


@pytest.fixture(scope="module")
def summary() -> Summary:
    with torch.device("meta"):
        return summarize(AlexNet())


def blocks(summary: Summary, picture: str = "") -> dict[str, ET.Element]:
    root = ET.fromstring(charts.block_diagram(summary, picture))
    return {g.attrib["data-layer"]: g for g in root.findall("g", SVG)}


def extent(block: ET.Element) -> tuple[float, float]:
    """Width and height of a block's front, in units of the drawing."""
    front = block.findall("polygon", SVG)[1].attrib["points"]
    corners = [tuple(map(float, pair.split(","))) for pair in front.split()]
    xs, ys = zip(*corners, strict=True)
    return max(xs) - min(xs), max(ys) - min(ys)


def test_a_block_for_every_feature_map_in_order(summary: Summary) -> None:
    assert list(blocks(summary)) == BLOCKS


def test_blocks_are_to_one_scale(summary: Summary) -> None:
    drawn = blocks(summary)
    for name in BLOCKS[1:9]:
        channels, height, _ = summary[name].output_shape
        width = channels / charts.CHANNELS_PER_UNIT
        assert extent(drawn[name]) == (
            pytest.approx(width, abs=0.11),
            pytest.approx(height, abs=0.11),
        )
    assert extent(drawn["fc6"])[1] == pytest.approx(4096 / charts.CHANNELS_PER_UNIT, abs=0.11)
    assert extent(drawn["input"])[1] == pytest.approx(224, abs=0.11)


def test_blocks_are_named_and_described(summary: Summary) -> None:
    block = blocks(summary)["conv2"]
    assert [text.text for text in block.findall("text", SVG)] == ["conv2", "256×26×26"]
    title = block.find("title", SVG)
    assert title is not None
    assert title.text == "conv2: 256×26×26, 614,656 parameters, 415,334,400 MACs"


@pytest.mark.parametrize(
    "settings", [{"width": 2.0, "in_channels": 64}, {"width": 0.0625, "image_size": 67}]
)
def test_nothing_is_drawn_outside_the_picture(settings: dict[str, float]) -> None:
    with torch.device("meta"):
        root = ET.fromstring(charts.block_diagram(summarize(AlexNet(**settings))))  # type: ignore[arg-type]
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    previous = 0.0
    for group in root.findall("g", SVG):
        points = " ".join(p.attrib["points"] for p in group.findall("polygon", SVG)).split()
        xs, ys = zip(*(map(float, pair.split(",")) for pair in points), strict=True)
        assert previous <= min(xs) and max(xs) <= width  # blocks do not overlap either
        assert min(ys) >= 0 and max(ys) <= height
        previous = max(xs)


def test_the_picture_lies_on_the_inputs_face(summary: Summary) -> None:
    image = blocks(summary, "data:image/png;base64,AA==")["input"].find("image", SVG)
    assert image is not None
    a, b, c, d, e, f = map(float, image.attrib["transform"][7:-1].split())
    side = blocks(summary)["input"].findall("polygon", SVG)[0].attrib["points"].split()
    face = [tuple(map(float, pair.split(","))) for pair in side]
    unit_square = [(0, 0), (1, 0), (1, 1), (0, 1)]
    mapped = [(a * x + c * y + e, b * x + d * y + f) for x, y in unit_square]
    for corner, expected in zip(mapped, face, strict=True):
        assert corner == pytest.approx(expected, abs=0.11)


def test_both_halves_of_the_shares_come_to_a_hundred(summary: Summary) -> None:
    params, macs = charts.parameters_beside_macs(summary).data
    assert sum(params.x) == pytest.approx(-100)
    assert sum(macs.x) == pytest.approx(100)
    assert list(params.y) == [layer.name for layer in summary.layers if layer.params]
    assert sum(params.customdata) == summary.total_params
    assert sum(macs.customdata) == summary.total_macs


@pytest.mark.parametrize(
    ("width", "name"),
    [
        (1.0, "whole width"),
        (0.5, "½ width"),
        (0.125, "⅛ width"),
        (0.0625, "1/16 width"),
        (0.3, "0.3 width"),
        (2.0, "2 width"),
    ],
)
def test_widths_have_names(width: float, name: str) -> None:
    assert charts.width_name(width) == name


@pytest.mark.parametrize("recipe", ["article", "fast", "best", "quick"])
def test_the_schedule_is_drawn_from_its_first_step_to_its_last(recipe: str) -> None:
    settings = TrainConfig.from_recipe(recipe)
    figure = charts.schedule_figure(settings)
    (line,) = figure.data
    assert len(line.x) <= charts.SCHEDULE_POINTS
    assert line.x[0] == 0
    assert line.x[-1] * settings.steps_per_epoch == pytest.approx(settings.total_steps - 1)
    assert list(line.x) == sorted(line.x)
    highest = max(lr_at(settings, step) for step in range(settings.total_steps))
    assert max(line.y) == pytest.approx(highest)
    names = [charts.width_name(stage.width) for stage in stages(settings)]
    assert [note.text for note in figure.layout.annotations] == (names if len(names) > 1 else [])


def test_a_schedule_of_one_step_can_be_drawn() -> None:
    settings = TrainConfig(epochs=1, train_samples=1, schedule="linear")
    assert list(charts.schedule_figure(settings).data[0].x) == [0]


def test_the_learning_rate_to_use_is_marked() -> None:
    trials = [{"lr": 10.0**n, "loss": 2.0, "smoothed": 2.1} for n in range(-4, 0)]
    figure = charts.lr_test_figure(trials, 0.03)
    assert figure.layout.xaxis.type == "log"
    assert list(figure.data[1].y) == [2.1] * 4
    assert [line.x0 for line in figure.layout.shapes] == [0.03]
    assert not charts.lr_test_figure(trials, None).layout.shapes


@pytest.mark.parametrize(
    ("share", "text"), [(56.07, "56 %"), (3.61, "3.6 %"), (0.1, "0.1 %"), (0.02, "< 0.1 %")]
)
def test_percentages_are_short(share: float, text: str) -> None:
    assert charts.rounded_percent(share) == text


def test_ten_colours_and_the_theme_has_the_same() -> None:
    assert len(set(charts.PALETTE)) == 10
    text = (ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    listed = text.partition("chartCategoricalColors = [")[2].partition("]")[0]
    assert tuple(re.findall(r"#[0-9a-f]{6}", listed)) == charts.PALETTE
