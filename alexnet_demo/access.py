"""Who may train, change and delete: everybody, or only who has the key. Imports no torch.

A server on one's own machine is open. It is closed by any of three environment variables:

``ALEXNET_DEMO_PUBLIC=1``        visitors predict, explore and watch; nobody controls
``ALEXNET_DEMO_PASSWORD=…``      who knows the password controls, too
``ALEXNET_DEMO_CONTROLLERS=…``   so do these, once logged in (see `may_control`)

What changes something asks for a `Permit` and refuses without one. So a page that forgets to hand
it on refuses too much, never too little. The command line asks for none: whoever has a shell on
the machine may train there.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

TRIES, SECONDS_A_TRY = 5, 3.0
"""So many passwords can be tried at once, then one in so many seconds, by all visitors together."""
CLOSED = (
    "This server is open to visitors: trainings and models can be looked at here, not started, "
    "changed, deleted or uploaded."
)


class AccessError(ValueError):
    """Something was asked for that visitors may not do; the message says so in one sentence."""


@dataclass(frozen=True)
class Permit:
    """What a session is trusted with on a closed server."""

    controls: bool


@dataclass(frozen=True)
class Outcome:
    """What came of a request: whether it was done, one sentence for the user, and the run."""

    done: bool
    message: str
    run_id: str | None = None


VISITOR, CONTROLLER = Permit(False), Permit(True)


def closed() -> bool:
    """Whether visitors may only look."""
    public = os.environ.get("ALEXNET_DEMO_PUBLIC", "").strip().lower()
    return public not in ("", "0", "false", "no", "off") or takes_password() or bool(_listed())


def refusal(permit: Permit) -> str:
    """Why the holder of this permit may not change anything, in one sentence; empty if they may."""
    return CLOSED if closed() and not permit.controls else ""


def demand(permit: Permit) -> None:
    """Refuse visitors of a closed server.

    Raises:
        AccessError: with the sentence of `refusal`.
    """
    if sentence := refusal(permit):
        raise AccessError(sentence)


# ------------------------------------------------------------------ passwords


def takes_password() -> bool:
    """Whether there is a password that opens the controls."""
    return bool(os.environ.get("ALEXNET_DEMO_PASSWORD"))


class Gate:
    """Changes the password for a permit, and slows down who guesses it.

    All visitors share the tries: sessions cost nothing, and behind a proxy addresses look alike.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._left, self._seen = float(TRIES), clock()

    def enter(self, password: str) -> Permit:
        """The permit to control.

        Raises:
            AccessError: for a wrong password, and where too many were tried.
        """
        if not self._may_try():
            raise AccessError("Too many passwords were tried: wait a few seconds.")
        wanted = os.environ.get("ALEXNET_DEMO_PASSWORD", "")
        # Digests are of one length, so that not even the password's is told by the time it takes.
        if not wanted or not hmac.compare_digest(_digest(password), _digest(wanted)):
            raise AccessError("This is not the password.")
        with self._lock:
            self._left = float(TRIES)
        return CONTROLLER

    def _may_try(self) -> bool:
        with self._lock:
            now = self._clock()
            self._left = min(float(TRIES), self._left + (now - self._seen) / SECONDS_A_TRY)
            self._seen = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


# ------------------------------------------------------------------ people who log in


def _listed() -> tuple[str, ...]:
    names = os.environ.get("ALEXNET_DEMO_CONTROLLERS", "").lower().split(",")
    return tuple(name for raw in names if (name := raw.strip()))


def may_control(email: str, *, verified: bool) -> bool:
    """Whether somebody who logged in is on the list of those who control.

    The list holds addresses, or ``@school.example`` for all of one domain, with commas between.
    Whom the provider lets in does not matter: with a public one that is everybody.

    Args:
        email: the address that the provider tells.
        verified: whether it says that it checked that.
    """
    address = email.strip().lower()
    _, at, domain = address.rpartition("@")
    return bool(verified and at and not {address, at + domain}.isdisjoint(_listed()))
