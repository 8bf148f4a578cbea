"""``experiment``: run an experiment's twin runs, one after the other, and print the verdict."""

from __future__ import annotations

import sys
from typing import Any

from alexnet_demo.cli import options
from alexnet_demo.cli.follow import follow
from alexnet_demo.cli.options import DONE, INTERRUPTED, Options, file_path, number
from alexnet_demo.common.access import ADMIN
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import prepare_output, write_text
from alexnet_demo.common.text import duration
from alexnet_demo.jobs import experiments
from alexnet_demo.runs.state import State
from alexnet_demo.runs.twin_runs import is_done, result, runs_here, twin_run
from alexnet_demo.settings.config import SETTINGS
from alexnet_demo.settings.experiments import EXPERIMENTS, Experiment


def add_commands(add_command: Any) -> None:
    parser = add_command("experiment", run_experiment, "compare runs that differ in one thing")
    parser.add_argument("name", nargs="?", metavar="NAME", help="one of those that --list prints")
    parser.add_argument("--list", action="store_true", help="list the experiments")
    parser.add_argument("--html", type=file_path, help="also write a report as one HTML file")
    seed = number(int, *SETTINGS["seed"].bounds)
    parser.add_argument("--seed", type=seed, default=0, help=SETTINGS["seed"].help)


def run_experiment(args: Options) -> int:
    if args.list == bool(args.name):
        raise ConfigError("Choose either the name of an experiment or --list.")
    if args.list:
        _list(args)
        return DONE
    experiment = EXPERIMENTS.get(args.name)
    if experiment is None:
        raise ConfigError(f"No experiment {args.name!r}: choose {', '.join(EXPERIMENTS)}.")
    if args.html:
        prepare_output(args.html)
    for label in experiment.variants:
        if not _run(experiment, label, args.seed):
            return INTERRUPTED
    runs = runs_here(experiment).get(args.seed, {})
    curves = [twin_run(label, run) for label, run in runs.items()]
    verdict = result(experiment, curves)
    if verdict is None:
        raise ConfigError("A run was deleted meanwhile. Give the command again to train it anew.")
    if args.html:
        from alexnet_demo.export import experiment_report  # slow to import, because of Plotly

        write_text(args.html, experiment_report.render(experiment, curves))
    text = "\n".join(
        [
            *(f"{label}: {figures}" for label, figures in verdict.figures.items()),
            f"Outcome: {experiment.options[verdict.outcome]} "
            f"({'' if verdict.as_expected else 'not '}as one would expect).",
            *verdict.sentences,
        ]
    )
    record = {"experiment": experiment.name, "seed": args.seed, **vars(verdict)}
    record["runs"] = {label: run.id for label, run in runs.items()}
    options.show(args, record, text)
    return DONE


def _run(experiment: Experiment, label: str, seed: int) -> bool:
    """Train one variant, unless that is done; False if it was stopped.

    Raises:
        RuntimeError: when it failed, but did not diverge.
    """
    (run,) = experiments.start(experiment, [label], seed, role=ADMIN)
    print(f"{run.name} ({run.id})", file=sys.stderr, flush=True)
    state = run.state if is_done(run) else follow(run)
    if state in (State.STOPPED, State.PAUSED):
        return False
    if not is_done(run):
        raise RuntimeError(run.error)
    return True


def _list(args: Options) -> None:
    records: list[dict[str, Any]] = [
        {
            "name": each.name,
            "title": each.title,
            "question": each.question,
            "variants": {label: dict(changes) for label, changes in each.variants.items()},
            "expected_seconds": round(each.seconds),
        }
        for each in EXPERIMENTS.values()
    ]
    width = max(map(len, EXPERIMENTS))
    lines = (
        f"{r['name']:{width}}  {', '.join(r['variants'])} (about {duration(r['expected_seconds'])})"
        for r in records
    )
    options.show(args, records, "\n".join(lines))
