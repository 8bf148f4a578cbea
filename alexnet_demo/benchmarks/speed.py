"""Speed of this app's training and inference: against the article's loop, the hardware, and ONNX.

The article's loop is here only as the reference. Each side runs in a process of its own, so that
neither affects the other's memory or threads, and they take turns, so that other load on the
machine affects both.
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from torchvision import transforms
from torchvision.datasets import FashionMNIST

from alexnet_demo.common.errors import OnnxError
from alexnet_demo.common.signals import signal_handlers
from alexnet_demo.common.text import percent
from alexnet_demo.data.splits import epoch_order, load_split, unpack
from alexnet_demo.export import onnx
from alexnet_demo.inference import backend_choice
from alexnet_demo.inference.backend import Backend, OnnxBackend, open_session
from alexnet_demo.inference.backend_choice import INT8
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.inference.int8 import quantize
from alexnet_demo.network import device as devices
from alexnet_demo.network import timing
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input
from alexnet_demo.network.onnx_graph import to_onnx
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training.engine import Engine
from alexnet_demo.training.state import TrainingState
from alexnet_demo.training.trainer import EVENT_SECONDS

BATCH = 128
ROUNDS = 7
MATMUL_SIDE = {"cpu": 2048, "cuda": 8192, "mps": 4096}
TURN_SECONDS = {"cpu": 0.0, "cuda": 2.0, "mps": 2.0}
"""Least length of a training turn; on a CPU one step is long enough."""
PAUSE = 0.2
"""Seconds between two programs' inference: their idle threads keep spinning for a while."""

Record = dict[str, Any]
Side = Callable[..., Iterator[Record]]
Predict = Callable[[Tensor], np.ndarray]

log = logging.getLogger(__name__)


def bench(
    device: str = "auto", precision: str = "auto", rounds: int = ROUNDS, width: float = 1.0
) -> Record:
    """Measure training and inference of the article's network, or of one of another width.

    Returns:
        One JSON-able object. ``ratio`` is the engine's images/s over those of the article's loop:
        the median over the rounds, with minimum and maximum in ``ratio_spread``.
        ``step_flops_per_s`` counts the FLOPs of the convolutions and matrix products in a training
        step, forward and backward; ``matmul_flops_per_s`` is the rate of a large matrix product in
        the same precision and process, and ``matmul_share`` the ratio of the two. ``latency_ms``
        and ``batch_of_64_ms`` are medians.
    """
    unpack()
    with (
        worker(article_loop, device, width) as article,
        worker(_engine_loop, device, precision, width) as engine,
    ):
        log.info("Loading both sides; a round takes about ten seconds on a CPU")
        about, _ = engine(), article()  # both plan and allocate
        turns = []
        for number in range(1, rounds + 1):
            turns.append((article(), engine()))
            log.info(f"Training, round {number} of {rounds}")
    log.info("Inference")
    article_rates = [a["images"] / a["seconds"] for a, _ in turns]
    engine_rates = [e["images"] / e["seconds"] for _, e in turns]
    ratios = [e / a for a, e in zip(article_rates, engine_rates, strict=True)]
    shares = [e["step_flops"] / e["matmul_flops"] for _, e in turns]
    median = statistics.median
    return {
        **{name: about[name] for name in ("device", "device_name", "precision", "memory_format")},
        "torch": torch.__version__,
        "rounds": rounds,
        "article_images_per_s": round(median(article_rates), 1),
        "engine_images_per_s": round(median(engine_rates), 1),
        "ratio": round(median(ratios), 2),
        "ratio_spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "step_flops_per_s": median(e["step_flops"] for _, e in turns),
        "matmul_flops_per_s": median(e["matmul_flops"] for _, e in turns),
        "matmul_share": round(median(shares), 3),
        "matmul_share_spread": [round(min(shares), 3), round(max(shares), 3)],
        "overhead_share": about["overhead_share"],
        "inference": inference(device, width),
    }


