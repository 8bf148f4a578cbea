"""The Architecture page: presets, the selected layer, trained models, links, and downloads."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest
from torch import Tensor

from alexnet_demo.data.splits import load_split
from alexnet_demo.export import onnx
from alexnet_demo.inference.channel_tops import NONE, TOP, ChannelTops, search
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.inference.confidence import ConfidenceModel
from alexnet_demo.network import checkpoint
from alexnet_demo.network.activations import activations
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input
from alexnet_demo.settings import article, paths
from alexnet_demo.ui.architecture import (
    alexnet_variants,
    article_code,
    channel_tops,
    layer_table,
    layer_views,
    onnx_button,
)
from alexnet_demo.ui.architecture.network_config import DEMO, NetworkConfig, measure
from alexnet_demo.ui.components.component import parse_cell
from alexnet_demo.ui.models import background, passes
from tests.support.pages import load_page, open_page, page_text
from tests.support.waiting import wait_for

PAGE = "pages/2_Architecture.py"
IMAGENET = "ImageNet, 3×224×224, 1000 classes"


def sample(number: int) -> np.ndarray:
    """A test image, uint8 (28, 28)."""
    return load_split(train=False).images[number].numpy()


@pytest.fixture
def demo() -> AppTest:
    """The page as it opens."""
    return open_page(PAGE)


def rerun(element: Any) -> AppTest:
    """Run the page again; ``element`` is the page, or a widget with a new value."""
    at: AppTest = element.run()
    assert not at.exception
    return at


def test_the_demos_network_and_the_articles_error(demo: AppTest) -> None:
    text = page_text(demo)
    assert "**46,764,746** parameters · **938,146,176** multiply-accumulates" in text
    assert "47,686,346" in text
    assert "(256 · 5 · 5 · 4096) + 4096 = 26,218,496" in text
    assert "Checked:" in text
    assert not demo.error


def test_the_articles_error_is_the_whole_difference() -> None:
    difference = article.ARTICLE_PRINTED_PARAMETERS - article.PARAMETERS
    assert article.ARTICLE_PRINTED_FC1 - measure(DEMO)["fc6"].params == difference == 921_600


def test_the_imagenet_preset(demo: AppTest) -> None:
    rerun(demo.button_group(key="arch_preset").set_value(IMAGENET))
    assert "**50,844,008** parameters" in page_text(demo)
    assert "47,686,346" not in page_text(demo)
    assert demo.number_input(key="arch_classes").value == 1000


def test_other_settings_deselect_the_preset(demo: AppTest) -> None:
    rerun(demo.number_input(key="arch_width").set_value(0.5))
    assert f"**{measure(NetworkConfig(width=0.5)).total_params:,}** parameters" in page_text(demo)
    assert not demo.session_state["arch_preset"]


def test_an_image_that_is_too_small_is_an_error(demo: AppTest) -> None:
    rerun(demo.number_input(key="arch_side").set_value(64))
    # Once beside the inputs, whose popover covers the page, and once on the page.
    first, second = (error.value for error in demo.error)
    assert first == second and "64×64" in first and "67×67" in first
    rerun(demo.number_input(key="arch_side").set_value(67))
    assert not demo.error


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("conv2", "`(96 * 5 * 5 * 256) + 256 = 614,656`"),
        ("conv1", "`⌊(224 − 11)/4⌋ + 1 = 54`"),
        ("pool5", "maximum of each 3×3 window"),
        ("fc7", "4,096 units, each connected to all 4,096 inputs"),
        ("input", "224×224 pixels, one gray value each"),
    ],
)
def test_the_selected_layer_shows_its_own_numbers(demo: AppTest, layer: str, expected: str) -> None:
    demo.session_state["arch_diagram"] = {"layer": layer}
    assert expected in page_text(rerun(demo))


@pytest.mark.parametrize("layer", ["conv9", 7, ["conv1"], {"a": 1}])
def test_an_unknown_layer_from_the_browser_is_ignored(demo: AppTest, layer: object) -> None:
    demo.session_state["arch_diagram"] = {"layer": layer}
    assert "**conv1**" in page_text(rerun(demo))


def test_the_table_and_its_csv_hold_every_layer(demo: AppTest) -> None:
    summary = measure(DEMO)
    text = layer_table.to_csv(layer_table.rows(summary)).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["Layer"] for row in rows] == [layer.name for layer in summary.layers]
    assert sum(int(row["Parameters"]) for row in rows) == article.PARAMETERS
    assert sum(float(row["Parameters %"]) for row in rows) == pytest.approx(100)
    assert sum(float(row["MACs %"]) for row in rows) == pytest.approx(100)
    assert [rows[0][name] for name in ("Kernel", "Stride", "Padding")] == ["11×11", "4", "0"]
    table = demo.dataframe[0].value
    assert table["Parameters"].sum() == article.PARAMETERS
    assert list(table["Layer"]) == [row["Layer"] for row in rows]


def test_the_markdown_table_holds_every_layer() -> None:
    records = layer_table.rows(measure(DEMO))
    lines = layer_table.to_markdown(records).splitlines()
    assert len(lines) == len(records) + 2
    assert len({line.count(" | ") for line in lines}) == 1


# ------------------------------------------------------------------ the article's code


def test_the_articles_code_builds_the_network() -> None:
    names: dict[str, Any] = {}
    with torch.device("meta"):
        exec(article_code.CODE, names)
        theirs, ours = names["AlexNet"](), AlexNet()
    assert [repr(module) for module in theirs.net] == [repr(module) for module in ours.net]


def test_every_block_has_its_lines_of_the_code() -> None:
    parts = article_code.parts(measure(DEMO))
    blocks = [layer.name for layer in measure(DEMO).layers if layer.kind]
    assert [name for name, _ in parts if name] == [*blocks, "input"]
    lines = [line for line in article_code.CODE.splitlines() if line.strip()]
    assert "\n".join(text for _, text in parts).splitlines() == lines
    by_name = dict(parts)
    assert "Conv2d(256, 384" in by_name["conv3"] and "ReLU" in by_name["conv3"]
    assert by_name["pool1"].strip().startswith("nn.MaxPool2d") and "\n" not in by_name["pool1"]
    assert "Flatten" in by_name["fc6"] and "Dropout" in by_name["fc6"]
    assert "num_classes)" in by_name["fc8"] and "self.net(x)" in by_name["input"]


def code_on_page(at: AppTest) -> list[Any]:
    """The code beside the diagram."""
    (proto,) = [c.proto for c in at.get("bidi_component") if "arch_diagram" in c.proto.id]
    return list(json.loads(proto.json)["code"])


def test_only_the_articles_network_has_its_code(demo: AppTest) -> None:
    assert code_on_page(demo)
    rerun(demo.number_input(key="arch_width").set_value(0.5))
    assert not code_on_page(demo)


# ------------------------------------------------------------------ inside a trained model


@pytest.fixture
def trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs_dir: Path, tiny_weights: Path
) -> AppTest:
    """The page with an included model, not run yet."""
    (tmp_path / paths.SHIPPED_WEIGHTS).write_bytes(tiny_weights.read_bytes())
    monkeypatch.setattr(paths, "WEIGHTS_DIR", tmp_path)
    return load_page(PAGE)


def select(at: AppTest, layer: str, view: str) -> str:
    """Select a layer and a view of it; returns the page's text."""
    at.session_state["arch_diagram"] = {"layer": layer}
    at.session_state["inside view"] = view
    rerun(at)
    assert at.session_state["inside view"] == view
    return page_text(at)


