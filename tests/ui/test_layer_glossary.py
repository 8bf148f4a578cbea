"""The layer glossary: every block has entries, filled in with the layer's own numbers."""

from __future__ import annotations

import re

import pytest

from alexnet_demo.ui.architecture import layer_glossary
from alexnet_demo.ui.architecture.layer_glossary import ENTRIES
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
    assert used == set(ENTRIES.values())


def test_the_numbers_are_the_layers_own() -> None:
    summary = measure(DEMO)

    def text(key: str, name: str) -> str:
        answer = layer_glossary.answer(ENTRIES[key], summary[name], summary.input_shape)
        return " ".join(answer.split())

    assert "here 11×11 for the one input channel." in text("convolution", "conv1")
    assert "each of its 96 filters at 2,916 positions" in text("convolution", "conv1")
    assert "`⌊(224 − 11)/4⌋ + 1 = 54`" in text("stride", "conv1")
    assert "lose 4 rows and columns" in text("padding", "conv2")
    assert "99×99 of the 224×224 pixels" in text("receptive_field", "conv3")
    assert r"\frac{e^{z_i/T}}{\sum_j e^{z_j/T}}" in text("softmax", "fc8")
    assert "each of its weights is used once" in text("work", "fc7")
    assert "each of its weights is used 676 times" in text("work", "conv2")
    assert ENTRIES["dropout"] not in layer_glossary.entries(summary["fc8"])
    assert ENTRIES["padding"] not in layer_glossary.entries(summary["conv1"])
    assert ENTRIES["stride"] not in layer_glossary.entries(summary["conv2"])
