"""The doctor's checks, on a GPU as they are, and on a CPU with a narrow network."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import torch

from alexnet_demo.benchmarks import doctor, speed
from alexnet_demo.benchmarks.doctor import CHECKS, Check, Status, Target, perform
from alexnet_demo.cli.main import main
from alexnet_demo.network import device as devices
from alexnet_demo.network.device import DeviceInfo
from alexnet_demo.runs.devices import device_lock
from alexnet_demo.training import compilation
from alexnet_demo.training import engine as engine_module

CPU, CUDA = Target(torch.device("cpu"), width=0.0625), Target(torch.device("cuda:0"))
BEST_DEVICE = devices.available()[0].id


@pytest.mark.gpu
@pytest.mark.skipif(BEST_DEVICE == "cpu", reason="needs a CUDA or MPS device")
@pytest.mark.parametrize("name", CHECKS)
def test_a_gpu_passes(name: str):
    target = Target(torch.device(BEST_DEVICE), compilation=True)
    result = perform(name, CHECKS[name], target)
    if result.status == Status.SKIPPED:
        pytest.skip(result.detail)
    assert result.status == Status.PASS, result.detail


# ------------------------------------------------------------------------ the report


def test_a_failed_check_fails_the_command(runs_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    def broken(_: Target) -> Check:
        raise RuntimeError("CUDA error: no kernel\nimage")

    checks = {
        "good": lambda _: Check("good", Status.PASS, "as it should be", {"ratio": 2.0}),
        "absent": lambda _: Check("absent", Status.SKIPPED, "needs two GPUs"),
    }
    monkeypatch.setattr(doctor, "CHECKS", checks)
    assert main(["doctor", "--device", "cpu", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [c["status"] for c in report["checks"]] == ["pass", "skipped"]
    assert (report["device"], report["width"], report["failed"]) == ("cpu", 0.125, [])
    assert report["checks"][0]["numbers"] == {"ratio": 2.0}

    monkeypatch.setattr(doctor, "CHECKS", {**checks, "bad": broken})
    assert main(["doctor", "--device", "cpu", "--width", "0.25"]) == 1
    text = capsys.readouterr().out
    assert "| bad | fail | RuntimeError: CUDA error: no kernel image |" in text
    assert text.rstrip().endswith("**Verdict: failed: bad**")


def test_a_gpu_that_cannot_be_used_fails(monkeypatch: pytest.MonkeyPatch):
    assert doctor.check_devices(CPU).status == Status.PASS
    old = DeviceInfo("cuda:0", "Old GPU", 0, "GPU-1", "its driver is too old")
    monkeypatch.setattr(devices, "all_devices", lambda: [old, devices._cpu()])
    result = doctor.check_devices(CPU)
    assert result.status == Status.FAIL
    assert "cuda:0 cannot be used: its driver is too old" in result.detail
    assert result.numbers["devices"][0]["problem"] == old.problem


@pytest.mark.parametrize(
    ("build", "problem"),
    [(None, "a build without CUDA"), ("13.0", "CUDA is not available: no driver")],
)
def test_a_gpu_that_pytorch_does_not_see_fails(
    monkeypatch: pytest.MonkeyPatch, build: str | None, problem: str
):
    def init() -> None:
        raise RuntimeError("no driver")

    monkeypatch.setattr(doctor, "visible_nvidia_gpus", lambda: 1)
    monkeypatch.setattr(devices, "all_devices", lambda: [devices._cpu()])
    monkeypatch.setattr(torch.version, "cuda", build)
    monkeypatch.setattr(torch.cuda, "init", init)
    result = doctor.check_devices(CPU)
    assert result.status == Status.FAIL
    assert problem in result.detail


def test_the_command_refuses_a_device_in_use(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.setattr(doctor, "CHECKS", {})
    with device_lock("cpu"):
        assert main(["doctor", "--device", "cpu"]) == 2
    assert "Another run is using cpu" in capsys.readouterr().err
    assert main(["doctor", "--device", "cpu"]) == 0


def test_the_command_takes_the_first_gpu_that_is_free(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    gpus = [DeviceInfo(f"cuda:{i}", "GPU", 2**30, f"GPU-{i}") for i in range(2)]
    targets: list[Target] = []

    def examine(target: Target) -> dict[str, object]:
        targets.append(target)
        return {"failed": []}

    monkeypatch.setattr(devices, "all_devices", lambda: [*gpus, devices._cpu()])
    monkeypatch.setattr(doctor, "examine", examine)
    monkeypatch.setattr(doctor, "format_report", lambda _: "")
    with device_lock("GPU-0"):
        assert main(["doctor"]) == 0
        assert main(["doctor", "--device", "cuda:0"]) == 2
    assert [str(target.device) for target in targets] == ["cuda:1"]


# ------------------------------------------------------------------------ the step


@pytest.mark.parametrize("name", ["step in fp32", "step in bf16", "batch normalization"])
def test_a_step_equals_the_cpus(name: str):
    result = CHECKS[name](CPU)
    assert (result.name, result.status) == (name, Status.PASS), result.detail
    differences = result.numbers["differences"].values()
    assert 0 < max(differences) < result.numbers["tolerance"]
    assert len(differences) == (13 if name == "batch normalization" else 8)


@pytest.mark.parametrize("factor", [0.8, float("nan")])
@pytest.mark.parametrize("layer", ["conv1", "fc7"])
def test_a_wrong_gradient_of_one_layer_fails(
    monkeypatch: pytest.MonkeyPatch, layer: str, factor: float
):
    """On the device alone, which has another memory format than the CPU compared with."""
    real = engine_module.train_step

    def wrong(model, *arguments, **named):
        if model.net.conv2.weight.is_contiguous(memory_format=torch.channels_last):
            weight = model.get_parameter(f"net.{layer}.weight")
            hooks.append(weight.register_hook(lambda gradient: gradient * factor))
        return real(model, *arguments, **named)

    hooks: list[object] = []
    monkeypatch.setattr(engine_module, "train_step", wrong)
    result = doctor.check_step(CPU, "fp32")
    assert len(hooks) == 1
    assert result.status == Status.FAIL
    assert f"({layer})" in result.detail
    if factor == 0.8:
        assert result.numbers["differences"][layer] == pytest.approx(0.2, abs=0.001)


@pytest.mark.parametrize("count", [0, 3])
def test_waits_of_a_step_are_counted(monkeypatch: pytest.MonkeyPatch, count: int):
    modes: list[str] = []

    def step() -> int:
        if modes == ["warn"]:
            warnings.warn("another warning", stacklevel=1)
            for _ in range(count):
                warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
        return 128

    monkeypatch.setattr(doctor, "_steps", lambda _: step)
    monkeypatch.setattr(devices, "has_bf16_units", lambda _: True)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)
    result = doctor.check_waits(CUDA)
    assert modes == ["warn", "default"]
    assert (result.status == Status.FAIL) == bool(count)
    assert sum(result.numbers["waits"].values()) == count


@pytest.mark.parametrize("name", ["step in fp16", "waits", "two processes", "compilation"])
def test_what_needs_a_gpu_is_skipped_on_a_cpu(name: str):
    result = CHECKS[name](CPU)
    assert (result.name, result.status) == (name, Status.SKIPPED)


# ------------------------------------------------------------------------ speed


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sides run in this process, for one turn each."""

    @contextmanager
    def worker(side, *arguments):
        yield partial(next, side(*arguments))

    monkeypatch.setattr(speed, "worker", worker)
    monkeypatch.setattr(doctor, "TIMED_TURNS", 1)


