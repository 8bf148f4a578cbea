"""How fast this program is beside the article's loop, the machine's own limit, and ONNX Runtime.

The article's loop stands here as the reference that it is measured against, and nowhere else. Each
side has a process of its own, so that neither changes the other's memory or threads, and they take
turns, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from torchvision import transforms
from torchvision.datasets import FashionMNIST

from alexnet_demo.common.errors import OnnxError
from alexnet_demo.data.splits import epoch_order, load_split, unpack
from alexnet_demo.export import onnx
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.network import device as devices
from alexnet_demo.network import timing
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.paths import DATA_DIR
from alexnet_demo.training.engine import Engine

BATCH = 128
ROUNDS = 7
MATMUL_SIDE = {"cpu": 2048, "cuda": 8192, "mps": 4096}
log = logging.getLogger(__name__)
PAUSE = 0.2
"""Seconds between two programs' inference: their threads spin for a while when they are done."""
Record = dict[str, Any]
Side = Callable[..., Iterator[Record]]
WINDOW_SECONDS = {"cpu": 0.0, "cuda": 2.0, "mps": 2.0}
"""How long a side's turn lasts at least; on a CPU one step is long enough."""


def bench(
    device: str = "auto", precision: str = "auto", rounds: int = ROUNDS, width: float = 1.0
) -> Record:
    """Measure training and inference of the article's network, or of one of another width.

    Returns:
        One JSON-able object. ``ratio`` is the engine's images/s over those of the article's loop,
        the median over the rounds, with the least and greatest in ``ratio_spread``;
        ``step_flops_per_s`` counts the floating-point operations of the convolutions and matrix
        products in a training step, forward and backward; ``matmul_flops_per_s`` is what a large
        matrix product in the same precision reaches, in the same process, and ``matmul_share`` the
        one over the other. ``latency_ms`` gives medians for one picture and for 64.
    """
    unpack()
    with (
        worker(_article_loop, device, width) as article,
        worker(_engine, device, precision, width) as engine,
    ):
        log.info("Loading both sides; a round takes about ten seconds on a CPU")
        about, _ = engine(), article()  # each plans and allocates
        turns = []
        for number in range(1, rounds + 1):
            turns.append((article(), engine()))
            log.info("Training, round %d of %d", number, rounds)
    log.info("Inference")
    article_rates = [a["images"] / a["seconds"] for a, _ in turns]
    engine_rates = [e["images"] / e["seconds"] for _, e in turns]
    ratios = [e / a for a, e in zip(article_rates, engine_rates, strict=True)]
    shares = [e["step_flops"] / e["matmul_flops"] for _, e in turns]
    return {
        **{name: about[name] for name in ("device", "device_name", "precision", "memory_format")},
        "torch": torch.__version__,
        "rounds": rounds,
        "article_images_per_s": round(statistics.median(article_rates), 1),
        "engine_images_per_s": round(statistics.median(engine_rates), 1),
        "ratio": round(statistics.median(ratios), 2),
        "ratio_spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "step_flops_per_s": statistics.median(e["step_flops"] for _, e in turns),
        "matmul_flops_per_s": statistics.median(e["matmul_flops"] for _, e in turns),
        "matmul_share": round(statistics.median(shares), 3),
        "matmul_share_spread": [round(min(shares), 3), round(max(shares), 3)],
        "overhead_share": about["overhead_share"],
        "inference": inference(device, width),
    }


@contextmanager
def worker(side: Side, *arguments: str | float) -> Iterator[Callable[[], Record]]:
    """A side in a process of its own; a call lets it take its next turn."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, side, arguments), daemon=True)
    process.start()
    there.close()

    def turn() -> Record:
        here.send("go")
        try:
            answer = here.recv()
        except EOFError:
            raise RuntimeError("A measurement broke off: is there enough memory?") from None
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer

    try:
        yield turn
    finally:
        process.kill()
        process.join()


def _serve(pipe: Connection, side: Side, arguments: tuple[str | float, ...]) -> None:
    """One turn of a side for each word from the other end."""
    turns = side(*arguments)
    while True:
        pipe.recv()
        try:
            pipe.send(next(turns))
        except (ValueError, RuntimeError, OSError) as error:
            pipe.send(str(error))


# ------------------------------------------------------------------------ training


def _article_loop(device: str, width: float) -> Iterator[Record]:
    """The article's training as printed: PIL pictures, a plain loader, float32, SGD."""
    target = devices.resolve(device)
    transform = transforms.Compose([transforms.Resize(224), transforms.ToTensor()])
    data = FashionMNIST(DATA_DIR, train=True, transform=transform)
    net = AlexNet(width=width).to(target)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss = nn.CrossEntropyLoss()

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            yield from DataLoader(data, batch_size=BATCH, shuffle=True)

    endless = batches()

    def turn(least: float) -> Record:
        net.train()
        images, begin = 0, time.perf_counter()
        while not images or time.perf_counter() - begin < least:
            x, y = next(endless)
            x, y = x.to(target), y.to(target)
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()
            images += len(x)
        devices.synchronize(target)
        return {"images": images, "seconds": time.perf_counter() - begin}

    yield turn(0.0)  # plans and allocates
    while True:
        yield turn(WINDOW_SECONDS[target.type])


