"""Explanations: every layer has some, with its own numbers and no gap left open."""

from __future__ import annotations

import re

import pytest
import torch

from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.summary import Summary, summarize
from alexnet_demo.ui.architecture import layer_glossary


def measured(**settings: int) -> Summary:
    with torch.device("meta"):
        return summarize(AlexNet(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{}, {"in_channels": 3, "num_classes": 1000}])
def test_every_block_of_the_diagram_is_explained(settings: dict[str, int]) -> None:
    summary = measured(**settings)
    for layer in summary.layers:
        found = layer_glossary.of(layer)
        assert bool(found) == bool(layer.kind)
        for lesson in found:
            text = layer_glossary.answer(lesson, layer, summary.input_shape)
            assert "None" not in text
            assert not re.search(r"\{[a-z]{3}", text)
            assert 40 < len(text.split()) < 130  # a few sentences
    shown = {lesson for layer in summary.layers for lesson in layer_glossary.of(layer)}
    known = {
        value for value in vars(layer_glossary).values() if isinstance(value, layer_glossary.Lesson)
    }
    assert shown == known


def test_the_numbers_are_the_layers_own() -> None:
    summary = measured()

    def text(lesson: layer_glossary.Lesson, name: str) -> str:
        return " ".join(layer_glossary.answer(lesson, summary[name], summary.input_shape).split())

    assert "here 11×11 for the one incoming channel." in text(layer_glossary.CONVOLUTION, "conv1")
    assert "each of its 96 filters at 2,916 places" in text(layer_glossary.CONVOLUTION, "conv1")
    assert "`⌊(224 − 11)/4⌋ + 1 = 54`" in text(layer_glossary.STRIDE, "conv1")
    assert "lose 4 rows and columns" in text(layer_glossary.PADDING, "conv2")
    assert "99×99 of the 224×224 pixels" in text(layer_glossary.FIELD, "conv3")
    assert "each of its weights is used once" in text(layer_glossary.WORK, "fc7")
    assert "each of its weights is used 676 times" in text(layer_glossary.WORK, "conv2")
    assert layer_glossary.DROPOUT not in layer_glossary.of(summary["fc8"])
    assert layer_glossary.PADDING not in layer_glossary.of(summary["conv1"])
    assert layer_glossary.STRIDE not in layer_glossary.of(summary["conv2"])
