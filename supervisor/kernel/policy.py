"""Judging requests: granted, clipped (only towards safe) or refused, each with the clauses that decided.

Rules
* Default is refusal: what no permission names cannot be asked. What cannot be evaluated refuses.
* Stop and release always pass for an identity that exists; they are weighed against nothing.
* A clip goes only towards safe. A value that ends at safe because nothing else is left is refused, with the reason.
* The same request id again gets the same answer and changes nothing.

This file never applies anything: it returns a decision, and for a grant the lease that would follow.
"""

from __future__ import annotations

from collections.abc import Mapping

from supervisor.kernel.lease import Clause, Decision, Kind, Lease, Request, Verb, Verdict
from supervisor.kernel.outputs import rounded
from supervisor.kernel.plan import MODES, Permission, Plan, Target
from supervisor.kernel.signal import shown
from supervisor.kernel.span import Span, clip
from supervisor.kernel.state import TargetState

REQUEST_AGE_MAX_MS = 1_000  # a wish older than this was held up somewhere and may no longer be meant
DURATION_DEFAULT_MS: Mapping[Kind, int] = {Kind.LIVE: 30_000, Kind.SETTING: 4 * 3_600_000}


class Refusal(Exception):
    """Raised inside this file only; carries the one clause that refuses."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.clause = Clause(rule, "refuses", text)


def judge(
    plan: Plan,
    request: Request,
    span: Span,
    state: TargetState,
    position: int,
    holder: int,
    mode: int,
    now_ms: int,
    unfit: str | None = None,
) -> Decision:
    """The decision on a SET or RENEW for target ``position`` by identity ``holder``. ``unfit``: of a changeover's
    position, why it cannot be taken now ("" when it can); None for any other target."""
    clauses: list[Clause] = []
    try:
        kind, asked, duration_ms = _read(plan, request, state, position, holder, now_ms)
        permission = _permitted(plan, position, holder, kind, mode, asked if unfit is not None else None)
        clauses.append(Clause(plan.permissions[permission].id, "permits", plan.permissions[permission].why))
        if plan.observe:
            clauses.append(Clause("house.observe", "notes", "this house only observes: nothing is written to any wire"))
        _place(plan, state, holder, now_ms)
        value = _fit(plan, position, permission, span, asked, clauses) if unfit is None else asked
        if unfit is not None:
            _position(plan, position, span, asked, unfit)
    except Refusal as refusal:
        return Decision(request.seq, Verdict.REFUSED, position, None, (*clauses, refusal.clause), None)
    duration_ms = min(duration_ms, plan.permissions[permission].max_ms)
    lease = Lease(holder, permission, kind, asked, value, now_ms, now_ms + duration_ms, request.request_id)
    verdict = Verdict.GRANTED if value == asked else Verdict.CLIPPED
    return Decision(request.seq, verdict, position, value, tuple(clauses), lease)


def _read(
    plan: Plan, request: Request, state: TargetState, position: int, holder: int, now_ms: int
) -> tuple[Kind, int, int]:
    """Kind, value and duration of a request, taken literally or refused."""
    if not 0 <= now_ms - request.received_ms <= REQUEST_AGE_MAX_MS:
        raise Refusal("request.age", f"the request is older than {REQUEST_AGE_MAX_MS} ms; send it again")
    if request.duration_ms is not None and request.duration_ms <= 0:
        raise Refusal("request.duration", "a duration is a positive number")
    if request.verb is Verb.RENEW:
        lease = state.lease
        if lease is None or lease.holder != holder:
            raise Refusal("lease.none", "there is no lease of yours on this target to renew; set a value instead")
        return lease.kind, lease.asked, request.duration_ms or lease.expires_ms - lease.granted_ms
    target = plan.targets[position]
    if request.unit != target.unit.value:
        raise Refusal("request.unit", f"{target.id} is set in {target.unit.value}, not in {request.unit or 'nothing'}")
    if request.kind not in (Kind.LIVE, Kind.SETTING):
        raise Refusal("request.kind", f"a lease is 'live' or 'setting', not {request.kind!r}")
    if request.value is None or not -(2**53) < request.value < 2**53:
        raise Refusal("request.value", "the value is missing or is no number")
    kind = Kind(request.kind)
    return kind, request.value, request.duration_ms or DURATION_DEFAULT_MS[kind]


def _permitted(plan: Plan, position: int, holder: int, kind: Kind, mode: int, place: int | None) -> int:
    """The first permission that covers this; refused when there is none, with the nearest miss as the reason.
    ``place``: of a changeover; places have no order, so each is permitted by itself."""
    miss = "no permission names you for this target"
    for index, permission in enumerate(plan.permissions):
        if permission.target != position or holder not in permission.identities:
            continue
        if place is not None and not permission.lo <= place <= permission.hi:
            miss = "no permission names you for this position"
        elif not _in_mode(permission, plan, mode):
            miss = f"{permission.id} does not apply while the house is in mode {MODES[mode]}"
        elif kind not in permission.kinds:
            miss = f"{permission.id} does not cover leases of kind {kind.value}"
        else:
            return index
    raise Refusal("permission.none", miss)


def _position(plan: Plan, position: int, span: Span, asked: int, unfit: str) -> None:
    """A position is taken as asked or refused: there is nothing between two of them."""
    target = plan.targets[position]
    if not span.lo <= asked <= span.hi:
        raise Refusal(span.hi_by if asked > span.hi else span.lo_by, "leaves no other position than the safe one")
    if unfit:
        raise Refusal(target.id.rpartition(".")[0], unfit)


def _in_mode(permission: Permission, plan: Plan, mode: int) -> bool:
    """In observe a permission counts as in normal: the answer is what would have been."""
    return (MODES.index("normal") if plan.observe else mode) in permission.modes


def still_permitted(plan: Plan, lease: Lease, mode: int) -> bool:
    """Does the permission behind a running lease still hold in this mode?"""
    return _in_mode(plan.permissions[lease.permission], plan, mode)


def _place(plan: Plan, state: TargetState, holder: int, now_ms: int) -> None:
    """One holder per target: another one yields only to a higher priority."""
    lease = state.lease
    if lease is None or lease.holder == holder:
        return
    other, asker = plan.identities[lease.holder], plan.identities[holder]
    if asker.priority <= other.priority:
        left_s = max(lease.expires_ms - now_ms, 0) // 1000
        raise Refusal("lease.held", f"{other.name} holds this target for another {left_s} s")


def _fit(plan: Plan, position: int, permission: int, span: Span, asked: int, clauses: list[Clause]) -> int:
    """The value inside the permission's band and the envelope; a clip adds the clause that made it. The safe value
    belongs to every band; what lies between it and a band that begins further out is permitted to nobody."""
    target, band = plan.targets[position], plan.permissions[permission]
    allowed = span.narrow(min(band.lo, target.safe), max(band.hi, target.safe), band.id)
    inside = clip(asked, allowed, target.safe, target.bands)
    value = stepped = rounded(target, inside)
    if not band.lo <= value <= band.hi:
        value = target.safe
    if value == asked:
        return value
    rule = "step" if stepped != inside == asked else allowed.empty_by or _binding(asked, allowed, band)
    reason = _reason(rule, target, allowed)
    if value == target.safe:
        left = f"nothing of {shown(asked, target.unit)} is left but the safe value {shown(target.safe, target.unit)}"
        raise Refusal(rule, f"{reason}: {left}")
    clauses.append(Clause(rule, "clips", f"{reason}: {shown(asked, target.unit)} becomes {shown(value, target.unit)}"))
    return value


def _reason(rule: str, target: Target, allowed: Span) -> str:
    """What stands in the way, in the words of the person who asked."""
    unit = target.unit
    if rule == "step":
        return f"{target.id} knows steps of {shown(target.step, unit)}"
    if rule == "rating":
        gaps = "".join(f", but nothing between {shown(lo, unit)} and {shown(hi, unit)}" for lo, hi in target.bands)
        return f"{target.id} can do {shown(target.lo, unit)} to {shown(target.hi, unit)}{gaps}"
    return f"{rule} leaves {shown(allowed.lo, unit)} to {shown(allowed.hi, unit)}"


def _binding(asked: int, allowed: Span, band: Permission) -> str:
    """Who stands in the way of this wish."""
    if asked > allowed.hi:
        return allowed.hi_by
    if asked < allowed.lo:
        return allowed.lo_by
    return "rating" if band.lo <= asked <= band.hi else band.id
