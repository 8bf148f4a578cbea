"""The Architecture page: presets, own numbers, the chosen layer, the table and its download."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo import config
from alexnet_demo.data import load_split
from alexnet_demo.inside import activations
from alexnet_demo.model import AlexNet
from alexnet_demo.ui import architecture, comparison

PAGE = str(config.ROOT / "pages" / "2_Architecture.py")
IMAGENET = "ImageNet, 3×224×224, 1000 classes"


@pytest.fixture
def opened() -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not at.exception
    return at


def words(at: AppTest) -> str:
    return "\n".join(m.value for m in [*at.markdown, *at.info])


def test_opens_with_this_demo_and_tells_of_the_slip(opened: AppTest) -> None:
    text = words(opened)
    assert "**46,764,746** parameters · **938,146,176** multiply-accumulates" in text
    assert "The article prints 47,686,346; the network it lists has 46,764,746." in text
    assert "(256 · 5 · 5 · 4096) + 4096 = 26,218,496" in text
    assert "Checked:" in text
    assert not opened.error


def test_the_slip_explains_the_whole_difference() -> None:
    fc1 = architecture.measure(architecture.DEMO)["fc6"].params
    difference = config.ARTICLE_PRINTED_PARAMETERS - config.PARAMETERS
    assert architecture.ARTICLE_PRINTED_FC1 - fc1 == difference == 921_600


def test_the_imagenet_preset(opened: AppTest) -> None:
    opened.button_group(key="arch_preset").set_value(IMAGENET).run()
    assert not opened.exception
    assert "**50,844,008** parameters" in words(opened)
    assert "The article prints" not in words(opened)
    assert opened.number_input(key="arch_classes").value == 1000


def test_own_numbers_leave_the_presets(opened: AppTest) -> None:
    opened.number_input(key="arch_width").set_value(0.5).run()
    assert not opened.exception
    expected = architecture.measure(architecture.Choice(width=0.5)).total_params
    assert f"**{expected:,}** parameters" in words(opened)
    assert not opened.session_state["arch_preset"]


def test_too_small_a_picture_is_explained(opened: AppTest) -> None:
    opened.number_input(key="arch_side").set_value(64).run()
    assert not opened.exception
    message = (
        "An input of 64×64 is too small: conv1 and the three pools need at least 67×67 pixels."
    )
    # Once beside the numbers, which cover the page, and once on the page.
    assert [e.value for e in opened.error] == [message, message]
    opened.number_input(key="arch_side").set_value(67).run()
    assert not opened.exception
    assert not opened.error


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("conv2", "`(96 * 5 * 5 * 256) + 256 = 614,656`"),
        ("conv1", "`⌊(224 − 11)/4⌋ + 1 = 54`"),
        ("pool5", "keeps the largest value of each 3×3 window"),
        ("fc7", "each of 4,096 units weighs all 4,096 inputs"),
        ("input", "224×224 pixels with one grey value each"),
    ],
)
def test_a_chosen_layer_shows_its_own_numbers(opened: AppTest, layer: str, expected: str) -> None:
    opened.session_state["arch_diagram"] = {"layer": layer}
    opened.run()
    assert not opened.exception
    assert expected in words(opened)


def test_table_and_csv_hold_every_layer() -> None:
    summary = architecture.measure(architecture.DEMO)
    records = architecture.rows(summary)
    text = architecture.to_csv(records).decode("utf-8-sig")
    read = list(csv.DictReader(io.StringIO(text)))
    assert [row["Layer"] for row in read] == [layer.name for layer in summary.layers]
    assert sum(int(row["Parameters"]) for row in read) == config.PARAMETERS
    assert sum(float(row["Parameters %"]) for row in read) == pytest.approx(100)
    assert sum(float(row["MACs %"]) for row in read) == pytest.approx(100)
    first = read[0]
    assert (first["Kernel"], first["Stride"], first["Padding"]) == ("11×11", "4", "0")


def test_the_table_on_the_page_is_that_table(opened: AppTest) -> None:
    shown = opened.dataframe[0].value
    assert shown["Parameters"].sum() == config.PARAMETERS
    assert list(shown["Layer"])[:3] == ["conv1", "relu1", "pool1"]


# ------------------------------------------------------------------ inside a trained network


@pytest.fixture
def trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs_dir: Path, tiny_weights: Path
) -> AppTest:
    """The page with a shipped network, not run yet."""
    (tmp_path / config.SHIPPED_WEIGHTS).write_bytes(tiny_weights.read_bytes())
    monkeypatch.setattr(config, "WEIGHTS_DIR", tmp_path)
    return AppTest.from_file(PAGE, default_timeout=60)


def look(at: AppTest, layer: str, view: str) -> str:
    """Choose a layer and what to see of it; the page's words."""
    at.session_state["arch_diagram"] = {"layer": layer}
    at.session_state["inside view"] = view
    at.run()
    assert not at.exception
    assert at.session_state["inside view"] == view
    return words(at) + " ".join(caption.value for caption in at.caption)


