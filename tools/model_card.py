"""Write the model card: ``python tools/model_card.py [RUN] [--weights FILE] [--real DIR]``.

Measures the included weights and saves the records in ``weights/card.json``, then renders them as
``weights/README.md`` with the template ``model_card.md.jinja``. RUN is the run that trained the
weights; without it, what is recorded of the training stays. ``--again`` renders the saved records
without measuring.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.common import text
from alexnet_demo.common.files import read_json, write_json, write_text
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.inference.confidence import ConfidenceModel
from alexnet_demo.inference.evaluate import evaluate
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import count_parameters
from alexnet_demo.network.distinct_units import COPY_COSINE
from alexnet_demo.runs.events import EventReader
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import article, config, paths
from tools import not_clothing, real_images

Record = dict[str, Any]
INCLUDED = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
CARD, RECORDS = paths.WEIGHTS_DIR / "README.md", paths.WEIGHTS_DIR / "card.json"


# ------------------------------------------------------------------ the training


def describe_training(run: Run, earlier: Sequence[Run], whole: Path | None) -> Record:
    """What the card says of how weights were trained.

    Args:
        run: the source of the weights.
        earlier: the runs whose weights it was begun with, the first one first.
        whole: the run's weights in float32, from `source_of`.
    """
    return {
        "run": describe_run(run),
        "earlier": [describe_run(one) for one in earlier],
        "source": (whole or run.best).name,
    }


def describe_run(run: Run) -> Record:
    """A run's settings, machine, duration, and metrics by epoch."""
    history = run.history
    if history.start is None or history.best is None:
        raise ValueError(f"{run.directory} is not a run with a finished epoch.")
    start = history.start
    starts = [e for e in EventReader(run.events).read() if e["event"] == "start"]
    return {
        "id": run.id,
        "recipe": run.config.recipe,
        "seed": run.config.seed,
        "tested_on": run.config.eval_split,
        "tested_images": run.config.eval_images,
        "train_images": run.config.train_images,
        "began": history.started_at,
        "seconds": history.seconds,
        "best_epoch": history.best["epoch"],
        "epochs": history.epochs,
        "commands": commands([e["config"] for e in starts], bool(start.get("began_with"))),
        "starts": [{"step": e["step"], "commit": e.get("commit")} for e in starts],
        **{
            name: start.get(name)
            for name in (
                "device_name",
                "precision",
                "processes",
                "versions",
                "commit",
                "began_with",
            )
        },
    }


def commands(records: Sequence[Record], further: bool = False) -> list[str]:
    """The commands of a run: the first one, then one each time it was resumed with other settings.

    Args:
        records: its settings at each start.
        further: whether the run began with trained weights.
    """
    program = ["python", "-m", "alexnet_demo"]
    configs = [config.TrainConfig.from_json(record) for record in records]
    lines = [shlex.join([*program, *configs[0].command()]) + " --start WEIGHTS" * further]
    for before, after in pairwise(configs):
        options = [
            f"{config.option(name)} {getattr(after, name)}"
            for name in config.CHANGEABLE
            if getattr(after, name) != getattr(before, name)
        ]
        if options:
            lines.append(" ".join([*program, "train --resume RUN", *options]))
    return lines


def source_of(run: Run, epoch: int | None) -> Path | None:
    """The run's best or last weights in float32, whichever are of that epoch; else None."""
    for path in (run.best, run.last):
        if path.is_file() and checkpoint.load_weights(path)[1].get("epoch") == epoch:
            return path
    return None


# ------------------------------------------------------------------ measuring


def describe_weights(weights: Path) -> Record:
    """The file's size, digest, number of parameters, and confidence record."""
    model, info = checkpoint.load_weights(weights)
    return {
        "name": weights.name,
        "bytes": weights.stat().st_size,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "parameters": count_parameters(model),
        "width": model.width,
        "epoch": info.get("epoch"),
        "step": info.get("step"),
        "quantized": info.get("quantized"),
        "certainty": info.get("certainty") or ConfidenceModel().to_json(),
    }


