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
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

TRIES, SECONDS_A_TRY = 5, 3.0
"""So many passwords can be tried at once, then one in so many seconds, from one address."""
CROWD, MOST_ADDRESSES = 20, 1_000
"""So many times that by all together, and so many addresses whose tries are remembered."""
KEYS = ("PASSWORD", "CONTROLLERS")
CLOSED = (
    "This server is open to visitors: trainings and models can be looked at here, not started, "
    "changed, deleted or uploaded."
)


class AccessError(ValueError):
    """Something was asked for that visitors may not do; the message says so in one sentence."""


@dataclass(frozen=True)
class Role:
    """What a session is trusted with on a closed server."""

    controls: bool


@dataclass(frozen=True)
class Outcome:
    """What came of a request: whether it was done, one sentence for the user, and the run."""

    done: bool
    message: str
    run_id: str | None = None


READ_ONLY, ADMIN = Role(False), Role(True)


def closed() -> bool:
    """Whether visitors may only look."""
    public = os.environ.get("ALEXNET_DEMO_PUBLIC", "").strip().lower()
    if public in ("0", "false", "no", "off"):
        return takes_password() or bool(_listed())
    # A lock that was meant and has no key, such as ``PASSWORD=$UNSET``, stays locked.
    return bool(public) or any(f"ALEXNET_DEMO_{key}" in os.environ for key in KEYS)


def refusal(role: Role) -> str:
    """Why the holder of this permit may not change anything, in one sentence; empty if they may."""
    return CLOSED if closed() and not role.controls else ""


def demand(role: Role) -> None:
    """Refuse visitors of a closed server.

    Raises:
        AccessError: with the sentence of `refusal`.
    """
    if sentence := refusal(role):
        raise AccessError(sentence)


# ------------------------------------------------------------------ passwords


def takes_password() -> bool:
    """Whether there is a password that opens the controls."""
    return bool(os.environ.get("ALEXNET_DEMO_PASSWORD"))


class _Tries:
    """So many at once, then one in so many seconds.

    Args:
        most: at once.
        now: what the clock says, in seconds.
    """

    def __init__(self, most: float, now: float) -> None:
        self.most, self.left, self.seen = most, most, now

    def take(self, now: float) -> float:
        """Take one; the seconds to wait where none is left, else 0."""
        pace = SECONDS_A_TRY * TRIES / self.most
        self.left = min(self.most, self.left + (now - self.seen) / pace)
        self.seen = now
        if self.left < 1:
            return (1 - self.left) * pace
        self.left -= 1
        return 0.0


class PasswordLimiter:
    """Changes the password for a permit, and slows down who guesses it.

    Each address has its own tries, so that one who guesses does not keep others out, and all
    together have `CROWD` times as many, since addresses can be had. Sessions cost nothing, so they
    do not count. Behind a proxy all addresses are one.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._all = _Tries(TRIES * CROWD, clock())
        self._of: dict[str, _Tries] = {}

    def enter(self, password: str, address: str = "") -> Role:
        """The permit to control.

        Args:
            address: where the password comes from; empty where that is not known.

        Raises:
            AccessError: for a wrong password, and where too many were tried.
        """
        if wait := self._take(address):
            raise AccessError(
                f"Too many passwords were tried: try again in {math.ceil(wait)} seconds."
            )
        wanted = os.environ.get("ALEXNET_DEMO_PASSWORD", "")
        # Digests are of one length, so that not even the password's is told by the time it takes.
        if not wanted or not hmac.compare_digest(_digest(password), _digest(wanted)):
            raise AccessError("This is not the password.")
        with self._lock:
            self._of.pop(address, None)
        return ADMIN

    def _take(self, address: str) -> float:
        """Take a try; the seconds to wait where none is left, else 0."""
        with self._lock:
            now = self._clock()
            own = self._of.pop(address, None) or _Tries(TRIES, now)
            self._of[address] = own  # the newest last
            while len(self._of) > MOST_ADDRESSES:
                self._of.pop(next(iter(self._of)))
            return own.take(now) or self._all.take(now)


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
