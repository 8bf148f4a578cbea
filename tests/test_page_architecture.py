"""The Architecture page: presets, own numbers, the chosen layer, the table and its download."""

from __future__ import annotations

import csv
import io

import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo import config
from alexnet_demo.ui import architecture

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