def measure(
    weights: Path,
    real: Path | None = None,
    device: str = "auto",
    samples: int = article.TEST_SAMPLES,
    count: int = 300,
    whole: Path | None = None,
) -> Record:
    """Measure everything on the card but the training, JSON-able.

    Args:
        weights: the included file.
        real: folder of labeled images with a manifest, see `real_images`.
        device: name for `device.resolve`.
        samples: number of test images.
        count: images of each set of `not_clothing`.
        whole: the same weights in float32, which are measured, too.
    """
    classifier = Classifier.load(weights, device)

    def on_test_set(path: Path) -> Record:
        return evaluate(path, device, samples=samples, fastest=False) | {"weights": path.name}

    return {
        "weights": describe_weights(weights),
        "test": on_test_set(weights),
        "float_test": on_test_set(whole) if whole else None,
        "not_clothing": not_clothing.measure(classifier, count),
        "real": real_images.measure(real, weights, device) if real else None,
        "float_real": real_images.measure(real, whole, device) if real and whole else None,
    }


# ------------------------------------------------------------------ rendering


def card(record: Record) -> str:
    """Render the records as Markdown."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": percent, "count": "{:,}".format, "clock": clock}
    run, weights = record["run"], record["weights"]
    # The weights of a run that was stopped may be newer than its last finished epoch.
    stopped = weights.get("step") or 0
    if stopped <= run["epochs"][-1]["step"]:
        stopped = 0
    runs = [
        {
            **one,
            "versions": one["versions"] or {},
            "began": f"{datetime.fromtimestamp(one['began'], UTC):%d %B %Y, %H:%M} UTC",
        }
        for one in (*record["earlier"], run)
    ]
    return environment.get_template("model_card.md.jinja").render(
        record,
        runs=runs,
        results=paths.SHIPPED_RESULTS,
        classes=article.CLASSES,
        bins=article.CALIBRATION_BINS,
        copy_cosine=COPY_COSINE,
        epoch=0 if stopped else weights["epoch"] or run["best_epoch"],
        stopped=stopped,
        source="last.safetensors" if stopped else record["source"],
        confusions=confusions(record["test"]["confusion"]),
        confidence=weights["certainty"],
    )


def percent(share: float | None, digits: int = 2) -> str:
    """A share from 0 to 1 as a percentage; a dash for None."""
    return "–" if share is None else text.percent(share, digits)


def clock(seconds: float) -> str:
    """A duration such as ``1:58:01``."""
    return str(timedelta(seconds=round(seconds)))


def confusions(confusion: Sequence[Sequence[int]], most: int = 4) -> list[str]:
    """The most frequent mistakes in a confusion matrix with true classes as rows."""
    mistakes = [
        (count, article.CLASSES[true], article.CLASSES[predicted])
        for true, row in enumerate(confusion)
        for predicted, count in enumerate(row)
        if true != predicted and count
    ]
    top = sorted(mistakes, reverse=True)[:most]
    return [f"{true} as {predicted} ({count})" for count, true, predicted in top] or ["none"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, nargs="?", help="directory of the run")
    parser.add_argument(
        "--earlier", type=Path, nargs="*", default=[], help="runs that it was begun with, in order"
    )
    parser.add_argument("--weights", type=Path, default=INCLUDED, help="the included file")
    parser.add_argument("--real", type=Path, metavar="DIR", help="labeled images with a manifest")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--test-samples", type=int, default=article.TEST_SAMPLES)
    parser.add_argument("--count", type=int, default=300, help="images per set of not_clothing")
    parser.add_argument("--records", type=Path, default=RECORDS, help="JSON file of the records")
    parser.add_argument("--again", action="store_true", help="render the saved records")
    parser.add_argument("--out", type=Path, default=CARD)
    options = parser.parse_args()
    record, whole = read_json(options.records), None
    if options.run:
        run = Run(options.run)
        whole = source_of(run, checkpoint.load_weights(options.weights)[1].get("epoch"))
        record |= describe_training(run, [Run(path) for path in options.earlier], whole)
    elif "run" not in record:
        parser.error("RUN is required: the directory of the run that the weights came from")
    if not options.again:
        record |= measure(
            *(options.weights, options.real, options.device),
            *(options.test_samples, options.count, whole),
        )
    write_json(options.records, record)
    write_text(options.out, card(record))
    print(f"Wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
