"""Checkpoints: whole or not at all, readable, refused where they do not fit."""

from __future__ import annotations

import errno
import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet


def test_weights_come_back_the_same(tiny_model: AlexNet, tiny_weights: Path):
    model, info = checkpoint.load_weights(tiny_weights)
    x = torch.rand(2, 1, 224, 224)
    torch.testing.assert_close(model(x), tiny_model(x), rtol=0, atol=0)
    assert info["test_accuracy"] == 0.1
    assert info["model"]["width"] == 0.0625
    assert not model.training


@pytest.mark.parametrize("width", [0.07, 0.2, 0.33, 1 / 3])
def test_any_width_comes_back(tmp_path: Path, width: float):
    """Rounding gives several widths the same conv1; the others must fit all the same."""
    checkpoint.save_weights(tmp_path / "w.safetensors", AlexNet(width=width), {})
    assert checkpoint.load_weights(tmp_path / "w.safetensors")[0].width == width


def test_a_checkpoint_is_plain_safetensors(tiny_weights: Path):
    header_size = int.from_bytes(tiny_weights.read_bytes()[:8], "little")
    header = json.loads(tiny_weights.read_bytes()[8 : 8 + header_size])
    assert json.loads(header["__metadata__"]["alexnet_demo"])["classes"][9] == "Ankle boot"


def test_a_full_disk_leaves_the_checkpoint_before(
    tmp_path: Path, tiny_model: AlexNet, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "last.safetensors"
    checkpoint.save_weights(path, tiny_model, {"epoch": 1})
    before = path.read_bytes()

    def full(_tensors: object, target: Path, _metadata: object) -> None:
        Path(target).write_bytes(b"half a file")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save_weights(path, tiny_model, {"epoch": 2})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["last.safetensors"]


def test_the_articles_own_class_can_be_loaded(tiny_model: AlexNet, tmp_path: Path):
    positions = {name: i for i, (name, _) in enumerate(tiny_model.net.named_children())}
    renamed = {}
    for key, tensor in tiny_model.state_dict().items():
        net, layer, kind = key.split(".")
        renamed[f"{net}.{positions[layer]}.{kind}"] = tensor
    save_file(renamed, tmp_path / "article.safetensors")
    model, info = checkpoint.load_weights(tmp_path / "article.safetensors")
    assert info == {}
    x = torch.rand(1, 1, 224, 224)
    torch.testing.assert_close(model(x), tiny_model(x))


def test_weights_in_8_bits_are_read_like_any(tiny_model: AlexNet, tmp_path: Path):
    path = tmp_path / "small.safetensors"
    checkpoint.save_quantized(path, tiny_model, {"epoch": 3}, {"basis": torch.ones(2, 2)})
    model, info = checkpoint.load_weights(path)
    assert info["epoch"] == 3 and info["quantized"] == "int8 per output channel"
    for name, weight in tiny_model.state_dict().items():
        found = model.state_dict()[name]
        assert found.dtype == torch.float32
        assert (found - weight).abs().max() <= weight.abs().max() / 250
    assert not any(name.endswith("scale") for name in model.state_dict())
    assert set(checkpoint.load_part(path, "certainty.")) == {"basis"}
    assert checkpoint.load_part(path, "nothing.") == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("net.fc7.weight.scale"), "net.fc7.weight is stored as torch.int8"),
        (lambda t: t["net.fc7.weight.scale"].fill_(float("inf")), "NaN or infinite"),
        (lambda t: t.update({"net.fc7.weight.scale": torch.ones(2)}), "each output channel"),
        (lambda t: t.update({"more.scale": torch.ones(2)}), "more is not stored as int8"),
    ],
)
def test_damaged_8_bits_are_refused(tmp_path, tiny_model, change, message):
    path = tmp_path / "small.safetensors"
    checkpoint.save_quantized(path, tiny_model, {})
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load_weights(path)


