"""``predict`` and ``evaluate``: a model on images, and its metrics."""

from __future__ import annotations

import json
import sys
from typing import Any

from alexnet_demo.cli import options
from alexnet_demo.cli.options import Options, file_path, nonempty, number
from alexnet_demo.common.text import printable_line, probability
from alexnet_demo.settings.article import CLASSES, TEST_SAMPLES


def add_commands(add_command: Any) -> None:
    predict = add_command("predict", run_predict, "classify images")
    add = predict.add_argument
    add(
        "paths",
        type=nonempty,
        nargs="+",
        metavar="PATH",
        help="image or folder of images, or - to read paths from standard input",
    )
    add(
        "--kind",
        choices=("auto", "sketch", "photo", "dataset"),
        default="auto",
        help="how to prepare the images (default: %(default)s)",
    )
    top = number(int, 1, len(CLASSES))
    add("--top", type=top, default=len(CLASSES), help="number of classes to print")
    evaluate = add_command("evaluate", run_evaluate, "measure accuracy on the test set or a folder")
    add = evaluate.add_argument
    add("--images", type=file_path, help="a folder with one subfolder per class")
    add(
        "--test-samples",
        type=number(int, 1, TEST_SAMPLES),
        default=TEST_SAMPLES,
        help="use only the first images of the test set (default: %(default)s)",
    )
    add("--torch", action="store_true", help="run PyTorch, whatever is fastest here")
    add("--flip", action="store_true", help="also average over each image and its mirror image")
    for parser in (predict, evaluate):
        options.add_weights_option(parser)
        options.add_device_option(parser)


def run_predict(args: Options) -> int:
    from alexnet_demo.inference import image_files

    status = options.DONE
    for record in image_files.classify_paths(
        args.paths, options.weights_of(args), args.device, args.kind, args.top
    ):
        if "error" in record:
            status = options.UNUSABLE
        if args.json:
            print(json.dumps(record), flush=True)
        elif "error" in record:
            print(printable_line(f"{record['path']}: {record['error']}"), file=sys.stderr)
        else:
            print(printable_line(f"{record['path']}: {_in_words(record)}"))
    return status


def _in_words(record: dict[str, Any]) -> str:
    """A prediction as a line, such as ``not sure: Coat 48.1%, Pullover 40.2%``."""
    ranked = ", ".join(f"{name} {probability(p)}" for name, p in record["probabilities"].items())
    if not record["clothing"]:
        return f"does not look like clothing, closest class: {record['label']}"
    return ranked if record["sure"] else f"not sure: {ranked}"


def run_evaluate(args: Options) -> None:
    from alexnet_demo.inference import evaluate
    from alexnet_demo.network import device

    device.keep_freed_memory()
    report = evaluate.evaluate(
        options.weights_of(args),
        args.device,
        args.images,
        args.test_samples,
        args.flip,
        fastest=not args.torch,
    )
    options.show(args, report, evaluate.format_report(report))
