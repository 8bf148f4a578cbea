"""Write the model card: ``python tools/model_card.py RUN [--weights FILE] [--real DIR]``.

Measures the weights as they ship, then writes ``weights/README.md`` from these records and from
what the run wrote down about itself. ``--records FILE`` keeps the records, and ``--again`` formats
them anew without measuring.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

from alexnet_demo.settings import article, paths

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.common.files import read_json, write_atomically, write_json
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.inference.confidence import ConfidenceModel
from alexnet_demo.inference.evaluate import evaluate
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import count_parameters
from alexnet_demo.runs.events import EventReader
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import config
from tools import not_clothing, real_images

Record = dict[str, Any]
SHIPPED = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
CARD = paths.WEIGHTS_DIR / "README.md"


# ------------------------------------------------------------------ measuring


def describe_run(run: Run) -> Record:
    """What a run says of itself: settings, place, time and curve."""
    history = run.history
    if history.start is None or history.best is None:
        raise ValueError(f"{run.directory} holds no run with an epoch that was tested.")
    start = history.start
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
        "starts": [
            {"step": e["step"], "commit": e.get("commit"), "config": e["config"]}
            for e in EventReader(run.events).read()
            if e["event"] == "start"
        ],
        **{
            name: start.get(name)
            for name in ("device_name", "precision", "processes", "versions", "commit")
        },
    }


def source_of(run: Run, epoch: int | None) -> Path | None:
    """The run's weights in float32 of that epoch, its best or its last, if it still has them."""
    for path in (run.best, run.last):
        if path.is_file() and checkpoint.load_weights(path)[1].get("epoch") == epoch:
            return path
    return None


def describe_weights(weights: Path) -> Record:
    """The file: size, digest, number of parameters, certainty."""
    model, info = checkpoint.load_weights(weights)
    return {
        "name": weights.name,
        "bytes": weights.stat().st_size,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "parameters": count_parameters(model),
        "width": model.width,
        "epoch": info.get("epoch"),
        "quantized": info.get("quantized"),
        "certainty": info.get("certainty") or ConfidenceModel().to_json(),
    }


def measure(
    run: Run,
    weights: Path,
    real: Path | None = None,
    device: str = "auto",
    samples: int = article.TEST_SAMPLES,
    count: int = 300,
) -> Record:
    """Everything that the card tells, JSON-able.

    Args:
        run: that the weights came from; its own of the same epoch are measured beside them.
        weights: the file that ships.
        real: folder of real pictures with a manifest, see `real_images`.
        device: name for `device.resolve`.
        samples: of the test set.
        count: pictures of each family that is no clothing.
    """
    classifier = Classifier.load(weights, device)
    about = describe_weights(weights)
    whole = source_of(run, about["epoch"])
    return {
        "run": describe_run(run),
        "weights": about,
        "source": whole.name if whole else run.best.name,
        "test": evaluate(weights, device, samples=samples),
        "float_test": evaluate(whole, device, samples=samples) if whole else None,
        "not_clothing": not_clothing.measure(classifier, count, []),
        "real": real_images.measure(real, weights, device) if real else None,
        "float_real": real_images.measure(real, whole, device) if real and whole else None,
    }


# ------------------------------------------------------------------ formatting


def card(record: Record) -> str:
    """The records as Markdown."""
    parts = [
        *introduction(record),
        *training(record["run"], record["weights"]["epoch"] or record["run"]["best_epoch"]),
        *test_scores(record),
        *(real_scores(record) if record["real"] else []),
        *certainty(record),
        LIMITS,
        LICENCE,
        OWN_WEIGHTS,
    ]
    return "\n".join(parts) + "\n"


