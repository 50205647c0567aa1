"""Acknowledgements of nuisance latches from outside the house, and what is kept of latches over restarts.

Rules
* An acknowledgement reaches the kernel only after the guardian has verified an installer's signature; here it is judged
  whether there is anything to acknowledge. Everything that is asked of the guardian is asked here again.
* It ends a nuisance latch whose cause is known to have gone for the row's clearing time, and nothing else: no danger
  latch, none under maintenance, none while it cannot be recorded (hazards H14, H19, H22, H23).
* At most ACKNOWLEDGED_MAX a day for the whole house. Each is remembered by when it will be forgotten; a restart waits
  for all that was left of that when it was written, and never gives one more.

Must never end a latch for any other request, nor look at who signed: that has been decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from supervisor.kernel import trip as rows
from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.lease import Clause, Decision, Request, Verdict
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import NO, UNKNOWN, YES
from supervisor.kernel.state import State
from supervisor.kernel.trip import Latch, Rule, Trip

ACKNOWLEDGED_MAX = 2
DAY_MS = 86_400_000
Why = Literal["yes", "unknown", "repeated"]
INSTALLERS = "installers."
"""What the guardian puts before the name of whose signature it has verified; no orchestrator's name has a dot."""
HOUSE_ONLY = "only somebody in the house can end it: a danger latch is never reset from outside"
replace = msgspec.structs.replace


def left(acknowledged: Sequence[int], now_ms: int) -> int:
    """How many acknowledgements the house has left now."""
    return max(ACKNOWLEDGED_MAX - sum(due_ms > now_ms for due_ms in acknowledged), 0)


def why_not(rule: Rule, trip: Trip, now_ms: int) -> tuple[str, str]:
    """Why this row's latch cannot be acknowledged: (rule, text), both empty when it can."""
    kind = rows.kind(rule, trip)
    if kind is Latch.NONE:
        return "latch.none", "it is not latched; there is nothing to acknowledge"
    if kind is Latch.DANGER:
        return "latch.danger", HOUSE_ONLY
    if trip.answer is YES:
        return "latch.cause", "its cause is still there"
    if trip.answer is UNKNOWN:
        return "latch.cause", "it is not known whether its cause has gone"
    if not rows.gone(rule, trip, now_ms):
        return "latch.cause", "its cause has not been gone for its clearing time yet; acknowledge it again later"
    return "", ""


class Latches:
    """The rows of one cycle; ``trips`` and ``acknowledged`` are what its acknowledgements leave."""

    def __init__(self, plan: Plan, before: State, trips: tuple[Trip, ...], maintenance: bool, now_ms: int) -> None:
        self._plan, self._maintenance, self._now_ms = plan, maintenance, now_ms
        self.trips, self.acknowledged = trips, before.acknowledged
        self.events: list[Event] = []

    def answer(self, request: Request, recording: bool) -> Decision:
        """One acknowledgement, one decision."""
        position = next((i for i, rule in enumerate(self._plan.rules) if rule.id == request.target), None)
        clause, text = self._refusal(position, recording)
        if not request.identity.startswith(INSTALLERS):
            clause, text = "identity.unknown", f"{request.identity!r} is no installer; the guardian verifies who is"
        if position is None or clause:
            return self._said(request, Verdict.REFUSED, Clause(clause, "refuses", text))
        due_ms = self._now_ms + DAY_MS
        self.acknowledged = (*(at for at in self.acknowledged if at > self._now_ms), due_ms)
        trips = list(self.trips)
        trips[position] = rows.ended(trips[position], self._now_ms)
        self.trips = tuple(trips)
        rest = left(self.acknowledged, self._now_ms)
        text = f"its latch has ended; {rest} of {ACKNOWLEDGED_MAX} acknowledgements are left for a day"
        return self._said(request, Verdict.DONE, Clause(request.target, "permits", text))

    def _refusal(self, position: int | None, recording: bool) -> tuple[str, str]:
        if position is None:
            return "latch.unknown", "this site has no such rule"
        clause, text = why_not(self._plan.rules[position], self.trips[position], self._now_ms)
        if clause:
            return clause, text
        if self._maintenance:
            return "local.maintenance", "maintenance is on; nothing is ended from outside while somebody works there"
        if not left(self.acknowledged, self._now_ms):
            wait_ms = min(remaining(self.acknowledged, self._now_ms))
            text = f"{ACKNOWLEDGED_MAX} a day are all there are; the next in {-(-wait_ms // 60_000)} min"
            return "latch.used_up", f"{text}, or by somebody in the house at once"
        if not recording:
            return "journal.failing", "it cannot be recorded; free the disk first"
        return "", ""

    def _said(self, request: Request, verdict: Verdict, clause: Clause) -> Decision:
        text = f"{request.identity}: {request.verb.value}: {verdict.value} ({clause.rule}: {clause.text})"
        self.events.append(Event(self._now_ms, EventKind.DECISION, request.target or "all", text))
        return Decision(request.seq, verdict, -1, None, (clause,), None)


# ---- over restarts -------------------------------------------------------------------------------------------------
def remaining(dues_ms: Sequence[int], now_ms: int) -> tuple[int, ...]:
    """How long each is still remembered."""
    return tuple(due_ms - now_ms for due_ms in dues_ms if due_ms > now_ms)


def recent(plan: Plan, state: State) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Rows with trips that are still counted, and for how long."""
    for rule, trip in zip(plan.rules, state.trips, strict=True):
        if rest := remaining(trip.recent, state.now_ms):
            yield rule.id, rest


def came_back(rule: Rule, booted: Trip, why: Why | None, rests: Sequence[int], now_ms: int) -> Trip:
    """A row after a restart. ``why``: where it was latched; ``rests``: how long its trips are still remembered."""
    if rule.repeats is not None:
        kept = sorted(now_ms + min(rest, rule.repeats_ms) for rest in rests)
        booted = replace(booted, recent=tuple(kept[-rule.repeats :]))
    if why is None:
        return booted
    cause = UNKNOWN if why == "unknown" else YES
    return replace(booted, level=0, answer=UNKNOWN, cause=cause, latched=True, repeated=why == "repeated")


def used_up(rule: Rule, booted: Trip, now_ms: int) -> Trip:
    """A row of which is not known how often it has tripped: the next time is one too many."""
    if rule.repeats is None:
        return booted
    return replace(booted, recent=(now_ms + rule.repeats_ms,) * (rule.repeats - 1))


def word(trip: Trip) -> Why | None:
    """Why a latched row acts, as it is kept; None when it is not latched."""
    if not trip.latched or trip.cause is NO:
        return None
    return "repeated" if trip.repeated else "yes" if trip.cause is YES else "unknown"
