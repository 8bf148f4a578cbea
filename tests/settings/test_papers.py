"""Sizes of the papers' networks, against the papers and torchvision."""

from __future__ import annotations

import torch
from torchvision.models import vgg16

from alexnet_demo.network.alexnet import count_parameters
from alexnet_demo.settings.papers import ALEXNET, LENET, VGG


def test_lenet_has_as_many_parameters_as_its_paper_says():
    assert LENET.parameters == 60_000


def test_alexnet_has_about_sixty_million_parameters():
    assert ALEXNET.parameters == 60_965_224


def test_vgg_has_as_many_parameters_as_torchvisions():
    with torch.device("meta"):
        assert VGG.parameters == count_parameters(vgg16(weights=None))
