"""Leases: every accepted value has an owner and an end.

Rules
* Two places per target, so the number of leases is fixed: the lease that is held, and one program that waits for its
  start. Nothing but a new, granted request makes one longer: a heartbeat only says that its sender lives.
* A lease ends at its own expiry, when its sender is lost (live leases), when its permission ends, or when somebody
  with a right to speak says stop or release.

All times in ms of the monotonic clock.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """How a lease relates to its sender's life."""

    LIVE = "live"  # a running optimiser: short, and ends with its sender
    SETTING = "setting"  # a person's slider: outlives its sender
    PROGRAM = "program"  # said once, with its start and its end; it runs on this box


class Lease(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``asked`` is the value as wished, ``value`` as granted, both in the target's unit. ``holder``: an index into the
    plan. ``starts_ms``: when a program begins; the others begin when they are granted."""

    holder: int
    kind: Kind
    asked: int
    value: int
    granted_ms: int
    expires_ms: int
    request_id: str
    starts_ms: int = 0


class Verb(StrEnum):
    SET = "set"
    RENEW = "renew"
    RELEASE = "release"
    STOP = "stop"
    HEARTBEAT = "heartbeat"
    ACKNOWLEDGE = "acknowledge"  # of a nuisance latch; only the guardian says it, after a signature (latch.py)


class Request(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A wish as it reaches the kernel, names not yet looked up. ``received_ms`` is when the gateway got it.
    ``number``: the sender's own count; one that does not grow is a message that was repeated or held up.
    ``starts_in_ms``: of a program."""

    seq: int
    verb: Verb
    identity: str
    target: str
    value: int | None
    unit: str
    kind: str
    duration_ms: int | None
    request_id: str
    received_ms: int
    dry_run: bool
    number: int | None = None
    starts_in_ms: int | None = None


class Verdict(StrEnum):
    GRANTED = "granted"
    CLIPPED = "clipped"
    REFUSED = "refused"
    DONE = "done"  # release, stop, heartbeat


class Clause(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One reason. ``effect``: permits, clips, refuses or notes. ``saw``: (signal, value as text) that decided."""

    rule: str
    effect: str
    text: str
    saw: tuple[tuple[str, str], ...] = ()


class Decision(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The answer to one request; ``clauses`` in the order in which they were weighed."""

    seq: int
    verdict: Verdict
    target: int
    value: int | None
    clauses: tuple[Clause, ...]
    lease: Lease | None