@pytest.mark.parametrize(
    ("layer", "view", "expected"),
    [
        ("conv1", "Weights", "Gray is 0"),
        ("conv3", "Weights", "Gray is 0"),
        ("fc7", "Weights", "standard deviation"),
        ("conv1", "Output", "of 6 channels"),
        ("pool5", "Output", "of 16 channels"),
        ("fc6", "Output", "one of 256 units"),
        ("conv2", "One unit", "after the ReLU"),
        ("pool1", "One unit", "maximum of these 9 values"),
        ("fc8", "Decision", "Softmax:"),
    ],
)
def test_every_view_of_a_layer(trained: AppTest, layer: str, view: str, expected: str):
    assert expected in select(trained, layer, view)


def test_the_computed_unit_equals_the_feature_map(trained: AppTest, tiny_model: AlexNet):
    text = select(trained, "conv1", "One unit")
    outputs = activations(tiny_model, sample(0))["conv1"]
    channel, row, column = (
        next(int(n.value or 0) for n in trained.number_input if n.label == name)
        for name in ("Channel", "Row", "Column")
    )
    assert f"= **{float(outputs[channel, row, column]):.3f}**" in text


def test_a_unit_selected_by_its_position_is_computed(trained: AppTest, tiny_model: AlexNet):
    select(trained, "conv3", "One unit")
    trained.number_input(key="Channel One unit conv3 0").set_value(5).run()
    for name, value in (("Row", 2), ("Column", 7)):
        trained.number_input(key=f"{name} One unit conv3 0").set_value(value)
    outputs = activations(tiny_model, sample(0))["conv3"]
    assert f"= **{float(outputs[5, 2, 7]):.3f}**" in page_text(rerun(trained))
    assert trained.query_params["unit"] == "5.2.7"


