"""What requests do to the state: signs of life, leases granted and ended, stops.

Every request gets exactly one decision. A lease that has ended for any reason is gone before new ones are judged.
"""

from __future__ import annotations

import msgspec

from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.lease import Clause, Decision, Kind, Lease, Request, Verb, Verdict
from supervisor.kernel.plan import Plan
from supervisor.kernel.policy import judge, still_permitted
from supervisor.kernel.signal import Unit, shown
from supervisor.kernel.span import Span
from supervisor.kernel.state import Orchestrator, TargetState

ANSWERS_KEPT = 8  # per identity: how many of its request ids are remembered
replace = msgspec.structs.replace


def hear(
    plan: Plan, orchestrators: tuple[Orchestrator, ...], inbox: tuple[Request, ...], now_ms: int
) -> tuple[Orchestrator, ...]:
    """Any request of an identity is a sign of its life."""
    speaking = {request.identity for request in inbox}
    if not speaking:
        return orchestrators
    return tuple(
        replace(orchestrator, heard_ms=now_ms) if identity.name in speaking else orchestrator
        for identity, orchestrator in zip(plan.identities, orchestrators, strict=True)
    )


def expire(
    plan: Plan, targets: list[TargetState], lost: frozenset[int], mode: int, now_ms: int, events: list[Event]
) -> None:
    """End the leases whose time, sender or permission has gone."""
    for position, state in enumerate(targets):
        if state.lease is not None and (why := _ended(plan, state.lease, lost, mode, now_ms)):
            targets[position] = replace(state, lease=None)
            name = plan.identities[state.lease.holder].name
            events.append(
                Event(now_ms, EventKind.LEASE_ENDED, plan.targets[position].id, f"the lease of {name} ended: {why}")
            )


def _ended(plan: Plan, lease: Lease, lost: frozenset[int], mode: int, now_ms: int) -> str:
    if now_ms >= lease.expires_ms:
        return "its time is over"
    if lease.kind is Kind.LIVE and lease.holder in lost:
        return "its sender is lost"
    if not still_permitted(plan, lease, mode):
        return "its permission does not cover this house mode"
    return ""


class Judged(msgspec.Struct, frozen=True):
    """What one cycle's inbox came to."""

    targets: tuple[TargetState, ...]
    orchestrators: tuple[Orchestrator, ...]
    decisions: tuple[Decision, ...]
    events: tuple[Event, ...]


def work(
    plan: Plan,
    targets: tuple[TargetState, ...],
    orchestrators: tuple[Orchestrator, ...],
    spans: list[Span],
    inbox: tuple[Request, ...],
    mode: int,
    now_ms: int,
) -> Judged:
    """End what has run out, then answer every request in its order of arrival."""
    lost_state = plan.orchestrator.state("lost")
    lost = frozenset(i for i, orchestrator in enumerate(orchestrators) if orchestrator.machine.state == lost_state)
    desk = Desk(plan, list(targets), list(orchestrators), spans, mode, now_ms)
    expire(plan, desk.targets, lost, mode, now_ms, desk.events)
    decisions = tuple(desk.answer(request) for request in inbox)
    return Judged(tuple(desk.targets), tuple(desk.orchestrators), decisions, tuple(desk.events))


class Desk:
    """Works through one cycle's inbox; ``targets`` and ``orchestrators`` are changed in place, for this cycle only."""

    def __init__(
        self,
        plan: Plan,
        targets: list[TargetState],
        orchestrators: list[Orchestrator],
        spans: list[Span],
        mode: int,
        now_ms: int,
    ) -> None:
        self.plan, self.targets, self.orchestrators = plan, targets, orchestrators
        self.spans, self.mode, self.now_ms = spans, mode, now_ms
        self.events: list[Event] = []

    def answer(self, request: Request) -> Decision:
        """One request, one decision."""
        holder = next((i for i, identity in enumerate(self.plan.identities) if identity.name == request.identity), None)
        if holder is None:
            return self._refused(request, "identity.unknown", f"{request.identity!r} is not an identity of this site")
        if request.verb is Verb.HEARTBEAT:
            return Decision(request.seq, Verdict.DONE, -1, None, (), None)
        if request.verb is Verb.STOP and request.target == "":
            return self._stop(request, range(len(self.targets)), -1)
        position = next((i for i, target in enumerate(self.plan.targets) if target.id == request.target), None)
        if position is None:
            return self._refused(request, "target.unknown", f"{request.target!r} is not a target of this site")
        if request.verb is Verb.STOP:
            return self._stop(request, range(position, position + 1), position)
        if request.verb is Verb.RELEASE:
            return self._release(request, position, holder)
        return self._set(request, position, holder)

    def _set(self, request: Request, position: int, holder: int) -> Decision:
        asker = self.orchestrators[holder]
        for request_id, earlier in asker.answered:
            if request.request_id and request_id == request.request_id:
                return replace(earlier, seq=request.seq)
        state = self.targets[position]
        decision = judge(self.plan, request, self.spans[position], state, position, holder, self.mode, self.now_ms)
        if request.dry_run:
            return decision
        if request.request_id:
            answered = (*asker.answered, (request.request_id, decision))[-ANSWERS_KEPT:]
            self.orchestrators[holder] = replace(asker, answered=answered)
        if decision.lease is not None:
            self._take_over(position, state.lease, holder)
            self.targets[position] = replace(state, lease=decision.lease, stopped_by="")
        self._note(request, decision)
        return decision

    def _take_over(self, position: int, lease: Lease | None, holder: int) -> None:
        """Tell when a grant ends somebody else's lease."""
        if lease is None or lease.holder == holder:
            return
        loser, winner = self.plan.identities[lease.holder].name, self.plan.identities[holder].name
        text = f"the lease of {loser} ended: {winner} has taken over"
        self.events.append(Event(self.now_ms, EventKind.LEASE_ENDED, self.plan.targets[position].id, text))

    def _stop(self, request: Request, positions: range, named: int) -> Decision:
        """Stop these targets; ``named`` is the one that was named, -1 for all."""
        for position in positions:
            self.targets[position] = replace(self.targets[position], lease=None, stopped_by=request.identity)
        clause = Clause("stop", "permits", "a stop always passes")
        decision = Decision(request.seq, Verdict.DONE, named, None, (clause,), None)
        self._note(request, decision)
        return decision

    def _release(self, request: Request, position: int, holder: int) -> Decision:
        lease = self.targets[position].lease
        if lease is not None and lease.holder == holder:
            self.targets[position] = replace(self.targets[position], lease=None)
            text = "the lease is released"
        else:
            text = "there was no lease of yours"
        decision = Decision(request.seq, Verdict.DONE, position, None, (Clause("release", "notes", text),), None)
        self._note(request, decision)
        return decision

    def _refused(self, request: Request, rule: str, text: str) -> Decision:
        decision = Decision(request.seq, Verdict.REFUSED, -1, None, (Clause(rule, "refuses", text),), None)
        self._note(request, decision)
        return decision

    def _note(self, request: Request, decision: Decision) -> None:
        asked = "" if request.value is None else f" {_asked(request.value, request.unit)}"
        reasons = "; ".join(f"{clause.rule} {clause.effect}" for clause in decision.clauses)
        text = f"{request.identity}: {request.verb.value}{asked}: {decision.verdict.value} ({reasons})"
        self.events.append(Event(self.now_ms, EventKind.DECISION, request.target or "all", text))


def _asked(value: int, unit: str) -> str:
    """A wish as its sender meant it; a unit that does not exist is shown as it came."""
    return shown(value, Unit(unit)) if unit in tuple(Unit) else f"{value} {unit}"
