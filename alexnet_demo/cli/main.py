"""The commands: ``python -m alexnet_demo COMMAND``.

With ``--json`` the answer is JSON on standard output and nothing else is printed there; progress
goes to standard error. Exit status: 0 done, 1 failed, 2 unusable arguments or input, 130
interrupted. Each command imports what it needs, so that ``runs`` does not wait for torch.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from alexnet_demo import __version__
from alexnet_demo.cli import train as train_command
from alexnet_demo.cli.options import (
    DEVICES,
    add_device_option,
    add_training_options,
    add_weights_option,
    settings_of,
    weights_of,
)
from alexnet_demo.cli.train import DONE, FAILED, INTERRUPTED, LOG_FORMAT
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.runs.store import find_run, list_runs
from alexnet_demo.settings import article, paths
from alexnet_demo.settings.config import SETTINGS

UNUSABLE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = build_parser().parse_args(arguments)
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal may lack × and –
        sys.stdout.reconfigure(errors="replace")
    logging.basicConfig(format=LOG_FORMAT, stream=sys.stderr)
    logging.getLogger("alexnet_demo").setLevel(logging.INFO)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of standard output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (ValueError, OSError) as error:
        print(f"alexnet_demo {options.command}: {error}", file=sys.stderr)
        return UNUSABLE
    except RuntimeError as error:
        print(f"alexnet_demo {options.command}: {error}", file=sys.stderr)
        return FAILED


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    about = "AlexNet on Fashion-MNIST: train it, look into it, ask it, show it to many."
    parser = argparse.ArgumentParser("python -m alexnet_demo", description=about)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Any, summary: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.add_argument("--json", action="store_true", help="print JSON on standard output")
        sub.set_defaults(run=run)
        return sub

    train = command("train", run_train, "train the network on Fashion-MNIST")
    add_training_options(train)
    train.add_argument("--run-dir", type=Path, help="directory of the run (default: a new one)")
    train.add_argument("--resume", metavar="RUN", help="id or directory of a run to go on with")
    train.add_argument(
        "--wait", action="store_true", help="queue behind the trainings that have the device"
    )
    train.add_argument(
        "--lr-find", action="store_true", help="try rising learning rates and suggest one"
    )

    probe = command("probe", run_probe, "measure this machine for a training's settings")
    add_training_options(probe)

    predict = command("predict", run_predict, "classify pictures")
    predict.add_argument("paths", nargs="+", metavar="PATH", help="pictures, folders, or - ")
    predict.add_argument("--kind", choices=("auto", "sketch", "photo", "dataset"), default="auto")
    predict.add_argument("--top", type=int, default=len(article.CLASSES), help="classes to print")
    add_weights_option(predict)
    add_device_option(predict)

    evaluate = command("evaluate", run_evaluate, "measure accuracy on the test set or a folder")
    evaluate.add_argument("--images", type=Path, help="a folder with one subfolder a class")
    evaluate.add_argument(
        "--test-samples", type=int, default=article.TEST_SAMPLES, help="the first so many pictures"
    )
    evaluate.add_argument(
        "--flip", action="store_true", help="also average over each picture's mirror image"
    )
    add_weights_option(evaluate)
    add_device_option(evaluate)

    export = command("export", run_export, "write a network, or a training's code, for others")
    export.add_argument("--out", type=Path, help="safetensors file to write: 8 bits, calibrated")
    export.add_argument("--onnx", type=Path, help="ONNX file to write, checked in ONNX Runtime")
    export.add_argument(
        "--script", type=Path, help="Python file to write: this training in plain PyTorch"
    )
    export.add_argument(
        "--score",
        choices=("energy", "angle", "combined"),
        default="combined",
        help="what tells clothing from other pictures",
    )
    export.add_argument(
        "--samples", type=int, default=5_000, help="pictures of each kind to calibrate on"
    )
    shipped = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    export.add_argument("--weights", type=Path, help=f"a .safetensors file (default: {shipped})")
    add_training_options(export.add_argument_group("the training of --script"))

    report = command("report", run_report, "write a run as one HTML file that opens anywhere")
    report.add_argument("name", metavar="RUN", help="id or directory of a run")
    report.add_argument("--html", type=Path, required=True, help="file to write")
    report.add_argument("--device", default="auto", help=DEVICES)

    summary = command("summary", run_summary, "print the layer table")
    summary.add_argument("--in-channels", type=int, default=1)
    summary.add_argument("--classes", type=int, default=len(article.CLASSES))
    summary.add_argument("--width", type=float, default=1.0)
    summary.add_argument("--image-size", type=int, default=article.IMAGE_SIZE)

    bench = command("bench", run_bench, "compare this engine with the article's loop")
    bench.add_argument("--device", default="auto", help=DEVICES)
    bench.add_argument("--precision", choices=SETTINGS["precision"].choices, default="auto")
    bench.add_argument("--width", type=float, default=1.0, help=SETTINGS["width"].range)
    bench.add_argument("--rounds", type=int, default=7, help="turns of each side")

    load = command("load", run_load, "send visitors to a running app and check their answers")
    load.add_argument("--url", default="http://localhost:8501", help="of the app (%(default)s)")
    load.add_argument("--users", type=int, default=50, help="sessions at once (%(default)s)")
    load.add_argument("--seconds", type=float, default=300.0, help="how long (%(default)g)")
    load.add_argument("--weights", type=Path, help="the app's network, to know the right answers")

    command("runs", run_runs, "list the runs and their states")
    command("queue", run_queue, "start queued runs as their device becomes free")
    return parser


# ------------------------------------------------------------------ the commands


def run_train(options: argparse.Namespace) -> int:
    if options.lr_find:
        if options.resume or options.run_dir:
            raise ConfigError("--lr-find trains a fresh network: leave --resume and --run-dir out.")
        if options.wait:
            raise ConfigError("--lr-find has no place in the queue: leave --wait out.")
        return run_lr_find(options)
    return train_command.run(options)


def run_lr_find(options: argparse.Namespace) -> int:
    from alexnet_demo.network import device
    from alexnet_demo.training import lr_range_test
    from alexnet_demo.training.worker import hold_device

    settings, trials = settings_of(options), []
    with hold_device(str(device.resolve(settings.device))):
        for trial in lr_range_test.range_test(settings):
            trials.append(trial)
            short = f"{trial.lr:.6f}  {trial.loss:.4f}"
            print(json.dumps(asdict(trial)) if options.json else short, flush=True)
    suggested = lr_range_test.suggest_lr(trials)
    print(json.dumps({"suggested_lr": suggested}) if options.json else f"Suggested: {suggested:g}")
    return DONE


def run_queue(_options: argparse.Namespace) -> int:
    from alexnet_demo.jobs import queue

    queue.run_scheduler()
    return DONE


def run_probe(options: argparse.Namespace) -> int:
    from alexnet_demo.settings import cost
    from alexnet_demo.training import probe

    settings = settings_of(options)
    found = probe.probe(settings)
    if options.json:
        print(json.dumps(found))
        return DONE
    speeds = [cost.Speed(**speed) for speed in found["speeds"]]
    speed, expected = speeds[-1], cost.estimate(settings, speeds)
    epoch, whole = (
        timedelta(seconds=round(seconds))
        for seconds in (expected.seconds_per_epoch, expected.total_seconds)
    )
    print(f"{speed.device_name} in {speed.precision}: {expected.images_per_s:.0f} images/s")
    print(f"an epoch {epoch}, in all {whole} (hours:minutes:seconds)")
    print(f"memory about {expected.memory_bytes / 1e9:.1f} GB")
    return DONE


def run_predict(options: argparse.Namespace) -> int:
    from alexnet_demo.inference import image_files

    failed = False
    for record in image_files.classify_paths(
        options.paths, weights_of(options), options.device, options.kind, options.top
    ):
        failed |= "error" in record
        if options.json:
            print(json.dumps(record), flush=True)
        elif "error" in record:
            print(f"{record['path']}: {record['error']}", file=sys.stderr)
        else:
            ranked = ", ".join(f"{name} {p:.1%}" for name, p in record["probabilities"].items())
            print(f"{record['path']}: {ranked}")
    return UNUSABLE if failed else DONE


def run_evaluate(options: argparse.Namespace) -> int:
    from alexnet_demo.inference import evaluate
    from alexnet_demo.network import device

    if not 1 <= options.test_samples <= article.TEST_SAMPLES:
        raise ConfigError(f"--test-samples must be between 1 and {article.TEST_SAMPLES:,}.")
    device.keep_freed_memory()
    report = evaluate.evaluate(
        weights_of(options), options.device, options.images, options.test_samples, options.flip
    )
    if options.json:
        print(json.dumps(report))
    else:
        print(evaluate.format_report(report))
    return DONE


def run_export(options: argparse.Namespace) -> int:
    kinds = {"out": _export_small, "onnx": _export_onnx, "script": _export_script}
    given = [name for name in kinds if getattr(options, name)]
    if len(given) != 1:
        raise ConfigError("Give one of --out, --onnx and --script: the file to write.")
    settings = [n for n in SETTINGS if getattr(options, n) is not None and n != "device"]
    if settings and given != ["script"]:
        raise ConfigError("Settings of a training go with --script alone: leave them out.")
    report, line = kinds[given[0]](options)
    print(json.dumps(report) if options.json else line)
    return DONE


def _export_small(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from alexnet_demo.export import quantized as export

    if not 100 <= options.samples <= article.TRAIN_SAMPLES:
        raise ConfigError(f"--samples must be between 100 and {article.TRAIN_SAMPLES:,}.")
    device, score = options.device or "auto", options.score
    report = export.export(weights_of(options), options.out, device, score, options.samples)
    found = report["certainty"]
    return report, (
        f"{report['out']}: {report['bytes'] / 1e6:.1f} MB, temperature {found['temperature']:.3f}, "
        f"fitted on {found['notes']['images']:,} pictures"
    )


def _export_onnx(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from alexnet_demo.export import onnx

    report = onnx.export(weights_of(options), options.onnx)
    return report, (
        f"{report['out']}: {report['bytes'] / 1e6:.1f} MB, in ONNX Runtime the same label on "
        f"{report['same_labels']:.1%} of {report['pictures']} test pictures, probabilities within "
        f"{report['greatest_difference']:.1g}"
    )


def _export_script(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from alexnet_demo.common.files import write_text
    from alexnet_demo.export.script import training_script

    if options.weights:
        raise ConfigError("--script writes a training's code, which needs no --weights.")
    settings = settings_of(options)
    text = training_script(settings)
    options.script.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.script, text)
    lines = text.count("\n")
    report = {"out": str(options.script), "lines": lines, "config": settings.to_json()}
    return report, f"{options.script}: {lines} lines"


def run_report(options: argparse.Namespace) -> int:
    from alexnet_demo.export import report

    done = report.write(find_run(options.name), options.html, options.device)
    if options.json:
        print(json.dumps(done))
    else:
        print(f"{done['path']}: {done['bytes'] / 1000:.0f} kB in {done['seconds']:.1f} s")
    return DONE


def run_summary(options: argparse.Namespace) -> int:
    import torch

    from alexnet_demo.network.alexnet import AlexNet
    from alexnet_demo.network.summary import format_table, summarize

    with torch.device("meta"):  # shapes without the weights' memory
        model = AlexNet(options.classes, options.in_channels, options.width, options.image_size)
    summary = summarize(model)
    print(json.dumps(summary.to_json()) if options.json else format_table(summary))
    return DONE


def run_bench(options: argparse.Namespace) -> int:
    from alexnet_demo.benchmarks import speed as bench

    if options.rounds < 1:
        raise ConfigError("--rounds must be at least 1.")
    SETTINGS["width"].check(options.width)
    report = bench.bench(options.device, options.precision, options.rounds, options.width)
    print(json.dumps(report) if options.json else bench.format_report(report))
    return DONE


def run_load(options: argparse.Namespace) -> int:
    from alexnet_demo.benchmarks.visitors import load_test

    if options.users < 1 or options.seconds <= 0:
        raise ConfigError("--users and --seconds must be above 0.")
    report = load_test.run_load_test(
        options.url, options.users, options.seconds, weights_of(options)
    )
    print(json.dumps(report) if options.json else load_test.format_report(report))
    return DONE if not report["wrong"] and not report["lost"] else FAILED


def run_runs(options: argparse.Namespace) -> int:
    for run in list_runs():
        record = run.to_json()
        if options.json:
            print(json.dumps(record))
            continue
        best = record["best_test_accuracy"]
        print(
            f"{record['id']}  {record['state']:<11}  {record['epochs']}/{record['epochs_planned']} "
            f"epochs  {f'{best:.2%}' if best is not None else '–':>7}  {record['name']}"
        )
    return DONE
