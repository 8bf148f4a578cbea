"""Whether this machine trains as it should, for whoever has a GPU: a list of checks and a verdict.

A check is a function that takes a `Target` and returns a `Check`. On a CPU the checks run, too, and
those that need a GPU say so. `pytest -m gpu` calls the same functions.
"""

from __future__ import annotations

import json
import logging
import math
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alexnet_demo.benchmarks import speed
from alexnet_demo.common.machine import visible_nvidia_gpus
from alexnet_demo.common.text import memory, one_line, percent
from alexnet_demo.data.splits import epoch_order, load_split
from alexnet_demo.network import checkpoint
from alexnet_demo.network import device as devices
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.provenance import provenance
from alexnet_demo.training import compilation
from alexnet_demo.training.engine import Engine

PRECISIONS = ("fp32", "bf16", "fp16")
TOLERANCE = {"fp32": 0.001, "tf32": 0.1, "bf16": 0.3, "fp16": 0.1}
"""Largest relative difference of a layer's update, by the precision that products are rounded to.

A wrong gradient differs by about 1. Two memory formats on a CPU differ by 0.00001 in fp32, and from
fp32 by 0.04 in fp16 and 0.14 in bf16, at a quarter of the width or less.
"""
NORM_TOLERANCE = {"fp32": 0.2, "tf32": 0.5}
"""The same with batch normalization, which amplifies rounding errors: to 0.03 in fp32."""
RESUME_TOLERANCE = 0.05
"""The same, of the steps after a resume on a GPU, where sums in another order differ."""
CURVE_TOLERANCE = 0.01
"""Largest relative difference of the losses of one and of two processes."""
STEP_IMAGES, STEP_LR = 32, 0.05
TIMED_TURNS = 3
KILL_STEP = 6
"""From which checkpoint on a run is killed: by then the momentum is as large as the gradient."""
RECIPES = ("article", "fast", "best")
MAX_SKIPPED_STEPS = 20
"""fp16 skips its first steps until the scale of the loss is low enough."""

log = logging.getLogger(__name__)


class Status(StrEnum):
    PASS, FAIL, SKIPPED = "pass", "fail", "skipped"


@dataclass(frozen=True)
class Check:
    """The result of one check: ``detail`` is a sentence, ``numbers`` what was measured."""

    name: str
    status: Status
    detail: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """What is checked.

    Attributes:
        width: of the networks that are trained.
        compilation: whether to measure `torch.compile`, which takes minutes.
    """

    device: torch.device
    width: float = 1.0
    compilation: bool = False


Perform = Callable[[Target], Check]


def examine(target: Target) -> dict[str, Any]:
    """Perform all checks; a JSON-able report."""
    results = []
    for name, check in CHECKS.items():
        log.info(f"Checking: {name}")
        results.append(perform(name, check, target))
    failed = [result.name for result in results if result.status == Status.FAIL]
    return {
        "device": str(target.device),
        "device_name": devices.info(target.device).name,
        "width": target.width,
        **provenance(),
        "checks": [asdict(result) for result in results],
        "failed": failed,
    }


def perform(name: str, check: Perform, target: Target) -> Check:
    """The result of a check; one that raises has failed."""
    try:
        return check(target)
    except Exception as error:
        log.debug("The check raised an error", exc_info=True)
        return Check(name, Status.FAIL, one_line(f"{type(error).__name__}: {error}"))


def format_report(report: Mapping[str, Any]) -> str:
    """A verdict below a Markdown table, to be pasted into a bug report."""
    lines = [
        f"### AlexNet Demo on {report['device_name']} ({report['device']})",
        "",
        *("| check | result | |", "| --- | --- | --- |"),
        *(f"| {c['name']} | {c['status']} | {c['detail']} |" for c in report["checks"]),
        "",
    ]
    names = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    lines.append(f"{names}, commit {report['commit'] or 'unknown'}, width {report['width']:g}")
    failed = report["failed"]
    verdict = f"failed: {', '.join(failed)}" if failed else "this machine trains as it should"
    return "\n".join([*lines, "", f"**Verdict: {verdict}**"])


# ----------------------------------------------------------------------- what is there


