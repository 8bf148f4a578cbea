"""``doctor``: check that this machine, and above all its GPU, trains as it should."""

from __future__ import annotations

from typing import Any

from alexnet_demo.cli import options
from alexnet_demo.cli.options import Options, number
from alexnet_demo.settings.config import SETTINGS

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

    device = devices.resolve(args.device)
    width = args.width or (CPU_WIDTH if device.type == "cpu" else 1.0)
    unpack()
    report = doctor.examine(doctor.Target(device, width, args.compile))
    options.show(args, report, doctor.format_report(report))
    return options.FAILED if report["failed"] else options.DONE
