"""Runs on a Ray cluster: with a server that answers as Ray's dashboard does, and with Ray itself,
two nodes on this machine, one of which is killed."""

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
from tests.support.runs import tiny_config
from tests.support.waiting import begun, reach, wait_for

LONG = tiny_config(
    epochs=500, batch_size=8, train_samples=160, test_samples=16, checkpoint_minutes=0.01
)


class Dashboard(ThreadingHTTPServer):
    """Takes, reports, and stops jobs as Ray's dashboard does, but runs none."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.jobs: dict[str, str] = {}
        self.submitted: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        Thread(target=self.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
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
        self.answer(200, {})

    def do_GET(self) -> None:
        status = self.server.jobs.get(self.path.rpartition("/")[2])
        self.answer(200, {"status": status}) if status else self.answer(404, {})

    def answer(self, code: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def dashboard(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dashboard]:
    server = Dashboard()
    monkeypatch.setenv("ALEXNET_DEMO_RAY", server.url + "/")
    monkeypatch.setattr(ray_client, "CACHE_SECONDS", 0.0)
    monkeypatch.setattr(ray_client, "_quiet_until", 0.0)
    yield server
    server.end()


def write(run: Run, kind: str, **fields: Any) -> None:
    events = EventWriter(run.events)
    events.write(kind, **fields)
    events.close()


def test_a_run_is_submitted_queued_trained_and_resubmitted(dashboard: Dashboard, monkeypatch):
    run = begun(LONG)
    (body,) = dashboard.submitted
    job, variables = body["submission_id"], body["runtime_env"]["env_vars"]
    assert body["entrypoint"] == f"python -m alexnet_demo.cli.ray_driver {run.directory}"
    assert variables["ALEXNET_DEMO_RUNS"] == str(run.directory.parent)
    assert (run.state, run.on_ray, run.active) == ("queued", True, False)
    assert [queued.id for queued in queue.pending_on_cluster()] == [run.id]
    dashboard.jobs[job] = "RUNNING"
    assert run.state == "queued"  # the job runs, but its trainer has no node yet

    with monkeypatch.context() as node:
        node.setenv("ALEXNET_DEMO_RAY_JOB", job)
        register(run.directory, os.getpid())
    assert run.state == "starting" and read_json(run.job_path)["ray"] == job
    write(run, "start", step=0)
    assert run.state == "running"
    assert actions.request(run, "pause").done and run.state == "pausing"
    write(run, "end", reason="paused", step=1)
    assert run.state == "paused"
    run.last.write_bytes(b"state")
    dashboard.jobs[job] = "SUCCEEDED"
    assert actions.resume(run).done and run.state == "queued"
    assert len(dashboard.submitted) == 2


def test_runs_on_the_cluster_use_no_local_device(dashboard: Dashboard):
    first, second = begun(LONG), begun(LONG)
    assert not first.ticket.exists() and not second.ticket.exists()
    assert blocking_run(TrainConfig(device="cpu")) is None and queued_runs() == []


def test_a_cancelled_run_is_gone_or_as_before(dashboard: Dashboard):
    run = begun(LONG)
    assert actions.cancel(run).done
    assert "STOPPED" in dashboard.jobs.values() and list_runs() == []
    run = begun(LONG)
    run.job_path.unlink()
    write(run, "end", reason="paused", step=1)
    run.last.write_bytes(b"state")
    actions.resume(run)
    assert run.state == "queued"
    assert actions.cancel(run).done and run.state == "paused"


def test_a_run_whose_job_the_cluster_forgot_can_resume(dashboard: Dashboard):
    run = begun(LONG)
    write(run, "start", step=0)
    dashboard.jobs.clear()  # the cluster was restarted
    assert run.state == "interrupted" and "cluster" in run.error
    assert run.resumable


def test_jobs_of_a_silent_cluster_count_as_before_for_a_while(dashboard: Dashboard, monkeypatch):
    run = begun(LONG)
    assert run.state == "queued"
    dashboard.end()
    assert run.state == "queued"
    monkeypatch.setattr(ray_client, "PATIENCE_SECONDS", 0.0)
    assert run.state == "failed"


def test_a_silent_cluster_is_asked_once_for_all_runs(dashboard: Dashboard, monkeypatch):
    runs = [begun(LONG) for _ in range(3)]
    monkeypatch.setattr(ray_client, "CACHE_SECONDS", 999.0)
    calls = []

    def silent(url: str, *_: object) -> None:
        calls.append(url)
        raise TimeoutError

    monkeypatch.setattr(ray_client, "_call", silent)
    assert [run.state for _ in range(3) for run in runs] == ["queued"] * 9
    assert len(calls) == 1


@pytest.mark.parametrize(
    "response", [b"", b"SSH-2.0\r\n", b"HTTP/1.0 200 OK\r\n\r\n[", b"HTTP/1.0 200"]
)
def test_another_server_at_the_address_counts_as_a_silent_cluster(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch, response: bytes
):
    run = begun(LONG)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    with peer:
                        peer.recv(4096)
                        peer.sendall(response)

        Thread(target=serve, daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("ALEXNET_DEMO_RAY", address)
        write_json(run.job_path, {**read_json(run.job_path), "address": address})
        assert run.state == "queued"
        outcome = actions.start(LONG)
        assert not outcome.done and address in outcome.message
        assert not actions.cancel(run).done


def test_no_address_in_a_run_directory_is_ever_asked(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
):
    run = begun(LONG)
    monkeypatch.setattr(ray_client, "_call", lambda *_: pytest.fail("asked"))
    for address in ("http://127.0.0.1:9", "file:///etc", "", None, ["x"]):
        write_json(run.job_path, {"ray": "secret", "address": address})
        assert run.state == "failed"
    monkeypatch.delenv("ALEXNET_DEMO_RAY")
    for job in ({"ray": "x"}, {"ray": "x", "address": ""}, {"ray": ["x"], "address": "y"}):
        write_json(run.job_path, job)
        assert run.state == "failed" and current_run()


def test_a_start_that_the_cluster_cannot_take_leaves_nothing(runs_dir: Path, monkeypatch):
    monkeypatch.setenv("ALEXNET_DEMO_RAY", "http://127.0.0.1:9")
    for settings, fact in ((LONG, "http://127.0.0.1:9"), (replace(LONG, device="cuda:1"), "auto")):
        outcome = actions.start(settings)
        assert not outcome.done and fact in outcome.message
        assert list_runs() == []


def test_the_cluster_is_not_asked_about_an_ended_run(dashboard: Dashboard, monkeypatch):
    run = begun(LONG)
    write(run, "end", reason="finished", step=1)
    monkeypatch.setattr(ray_client, "_call", lambda *_: pytest.fail("asked"))
    assert run.state == "finished"


# ------------------------------------------------------------------ Ray itself


def agents() -> dict[str, Any]:
    """Ports of a node's agents, chosen here since Ray gives them only 15 s to choose some."""
    names = (
        *("metrics_agent_port", "metrics_export_port"),
        *("runtime_env_agent_port", "dashboard_agent_listen_port"),
    )
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in names]
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
        nodes = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(2):
            nodes.add_node(num_cpus=1, **agents())
        yield nodes
        nodes.shutdown()


