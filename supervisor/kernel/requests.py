"""What requests do to the state: signs of life, leases granted and ended, stops.

Every request gets exactly one decision. A lease that has ended for any reason is gone before new ones are judged.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.hands import LOCAL
from supervisor.kernel.lease import Clause, Decision, Kind, Lease, Request, Verb, Verdict
from supervisor.kernel.plan import Plan
from supervisor.kernel.policy import judge, still_permitted
from supervisor.kernel.question import Image
from supervisor.kernel.refusal import refusal
from supervisor.kernel.signal import Unit, shown
from supervisor.kernel.span import Span
from supervisor.kernel.state import Orchestrator, State
from supervisor.kernel.trip import Latch, Trip

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


def shut(plan: Plan, trips: tuple[Trip, ...], state: State, maintenance: bool) -> Mapping[int, str]:
    """The targets that wait for somebody in the house, and for what: nothing that was wished before may switch them on
    again by itself once they are free (hazard H23)."""
    found: dict[int, str] = {}
    for rule, trip in zip(plan.rules, trips, strict=True):
        if trip.latched and rule.latch is Latch.DANGER:
            found |= dict.fromkeys((action.target for action in rule.actions), f"{rule.id} is latched")
    if maintenance:
        found |= dict.fromkeys(plan.local.locks, "maintenance is on")
    for position, target in enumerate(state.targets):
        if target.machine is not None and plan.contactor.states[target.machine.state] in ("welded", "locked_out"):
            state_name = plan.contactor.states[target.machine.state]
            found[position] = f"it is {state_name}"
            contactor = plan.targets[position].contactor
            if contactor is not None and contactor.changeover is not None:
                moved = plan.changeovers[contactor.changeover].target
                found[moved] = f"{plan.targets[position].id} is {state_name}"
    return found


class Desk:
    """Works through one cycle's inbox; ``targets`` and ``orchestrators`` are changed in place, for this cycle only."""

    def __init__(
        self,
        plan: Plan,
        before: State,
        orchestrators: tuple[Orchestrator, ...],
        spans: list[Span],
        image: Image,
        mode: int,
        now_ms: int,
    ) -> None:
        self.plan, self.switches = plan, before.switches
        self.targets, self.orchestrators = list(before.targets), list(orchestrators)
        self.spans, self.image, self.mode, self.now_ms = spans, image, mode, now_ms
        self.events: list[Event] = []
        self.shut: Mapping[int, str] = {}

    def expire(self, shut: Mapping[int, str]) -> None:
        """End the leases whose time, sender, permission or target has gone."""
        self.shut = shut
        for position, state in enumerate(self.targets):
            if state.lease is not None and (why := shut.get(position) or self._ended(state.lease)):
                self.targets[position] = replace(state, lease=None)
                name = self.plan.identities[state.lease.holder].name
                text = f"the lease of {name} ended: {why}"
                target = self.plan.targets[position].id
                self.events.append(Event(self.now_ms, EventKind.LEASE_ENDED, target, text))

    def _ended(self, lease: Lease) -> str:
        sender = self.orchestrators[lease.holder].machine.state
        if self.now_ms >= lease.expires_ms:
            return "its time is over"
        if lease.kind is Kind.LIVE and sender == self.plan.orchestrator.state("lost"):
            return "its sender is lost"
        if not still_permitted(self.plan, lease, self.mode):
            return "its permission does not cover this house mode"
        return ""

    def answer(self, request: Request, local: bool = False) -> Decision:
        """One request, one decision. ``local``: it comes from somebody in the house."""
        holder = next((i for i, identity in enumerate(self.plan.identities) if identity.name == request.identity), None)
        if holder is not None and not local and self.plan.identities[holder].role == LOCAL:
            return self._refused(request, "identity.local", "only somebody in the house can speak in this name")
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
        return self._set(request, position, holder, local)

    def _set(self, request: Request, position: int, holder: int, local: bool) -> Decision:
        """A wish for a value. Somebody in the house is granted all that he asked for, and gets at any time what trips,
        limits and circuits leave of it: he cannot be told to ask again later."""
        asker = self.orchestrators[holder]
        for request_id, earlier in asker.answered:
            if request.request_id and request_id == request.request_id:
                return replace(earlier, seq=request.seq)
        state, target = self.targets[position], self.plan.targets[position]
        span = Span(target.lo, target.hi, "rating", "rating") if local else self.spans[position]
        unfit = None if target.changeover is None else self._refusal(target.changeover, request.value, local)
        decision = judge(self.plan, request, span, state, position, holder, self.mode, self.now_ms, unfit)
        if position in self.shut:
            text = f"{self.shut[position]}; somebody in the house has to look after it first"
            clauses = (*decision.clauses, Clause("local.reset", "refuses", text))
            decision = Decision(request.seq, Verdict.REFUSED, position, None, clauses, None)
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

    def _refusal(self, index: int, place: int | None, local: bool) -> str:
        """Why a changeover cannot go to this place, in words; "" when it can, or when there is no such place. Somebody
        in the house does not wait for its dwell."""
        if place is None or not 0 <= place < len(self.plan.changeovers[index].places):
            return ""
        switch = self.switches[index]
        return refusal(self.plan, index, switch, place, self.targets, self.image, self.now_ms, urgent=local)

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
