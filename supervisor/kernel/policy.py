"""Judging requests: granted, clipped (only towards safe) or refused, each with the clauses that decided.

Rules
* Default is refusal: what no permission names cannot be asked, and a ban beats every permission (permission.py).
  What cannot be evaluated refuses.
* Stop and release always pass for an identity that exists; they are weighed against nothing. So does whoever lowers
  what he holds: his wish is fitted, towards safe, and never refused.
* A clip goes only towards safe. A value that ends at safe because nothing else is left is refused, with the reason.
* The same request id again gets the same answer and changes nothing.
* What the network as a whole may have (network.py, away.py) bounds what any permission of one of its identities gives.

This file never applies anything: it returns a decision, and for a grant the lease that would follow.
"""

from __future__ import annotations

from supervisor.kernel import away, network
from supervisor.kernel.fit import Fit, fitted
from supervisor.kernel.lease import Clause, Decision, Lease, Request, Verdict
from supervisor.kernel.permission import Around, Layer, Miss, banned, covering, longest_ms, naming
from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.saw import Saw, saw
from supervisor.kernel.signal import shown
from supervisor.kernel.span import Span
from supervisor.kernel.state import TargetState
from supervisor.kernel.wish import Refusal, Wish, read


def judge(around: Around, request: Request, span: Span, state: TargetState, unfit: str | None = None) -> Decision:
    """The decision on a SET or RENEW. ``unfit``: of a changeover's position, why it cannot be taken now ("" when it
    can); None for any other target."""
    target = around.plan.targets[around.position]
    clauses: list[Clause] = []
    covered: list[Layer] = []
    try:
        wish = read(around, request, state)
        covered = _covered(around, wish, unfit)
        value = _weighed(around, wish, span, state, unfit, covered, clauses)
        end = _of_all(around, wish, state, value)
    except Refusal as refusal:
        clauses = [*_permits(around, covered, target.safe), *clauses, refusal.clause]
        return Decision(request.seq, Verdict.REFUSED, around.position, None, tuple(clauses), None)
    permits = _permits(around, covered, value)
    if wish.lowers:
        permits.insert(0, Clause("tightening", "permits", "whoever holds a target may always lower it"))
    longest = longest_ms(covered, value, target.safe) if covered else wish.duration_ms
    starts_ms = around.now_ms + wish.ahead_ms
    expires_ms = starts_ms + min(wish.duration_ms, longest)
    if wish.lowers and state.lease is not None:
        expires_ms = min(expires_ms, state.lease.expires_ms)
    if end is not None and end.at_ms < expires_ms:
        expires_ms = end.at_ms
        text = "the network may not keep it off its program for longer, whoever asks"
        clauses.append(Clause(end.by, "notes", text))
    held = Lease(around.holder, wish.kind, wish.asked, value, around.now_ms, expires_ms, request.request_id, starts_ms)
    verdict = Verdict.GRANTED if value == wish.asked else Verdict.CLIPPED
    return Decision(request.seq, verdict, around.position, value, (*permits, *clauses), held)


def _weighed(
    around: Around,
    wish: Wish,
    span: Span,
    state: TargetState,
    unfit: str | None,
    covered: list[Layer],
    clauses: list[Clause],
) -> int:
    """What is left of a wish that its permissions cover; ``clauses`` grows by what there is to say."""
    plan = around.plan
    if not wish.lowers:
        _place(plan, state.planned if wish.ahead_ms else state.lease, around)
    if plan.observe:
        clauses.append(Clause("house.observe", "notes", "this house only observes: nothing is written to any wire"))
    if state.swings is not None and state.swings.hunting:
        text = "it has gone up and down too often; until it is calm it rises late and slowly"
        clauses.append(Clause(f"{plan.targets[around.position].id}.hunting", "notes", text))
    value = wish.asked
    if network.bounds(around):
        _reached(around, wish)
    if unfit is None:
        value = _fit(around, _rated(around) if wish.ahead_ms else span, wish, covered, clauses)
    else:
        _position(around, span, wish.asked, unfit)
    if not wish.lowers:
        _unbanned(around, wish.asked, value)
    return value