@pytest.fixture
def ray_address(cluster: Any, runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    address = f"http://{cluster.head_node.webui_url}"
    monkeypatch.setenv("ALEXNET_DEMO_RAY", address)
    yield address
    for run in list_runs():
        with suppress(OSError, KeyError):
            ray_client.stop(read_json(run.job_path))


def ancestors_of(pid: int) -> set[int]:
    return {process.pid for process in psutil.Process(pid).parents()}


@pytest.mark.slow
def test_ray_queues_trains_pauses_resumes_and_stops(ray_address: str):
    first = begun(LONG)
    reach(first, "running")
    second = begun(LONG)
    reach(second, "starting")  # on the other node of this machine, where it waits for the device
    third = begun(LONG)
    assert third.state == "queued"
    assert actions.cancel(third).done and get_run(third.id) is None
    wait_for(lambda: first.history.epochs, "no epoch")
    assert actions.request(first, "pause").done
    reach(first, "paused")
    reach(second, "running")
    assert actions.request(second, "stop").done
    reach(second, "stopped")
    step = first.history.last["step"] if first.history.last else 0
    assert actions.resume(first).done
    reach(first, "running")
    wait_for(lambda: first.history.batches[-1]["step"] > step, "it does not continue")
    steps = [batch["step"] for batch in first.history.batches]
    assert steps == sorted(set(steps))
    assert actions.request(first, "stop").done
    reach(first, "stopped")


@pytest.mark.slow
def test_a_run_whose_trainer_is_killed_on_ray_can_resume(ray_address: str):
    run = begun(LONG)
    reach(run, "running")
    wait_for(run.last.is_file, "no checkpoint")
    os.kill(read_json(run.job_path)["pid"], signal.SIGKILL)
    reach(run, "interrupted")
    assert actions.resume(run).done
    reach(run, "running")
    actions.request(run, "stop")
    reach(run, "stopped")


@pytest.mark.slow
def test_when_a_node_dies_the_run_continues_from_its_checkpoint_on_another(
    cluster: Any, ray_address: str
):
    run = begun(LONG)
    reach(run, "running")
    wait_for(lambda: run.history.epochs and run.last.is_file(), "no checkpoint")
    pid = read_json(run.job_path)["pid"]
    ancestors = ancestors_of(pid)
    raylets = {node: node.all_processes["raylet"][0].process.pid for node in cluster.worker_nodes}
    (place,) = [node for node, raylet in raylets.items() if raylet in ancestors]
    cluster.remove_node(place, allow_graceful=False)
    wait_for(
        lambda: read_json(run.job_path).get("pid") not in (None, pid), "it is not placed again"
    )
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    reach(run, "running")
    (left,) = [raylet for node, raylet in raylets.items() if node is not place]
    assert left in ancestors_of(read_json(run.job_path)["pid"])
    start = run.history.start
    assert start and start["step"] > 0  # it continues from the checkpoint
    actions.request(run, "stop")
    reach(run, "stopped")
