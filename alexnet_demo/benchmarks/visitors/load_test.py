"""Many visitors who draw, upload, and change pages; every prediction that they get is checked."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil

from alexnet_demo.benchmarks.visitors.client import LostError, Session
from alexnet_demo.benchmarks.visitors.expected import Sample, make_samples, read_prediction
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.text import memory
from alexnet_demo.inference.batcher import BUSY

PAUSE = 5.0  # seconds between a visitor's images
PAGE_CHANGES = 0.2  # share of images before which the visitor opens another page and comes back
OTHER_PAGES = ("", "Architecture")
WIDGETS = {"draw": ("Draw", "canvas"), "upload": ("Upload", "pictures")}
"""The source to choose on the Predict page, and the key of its widget."""
WARM_UP = 0.2  # share of the time after which memory should not grow


@dataclass
class LoadStats:
    """Measurements of a load test.

    Attributes:
        times: seconds per prediction, from letting go of the pen or file.
        visits: seconds per page change.
        problems: one sentence per wrong or lost answer.
        memory: pairs of seconds since the start, and the server's resident bytes.
        cpu: the server's CPU seconds since its start, at the same moments.
    """

    times: list[float] = field(default_factory=list)
    visits: list[float] = field(default_factory=list)
    wrong: int = 0
    lost: int = 0
    problems: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def report(self, users: int) -> dict[str, Any]:
        """The results as JSON: times in milliseconds, memory in bytes, growth as a share.

        ``cpu_ms`` is the server's CPU time per answer, everything included: a machine cannot give
        more answers a second than its cores divided by that.
        """
        report: dict[str, Any] = {
            "users": users,
            "answers": len(self.times),
            "wrong": self.wrong,
            "lost": self.lost,
            "p50_ms": percentile(self.times, 50),
            "p95_ms": percentile(self.times, 95),
            "page_p95_ms": percentile(self.visits, 95),
            "problems": self.problems[:10],
        }
        if self.memory:
            sizes = [size for _, size in self.memory]
            report |= {"memory": sizes[-1], "most_memory": max(sizes), "growth": self.growth()}
            used = self.cpu[-1] - self.cpu[0]
            report["cpu_ms"] = round(1000 * used / len(self.times), 1) if self.times else None
        return report

    def growth(self) -> float | None:
        """Memory in the last tenth of the time relative to that after `WARM_UP`, minus 1.

        None with fewer than ten measurements.
        """
        if len(self.memory) < 10:
            return None
        end = self.memory[-1][0]
        early = [s for t, s in self.memory if WARM_UP * end <= t <= (WARM_UP + 0.1) * end]
        late = [s for t, s in self.memory if t >= 0.9 * end]
        return round(mean(late) / mean(early) - 1, 4)


def percentile(times: Sequence[float], percent: int) -> float | None:
    """A percentile in milliseconds; None without times."""
    return round(1000 * float(np.percentile(times, percent)), 1) if times else None


def format_report(report: dict[str, Any]) -> str:
    """A report as lines to read."""
    lines = [
        f"{report['users']} users, {report['answers']} answers, "
        f"{report['wrong']} wrong, {report['lost']} lost"
    ]
    if report["answers"]:
        lines.append(f"p50 {report['p50_ms']:.0f} ms, p95 {report['p95_ms']:.0f} ms")
    if "memory" in report:
        growth = report["growth"]
        change = "" if growth is None else f", {growth:+.1%} since the first fifth"
        lines.append(f"{memory(report['memory'])} of memory{change}")
    if report.get("cpu_ms"):
        lines.append(f"{report['cpu_ms']:.0f} ms of the server's CPU time per answer")
    return "\n".join([*lines, *report["problems"]])


def run_load_test(
    url: str, users: int, seconds: float, weights: Path, seed: int = 0
) -> dict[str, Any]:
    """Send visitors to a running app and check every answer.

    Args:
        url: the app's; its default model must have the same weights.
        weights: that model, which gives the expected predictions in this process.

    Raises:
        LostError: when no server answers there.
        ValueError: when the weights cannot be loaded.
    """
    asyncio.run(_check_server(url))  # the samples take a while
    return asyncio.run(_run(url, users, seconds, make_samples(weights, seed), seed))


async def _check_server(url: str) -> None:
    session = Session(url)
    await session.open()
    await session.close()


def run_watch_test(url: str, users: int, seconds: float) -> dict[str, Any]:
    """Have visitors watch the Train page of a running app, and measure what that costs its server.

    Raises:
        LostError: when no server answers there.
        ConfigError: when its process is not on this machine, or no run is in progress.
    """
    return asyncio.run(_watch(url, users, seconds))


async def _watch(url: str, users: int, seconds: float) -> dict[str, Any]:
    sessions, server = [Session(url) for _ in range(users)], listener(url)
    if server is None:
        raise ConfigError(f"No process of this machine listens at {url}.")
    try:
        for session in sessions:
            await session.open("Train")
        await asyncio.gather(*(session.watch(5.0) for session in sessions))  # settle
        before = sum(server.cpu_times()[:2])
        requests = sum(await asyncio.gather(*(session.watch(seconds) for session in sessions)))
        used = sum(server.cpu_times()[:2]) - before
    finally:
        for session in sessions:
            await session.close()
    if not requests:
        raise ConfigError("No run is in progress, so that there is nothing to watch.")
    return {
        "users": users,
        "requests": requests,
        "cpu_share": round(used / seconds, 3),
        "cpu_ms": round(1000 * used / requests, 1),
    }


async def _run(
    url: str, users: int, seconds: float, samples: list[Sample], seed: int
) -> dict[str, Any]:
    stats, sessions = LoadStats(), [Session(url) for _ in range(users)]
    try:
        for session in sessions:  # one by one, as people arrive
            await session.open("Predict")
        begin = time.monotonic()
        monitor = asyncio.create_task(_monitor(url, begin, stats))
        try:
            visits = (
                _visit(session, samples, begin + seconds, random.Random(f"{seed} {number}"), stats)
                for number, session in enumerate(sessions)
            )
            await asyncio.gather(*visits)
        finally:
            monitor.cancel()
            with suppress(asyncio.CancelledError):
                await monitor
    finally:
        for session in sessions:
            await session.close()
    return stats.report(users)


async def _visit(
    session: Session, samples: list[Sample], end: float, rng: random.Random, stats: LoadStats
) -> None:
    """One visitor: an image every few seconds, sometimes after a look at another page."""
    last = None
    due = time.monotonic() + rng.uniform(0, PAUSE)
    while due < end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        sample = rng.choice([sample for sample in samples if sample is not last])
        try:
            if rng.random() < PAGE_CHANGES:
                for page in (rng.choice(OTHER_PAGES), "Predict"):
                    begin = time.perf_counter()
                    await session.show(page)
                    stats.visits.append(time.perf_counter() - begin)
            await _predict(session, sample, stats)
        except LostError as error:
            stats.lost += 1
            stats.problems.append(str(error))
            with suppress(LostError):  # reload the page, as people do
                await session.close()
                await session.open("Predict")
        last = sample
        due = max(due + PAUSE * rng.uniform(0.8, 1.2), time.monotonic())


async def _predict(session: Session, sample: Sample, stats: LoadStats) -> None:
    """Draw or upload one image, and check the prediction on the page."""
    source, key = WIDGETS[sample.way]
    if key not in session.widgets:
        await session.choose("source", source)
    begin = time.perf_counter()
    if sample.way == "draw":
        await session.set_state(key, {"strokes": sample.content})
    else:
        await session.upload(key, "picture.png", sample.content)  # the app ignores the name
    seconds = time.perf_counter() - begin
    prediction = read_prediction(session.html())
    if not prediction:
        busy = any(e.alert.body == BUSY for e in session.elements if e.HasField("alert"))
        raise LostError(BUSY if busy else "The page came without a prediction.")
    stats.times.append(seconds)
    if not sample.agrees(prediction):
        stats.wrong += 1
        stats.problems.append(f"{sample.way}: {prediction} instead of {sample.probabilities}")


async def _monitor(url: str, begin: float, stats: LoadStats) -> None:
    """Record the server's memory and CPU time, if it runs on this machine."""
    server = listener(url)
    with suppress(psutil.Error):
        while server:
            stats.memory.append((time.monotonic() - begin, server.memory_info().rss))
            stats.cpu.append(sum(server.cpu_times()[:2]))
            await asyncio.sleep(2)


def listener(url: str) -> psutil.Process | None:
    """The process of this machine that listens at a URL; None if there is none or it is hidden."""
    parts = urlsplit(url)
    if parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        return None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with suppress(psutil.Error):
        for c in psutil.net_connections("tcp"):
            if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port and c.pid:
                return psutil.Process(c.pid)
    return None