def test_activations_are_computed_once_per_model_and_image(
    trained: AppTest, monkeypatch: pytest.MonkeyPatch
):
    calls = []

    def counting(model: AlexNet, image: np.ndarray) -> dict[str, Tensor]:
        calls.append(image)
        return activations(model, image)

    layer_views.activations_of.clear()
    monkeypatch.setattr("alexnet_demo.network.activations.activations", counting)
    select(trained, "conv1", "Output")
    select(trained, "conv5", "One unit")
    assert len(calls) == 1
    trained.number_input(key="inside number").set_value(3).run()
    select(trained, "conv2", "Output")
    assert len(calls) == 2
    trained.selectbox(key="inside beside").set_value("untrained").run()
    assert len(calls) == 3


def probabilities(at: AppTest) -> list[float]:
    """The probabilities in the softmax table."""
    (table,) = (e.proto.body for e in at.get("html") if "<table" in e.proto.body)
    return [float(share) / 100 for share in re.findall(r"<td>([\d.]+)%</td>", table)]


def test_softmax_starts_at_the_temperature_of_predict(
    trained: AppTest, tiny_model: AlexNet, tmp_path: Path
):
    confidence = ConfidenceModel(temperature=1.2345)
    info = {"epoch": 1, "test_accuracy": 0.1, "certainty": confidence.to_json()}
    checkpoint.save_weights(tmp_path / paths.SHIPPED_WEIGHTS, tiny_model, info)
    assert "Starts at 1.23," in select(trained, "fc8", "Decision")
    classifier = Classifier.load(tmp_path / paths.SHIPPED_WEIGHTS)
    initial = probabilities(trained)
    # Predict may compute in bfloat16.
    np.testing.assert_allclose(initial, classifier.probabilities(sample(0)[None])[0], atol=0.01)
    exact = confidence.probabilities(activations(tiny_model, sample(0))["fc8"][None])[0]
    np.testing.assert_allclose(initial, exact.numpy(), atol=0.0006)  # the table rounds
    trained.slider[0].set_value(5.0).run()
    assert max(probabilities(trained)) < max(initial)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ([1, 2], (1, 2)),
        ([1.0, 2.0], (1, 2)),
        *((bad, None) for bad in (None, [3, 0], [0, -1], [1], "12345", {"a": 1}, [1e400, 0])),
    ],
)
def test_a_browser_can_send_any_cell(value: object, cell: tuple[int, int] | None) -> None:
    assert parse_cell(value, (3, 4)) == cell


def test_a_trained_model_next_to_an_untrained_one(trained: AppTest):
    select(trained, "conv1", "Weights")
    rerun(trained.selectbox(key="inside beside").set_value("untrained"))
    assert "**Trained**" in page_text(trained)
    assert "**Untrained network**" in page_text(trained)


def test_a_drawing_as_the_input_image(trained: AppTest):
    stroke = {"tool": "pen", "width": 8, "points": [[60, 60], [200, 60], [200, 200], [60, 60]]}
    trained.session_state["drawing"] = [stroke]
    trained.session_state["inside picture"] = "My drawing"
    assert "of 6 channels" in select(trained, "conv1", "Output")


def test_other_networks_show_numbers_only(trained: AppTest):
    select(trained, "conv1", "Output")
    rerun(trained.button_group(key="arch_preset").set_value(IMAGENET))
    assert "of 6 channels" not in page_text(trained)


# ------------------------------------------------------------------ what excites a channel


