"""Checkpoints: complete or not at all, readable, and refused where they do not fit."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from alexnet_demo.common import files
from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.common.files import sha256
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "w.safetensors"


def assert_refused(path: Path, match: str = "not a readable safetensors file") -> None:
    with pytest.raises(CheckpointError, match=match):
        checkpoint.load_weights(path)


def test_weights_come_back_the_same(tiny_model: AlexNet, tiny_weights: Path):
    model, info = checkpoint.load_weights(tiny_weights)
    x = torch.rand(2, 1, 224, 224)
    torch.testing.assert_close(model(x), tiny_model(x), rtol=0, atol=0)
    assert info["test_accuracy"] == 0.1
    assert info["model"]["width"] == 0.0625
    assert not model.training


@pytest.mark.parametrize("width", [0.07, 0.2, 0.33, 1 / 3])
def test_any_width_comes_back(path: Path, width: float):
    """Rounding gives several widths the same conv1; the other layers must fit all the same."""
    checkpoint.save_weights(path, AlexNet(width=width), {})
    assert checkpoint.load_weights(path)[0].width == width


def test_the_activation_comes_back(path: Path):
    trained, x = AlexNet(width=0.0625, activation="tanh").eval(), torch.rand(2, 1, 224, 224)
    for save in (checkpoint.save_weights, checkpoint.save_quantized):
        save(path, trained, {})
        model, _ = checkpoint.load_weights(path)
        assert model.activation == "tanh"
        torch.testing.assert_close(model(x), trained(x), atol=0.01, rtol=0.01)


@pytest.mark.parametrize("activation", ["gelu", 3, ["tanh"]])
def test_an_unknown_activation_is_refused(path: Path, tiny_model: AlexNet, activation: object):
    settings = {**tiny_model.settings, "activation": activation}
    checkpoint.save(path, tiny_model.state_dict(), {"model": settings})
    with pytest.raises(CheckpointError, match="ctivation"):
        checkpoint.load_weights(path)


def test_a_checkpoint_is_plain_safetensors(tiny_weights: Path):
    header_size = int.from_bytes(tiny_weights.read_bytes()[:8], "little")
    header = json.loads(tiny_weights.read_bytes()[8 : 8 + header_size])
    assert json.loads(header["__metadata__"]["alexnet_demo"])["classes"][9] == "Ankle boot"


def test_a_full_disk_leaves_the_old_checkpoint(
    path: Path, tiny_model: AlexNet, monkeypatch: pytest.MonkeyPatch
):
    checkpoint.save_weights(path, tiny_model, {"epoch": 1})
    before = path.read_bytes()

    def full(_tensors: object, target: Path, _metadata: object) -> None:
        Path(target).write_bytes(b"half a file")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save_weights(path, tiny_model, {"epoch": 2})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_articles_own_class_can_be_loaded(tiny_model: AlexNet, path: Path):
    positions = {name: i for i, (name, _) in enumerate(tiny_model.net.named_children())}
    renamed = {}
    for key, tensor in tiny_model.state_dict().items():
        net, layer, kind = key.split(".")
        renamed[f"{net}.{positions[layer]}.{kind}"] = tensor
    save_file(renamed, path)
    model, info = checkpoint.load_weights(path)
    assert info == {}
    x = torch.rand(1, 1, 224, 224)
    torch.testing.assert_close(model(x), tiny_model(x))


def test_weights_in_8_bits_are_read_like_any(tiny_model: AlexNet, path: Path):
    checkpoint.save_quantized(path, tiny_model, {"epoch": 3}, {"basis": torch.ones(2, 2)})
    model, info = checkpoint.load_weights(path)
    assert info["epoch"] == 3 and info["quantized"] == "int8 per output channel"
    state = model.state_dict()
    assert state.keys() == tiny_model.state_dict().keys()
    for name, weight in tiny_model.state_dict().items():
        assert state[name].dtype == torch.float32
        assert (state[name] - weight).abs().max() <= weight.abs().max() / 250
    assert set(checkpoint.load_part(path, "certainty.")) == {"basis"}
    assert checkpoint.load_part(path, "nothing.") == {}


def test_a_training_state_with_batch_normalization_gives_the_articles_network(path: Path):
    torch.manual_seed(0)
    trained = AlexNet(width=0.0625, norm=True)
    trained(torch.rand(4, 1, 224, 224))  # moves the running means
    state = {f"model.{name}": t for name, t in trained.state_dict().items()}
    checkpoint.save(path, state, checkpoint.describe(trained))
    model, _ = checkpoint.load_weights(path)
    assert model.state_dict().keys() == AlexNet(width=0.0625).state_dict().keys()
    x = torch.rand(2, 1, 224, 224)
    torch.testing.assert_close(model(x), trained.eval()(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_become_float32(path: Path, tiny_model: AlexNet, dtype: torch.dtype):
    state = {name: t.to(dtype) for name, t in tiny_model.state_dict().items()}
    checkpoint.save(path, state, {"model": tiny_model.settings})
    model, _ = checkpoint.load_weights(path)
    assert {t.dtype for t in model.state_dict().values()} == {torch.float32}


def test_weights_may_be_a_link(path: Path, tiny_weights: Path):
    path.symlink_to(tiny_weights)
    assert checkpoint.load_weights(path)[1] == checkpoint.load_weights(tiny_weights)[1]
    assert sha256(path) == sha256(tiny_weights) != ""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_file_that_was_checked_is_the_one_read(
    path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copy(tiny_weights, path)

    def swap(*arguments: Any, **options: Any) -> Any:
        opened = files.open_file(*arguments, **options)
        path.unlink()
        os.mkfifo(path)
        return opened

    monkeypatch.setattr(checkpoint, "open_file", swap)
    assert checkpoint.load(path)[0].keys() == load_file(tiny_weights).keys()


def test_a_network_does_not_change_with_its_file(path: Path, tiny_model: AlexNet):
    checkpoint.save_weights(path, tiny_model, {})
    model, _ = checkpoint.load_weights(path)
    with path.open("r+b") as file:
        file.seek(-4_000, 2)
        file.write(bytes(4_000))
    for name, tensor in tiny_model.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)


# --------------------------------------------------------------------- refused files


def test_other_formats_are_refused_unopened(path: Path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (path.parent / "exploded",))

    path.write_bytes(pickle.dumps(Bomb()))
    assert_refused(path)
    torch.save({"w": Bomb()}, path)
    assert_refused(path)
    assert not (path.parent / "exploded").exists()
    assert_refused(path.parent / "missing", "There is no checkpoint")


@pytest.mark.parametrize("size", [0, 5, 100, 100_000])
def test_a_truncated_file_is_refused(path: Path, tiny_weights: Path, size: int):
    path.write_bytes(tiny_weights.read_bytes()[:size])
    assert_refused(path)


@pytest.mark.parametrize("metadata", ["[" * 100_000, '{"a": "\\ud800"}'])
def test_damaged_metadata_is_refused(path: Path, tiny_weights: Path, metadata: str):
    save_file(load_file(tiny_weights), path, {checkpoint.METADATA_KEY: metadata})
    assert_refused(path)


def test_a_header_that_is_too_long_is_refused(path: Path):
    path.write_bytes((2**40).to_bytes(8, "little") + b" " * 100)
    assert_refused(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("net.fc8.weight"), "layers are missing"),
        (lambda t: t.pop("net.fc7.bias"), "net.fc7.bias is nothing, not 256"),
        (lambda t: t.update({"net.conv3.bias": torch.zeros(7)}), "net.conv3.bias is 7, not 24"),
        (lambda t: t.update({"net.fc8.weight": torch.zeros(3, 256)}), "10 classes"),
        (lambda t: t["net.conv2.bias"].fill_(float("nan")), "NaN or infinite"),
        (lambda t: t.update({"net.fc8.bias": torch.zeros(10).to(torch.float8_e5m2)}), "float8"),
        (lambda t: t.update({"more": torch.zeros(1)}), "more, unknown"),
        (lambda t: t.update({f"net.{'9' * 5_000}.weight": torch.zeros(1)}), "unknown"),
    ],
)
def test_other_tensors_are_refused(path: Path, tiny_weights: Path, change, message: str):
    tensors = load_file(tiny_weights)
    change(tensors)
    save_file(tensors, path)
    assert_refused(path, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("net.fc7.weight.scale"), "net.fc7.weight is stored as torch.int8"),
        (lambda t: t["net.fc7.weight.scale"].fill_(float("inf")), "NaN or infinite"),
        (lambda t: t.update({"net.fc7.weight.scale": torch.ones(2)}), "each output channel"),
        (lambda t: t.update({"more.scale": torch.ones(2)}), "more is not stored as int8"),
    ],
)
def test_damaged_8_bits_are_refused(path: Path, tiny_model: AlexNet, change, message: str):
    checkpoint.save_quantized(path, tiny_model, {})
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    assert_refused(path, message)
