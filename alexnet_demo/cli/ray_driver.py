"""What a Ray job runs: ``python -m alexnet_demo.ray_driver DIRECTORY``. The only one to import ray.

The job itself needs no device. It has one task that asks for the devices and is tried again on
another node for as long as its node dies; and that runs the very command that resumes a run by
hand, so that the training goes on from its last checkpoint.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import ray

from alexnet_demo.cli.train import INTERRUPTED
from alexnet_demo.runs.run import FAILURE, Run
from alexnet_demo.settings.config import TrainConfig


def main(directory: Path) -> int:
    """Train the run on the cluster, and return the exit status: 0, or that of a failed trainer."""
    run = Run(directory)
    try:
        ray.init(log_to_driver=False)
        task = ray.remote(max_retries=-1, **demands(run.read_config()))(train)
        status = ray.get(task.remote(str(directory)))
    except Exception as error:
        with run.log.open("a") as log:
            first = str(error).strip().partition("\n")[0]
            print(f"{FAILURE}The cluster could not train this run: {first}", file=log)
        raise
    return 0 if status == INTERRUPTED else status  # a run that was stopped did not fail


def demands(settings: TrainConfig) -> dict[str, Any]:
    """The devices to ask Ray for: GPUs where there are any or one is meant, else a node's CPUs."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = any(node.get("GPU") for node in nodes)
    if settings.device.startswith("cuda") or (settings.device == "auto" and gpus):
        return {"num_gpus": settings.devices}
    cpus = [node["CPU"] for node in nodes if node.get("CPU")]
    return {"num_cpus": min(cpus, default=1)}  # so that any node can take it, and no two share one


def train(directory: str) -> int:
    """Run ``train --resume`` beside this worker, and die with it.

    Self-contained, since Ray sends it to the node that runs it.
    """
    import ctypes
    import os
    import signal
    import subprocess
    import sys

    worker = os.getpid()

    def die_with_worker() -> None:
        """A node that Ray counts out may live on, with another trainer at the same files."""
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, of Linux
        if os.getppid() != worker:
            os.kill(os.getpid(), signal.SIGKILL)

    with open(os.path.join(directory, "train.log"), "ab") as log:  # noqa: PTH118, PTH123
        command = [sys.executable, "-m", "alexnet_demo", "train", "--resume", directory]
        linux = sys.platform == "linux"
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_worker if linux else None,
        ).wait()


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
