"""Backends against each other, the choice among them, and the cache of that choice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alexnet_demo.cli.main import main
from alexnet_demo.common.errors import DataError, OnnxError
from alexnet_demo.data.splits import load_split
from alexnet_demo.images.prepared import Choices, PreparedImage
from alexnet_demo.inference import backend_choice
from alexnet_demo.inference.backend import Backend, OnnxBackend, TorchBackend, outputs
from alexnet_demo.inference.backend_choice import FLOAT, INT7, INT8
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.inference.int8 import IMAGES, calibration_batches, quantize
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.onnx_graph import to_onnx
from alexnet_demo.runs.run import Run

for package in ("onnx", "onnxruntime"):
    pytest.importorskip(package)


@pytest.fixture(scope="module")
def trained(trained_run: Run) -> Classifier:
    return Classifier.load_with_digest(trained_run.best)


@pytest.fixture(scope="module")
def int8(trained: Classifier) -> bytes:
    return quantize(trained.model)


@pytest.fixture(scope="module")
def images() -> Tensor:
    return load_split(train=True).tail(200).images


@pytest.fixture
def small(runs_dir: Path, monkeypatch: pytest.MonkeyPatch, int8: bytes) -> Path:
    """Choices are worthwhile for a narrow network, too, and quick; returns the cache's folder."""
    monkeypatch.setattr(backend_choice, "MIN_WIDTH", 0.0)
    monkeypatch.setattr(backend_choice, "COMPARED", 64)
    monkeypatch.setattr(backend_choice, "ROUNDS", 1)
    monkeypatch.setattr(backend_choice, "SAME_LABELS", 0.95)  # it hardly learned anything
    monkeypatch.setattr(backend_choice, "quantize", lambda *_, **__: int8)
    return runs_dir / ".backends"


