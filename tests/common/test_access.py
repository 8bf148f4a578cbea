"""Access control: roles, passwords, admins, and what a restricted server refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import pytest

from alexnet_demo.common import access
from alexnet_demo.common.access import ADMIN, READ_ONLY, PasswordLimiter, Role
from alexnet_demo.common.errors import AccessError
from alexnet_demo.common.files import read_json
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.jobs import actions, lr_tests, processes
from alexnet_demo.runs import pins
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from tests.support.waiting import wait_for

TINY = TrainConfig(width=0.0625, batch_size=2, train_samples=8, test_samples=8, device="cpu")


@pytest.fixture(autouse=True)
def _open(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PUBLIC", "PASSWORD", "CONTROLLERS"):
        monkeypatch.delenv(f"ALEXNET_DEMO_{name}", raising=False)


@pytest.fixture
def run(runs_dir: Path) -> Run:
    """A run that was never started."""
    prepare(runs_dir / "20260101-120000-article-aa", TINY)
    return Run(runs_dir / "20260101-120000-article-aa")


@pytest.mark.parametrize("value", ["1", "true", "yes", "public", " 1 "])
def test_public_restricts_the_server(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", value)
    assert not access.has_access(READ_ONLY)
    assert access.has_access(ADMIN)
    with pytest.raises(AccessError):
        access.require_admin(READ_ONLY)


@pytest.mark.parametrize("value", ["", "0", "false", "No", "off"])
def test_an_unrestricted_server_gives_everybody_access(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", value)
    assert not access.is_restricted() and access.has_access(READ_ONLY)
    access.require_admin(READ_ONLY)


@pytest.mark.parametrize("key", ["ada@school.example", "", ","])
@pytest.mark.parametrize("name", ["ALEXNET_DEMO_PASSWORD", "ALEXNET_DEMO_CONTROLLERS"])
def test_even_an_empty_key_restricts_the_server(
    name: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, key)
    assert not access.has_access(READ_ONLY)
    if len(key) < 2:
        monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "0")
        assert access.is_restricted() is (name.endswith("PASSWORD") and key == ",")


REQUESTS: dict[str, Callable[[Run, Role], actions.Outcome]] = {
    "start": lambda run, role: actions.start(TINY, role=role),
    "resume": lambda run, role: actions.resume(run, role=role),
    "pause": lambda run, role: actions.request(run, "pause", role=role),
    "stop": lambda run, role: actions.request(run, "stop", role=role),
    "adjust": lambda run, role: actions.change_settings(run, epochs=99, role=role),
    "label": lambda run, role: actions.label(run, "Mine", "", role=role),
    "delete": lambda run, role: actions.delete(run, role=role),
    "find_lr": lambda run, role: lr_tests.start_lr_test(TINY, role=role),
    "cancel": lambda run, role: actions.cancel(run, role=role),
    "pin": lambda run, role: actions.pin(pins.defaults()[0], role=role),
    "unpin": lambda run, role: actions.unpin("an id", role=role),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_read_only_requests_change_nothing(
    name: str, run: Run, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    monkeypatch.setattr(processes, "launch", lambda *_: pytest.fail("a process was started"))
    before = {path: path.read_bytes() for path in runs_dir.rglob("*") if path.is_file()}
    outcome = REQUESTS[name](run, READ_ONLY)
    assert not outcome.done and outcome.message == access.RESTRICTED
    assert {path: path.read_bytes() for path in runs_dir.rglob("*") if path.is_file()} == before


def test_who_is_admin_email_does(run: Run, runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    assert actions.label(run, "Mine", "", role=ADMIN).done
    assert read_json(run.directory / "label.json")["name"] == "Mine"
    assert actions.delete(run, role=ADMIN).done and not run.directory.exists()


def test_read_only_requests_measure_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    monkeypatch.setattr(
        processes.subprocess, "run", lambda *_, **__: pytest.fail("it was measured")
    )
    assert processes.probe(TINY) == {"error": access.RESTRICTED}


def test_read_only_requests_stop_no_range_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    monkeypatch.setattr(lr_tests, "running_lr_test", lambda: pytest.fail("it was looked for"))
    lr_tests.stop_lr_test()


def test_read_only_uploads_are_refused(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tiny_weights.read_bytes()
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    with pytest.raises(AccessError):
        Classifier.from_upload("mine.safetensors", data)
    assert Classifier.from_upload("mine.safetensors", data, ADMIN).info["epoch"] == 1


def test_the_error_for_a_bad_upload_names_the_file() -> None:
    with pytest.raises(ValueError, match=r"^mine\.safetensors is not a readable"):
        Classifier.from_upload("mine.safetensors", b"nothing")


def test_commands_run_as_admin(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from alexnet_demo.cli.main import main

    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    tiny = ["--width", "0.0625", "--epochs", "1", "--train-samples", "16", "--test-samples", "16"]
    assert main(["train", *tiny, "--batch-size", "16", "--device", "cpu"]) == 0
    assert len(list(paths.RUNS_DIR.glob("*/checkpoints/best.safetensors"))) == 1


def test_only_the_exact_password_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_PASSWORD", "zwölf Äpfel")
    assert PasswordLimiter().enter("zwölf Äpfel") is ADMIN
    for wrong in ("", "zwölf", "ZWÖLF ÄPFEL", "\udc80"):
        with pytest.raises(AccessError, match="Incorrect"):
            PasswordLimiter().enter(wrong)


def test_without_a_password_none_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    for guess in ("", "1", "password"):
        with pytest.raises(AccessError):
            PasswordLimiter().enter(guess)


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def limiter(self) -> PasswordLimiter:
        return PasswordLimiter(lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def guess(limiter: PasswordLimiter, address: str = "") -> bool:
    """Whether a wrong password was checked."""
    with pytest.raises(AccessError) as error:
        limiter.enter("wrong", address)
    return "Incorrect" in str(error.value)


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_one_address_gets_one_attempt_a_second(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_PASSWORD", "right")
    clock = Clock()
    limiter = clock.limiter()
    assert all(guess(limiter, address) for _ in range(access.BURST))
    assert clock.now == 0, "typing errors cost no time"
    assert all(guess(limiter, address) for _ in range(100))
    assert clock.now >= 100 / access.RATE - 1
    assert limiter.enter("right", address) is ADMIN
    clock.now += 3600
    assert all(guess(limiter, address) for _ in range(access.BURST + 10))
    assert clock.now >= 3700 + 10 / access.RATE - 2, "unused attempts do not accumulate"


@pytest.mark.parametrize("pattern", ["10.1.{}.{}", "2001:db8:{}:{}::1", ""])
def test_all_addresses_together_get_ten_times_as_many(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that a guesser makes up, and all those behind a proxy that nobody named."""
    monkeypatch.setenv("ALEXNET_DEMO_PASSWORD", "right")
    clock = Clock()
    limiter = clock.limiter()
    tried = sum(guess(limiter, pattern.format(n // 250, n % 250)) for n in range(2_000))
    assert tried <= access.GLOBAL_FACTOR * (access.BURST + access.RATE * clock.now)
    assert len(limiter._by_address) <= access.MAX_ADDRESSES


def test_guessing_does_not_hold_up_other_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_PASSWORD", "right")
    monkeypatch.setattr(access, "MAX_WAIT", 0.0)
    limiter = Clock().limiter()
    for number in range(100):
        guess(limiter, f"2001:db8::{number:x}")  # one customer's network counts as one address
    assert limiter.enter("right", "2001:db8:1::1") is ADMIN


@contextmanager
def flood(limiter: PasswordLimiter, count: int, address: str) -> Iterator[None]:
    """So many threads guess without a pause, until all places are taken and then on."""
    done = Event()

    def keep_guessing() -> None:
        while not done.is_set():
            with suppress(AccessError):
                limiter.enter("wrong", address)

    with ThreadPoolExecutor(count) as pool:
        guessers = [pool.submit(keep_guessing) for _ in range(count)]
        try:
            full = min(count - 1, access.MAX_WAITING)
            wait_for(lambda: len(limiter._waiting) >= full, "the guessers do not wait")
            yield
        finally:
            done.set()
    assert all(guesser.exception() is None for guesser in guessers)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> PasswordLimiter:
    """Fifty attempts per second and address, and ten places to wait."""
    monkeypatch.setenv("ALEXNET_DEMO_PASSWORD", "right")
    monkeypatch.setattr(access, "RATE", 50.0)
    monkeypatch.setattr(access, "MEAN_PAUSE", 0.02)
    monkeypatch.setattr(access, "MAX_WAITING", 10)
    return PasswordLimiter()


@pytest.mark.parametrize("address", ["192.0.2.7", ""])
def test_more_guessers_than_places_do_not_lock_out_their_own_address(
    address: str, hasty: PasswordLimiter
) -> None:
    """Nor, behind a proxy that nobody named, everybody."""

    def enter() -> bool:
        with suppress(AccessError):
            return hasty.enter("right", address) is ADMIN
        return False

    with flood(hasty, 20, address):
        assert any(enter() for _ in range(100_000))


def test_more_guessers_than_places_leave_another_address_its_turn(hasty: PasswordLimiter) -> None:
    """Even one that has used up its own attempts, and therefore waits."""
    with flood(hasty, 20, "192.0.2.7"):
        for _ in range(20):
            assert guess(hasty, "198.51.100.1")
        assert hasty.enter("right", "198.51.100.1") is ADMIN
        assert len(hasty._waiting) <= access.MAX_WAITING


def test_nobody_goes_ahead_of_those_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise whoever sends more would get more turns than those who wait."""
    monkeypatch.setenv("ALEXNET_DEMO_PASSWORD", "right")
    clock = Clock()
    limiter = clock.limiter()
    limiter._waiting[object()] = "192.0.2.7"
    assert guess(limiter, "192.0.2.7") and clock.now > 0


@pytest.mark.parametrize(
    ("email", "verified", "admin"),
    [
        ("ada@school.example", True, True),
        ("Ada@School.example", True, True),
        ("ada@school.example", False, False),
        ("bob@school.example", True, False),
        ("bob@lab.example", True, True),
        ("bob@evil-lab.example", True, False),
        ("lab.example", True, False),
        ("", True, False),
    ],
)
def test_only_listed_addresses_are_admins(
    email: str, verified: bool, admin: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_CONTROLLERS", "ada@school.example, @lab.example,")
    assert access.is_admin_email(email, verified=verified) is admin


def test_an_empty_list_has_no_admins() -> None:
    assert not access.is_admin_email("ada@school.example", verified=True)
    assert not access.is_admin_email("@", verified=True)
