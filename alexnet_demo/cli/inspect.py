"""``summary``, ``runs``, and ``queue``: the network's layers, the runs, and their queue."""

from __future__ import annotations

from typing import Any

from alexnet_demo.cli import options
from alexnet_demo.cli.options import Options, number
from alexnet_demo.common.text import printable_line
from alexnet_demo.jobs import queue
from alexnet_demo.runs.store import list_runs
from alexnet_demo.settings.article import CLASSES, IMAGE_SIZE


def add_commands(add_command: Any) -> None:
    summary = add_command("summary", run_summary, "print the layer table")
    add = summary.add_argument
    # Up to what PyTorch can count, and a table can be made of in seconds
    add("--in-channels", type=number(int, 1, 10_000), default=1)
    add("--classes", type=number(int, 1, 1_000_000), default=len(CLASSES))
    add("--width", type=number(float, 0.001, 1_000), default=1.0)
    add("--image-size", type=number(int, 1, 10_000), default=IMAGE_SIZE)
    add_command("runs", run_runs, "list the runs and their states")
    add_command("queue", run_queue, "start queued runs as devices become free")


def run_summary(args: Options) -> None:
    import torch

    from alexnet_demo.network.alexnet import AlexNet
    from alexnet_demo.network.summary import format_table, summarize

    with torch.device("meta"):  # shapes without memory for the weights
        model = AlexNet(args.classes, args.in_channels, args.width, args.image_size)
    summary = summarize(model)
    options.show(args, summary.to_json(), format_table(summary))


def run_runs(args: Options) -> None:
    runs = list_runs()
    if not runs and not args.json:
        print(
            "There are no runs yet: `python -m alexnet_demo train --recipe quick` trains one in "
            "minutes, as does the Train page of `streamlit run app.py`."
        )
    for run in runs:
        record = run.to_json()
        best = {accuracy.split: accuracy.of(2) for accuracy in run.accuracies}
        validation, test = (best.get(split, "–") for split in ("validation", "test"))
        text = (
            f"{record['id']}  {record['state']:<11}  {record['epochs']}/{record['epochs_planned']} "
            f"epochs  {validation:>15} validation  {test:>16} test  {record['name']}"
        )
        silence = run.silence
        problems = (record["warning"], silence and f"{silence}. {silence.advice}")
        lines = (text, *(f"    {problem}" for problem in problems if problem))
        options.show(args, record, "\n".join(map(printable_line, lines)))


def run_queue(_args: Options) -> None:
    queue.run_scheduler()