def check_devices(target: Target) -> Check:
    """Devices, driver, and libraries; fails where there is a GPU that PyTorch cannot use."""
    found = devices.all_devices()
    numbers: dict[str, Any] = {"devices": [asdict(device) for device in found]}
    words = [f"{device.name} ({memory(device.memory)})" for device in found if not device.problem]
    if target.device.type == "cuda":
        driver = torch._C._cuda_getDriverVersion()  # type: ignore[attr-defined]
        major, minor = torch.cuda.get_device_capability(target.device)
        numbers |= {
            "driver_cuda": f"{driver // 1000}.{driver % 1000 // 10}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "capability": f"{major}.{minor}",
        }
        names = {"driver_cuda": "driver for CUDA", "cuda": "CUDA", "cudnn": "cuDNN"}
        words += [f"{label} {numbers[name]}" for name, label in names.items()]
        words.append(f"compute capability {numbers['capability']}")
    problems = [f"{device.id} cannot be used: {device.problem}" for device in found]
    problems = [text for text, device in zip(problems, found, strict=True) if device.problem]
    if not any(device.id.startswith("cuda") for device in found) and visible_nvidia_gpus():
        problems.append(f"there is an NVIDIA GPU, but {_why_no_cuda()}")
    status = Status.FAIL if problems else Status.PASS
    return Check("devices", status, "; ".join([*problems, *words]), numbers)


def _why_no_cuda() -> str:
    """Why PyTorch offers none of the GPUs that the driver counts."""
    if not torch.version.cuda:
        return "this PyTorch is a build without CUDA: install another, see https://pytorch.org"
    try:
        torch.cuda.init()
    except Exception as error:
        return f"CUDA is not available: {one_line(str(error))}"
    return "CUDA is not available: it finds no GPU"


# ----------------------------------------------------------------------- the step


def check_step(target: Target, precision: str, norm: bool = False) -> Check:
    """One training step updates each layer's weights as the CPU does in float32."""
    name, device = "batch normalization" if norm else f"step in {precision}", target.device
    if precision == "fp16" and device.type != "cuda":
        return Check(name, Status.SKIPPED, "needs a CUDA GPU")
    if precision == "bf16" and device.type == "cuda" and not devices.has_bf16_units(device):
        return Check(name, Status.SKIPPED, "this GPU has no units for it")
    config = TrainConfig(
        compile="off",
        width=target.width,
        dropout=0.0,  # each device has its own random numbers
        init="kaiming",
        norm=norm,
    )
    expected = _update(config, torch.device("cpu"), "fp32", "contiguous")
    update = _update(config, device, precision, "channels_last")
    differences = {
        layer: float((update[layer] - value).norm() / value.norm())
        for layer, value in expected.items()
    }
    rounded = "tf32" if precision == "fp32" and devices.has_tf32(device) else precision
    limit = (NORM_TOLERANCE if norm else TOLERANCE)[rounded]
    worst = max(differences, key=lambda layer: (math.isnan(differences[layer]), differences[layer]))
    return Check(
        name,
        Status.PASS if differences[worst] <= limit else Status.FAIL,
        f"a layer's update differs from the CPU's in float32 by {differences[worst]:.2g} of its "
        f"norm ({worst}), at most {limit:g} allowed",
        {"differences": differences, "tolerance": limit},
    )


def _update(
    config: TrainConfig, device: torch.device, precision: str, memory_format: str
) -> dict[str, Tensor]:
    """What a training step adds to the weights of each layer, on the CPU."""
    engine = Engine(
        replace(config, device=str(device), precision=precision, memory_format=memory_format)
    )
    data = load_split(train=True, device=engine.device).head(STEP_IMAGES)
    indices = torch.arange(STEP_IMAGES, device=engine.device)
    before = _weights(engine)
    for _ in range(MAX_SKIPPED_STEPS):
        engine.step(data, indices, 0, STEP_LR)
        update = {layer: after - before[layer] for layer, after in _weights(engine).items()}
        if any(values.any() for values in update.values()):
            break
    return update


def _weights(engine: Engine) -> dict[str, Tensor]:
    """Copies of the weights by layer; without biases, which batch normalization cancels."""
    named = engine.model.net.named_parameters()
    return {
        name.removesuffix(".weight"): p.detach().to("cpu", copy=True)
        for name, p in named
        if name.endswith(".weight")
    }


def check_waits(target: Target) -> Check:
    """The host never waits for the GPU in a step of `best`."""
    name, device = "waits", target.device
    if device.type != "cuda":
        return Check(name, Status.SKIPPED, "needs a CUDA GPU")
    precision = "bf16" if devices.has_bf16_units(device) else "fp32"  # fp16 waits once a step
    step = _steps(TrainConfig.from_recipe("best", **_settings(target, precision)))
    step()
    step()  # the first ones copy constants, and cuDNN measures
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    places = Counter(
        f"{Path(warning.filename).name}:{warning.lineno}"
        for warning in caught
        if "called a synchronizing" in str(warning.message)
    )
    count = sum(places.values())
    where = f", most at {', '.join(place for place, _ in places.most_common(3))}" if places else ""
    status = Status.FAIL if count else Status.PASS
    return Check(name, status, f"{count} in a step of best{where}", {"waits": dict(places)})