@pytest.mark.usefixtures("here")
def test_recipes_are_measured_beside_the_articles_loop():
    result = doctor.check_speed(CPU)
    rates = result.numbers["images_per_s"]
    assert rates.keys() == {"article's loop", *doctor.RECIPES}
    assert result.numbers["ratio"] == rates["article"] / rates["article's loop"] > 0
    assert (result.status == Status.PASS) == (result.numbers["ratio"] >= 1)


@pytest.mark.usefixtures("here")
def test_a_measured_gain_is_kept_and_what_cannot_be_compiled_is_named(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    def loop(settings: str) -> Iterator[speed.Record]:
        mode = json.loads(settings)["compile"]
        if mode == "graphs":
            raise RuntimeError("no Triton")
        seconds = {"off": 2.0, "on": 1.0}[mode]
        yield {"images": 128, "seconds": 30.0}
        while True:
            yield {"images": 128, "seconds": seconds}

    monkeypatch.setattr(doctor, "recipe_loop", loop)
    narrow = doctor.check_compilation(Target(CPU.device, CPU.width, compilation=True))
    assert "another width" in narrow.detail
    assert compilation.read(CPU.device) == {}
    result = doctor.check_compilation(Target(CPU.device, compilation=True))
    assert result.status == Status.PASS
    assert result.numbers["gain"] == {"off": 1.0, "on": 2.0}
    assert "graphs is not possible here (no Triton)" in result.detail
    assert compilation.read(CPU.device)["on"] == compilation.Measurement(1.0, 30.0)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("broken", [{"off"}, {"off", "on", "graphs"}])
def test_no_gain_is_kept_without_what_it_is_over(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, broken: set[str]
):
    def loop(settings: str) -> Iterator[speed.Record]:
        if (mode := json.loads(settings)["compile"]) in broken:
            raise RuntimeError(f"{mode} fails")
        while True:
            yield {"images": 128, "seconds": 1.0}

    monkeypatch.setattr(doctor, "recipe_loop", loop)
    result = doctor.check_compilation(Target(CPU.device, compilation=True))
    assert result.status == Status.FAIL
    assert all(f"{mode} fails" in result.detail for mode in broken)
    assert compilation.read(CPU.device) == {}


# ------------------------------------------------------------------------ whole runs


def test_a_killed_run_resumes_to_the_same_weights(runs_dir: Path):
    result = doctor.check_resume(CPU)
    assert result.status == Status.PASS, result.detail
    assert result.numbers["difference"] == 0
    assert doctor.KILL_STEP <= result.numbers["step"] < result.numbers["steps"] == 20


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(runs_dir: Path):
    result = doctor.compare_processes(CPU)
    assert result.status == Status.PASS, result.detail
    assert len(result.numbers["two"]) == 4