def test_a_training_state_with_normalisation_gives_the_articles_network(tmp_path: Path):
    torch.manual_seed(0)
    trained = AlexNet(width=0.0625, norm=True)
    trained(torch.rand(4, 1, 224, 224))  # moves the running means
    state = {f"model.{name}": t for name, t in trained.state_dict().items()}
    checkpoint.save(tmp_path / "last.safetensors", state, checkpoint.describe(trained))
    model, _ = checkpoint.load_weights(tmp_path / "last.safetensors")
    assert model.state_dict().keys() == AlexNet(width=0.0625).state_dict().keys()
    x = torch.rand(2, 1, 224, 224)
    torch.testing.assert_close(model(x), trained.eval()(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_become_float32(tmp_path: Path, tiny_model: AlexNet, dtype: torch.dtype):
    state = {name: t.to(dtype) for name, t in tiny_model.state_dict().items()}
    checkpoint.save(tmp_path / "w.safetensors", state, {"model": tiny_model.settings})
    model, _ = checkpoint.load_weights(tmp_path / "w.safetensors")
    assert {t.dtype for t in model.state_dict().values()} == {torch.float32}


def test_a_network_does_not_change_with_its_file(tmp_path: Path, tiny_model: AlexNet):
    path = tmp_path / "w.safetensors"
    checkpoint.save_weights(path, tiny_model, {})
    model, _ = checkpoint.load_weights(path)
    with path.open("r+b") as file:
        file.seek(-4_000, 2)
        file.write(bytes(4_000))
    for name, tensor in tiny_model.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)


def test_other_kinds_of_files_are_refused_unopened(tmp_path: Path):
    bomb = tmp_path / "weights.safetensors"

    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    bomb.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        checkpoint.load_weights(bomb)
    torch.save({"w": Bomb()}, bomb)
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        checkpoint.load_weights(bomb)
    assert not (tmp_path / "exploded").exists()
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        checkpoint.load_weights(tmp_path / "missing")


def test_a_truncated_file_is_refused(tmp_path: Path, tiny_weights: Path):
    for size in (0, 5, 100, 100_000):
        path = tmp_path / "cut.safetensors"
        path.write_bytes(tiny_weights.read_bytes()[:size])
        with pytest.raises(CheckpointError, match="not a readable"):
            checkpoint.load_weights(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("net.fc8.weight"), "layers are missing"),
        (lambda t: t.pop("net.fc7.bias"), "net.fc7.bias is nothing, not 256"),
        (lambda t: t.update({"net.conv3.bias": torch.zeros(7)}), "net.conv3.bias is 7, not 24"),
        (lambda t: t.update({"net.fc8.weight": torch.zeros(3, 256)}), "10 classes"),
        (lambda t: t["net.conv2.bias"].fill_(float("nan")), "NaN or infinite"),
        (lambda t: t.update({"net.fc8.bias": torch.zeros(10).to(torch.float8_e5m2)}), "float8"),
        (lambda t: t.update({"more": torch.zeros(1)}), "holds more, unknown"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(tmp_path, tiny_weights, change, message):
    tensors = load_file(tiny_weights)
    change(tensors)
    save_file(tensors, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load_weights(tmp_path / "other.safetensors")


def test_a_header_that_is_too_long_or_nested_without_end_is_refused(tmp_path: Path, tiny_weights):
    path = tmp_path / "w.safetensors"
    path.write_bytes((2**40).to_bytes(8, "little") + b" " * 100)
    with pytest.raises(CheckpointError, match="not a readable"):
        checkpoint.load_weights(path)
    for told in ("[" * 100_000, '{"a": "\\ud800"}'):
        save_file(load_file(tiny_weights), path, {checkpoint.METADATA_KEY: told})
        with pytest.raises(CheckpointError, match="not a readable"):
            checkpoint.load_weights(path)


def test_a_layer_of_a_number_without_end_is_refused(tmp_path: Path, tiny_weights: Path):
    tensors = load_file(tiny_weights) | {f"net.{'9' * 5_000}.weight": torch.zeros(1)}
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="unknown to AlexNet"):
        checkpoint.load_weights(tmp_path / "w.safetensors")