@contextmanager
def worker(side: Side, *arguments: str | float) -> Iterator[Callable[[], Record]]:
    """Run a side in a process of its own; a call gives its next record.

    A call raises what the side raises, and RuntimeError when its process was killed. Ctrl+C is for
    the calling process alone, so that the other prints no traceback of its own.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, initializer=_start, initargs=(side, arguments)) as pool:

        def turn() -> Record:
            with signal_handlers(signal.SIG_IGN, signal.SIGINT):
                future = pool.submit(_take_turn)  # starts the process, which inherits this
            try:
                return future.result()
            except BrokenProcessPool:
                raise RuntimeError("A measurement was killed: is there enough memory?") from None

        yield turn


_turns: Iterator[Record]  # of this worker process's side


def _start(side: Side, arguments: tuple[str | float, ...]) -> None:
    global _turns
    _turns = side(*arguments)


def _take_turn() -> Record:
    return next(_turns)


# ------------------------------------------------------------------------ training


def timed_steps(step: Callable[[], int], device: torch.device, least: float = 0.0) -> Record:
    """Run training steps, which return their batch size, for at least so many seconds."""
    images, begin = 0, time.perf_counter()
    while not images or time.perf_counter() - begin < least:
        images += step()
    devices.synchronize(device)
    return {"images": images, "seconds": time.perf_counter() - begin}


def article_loop(device: str, width: float) -> Iterator[Record]:
    """The article's training as printed: PIL images, a plain loader, float32, SGD."""
    target = devices.resolve(device)
    transform = transforms.Compose([transforms.Resize(224), transforms.ToTensor()])
    data = FashionMNIST(paths.DATA_DIR, train=True, transform=transform)
    loader = DataLoader(data, batch_size=BATCH, shuffle=True)
    batches = itertools.chain.from_iterable(itertools.repeat(loader))
    net = AlexNet(width=width).to(target)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss = nn.CrossEntropyLoss()
    net.train()

    def step() -> int:
        x, y = next(batches)
        x, y = x.to(target), y.to(target)
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()
        return len(x)

    yield timed_steps(step, target)  # plans and allocates
    while True:
        yield timed_steps(step, target, TURN_SECONDS[target.type])


def _engine_loop(device: str, precision: str, width: float) -> Iterator[Record]:
    """This app's training step on the same network and batches; first a record about itself."""
    devices.keep_freed_memory()
    engine = Engine(TrainConfig(device=device, precision=precision, width=width))
    target = engine.device
    data = load_split(train=True, device=target)
    batches = epoch_order(len(data), 0, 0).to(target).split(BATCH)
    flops = step_flops(engine.model, to_input(data.images[batches[0]])) / BATCH
    numbered = enumerate(itertools.cycle(batches))

    def step() -> int:
        number, indices = next(numbered)
        engine.step(data, indices, number, 0.1)
        return len(indices)

    timed_steps(step, target)  # plans and allocates
    yield {
        "device": str(target),
        "device_name": devices.info(target).name,
        "precision": engine.precision,
        "memory_format": engine.memory_format,
        "overhead_share": _overhead_share(engine, timed_steps(step, target)["seconds"]),
    }
    while True:
        record = timed_steps(step, target, TURN_SECONDS[target.type])
        record["step_flops"] = record["images"] * flops / record["seconds"]
        side = MATMUL_SIDE[target.type]
        yield {**record, "matmul_flops": timing.matmul_flops(target, engine.precision, side)}


def step_flops(model: nn.Module, x: Tensor) -> int:
    """FLOPs of a forward and backward pass of these inputs."""
    with FlopCounterMode(display=False) as counter:
        model(x).sum().backward()
    return counter.get_total_flops()


def _overhead_share(engine: Engine, step_seconds: float) -> float:
    """Share of an epoch's time that its events and checkpoints take with default settings."""
    paths.RUNS_DIR.mkdir(parents=True, exist_ok=True)  # the disk that runs are written to
    with tempfile.TemporaryDirectory(dir=paths.RUNS_DIR, prefix=".bench-") as folder:
        run = Run(Path(folder))
        run.last.parent.mkdir()
        events = EventWriter(run.events)
        seconds = timing.best_time(lambda: TrainingState().save(run, engine), engine.device)
        event = timing.best_time(lambda: events.write("batch", loss=1.0), engine.device)
        events.close()
    epoch = engine.config.steps_per_epoch * step_seconds
    checkpoints = 2 + epoch / (60 * engine.config.checkpoint_minutes)
    return round((checkpoints * seconds + epoch / EVENT_SECONDS * event) / epoch, 5)


# ----------------------------------------------------------------------- inference