def _settings(target: Target, precision: str = "auto") -> dict[str, Any]:
    """Settings of a recipe for a single step: at its full width, whatever it grows from."""
    return {
        "device": str(target.device),
        "precision": precision,
        "compile": "off",
        "width": target.width,
        "grow": "",
        "train_samples": 1_000,  # for small banks of generated images, which are made sooner
    }


def _steps(config: TrainConfig) -> Callable[[], int]:
    """A function that takes the next training step and returns its number of images."""
    engine = Engine(config)
    data = load_split(train=True, device=engine.device)
    order = epoch_order(len(data), config.seed, 0).to(engine.device)
    batches = [b for b in order.split(config.batch_size) if len(b) == config.batch_size]
    number = 0

    def step() -> int:
        nonlocal number
        indices = batches[number % len(batches)]
        engine.step(data, indices, number, config.lr)
        number += 1
        return len(indices)

    return step


# ----------------------------------------------------------------------- speed


def check_speed(target: Target) -> Check:
    """The recipes' steps beside the article's loop; fails where that is faster."""
    arguments = (str(target.device), target.width)
    turns = {"article's loop": _turns(speed.article_loop, *arguments)}
    for recipe in RECIPES:
        settings = json.dumps({"recipe": recipe, **_settings(target)})
        turns[recipe] = _turns(recipe_loop, settings)
    rates = {name: _images_per_s(records) for name, records in turns.items()}
    peaks = {name: records[-1]["peak_memory"] for name, records in turns.items() if name in RECIPES}
    ratio = rates["article"] / rates["article's loop"]
    words = [f"{name} {rate:,.0f} images/s" for name, rate in rates.items()]
    words += [f"{ratio:.2f} times the article's loop", f"at most {memory(max(peaks.values()))}"]
    return Check(
        "speed",
        Status.PASS if ratio >= 1 else Status.FAIL,
        ", ".join(words),
        {"images_per_s": rates, "ratio": ratio, "peak_memory": peaks},
    )


def _turns(side: speed.Side, *arguments: str | float) -> list[speed.Record]:
    """A few timed turns of a side, after the one in which it plans and allocates."""
    with speed.worker(side, *arguments) as turn:
        return [turn() for _ in range(1 + TIMED_TURNS)][1:]


def _images_per_s(records: list[speed.Record]) -> float:
    return statistics.median(record["images"] / record["seconds"] for record in records)


def recipe_loop(settings: str) -> Iterator[speed.Record]:
    """Training steps with these settings, as JSON; the first record is of the first step."""
    devices.keep_freed_memory()
    config = TrainConfig.from_recipe(**json.loads(settings))
    device = devices.resolve(config.device)
    step = _steps(config)
    yield speed.timed_steps(step, device)
    speed.timed_steps(step, device)  # the first steps plan and allocate
    while True:
        record = speed.timed_steps(step, device, speed.TURN_SECONDS[device.type])
        yield {**record, "peak_memory": devices.peak_memory(device)}


def check_compilation(target: Target) -> Check:
    """Whether `torch.compile` and CUDA graphs gain; kept for ``--compile auto`` at width 1.

    Fails where not even the network that is not compiled could be measured.
    """
    name = "compilation"
    if not target.compilation:
        return Check(name, Status.SKIPPED, "`doctor --compile` measures it, which takes minutes")
    measured, problems = {}, []
    for mode in ("off", *compilation.MODES):
        settings = json.dumps({"recipe": "article", **_settings(target), "compile": mode})
        try:
            with speed.worker(recipe_loop, settings) as turn:
                first, *records = [turn() for _ in range(1 + TIMED_TURNS)]
        except Exception as error:  # such as no compiler, or no Triton for this GPU
            problems.append(one_line(f"{mode} is not possible here ({error})"))
            continue
        steps = [record["seconds"] / record["images"] * speed.BATCH for record in records]
        measured[mode] = compilation.Measurement(statistics.median(steps), first["seconds"])
    if "off" not in measured:
        return Check(name, Status.FAIL, "; ".join(problems))
    if target.width == 1:
        compilation.write(target.device, measured)
    else:
        problems.append("not kept for --compile auto, since it is of another width")
    gains = {m: measured["off"].step_seconds / measured[m].step_seconds for m in measured}
    words = [f"{mode} {gain:.2f} times as fast" for mode, gain in gains.items() if mode != "off"]
    numbers = {"gain": gains, **{m: asdict(measurement) for m, measurement in measured.items()}}
    return Check(name, Status.PASS, "; ".join([*words, *problems]), numbers)


