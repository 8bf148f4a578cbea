"""Access control: who may train, change, delete, and upload.

A server on one's own machine is open to everybody. Any of three environment variables restricts it:

``ALEXNET_DEMO_PUBLIC=1``        visitors predict, explore, and watch; nobody is an admin
``ALEXNET_DEMO_PASSWORD=…``      admins unlock the controls with this password
``ALEXNET_DEMO_CONTROLLERS=…``   admins log in with one of these addresses (see `is_admin_email`)

Functions that change something take a `Role`, which is `READ_ONLY` by default, so a page that
forgets to pass one refuses too much, never too little. Commands always run as `ADMIN`: whoever has
a shell on the machine may train there.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from threading import Lock

from alexnet_demo.common.errors import AccessError

BURST, SECONDS_PER_ATTEMPT = 5, 3.0
"""Password attempts that one address may make at once, and the time until it earns another."""
GLOBAL_FACTOR, MAX_ADDRESSES = 20, 1_000
"""All addresses together get this many times one address's attempts; how many are remembered."""
RESTRICTED = "Visitors can view runs and models, but not start, change, delete, or upload."


class Role(Enum):
    """What a session may do on a restricted server."""

    READ_ONLY = "read only"
    ADMIN = "admin"


READ_ONLY, ADMIN = Role


@dataclass(frozen=True)
class Outcome:
    """Result of a request: whether it was done, one sentence for the user, and the run's id."""

    done: bool
    message: str
    run_id: str | None = None


def is_restricted() -> bool:
    """Whether visitors have read-only access."""
    public = os.environ.get("ALEXNET_DEMO_PUBLIC", "").strip().lower()
    if public in ("0", "false", "no", "off"):
        return has_password() or bool(_admin_emails())
    # A lock without a key, such as ``PASSWORD=$UNSET``, stays locked.
    keys = ("ALEXNET_DEMO_PASSWORD", "ALEXNET_DEMO_CONTROLLERS")
    return bool(public) or any(key in os.environ for key in keys)


def has_access(role: Role) -> bool:
    """Whether this role may change anything on this server."""
    return role is ADMIN or not is_restricted()


def require_admin(role: Role) -> None:
    """Raise `AccessError` on a restricted server unless the role is `ADMIN`."""
    if not has_access(role):
        raise AccessError(RESTRICTED)


def has_password() -> bool:
    """Whether a password unlocks the controls."""
    return bool(os.environ.get("ALEXNET_DEMO_PASSWORD"))


class _TokenBucket:
    """Allows ``burst`` attempts at once, then refills at ``BURST / burst`` of the usual interval.

    Args:
        now: the current time in seconds.
    """

    def __init__(self, burst: int, now: float) -> None:
        self.burst, self.tokens, self.updated = burst, float(burst), now

    def take(self, now: float) -> float:
        """Take one token and return 0, or return the seconds to wait for one."""
        interval = SECONDS_PER_ATTEMPT * BURST / self.burst
        self.tokens = min(self.burst, self.tokens + (now - self.updated) / interval)
        self.updated = now
        if self.tokens < 1:
            return (1 - self.tokens) * interval
        self.tokens -= 1
        return 0.0


class PasswordLimiter:
    """Checks passwords and limits the rate of attempts.

    Each address has its own bucket, so that guessing does not lock others out. All addresses share
    a larger one, since addresses are cheap. Sessions are free, so they do not count. Behind a proxy
    all visitors share one address.

    Args:
        clock: returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._shared = _TokenBucket(BURST * GLOBAL_FACTOR, clock())
        self._by_address: dict[str, _TokenBucket] = {}

    def enter(self, password: str, address: str = "") -> Role:
        """Return `ADMIN` for the right password.

        Args:
            address: the client's address; empty if unknown.

        Raises:
            AccessError: for a wrong password, or too many attempts.
        """
        if wait := self._take(address):
            raise AccessError(f"Too many attempts. Try again in {math.ceil(wait)} seconds.")
        expected = os.environ.get("ALEXNET_DEMO_PASSWORD", "")
        # Digests have equal lengths, so timing does not leak the password's length either.
        if not expected or not hmac.compare_digest(_digest(password), _digest(expected)):
            raise AccessError("Incorrect password.")
        with self._lock:
            self._by_address.pop(address, None)
        return ADMIN

    def _take(self, address: str) -> float:
        """Take a token from both buckets and return 0, or return the seconds to wait."""
        with self._lock:
            now = self._clock()
            bucket = self._by_address.pop(address, None) or _TokenBucket(BURST, now)
            self._by_address[address] = bucket  # most recent last
            while len(self._by_address) > MAX_ADDRESSES:
                self._by_address.pop(next(iter(self._by_address)))
            return bucket.take(now) or self._shared.take(now)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def _admin_emails() -> set[str]:
    names = os.environ.get("ALEXNET_DEMO_CONTROLLERS", "").lower().split(",")
    return {name for raw in names if (name := raw.strip())}


def is_admin_email(email: str, *, verified: bool) -> bool:
    """Whether a logged-in user is on the list of admins.

    The list is comma-separated and holds addresses, or ``@school.example`` for a whole domain. An
    identity provider's own admission does not matter: a public one admits everybody.

    Args:
        email: the address that the identity provider gives.
        verified: whether the provider has verified it.
    """
    address = email.strip().lower()
    _, at, domain = address.rpartition("@")
    return bool(verified and at and {address, at + domain} & _admin_emails())
