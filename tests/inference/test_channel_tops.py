"""The images that activate a channel most, against a search of all activations at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from alexnet_demo.data.splits import load_split
from alexnet_demo.inference import cache, channel_tops
from alexnet_demo.inference.channel_tops import NONE, TOP, ChannelTops, search
from alexnet_demo.network.activations import activations
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input
from alexnet_demo.network.summary import summarize

CONVS = ["conv1", "conv2", "conv3", "conv4", "conv5"]
DEAD = 3  # a channel of conv2


@pytest.fixture(scope="module")
def model() -> AlexNet:
    torch.manual_seed(0)
    model = AlexNet(width=0.0625).eval()
    model.initialize_he()
    with torch.no_grad():
        model.get_parameter("net.conv2.bias")[DEAD] = -1000
    return model


@pytest.fixture(scope="module")
def images() -> Tensor:
    return load_split(train=False).images[:40]


@pytest.fixture(scope="module")
def tops(model: AlexNet, images: Tensor) -> dict[str, ChannelTops]:
    return search(model, images)


def test_a_pass_finds_what_a_search_of_all_activations_finds(
    model: AlexNet, images: Tensor, tops: dict[str, ChannelTops]
):
    outputs = [activations(model, image) for image in images.numpy()]
    assert list(tops) == CONVS
    for name in CONVS:
        maps = torch.stack([output[f"relu{name[-1]}"] for output in outputs])
        best, order = maps.amax((2, 3)).T.sort(descending=True, stable=True)
        record = tops[name]
        np.testing.assert_allclose(record.activations, best[:, :TOP], rtol=2e-3)
        np.testing.assert_array_equal(record.images, order[:, :TOP].where(best[:, :TOP] > 0, -1))
        for channel, own in enumerate(record.images.tolist()):
            found = [n for n in own if n != NONE]
            assert len(set(found)) == len(found)  # an image counts once
            for number, (row, column) in zip(found, record.positions[channel], strict=False):
                values = maps[number, channel]
                assert values[row, column] == values.max()


def test_a_unit_depends_on_its_receptive_field_only(
    model: AlexNet, images: Tensor, tops: dict[str, ChannelTops]
):
    summary = summarize(model)
    for name in CONVS:
        record = tops[name]
        for channel in record.by_strength()[:3].tolist():
            row, column = record.positions[channel, 0].tolist()
            x = to_input(images[record.images[channel, 0]][None]).requires_grad_()
            net = model.net[: [*dict(model.net.named_children())].index(name) + 2]
            unit = net(x)[0, channel, row, column]
            assert unit.item() == pytest.approx(float(record.activations[channel, 0]), rel=2e-3)
            unit.backward()
            assert x.grad is not None
            used = x.grad[0, 0].nonzero()
            (top, left), (bottom, right) = used.amin(0).tolist(), used.amax(0).tolist()
            rows, columns = summary[name].spans[row], summary[name].spans[column]
            assert rows[0] <= top <= bottom <= rows[1]
            assert columns[0] <= left <= right <= columns[1]


def test_a_channel_without_a_response_is_dead(tops: dict[str, ChannelTops]):
    record = tops["conv2"]
    assert DEAD in record.dead and DEAD not in record.by_strength()
    assert (record.images[DEAD] == NONE).all() and not record.activations[DEAD].any()
    assert len(record.dead) + len(record.by_strength()) == len(record.images)
    strengths = record.activations[record.by_strength(), 0]
    assert (np.diff(strengths.astype(np.float32)) <= 0).all() and strengths[-1] > 0


def test_fewer_images_than_kept_leave_places_free(model: AlexNet, images: Tensor):
    done: list[int] = []
    record = search(model, images[:2], done.append)["conv1"]
    assert record.images.shape == (6, TOP) and record.searched == 2 and done == [2]
    assert set(record.images[:, 2:].flatten().tolist()) == {NONE}


def test_what_was_found_is_cached_under_the_digest(tops: dict[str, ChannelTops], runs_dir: Path):
    assert channel_tops.load("a" * 64) is None
    channel_tops.save("a" * 64, tops)
    loaded = channel_tops.load("a" * 64)
    assert loaded is not None and list(loaded) == CONVS
    for name, record in loaded.items():
        for key, value in vars(tops[name]).items():
            np.testing.assert_array_equal(getattr(record, key), value)
        assert record.images.dtype == np.int16 and record.searched == 40
    cache.save("a" * 64, {"conv1.images": tops["conv1"].images}, channel_tops.PART)
    assert channel_tops.load("a" * 64) is None
