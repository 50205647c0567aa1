"""Every deadline of what switches is one of the next wake's: a quiet house is looked at again when it passes."""

from __future__ import annotations

from kernel_switchyard import AB, Yard, parked, yard
from kernel_toys import replace

from supervisor.kernel.state import Switch, TargetState
from supervisor.kernel.wake import next_wake

SOON_MS = 37
"""Sooner than anything else that is due in a yard at rest."""
YARD = yard(AB, dwell_ms=60_000, per_hour=20, breaks_ms=30_000)


def left(run: Yard) -> int:
    """How long until the wake, if nothing has just moved (ms)."""
    return next_wake(run.plan, run.state, run.state, run.image, run.now_ms) - run.now_ms


def with_switch(run: Yard, **changes: object) -> Yard:
    switch: Switch = replace(run.state.switches[0], **changes)
    run.state = replace(run.state, switches=(switch,))
    return run


def with_coil(run: Yard, wear: dict[str, object], **changes: object) -> Yard:
    """The first contactor with other times."""
    member = run.plan.changeovers[0].members[0]
    at: TargetState = run.state.targets[member]
    at = replace(at, wear=replace(at.wear, **wear), **changes)
    targets = (*run.state.targets[:member], at, *run.state.targets[member + 1 :])
    run.state = replace(run.state, targets=targets)
    return run


def test_a_yard_at_rest_waits_for_nothing_so_soon() -> None:
    assert left(parked(about=YARD)) > SOON_MS


def test_the_end_of_a_dwell() -> None:
    run = parked(about=YARD)
    assert left(with_switch(run, arrived_ms=run.now_ms - 60_000 + SOON_MS)) == SOON_MS


def test_the_end_of_the_proof_of_zero_flow() -> None:
    run = parked(about=YARD)
    assert left(with_switch(run, calm_ms=run.now_ms - run.plan.changeovers[0].calm_ms + SOON_MS)) == SOON_MS


def test_the_end_of_zero_since_a_contactor_shall_open_while_its_changeover_rests() -> None:
    run = parked(about=YARD, drawing=False)
    unwanted_ms = run.now_ms - run.plan.changeovers[0].calm_ms + SOON_MS
    assert left(with_coil(run, {"unwanted_ms": unwanted_ms})) == SOON_MS


def test_the_end_of_zero_since_a_contactor_shall_open_that_no_changeover_moves() -> None:
    run = parked(about=YARD, drawing=False)
    member = YARD.changeovers[0].members[0]
    alone = replace(
        YARD.targets[member], contactor=replace(YARD.targets[member].contactor, changeover=None, calm_ms=7_000)
    )
    run.plan = replace(YARD, targets=(*YARD.targets[:member], alone, *YARD.targets[member + 1 :]))
    assert left(with_coil(run, {"unwanted_ms": run.now_ms - 7_000 + SOON_MS})) == SOON_MS


def test_the_end_of_a_contradiction_between_two_sensors() -> None:
    run = parked(about=YARD)
    since_ms = run.now_ms - run.plan.changeovers[0].skew_ms + SOON_MS
    odd = (since_ms, *run.state.switches[0].odd_ms[1:])
    assert left(with_switch(run, odd_ms=odd)) == SOON_MS


def test_the_end_of_the_dead_time_between_two_contactors() -> None:
    run = parked(about=YARD)
    dead_ms = run.plan.groups[0].dead_ms
    machine = run.state.targets[run.plan.groups[0].members[1]].machine
    moved = replace(machine, since_ms=run.now_ms - dead_ms + SOON_MS)
    member = run.plan.groups[0].members[1]
    targets = list(run.state.targets)
    targets[member] = replace(targets[member], machine=moved, changed_ms=0)
    run.state = replace(run.state, targets=tuple(targets))
    assert dead_ms > SOON_MS
    assert left(run) == SOON_MS


def test_the_end_of_a_doubt_of_an_escalation_and_of_an_hours_budget() -> None:
    run = parked(about=YARD)
    contactor = run.plan.targets[run.plan.changeovers[0].members[0]].contactor
    assert contactor is not None
    for wear in (
        {"unproven_ms": run.now_ms - contactor.doubt_ms + SOON_MS},
        {"unwanted_ms": run.now_ms - 30_000 + SOON_MS},
        {"due_ms": run.now_ms + 3_600_000 - 3_600_000 // 20 + SOON_MS},
    ):
        before = run.state
        assert left(with_coil(run, wear)) == SOON_MS, wear
        run.state = before


def test_the_end_of_the_minimum_times() -> None:
    run = parked(about=YARD)
    member = run.plan.changeovers[0].members[0]
    target = run.plan.targets[member]
    for name in ("min_on_ms", "min_off_ms"):
        slow = replace(target, contactor=replace(target.contactor, **{name: 90_000}))
        targets = (*YARD.targets[:member], slow, *YARD.targets[member + 1 :])
        run.plan = replace(YARD, targets=targets)
        assert left(with_coil(run, {}, changed_ms=run.now_ms - 90_000 + SOON_MS)) == SOON_MS, name
