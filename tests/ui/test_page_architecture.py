"""The Architecture page: presets, own numbers, the chosen layer, the table and its download."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from torch import Tensor

from alexnet_demo.data.splits import load_split
from alexnet_demo.export import onnx
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.inference.confidence import ConfidenceModel
from alexnet_demo.network import checkpoint
from alexnet_demo.network.activations import activations
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.settings import article as article_
from alexnet_demo.settings import paths
from alexnet_demo.ui.architecture import activations as seen
from alexnet_demo.ui.architecture import (
    alexnet_variants,
    explore,
    feature_map,
    layer_table,
    onnx_button,
)
from tests.support.pages import load_page, open_page, page_text

PAGE = "pages/2_Architecture.py"
IMAGENET = "ImageNet, 3×224×224, 1000 classes"


@pytest.fixture
def opened() -> AppTest:
    return open_page(PAGE)


def test_opens_with_this_demo_and_tells_of_the_slip(opened: AppTest) -> None:
    text = page_text(opened)
    assert "**46,764,746** parameters · **938,146,176** multiply-accumulates" in text
    assert "The article prints 47,686,346; the network it lists has 46,764,746." in text
    assert "(256 · 5 · 5 · 4096) + 4096 = 26,218,496" in text
    assert "Checked:" in text
    assert not opened.error


def test_the_slip_explains_the_whole_difference() -> None:
    fc1 = explore.measure(explore.DEMO)["fc6"].params
    difference = article_.ARTICLE_PRINTED_PARAMETERS - article_.PARAMETERS
    assert layer_table.ARTICLE_PRINTED_FC1 - fc1 == difference == 921_600


def test_the_imagenet_preset(opened: AppTest) -> None:
    opened.button_group(key="arch_preset").set_value(IMAGENET).run()
    assert not opened.exception
    assert "**50,844,008** parameters" in page_text(opened)
    assert "The article prints" not in page_text(opened)
    assert opened.number_input(key="arch_classes").value == 1000


def test_own_numbers_leave_the_presets(opened: AppTest) -> None:
    opened.number_input(key="arch_width").set_value(0.5).run()
    assert not opened.exception
    expected = explore.measure(explore.Choice(width=0.5)).total_params
    assert f"**{expected:,}** parameters" in page_text(opened)
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
    assert expected in page_text(opened)


def test_table_and_csv_hold_every_layer() -> None:
    summary = explore.measure(explore.DEMO)
    records = layer_table.rows(summary)
    text = layer_table.to_csv(records).decode("utf-8-sig")
    read = list(csv.DictReader(io.StringIO(text)))
    assert [row["Layer"] for row in read] == [layer.name for layer in summary.layers]
    assert sum(int(row["Parameters"]) for row in read) == article_.PARAMETERS
    assert sum(float(row["Parameters %"]) for row in read) == pytest.approx(100)
    assert sum(float(row["MACs %"]) for row in read) == pytest.approx(100)
    first = read[0]
    assert (first["Kernel"], first["Stride"], first["Padding"]) == ("11×11", "4", "0")


def test_the_table_on_the_page_is_that_table(opened: AppTest) -> None:
    shown = opened.dataframe[0].value
    assert shown["Parameters"].sum() == article_.PARAMETERS
    assert list(shown["Layer"])[:3] == ["conv1", "relu1", "pool1"]


# ------------------------------------------------------------------ inside a trained network


@pytest.fixture
def trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs_dir: Path, tiny_weights: Path
) -> AppTest:
    """The page with a shipped network, not run yet."""
    (tmp_path / paths.SHIPPED_WEIGHTS).write_bytes(tiny_weights.read_bytes())
    monkeypatch.setattr(paths, "WEIGHTS_DIR", tmp_path)
    return load_page(PAGE)


def look(at: AppTest, layer: str, view: str) -> str:
    """Choose a layer and what to see of it; the page's words."""
    at.session_state["arch_diagram"] = {"layer": layer}
    at.session_state["inside view"] = view
    at.run()
    assert not at.exception
    assert at.session_state["inside view"] == view
    return page_text(at) + " ".join(caption.value for caption in at.caption)


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
    outputs = activations(tiny_model, pixels)["conv1"]
    channel, row, column = (
        next(int(n.value or 0) for n in trained.number_input if n.label == name)
        for name in ("Channel", "Row", "Column")
    )
    assert f"= **{float(outputs[channel, row, column]):.3f}**" in text


