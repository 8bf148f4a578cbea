"""Runs on a Ray cluster: the interface against a server that answers as Ray's does, and then Ray
itself, two nodes of it on this machine, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest

from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.jobs import actions, queue
from alexnet_demo.runs import ray_client
from alexnet_demo.runs.devices import blocking_run
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.process_info import register
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import current_run, get_run, list_runs, queued_runs
from alexnet_demo.settings.config import TrainConfig
from tests.support.waiting import begun, wait_for

LONG = TrainConfig(
    epochs=500,
    batch_size=8,
    width=0.0625,
    train_samples=160,
    test_samples=16,
    device="cpu",
    precision="fp32",
    memory_format="channels_last",
    checkpoint_minutes=0.01,
)


class Dashboard(ThreadingHTTPServer):
    """Answers as the dashboard of Ray does: submits, tells, stops; runs nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.jobs: dict[str, str] = {}
        self.submitted: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        Thread(target=self.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class Answer(BaseHTTPRequestHandler):
    server: Dashboard

    def log_message(self, *_: object) -> None: ...

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        parts = self.path.strip("/").split("/")
        if parts[-1] == "stop":
            self.server.jobs[parts[-2]] = "STOPPED"
        else:
            self.server.submitted.append(body)
            self.server.jobs[body["submission_id"]] = "PENDING"
        self.tell(200, {})

    def do_GET(self) -> None:
        status = self.server.jobs.get(self.path.rpartition("/")[2])
        self.tell(200, {"status": status}) if status else self.tell(404, {})

    def tell(self, code: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def dashboard(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dashboard]:
    served = Dashboard()
    monkeypatch.setenv("ALEXNET_DEMO_RAY", served.url + "/")
    monkeypatch.setattr(ray_client, "CACHE_SECONDS", 0.0)
    monkeypatch.setattr(ray_client, "_quiet_until", 0.0)
    yield served
    served.end()


def started(settings: TrainConfig = LONG) -> Run:
    return begun(settings)


def job_of(run: Run) -> dict[str, Any]:
    return read_json(run.directory / "job.json")


def test_a_run_waits_starts_and_ends_on_the_cluster(dashboard: Dashboard, monkeypatch):
    run = started()
    (job,) = dashboard.submitted
    assert job["entrypoint"] == f"python -m alexnet_demo.cli.ray_driver {run.directory}"
    assert job["runtime_env"]["env_vars"]["ALEXNET_DEMO_RUNS"] == str(run.directory.parent)
    assert (run.state, run.on_ray, run.active) == ("queued", True, False)
    assert [waiting.id for waiting in queue.pending_on_cluster()] == [run.id]
    dashboard.jobs[job["submission_id"]] = "RUNNING"
    assert run.state == "queued"  # the job runs, its trainer has no node yet

    with monkeypatch.context() as node:
        node.setenv("ALEXNET_DEMO_RAY_JOB", job["submission_id"])
        register(run.directory, os.getpid())
    assert run.state == "starting" and job_of(run)["ray"] == job["submission_id"]
    events = EventWriter(run.events)
    events.write("start", step=0)
    assert run.state == "running"
    assert actions.request(run, "pause").done and run.state == "pausing"
    events.write("end", reason="paused", step=1)
    events.close()
    assert run.state == "paused"
    run.last.write_bytes(b"state")
    dashboard.jobs[job["submission_id"]] = "SUCCEEDED"
    assert actions.resume(run).done and run.state == "queued"
    assert len(dashboard.submitted) == 2


def test_it_waits_for_no_local_training_and_none_for_it(dashboard: Dashboard, monkeypatch):
    first, second = started(), started()
    assert not first.ticket.exists() and not second.ticket.exists()
    assert blocking_run("cpu") is None and queued_runs() == []


def test_cancelled_while_it_waits_it_is_gone_or_as_it_was(dashboard: Dashboard):
    run = started()
    assert actions.cancel(run).done
    assert "STOPPED" in dashboard.jobs.values() and list_runs() == []
    run = started()
    (run.directory / "job.json").unlink()
    events = EventWriter(run.events)
    events.write("end", reason="paused", step=1)
    events.close()
    run.last.write_bytes(b"state")
    actions.resume(run)
    assert run.state == "queued"
    assert actions.cancel(run).done and run.state == "paused"


def test_a_job_that_ray_lost_leaves_a_run_that_can_go_on(dashboard: Dashboard):
    run = started()
    EventWriter(run.events).write("start", step=0)
    assert run.state == "running" or run.state == "queued"
    dashboard.jobs.clear()  # the cluster was begun anew
    assert run.state == "interrupted" and "The cluster ended this run" in run.error
    assert run.resumable


def test_a_silent_cluster_is_believed_for_a_while(dashboard: Dashboard, monkeypatch):
    run = started()
    assert run.state == "queued"
    dashboard.end()
    assert run.state == "queued"
    monkeypatch.setattr(ray_client, "PATIENCE_SECONDS", 0.0)
    assert run.state == "failed"


def test_a_silent_cluster_is_waited_for_once_by_all_pages(dashboard: Dashboard, monkeypatch):
    runs = [started() for _ in range(3)]
    monkeypatch.setattr(ray_client, "CACHE_SECONDS", 2.0)
    asked = []

    def silent(url: str, *_: object) -> None:
        asked.append(url)
        raise TimeoutError

    monkeypatch.setattr(ray_client, "_call", silent)
    assert [run.state for _ in range(3) for run in runs] == ["queued"] * 9
    assert len(asked) == 1


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0\r\n", b"HTTP/1.0 200 OK\r\n\r\n[", b"HTTP/1.0 200"]
)
def test_what_is_no_dashboard_is_a_silent_cluster(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch, answer: bytes
):
    run = started()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    with peer:
                        peer.recv(4096)
                        peer.sendall(answer)

        Thread(target=serve, daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("ALEXNET_DEMO_RAY", address)
        write_json(run.directory / "job.json", {**job_of(run), "address": address})
        assert run.state == "queued"
        outcome = actions.start(LONG)
        assert not outcome.done and "did not accept it" in outcome.message
        assert not actions.cancel(run).done


def test_no_address_that_a_run_names_is_asked_but_the_own_cluster(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
):
    run = started()
    monkeypatch.setattr(ray_client, "_call", lambda *_: pytest.fail("asked"))
    for address in ("http://127.0.0.1:9", "file:///etc", "", None, ["x"]):
        write_json(run.directory / "job.json", {"ray": "secret", "address": address})
        assert run.state == "failed"
    monkeypatch.delenv("ALEXNET_DEMO_RAY")
    for job in ({"ray": "x"}, {"ray": "x", "address": ""}, {"ray": ["x"], "address": "y"}):
        write_json(run.directory / "job.json", job)
        assert run.state == "failed" and current_run()


def test_a_cluster_that_cannot_be_reached_is_said_and_leaves_nothing(runs_dir, monkeypatch):
    monkeypatch.setenv("ALEXNET_DEMO_RAY", "http://127.0.0.1:9")
    outcome = actions.start(LONG)
    assert not outcome.done
    assert "the Ray cluster at http://127.0.0.1:9 did not accept it" in outcome.message
    assert list_runs() == []


def test_a_gpu_by_number_is_refused_on_a_cluster(dashboard: Dashboard):
    outcome = actions.start(replace(LONG, device="cuda:1"))
    assert not outcome.done and "choose the device auto, cuda, or cpu" in outcome.message
    assert not dashboard.submitted and list_runs() == []


def test_an_ended_run_asks_the_cluster_nothing(dashboard: Dashboard, monkeypatch):
    run = started()
    EventWriter(run.events).write("end", reason="finished", step=1)
    monkeypatch.setattr(ray_client, "_call", lambda *_: pytest.fail("asked"))
    assert run.state == "finished"


# ---------------------------------------------------------------------------- Ray itself


def agents() -> dict[str, Any]:
    """Ports of a node's helpers, chosen here: Ray gives them no more than 15 s to choose some."""
    names = (
        *("metrics_agent_port", "metrics_export_port"),
        *("runtime_env_agent_port", "dashboard_agent_listen_port"),
    )
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in names]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return {n: each.getsockname()[1] for n, each in zip(names, sockets, strict=True)}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without devices, and two nodes of one CPU."""
    if not sys.platform.startswith("linux"):
        pytest.skip("several nodes on one machine: only on Linux")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_DASHBOARD_STARTUP_TIMEOUT_S", "600")
        patch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        patch.setenv("OMP_NUM_THREADS", "1")
        pytest.importorskip("ray", reason="needs Ray: pip install -r requirements-ray.txt")
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": True, "dashboard_port": 0, **agents()}
        made = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(2):
            made.add_node(num_cpus=1, **agents())
        yield made
        made.shutdown()


@pytest.fixture
def ray_address(cluster: Any, runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    address = f"http://{cluster.head_node.webui_url}"
    monkeypatch.setenv("ALEXNET_DEMO_RAY", address)
    yield address
    for run in list_runs():
        with suppress(OSError, KeyError):
            ray_client.stop(job_of(run))


def raylets_of(pid: int) -> set[int]:
    return {process.pid for process in psutil.Process(pid).parents()}


def reach(run: Run, state: str, seconds: float = 300) -> None:
    wait_for(lambda: run.state == state, seconds, f"not {state}: {run.log_tail()}")


@pytest.mark.slow
def test_ray_queues_trains_pauses_resumes_and_stops(ray_address: str):
    first, second = started(), started()
    reach(first, "running")
    reach(second, "starting")  # on the other node, though it is the same machine: it waits
    third = started()
    assert third.state == "queued"
    assert actions.cancel(third).done and get_run(third.id) is None
    wait_for(lambda: first.history.epochs, 120, "no epoch")
    assert actions.request(first, "pause").done
    reach(first, "paused")
    reach(second, "running")
    assert actions.request(second, "stop").done
    reach(second, "stopped")
    step = first.history.last["step"] if first.history.last else 0
    assert actions.resume(first).done
    reach(first, "running")
    wait_for(lambda: first.history.batches[-1]["step"] > step, 120, "it does not go on")
    steps = [batch["step"] for batch in first.history.batches]
    assert steps == sorted(set(steps))
    assert actions.request(first, "stop").done
    reach(first, "stopped")


@pytest.mark.slow
def test_a_killed_trainer_on_ray_is_seen_and_can_go_on(ray_address: str):
    run = started()
    reach(run, "running")
    wait_for(run.last.is_file, 120, "no checkpoint")
    os.kill(job_of(run)["pid"], signal.SIGKILL)
    reach(run, "interrupted")
    assert actions.resume(run).done
    reach(run, "running")
    actions.request(run, "stop")
    reach(run, "stopped")


@pytest.mark.slow
def test_when_a_node_dies_the_run_goes_on_from_its_checkpoint_on_another(
    cluster: Any, ray_address: str
):
    run = started()
    reach(run, "running")
    wait_for(lambda: run.history.epochs and run.last.is_file(), 120, "no checkpoint")
    pid = job_of(run)["pid"]
    above = raylets_of(pid)
    raylets = {node: node.all_processes["raylet"][0].process.pid for node in cluster.worker_nodes}
    (place,) = [node for node, raylet in raylets.items() if raylet in above]
    cluster.remove_node(place, allow_graceful=False)
    wait_for(lambda: job_of(run).get("pid") not in (None, pid), 300, "it is not placed anew")
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    reach(run, "running")
    (left,) = [raylet for node, raylet in raylets.items() if node is not place]
    assert left in raylets_of(job_of(run)["pid"])
    begun = run.history.start
    assert begun and begun["step"] > 0  # from the checkpoint, not from the beginning
    actions.request(run, "stop")
    reach(run, "stopped")
