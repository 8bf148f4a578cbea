"""Weights and training states as safetensors with JSON metadata, written atomically.

A checkpoint is one file: tensors, and under the metadata key ``alexnet_demo`` a JSON object with
the network's arguments and whatever the writer adds. Weights may be stored in 8 bits, see
`quantization`; a fitted confidence model may come with them, under the prefix ``certainty.``.
Nothing is ever pickled or unpickled.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.common.files import is_file, link_target, open_file, parse_json, write_atomically
from alexnet_demo.common.text import dimensions
from alexnet_demo.network.alexnet import AlexNet, fuse_batchnorm
from alexnet_demo.network.quantization import SCHEME, dequantize, quantize
from alexnet_demo.settings.article import CLASSES

METADATA_KEY, CHECKSUM_KEY = "alexnet_demo", "crc32"
MODEL_PREFIX = "model."
CONFIDENCE_PREFIX = "certainty."
NORM = "net.norm1.weight"  # only in a network with batch normalization
MAX_WIDTH = 4.0
MAX_HEADER = 2**20  # bytes; a training state's header has 20,000
DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


def save(
    path: Path,
    tensors: Mapping[str, Tensor],
    info: Mapping[str, Any],
    keep: Path | None = None,
) -> None:
    """Write tensors and a JSON object as one safetensors file, with a checksum of the tensors.

    Args:
        keep: where to move the file that this one replaces.

    Raises:
        OSError: when the disk is full or not writable; an existing file is left as it was.
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


def copy_to_host(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Callable[[], None]]:
    """Copies in host memory, and a function that waits until they are complete.

    The host does not wait for a CUDA GPU, which copies into pinned memory before whatever it is
    given to do next; so the originals may change at once.
    """
    copies = {}
    for name, tensor in tensors.items():
        host = torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda)
        copies[name] = host.copy_(tensor.detach(), non_blocking=tensor.is_cuda)
    if not any(tensor.is_cuda for tensor in tensors.values()):
        return copies, lambda: None
    copied = torch.cuda.Event(blocking=True)  # a thread that waits for it sleeps
    copied.record()
    return copies, copied.synchronize


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    """CRC-32 of all values, by name; takes about a second per gigabyte."""
    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, value)
    return value


def describe(model: AlexNet) -> dict[str, Any]:
    """The metadata that every checkpoint has about its network."""
    return {"model": model.settings, "classes": list(CLASSES)}


def save_weights(path: Path, model: AlexNet, info: Mapping[str, Any]) -> None:
    """Write the network alone; ``info`` may add its origin (run, epoch, accuracy)."""
    save(path, model.state_dict(), {**info, **describe(model)})


def save_quantized(
    path: Path,
    model: AlexNet,
    info: Mapping[str, Any],
    confidence: Mapping[str, Tensor] | None = None,
) -> None:
    """Write the network alone in 8 bits, at a quarter of the size.

    Args:
        confidence: tensors to write under `CONFIDENCE_PREFIX`, for `load_part`.
    """
    tensors = quantize(model.state_dict())
    tensors |= {CONFIDENCE_PREFIX + name: t for name, t in (confidence or {}).items()}
    save(path, tensors, {**info, **describe(model), "quantized": SCHEME})


def load(path: Path, prefix: str = "") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the JSON object of a checkpoint.

    Args:
        prefix: read only the tensors whose names begin with it.

    Raises:
        CheckpointError: when the file is missing, damaged or not safetensors.
    """
    path = Path(path)
    if not is_file(path):
        raise CheckpointError(f"There is no checkpoint at {path}.")
    try:
        with open_file(link_target(path)) as opened:
            # Reading a header of gigabytes would exhaust the memory.
            if int.from_bytes(opened.read(8), "little") > MAX_HEADER:
                raise ValueError("the header is too long")
            # The file that was checked, whatever has the name by now.
            same = Path(f"/proc/self/fd/{opened.fileno()}")
            with safe_open(same if same.exists() else path, framework="pt") as file:
                metadata = file.metadata() or {}
                names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
                tensors = {name: file.get_tensor(name) for name in names}
        info = parse_json(metadata.get(METADATA_KEY, "{}"))
        complete = not prefix and CHECKSUM_KEY in metadata
        if complete and metadata[CHECKSUM_KEY] != str(_checksum(tensors)):
            raise ValueError("its checksum is wrong")
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path.name} is not a readable safetensors file: it is damaged, incomplete, or in "
            "another format. Other formats are not opened, since they can run code."
        ) from error
    return tensors, info if isinstance(info, dict) else {}


def load_part(path: Path, prefix: str) -> dict[str, Tensor]:
    """The tensors of a file whose names begin with ``prefix``, without it.

    Raises:
        CheckpointError: as `load`.
    """
    return strip_prefix(load(path, prefix)[0], prefix)


def strip_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix``, without it."""
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}


