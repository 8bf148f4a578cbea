"""``doctor``: check that this machine, and above all its GPU, trains as it should."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alexnet_demo.cli import options
from alexnet_demo.cli.options import Options, number
from alexnet_demo.runs.devices import conflict, is_free, record
from alexnet_demo.settings.config import SETTINGS, TrainConfig

if TYPE_CHECKING:
    import torch

CPU_WIDTH = 0.125
"""Width of the networks without a GPU: in full, a few steps would take minutes."""


def add_commands(add_command: Any) -> None:
    parser = add_command("doctor", run_doctor, "check that this machine trains as it should")
    options.add_device_option(parser)
    width = SETTINGS["width"]
    parser.add_argument(
        "--width",
        type=number(float, *width.bounds),
        help=f"of the networks, {width.range} (default: 1, on a CPU {CPU_WIDTH:g})",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="also measure torch.compile, for runs with --compile auto; takes minutes",
    )


def run_doctor(args: Options) -> int:
    from alexnet_demo.benchmarks import doctor
    from alexnet_demo.data.splits import unpack
    from alexnet_demo.network import device as devices

    choices = devices.choices(args.device)
    if choices[0].type != "cpu":
        record(devices.uuids())
    device = _first_free(choices)
    width = args.width or (CPU_WIDTH if device.type == "cpu" else 1.0)
    unpack()
    report = doctor.examine(doctor.Target(device, width, args.compile))
    options.show(args, report, doctor.format_report(report))
    return options.FAILED if report["failed"] else options.DONE


def _first_free(choices: Sequence[torch.device]) -> torch.device:
    """The first device that no run trains on or is queued for: a run beside would distort all.

    Raises:
        ConfigError: when there is none.
    """
    settings = [TrainConfig(device=str(device)) for device in choices]
    for device, alone in zip(choices, settings, strict=True):
        if is_free(alone):
            return device
    raise conflict(settings[0])
