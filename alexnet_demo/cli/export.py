"""``export`` and ``report``: a model, a run's code, or a run's results as one file."""

from __future__ import annotations

from typing import Any

from alexnet_demo.cli import options
from alexnet_demo.cli.options import Options, file_path, nonempty, number
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import prepare_output, write_text
from alexnet_demo.common.text import memory, percent
from alexnet_demo.runs.store import find_run
from alexnet_demo.settings.article import TRAIN_SAMPLES

MIN_CALIBRATION_SAMPLES = 100


def add_commands(add_command: Any) -> None:
    export = add_command("export", run_export, "write a model or a run's code as a file")
    add = export.add_argument
    add("--out", type=file_path, help="safetensors file to write: quantized to 8 bits, calibrated")
    add("--onnx", type=file_path, help="ONNX file to write, checked against ONNX Runtime")
    add("--script", type=file_path, help="Python file to write: the run as a plain PyTorch script")
    samples = number(int, MIN_CALIBRATION_SAMPLES, TRAIN_SAMPLES)
    add("--samples", type=samples, default=5_000, help="images of each kind to calibrate on")
    options.add_weights_option(export)
    options.add_training_options(export.add_argument_group("settings of the run, for --script"))
    report = add_command("report", run_report, "write a run as one HTML file")
    report.add_argument("name", type=nonempty, metavar="RUN", help="id or directory of a run")
    report.add_argument("--html", type=file_path, required=True, help="file to write")
    options.add_device_option(report)


def run_export(args: Options) -> None:
    writers = {"out": _quantized, "onnx": _onnx, "script": _script}
    formats = [name for name in writers if getattr(args, name)]
    if len(formats) != 1:
        raise ConfigError("Choose one of --out, --onnx, and --script.")
    if formats != ["script"] and options.given_settings(args).keys() - {"device"}:
        raise ConfigError("The settings of a run need --script: leave them out.")
    record, text = writers[formats[0]](args)
    options.show(args, record, text)


def _quantized(args: Options) -> tuple[dict[str, Any], str]:
    from alexnet_demo.export import quantized

    device = args.device or "auto"
    record = quantized.export(options.weights_of(args), args.out, device, args.samples)
    fitted = record["certainty"]
    return record, (
        f"{record['out']}: {memory(record['bytes'])}, temperature {fitted['temperature']:.3f}, "
        f"fitted on {fitted['notes']['images']:,} images"
    )


def _onnx(args: Options) -> tuple[dict[str, Any], str]:
    from alexnet_demo.export import onnx

    record = onnx.export(options.weights_of(args), args.onnx)
    return record, (
        f"{record['out']}: {memory(record['bytes'])}. ONNX Runtime gives the same predictions for "
        f"{percent(record['same_labels'])} of {record['pictures']} test images; probabilities "
        f"differ by at most {record['greatest_difference']:.1g}"
    )


def _script(args: Options) -> tuple[dict[str, Any], str]:
    if args.weights:
        raise ConfigError("--script writes code only: leave --weights out.")
    from alexnet_demo.export.script import training_script

    settings = options.settings_of(args)
    code = training_script(settings)
    prepare_output(args.script)
    write_text(args.script, code)
    lines = code.count("\n")
    record = {"out": str(args.script), "lines": lines, "config": settings.to_json()}
    return record, f"{args.script}: {lines} lines"


def run_report(args: Options) -> None:
    run = find_run(args.name)
    from alexnet_demo.export import report

    record = report.write(run, args.html, args.device)
    text = f"{record['path']}: {memory(record['bytes'])} in {record['seconds']:.1f} s"
    options.show(args, record, text)