def introduction(record: Record) -> list[str]:
    weights = record["weights"]
    stored = "8 bits with a scale for each output channel" if weights["quantized"] else "floats"
    width = "" if weights["width"] == 1 else f" at {weights['width']:g} of its width"
    return [
        "# AlexNet on Fashion-MNIST",
        "",
        f"The network that comes with this program: the article's AlexNet{width}, "
        f"{weights['parameters']:,} parameters, one grey picture of 224×224 in, ten classes out. "
        "Trained from scratch on Fashion-MNIST's training images and transformations of them; "
        "nothing else was seen, and no other network helped.",
        "",
        *table(
            ("", ""),
            [
                ("file", f"`{weights['name']}`, {weights['bytes'] / 1e6:.1f} MB, safetensors"),
                ("weights stored in", stored),
                ("SHA-256", f"`{weights['sha256']}`"),
                ("classes", ", ".join(article.CLASSES)),
            ],
        ),
        "",
        "Every figure below stands beside the command that gives it. This card is itself written "
        f"by a command: `python tools/model_card.py RUN{' --real DIR' if record['real'] else ''}`.",
        "",
    ]


def commands(starts: Sequence[Record]) -> list[str]:
    """What was typed: the training's own command, then one for each time it went on."""
    program = ["python", "-m", "alexnet_demo"]
    configs = [config.TrainConfig.from_json(start["config"]) for start in starts]
    lines = [shlex.join([*program, *configs[0].command()])]
    for before, after in pairwise(configs):
        changes = {
            name: getattr(after, name)
            for name in config.CHANGEABLE
            if getattr(after, name) != getattr(before, name)
        }
        options = [f"--{name.replace('_', '-')} {value}" for name, value in changes.items()]
        lines.append(" ".join([*program, "train --resume RUN", *options]))
    return lines


def training(run: Record, epoch: int) -> list[str]:
    """Recipe, place, time, and the curve; the weights are those of this epoch."""
    began = datetime.fromtimestamp(run["began"], timezone.utc)
    versions = ", ".join(f"{name} {version}" for name, version in (run["versions"] or {}).items())
    on = run["tested_on"]
    rows = [
        (
            f"**{e['epoch']}**" if e["epoch"] == epoch else str(e["epoch"]),
            f"{e.get('width', 1):g}",
            f"{e['train_loss']:.4f}",
            percent(e["train_accuracy"]),
            f"{e['test_loss']:.4f}",
            percent(e["test_accuracy"]),
            str(timedelta(seconds=round(e["elapsed"]))),
        )
        for e in run["epochs"]
    ]
    return [
        "## Training",
        "",
        "```bash",
        *commands(run["starts"]),
        "```",
        "",
        *table(
            ("", ""),
            [
                ("recipe", f"`{run['recipe']}`"),
                ("training images", f"{run['train_images']:,}"),
                ("seed", str(run["seed"])),
                ("begun", f"{began:%d %B %Y, %H:%M} UTC"),
                (
                    "time",
                    str(timedelta(seconds=round(run["seconds"]))) + " (hours:minutes:seconds)",
                ),
                ("device", f"{run['device_name']}, {run['precision']}"),
                ("versions", versions or "unknown"),
                (
                    "commit",
                    "; ".join(
                        f"`{s['commit'] or 'unknown'}` from step {s['step']:,} on"
                        for s in run["starts"]
                    ),
                ),
            ],
        ),
        "",
        f"The curve, tested on {run['tested_images']:,} {on} images; the weights are those of the "
        "epoch in bold. Training loss and accuracy are those of the pictures as they were shown, "
        "changed and with dropout.",
        "",
        *table(
            ("epoch", "width", "training loss", "accuracy", f"{on} loss", "accuracy", "time"), rows
        ),
        "",
    ]


def test_scores(record: Record) -> list[str]:
    """The test set: accuracy, by class, what is taken for what, and what 8 bits cost."""
    test, plain = record["test"], record["float_test"]
    lines = [
        "## Fashion-MNIST test set",
        "",
        "```bash",
        "python -m alexnet_demo evaluate",
        "```",
        "",
        f"**{percent(test['accuracy'])}** of {test['samples']:,} pictures, cross-entropy "
        f"{test['loss']:.4f}, in {test['seconds']:.0f} s, each picture seen once.",
        "",
        *table(
            ("class", "precision", "recall", "pictures"),
            [
                (name, percent(c["precision"]), percent(c["recall"]), f"{c['samples']:,}")
                for name, c in test["classes"].items()
            ],
        ),
        "",
        "Most often mistaken: " + "; ".join(confusions(test["confusion"])) + ".",
        "",
    ]
    if plain:
        points = 100 * (test["accuracy"] - plain["accuracy"])
        lines += [
            f"The same network in float32 reaches {percent(plain['accuracy'])}: the shipped file "
            f"differs by {points:+.2f} points "
            "(`python -m alexnet_demo evaluate --weights "
            f"runs/RUN/checkpoints/{record['source']}`).",
            "",
        ]
    return lines


