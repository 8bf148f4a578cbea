"""``probe``, ``backend``, ``bench``, and ``load``: how fast this machine and a running app are."""

from __future__ import annotations

from typing import Any

from alexnet_demo.cli import options
from alexnet_demo.cli.options import Options, file_path, number
from alexnet_demo.common.text import duration, memory, percent, precision_name
from alexnet_demo.settings import cost
from alexnet_demo.settings.config import SETTINGS


def add_commands(add_command: Any) -> None:
    probe = add_command("probe", run_probe, "measure this machine's speed for a run")
    options.add_training_options(probe)
    backend = add_command(
        "backend", run_backend, "choose what runs a model fastest on this CPU, for predictions"
    )
    options.add_weights_option(backend)
    bench = add_command("bench", run_bench, "compare this engine with the article's loop")
    options.add_device_option(bench)
    precision, width = SETTINGS["precision"], SETTINGS["width"]
    bench.add_argument("--precision", choices=precision.choices, default="auto")
    in_range = number(float, *width.bounds)
    bench.add_argument("--width", type=in_range, default=1.0, help=width.range)
    rounds = number(int, 1, 1_000)
    bench.add_argument("--rounds", type=rounds, default=7, help="measurements of each side")
    load = add_command(
        "load", run_load, "simulate visitors of a running app and check their predictions"
    )
    load.add_argument("--url", default="http://localhost:8501", help="of the app (%(default)s)")
    users, seconds = number(int, 1, 10_000), number(float, 0.1, 1e6)
    load.add_argument("--users", type=users, default=50, help="concurrent sessions (%(default)s)")
    load.add_argument("--seconds", type=seconds, default=300.0, help="how long (%(default)g)")
    load.add_argument("--watch", action="store_true", help="only watch a run on the Train page")
    load.add_argument(
        "--weights", type=file_path, help="the app's model, for the expected predictions"
    )


def run_probe(args: Options) -> None:
    settings = options.settings_of(args)
    from alexnet_demo.training import probe

    record = probe.probe(settings)
    speeds = [cost.Speed(**speed) for speed in record["speeds"]]
    speed, expected = speeds[-1], cost.estimate(settings, speeds)
    text = (
        f"{speed.device_name} in {precision_name(speed.precision, speed.tf32)}: "
        f"{expected.images_per_s:.0f} images/s\n"
        f"{duration(expected.seconds_per_epoch)} per epoch, {duration(expected.total_seconds)} in "
        f"total\nabout {memory(expected.memory_bytes)} of memory, "
        f"{memory(expected.disk_bytes)} on disk"
    )
    if record["other_load"] >= cost.BUSY and speed.device == "cpu":
        text += f"\nother programs used {percent(record['other_load'], 0)} of the processors"
    for device in record["devices"]:
        if device["problem"]:
            text += f"\n{device['id']} cannot be used: {device['problem']}"
    options.show(args, record, text)


def run_backend(args: Options) -> None:
    from alexnet_demo.inference import backend_choice
    from alexnet_demo.inference.classifier import Classifier

    report = backend_choice.choose(Classifier.load_with_digest(options.weights_of(args)))
    options.show(args, report, backend_choice.format_report(report))


def run_bench(args: Options) -> None:
    from alexnet_demo.benchmarks import speed
    from alexnet_demo.network import device

    # Before each side loads PyTorch in a process of its own
    device.check_precision(args.precision, device.resolve(args.device))
    report = speed.bench(args.device, args.precision, args.rounds, args.width)
    options.show(args, report, speed.format_report(report))


def run_load(args: Options) -> int:
    from alexnet_demo.benchmarks.visitors import load_test

    if args.watch:
        report = load_test.run_watch_test(args.url, args.users, args.seconds)
        text = (
            f"{report['users']} users, {report['requests']} requests\n"
            f"{report['cpu_share']:.1%} of a core, {report['cpu_ms']} ms per request"
        )
        options.show(args, report, text)
        return options.DONE
    report = load_test.run_load_test(args.url, args.users, args.seconds, options.weights_of(args))
    options.show(args, report, load_test.format_report(report))
    return options.FAILED if report["wrong"] or report["lost"] else options.DONE
