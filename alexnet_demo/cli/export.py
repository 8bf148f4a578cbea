"""``export`` and ``report``: a model, a run's code, or a run's results as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alexnet_demo.cli.options import (
    DONE,
    Options,
    add_command,
    add_device_option,
    add_training_options,
    add_weights_option,
    given_settings,
    settings_of,
    show,
    weights_of,
)
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import write_text
from alexnet_demo.common.text import memory, percent
from alexnet_demo.runs.store import find_run
from alexnet_demo.settings.article import TRAIN_SAMPLES

MIN_CALIBRATION_SAMPLES = 100


def add_commands(commands: Any) -> None:
    export = add_command(commands, "export", run_export, "write a model or a run's code as a file")
    export.add_argument(
        "--out", type=Path, help="safetensors file to write: quantized to 8 bits, calibrated"
    )
    export.add_argument(
        "--onnx", type=Path, help="ONNX file to write, checked against ONNX Runtime"
    )
    export.add_argument(
        "--script", type=Path, help="Python file to write: the run as a plain PyTorch script"
    )
    export.add_argument(
        "--score",
        choices=("energy", "angle", "combined"),
        default="combined",
        help="out-of-distribution score that separates clothing from other images",
    )
    export.add_argument(
        "--samples", type=int, default=5_000, help="images of each kind to calibrate on"
    )
    add_weights_option(export)
    add_training_options(export.add_argument_group("settings of the run, for --script"))
    report = add_command(commands, "report", run_report, "write a run as one HTML file")
    report.add_argument("name", metavar="RUN", help="id or directory of a run")
    report.add_argument("--html", type=Path, required=True, help="file to write")
    add_device_option(report)


def run_export(options: Options) -> int:
    writers = {"out": _quantized, "onnx": _onnx, "script": _script}
    formats = [name for name in writers if getattr(options, name)]
    if len(formats) != 1:
        raise ConfigError("Choose one of --out, --onnx, and --script.")
    if formats != ["script"] and given_settings(options).keys() - {"device"}:
        raise ConfigError("The settings of a run need --script: leave them out.")
    record, text = writers[formats[0]](options)
    show(options, record, text)
    return DONE


def _quantized(options: Options) -> tuple[dict[str, Any], str]:
    if not MIN_CALIBRATION_SAMPLES <= options.samples <= TRAIN_SAMPLES:
        raise ConfigError(
            f"--samples must be between {MIN_CALIBRATION_SAMPLES} and {TRAIN_SAMPLES:,}."
        )
    from alexnet_demo.export import quantized

    device = options.device or "auto"
    record = quantized.export(
        weights_of(options), options.out, device, options.score, options.samples
    )
    fitted = record["certainty"]
    return record, (
        f"{record['out']}: {memory(record['bytes'])}, temperature {fitted['temperature']:.3f}, "
        f"fitted on {fitted['notes']['images']:,} images"
    )


def _onnx(options: Options) -> tuple[dict[str, Any], str]:
    from alexnet_demo.export import onnx

    record = onnx.export(weights_of(options), options.onnx)
    return record, (
        f"{record['out']}: {memory(record['bytes'])}. ONNX Runtime gives the same predictions for "
        f"{percent(record['same_labels'])} of {record['pictures']} test images; probabilities "
        f"differ by at most {record['greatest_difference']:.1g}"
    )


def _script(options: Options) -> tuple[dict[str, Any], str]:
    if options.weights:
        raise ConfigError("--script writes code only: leave --weights out.")
    from alexnet_demo.export.script import training_script

    settings = settings_of(options)
    code = training_script(settings)
    options.script.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.script, code)
    lines = code.count("\n")
    record = {"out": str(options.script), "lines": lines, "config": settings.to_json()}
    return record, f"{options.script}: {lines} lines"


def run_report(options: Options) -> int:
    run = find_run(options.name)
    from alexnet_demo.export import report

    record = report.write(run, options.html, options.device)
    text = f"{record['path']}: {memory(record['bytes'])} in {record['seconds']:.1f} s"
    show(options, record, text)
    return DONE
