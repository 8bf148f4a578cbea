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
from dataclasses import asdict, fields
from datetime import timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_demo import __version__, config, queue
from alexnet_demo.config import CHANGEABLE, CHOICES, LIMITS, RECIPES, ConfigError, TrainConfig
from alexnet_demo.events import EventWriter
from alexnet_demo.liveness import ours, register, registered
from alexnet_demo.locks import launch_lock
from alexnet_demo.meanings import HELP
from alexnet_demo.runs import (
    Run,
    best_run,
    change,
    find_run,
    get_run,
    list_runs,
    new_run_directory,
    prepare,
)

if TYPE_CHECKING:
    from alexnet_demo.team import Team

DONE, FAILED, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
LOG_FORMAT = "%(asctime)s %(message)s"
SETTINGS = tuple(setting.name for setting in fields(TrainConfig))
DEVICES = "auto, cpu, mps, cuda or cuda:N"


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
    predict.add_argument("--top", type=int, default=len(config.CLASSES), help="classes to print")
    add_weights_options(predict)

    evaluate = command("evaluate", run_evaluate, "measure accuracy on the test set or a folder")
    evaluate.add_argument("--images", type=Path, help="a folder with one subfolder a class")
    evaluate.add_argument(
        "--test-samples", type=int, default=config.TEST_SAMPLES, help="the first so many pictures"
    )
    evaluate.add_argument(
        "--flip", action="store_true", help="also average over each picture's mirror image"
    )
    add_weights_options(evaluate)

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
    shipped = config.WEIGHTS_DIR / config.SHIPPED_WEIGHTS
    export.add_argument("--weights", type=Path, help=f"a .safetensors file (default: {shipped})")
    add_training_options(export.add_argument_group("the training of --script"))

    report = command("report", run_report, "write a run as one HTML file that opens anywhere")
    report.add_argument("name", metavar="RUN", help="id or directory of a run")
    report.add_argument("--html", type=Path, required=True, help="file to write")
    report.add_argument("--device", default="auto", help=DEVICES)

    summary = command("summary", run_summary, "print the layer table")
    summary.add_argument("--in-channels", type=int, default=1)
    summary.add_argument("--classes", type=int, default=len(config.CLASSES))
    summary.add_argument("--width", type=float, default=1.0)
    summary.add_argument("--image-size", type=int, default=config.IMAGE_SIZE)

    bench = command("bench", run_bench, "compare this engine with the article's loop")
    bench.add_argument("--device", default="auto", help=DEVICES)
    bench.add_argument("--precision", choices=CHOICES["precision"], default="auto")
    bench.add_argument("--width", type=float, default=1.0, help=LIMITS["width"].range)
    bench.add_argument("--rounds", type=int, default=7, help="turns of each side")

    load = command("load", run_load, "send visitors to a running app and check their answers")
    load.add_argument("--url", default="http://localhost:8501", help="of the app (%(default)s)")
    load.add_argument("--users", type=int, default=50, help="sessions at once (%(default)s)")
    load.add_argument("--seconds", type=float, default=300.0, help="how long (%(default)g)")
    load.add_argument("--weights", type=Path, help="the app's network, to know the right answers")

    command("runs", run_runs, "list the runs and their states")
    command("queue", run_queue, "start queued runs as their device becomes free")
    return parser


def add_training_options(parser: argparse._ActionsContainer) -> None:
    """One option for each setting; what is not given comes from the recipe."""
    plain, meanings = TrainConfig(), {**HELP, "device": DEVICES}
    for setting in fields(TrainConfig):
        name, value = setting.name, getattr(plain, setting.name)
        option = f"--{name.replace('_', '-')}"
        if name == "recipe":
            parser.add_argument(option, choices=tuple(RECIPES), help=f"default: {value}")
        elif name in CHOICES:
            parser.add_argument(option, choices=CHOICES[name], help=meanings[name])
        elif name in LIMITS:
            words = f"{meanings.get(name, LIMITS[name].label + '.')} {LIMITS[name].range}"
            parser.add_argument(option, type=type(value), help=words.replace("%", "%%"))
        elif isinstance(value, bool):
            option_of_two = argparse.BooleanOptionalAction
            parser.add_argument(option, action=option_of_two, default=None, help=meanings[name])
        else:
            parser.add_argument(option, help=meanings[name].replace("%", "%%"))


