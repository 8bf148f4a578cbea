"""SVG diagrams compared with the records they show."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
import torch

from alexnet_demo.figures import architecture_svg
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.summary import Summary, summarize

SVG = {"": "http://www.w3.org/2000/svg"}
BLOCKS = [
    *("input", "conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"),
    *("fc6", "fc7", "fc8"),
]


@pytest.fixture(scope="module")
def summary() -> Summary:
    with torch.device("meta"):
        return summarize(AlexNet())


def blocks(summary: Summary, image: str = "") -> dict[str, ET.Element]:
    root = ET.fromstring(architecture_svg.block_diagram(summary, image))
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
        width = channels / architecture_svg.CHANNELS_PER_UNIT
        assert extent(drawn[name]) == (
            pytest.approx(width, abs=0.11),
            pytest.approx(height, abs=0.11),
        )
    assert extent(drawn["fc6"])[1] == pytest.approx(
        4096 / architecture_svg.CHANNELS_PER_UNIT, abs=0.11
    )
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
def test_blocks_stay_inside_and_do_not_overlap(settings: dict[str, float]) -> None:
    with torch.device("meta"):
        root = ET.fromstring(architecture_svg.block_diagram(summarize(AlexNet(**settings))))  # type: ignore[arg-type]
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    previous = 0.0
    for group in root.findall("g", SVG):
        points = " ".join(p.attrib["points"] for p in group.findall("polygon", SVG)).split()
        xs, ys = zip(*(map(float, pair.split(",")) for pair in points), strict=True)
        assert previous <= min(xs) and max(xs) <= width  # blocks do not overlap either
        assert min(ys) >= 0 and max(ys) <= height
        previous = max(xs)


def test_the_image_covers_the_inputs_side_face(summary: Summary) -> None:
    image = blocks(summary, "data:image/png;base64,AA==")["input"].find("image", SVG)
    assert image is not None
    a, b, c, d, e, f = map(float, image.attrib["transform"][7:-1].split())
    side = blocks(summary)["input"].findall("polygon", SVG)[0].attrib["points"].split()
    face = [tuple(map(float, pair.split(","))) for pair in side]
    unit_square = [(0, 0), (1, 0), (1, 1), (0, 1)]
    mapped = [(a * x + c * y + e, b * x + d * y + f) for x, y in unit_square]
    for corner, expected in zip(mapped, face, strict=True):
        assert corner == pytest.approx(expected, abs=0.11)


def test_the_file_is_self_contained(summary: Summary) -> None:
    svg = architecture_svg.block_diagram(summary, "data:image/png;base64,AA==")
    root = ET.fromstring(svg)
    assert list(blocks(summary)) == BLOCKS
    paper = root.find("rect", SVG)
    assert paper is not None and paper.attrib["class"] == "paper"
    style = root.findtext("style", "", SVG)
    assert "fill:#22272e" in style and "font-family" in style
    # No colors of a page's theme, and no external files.
    assert "var(" not in svg and "currentColor" not in svg
    addresses = [e.attrib["href"] for e in root.iter() if "href" in e.attrib]
    assert all(address.startswith("data:") for address in addresses)
    assert root.attrib["viewBox"] == f"0 0 {root.attrib['width']} {root.attrib['height']}"


@pytest.mark.parametrize("name", ["conv1", "pool2", "conv5", "fc6", "fc8"])
@pytest.mark.parametrize("settings", [{}, {"image_size": 67}, {"image_size": 500}])
def test_frames_match_the_receptive_fields(name: str, settings: dict[str, int]) -> None:
    with torch.device("meta"):
        summary = summarize(AlexNet(**settings))  # type: ignore[arg-type]
    side = summary.input_shape[-1]
    root = ET.fromstring(
        architecture_svg.receptive_field(summary, name, "data:image/png;base64,AA==")
    )
    group = root.find("g", SVG)
    assert group is not None
    drawn = {
        frame.attrib["data-layer"]: [
            float(frame.attrib[what]) * side / 224 for what in ("x", "y", "width", "height")
        ]
        for frame in group.findall("rect", SVG)
        if "data-layer" in frame.attrib
    }
    expected = dict(summary.nested_receptive_fields(name))
    assert list(drawn) == list(expected)
    for layer, (first, last) in expected.items():
        size = last - first + 1
        assert drawn[layer] == pytest.approx([first, first, size, size], abs=0.12 * side / 224)
    words = [text.text for text in group.findall("text", SVG)]
    assert words == [f"{n} {b - a + 1}×{b - a + 1}" for n, (a, b) in expected.items()]


def test_an_unknown_layer_is_rejected(summary: Summary) -> None:
    with pytest.raises(KeyError):
        architecture_svg.receptive_field(summary, "conv9")
