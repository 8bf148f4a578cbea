"""The layer glossary: every block has entries, filled in with the layer's own numbers."""

from __future__ import annotations

import re

import pytest

from alexnet_demo.ui.architecture import layer_glossary
from alexnet_demo.ui.architecture.layer_glossary import Entry
from alexnet_demo.ui.architecture.network_config import DEMO, NetworkConfig, measure


@pytest.mark.parametrize("config", [DEMO, NetworkConfig(in_channels=3, classes=1000)])
def test_every_block_of_the_diagram_has_entries(config: NetworkConfig) -> None:
    summary = measure(config)
    used = set()
    for layer in summary.layers:
        entries = layer_glossary.entries(layer)
        assert bool(entries) == bool(layer.kind)
        used.update(entries)
        for entry in entries:
            text = layer_glossary.answer(entry, layer, summary.input_shape)
            assert "None" not in text
            assert not re.search(r"\{[a-z]{3}", text)
            assert 40 < len(text.split()) < 130  # a few sentences
    assert used == {value for value in vars(layer_glossary).values() if isinstance(value, Entry)}


def test_the_numbers_are_the_layers_own() -> None:
    summary = measure(DEMO)

    def text(entry: Entry, name: str) -> str:
        return " ".join(layer_glossary.answer(entry, summary[name], summary.input_shape).split())

    assert "here 11×11 for the one input channel." in text(layer_glossary.CONVOLUTION, "conv1")
    assert "each of its 96 filters at 2,916 positions" in text(layer_glossary.CONVOLUTION, "conv1")
    assert "`⌊(224 − 11)/4⌋ + 1 = 54`" in text(layer_glossary.STRIDE, "conv1")
    assert "lose 4 rows and columns" in text(layer_glossary.PADDING, "conv2")
    assert "99×99 of the 224×224 pixels" in text(layer_glossary.RECEPTIVE_FIELD, "conv3")
    assert "each of its weights is used once" in text(layer_glossary.WORK, "fc7")
    assert "each of its weights is used 676 times" in text(layer_glossary.WORK, "conv2")
    assert layer_glossary.DROPOUT not in layer_glossary.entries(summary["fc8"])
    assert layer_glossary.PADDING not in layer_glossary.entries(summary["conv1"])
    assert layer_glossary.STRIDE not in layer_glossary.entries(summary["conv2"])
