"""Many visitors who draw, upload and look around, and what became of their questions."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, quantiles
from typing import Any
from urllib.parse import urlsplit

import psutil

from alexnet_demo.benchmarks.visitors.client import LostError, Session
from alexnet_demo.benchmarks.visitors.expected import Sample, make_samples, read_prediction
from alexnet_demo.common.text import memory
from alexnet_demo.inference.batcher import BUSY

PAUSE = 5.0  # seconds from one question of a visitor to the next
LOOK_AROUND = 0.2  # of the questions: before it the visitor goes to another page and back
ELSEWHERE = ("", "Architecture")
PATHS = {"draw": "Draw", "upload": "Upload"}
SETTLED = 0.2  # share of the time after which memory should grow no more


@dataclass
class LoadStats:
    """What happened so far.

    Attributes:
        times: seconds from question to answer, of every answer.
        problems: each wrong or lost answer, in words.
        memory: seconds since the start, and bytes that the server had then.
        cpu: processor seconds that the server has used since it began, at each such look.
    """

    times: list[float] = field(default_factory=list)
    visits: list[float] = field(default_factory=list)
    wrong: int = 0
    lost: int = 0
    problems: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def report(self, users: int) -> dict[str, Any]:
        """The figures as JSON; times in milliseconds, memory in bytes, growth as a share.

        ``cpu_ms`` is what the server's processor took for an answer and all around it: a machine
        cannot give more answers a second than its cores divided by that.
        """
        found: dict[str, Any] = {
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
            found |= {"memory": sizes[-1], "most_memory": max(sizes), "growth": self.growth()}
            used = self.cpu[-1] - self.cpu[0]
            found["cpu_ms"] = round(1000 * used / len(self.times), 1) if self.times else None
        return found

    def growth(self) -> float | None:
        """How much more memory the end takes than the time after a fifth; None if too short."""
        whole = self.memory[-1][0] if self.memory else 0.0
        tenth = whole / 10
        settled = [s for at, s in self.memory if SETTLED * whole <= at <= SETTLED * whole + tenth]
        last = [s for at, s in self.memory if at >= whole - tenth]
        if len(self.memory) < 10:
            return None
        return round(mean(last) / mean(settled) - 1, 4)


def format_report(report: dict[str, Any]) -> str:
    """A report for people to read."""
    lines = [
        f"{report['users']} users, {report['answers']} answers, "
        f"{report['wrong']} wrong, {report['lost']} lost"
    ]
    if report["answers"]:
        half, most = report["p50_ms"], report["p95_ms"]
        lines.append(f"half within {half:.0f} ms, 95 % within {most:.0f} ms")
    if "memory" in report:
        growth = report["growth"]
        grown = "" if growth is None else f", {growth:+.1%} after the first fifth"
        lines.append(f"{memory(report['memory'])} of memory{grown}")
    if report.get("cpu_ms"):
        lines.append(f"{report['cpu_ms']:.0f} ms of the server's processor an answer")
    return "\n".join([*lines, *report["problems"]])


def percentile(times: Sequence[float], share: int) -> float | None:
    """That percentile in milliseconds; None without times."""
    if len(times) < 2:
        return round(1000 * times[0], 1) if times else None
    return round(1000 * quantiles(times, n=100, method="inclusive")[share - 1], 1)


def run_load_test(
    url: str, users: int, seconds: float, weights: Path, seed: int = 0
) -> dict[str, Any]:
    """Send visitors to a running app and check every answer.

    Args:
        url: the app's, which must have the same network as its first choice.
        weights: that network, which is asked alone in this process to know the truth.

    Raises:
        LostError: when no server answers there.
        ValueError: when the weights cannot be loaded.
    """
    return asyncio.run(_crowd(url, users, seconds, make_samples(weights, seed), seed))


async def _crowd(
    url: str, users: int, seconds: float, asked: list[Sample], seed: int
) -> dict[str, Any]:
    stats, sessions = LoadStats(), [Session(url) for _ in range(users)]
    try:
        for session in sessions:  # one after the other, as people come
            await session.open("Predict")
        begin = time.monotonic()
        watching = asyncio.create_task(_watch(url, begin, stats))
        try:
            visits = (
                _visit(session, asked, begin + seconds, random.Random(f"{seed} {number}"), stats)
                for number, session in enumerate(sessions)
            )
            await asyncio.gather(*visits)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
    finally:
        for session in sessions:
            await session.close()
    return stats.report(users)


async def _visit(
    session: Session, asked: list[Sample], end: float, dice: random.Random, stats: LoadStats
) -> None:
    """One visitor: a question every few seconds, at times from another page than before."""
    last = None
    due = time.monotonic() + dice.uniform(0, PAUSE)
    while due < end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        picture = dice.choice([one for one in asked if one is not last])
        try:
            if dice.random() < LOOK_AROUND:
                await _look_around(session, dice.choice(ELSEWHERE), stats)
            await _ask(session, picture, stats)
        except LostError as error:
            stats.lost += 1
            stats.problems.append(str(error))
            with suppress(LostError):  # as people do: what is still on its way answers nothing
                await session.close()
                await session.open("Predict")
        last = picture
        due = max(due + PAUSE * dice.uniform(0.8, 1.2), time.monotonic())


async def _look_around(session: Session, path: str, stats: LoadStats) -> None:
    for each in (path, "Predict"):
        begin = time.perf_counter()
        await session.show(each)
        stats.visits.append(time.perf_counter() - begin)


async def _ask(session: Session, picture: Sample, stats: LoadStats) -> None:
    """Draw or upload one picture; the time counts from the pen's or the file's being let go."""
    key = {"draw": "canvas", "upload": "pictures"}[picture.way]
    if key not in session.widgets:
        await session.choose("source", PATHS[picture.way])
    begin = time.perf_counter()
    if picture.way == "draw":
        await session.tell(key, {"strokes": picture.content})
    else:
        await session.upload(key, "picture.png", picture.content)  # its bytes tell its kind
    took = time.perf_counter() - begin
    answer = read_prediction(session.html())
    if not answer:
        busy = any(e.alert.body == BUSY for e in session.elements if e.HasField("alert"))
        raise LostError(BUSY if busy else "The page came without an answer.")
    stats.times.append(took)
    if not picture.agrees(answer):
        stats.wrong += 1
        stats.problems.append(f"{picture.way}: {answer} in place of {picture.probabilities}")


async def _watch(url: str, begin: float, stats: LoadStats) -> None:
    """Note the server's memory, where it runs on this machine."""
    server = listener(url)
    with suppress(psutil.Error):
        while server:
            stats.memory.append((time.monotonic() - begin, server.memory_info().rss))
            stats.cpu.append(sum(server.cpu_times()[:2]))
            await asyncio.sleep(2)


def listener(url: str) -> psutil.Process | None:
    """The process of this machine that listens at an address; None if there is none to be seen."""
    split = urlsplit(url)
    if split.hostname not in ("localhost", "127.0.0.1", "::1"):
        return None
    port = split.port or (443 if split.scheme == "https" else 80)
    with suppress(psutil.Error):
        for found in psutil.net_connections("tcp"):
            listens = found.status == psutil.CONN_LISTEN and found.laddr
            if listens and found.laddr.port == port and found.pid:
                return psutil.Process(found.pid)
    return None