def add_weights_options(parser: argparse.ArgumentParser) -> None:
    shipped = config.WEIGHTS_DIR / config.SHIPPED_WEIGHTS
    parser.add_argument("--weights", type=Path, help=f"a .safetensors file (default: {shipped})")
    parser.add_argument("--device", default="auto", help=DEVICES)


def settings_of(options: argparse.Namespace) -> TrainConfig:
    """The training settings given on the command line."""
    given = {name: getattr(options, name) for name in SETTINGS if name != "recipe"}
    return TrainConfig.from_recipe(options.recipe or "article", **given)


def weights_of(options: argparse.Namespace) -> Path:
    """The weights given on the command line, else the shipped ones."""
    shipped = config.WEIGHTS_DIR / config.SHIPPED_WEIGHTS
    if options.weights or shipped.is_file():
        return options.weights or shipped
    best = best_run()
    example = best.best if best else Path("runs", "RUN", "checkpoints", "best.safetensors")
    raise ConfigError(
        f"No trained network comes with this copy: name one, such as --weights {example} "
        "(`python -m alexnet_demo runs` lists what was trained here)."
    )


# ------------------------------------------------------------------ the commands


def run_train(options: argparse.Namespace) -> int:
    if options.lr_find:
        if options.resume or options.run_dir:
            raise ConfigError("--lr-find trains a fresh network: leave --resume and --run-dir out.")
        if options.wait:
            raise ConfigError("--lr-find has no place in the queue: leave --wait out.")
        return run_lr_find(options)
    if options.wait:
        return _train_in_turn(options)
    from alexnet_demo.team import assembled

    with assembled() as team:
        told = ""
        if team.leads:
            directory, settings = _resumed(options) if options.resume else _prepared(options)
            told = json.dumps([str(directory), settings.to_json()])
        place, record = json.loads(team.agree_text(told))
        directory, settings = Path(place), TrainConfig.from_json(record)
        if team.leads:
            queue.leave(Run(directory))  # who started this may have been killed before it did so
            _log_to(directory / "train.log")
        else:
            logging.getLogger("alexnet_demo").setLevel(logging.ERROR)  # one speaks for all
        if settings.devices > team.size == 1:
            if not registered(directory, os.getpid()):
                register(directory, os.getpid())
            return _train_in_a_team(options, directory, settings)
        return _train_here(options, directory, settings, team)


def _train_in_turn(options: argparse.Namespace) -> int:
    """Have a run started when its turn comes, by whoever attends the queue, and watch it."""
    from alexnet_demo import jobs
    from alexnet_demo.access import CONTROLLER
    from alexnet_demo.terminal import watch

    if options.run_dir or "RANK" in os.environ:
        raise ConfigError("The queue is of the runs under runs/: leave --run-dir and torchrun out.")
    if options.resume:
        waiting, _ = _to_resume(options)
        if waiting.directory.parent != config.RUNS_DIR:
            raise ConfigError(f"{waiting.directory} is not under runs/: leave --wait out.")
        outcome = jobs.resume(waiting, permit=CONTROLLER)
    else:
        outcome = jobs.start(settings_of(options), permit=CONTROLLER)
    run = get_run(str(outcome.run_id))
    if not outcome.done or not run:
        raise ConfigError(outcome.message)
    print(f"{outcome.message} ({run.id})", file=sys.stderr)
    echo = sys.stdout if options.json else None
    state = watch(run, echo, from_now=bool(options.resume))
    if state in ("failed", "interrupted"):
        raise RuntimeError(run.error)
    return _tell_end(state, run, options.json)


def _tell_end(reason: str, run: Run, json_only: bool) -> int:
    """Print how a training ended, and return the exit status."""
    if not json_only:
        best = run.best_accuracy
        reached = "" if best is None else f", best {run.config.tested_on} accuracy {best:.2%}"
        print(f"{reason.capitalize()}{reached}: {run.directory}")
    return INTERRUPTED if reason == "stopped" else DONE