@pytest.fixture
def exciting(trained: AppTest, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page with few images to search, and no earlier search in memory."""
    monkeypatch.setattr(passes, "FIRST_IMAGES", 48)
    background.start.clear()
    return trained


def show_tops(at: AppTest, layer: str) -> str:
    """Select the view of a layer; returns the page's text once the images have been searched."""
    select(at, layer, "What excites it")
    wait_for(lambda: galleries(at), "nothing found")
    return page_text(at)


def galleries(at: AppTest) -> dict[str, Any]:
    """What the galleries of the view show, by the beginning of their keys, after a rerun."""
    rerun(at)
    found = [c.proto for c in at.get("bidi_component") if "What excites it" in c.proto.id]
    kinds = "tops", "grid"
    return {k: json.loads(p.json) for p in found for k in kinds if f"{k} What" in p.id}


def test_the_images_that_excite_a_channel_are_found_and_linked(
    exciting: AppTest, tiny_model: AlexNet
):
    text = show_tops(exciting, "conv2")
    assert "these 48 test images" in text and "51×51 pixels" in text
    found = search(tiny_model, load_split(train=False).images[:48])["conv2"]
    shown = galleries(exciting)
    order = found.by_strength().tolist()
    assert [tile["number"] for tile in shown["grid"]["tiles"]] == order
    assert [tile["number"] for tile in shown["tops"]["tiles"]] == found.images[order[0]].tolist()
    assert exciting.query_params["channel"] == str(order[0])
    exciting.session_state["exciting What excites it conv2 0"] = order[2]
    shown = galleries(exciting)
    assert [tile["number"] for tile in shown["tops"]["tiles"]] == found.images[order[2]].tolist()
    assert exciting.query_params["channel"] == str(order[2])
    exciting.segmented_control(key="order What excites it conv2 0").set_value("By number")
    assert [t["number"] for t in galleries(exciting)["grid"]["tiles"]] == sorted(order)


def test_a_link_opens_a_channel(exciting: AppTest):
    link = {"layer": "conv1", "view": "What excites it", "channel": "4"}
    for name, value in link.items():
        exciting.query_params[name] = value
    wait_for(lambda: galleries(exciting), "nothing found")
    assert galleries(exciting)["grid"]["selected"] == 4
    assert {name: exciting.query_params[name] for name in link} == link


def test_dead_channels_and_copies_are_named(exciting: AppTest, tiny_model: AlexNet, tmp_path: Path):
    model = AlexNet(width=0.0625).eval()
    model.load_state_dict(tiny_model.state_dict())
    with torch.no_grad():
        model.get_parameter("net.conv2.bias")[3] = -100
        model.get_parameter("net.conv2.weight")[5] = 2 * model.get_parameter("net.conv2.weight")[1]
    checkpoint.save_weights(tmp_path / paths.SHIPPED_WEIGHTS, model, {"epoch": 1})
    text = show_tops(exciting, "conv2")
    assert re.search(
        r"\d+ of 16 channels\*\* never exceed 0 for these 48 test images: [\d, ]*\b3\b", text
    )
    assert "**1** is a copy of an earlier one: 5 of 1." in text
    details = {t["number"]: t["detail"] for t in galleries(exciting)["grid"]["tiles"]}
    assert 3 not in details and details.get(5, "copy of 1") == "copy of 1"


def test_two_models_are_compared_by_what_excites_them(exciting: AppTest):
    show_tops(exciting, "conv1")
    rerun(exciting.selectbox(key="inside beside").set_value("untrained"))

    def compared() -> bool:
        ids = " ".join(c.proto.id for c in rerun(exciting).get("bidi_component"))
        return all(f"grid What excites it conv1 {number}" in ids for number in (0, 1))

    wait_for(compared, "nothing found for the second model")
    assert "**Untrained network**" in page_text(exciting)


@pytest.mark.parametrize("name", ["conv1", "conv2", "conv5"])
def test_a_patch_is_the_part_of_the_input_in_the_receptive_field(name: str):
    layer = measure(DEMO)[name]
    pixels = load_split(train=False).images[:1].numpy()
    whole = to_input(torch.from_numpy(pixels))[0, 0].numpy() * 255
    side, middle = len(layer.spans), len(layer.spans) // 2
    places = [(middle, middle), (0, middle), (middle, side - 1)]
    images = np.array([[0] * len(places) + [NONE] * (TOP - len(places))], np.int16)
    positions = np.zeros((1, TOP, 2), np.uint8)
    positions[0, : len(places)] = places
    tops = ChannelTops(images, positions, np.ones((1, TOP), np.float16), 1)
    square = np.asarray(channel_tops.patches(layer, tops, 0, pixels)).astype(float)
    cell, field = channel_tops.PATCH + channel_tops.GAP, layer.receptive_field
    for place, (row, column) in enumerate(places):
        (top, bottom), (left, right) = layer.spans[row], layer.spans[column]
        expected = np.full((field, field), float(channel_tops.OUTSIDE))
        part = whole[top : bottom + 1, left : right + 1]
        y = field - part.shape[0] if top == 0 else 0
        x = field - part.shape[1] if left == 0 else 0
        expected[y : y + part.shape[0], x : x + part.shape[1]] = part
        size = channel_tops.PATCH, channel_tops.PATCH
        resized = Image.fromarray(expected.astype(np.float32)).resize(size, Image.Resampling.BOX)
        shown = square[: channel_tops.PATCH, place * cell : place * cell + channel_tops.PATCH]
        assert np.abs(shown - np.asarray(resized)).mean() < 6, (name, row, column)


# ------------------------------------------------------------------ links


def test_a_link_restores_the_view_and_the_address_follows(trained: AppTest, tiny_model: AlexNet):
    link = {"layer": "conv3", "view": "One unit", "picture": "17", "beside": "untrained"}
    for name, value in {**link, "unit": "7.3.4"}.items():
        trained.query_params[name] = value
    text = page_text(rerun(trained))
    outputs = activations(tiny_model, sample(17))["conv3"]
    assert f"= **{float(outputs[7, 3, 4]):.3f}**" in text
    assert "**Untrained network**" in text
    assert {name: trained.query_params[name] for name in link} == link
    trained.number_input(key="inside number").set_value(18).run()
    assert trained.query_params["picture"] == "18"
    assert trained.query_params["unit"] != "7.3.4"  # the strongest unit for the other image
    select(trained, "conv4", "In numbers")
    select(trained, "conv4", "Output")
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
def test_a_link_can_hold_anything(trained: AppTest, layer: str, view: str, picture: str, unit: str):
    values = {"layer": layer, "view": view, "picture": picture, "unit": unit, "beside": "../x"}
    for name, value in values.items():
        trained.query_params[name] = value
    assert not rerun(trained).error


# ------------------------------------------------------------------ ONNX


def labels(at: AppTest) -> list[str]:
    return [button.proto.label for button in at.get("download_button")]


def test_a_click_exports_the_model_as_onnx(trained: AppTest):
    for name in onnx.PACKAGES:
        pytest.importorskip(name)
    trained.run()
    assert not [label for label in labels(trained) if label.startswith("Save")]
    rerun(trained.button(key="make onnx").click())
    assert not trained.error
    assert any(re.fullmatch(r"Save [\d.]+ [kM]B", label) for label in labels(trained))
    assert re.search(r"same prediction for 100% of 64 test images", page_text(trained))


def test_a_missing_package_is_named(trained: AppTest, monkeypatch):
    monkeypatch.setattr(onnx, "PACKAGES", ("no_such_package",))
    onnx_button._export.clear()
    trained.run()
    rerun(trained.button(key="make onnx").click())
    assert "no_such_package" in trained.error[0].value.replace("\\", "")


def test_other_networks_cannot_be_exported(trained: AppTest):
    trained.run()
    trained.button_group(key="arch_preset").set_value(IMAGENET).run()
    assert not [button for button in trained.button if button.key == "make onnx"]


# ------------------------------------------------------------------ variants


def test_the_differences_add_up() -> None:
    demo, imagenet, vision = alexnet_variants.summaries().values()
    parts = alexnet_variants.difference(imagenet, demo)
    assert parts == {"convolutions": 2 * 11 * 11 * 96, "fc6": 0, "fc8": 990 * 4097}
    assert sum(parts.values()) == 50_844_008 - 46_764_746
    text = alexnet_variants.as_sum(parts)
    assert text == "23,232 (convolutions) + 4,056,030 (fc8) = 4,079,262"
    parts = alexnet_variants.difference(vision, imagenet)
    assert parts["fc6"] == (6 * 6 - 5 * 5) * 256 * 4096
    assert sum(parts.values()) == 61_100_840 - 50_844_008
    text = alexnet_variants.as_sum(parts)
    assert text == "−1,277,504 (convolutions) + 11,534,336 (fc6) = 10,256,832"


def test_the_variants_have_their_known_parameter_counts() -> None:
    counts = [summary.total_params for summary in alexnet_variants.summaries().values()]
    assert counts == [46_764_746, 50_844_008, 61_100_840]
    columns = alexnet_variants.table()
    assert len({len(column) for column in columns.values()}) == 1
    assert columns["torchvision"][0] == "11×11 /4 → 64×55×55 · 23,296"
