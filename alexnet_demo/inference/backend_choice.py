"""Which backend answers for a model: measured once on this machine, then cached on disk."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alexnet_demo.common.errors import OnnxError
from alexnet_demo.common.files import open_file, write_atomically
from alexnet_demo.common.text import percent
from alexnet_demo.data.splits import load_split
from alexnet_demo.inference.backend import Backend, OnnxBackend
from alexnet_demo.inference.classifier import BATCH, Classifier
from alexnet_demo.inference.int8 import quantize
from alexnet_demo.network import device
from alexnet_demo.network.onnx_graph import to_onnx
from alexnet_demo.network.timing import best_interleaved
from alexnet_demo.settings import paths

PACKAGES = ("torch", "onnx", "onnxruntime")
INT8, INT7, FLOAT = "ONNX Runtime int8", "ONNX Runtime int8 (7-bit weights)", "ONNX Runtime fp32"
MIN_WIDTH = 0.25  # a narrower network takes a few milliseconds in any backend
COMPARED = 1_000  # the last training images, which recipes hold out
SAME_LABELS = 0.995  # of these, at least
ROUNDS = 3
FASTER = 1.05  # at least so many times as fast as PyTorch; less may be chance
MAX_FILES = 4  # of at most 187 MB at the article's width; in int8, of 47 MB
FORMAT = 1  # of a file, and of how int8 models are made: part of its name
_CHECKSUM_BYTES = hashlib.sha256().digest_size
_NAME = re.compile(r"[0-9a-f]{32}")  # of a file, see `path_of`

log = logging.getLogger(__name__)


def is_worthwhile(classifier: Classifier) -> bool:
    """Whether another backend may be faster: on a CPU, for a network that is not narrow.

    Only with ReLU, whose outputs of 0 and more the unsigned integers of `int8` suit.
    """
    return bool(
        classifier.digest
        and classifier.device.type == "cpu"
        and classifier.model.width >= MIN_WIDTH
        and classifier.model.activation == "relu"
        and _versions()
    )


def use_chosen(classifier: Classifier) -> bool:
    """Let the backend answer that `choose` chose for these weights on such a machine.

    Returns:
        Whether `choose` need not run; where it chose PyTorch, that answers already.
    """
    if not is_worthwhile(classifier):
        return True
    path = path_of(classifier)
    try:
        name, model = _read(path)
        if model:
            classifier.backend = OnnxBackend(model, name)
    except FileNotFoundError:
        return False
    except Exception as error:  # the file is damaged, or ONNX Runtime cannot be imported
        log.warning(f"The backend is chosen again, because {path} cannot be used: {error}")
        return False
    with suppress(OSError):
        path.touch()  # marks it as recently used
    return True


def use_fastest(classifier: Classifier) -> None:
    """Let the backend answer that is the fastest, chosen now if need be.

    Where that fails, PyTorch answers, and the log says why.
    """
    if not use_chosen(classifier):
        try:
            choose(classifier)
        except Exception as error:  # those of ONNX Runtime have no other base class
            log.warning(f"PyTorch answers: {error or type(error).__name__}")


def choose(classifier: Classifier) -> dict[str, Any]:
    """Measure the backends for a model on this CPU, let the fastest answer, and cache it.

    The fastest is that with the least geometric mean of the times for one image and for 64. It must
    give held-out training images PyTorch's labels, of 1,000 all but 5; else the next one is taken.
    It answers even if the cache cannot be written; the log says why.

    Args:
        classifier: in PyTorch on a CPU, with its digest.

    Returns:
        One JSON-able object: ``backend``, the chosen one's name, and by name ``latency_ms`` of one
        image, ``batch_of_64_ms``, and ``same_labels``, for those compared.

    Raises:
        OnnxError: when a package is missing, or ONNX Runtime cannot load a model.
        DataError: when the training images cannot be read.
    """
    if not _versions():
        raise OnnxError(f"Install {', '.join(PACKAGES)}: pip install -r requirements.txt.")
    plain = classifier.backend
    images = load_split(train=True).tail(COMPARED).images
    expected = _labels(plain, images)
    models = {INT8: quantize(classifier.model)}
    backends: dict[str, Backend] = {plain.name: plain}
    same = {plain.name: 1.0}

    def compare(name: str) -> float:
        """The share of images with PyTorch's label."""
        if name not in same:
            same[name] = float((_labels(backends[name], images) == expected).float().mean())
        return same[name]

    backends[INT8] = OnnxBackend(models[INT8], INT8)
    if compare(INT8) < SAME_LABELS:  # perhaps sums overflow
        models[INT7] = quantize(classifier.model, seven_bits=True)
        backends[INT7] = OnnxBackend(models[INT7], INT7)
    models[FLOAT] = to_onnx(classifier.model, features=True).SerializeToString()
    backends[FLOAT] = OnnxBackend(models[FLOAT], FLOAT)

    one, many = (_measure(backends, part, classifier) for part in (images[:1], images[:BATCH]))
    order = {name: (one[name] * many[name]) ** 0.5 for name in backends}
    order[plain.name] /= FASTER
    chosen = next(n for n in sorted(order, key=order.__getitem__) if compare(n) >= SAME_LABELS)
    classifier.backend = backends[chosen]
    try:
        _write(path_of(classifier), chosen, models.get(chosen, b""))
    except OSError as error:
        log.warning(f"The chosen backend cannot be cached: {error}")
    return {
        "backend": chosen,
        "latency_ms": {name: round(1000 * seconds, 2) for name, seconds in one.items()},
        "batch_of_64_ms": {name: round(1000 * seconds, 1) for name, seconds in many.items()},
        "same_labels": same,
    }