def _engine(device: str, precision: str, width: float) -> Iterator[Record]:
    """This program's training step on the same network and batches."""
    devices.keep_freed_memory()
    engine = Engine(TrainConfig(device=device, precision=precision, width=width))
    data = load_split(train=True, device=engine.device)
    batches = epoch_order(len(data), 0, 0).to(engine.device).split(BATCH)
    flops = step_flops(engine.model, to_input(data.images[batches[0]])) / BATCH
    side = MATMUL_SIDE[engine.device.type]
    numbers = itertools.count()

    def turn(least: float) -> Record:
        images, begin = 0, time.perf_counter()
        while not images or time.perf_counter() - begin < least:
            number = next(numbers)
            chosen = batches[number % len(batches)]
            engine.step(data, chosen, number, 0.1)
            images += len(chosen)
        devices.synchronize(engine.device)
        seconds = time.perf_counter() - begin
        matmul = timing.matmul_flops(engine.device, engine.precision, side)
        return {
            "images": images,
            "seconds": seconds,
            "step_flops": images * flops / seconds,
            "matmul_flops": matmul,
        }

    turn(0.0)
    step = turn(0.0)["seconds"]
    yield {
        "device": str(engine.device),
        "device_name": devices.info(engine.device).name,
        "precision": engine.precision,
        "memory_format": engine.memory_format,
        "overhead_share": _overhead_share(engine, step),
    }
    while True:
        yield turn(WINDOW_SECONDS[engine.device.type])


def step_flops(model: nn.Module, x: torch.Tensor) -> int:
    """Floating-point operations of the forward and backward pass of these pictures."""
    counter = FlopCounterMode(display=False)
    with counter:
        model(x).sum().backward()
    return counter.get_total_flops()


def _overhead_share(engine: Engine, step_seconds: float) -> float:
    """Share of an article's epoch that goes into its events and checkpoints, as configured."""
    from alexnet_demo.training.state import TrainingState
    from alexnet_demo.training.trainer import EVENT_SECONDS

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
    """Single-image latency and batch throughput of one network in three programs.

    Beside this program's `Classifier`: plain eager PyTorch in float32, and ONNX Runtime on the
    same weights where `onnx_file.PACKAGES` are installed. The answers are compared on 64 pictures
    of the test set.
    """
    target = devices.resolve(device)
    torch.manual_seed(0)
    model = AlexNet(width=width).eval()
    model.initialize_he()  # whose answers differ from picture to picture
    pictures = load_split(train=False).head(64).images
    classifier = Classifier(model, {}, target)
    eager = deepcopy(model).to(target)

    def run_ours(images: torch.Tensor) -> np.ndarray:
        return classifier.probabilities(images.numpy())

    def run_eager(images: torch.Tensor) -> np.ndarray:
        with torch.inference_mode():
            return eager(to_input(images.to(target))).softmax(1).cpu().numpy()

    sides: dict[str, Callable[[torch.Tensor], np.ndarray]] = {
        "ours": run_ours,
        "eager_fp32": run_eager,
    }
    if runtime := _onnx_runtime(model):
        sides["onnx_runtime"] = runtime
    answers = {name: side(pictures) for name, side in sides.items()}
    one = _medians(sides, pictures[:1], 21)
    many = _medians(sides, pictures, 7)
    return {
        "precision": classifier.precision,
        "latency_ms": one,
        "batch_of_64_ms": many,
        "same_labels": {
            name: float((answer.argmax(1) == answers["eager_fp32"].argmax(1)).mean())
            for name, answer in answers.items()
        },
        "greatest_difference": {
            name: float(np.abs(answer - answers["eager_fp32"]).max())
            for name, answer in answers.items()
        },
    }


def _medians(
    sides: dict[str, Callable[[torch.Tensor], np.ndarray]], images: torch.Tensor, rounds: int
) -> dict[str, float]:
    """Milliseconds that each side takes for these pictures, in turn."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            time.sleep(PAUSE)
            begin = time.perf_counter()
            side(images)
            times[name].append((time.perf_counter() - begin) * 1000)
    return {name: round(statistics.median(ms), 2) for name, ms in times.items()}


def _onnx_runtime(model: AlexNet) -> Callable[[torch.Tensor], np.ndarray] | None:
    """The model in ONNX Runtime on the CPU; None where that is not installed."""
    try:
        onnx.require_packages()
    except OnnxError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "alexnet.onnx"
        onnx.write(model, path)
        return partial(onnx.probabilities, onnx.open_session(path))


def format_report(report: Record) -> str:
    """The measurements as lines to read."""
    r, i = report, report["inference"]
    lines = [
        f"{r['device_name']}, {r['precision']}, {r['memory_format']}, PyTorch {r['torch']}",
        f"article's loop {r['article_images_per_s']:,} images/s, this engine "
        f"{r['engine_images_per_s']:,}: {r['ratio']} times as fast "
        f"({r['ratio_spread'][0]} to {r['ratio_spread'][1]} in {r['rounds']} rounds)",
        f"training step {r['step_flops_per_s'] / 1e9:,.0f} GFLOP/s, matrix product "
        f"{r['matmul_flops_per_s'] / 1e9:,.0f}: {r['matmul_share']:.0%} of the machine's rate",
        f"events and checkpoints take {r['overhead_share']:.2%} of the training time",
        f"inference in {i['precision']}:",
    ]
    if r["device"] != "cpu":
        lines[-1] = f"inference in {i['precision']}, but onnx_runtime on the CPU:"
    lines += [
        f"  {name:<13} one picture {i['latency_ms'][name]:>7} ms, "
        f"64 {i['batch_of_64_ms'][name]:>8} ms, same label on {i['same_labels'][name]:.1%}"
        for name in i["latency_ms"]
    ]
    return "\n".join(lines)