def prefer(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let these backends be measured as the fastest, in this order, and PyTorch the slowest."""

    def measure(backends: dict[str, Backend], *_: object) -> dict[str, float]:
        return {n: float(names.index(n) if n in names else 9) + 1 for n in backends}

    monkeypatch.setattr(backend_choice, "_measure", measure)


def share(a: Tensor, b: Tensor) -> float:
    return float((a.argmax(1) == b.argmax(1)).float().mean())


# ------------------------------------------------------------------ backends


def test_onnx_gives_the_same_logits_and_features(tiny_model: AlexNet, images: Tensor) -> None:
    backend = OnnxBackend(to_onnx(tiny_model, features=True).SerializeToString(), FLOAT)
    expected = TorchBackend(tiny_model, "fp32")(images[:3])
    for ours, theirs in zip(backend(images[:3]), expected, strict=True):
        assert ours.shape == theirs.shape and torch.allclose(ours, theirs, atol=1e-4)


def test_an_unknown_layer_is_no_onnx(tiny_model: AlexNet) -> None:
    odd = AlexNet(width=0.0625)
    odd.net.relu6 = nn.GELU()
    with pytest.raises(ValueError, match="GELU"):
        to_onnx(odd)


def test_int8_gives_nearly_the_same_labels(
    trained: Classifier, int8: bytes, images: Tensor
) -> None:
    backend = OnnxBackend(int8, INT8)
    logits, features = outputs(backend, images.numpy(), 64)
    expected, their_features = trained.outputs(images.numpy())
    assert logits.dtype == features.dtype == torch.float32
    assert share(logits, expected) >= 0.97
    assert (logits.softmax(1) - expected.softmax(1)).abs().mean() < 0.01
    assert features.shape == their_features.shape and features.min() >= 0
    assert torch.corrcoef(torch.stack([features.flatten(), their_features.flatten()]))[0, 1] > 0.99
    assert len(int8) < 2 * sum(p.nelement() for p in trained.model.parameters())  # bytes


def test_int8_predictions_do_not_depend_on_the_batch(int8: bytes, images: Tensor) -> None:
    backend = OnnxBackend(int8, INT8)
    together = backend(images[:40])
    apart = [torch.cat(parts) for parts in zip(*map(backend, images[:40].split(1)), strict=True)]
    for a, b in zip(together, apart, strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def test_seven_bits_leave_one_unused(trained: Classifier) -> None:
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_from_string(quantize(trained.model, seven_bits=True)).graph
    weights = [numpy_helper.to_array(t) for t in graph.initializer]
    largest = [np.abs(w.astype(int)).max() for w in weights if w.dtype == np.int8 and w.ndim > 1]
    assert len(largest) == 7 and max(largest) <= 64  # all layers but fc8


def test_calibration_sees_drawings_and_photos() -> None:
    batches = list(calibration_batches())
    assert sum(map(len, batches)) == sum(IMAGES)
    assert {batch.dtype for batch in batches} == {torch.uint8}
    assert len({batch.shape[-1] for batch in batches}) == 2  # drawings are larger


# ------------------------------------------------------------------ the choice


def test_the_chosen_backend_answers_here_and_in_other_processes(
    trained_run: Run, small: Path, monkeypatch: pytest.MonkeyPatch, images: Tensor
) -> None:
    prefer(monkeypatch, INT8)
    first, second = (Classifier.load_with_digest(trained_run.best) for _ in range(2))
    assert not backend_choice.use_chosen(first)
    report = backend_choice.choose(first)
    assert json.loads(json.dumps(report)) == report
    assert report["backend"] == first.backend.name == INT8
    assert 0.95 <= report["same_labels"][INT8] <= 1
    assert backend_choice.use_chosen(second) and second.backend.name == INT8
    for a, b in zip(first.outputs(images.numpy()), second.outputs(images.numpy()), strict=True):
        assert torch.equal(a, b)
    pixels = images[0].numpy()
    prepared = PreparedImage((), (pixels,), Choices("dataset", "keep", "keep"))
    assert second.predict([prepared])[0].backend == INT8
    assert "ONNX Runtime int8 answers" in backend_choice.format_report(report)


def test_a_slower_backend_is_not_chosen_and_that_is_remembered(
    trained_run: Run, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = Classifier.load_with_digest(trained_run.best)
    name = classifier.backend.name
    prefer(monkeypatch, name)
    assert backend_choice.choose(classifier)["backend"] == name
    other = Classifier.load_with_digest(trained_run.best)
    assert backend_choice.use_chosen(other) and other.backend.name == name


def test_other_labels_than_pytorchs_are_not_accepted(
    trained_run: Run, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """int8 that overflows: 7 bits are tried, then float32, which is the next fastest."""
    torch.manual_seed(1)
    wrong = AlexNet(width=0.0625).eval()
    wrong.initialize_he()
    tried = []

    def overflowing(_: AlexNet, seven_bits: bool = False) -> bytes:
        tried.append(seven_bits)
        return to_onnx(wrong, features=True).SerializeToString()

    monkeypatch.setattr(backend_choice, "quantize", overflowing)
    prefer(monkeypatch, INT7, INT8, FLOAT)
    report = backend_choice.choose(Classifier.load_with_digest(trained_run.best))
    assert tried == [False, True] and report["backend"] == FLOAT
    assert report["same_labels"][INT8] < 0.9 and report["same_labels"][FLOAT] == 1.0


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "other model"])
def test_a_damaged_file_is_made_again(
    trained_run: Run, small: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    prefer(monkeypatch, INT8)
    backend_choice.choose(Classifier.load_with_digest(trained_run.best))
    (file,) = small.iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    if damage == "other model":
        backend_choice._write(file, INT8, b"not ONNX")
    else:
        changed = {"flipped": data, "truncated": data[:-9], "empty": bytearray()}
        file.write_bytes(changed[damage])
    classifier = Classifier.load_with_digest(trained_run.best)
    plain = classifier.backend
    assert not backend_choice.use_chosen(classifier) and classifier.backend is plain
    backend_choice.use_fastest(classifier)
    assert classifier.backend.name == INT8


def test_the_cache_is_bounded(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_choice, "MAX_FILES", 2)
    small.mkdir(parents=True)
    (small / "notes.txt").write_text("not of the cache")
    for number in range(4):
        backend_choice._write(small / f"{number:032x}", INT8, b"model")
    assert len(list(small.iterdir())) == 3 and (small / f"{3:032x}").is_file()
    assert (small / "notes.txt").is_file()


def test_a_choice_that_cannot_be_cached_answers_nevertheless(
    trained_run: Run, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache's folder is a link: nothing is read from its target, written, or deleted."""
    prefer(monkeypatch, INT8)
    first, second = (Classifier.load_with_digest(trained_run.best) for _ in range(2))
    backend_choice.choose(first)
    target = small.rename(tmp_path / "elsewhere")
    small.symlink_to(target, target_is_directory=True)
    before = [(file, file.stat().st_mtime_ns) for file in target.iterdir()]
    assert not backend_choice.use_chosen(second)
    backend_choice.use_fastest(second)
    assert second.backend.name == INT8
    assert [(file, file.stat().st_mtime_ns) for file in target.iterdir()] == before


@pytest.mark.parametrize(
    "changed", ["get_cpu_capability", "_is_vnni_supported", "ONEDNN_MAX_CPU_ISA"]
)
def test_a_choice_holds_for_cpus_with_the_same_instructions(
    trained: Classifier, runs_dir: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    before = backend_choice.path_of(trained)
    assert backend_choice._NAME.fullmatch(before.name)
    if changed == "get_cpu_capability":
        monkeypatch.setattr(torch.backends.cpu, changed, lambda: "another")
    elif changed == "_is_vnni_supported":
        other = not torch.cpu._is_vnni_supported()
        monkeypatch.setattr(torch.cpu, changed, lambda: other)
    else:
        monkeypatch.setenv(changed, "SSE41")
    assert backend_choice.path_of(trained) != before


def test_a_failure_leaves_pytorch(
    trained_run: Run, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = Classifier.load_with_digest(trained_run.best)
    plain = classifier.backend
    monkeypatch.setattr(backend_choice, "PACKAGES", ("no-such-package",))
    backend_choice.use_fastest(classifier)
    assert classifier.backend is plain and not small.exists()
    with pytest.raises(OnnxError, match="no-such-package"):
        backend_choice.choose(classifier)


@pytest.mark.parametrize("error", [DataError("No images."), ImportError(), MemoryError()])
def test_whatever_fails_leaves_pytorch_and_is_logged(
    trained_run: Run,
    small: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise error

    classifier = Classifier.load_with_digest(trained_run.best)
    plain = classifier.backend
    monkeypatch.setattr(backend_choice, "quantize", fail)
    backend_choice.use_fastest(classifier)
    assert classifier.backend is plain
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_model_that_onnx_runtime_cannot_load_is_refused() -> None:
    with pytest.raises(OnnxError, match="cannot load"):
        OnnxBackend(b"not ONNX", INT8)


def test_narrow_networks_and_models_without_a_file_stay_in_pytorch(
    runs_dir: Path, trained: Classifier
) -> None:
    assert trained.model.width < backend_choice.MIN_WIDTH
    assert not backend_choice.is_worthwhile(trained)
    assert backend_choice.use_chosen(trained)  # nothing to choose
    wide = Classifier(AlexNet(width=0.25), {}, torch.device("cpu"))
    assert not backend_choice.is_worthwhile(wide)
    wide.digest = "abc"
    assert backend_choice.is_worthwhile(wide)


def test_the_command_prints_what_it_measured(
    trained_run: Run, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backend", "--weights", str(trained_run.best), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {INT8, FLOAT} < report["latency_ms"].keys() == report["batch_of_64_ms"].keys()
    assert report["backend"] in report["latency_ms"]
    assert len(list(small.iterdir())) == 1