def load_weights(path: Path) -> tuple[AlexNet, dict[str, Any]]:
    """Build the network in a file, in evaluation mode on the CPU.

    Takes weights alone, in floats or in 8 bits, a training state, and a plain safetensors file of
    the article's own class (keys ``net.0.weight`` …). Width and channels are read from the shapes.

    Returns:
        The article's network in float32, batch normalization fused, and the JSON object stored
        with it (empty if there was none).

    Raises:
        CheckpointError: when the file is not safetensors or does not hold this AlexNet.
    """
    stored, info = load(path)
    stored = strip_prefix(stored, MODEL_PREFIX) or stored
    stored = {n: t for n, t in stored.items() if not n.startswith(CONFIDENCE_PREFIX)}
    stored = _rename_article_keys(stored)
    try:
        tensors = dequantize(stored)
        model = _build_for(tensors, info)
    except ValueError as error:
        raise CheckpointError(f"{Path(path).name} cannot be used: {error}.") from error
    # Copy what is memory-mapped, since the file may be replaced while the network is in use.
    dtypes = {name: tensor.dtype for name, tensor in model.state_dict().items()}
    own = {n: t.to(dtypes[n], copy=t is stored.get(n)) for n, t in tensors.items()}
    model.load_state_dict(own, assign=True)
    return fuse_batchnorm(model.eval()), info


def _rename_article_keys(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename ``net.0.weight``, as in the article's class, to ``net.conv1.weight``."""
    with torch.device("meta"):
        names = {str(i): name for i, (name, _) in enumerate(AlexNet().net.named_children())}
    return {
        re.sub(r"(?<=\.)\d+(?=\.)", lambda index: names.get(index[0], index[0]), key): tensor
        for key, tensor in tensors.items()
    }


def _build_for(tensors: Mapping[str, Tensor], info: Mapping[str, Any]) -> AlexNet:
    """The AlexNet with these tensors' shapes, on the ``meta`` device.

    Raises:
        ValueError: when they are not those of an AlexNet for this dataset.
    """
    first, last = tensors.get("net.conv1.weight"), tensors.get("net.fc8.weight")
    if first is None or last is None or first.ndim != 4 or last.ndim != 2:
        raise ValueError("it does not hold this AlexNet: layers are missing")
    # The recorded width comes first: rounding makes several widths alike in one layer only.
    settings = info["model"] if isinstance(info.get("model"), dict) else {}
    width = settings.get("width")
    if not (isinstance(width, int | float) and 0 < width <= MAX_WIDTH):
        width = last.shape[1] / 4096
    if not 0 < width <= MAX_WIDTH or last.shape[0] != len(CLASSES) or first.shape[1] != 1:
        raise ValueError(
            f"this app needs 1 input channel, {len(CLASSES)} classes and at most {MAX_WIDTH:g} "
            "times the article's width"
        )
    activation = settings.get("activation")
    if not isinstance(activation, str | None):
        raise ValueError("its activation is not a name")
    with torch.device("meta"):
        model = AlexNet(width=float(width), norm=NORM in tensors, activation=activation or "relu")
    expected = model.state_dict()
    for key, target in expected.items():
        tensor = tensors.get(key)
        if tensor is None or tensor.shape != target.shape:
            shape = "nothing" if tensor is None else dimensions(tensor.shape)
            raise ValueError(f"{key} is {shape}, not {dimensions(target.shape)}")
        if tensor.dtype not in (*DTYPES, target.dtype):
            raise ValueError(f"{key} is stored as {tensor.dtype}")
        if not torch.isfinite(torch.stack(torch.aminmax(tensor))).all():  # 20 times faster than all
            raise ValueError(f"{key} holds NaN or infinite values")
    if extra := sorted(tensors.keys() - expected.keys()):
        raise ValueError(f"it holds {extra[0]}, unknown to AlexNet")
    return model