def test_a_unit_chosen_by_its_numbers_is_the_one_explained(trained: AppTest, tiny_model: AlexNet):
    look(trained, "conv3", "One unit")
    trained.number_input(key="Channel One unit conv3 0").set_value(5).run()
    outputs = activations(tiny_model, load_split(train=False).images[0].numpy())["conv3"]
    for name, value in (("Row", 2), ("Column", 7)):
        trained.number_input(key=f"{name} One unit conv3 0").set_value(value)
    trained.run()
    assert f"= **{float(outputs[5, 2, 7]):.3f}**" in page_text(trained)
    assert trained.query_params["unit"] == "5.2.7"


def test_outputs_are_worked_out_once_for_a_network_and_a_picture(
    trained: AppTest, monkeypatch: pytest.MonkeyPatch
):
    asked = []

    def counted(model: AlexNet, pixels: np.ndarray) -> dict[str, Tensor]:
        asked.append(pixels)
        return activations(model, pixels)

    seen._outputs.clear()
    monkeypatch.setattr("alexnet_demo.network.activations.activations", counted)
    look(trained, "conv1", "Output")
    look(trained, "conv5", "One unit")
    assert len(asked) == 1
    trained.number_input(key="inside number").set_value(3).run()
    look(trained, "conv2", "Output")
    assert len(asked) == 2
    trained.selectbox(key="inside beside").set_value("untrained").run()
    assert len(asked) == 3


def decided(at: AppTest) -> list[float]:
    """The probabilities that the table of a decision shows."""
    (table,) = (e.proto.body for e in at.get("html") if "<table" in e.proto.body)
    return [float(share) / 100 for share in re.findall(r"<td>([\d.]+)\s%</td>", table)]


def test_the_decision_begins_at_the_temperature_of_predict(
    trained: AppTest, tiny_model: AlexNet, tmp_path: Path
):
    certainty = ConfidenceModel(temperature=1.2345)
    info = {"epoch": 1, "test_accuracy": 0.1, "certainty": certainty.to_json()}
    checkpoint.save_weights(tmp_path / paths.SHIPPED_WEIGHTS, tiny_model, info)
    assert "It begins at 1.23, which was fitted" in look(trained, "fc8", "Decision")
    classifier = Classifier.load(tmp_path / paths.SHIPPED_WEIGHTS)
    expected = classifier.probabilities(load_split(train=False).images[:1].numpy())[0]
    shown = decided(trained)
    np.testing.assert_allclose(shown, expected, atol=0.01)  # Predict may answer in bfloat16
    exact = certainty.probabilities(
        activations(tiny_model, load_split(train=False).images[0].numpy())["fc8"][None]
    )
    np.testing.assert_allclose(shown, exact[0].numpy(), atol=0.0006)  # as it is rounded
    trained.slider[0].set_value(5.0).run()
    assert max(decided(trained)) < max(shown)


@pytest.mark.parametrize(
    ("sent", "cell"),
    [
        ([1, 2], (1, 2)),
        ([1.0, 2.0], (1, 2)),
        *((bad, None) for bad in (None, [3, 0], [0, -1], [1], "12345", {"a": 1}, [1e400, 0])),
    ],
)
def test_a_browser_can_send_any_cell(sent: object, cell: tuple[int, int] | None) -> None:
    assert feature_map._cell(sent, (3, 4)) == cell


# ------------------------------------------------------------------ links


def test_a_link_opens_what_it_names_and_the_address_keeps_up(trained: AppTest, tiny_model: AlexNet):
    asked = {"layer": "conv3", "view": "One unit", "picture": "17", "beside": "untrained"}
    for name, value in {**asked, "unit": "7.3.4"}.items():
        trained.query_params[name] = value
    trained.run()
    assert not trained.exception
    outputs = activations(tiny_model, load_split(train=False).images[17].numpy())["conv3"]
    assert f"= **{float(outputs[7, 3, 4]):.3f}**" in page_text(trained)
    assert "**The same, untrained**" in page_text(trained)
    assert {name: trained.query_params[name] for name in asked} == asked
    trained.number_input(key="inside number").set_value(18).run()
    assert trained.query_params["picture"] == "18"
    assert trained.query_params["unit"] != "7.3.4"  # another picture, its own strongest unit
    look(trained, "conv4", "In numbers")
    look(trained, "conv4", "Output")
    assert trained.number_input(key="inside number").value == 18
    assert trained.selectbox(key="inside beside").value == "untrained"


