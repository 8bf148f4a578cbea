"""Facts in the explanations: figures and sources, checked where the code or a paper gives them."""

from __future__ import annotations

from pathlib import Path

import pytest

from alexnet_demo.settings.config import SETTINGS
from alexnet_demo.ui.architecture import alexnet_variants, layer_glossary
from alexnet_demo.ui.results import embedding_map
from alexnet_demo.ui.widgets.glossary import TOPICS


@pytest.mark.parametrize(
    ("topic", "facts"),
    [
        ("Learning rate", ["increases fastest", "opposite"]),
        ("Dropout", ["each unit", "independently", "every image"]),
        ("Data augmentation", ["each image", "½"]),
        ("Batch normalization", ["disputed", "Ioffe and Szegedy, 2015", "Santurkar et al., 2018"]),
        ("Learning-rate range test", ["fastai", "accuracy", "Smith, 2017"]),
        ("Training and validation curves", ["average over the", "Dropout", "augmentation"]),
        ("Validation and test set", ["held out", "once", "optimistic", "article"]),
        ("How the map is made", ["images close together may differ"]),
    ],
)
def test_topics_state_the_facts(topic: str, facts: list[str]) -> None:
    text = " ".join(TOPICS[topic].split())
    assert not [fact for fact in facts if fact not in text]


def test_other_places_state_the_same() -> None:
    assert "each unit" in SETTINGS["dropout"].help and "image" in SETTINGS["dropout"].help
    assert "each image with probability ½" in SETTINGS["flip"].help
    assert "independently" in layer_glossary.ENTRIES["dropout"].answer
    assert "neighbors may differ" in embedding_map._LAYOUTS["PCA"]


def test_the_variants_name_torchvisions_channels_and_where_they_are_from() -> None:
    path = Path(str(alexnet_variants.__file__)).with_suffix(".md")
    text = " ".join(path.read_text(encoding="utf-8").split())
    vision = alexnet_variants.summaries()["torchvision"]
    channels = [layer.output_shape[0] for layer in vision.layers if layer.kind == "conv"]
    assert channels == [64, 192, 384, 256, 256]
    assert "64 in conv1 and 192 in conv2" in text
    # The paper's footnote: 64, 192, 384, 384, 256. The library's layer files: 256 in conv4.
    assert "256 in conv4 are those of his library cuda-convnet2" in text
    assert "footnote says 384" in text
    assert "1.4 and 1.2 points" in text  # section 3.3 of the 2012 paper


def test_only_the_first_two_convolutions_precede_a_smaller_map() -> None:
    demo = alexnet_variants.summaries()["This demo"]
    shapes = [layer.output_shape for layer in demo.layers if layer.kind == "conv"]
    assert [shape[1:] for shape in shapes[2:]] == [(12, 12)] * 3
    assert shapes[1][1:] == (26, 26)
    assert [shape[0] for shape in shapes] == [96, 256, 384, 384, 256]  # nor ever more channels
