"""Signed acknowledgements of nuisance latches: the guardian itself verifies the installer's signature.

Theory of operation
    a row latches -> the snapshot shows its challenge -> an installer signs (site, rule, challenge) -> the gateway
    passes it on -> here: is the challenge this row's, now? is the key declared? does it fit? -> the kernel judges

Rules
* A challenge follows from a random number of this process, the row, when it latched, how often it has been signed for,
  and the time in steps of STEP_MS. It is good for two steps at most, and for one signature; a restart ends them all.
* Nothing else makes a request with the verb "acknowledge": what the wire calls a verb has no such word.
* An Ed25519 verification costs 0.12 ms here and at most ten times that on a Pi. BURST of them, then PER_S a second:
  a flood costs no cycle its time. It can keep an installer waiting, and nothing else: the house stays as it is.
* No secret is compared here but the challenge, which is compared in constant time; keys and signatures are public.

This file must never end a latch, nor make a request without a verified signature.
"""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from supervisor import wire
from supervisor.kernel import latch
from supervisor.kernel.lease import Clause, Decision, Request, Verb, Verdict
from supervisor.kernel.plan import Plan
from supervisor.kernel.state import State
from supervisor.kernel.trip import Latch, Trip, kind

STEP_MS = 300_000
CHALLENGE_CHARS = 32  # hex: 128 bits
CHALLENGES_KEPT = 256
AGE_MAX_MS = 1_000  # older than this it was held up somewhere
BURST, PER_S = 5, 2
VECTOR = (  # RFC 8032, 7.1, TEST 1: the public key, and its signature of nothing
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe2465"
    "5141438e7a100b",
)
Verify = Callable[[bytes, bytes], bool]
log = logging.getLogger("guardian")


def verifier(public_key: str) -> Verify:
    """Does (signature, message) fit this key? The library is loaded only where a site has installers."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))

    def verify(signature: bytes, message: bytes) -> bool:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verify


class Acknowledger:
    """One for the life of the process. ``nonce``: 32 random bytes that nobody outside learns."""

    def __init__(self, plan: Plan, installers: Mapping[str, str], nonce: bytes | None = None) -> None:
        self._plan, self._nonce = plan, nonce or os.urandom(32)
        self._positions = {rule.id: i for i, rule in enumerate(plan.rules)}
        self._keys = {key: (f"{latch.INSTALLERS}{name}", verifier(key)) for name, key in installers.items()}
        self._used = [0] * len(plan.rules)
        self._follows = lru_cache(CHALLENGES_KEPT)(self._follow)  # they are asked for in every flood and every snapshot
        self._tokens_m = BURST * 1000  # thousandths of a token
        self._refilled_ms: int | None = None
        if self._keys and not _works():
            log.error("Ed25519 signatures cannot be verified on this machine; nobody can acknowledge anything")
            self._keys = {}

    def challenge(self, position: int, trip: Trip, now_ms: int, back: int = 0) -> str:
        """What is to be signed for this row; "" when nobody can. ``back``: that of so many steps ago."""
        rule = self._plan.rules[position]
        if not self._keys or kind(rule, trip) is not Latch.NUISANCE:
            return ""
        return self._follows(rule.id, trip.cause_ms, self._used[position], now_ms // STEP_MS - back)

    def _follow(self, *parts: str | int) -> str:
        said = "\n".join(map(str, parts)).encode()
        return hmac.digest(self._nonce, said, "sha256").hex()[:CHALLENGE_CHARS]

    def shown(self, state: State, snapshot: wire.Snapshot) -> wire.Snapshot:
        """The snapshot with the challenges of its latched rows."""
        if not any(trip.latched for trip in snapshot.trips):
            return snapshot
        return replace(snapshot, trips=tuple(self._with_challenge(state, shown) for shown in snapshot.trips))

    def _with_challenge(self, state: State, shown: wire.TripInfo) -> wire.TripInfo:
        position = self._positions[shown.rule]
        trip = state.trips[position]
        trips = len(latch.remaining(trip.recent, state.now_ms))
        return replace(shown, challenge=self.challenge(position, trip, state.now_ms), trips=trips)

    def take(self, said: wire.Acknowledge, state: State, now_ms: int) -> Request | Decision:
        """The request for the kernel; or, where nothing was proven, the answer."""
        clause, text, name = self._judge(said, state, now_ms)
        if clause:
            refusal = Clause(clause, "refuses", text)
            return Decision(said.seq, Verdict.REFUSED, -1, None, (refusal,), None)
        self._used[self._positions[said.rule]] += 1
        nothing: dict[str, Any] = {"value": None, "unit": "", "kind": "", "duration_ms": None, "request_id": ""}
        return Request(
            seq=said.seq,
            verb=Verb.ACKNOWLEDGE,
            identity=name,
            target=said.rule,
            received_ms=said.received_ms,
            dry_run=False,
            **nothing,
        )

    def _judge(self, said: wire.Acknowledge, state: State, now_ms: int) -> tuple[str, str, str]:
        """(rule, text, "") when it is refused, ("", "", installer) when it is signed as it should be. What costs most
        comes last."""
        if not self._keys:
            return "acknowledge.key", "this site has declared no installer's key", ""
        if not -AGE_MAX_MS <= now_ms - said.received_ms <= AGE_MAX_MS:
            return "acknowledge.age", "it is older than a second; sign it again", ""
        position = self._positions.get(said.rule)
        if position is None:
            return "latch.unknown", "this site has no such rule", ""
        rule, trip = self._plan.rules[position], state.trips[position]
        if kind(rule, trip) is not Latch.NUISANCE:
            return (*latch.why_not(rule, trip, now_ms), "")
        good = [self.challenge(position, trip, now_ms, back) for back in (0, 1)]
        given = said.challenge.encode("utf-8", "replace")
        if sum(hmac.compare_digest(given, one.encode()) for one in good) == 0:  # both are looked at, whichever it is
            return "acknowledge.replay", "the challenge is not the one that is shown now; get it and sign again", ""
        if said.public_key not in self._keys:
            return "acknowledge.key", "this key belongs to no installer of this site", ""
        if not self._spend(now_ms):
            return "acknowledge.rate", "too many signatures at once; try again in a few seconds", ""
        name, verify = self._keys[said.public_key]
        if not verify(_bytes(said.signature), wire.signed(self._plan.site, said.rule, said.challenge)):
            return (
                "acknowledge.signature",
                "the signature does not fit the key, the site, the rule and the challenge",
                "",
            )
        return "", "", name

    def _spend(self, now_ms: int) -> bool:
        passed_ms = now_ms - self._refilled_ms if self._refilled_ms is not None else 0
        self._tokens_m = min(self._tokens_m + passed_ms * PER_S, BURST * 1000)
        self._refilled_ms = now_ms
        if self._tokens_m < 1000:
            return False
        self._tokens_m -= 1000
        return True


def _bytes(text: str) -> bytes:
    """The signature, or nothing where it is no hex."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _works() -> bool:
    """Does the library tell a good signature from a bad one? It also spares the first cycle its first use."""
    verify, signature = verifier(VECTOR[0]), bytes.fromhex(VECTOR[1])
    return verify(signature, b"") and not verify(signature, b"x") and not verify(b"", b"")