def confusions(confusion: Sequence[Sequence[int]], count: int = 4) -> list[str]:
    """The most frequent mistakes of a confusion matrix, rows true, in words."""
    mistakes = [
        (number, article.CLASSES[true], article.CLASSES[said])
        for true, row in enumerate(confusion)
        for said, number in enumerate(row)
        if true != said and number
    ]
    found = sorted(mistakes, reverse=True)[:count]
    return [f"{true} for {said} ({number})" for number, true, said in found] or ["nothing"]


def real_scores(record: Record) -> list[str]:
    """Real pictures, by kind, source and class."""
    real, plain = record["real"], record["float_real"]
    total = sum(group["pictures"] for group in real["kinds"].values())
    lines = [
        "## Real pictures",
        "",
        "```bash",
        "python tools/real_images.py DIR",
        "```",
        "",
        f"{total:,} pictures that people drew and photographed, none of which was trained on. "
        "*Strict* counts the label alone; *lenient* also what a person would accept as well.",
        "",
        *groups("kind: source", {**real["kinds"], **real["sources"]}),
    ]
    for kind, classes in real["classes"].items():
        lines += [f"By class, {kind}:", "", *groups("class", classes)]
    if plain:
        differences = ", ".join(
            f"{kind} {100 * (group['strict'] - plain['kinds'][kind]['strict']):+.2f}"
            for kind, group in real["kinds"].items()
        )
        lines += [f"Against the same network in float32, in points, strict: {differences}.", ""]
    return lines


def groups(title: str, tallies: dict[str, Record]) -> list[str]:
    return [
        *table(
            (
                title,
                "pictures",
                "strict",
                "lenient",
                "passes for clothing",
                "sure",
                "of these right",
            ),
            [
                (
                    name,
                    f"{t['pictures']:,}",
                    *(percent(t[key], 1) for key in ("strict", "lenient", "clothing", "sure")),
                    percent(t["sure_lenient"], 1),
                )
                for name, t in tallies.items()
            ],
        ),
        "",
    ]


def certainty(record: Record) -> list[str]:
    """Calibration, and what is not clothing."""
    test, found = record["test"], record["weights"]["certainty"]
    notes, plain = found["notes"], test["uncalibrated"]
    lines = [
        "## When it does not know",
        "",
        f"**Calibration.** The logits are divided by a temperature of {found['temperature']:.3f}. "
        f"The expected calibration error on the test set, in {article.CALIBRATION_BINS} bins, is "
        f"{percent(test['ece'])}; "
        f"it would be {percent(plain['ece'])} without (`python -m alexnet_demo evaluate --json`, "
        "`ece` and `uncalibrated`).",
    ]
    if notes:
        origin = (
            "that the training held back"
            if notes["held_back"]
            else "that it was trained on as well, so it may be somewhat too certain"
        )
        lines.append(
            f"The temperature was fitted on {notes['images']:,} training images {origin}: "
            f"{percent(notes['ece_before'])} before, {percent(notes['ece_after'])} after "
            "(`python -m alexnet_demo export --weights "
            f"runs/RUN/checkpoints/{record['source']} "
            f"--out weights/{record['weights']['name']} --json`)."
        )
    lines += [
        f"An answer is called sure from {percent(found['level'], 0)} on, if the picture passes for "
        f"clothing: {percent(test['sure'], 1)} of the test set's answers are, and "
        f"{percent(test['sure_accuracy'])} of these are right.",
        "",
    ]
    return lines + not_clothing_scores(record["not_clothing"], found)