@pytest.mark.parametrize(
    ("layer", "view", "picture", "unit"),
    [
        ("conv9", "One unit", "-1", "0.0"),
        ("relu1", "Decision", "10000", "9999.0.0"),
        ("<b>", "", "x", "1.2.3.4"),
        ("fc7", "One unit", "9" * 5000, "a.b.c"),
        ("conv1", "One unit", "٣", "-1.-1.-1"),
    ],
)
def test_anything_can_stand_in_a_link(
    trained: AppTest, layer: str, view: str, picture: str, unit: str
):
    values = {"layer": layer, "view": view, "picture": picture, "unit": unit, "beside": "../x"}
    for name, value in values.items():
        trained.query_params[name] = value
    trained.run()
    assert not trained.exception
    assert not trained.error


def test_a_trained_network_stands_beside_the_untrained_one(trained: AppTest):
    look(trained, "conv1", "Weights")
    trained.selectbox(key="inside beside").set_value("untrained").run()
    assert not trained.exception
    assert "**Trained**" in page_text(trained)
    assert "**The same, untrained**" in page_text(trained)


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


# ------------------------------------------------------------------ as a file


def labels(at: AppTest) -> list[str]:
    return [button.proto.label for button in at.get("download_button")]


def test_the_network_becomes_an_onnx_file_once_that_is_asked_for(trained: AppTest):
    for name in onnx.PACKAGES:
        pytest.importorskip(name)
    trained.run()
    assert not [label for label in labels(trained) if label.startswith("Save")]
    trained.button(key="make onnx").click().run()
    assert not trained.exception and not trained.error
    assert any(re.fullmatch(r"Save [\d.]+ MB", label) for label in labels(trained))
    told = " ".join(caption.value for caption in trained.caption)
    assert "the same label on 100% of 64 test pictures" in told


def test_a_missing_package_is_told_in_a_sentence(trained: AppTest, monkeypatch):
    monkeypatch.setattr(onnx, "PACKAGES", ("no_such_package",))
    onnx_button._made.clear()
    trained.run()
    trained.button(key="make onnx").click().run()
    assert not trained.exception
    assert "is not installed" in trained.error[0].value


def test_other_networks_than_the_demos_are_no_file(trained: AppTest):
    trained.run()
    trained.button_group(key="arch_preset").set_value(IMAGENET).run()
    assert not [button for button in trained.button if button.key == "make onnx"]


# ------------------------------------------------------------------ three of them


def test_the_reasons_for_the_differences_come_to_them() -> None:
    demo, article, vision = alexnet_variants.summaries().values()
    found = alexnet_variants.difference(article, demo)
    assert found == alexnet_variants.Difference(2 * 11 * 11 * 96, 0, 990 * 4097)
    assert found.total == 50_844_008 - 46_764_746
    assert str(found) == "23,232 (convolutions) + 4,056,030 (fc8) = 4,079,262"
    further = alexnet_variants.difference(vision, article)
    assert further.fc6 == (6 * 6 - 5 * 5) * 256 * 4096
    assert further.total == 61_100_840 - 50_844_008
    assert str(further) == "−1,277,504 (convolutions) + 11,534,336 (fc6) = 10,256,832"


def test_three_alexnets_have_their_known_numbers_of_parameters() -> None:
    found = [summary.total_params for summary in alexnet_variants.summaries().values()]
    assert found == [46_764_746, 50_844_008, 61_100_840]
    assert alexnet_variants.paper_parameters() == 60_965_224
    columns = alexnet_variants.table()
    assert len({len(column) for column in columns.values()}) == 1
    assert columns["torchvision"][0] == "11×11 /4 → 64×55×55 · 23,296"


def test_the_markdown_table_holds_every_layer() -> None:
    records = layer_table.rows(explore.measure(explore.DEMO))
    lines = layer_table.to_markdown(records).splitlines()
    assert len(lines) == len(records) + 2
    assert len({line.count(" | ") for line in lines}) == 1


@pytest.mark.parametrize("layer", ["conv9", 7, ["conv1"], {"a": 1}])
def test_a_layer_that_is_none_does_no_harm(opened: AppTest, layer: object) -> None:
    opened.session_state["arch_diagram"] = {"layer": layer}
    opened.run()
    assert not opened.exception
