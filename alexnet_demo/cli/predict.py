"""``predict`` and ``evaluate``: a model on images, and its metrics."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from alexnet_demo.cli.options import (
    DONE,
    UNUSABLE,
    Options,
    add_command,
    add_device_option,
    add_weights_option,
    show,
    weights_of,
)
from alexnet_demo.common.text import percent
from alexnet_demo.settings.article import CLASSES, TEST_SAMPLES
from alexnet_demo.settings.config import SETTINGS


def add_commands(commands: Any) -> None:
    predict = add_command(commands, "predict", run_predict, "classify images")
    predict.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="image or folder of images, or - to read paths from standard input",
    )
    predict.add_argument(
        "--kind",
        choices=("auto", "sketch", "photo", "dataset"),
        default="auto",
        help="how to prepare the images (default: %(default)s)",
    )
    predict.add_argument("--top", type=int, default=len(CLASSES), help="number of classes to print")
    evaluate = add_command(
        commands, "evaluate", run_evaluate, "measure accuracy on the test set or a folder"
    )
    evaluate.add_argument("--images", type=Path, help="a folder with one subfolder per class")
    evaluate.add_argument(
        "--test-samples",
        type=int,
        default=TEST_SAMPLES,
        help="use only the first images of the test set (default: %(default)s)",
    )
    evaluate.add_argument(
        "--flip", action="store_true", help="also average over each image and its mirror image"
    )
    for parser in (predict, evaluate):
        add_weights_option(parser)
        add_device_option(parser)


def run_predict(options: Options) -> int:
    from alexnet_demo.inference import image_files

    status = DONE
    for record in image_files.classify_paths(
        options.paths, weights_of(options), options.device, options.kind, options.top
    ):
        if "error" in record:
            status = UNUSABLE
        if options.json:
            print(json.dumps(record), flush=True)
        elif "error" in record:
            print(f"{record['path']}: {record['error']}", file=sys.stderr)
        else:
            ranked = (f"{name} {percent(p)}" for name, p in record["probabilities"].items())
            print(f"{record['path']}: {', '.join(ranked)}")
    return status


def run_evaluate(options: Options) -> int:
    SETTINGS["test_samples"].check(options.test_samples)
    from alexnet_demo.inference import evaluate
    from alexnet_demo.network import device

    device.keep_freed_memory()
    report = evaluate.evaluate(
        weights_of(options), options.device, options.images, options.test_samples, options.flip
    )
    show(options, report, evaluate.format_report(report))
    return DONE