def not_clothing_scores(record: Record, found: Record) -> list[str]:
    """The families of pictures that show no clothing, as a table."""
    kept = record["clothing"]["test set"]["kept"]
    rows = [
        (
            name,
            f"{family['pictures']:,}",
            *(f"{family['auroc_by_score'][s]['test set']:.3f}" for s in family["auroc_by_score"]),
            f"**{family['auroc']['test set']:.3f}**",
            f"{family['bar']:.2f}",
            percent(family["passed"], 1),
        )
        for name, family in record["families"].items()
    ]
    alone = next(iter(record["families"].values()))["auroc_by_score"]
    angle = (
        "the angle between the features of fc7 and the directions in which those of clothing lie"
    )
    about = {
        "energy": "the energy of the logits",
        "angle": angle,
        "combined": f"the mean of two, the energy of the logits and {angle}",
    }[found["score"]]
    return [
        f"**What is not clothing.** The shipped score is {about}; its threshold keeps "
        "95 % of true clothing of each kind of picture that was trained on. AUROC is the "
        "probability that a test picture gets a higher score than a picture of the family; "
        f"{percent(kept, 1)} of the test pictures pass (`python tools/not_clothing.py`).",
        "",
        *table(
            ("family", "pictures", *alone, "AUROC as shipped", "bar", "passes for clothing"), rows
        ),
        "",
    ]


LIMITS = """\
## Limits

- It knows ten classes, and one garment a picture. A hat, a sock or a room full of clothes gets one
  of the ten names; the score above is a hint, not a guard.
- Fashion-MNIST's classes overlap: shirts, T-shirts, pullovers and coats differ there by details
  that 28×28 pixels hardly hold, and some of its labels can be disputed.
- The data set comes from one shop's catalogue: garments from the front, shoes from the side.
- Drawings and photos were learned from transformed catalogue pictures, so expect less of real ones
  than of the test set.
- It is there to look into and to learn from; nothing that matters should rest on its answers.
"""
LICENCE = """\
## Licence

The weights are under this program's [MIT licence](../LICENSE). The data set is © 2017 Zalando SE,
[MIT](../data/FashionMNIST/LICENSE).
"""
OWN_WEIGHTS = """\
## Your own weights

They can be put in this file's place, or elsewhere with `ALEXNET_DEMO_WEIGHTS=<folder>`: safetensors
with this AlexNet's tensors, at any width, as `runs/<id>/checkpoints/best.safetensors` and the Train
page's download hold them. `python -m alexnet_demo export` makes them small and calibrated."""


def percent(share: float | None, digits: int = 2) -> str:
    """A share of 1 as a percentage; a dash for None."""
    return "–" if share is None else f"{share:.{digits}%}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table's lines."""
    body = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in body]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, nargs="?", help="directory of the run")
    parser.add_argument("--weights", type=Path, default=SHIPPED, help="the file that ships")
    parser.add_argument("--real", type=Path, metavar="DIR", help="real pictures, with a manifest")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--test-samples", type=int, default=article.TEST_SAMPLES)
    parser.add_argument("--count", type=int, default=300, help="pictures of each other family")
    parser.add_argument("--records", type=Path, help="JSON file to keep the records in")
    parser.add_argument("--again", action="store_true", help="format the kept records anew")
    parser.add_argument("--out", type=Path, default=CARD)
    options = parser.parse_args()
    if options.again:
        if not options.records:
            parser.error("--again needs the --records to format")
        record = read_json(options.records)
    elif options.run is None:
        parser.error("name the directory of the run that the weights came from")
    else:
        record = measure(
            *(Run(options.run), options.weights, options.real, options.device),
            *(options.test_samples, options.count),
        )
        if options.records:
            write_json(options.records, record)
    text = card(record)
    write_atomically(options.out, lambda path: path.write_text(text, encoding="utf-8"))
    print(f"{options.out}: {len(text.splitlines())} lines", file=sys.stderr)


if __name__ == "__main__":
    main()