def _reached(around: Around, wish: Wish) -> None:
    """What the network may not ask at all."""
    barred = network.barrier(around.plan, around.position, wish.asked)
    if barred is not None and not wish.lowers:
        target = around.plan.targets[around.position].id
        raise Refusal(barred.by, f"the network may not ask for this of {target}, whoever asks and whatever permits it")


def _of_all(around: Around, wish: Wish, state: TargetState, value: int) -> away.End | None:
    """What the network has left for this value, whoever asks: until when it may have it, None where nothing ends it."""
    if wish.lowers or not network.bounds(around):
        return None
    network.changing(around, state, value, wish.ahead_ms > 0)
    return away.end(around, state, value, around.now_ms + wish.ahead_ms)


def _permits(around: Around, covered: list[Layer], value: int) -> list[Clause]:
    """The permission of each document that permits ``value``."""
    named = naming(covered, value, around.plan.targets[around.position].safe)
    return [Clause(said.id, "permits", said.why, _saw(around, said.id)) for said in named]


def _saw(around: Around, rule: str) -> Saw:
    return saw(around.plan, rule, around.image, around.mode, around.now_ms)


def _covered(around: Around, wish: Wish, unfit: str | None) -> list[Layer]:
    """The permissions that cover this; refused when there are none, with the nearest miss as the reason."""
    found = covering(around, wish.kind, None if unfit is None else wish.asked)
    if not isinstance(found, Miss):
        return found
    if wish.lowers:
        return []
    seen: Saw = (("house", MODES[around.mode]),)
    raise Refusal("permission.none", found.text, (*seen, *_saw(around, found.by)))


def _rated(around: Around) -> Span:
    """What a program may ask that starts later: what the house allows then, nobody knows now."""
    return around.plan.targets[around.position].rating


def _position(around: Around, span: Span, asked: int, unfit: str) -> None:
    """A position is taken as asked or refused: there is nothing between two of them."""
    target = around.plan.targets[around.position]
    rule, text = target.id.rpartition(".")[0], unfit
    if not span.lo <= asked <= span.hi:
        rule, text = (span.hi_by if asked > span.hi else span.lo_by), "leaves no other position than the safe one"
    if text:
        raise Refusal(rule, text, _saw(around, rule))


def _unbanned(around: Around, asked: int, value: int) -> None:
    """A ban on what was asked, or on what is left of it, refuses."""
    ban = banned(around, asked) or banned(around, value)
    if ban is not None:
        raise Refusal(ban.id, ban.why, _saw(around, ban.id))


def _place(plan: Plan, lease: Lease | None, around: Around) -> None:
    """One holder per place: another one yields only to a higher priority."""
    if lease is None or lease.holder == around.holder:
        return
    other, asker = plan.identities[lease.holder], plan.identities[around.holder]
    if asker.shared or asker.priority <= other.priority:
        left_s = max(lease.expires_ms - around.now_ms, 0) // 1000
        raise Refusal("lease.held", f"{other.name} holds this target for another {left_s} s")


def _fit(around: Around, span: Span, wish: Wish, covered: list[Layer], clauses: list[Clause]) -> int:
    """The value inside every band and the envelope; a clip adds the clause that made it."""
    target, asked = around.plan.targets[around.position], wish.asked
    if network.bounds(around):
        span = network.within(around.plan, around.position, span)
    fit = fitted(target, asked, span, covered)
    while wish.lowers and (ban := banned(around, fit.value)) is not None:  # past it, towards safe
        below = max(ban.lo - 1, target.safe) if fit.value > target.safe else min(ban.hi + 1, target.safe)
        fit = Fit(fitted(target, below, span, covered).value, ban.id, ban.why)
    if fit.value == asked:
        return asked
    seen = _saw(around, fit.by)
    if fit.value == target.safe and not wish.lowers:
        left = f"nothing of {shown(asked, target.unit)} is left but the safe value {shown(target.safe, target.unit)}"
        raise Refusal(fit.by, f"{fit.text}: {left}", seen)
    text = f"{fit.text}: {shown(asked, target.unit)} becomes {shown(fit.value, target.unit)}"
    clauses.append(Clause(fit.by, "clips", text, seen))
    return fit.value
