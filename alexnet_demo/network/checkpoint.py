"""Weights and training state as safetensors with readable JSON beside them, written atomically.

A checkpoint is one file: tensors, and under the metadata key ``alexnet_demo`` a JSON object with
the network's arguments and whatever the writer adds. Weights may be stored in 8 bits, see
`quantize`; a part named ``certainty.`` may come with them, see `certainty`. Nothing is ever
pickled or unpickled.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.common.files import parse_json, write_atomically
from alexnet_demo.common.text import dimensions
from alexnet_demo.network.alexnet import AlexNet, fuse_batchnorm
from alexnet_demo.network.quantization import SCHEME, dequantize, quantize
from alexnet_demo.settings.article import CLASSES

METADATA_KEY, CHECKSUM_KEY = "alexnet_demo", "crc32"
MODEL_PREFIX = "model."
NORM = "net.norm1.weight"  # in the state of a training with batch normalisation
CONFIDENCE_PREFIX = "certainty."
MAX_WIDTH = 4.0
MAX_HEADER = 2**20  # bytes of what stands before the tensors; that of a whole training has 20,000
DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


def save(
    path: Path,
    tensors: Mapping[str, Tensor],
    info: Mapping[str, Any],
    keep: Path | None = None,
) -> None:
    """Write tensors and a JSON object as one safetensors file, with a checksum of the tensors.

    Args:
        keep: where to put the file that was there before.

    Raises:
        OSError: when the disk is full or not writable; a file already there stays untouched.
    """
    plain = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    checksum = str(_checksum(plain))
    metadata = {METADATA_KEY: json.dumps(info), CHECKSUM_KEY: checksum, "format": "pt"}

    def write(temporary: Path) -> None:
        try:
            save_file(plain, temporary, metadata)
        except SafetensorError as error:
            raise OSError(str(error)) from error

    write_atomically(path, write, keep)


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    """CRC-32 of all values, by name; a gigabyte takes about a second."""
    value = 0
    for name in sorted(tensors):
        values = tensors[name].reshape(-1).view(torch.uint8).numpy()
        value = zlib.crc32(values.data, value)
    return value


def save_weights(path: Path, model: AlexNet, info: Mapping[str, Any]) -> None:
    """Write the network alone; ``info`` may add where it comes from (run, epoch, accuracy)."""
    save(path, model.state_dict(), {**info, **describe(model)})


def save_quantized(
    path: Path,
    model: AlexNet,
    info: Mapping[str, Any],
    certainty: Mapping[str, Tensor] | None = None,
) -> None:
    """Write the network alone in 8 bits, at a quarter of the size.

    Args:
        certainty: tensors to write under ``certainty.``, for `load_part` to find.
    """
    tensors = quantize(model.state_dict())
    tensors |= {CONFIDENCE_PREFIX + name: t for name, t in (certainty or {}).items()}
    save(path, tensors, {**info, **describe(model), "quantized": SCHEME})


def describe(model: AlexNet) -> dict[str, Any]:
    """What every checkpoint says of its network."""
    return {"model": model.settings, "classes": list(CLASSES)}


def load(path: Path, prefix: str = "") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the JSON object of a checkpoint that `save` wrote.

    Args:
        prefix: read only the tensors whose names begin so.

    Raises:
        CheckpointError: when the file is missing, damaged or not safetensors.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at {path}.")
    try:
        _check_header(path)
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            tensors = {name: file.get_tensor(name) for name in names}
        info = parse_json(metadata.get(METADATA_KEY, "{}"))
        whole = not prefix and CHECKSUM_KEY in metadata
        if whole and metadata[CHECKSUM_KEY] != str(_checksum(tensors)):
            raise ValueError("its checksum is wrong")
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path.name} is not a readable safetensors file: it is damaged, cut short, or of "
            "another kind. Nothing else is opened, since other kinds can run code."
        ) from error
    return tensors, info if isinstance(info, dict) else {}


def _check_header(path: Path) -> None:
    """Refuse a header that would take gigabytes to read: its length are the first eight bytes."""
    with path.open("rb") as file:
        if int.from_bytes(file.read(8), "little") > MAX_HEADER:
            raise ValueError("the header is too long")


def load_part(path: Path, prefix: str) -> dict[str, Tensor]:
    """The tensors of a file whose names begin with ``prefix``, under the rest of their names.

    Raises:
        CheckpointError: as `load`.
    """
    return strip_prefix(load(path, prefix)[0], prefix)


def load_weights(path: Path) -> tuple[AlexNet, dict[str, Any]]:
    """Build the network that a file holds, in evaluation mode on the CPU.

    Takes weights alone, in floats or in 8 bits, a training state, and a plain safetensors file of
    the article's own class (keys ``net.0.weight`` …). The width and channels are read from the
    shapes.

    Returns:
        The article's network in float32, with no batch normalisation left, and the JSON object that
        was stored with it (empty where there was none).

    Raises:
        CheckpointError: when the file is not safetensors or does not hold this AlexNet.
    """
    stored, info = load(path)
    if any(name.startswith(MODEL_PREFIX) for name in stored):
        stored = strip_prefix(stored, MODEL_PREFIX)
    stored = {n: t for n, t in stored.items() if not n.startswith(CONFIDENCE_PREFIX)}
    stored = _name_article_keys(stored)
    try:
        tensors = dequantize(stored)
    except ValueError as error:
        raise CheckpointError(f"{Path(path).name} cannot be used: {error}.") from error
    model = _build_for(tensors, info, Path(path).name)
    # Copies of what lies in the file, since it may be replaced while the network is in use.
    types = {name: tensor.dtype for name, tensor in model.state_dict().items()}
    own = {n: t.to(types[n], copy=t is stored.get(n)) for n, t in tensors.items()}
    model.load_state_dict(own, assign=True)
    return fuse_batchnorm(model.eval()), info


def strip_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names start with ``prefix``, without it."""
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}


