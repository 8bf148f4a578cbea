"""Weights in 8 bits: small, close, and with the same predictions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from alexnet_demo.data.splits import load_split
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input
from alexnet_demo.network.quantization import SCALE, dequantize, quantize
from alexnet_demo.runs.run import Run


def test_every_weight_comes_back_within_half_a_step(tiny_model: AlexNet) -> None:
    state = tiny_model.state_dict()
    small = quantize(state)
    back = dequantize(small)
    assert back.keys() == state.keys()
    for name, weight in state.items():
        assert back[name].dtype == torch.float32 and back[name].shape == weight.shape
        if name.endswith("bias"):
            assert torch.equal(back[name], weight)
            continue
        assert small[name].dtype == torch.int8 and small[name].abs().max() == 127
        step = small[name + SCALE].view(-1, *[1] * (weight.ndim - 1))
        assert ((back[name] - weight).abs() <= step * 0.501).all()


def test_the_greatest_weight_of_a_channel_is_kept_and_zeros_stay_zero() -> None:
    weight = torch.tensor([[0.5, -2.0, 1.0], [0.0, 0.0, 0.0], [1e-6, 0.0, -3e-6]])
    back = dequantize(quantize({"w": weight}))["w"]
    torch.testing.assert_close(back[:, 1:].abs().amax(1), weight[:, 1:].abs().amax(1))
    assert not back[1].any()
    again = quantize({"w": back})
    assert torch.equal(again["w"], quantize({"w": weight})["w"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update({"w.scale": torch.ones(3)}), "not one number for each output channel"),
        (lambda t: t.update({"w.scale": torch.tensor([1.0, float("nan")])}), "NaN or infinite"),
        (lambda t: t.update({"w.scale": torch.tensor([1.0, 3e38])}), "NaN or infinite"),
        (lambda t: t.update({"w": torch.ones(2, 3)}), "w is not stored as int8"),
        (lambda t: t.pop("w"), "w is not stored as int8"),
    ],
)
def test_scales_that_do_not_fit_are_refused(change, message: str) -> None:
    tensors = quantize({"w": torch.rand(2, 3)})
    change(tensors)
    with pytest.raises(ValueError, match=message):
        dequantize(tensors)


def test_the_articles_network_takes_less_than_50_mb(tmp_path: Path) -> None:
    """Counted on the meta device: a byte a weight, four a bias and a scale."""
    with torch.device("meta"):
        sizes = quantize(AlexNet().state_dict())
    assert sum(t.numel() * t.element_size() for t in sizes.values()) < 47_000_000


def test_a_trained_network_answers_the_same(trained_run: Run, tmp_path: Path) -> None:
    model, info = checkpoint.load_weights(trained_run.best)
    path = tmp_path / "small.safetensors"
    checkpoint.save_quantized(path, model, info)
    assert path.stat().st_size < 0.3 * trained_run.best.stat().st_size
    assert checkpoint.load(path)[1]["quantized"] == "int8 per output channel"
    # In float32: bfloat16, which a classifier may choose, is coarser than these 8 bits.
    images = load_split(train=False).head(1_000).images
    with torch.no_grad():
        exact, rounded = (
            torch.cat([network(to_input(part)) for part in images.split(100)])
            for network in (model.eval(), checkpoint.load_weights(path)[0].eval())
        )
    assert (rounded - exact).abs().max() < 0.03 * exact.abs().max()
    same = exact.argmax(1) == rounded.argmax(1)
    first, second = exact.softmax(1).topk(2).values[~same].T
    assert same.float().mean() > 0.98 and (first - second < 0.1).all(), "only toss-ups may change"