def _train_here(
    options: argparse.Namespace, directory: Path, settings: TrainConfig, team: Team
) -> int:
    """Train in this process, alone or as one of a team."""
    from alexnet_demo.process import run_training

    echo = sys.stdout if options.json else None
    reason = run_training(settings, directory, echo, team)
    status = _tell_end(reason, Run(directory), options.json or not team.leads)
    return status if team.size == 1 else DONE  # to torchrun, any other is a breakdown


def _train_in_a_team(options: argparse.Namespace, directory: Path, settings: TrainConfig) -> int:
    """Train in as many processes as asked for, and wait for them."""
    from alexnet_demo.team import PROCESS_LOST, launch

    arguments = [*settings.command(), "--run-dir", str(directory)]
    if options.resume:
        arguments = ["train", "--resume", str(directory)]
    status = launch([*arguments, *(["--json"] if options.json else [])], settings.devices)
    run = Run(directory)
    if status != 0 and run.history.end is None:  # torchrun calls a polite kill a breakdown, too
        events = EventWriter(run.events)
        events.write("error", message=PROCESS_LOST.format(size=settings.devices))
        events.close()
    state = run.state
    return {"stopped": INTERRUPTED, "finished": DONE, "paused": DONE}.get(state, FAILED)


def _log_to(path: Path) -> None:
    """Let a terminal's run have a log too."""
    if _written_to(path):
        return
    to_file = logging.FileHandler(path, encoding="utf-8")
    to_file.setFormatter(logging.Formatter(LOG_FORMAT))
    logging.getLogger("alexnet_demo").addHandler(to_file)


def _ours(directory: Path) -> bool:
    """Whether the run is registered for this process, or for the one that launched its team."""
    pids = (os.getpid(), int(os.environ.get("ALEXNET_DEMO_LAUNCHER", "0")))
    return ours(directory) or any(registered(directory, pid) for pid in pids if pid)


def run_lr_find(options: argparse.Namespace) -> int:
    from alexnet_demo import device, lr_find
    from alexnet_demo.process import holding

    settings, trials = settings_of(options), []
    with holding(str(device.resolve(settings.device))):
        for trial in lr_find.range_test(settings):
            trials.append(trial)
            short = f"{trial.lr:.6f}  {trial.loss:.4f}"
            print(json.dumps(asdict(trial)) if options.json else short, flush=True)
    suggested = lr_find.suggestion(trials)
    print(json.dumps({"suggested_lr": suggested}) if options.json else f"Suggested: {suggested:g}")
    return DONE


def _prepared(options: argparse.Namespace) -> tuple[Path, TrainConfig]:
    """A directory to train in from the beginning, and its settings."""
    from alexnet_demo import device

    settings = settings_of(options)
    directory = (options.run_dir or new_run_directory(settings.recipe)).resolve()
    run = Run(directory)
    restarted = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
    if restarted and not options.run_dir:
        raise ConfigError("A training that torchrun restarts needs a --run-dir, to find itself.")
    if (run.events.exists() or run.states) and not restarted:
        raise ConfigError(f"{directory} holds a run already: give it to --resume, or name another.")
    if not (directory / "config.json").exists():
        # Refused before anything is written; a page's run is there already and records it.
        wanted = str(device.check(settings))
        with launch_lock():  # until it is registered: of two at once the second is to see the first
            queue.demand_free(wanted)
            prepare(directory, settings)
            register(directory, os.getpid())
    elif run.read_config() != settings:
        raise ConfigError(f"{directory} was made for other settings: name another directory.")
    return directory, settings


def _to_resume(options: argparse.Namespace) -> tuple[Run, TrainConfig]:
    """The run to go on with, and its settings, changed as asked for."""
    given = {n: v for n in SETTINGS if (v := getattr(options, n)) is not None}
    if options.run_dir or not given.keys() <= set(CHANGEABLE):
        changeable = ", ".join(f"--{name.replace('_', '-')}" for name in CHANGEABLE)
        raise ConfigError(
            f"--resume goes on with the run's own settings: only {changeable} can be changed."
        )
    run = get_run(options.resume) or Run(Path(options.resume).resolve())
    if not (run.directory / "config.json").is_file():
        raise ConfigError(f"{options.resume!r} is no run to go on with: `runs` lists them.")
    if run.active and not _ours(run.directory):
        raise ConfigError(f"{run.id} is training already.")
    settings = change(run, **given) if given else run.read_config()
    if run.state == "finished" and not run.unfinished:
        raise ConfigError(f"{run.id} is finished: --epochs with a greater number goes on with it.")
    return run, settings


