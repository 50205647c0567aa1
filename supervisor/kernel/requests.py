"""What requests do to the state: signs of life, leases granted and ended, stops.

Rules
* Every request gets exactly one decision. A lease that has ended for any reason is gone before new ones are judged.
* A message whose number does not grow was repeated or held up: it changes nothing, is no sign of life, and only stops
  and releases of that kind still count.
* Who only looks is granted nothing, and who shares his name with others little; both may stop everything (wish.py).
* What holds back a wish for more before it is judged is in toll.py.
"""

from __future__ import annotations

import msgspec

from supervisor.kernel.lease import Clause, Decision, Request, Verb, Verdict
from supervisor.kernel.network import changed
from supervisor.kernel.plan import Identity, Plan
from supervisor.kernel.policy import judge
from supervisor.kernel.question import Image
from supervisor.kernel.refusal import refusal
from supervisor.kernel.span import Span
from supervisor.kernel.state import Orchestrator, State
from supervisor.kernel.toll import Toll
from supervisor.kernel.wish import unspoken

ANSWERS_KEPT = 8  # per identity: how many of its request ids are remembered
replace = msgspec.structs.replace


def hear(
    plan: Plan, orchestrators: tuple[Orchestrator, ...], inbox: tuple[Request, ...], now_ms: int
) -> tuple[Orchestrator, ...]:
    """Any request of an identity is a sign of its life, unless it is an old one."""
    if not inbox:
        return orchestrators
    return tuple(
        replace(orchestrator, heard_ms=now_ms)
        if any(request.identity == identity.name and new(identity, orchestrator, request) for request in inbox)
        else orchestrator
        for identity, orchestrator in zip(plan.identities, orchestrators, strict=True)
    )


def new(identity: Identity, orchestrator: Orchestrator, request: Request) -> bool:
    """Has its sender counted on since the last one?"""
    if request.number is None:
        return not identity.numbered
    return orchestrator.number is None or request.number > orchestrator.number


class Desk(Toll):
    """Works through one cycle's inbox, one decision for each request."""

    def __init__(
        self,
        plan: Plan,
        before: State,
        orchestrators: tuple[Orchestrator, ...],
        spans: list[Span],
        image: Image,
        mode: int,
        now_ms: int,
        recording: bool = True,
    ) -> None:
        super().__init__(plan, before, orchestrators, image, mode, now_ms, recording)
        self.spans = spans

    def answer(self, request: Request, local: bool = False) -> Decision:
        """One request, one decision. ``local``: it comes from somebody in the house."""
        holder = next((i for i, identity in enumerate(self.plan.identities) if identity.name == request.identity), None)
        if holder is None:
            return self._refused(request, "identity.unknown", f"{request.identity!r} is not an identity of this site")
        if (barred := unspoken(self.plan.identities[holder], request, local)) is not None:
            return self._refused(request, *barred)
        before = self.orchestrators[holder]
        late = not new(self.plan.identities[holder], before, request)
        if request.number is not None and not late:
            self.orchestrators[holder] = replace(before, number=request.number)
        if request.verb is Verb.HEARTBEAT:
            return self._old(request) if late else Decision(request.seq, Verdict.DONE, -1, None, (), None)
        if request.verb is Verb.STOP and request.target == "":
            return self._stop(request, range(len(self.targets)), -1)
        position = next((i for i, target in enumerate(self.plan.targets) if target.id == request.target), None)
        if position is None:
            return self._refused(request, "target.unknown", f"{request.target!r} is not a target of this site")
        if request.verb is Verb.STOP:
            return self._stop(request, range(position, position + 1), position)
        if request.verb is Verb.RELEASE:
            return self._release(request, position, holder)
        return self._set(request, position, holder, local, late)

    def _set(self, request: Request, position: int, holder: int, local: bool, late: bool) -> Decision:
        """A wish for a value. Somebody in the house is granted all that he asked for, and gets at any time what trips,
        limits and circuits leave of it: he cannot be told to ask again later."""
        for request_id, earlier in self.orchestrators[holder].answered:
            if request.request_id and request_id == request.request_id:
                return replace(earlier, seq=request.seq)
        if late:
            return self._old(request)
        if not local and (held_up := self._held_up(request, position, holder)) is not None:
            return held_up
        state, target = self.targets[position], self.plan.targets[position]
        span = target.rating if local else self.spans[position]
        unfit = None if target.changeover is None else self._refusal(target.changeover, request.value, local)
        around = self.around(position, holder)
        decision = judge(around, request, span, state, unfit)
        if position in self.shut:
            text = f"{self.shut[position]}; somebody in the house has to look after it first"
            clauses = (*decision.clauses, Clause("local.reset", "refuses", text))
            decision = Decision(request.seq, Verdict.REFUSED, position, None, clauses, None)
        if request.dry_run:
            return decision
        if request.request_id:
            asker = self.orchestrators[holder]
            answered = (*asker.answered, (request.request_id, decision))[-ANSWERS_KEPT:]
            self.orchestrators[holder] = replace(asker, answered=answered)
        if decision.lease is not None:
            state = changed(around, state, decision.lease.value, decision.lease.starts_ms > self.now_ms)
        if decision.lease is not None and decision.lease.starts_ms > self.now_ms:
            self.targets[position] = replace(state, planned=decision.lease)
        elif decision.lease is not None:
            self.take_over(position, state.lease, holder)
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

    def _stop(self, request: Request, positions: range, named: int) -> Decision:
        """Stop these targets; ``named`` is the one that was named, -1 for all."""
        clause = Clause("stop", "permits", "a stop always passes")
        decision = Decision(request.seq, Verdict.DONE, named, None, (clause,), None)
        if request.dry_run:
            return decision
        for position in positions:
            by = request.identity
            self.targets[position] = replace(self.targets[position], lease=None, planned=None, stopped_by=by)
        self._note(request, decision)
        return decision

    def _release(self, request: Request, position: int, holder: int) -> Decision:
        state = self.targets[position]
        lease, planned = ((held if held and held.holder == holder else None) for held in (state.lease, state.planned))
        text = "the lease is released" if lease or planned else "there was no lease of yours"
        decision = Decision(request.seq, Verdict.DONE, position, None, (Clause("release", "notes", text),), None)
        if request.dry_run:
            return decision
        self.targets[position] = replace(
            state, lease=None if lease else state.lease, planned=None if planned else state.planned
        )
        self._note(request, decision)
        return decision