def split_state(state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """An optimiser's state as JSON and tensors named ``<parameter>.<quantity>``."""
    tensors = {
        f"{index}.{name}": value
        for index, quantities in state["state"].items()
        for name, value in quantities.items()
        if isinstance(value, Tensor)
    }
    plain = {
        str(index): {k: v for k, v in quantities.items() if not isinstance(v, Tensor)}
        for index, quantities in state["state"].items()
    }
    return {"state": plain, "param_groups": state["param_groups"]}, tensors


def join_state(plain: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """What `split_state` took apart."""
    state = {int(index): dict(values) for index, values in plain["state"].items()}
    for name, tensor in tensors.items():
        index, _, quantity = name.partition(".")
        state[int(index)][quantity] = tensor
    return {"state": state, "param_groups": plain["param_groups"]}


def _name_article_keys(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename ``net.0.weight``, as the article's class calls it, to ``net.conv1.weight``."""
    with torch.device("meta"):
        names = {str(i): name for i, (name, _) in enumerate(AlexNet().net.named_children())}
    renamed = {}
    for key, tensor in tensors.items():
        parts = key.split(".")
        if len(parts) == 3 and (name := names.get(parts[1])):
            parts[1] = name
        renamed[".".join(parts)] = tensor
    return renamed


def _build_for(tensors: Mapping[str, Tensor], info: Mapping[str, Any], name: str) -> AlexNet:
    """A network of these shapes, without its weights; refuses what is no AlexNet of ours."""
    first, last = tensors.get("net.conv1.weight"), tensors.get("net.fc8.weight")
    if first is None or last is None or first.ndim != 4 or last.ndim != 2:
        raise CheckpointError(f"{name} does not hold this AlexNet: its layers are missing.")
    width = _width_of(info, last)
    if not 0 < width <= MAX_WIDTH or last.shape[0] != len(CLASSES) or first.shape[1] != 1:
        raise CheckpointError(
            f"{name} does not fit: this demo needs 1 input channel, {len(CLASSES)} classes and "
            f"at most {MAX_WIDTH:g} times the article's width."
        )
    with torch.device("meta"):
        model = AlexNet(width=width, norm=NORM in tensors)
    for key, wanted in model.state_dict().items():
        found = tensors.get(key)
        if found is None or found.shape != wanted.shape:
            shape = "nothing" if found is None else dimensions(found.shape)
            expected = dimensions(wanted.shape)
            raise CheckpointError(f"{name} does not fit: {key} is {shape}, not {expected}.")
        if found.dtype not in (*DTYPES, wanted.dtype):
            raise CheckpointError(f"{name} cannot be used: {key} is stored as {found.dtype}.")
        if not _finite(found):
            raise CheckpointError(f"{name} cannot be used: {key} holds NaN or infinite values.")
    if extra := sorted(set(tensors) - set(model.state_dict())):
        raise CheckpointError(f"{name} does not fit: it holds {extra[0]}, unknown to AlexNet.")
    return model


def _finite(tensor: Tensor) -> bool:
    """Whether no value is NaN or infinite; twenty times as fast as to ask each value."""
    least, greatest = torch.aminmax(tensor)
    return bool(torch.isfinite(least) and torch.isfinite(greatest))


def _width_of(info: Mapping[str, Any], last: Tensor) -> float:
    """The width that was written down, else the one that fc8's inputs tell.

    The written one comes first: rounding makes several widths give the same count in one layer
    and different ones in another.
    """
    model = info.get("model")
    written = model.get("width") if isinstance(model, dict) else None
    if isinstance(written, int | float) and 0 < written <= MAX_WIDTH:
        return float(written)
    return last.shape[1] / 4096