def _resumed(options: argparse.Namespace) -> tuple[Path, TrainConfig]:
    """The directory of a run to go on with here and now, and its settings."""
    from alexnet_demo import device

    run, settings = _to_resume(options)
    if not _ours(run.directory):  # a page did this before it started us, and may have asked anew
        wanted = str(device.check(settings))
        with launch_lock():
            queue.demand_free(wanted, run)
            (run.directory / "request").unlink(missing_ok=True)
            register(run.directory, os.getpid())
    return run.directory, settings


def _written_to(log: Path) -> bool:
    """Whether standard error goes to this file already, as where a page started the process."""
    try:
        return os.path.samestat(os.fstat(sys.stderr.fileno()), log.stat())
    except (OSError, ValueError):
        return False


def run_queue(_options: argparse.Namespace) -> int:
    from alexnet_demo import attendant

    attendant.attend_queue()
    return DONE


def run_probe(options: argparse.Namespace) -> int:
    from alexnet_demo import cost, device

    settings = settings_of(options)
    found = device.probe(settings)
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
    from alexnet_demo import predict

    failed = False
    for record in predict.classify_paths(
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
    from alexnet_demo import device, evaluate

    if not 1 <= options.test_samples <= config.TEST_SAMPLES:
        raise ConfigError(f"--test-samples must be between 1 and {config.TEST_SAMPLES:,}.")
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
    from alexnet_demo import export

    if not 100 <= options.samples <= config.TRAIN_SAMPLES:
        raise ConfigError(f"--samples must be between 100 and {config.TRAIN_SAMPLES:,}.")
    device, score = options.device or "auto", options.score
    report = export.export(weights_of(options), options.out, device, score, options.samples)
    found = report["certainty"]
    return report, (
        f"{report['out']}: {report['bytes'] / 1e6:.1f} MB, temperature {found['temperature']:.3f}, "
        f"fitted on {found['notes']['images']:,} pictures"
    )


def _export_onnx(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from alexnet_demo import onnx_file

    report = onnx_file.export(weights_of(options), options.onnx)
    return report, (
        f"{report['out']}: {report['bytes'] / 1e6:.1f} MB, in ONNX Runtime the same label on "
        f"{report['same_labels']:.1%} of {report['pictures']} test pictures, probabilities within "
        f"{report['greatest_difference']:.1g}"
    )


def _export_script(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from alexnet_demo.files import write_text
    from alexnet_demo.script import training_script

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
    from alexnet_demo import report

    done = report.write(find_run(options.name), options.html, options.device)
    if options.json:
        print(json.dumps(done))
    else:
        print(f"{done['path']}: {done['bytes'] / 1000:.0f} kB in {done['seconds']:.1f} s")
    return DONE


def run_summary(options: argparse.Namespace) -> int:
    import torch

    from alexnet_demo.model import AlexNet
    from alexnet_demo.summary import format_table, summarize

    with torch.device("meta"):  # shapes without the weights' memory
        model = AlexNet(options.classes, options.in_channels, options.width, options.image_size)
    summary = summarize(model)
    print(json.dumps(summary.to_json()) if options.json else format_table(summary))
    return DONE


def run_bench(options: argparse.Namespace) -> int:
    from alexnet_demo import bench

    if options.rounds < 1:
        raise ConfigError("--rounds must be at least 1.")
    LIMITS["width"].check(options.width)
    report = bench.bench(options.device, options.precision, options.rounds, options.width)
    print(json.dumps(report) if options.json else bench.format_report(report))
    return DONE


def run_load(options: argparse.Namespace) -> int:
    from alexnet_demo.load import crowd

    if options.users < 1 or options.seconds <= 0:
        raise ConfigError("--users and --seconds must be above 0.")
    report = crowd.load(options.url, options.users, options.seconds, weights_of(options))
    print(json.dumps(report) if options.json else crowd.in_words(report))
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


if __name__ == "__main__":
    sys.exit(main())
