"""What must survive a restart: wear, latches, stops, maintenance (H11, H12, H23). The guardian keeps it on disk.

Rules
* Everything is kept by id, never by index, so that it survives a changed site. Ids that the site does not know today
  are carried along: a contactor that is commented out for a day keeps its wear and its weld.
* Restoring only ever adds strictness to a fresh boot. A latched contactor comes back in the state in which it was, its
  coil told 0; every other one is looked at first. A latched row comes back acting. Leases do not come back: whoever
  wants something asks again. Lockouts (rest times, dwell) count from the restart.
* Of the closing budget the time is kept that it still took when it was written. How long the box was off is not known
  to a monotonic clock, so all of it is waited for again: never less than what really remains, and at most an hour.
* What was kept but cannot be read is not known, and not knowing is a latched row of the plan (``guarded``): levels go
  to their safe value, nothing closes and no changeover moves, what is found closed stays, until a local reset. (The
  states locked_out or welded would open under load whatever is found closed.)

Must never open a file, nor start anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from supervisor.kernel import latch, wear
from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.latch import Why
from supervisor.kernel.machine import Machine
from supervisor.kernel.plan import Plan, Target
from supervisor.kernel.question import UNKNOWN, AnyOf
from supervisor.kernel.state import State, TargetState, Wear
from supervisor.kernel.trip import Latch, Narrowing, Rule, Severity, Trip

STRANGERS_MAX = 1_000
"""Ids that the site does not know, and that are carried along all the same."""
UNREADABLE = "state.unreadable"
replace = msgspec.structs.replace
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Latched = Literal["", "welded", "failed_open", "locked_out"]


class KeptContactor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``closings``, ``broken`` and ``failures`` as in :class:`Wear`. ``paid_in_ms``: how long it still took, when this
    was written, until all its closings were paid for. ``latch``: the state in which it waits for a local reset."""

    closings: Count = 0
    broken: Count = 0
    failures: Count = 0
    paid_in_ms: Count = 0
    latch: Latched = ""


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``rules``: why each latched row acts. ``stops``: who has stopped each target that is stopped. ``recent`` and
    ``acknowledged``: how long the last trips of a row, and the last acknowledgements, were still remembered (ms)."""

    contactors: Mapping[str, KeptContactor] = {}
    rules: Mapping[str, Why] = {}
    stops: Mapping[str, str] = {}
    maintenance: bool = False
    recent: Mapping[str, tuple[Count, ...]] = {}
    acknowledged: tuple[Count, ...] = ()


def guarded(plan: Plan) -> Plan:
    """The plan with the row that acts while it is not known what was kept."""
    safe = tuple(Narrowing(i, target.safe, target.safe) for i, target in enumerate(plan.targets))
    rule = Rule(
        id=UNREADABLE,
        why="what was latched before the last start cannot be read; look after the house, then reset it locally",
        question=AnyOf(()),  # never again: only what ``strictest`` has latched acts
        hold_ms=0,
        unknown_ms=0,
        clear_ms=0,
        actions=safe,
        unknown_actions=safe,
        latch=Latch.DANGER,
        latch_unknown=True,
        unknown_severity=Severity.FAULT,
    )
    return replace(plan, rules=(*plan.rules, rule))


# ---- to be kept --------------------------------------------------------------------------------------------------
def kept(plan: Plan, state: State, strangers: Kept | None = None) -> Kept:
    """What must survive of ``state``, together with what was kept of ``strangers``."""
    others = strangers or Kept()
    rules: dict[str, Why] = {
        rule.id: word for rule, trip in zip(plan.rules, state.trips, strict=True) if (word := latch.word(trip))
    }
    stops = {t.id: at.stopped_by for t, at in zip(plan.targets, state.targets, strict=True) if at.stopped_by}
    return Kept(
        {**others.contactors, **dict(_contactors(plan, state))},
        {**others.rules, **rules},
        {**others.stops, **stops},
        state.local.maintenance,
        {**others.recent, **dict(latch.recent(plan, state))},
        latch.remaining(state.acknowledged, state.now_ms),
    )


def _contactors(plan: Plan, state: State) -> Iterator[tuple[str, KeptContactor]]:
    for target, at in zip(plan.targets, state.targets, strict=True):
        if target.contactor is not None and at.wear is not None:
            worn = at.wear
            paid_in_ms = max(worn.due_ms - state.now_ms, 0)
            yield target.id, KeptContactor(worn.closings, worn.broken, worn.failures, paid_in_ms, _latch(plan, at))


def _latch(plan: Plan, at: TargetState) -> Latched:
    """The state in which a contactor waits for a local reset; "" when it does not."""
    name = plan.contactor.states[at.machine.state] if at.machine is not None else ""
    match name:
        case "welded" | "locked_out":
            return name
        case "failed_open" if at.wear is not None and wear.spent(at.wear):
            return "failed_open"
    return ""


def differs(plan: Plan, before: State, after: State) -> bool:
    """Is there anything in ``after`` that was kept otherwise? That time has passed is no difference. In a quiet cycle
    this compares identities only."""
    if before.local.maintenance is not after.local.maintenance or before.acknowledged != after.acknowledged:
        return True
    if before.trips != after.trips and any(
        now.latched != was.latched or (now.latched and now.cause is not was.cause) or now.recent != was.recent
        for was, now in zip(before.trips, after.trips, strict=True)
    ):
        return True
    return before.targets != after.targets and any(
        now is not was and (now.stopped_by != was.stopped_by or _worn(plan, now) != _worn(plan, was))
        for was, now in zip(before.targets, after.targets, strict=True)
    )


def _worn(plan: Plan, at: TargetState) -> tuple[object, ...]:
    return (*((w.closings, w.broken, w.failures, w.due_ms) if (w := at.wear) is not None else ()), _latch(plan, at))


# ---- to be restored ----------------------------------------------------------------------------------------------
def restored(plan: Plan, booted: State, was: Kept, now_ms: int) -> State:
    """``booted`` with what was kept."""
    targets = tuple(
        _restored(plan, target, at, was, now_ms) for target, at in zip(plan.targets, booted.targets, strict=True)
    )
    trips = tuple(
        latch.came_back(rule, trip, was.rules.get(rule.id), was.recent.get(rule.id, ()), now_ms)
        for rule, trip in zip(plan.rules, booted.trips, strict=True)
    )
    acknowledged = tuple(now_ms + min(rest, latch.DAY_MS) for rest in was.acknowledged[-latch.ACKNOWLEDGED_MAX :])
    local = replace(booted.local, maintenance=booted.local.maintenance or was.maintenance)
    return replace(booted, targets=targets, trips=trips, local=local, acknowledged=acknowledged)


def _restored(plan: Plan, target: Target, at: TargetState, was: Kept, now_ms: int) -> TargetState:
    at = replace(at, stopped_by=was.stops.get(target.id, at.stopped_by))
    worn = was.contactors.get(target.id)
    if worn is None or target.contactor is None:
        return at
    due_ms = now_ms + min(worn.paid_in_ms, wear.HOUR_MS)
    at = replace(at, wear=Wear(worn.closings, worn.broken, worn.failures, failed_ms=now_ms, due_ms=due_ms))
    if not worn.latch:
        return at
    machine = Machine(plan.contactor.state(worn.latch), now_ms)
    unseen = None if at.wear is None else replace(at.wear, unproven_ms=now_ms)  # it has not shown itself yet
    return replace(at, machine=machine, output=plan.coils[machine.state], changed_ms=now_ms, wear=unseen)


def strictest(plan: Plan, booted: State, now_ms: int) -> State:
    """``booted`` when what was kept cannot be read. Closings are taken as used up, and one more failure is one too many
    (not yet: what has failed too often is not kept closed as found). The plan is a guarded one."""
    worn = Wear(failures=wear.FAILURES_MAX - 1, failed_ms=now_ms, due_ms=now_ms + wear.HOUR_MS)
    return replace(
        booted,
        targets=tuple(
            replace(at, wear=worn) if target.contactor is not None else at
            for target, at in zip(plan.targets, booted.targets, strict=True)
        ),
        trips=tuple(
            Trip(0, UNKNOWN, now_ms, UNKNOWN, now_ms, True)
            if rule.id == UNREADABLE
            else latch.used_up(rule, trip, now_ms)
            for rule, trip in zip(plan.rules, booted.trips, strict=True)
        ),
        local=replace(booted.local, maintenance=plan.local.maintenance is not None),
        acknowledged=(now_ms + latch.DAY_MS,) * latch.ACKNOWLEDGED_MAX,
    )


def strangers(plan: Plan, was: Kept) -> Kept:
    """What was kept of ids that this plan does not know; of too many, those with a latch stay, then the first."""
    contactors = {target.id for target in plan.targets if target.contactor is not None}
    targets, rules = {target.id for target in plan.targets}, {rule.id for rule in plan.rules}
    unknown = sorted(
        ((name, worn) for name, worn in was.contactors.items() if name not in contactors),
        key=lambda at: not at[1].latch,
    )
    latched = {name: cause for name, cause in was.rules.items() if name not in rules}
    stops = {name: by for name, by in was.stops.items() if name not in targets}
    recent = {name: rests for name, rests in was.recent.items() if name not in rules}
    some = [dict([*part.items()][:STRANGERS_MAX]) for part in (latched, stops, recent)]
    return Kept(dict(unknown[:STRANGERS_MAX]), some[0], some[1], recent=some[2])


def notes(plan: Plan, state: State) -> Iterator[Event]:
    """What comes back into a state that has just been restored, for people."""
    now_ms = state.now_ms
    for target, at in zip(plan.targets, state.targets, strict=True):
        if latch := _latch(plan, at):
            yield Event(now_ms, EventKind.MACHINE, target.id, f"{latch} since before the restart; only a reset ends it")
        if at.stopped_by:
            yield Event(now_ms, EventKind.OUTPUT, target.id, f"stopped by {at.stopped_by} since before the restart")
    for rule, trip in zip(plan.rules, state.trips, strict=True):
        if trip.latched:
            yield Event(now_ms, EventKind.TRIP, rule.id, f"latched since before the restart: {rule.why}")
    if state.local.maintenance:
        text = "maintenance stays on until its key is known to be back"
        yield Event(now_ms, EventKind.LOCAL, "local.maintenance", text)
