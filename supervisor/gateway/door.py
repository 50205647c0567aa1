"""Who may come in, and how often.

Rules
* Only hashes of tokens are known here. A token is hashed once and compared with every identity in constant time, so
  neither the time nor the order tells anything about which identity exists.
* Rates are token buckets in whole milli-tokens; time is an argument. Tables are bounded, whoever calls.
* Stop and release have a bucket of their own, far larger, and are never charged to the caller's address: a flood from
  the same address must not hold up somebody who wants to stop. A wrong token is always charged to the address.
* A network that guesses tokens is locked (lockout.py). A stop or release with a right token passes all the same, a
  wrong one gets the same answer as everything else from there. So stops could still be used to guess, as fast as we
  answer: that is why a token has 256 bits (``powerwarden token NAME`` makes one) and is not a word.

This file must never grant anything: it only lets a question through to the guardian, which caps all of us together.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from supervisor.gateway.address import network_of
from supervisor.gateway.lockout import WRONG_MAX, Lockout
from supervisor.gateway.problem import Problem
from supervisor.wire import IdentityInfo

ADDRESSES_MAX = 1_024
IDENTITIES_MAX = 1_024
TOKEN_MAX = 512  # characters
NOBODY = b"-" * 64  # as long as a digest and never one: what an identity without a token is compared with


@dataclass(frozen=True)
class Rate:
    """``per_s`` tokens a second, at most ``burst`` at once."""

    per_s: int
    burst: int


@dataclass(frozen=True)
class Rates:
    """The rates of the door: an address (reads included), an identity, an identity that stops or releases, and one that
    does so from a locked network. ``wrong_max``: wrong tokens within a minute that lock a network."""

    address: Rate = Rate(100, 200)
    identity: Rate = Rate(20, 40)
    urgent: Rate = Rate(200, 400)
    locked_urgent: Rate = Rate(5, 20)
    wrong_max: int = WRONG_MAX


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
        self._locked_urgent = Buckets(self.rates.locked_urgent, IDENTITIES_MAX)
        self._lockout = Lockout(self.rates.wrong_max)

    def visit(self, address: str, now_ms: int) -> None:
        """Charge an address. Raises Problem 429."""
        _check(self._addresses.take(network_of(address), now_ms), "this address")

    def recognise(self, header: str | None, identities: Iterable[IdentityInfo], address: str, now_ms: int) -> str:
        """The identity behind an Authorization header; only its address is charged. Raises Problem 401 or 429."""
        self.visit(address, now_ms)
        if wait_ms := self._lockout.wait_ms(network_of(address), now_ms):
            raise _locked(wait_ms)
        try:
            return identify(header, identities)
        except Problem:
            self._guessed(header, address, now_ms)
            raise

    def admit(self, header: str | None, identities: Iterable[IdentityInfo], address: str, now_ms: int) -> str:
        """The same, charged as well. Raises Problem 401 or 429."""
        name = self.recognise(header, identities, address, now_ms)
        _check(self._identities.take(name, now_ms), "this identity", name)
        return name

    def admit_urgent(self, header: str | None, identities: Iterable[IdentityInfo], address: str, now_ms: int) -> str:
        """The same for stop and release. Raises Problem 401 or 429."""
        locked_ms = self._lockout.wait_ms(network_of(address), now_ms)
        try:
            name = identify(header, identities)
        except Problem:
            self.visit(address, now_ms)
            if locked_ms:
                raise _locked(locked_ms) from None
            self._guessed(header, address, now_ms)
            raise
        if locked_ms:
            _check(self._locked_urgent.take(name, now_ms), "this identity", name)
        _check(self._urgent.take(name, now_ms), "this identity", name)
        return name

    def admit_named(self, name: str, now_ms: int, urgent: bool = False) -> None:
        """Charge an identity whose name the broker vouches for: the same buckets as over HTTP. Raises Problem 429."""
        _check((self._urgent if urgent else self._identities).take(name, now_ms), "this identity", name)

    def _guessed(self, header: str | None, address: str, now_ms: int) -> None:
        if _token(header):
            self._lockout.wrong(network_of(address), now_ms)


def identify(header: str | None, identities: Iterable[IdentityInfo]) -> str:
    """The name behind ``Authorization: Bearer TOKEN``. Raises Problem 401."""
    token = _token(header)
    digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest().encode()
    found = ""
    for identity in identities:  # no early way out: the time must not tell which one it was
        if hmac.compare_digest(digest, identity.token_sha256.lower().encode() or NOBODY):
            found = identity.name
    if not 0 < len(token) <= TOKEN_MAX or not found:
        remedy = "send the header Authorization: Bearer TOKEN, with a token that the site document knows"
        raise Problem(401, "who_are_you", "only a known identity may ask", remedy)
    return found


def _token(header: str | None) -> str:
    """What follows "Bearer ", "" where nothing does."""
    scheme, _, token = (header or "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _check(wait_ms: int, who: str, name: str = "") -> None:
    if wait_ms:
        raise Problem(429, "too_often", f"{who} asks too often", "wait as long as Retry-After says", wait_ms, name)


def _locked(wait_ms: int) -> Problem:
    remedy = "wait as long as Retry-After says, then send the right token; a stop with a right token passes even now"
    return Problem(429, "locked_out", "too many wrong tokens came from this address", remedy, wait_ms)
