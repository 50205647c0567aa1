"""Who may come in, and how often.

Rules
* Only hashes of tokens are known here. A token is hashed once and compared with every identity in constant time, so
  neither the time nor the order tells anything about which identity exists.
* Rates are token buckets in whole milli-tokens; time is an argument. Tables are bounded, whoever calls.
* Stop and release have a bucket of their own, far larger, and are never charged to the caller's address: a flood from
  the same address must not hold up somebody who wants to stop. A wrong token is always charged to the address.

This file must never grant anything: it only lets a question through to the guardian, which caps all of us together.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from supervisor.gateway.problem import Problem
from supervisor.wire import IdentityInfo

ADDRESSES_MAX = 1_024
IDENTITIES_MAX = 1_024
TOKEN_MAX = 512  # characters


@dataclass(frozen=True)
class Rate:
    """``per_s`` tokens a second, at most ``burst`` at once."""

    per_s: int
    burst: int


@dataclass(frozen=True)
class Rates:
    """The three rates of the door: an address (reads included), an identity, and an identity that stops or releases."""

    address: Rate = Rate(100, 200)
    identity: Rate = Rate(20, 40)
    urgent: Rate = Rate(200, 400)


class Buckets:
    """Token buckets by key. When the table is full the one that was quiet for longest makes room: a caller with a
    thousand addresses is not held by an address limit anyway, and the identity's limit still holds."""

    def __init__(self, rate: Rate, keys_max: int) -> None:
        self._rate = rate
        self._keys_max = keys_max
        self._levels: OrderedDict[str, tuple[int, int]] = OrderedDict()  # key -> milli-tokens, at_ms

    def take(self, key: str, now_ms: int) -> int:
        """0 when a token was there, otherwise the milliseconds until there is one."""
        full = self._rate.burst * 1_000
        level, at_ms = self._levels.pop(key, (full, now_ms))
        level = min(full, level + max(0, now_ms - at_ms) * self._rate.per_s)
        wait_ms = 0 if level >= 1_000 else -(-(1_000 - level) // self._rate.per_s)
        self._levels[key] = (level if wait_ms else level - 1_000, now_ms)
        if len(self._levels) > self._keys_max:
            self._levels.popitem(last=False)
        return wait_ms

    def __len__(self) -> int:
        return len(self._levels)


@dataclass
class Door:
    """The buckets of one gateway process."""

    rates: Rates = field(default_factory=Rates)

    def __post_init__(self) -> None:
        self._addresses = Buckets(self.rates.address, ADDRESSES_MAX)
        self._identities = Buckets(self.rates.identity, IDENTITIES_MAX)
        self._urgent = Buckets(self.rates.urgent, IDENTITIES_MAX)

    def visit(self, address: str, now_ms: int) -> None:
        """Charge an address. Raises Problem 429."""
        _check(self._addresses.take(network_of(address), now_ms), "this address")

    def admit(self, header: str | None, identities: Iterable[IdentityInfo], address: str, now_ms: int) -> str:
        """The identity behind an Authorization header, charged. Raises Problem 401 or 429."""
        self.visit(address, now_ms)
        name = identify(header, identities)
        _check(self._identities.take(name, now_ms), "this identity")
        return name

    def admit_urgent(self, header: str | None, identities: Iterable[IdentityInfo], address: str, now_ms: int) -> str:
        """The same for stop and release. Raises Problem 401 or 429."""
        try:
            name = identify(header, identities)
        except Problem:
            self.visit(address, now_ms)
            raise
        _check(self._urgent.take(name, now_ms), "this identity")
        return name


def identify(header: str | None, identities: Iterable[IdentityInfo]) -> str:
    """The name behind ``Authorization: Bearer TOKEN``. Raises Problem 401."""
    scheme, _, token = (header or "").partition(" ")
    digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest().encode()
    found = ""
    for identity in identities:  # no early way out: the time must not tell which one it was
        if hmac.compare_digest(digest, identity.token_sha256.lower().encode()):
            found = identity.name
    if scheme.lower() != "bearer" or not 0 < len(token) <= TOKEN_MAX or not found:
        remedy = "send the header Authorization: Bearer TOKEN, with a token that the site document knows"
        raise Problem(401, "who_are_you", "only a known identity may ask", remedy)
    return found


def network_of(address: str) -> str:
    """The key of an address: itself for IPv4, its /64 for IPv6, since everybody owns 2**64 of those."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "?"
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:  # a socket that serves both families shows IPv4 callers like this
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))


def _check(wait_ms: int, who: str) -> None:
    if wait_ms:
        raise Problem(429, "too_often", f"{who} asks too often", "wait as long as Retry-After says", wait_ms)
