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
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock

from alexnet_demo.common.errors import AccessError

BURST, RATE = 5, 1.0
"""Password attempts that one address may make at once, and per second afterwards."""
GLOBAL_FACTOR, MAX_ADDRESSES = 10, 1_000
"""All addresses together get this many times one address's attempts; how many are remembered."""
MAX_WAIT, MEAN_PAUSE, MAX_WAITING = 10.0, 0.2, 500
"""Seconds that an attempt waits for its turn and between two looks; how many may wait."""
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
    """Allows ``burst`` attempts at once, and earns ``rate`` per second.

    Args:
        now: the current time in seconds.
    """

    def __init__(self, burst: int, rate: float, now: float) -> None:
        self.burst, self.rate, self.tokens, self.updated = burst, rate, float(burst), now

    def ready(self, now: float) -> bool:
        """Whether there is an attempt to take."""
        self.tokens = min(self.burst, self.tokens + (now - self.updated) * self.rate)
        self.updated = now
        return self.tokens >= 1


class PasswordLimiter:
    """Checks passwords, so many per second and no more.

    Each address has attempts of its own, so that guessing does not hold up others, and all together
    share a larger number, since addresses are cheap. Sessions are free, so they do not count.

    An attempt beyond the limit waits for its turn and is then checked like any other. Those that
    wait look for a free attempt at random times, and nobody goes ahead of them, so that each has
    the same chance. Waiting costs a thread, so only some may: a newcomer beyond them takes the
    place of a random one from the network that has most, and never another network's.

    Args:
        clock: returns the time in seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._sleep, self._lock = clock, sleep, Lock()
        self._waiting: dict[object, str] = {}  # the network of each attempt that waits
        self._shared = _TokenBucket(BURST * GLOBAL_FACTOR, RATE * GLOBAL_FACTOR, clock())
        self._by_address: dict[str, _TokenBucket] = {}

    def enter(self, password: str, address: str = "") -> Role:
        """Return `ADMIN` for the right password, if need be after waiting for a turn.

        Args:
            address: the client's IP address; empty if unknown, which leaves the shared limit.

        Raises:
            AccessError: for a wrong password, or if no turn came.
        """
        network = _network(address)
        with self._lock:
            admitted = not self._waiting and self._take(network)
        if not (admitted or self._wait(network)):
            raise AccessError("Too many passwords are being tried. Try again in a moment.")
        expected = os.environ.get("ALEXNET_DEMO_PASSWORD", "")
        # Digests have equal lengths, so timing does not leak the password's length either.
        if not expected or not hmac.compare_digest(_digest(password), _digest(expected)):
            raise AccessError("Incorrect password.")
        return ADMIN

    def _wait(self, network: str) -> bool:
        """Wait for a turn; False if none came, or a newcomer took the place."""
        place, end = object(), self._clock() + MAX_WAIT
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                self._displace()
            self._waiting[place] = network
        try:
            while self._clock() < end:
                self._sleep(random.uniform(0, 2 * MEAN_PAUSE))
                with self._lock:
                    if place not in self._waiting:
                        return False
                    if self._take(network):
                        return True
            return False
        finally:
            with self._lock:
                self._waiting.pop(place, None)

    def _displace(self) -> None:
        """Free the place of a random attempt from the network that has most."""
        ((most, _),) = Counter(self._waiting.values()).most_common(1)
        del self._waiting[random.choice([p for p, n in self._waiting.items() if n == most])]

    def _take(self, network: str) -> bool:
        """Take an attempt from the network's own and the shared ones, if both have one."""
        now = self._clock()
        buckets = [self._shared]
        if network:
            own = self._by_address.pop(network, None) or _TokenBucket(BURST, RATE, now)
            self._by_address[network] = own  # most recent last
            buckets.append(own)
            while len(self._by_address) > MAX_ADDRESSES:
                self._by_address.pop(next(iter(self._by_address)))
        if not all(bucket.ready(now) for bucket in buckets):
            return False
        for bucket in buckets:
            bucket.tokens -= 1
        return True


def _network(address: str) -> str:
    """The address, or of an IPv6 address the /64 that one customer has; empty for anything else."""
    try:
        ip = ip_address(address)
    except ValueError:
        return ""
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or ip_network((int(ip), 64), strict=False))
    return str(ip)


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