def path_of(classifier: Classifier) -> Path:
    """The cache file for these weights, these versions of the libraries, and this CPU."""
    key = f"{classifier.digest} {_versions()} {_processor(classifier.device)} {FORMAT}"
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    return paths.RUNS_DIR / ".backends" / name


def format_report(report: dict[str, Any]) -> str:
    """What `choose` returned as lines to read."""
    lines = [
        f"{name:<32} one image {ms:>7} ms, {BATCH} {report['batch_of_64_ms'][name]:>8} ms"
        + (f", same label on {percent(same)}" if (same := report["same_labels"].get(name)) else "")
        for name, ms in report["latency_ms"].items()
    ]
    return "\n".join([*lines, f"{report['backend']} answers."])


def _versions() -> str:
    """Versions of what makes and runs the models; empty if anything is missing."""
    try:
        return " ".join(version(package) for package in PACKAGES)
    except PackageNotFoundError:
        return ""


def _processor(target: torch.device) -> str:
    """What distinguishes CPUs here: a virtual machine's may be named just ``Intel Xeon``."""
    return " ".join(
        (
            device.info(target).name,
            torch.backends.cpu.get_cpu_capability(),  # AVX2, AVX512, …
            f"vnni={torch.cpu._is_vnni_supported()}",
            f"amx={torch.cpu._is_amx_tile_supported()}",
            os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper(),  # limits PyTorch's side
        )
    )


def _labels(backend: Backend, images: Tensor) -> Tensor:
    return torch.cat([backend(part)[0].argmax(1).cpu() for part in images.split(BATCH)])


def _measure(
    backends: Mapping[str, Backend], images: Tensor, classifier: Classifier
) -> dict[str, float]:
    """Seconds that each backend takes for these images."""
    works = {name: partial(backend, images) for name, backend in backends.items()}
    return best_interleaved(works, classifier.device, ROUNDS)


# ------------------------------------------------------------------ the cache


def _write(path: Path, name: str, model: bytes) -> None:
    """Write a backend's name and model with a checksum; delete the least recently used files.

    Raises:
        OSError: when the folder cannot be written, or is a link, which may lead to other files.
    """
    if path.parent.is_symlink():
        raise OSError(errno.ELOOP, "A link, not a folder", str(path.parent))
    content = name.encode() + b"\n" + model
    path.parent.mkdir(parents=True, exist_ok=True)
    checksum = hashlib.sha256(content).digest()
    write_atomically(path, lambda temporary: temporary.write_bytes(checksum + content))
    with suppress(OSError):  # another server may delete the same files
        own = (each for each in path.parent.iterdir() if _NAME.fullmatch(each.name))
        files = [(each.stat().st_mtime, each) for each in own]
        for _, old in sorted(files)[:-MAX_FILES]:
            old.unlink(missing_ok=True)


def _read(path: Path) -> tuple[str, bytes]:
    """A backend's name and model.

    Raises:
        FileNotFoundError: when the file is missing, or its folder is a link.
        OSError: when it cannot be read.
        ValueError: when it is damaged.
    """
    if path.parent.is_symlink():
        raise FileNotFoundError(path)
    with open_file(path) as file:
        checksum, content = file.read(_CHECKSUM_BYTES), file.read()
    if hashlib.sha256(content).digest() != checksum:
        raise ValueError("its checksum is wrong")
    name, _, model = content.partition(b"\n")
    return name.decode(), model
