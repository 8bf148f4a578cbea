"""The network: the article's, module for module."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from alexnet_demo.data.splits import load_split
from alexnet_demo.network.alexnet import (
    AlexNet,
    count_parameters,
    feature_side,
    fuse_batchnorm,
    seeded,
    unfuse_batchnorm,
)
from alexnet_demo.network.input import to_input
from alexnet_demo.settings.article import PARAMETERS, PIXEL_MEAN, PIXEL_STD


def article_network(num_classes: int = 10) -> nn.Sequential:
    """The `nn.Sequential` as section 3 of the article prints it."""
    return nn.Sequential(
        nn.Conv2d(1, 96, kernel_size=11, stride=4),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(96, 256, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(256, 384, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Flatten(),
        nn.Linear(256 * 5 * 5, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, num_classes),
    )


def test_same_modules_in_the_same_order() -> None:
    with torch.device("meta"):
        ours, theirs = AlexNet().net, article_network()
    assert [repr(m) for m in ours] == [repr(m) for m in theirs]


@torch.no_grad()
def test_same_initial_weights_and_same_logits() -> None:
    torch.manual_seed(7)
    ours = AlexNet()
    torch.manual_seed(7)
    theirs = article_network()
    # The same seed gives the same weights: initialization and its order are the article's too.
    for mine, printed in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, printed)
    images = torch.rand(2, 1, 224, 224)
    torch.manual_seed(3)  # both drop the same units
    expected = theirs.train()(images)
    torch.manual_seed(3)
    assert torch.equal(ours.train()(images), expected)
    assert torch.equal(ours.eval()(images), theirs.eval()(images))


def test_parameter_counts() -> None:
    with torch.device("meta"):
        assert count_parameters(AlexNet()) == PARAMETERS == 46_764_746
        assert count_parameters(AlexNet(num_classes=1000, in_channels=3)) == 50_844_008


@pytest.mark.parametrize(
    ("settings", "channels", "units"),
    [
        ({"width": 1.0}, [96, 256, 384, 384, 256], [4096, 4096, 10]),
        ({"width": 0.25}, [24, 64, 96, 96, 64], [1024, 1024, 10]),
        ({"width": 0.0625, "num_classes": 3}, [6, 16, 24, 24, 16], [256, 256, 3]),
    ],
)
def test_width_scales_all_layers_but_the_last(
    settings: dict[str, float], channels: list[int], units: list[int]
) -> None:
    with torch.device("meta"):
        net = AlexNet(**settings).net  # type: ignore[arg-type]
    assert [m.out_channels for m in net if isinstance(m, nn.Conv2d)] == channels
    assert [m.out_features for m in net if isinstance(m, nn.Linear)] == units


@pytest.mark.parametrize("side", [67, 96, 131, 224])
def test_any_image_size_that_is_large_enough_gives_logits(side: int) -> None:
    model = AlexNet(num_classes=4, in_channels=3, width=0.0625, image_size=side).eval()
    assert model(torch.zeros(2, 3, side, side)).shape == (2, 4)
    pooled = model.net[:13](torch.zeros(1, 3, side, side))
    assert pooled.shape[-2:] == (feature_side(side), feature_side(side))


def test_too_small_an_image_is_refused() -> None:
    with pytest.raises(ValueError, match=r"66×66.*67×67"):
        AlexNet(width=0.0625, image_size=66)


@pytest.mark.parametrize("wrong", [{"num_classes": 0}, {"in_channels": 0}, {"width": 0.0}])
def test_counts_below_one_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        AlexNet(**wrong)


def test_settings_build_the_same_network_again() -> None:
    settings = {"num_classes": 3, "in_channels": 2, "width": 0.125, "image_size": 80}
    model = AlexNet(**settings)  # type: ignore[arg-type]
    assert model.settings == settings
    AlexNet(**model.settings).load_state_dict(model.state_dict())


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
@torch.no_grad()
def test_another_activation_replaces_every_relu_and_nothing_else(name: str) -> None:
    model, article = AlexNet(width=0.0625, activation=name).eval(), AlexNet(width=0.0625).eval()
    changed = [
        (theirs, ours)
        for (theirs, a), (ours, b) in zip(
            article.net.named_children(), model.net.named_children(), strict=True
        )
        if str(a) != str(b)
    ]
    assert changed == [(f"relu{i}", f"{name}{i}") for i in (1, 2, 3, 4, 5, 6, 7)]
    again = AlexNet(**model.settings).eval()
    again.load_state_dict(model.state_dict())
    x = torch.rand(2, 1, 224, 224)
    assert torch.equal(again(x), model(x)) and "activation" not in article.settings
    article.load_state_dict(model.state_dict())
    assert not torch.allclose(article(x), model(x))
    assert fuse_batchnorm(AlexNet(width=0.0625, norm=True, activation=name)).activation == name


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ValueError, match="relu, tanh, sigmoid"):
        AlexNet(width=0.0625, activation="gelu")


def test_threads_that_seed_at_once_get_the_same_weights() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # seconds: interrupt threads wherever that is possible
    try:
        with ThreadPoolExecutor(4) as pool:
            models = list(pool.map(lambda _: seeded(0, he=True, width=0.0625), range(16)))
    finally:
        sys.setswitchinterval(interval)
    expected = seeded(0, he=True, width=0.0625).state_dict()
    for model in models:
        torch.testing.assert_close(model.state_dict(), expected, rtol=0, atol=0)


@torch.no_grad()
def test_he_initialization_keeps_the_scale_of_the_signal() -> None:
    images = load_split(train=True).head(64).images
    pixels = load_split(train=True).images / 255
    assert float(pixels.mean()) == pytest.approx(PIXEL_MEAN, abs=5e-5)
    assert float(pixels.std()) == pytest.approx(PIXEL_STD, abs=5e-5)
    torch.manual_seed(0)
    model = AlexNet(width=0.25)
    default = deepcopy(model)
    model.initialize_he()
    scales = {}
    for name, network in (("default", default), ("kaiming", model)):
        x = network.net[:17](to_input(images))  # to relu7's input but one
        scales[name] = float(x.std())
    assert scales["kaiming"] > 10 * scales["default"]
    assert 0.1 < scales["kaiming"] < 10


@torch.no_grad()
def test_fused_batch_normalization_gives_the_articles_network_and_the_same_logits() -> None:
    torch.manual_seed(0)
    model = AlexNet(width=0.0625, norm=True)
    images = to_input(load_split(train=True).head(32).images)
    for _ in range(3):  # training mode: statistics move
        model(images)
    plain, article = fuse_batchnorm(model), AlexNet(width=0.0625)
    assert model.training
    assert [name for name, _ in plain.net.named_children()] == [
        name for name, _ in article.net.named_children()
    ]
    assert plain.settings == article.settings
    torch.testing.assert_close(plain(images), model.eval()(images), rtol=1e-4, atol=1e-5)
    assert fuse_batchnorm(plain) is plain
    assert AlexNet(**model.settings).norm


def test_unfused_batch_normalization_changes_nothing_until_it_is_trained() -> None:
    torch.manual_seed(0)
    model, x = AlexNet(width=0.0625).eval(), torch.rand(8, 1, 224, 224)
    normed = unfuse_batchnorm(model, x)
    assert normed.norm and normed.training
    assert unfuse_batchnorm(normed, x) is normed
    for module in normed.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    for mode in (True, False):  # with the statistics of the batch, and with those stored
        torch.testing.assert_close(normed.train(mode)(x), model(x), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(fuse_batchnorm(normed)(x), model(x), atol=1e-5, rtol=1e-4)
    lengths = normed.get_parameter("net.conv2.weight").square().sum((1, 2, 3)).sqrt()
    torch.testing.assert_close(lengths, torch.full_like(lengths, 2**0.5))
