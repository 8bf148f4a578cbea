"""The entry point of a Ray job: ``python -m alexnet_demo.cli.ray_driver DIRECTORY``.

No other module imports ray. The job itself needs no device. Its one task requests the devices and
runs the command that resumes a run, and Ray retries it on another node for as long as nodes die, so
that training continues from the last checkpoint.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import ray

from alexnet_demo.cli.options import INTERRUPTED
from alexnet_demo.common.files import open_file
from alexnet_demo.runs.problems import FAILURE
from alexnet_demo.runs.run import Run
from alexnet_demo.settings.config import TrainConfig


def main(directory: Path) -> int:
    """Train the run on the cluster; return 0, or the exit status of a trainer that failed."""
    run = Run(directory)
    try:
        ray.init(log_to_driver=False)
        task = ray.remote(max_retries=-1, **resources(run.read_config()))(train)
        status = ray.get(task.remote(str(directory)))
    except Exception as error:
        with open_file(run.log, "a") as log:
            line = str(error).strip().partition("\n")[0]
            print(f"{FAILURE}The cluster could not train this run: {line}", file=log)
        raise
    return 0 if status == INTERRUPTED else status  # a stopped run has not failed


def resources(settings: TrainConfig) -> dict[str, Any]:
    """What to request from Ray: GPUs where there are any or one is chosen, else a node's CPUs."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = any(node.get("GPU") for node in nodes)
    if settings.device.startswith("cuda") or (settings.device == "auto" and gpus):
        return {"num_gpus": settings.devices}
    cpus = [node["CPU"] for node in nodes if node.get("CPU")]
    return {"num_cpus": min(cpus, default=1)}  # fits any node, and no two runs share one


def train(directory: str) -> int:
    """Run ``train --resume`` as a child of this worker that dies with it; return its exit status.

    Self-contained, since Ray pickles it and sends it to the node that runs it.
    """
    import ctypes
    import os
    import signal
    import subprocess
    import sys

    worker = os.getpid()

    def die_with_worker() -> None:
        # A node that Ray gave up may be alive, with another trainer at the same files.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != worker:
            os.kill(os.getpid(), signal.SIGKILL)

    def open_log(path: str, flags: int) -> int:
        for name in ("O_NOFOLLOW", "O_NONBLOCK"):  # as `open_file` does
            flags |= getattr(os, name, 0)
        return os.open(path, flags, 0o666)

    log_path = os.path.join(directory, "train.log")  # noqa: PTH118
    with open(log_path, "ab", opener=open_log) as log:
        return subprocess.call(
            [sys.executable, "-m", "alexnet_demo", "train", "--resume", directory],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_worker if sys.platform == "linux" else None,
        )


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