def inference(device: str = "auto", width: float = 1.0) -> Record:
    """Single-image latency and batch throughput of one network in four programs.

    This app's `Classifier` with the backend it chooses, plain eager PyTorch in float32, and if
    `onnx.PACKAGES` are installed ONNX Runtime in float32 and in int8. Predictions are compared on
    64 test images, at the article's width those of the included model; int8 is made for trained
    weights.
    """
    target = devices.resolve(device)
    classifier = _classifier(target, width)
    model = deepcopy(classifier.model).cpu()
    images = load_split(train=False).head(64).images
    backend_choice.use_fastest(classifier)
    eager = deepcopy(model).to(target)

    def predict_eager(images: Tensor) -> np.ndarray:
        with torch.inference_mode():
            return eager(to_input(images.to(target))).softmax(1).cpu().numpy()

    sides: dict[str, Predict] = {
        "ours": partial(_softmax, classifier.backend),
        "eager_fp32": predict_eager,
    }
    with suppress(OnnxError):
        onnx.require_packages()
        exported = to_onnx(model).SerializeToString()
        sides["onnx_runtime"] = partial(onnx.probabilities, open_session(exported, spin=True))
        sides["int8"] = partial(_softmax, OnnxBackend(quantize(model), INT8))
    outputs = {name: predict(images) for name, predict in sides.items()}
    expected = outputs["eager_fp32"]
    labels = expected.argmax(1)
    return {
        "backend": classifier.backend.name,
        "precision": classifier.precision,
        "weights": "included" if classifier.digest else "random",
        "latency_ms": _median_ms(sides, images[:1], rounds=21),
        "batch_of_64_ms": _median_ms(sides, images, rounds=7),
        "same_labels": {n: float((p.argmax(1) == labels).mean()) for n, p in outputs.items()},
        "greatest_difference": {n: float(np.abs(p - expected).max()) for n, p in outputs.items()},
    }


def _classifier(target: torch.device, width: float) -> Classifier:
    """The included model if it has this width, else a network with random weights."""
    included = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    if width == 1 and included.is_file():
        return Classifier.load_with_digest(included, str(target))
    torch.manual_seed(0)
    model = AlexNet(width=width).eval()
    model.initialize_he()  # so that predictions differ from image to image
    return Classifier(model, {}, target)


def _softmax(backend: Backend, images: Tensor) -> np.ndarray:
    """Images, uint8 (N, height, width) → uncalibrated probabilities, float32 (N, 10)."""
    return backend(images)[0].float().softmax(1).cpu().numpy()


def _median_ms(sides: dict[str, Predict], images: Tensor, rounds: int) -> dict[str, float]:
    """Milliseconds that each side takes for these images, measured in turn."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, predict in sides.items():
            time.sleep(PAUSE)
            begin = time.perf_counter()
            predict(images)
            times[name].append((time.perf_counter() - begin) * 1000)
    return {name: round(statistics.median(ms), 2) for name, ms in times.items()}


def format_report(report: Record) -> str:
    """The measurements as lines to read."""
    r, i = report, report["inference"]
    elsewhere = "" if r["device"] == "cpu" else "; onnx_runtime and int8 on the CPU"
    lines = [
        f"{r['device_name']}, {r['precision']}, {r['memory_format']}, PyTorch {r['torch']}",
        f"article's loop {r['article_images_per_s']:,} images/s, this engine "
        f"{r['engine_images_per_s']:,}: {r['ratio']} times as fast "
        f"({r['ratio_spread'][0]} to {r['ratio_spread'][1]} in {r['rounds']} rounds)",
        f"training step {r['step_flops_per_s'] / 1e9:,.0f} GFLOP/s, matrix product "
        f"{r['matmul_flops_per_s'] / 1e9:,.0f}: {percent(r['matmul_share'], 0)} of its rate",
        f"events and checkpoints take {percent(r['overhead_share'], 2)} of the training time",
        f"inference, {i['weights']} weights; ours is {i['backend']}{elsewhere}:",
    ]
    lines += [
        f"  {name:<13} one image {i['latency_ms'][name]:>7} ms, "
        f"64 {i['batch_of_64_ms'][name]:>8} ms, same label on {percent(i['same_labels'][name])}"
        for name in i["latency_ms"]
    ]
    return "\n".join(lines)