# ----------------------------------------------------------------------- whole runs


def check_resume(target: Target) -> Check:
    """A run that is killed and resumed ends with the same weights as one that is not."""
    with tempfile.TemporaryDirectory() as folder:
        straight, killed = Run(Path(folder, "straight")), Run(Path(folder, "killed"))
        config = _short_run(target, momentum=0.9)
        _train(_command(config, straight))
        if not _kill(_command(config, killed)):
            return Check("resume", Status.SKIPPED, "the run ended before it could be killed")
        start, _ = _state(killed)
        step = checkpoint.load(killed.last)[1]["step"]
        _train(["train", "--resume", str(killed.directory), "--json"])
        (expected, steps), (resumed, _) = _state(straight), _state(killed)
    difference = float((resumed - expected).norm() / (expected - start).norm())
    limit = 0.0 if target.device.type == "cpu" else RESUME_TOLERANCE
    return Check(
        "resume",
        Status.PASS if difference <= limit else Status.FAIL,
        f"killed after a checkpoint at step {step} of {steps} and resumed, the weights differ by "
        f"{difference:.2g} of what those steps changed, at most {limit:g} allowed",
        {"difference": difference, "tolerance": limit, "step": step, "steps": steps},
    )


def check_two_processes(target: Target) -> Check:
    """Two GPUs give the losses of one."""
    if target.device.type != "cuda" or len(devices.choices("cuda")) < 2:
        return Check("two processes", Status.SKIPPED, "needs two CUDA GPUs")
    return compare_processes(target)


def compare_processes(target: Target) -> Check:
    """The losses of the same run in one process and in two."""
    with tempfile.TemporaryDirectory() as folder:
        losses = []
        for count in (1, 2):
            config = _short_run(target, device=target.device.type, devices=count)
            events = _train(_command(config, Run(Path(folder, str(count)))))
            losses.append([e["train_loss"] for e in events if e["event"] == "epoch"])
    one, two = map(torch.tensor, losses)
    difference = float(((two - one).abs() / one).max())
    return Check(
        "two processes",
        Status.PASS if difference <= CURVE_TOLERANCE else Status.FAIL,
        f"losses differ from those of one by {percent(difference)}, at most "
        f"{percent(CURVE_TOLERANCE)} allowed",
        {"difference": difference, "one": losses[0], "two": losses[1]},
    )


def _short_run(target: Target, **changes: Any) -> TrainConfig:
    """Twenty steps, with a checkpoint after each, in which nothing is left to a measurement."""
    settings: dict[str, Any] = {
        "device": str(target.device),
        "precision": "fp32",
        "memory_format": "channels_last",
        "compile": "off",
        "width": target.width,
        "dropout": 0.0,
        "lr": 0.02,
        "epochs": 4,
        "batch_size": 32,
        "train_samples": 160,
        "test_samples": 32,
        "checkpoint_minutes": 1e-6,
        "keep_epochs": 0,
    }
    return TrainConfig(**{**settings, **changes})


def _command(config: TrainConfig, run: Run) -> list[str]:
    return [*config.command(), "--run-dir", str(run.directory), "--json"]


def _start(arguments: list[str], **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "alexnet_demo", *arguments]
    return subprocess.Popen(command, cwd=paths.ROOT, stdout=subprocess.PIPE, text=True, **options)


def _train(arguments: list[str]) -> list[dict[str, Any]]:
    """The events of a run that finishes.

    Raises:
        RuntimeError: with its last words, when it fails.
    """
    with _start(arguments, stderr=subprocess.PIPE) as process:
        output, errors = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(errors.strip().rpartition("\n")[2])
    return [json.loads(line) for line in output.splitlines()]


def _kill(arguments: list[str]) -> bool:
    """Kill a run once it has written a checkpoint of `KILL_STEP`; False if it ended before."""
    with _start(arguments, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "checkpoint" and event["step"] >= KILL_STEP:
                process.kill()
                break
    return process.returncode != 0


def _state(run: Run) -> tuple[Tensor, int]:
    """All weights of a run's newest checkpoint in one vector, and its step."""
    tensors, info = checkpoint.load(run.last, checkpoint.MODEL_PREFIX)
    return torch.cat([t.flatten().double() for _, t in sorted(tensors.items())]), info["step"]


CHECKS: Mapping[str, Perform] = {
    "devices": check_devices,
    **{f"step in {name}": partial(check_step, precision=name) for name in PRECISIONS},
    "batch normalization": partial(check_step, precision="fp32", norm=True),
    "waits": check_waits,
    "speed": check_speed,
    "compilation": check_compilation,
    "resume": check_resume,
    "two processes": check_two_processes,
}