@pytest.mark.parametrize(
    ("layer", "view", "expected"),
    [
        ("conv1", "Weights", "Grey is 0"),
        ("conv3", "Weights", "Grey is 0"),
        ("fc7", "Weights", "standard deviation"),
        ("conv1", "Output", "of 6 channels"),
        ("pool5", "Output", "of 16 channels"),
        ("fc6", "Output", "one of 256 units"),
        ("conv2", "One unit", "behind the ReLU"),
        ("pool1", "One unit", "The greatest of these 9 values"),
        ("fc8", "Decision", "A high temperature makes them alike"),
    ],
)
def test_every_view_of_a_layer_shows(trained: AppTest, layer: str, view: str, expected: str):
    assert expected in look(trained, layer, view)


def test_the_explained_unit_is_that_of_the_feature_map(trained: AppTest, tiny_model: AlexNet):
    text = look(trained, "conv1", "One unit")
    pixels = load_split(train=False).images[0].numpy()
    seen = activations(tiny_model, pixels)["conv1"]
    channel, row, column = (
        next(int(n.value or 0) for n in trained.number_input if n.label == name)
        for name in ("Channel", "Row", "Column")
    )
    assert f"= **{float(seen[channel, row, column]):.3f}**" in text


def test_a_trained_network_stands_beside_the_untrained_one(trained: AppTest):
    look(trained, "conv1", "Weights")
    trained.selectbox(key="inside beside").set_value("The same, untrained").run()
    assert not trained.exception
    assert "**Trained**" in words(trained)
    assert "**The same, untrained**" in words(trained)


def test_a_drawing_of_ones_own_goes_through_the_layers(trained: AppTest):
    stroke = {"tool": "pen", "width": 8, "points": [[60, 60], [200, 60], [200, 200], [60, 60]]}
    trained.session_state["drawing"] = [stroke]
    trained.session_state["inside picture"] = "My drawing"
    assert "of 6 channels" in look(trained, "conv1", "Output")


def test_other_networks_than_the_demos_show_numbers_only(trained: AppTest):
    look(trained, "conv1", "Output")
    trained.button_group(key="arch_preset").set_value(IMAGENET).run()
    assert not trained.exception
    assert "of 6 channels" not in " ".join(caption.value for caption in trained.caption)


# ------------------------------------------------------------------ three of them


def test_three_alexnets_have_their_known_numbers_of_parameters() -> None:
    found = [summary.total_params for summary in comparison.summaries().values()]
    assert found == [46_764_746, 50_844_008, 61_100_840]
    assert comparison.paper_parameters() == 60_965_224
    columns = comparison.table()
    assert len({len(column) for column in columns.values()}) == 1
    assert columns["torchvision"][0] == "11×11 /4 → 64×55×55 · 23,296"


def test_the_markdown_table_holds_every_layer() -> None:
    records = architecture.rows(architecture.measure(architecture.DEMO))
    lines = architecture.to_markdown(records).splitlines()
    assert len(lines) == len(records) + 2
    assert len({line.count(" | ") for line in lines}) == 1


@pytest.mark.parametrize("layer", ["conv9", 7, ["conv1"], {"a": 1}])
def test_a_layer_that_is_none_does_no_harm(opened: AppTest, layer: object) -> None:
    opened.session_state["arch_diagram"] = {"layer": layer}
    opened.run()
    assert not opened.exception
