"""What the tests of latches share: a house with a nuisance row and a danger row, and how they come to be latched."""

from __future__ import annotations

from kernel_toys import START_MS, Run, ask, contact, current, plan, rule

from supervisor.kernel.lease import Decision, Request, Verb
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import NO, YES, Is, Outside
from supervisor.kernel.switchgear import Local
from supervisor.kernel.trip import Latch, Rule, Trip, advance, fresh

MINUTE_MS = 60_000
FLOW, RESET, KEY = range(3)
NUISANCE, DANGER, REPEATS = "limits.nuisance", "limits.danger", "limits.repeats"
HOUSE = plan(
    signals=(current("meter.current", max_age_ms=30_000), contact("panel.reset"), contact("panel.key")),
    rules=(
        rule(id=NUISANCE, latch=Latch.NUISANCE, hold_ms=0, clear_ms=200),
        rule(id=DANGER, question=Outside(FLOW, 2_000, -35_000, None), latch=Latch.DANGER, hold_ms=0, clear_ms=200),
    ),
    local=Local(reset=Is(RESET, 500, 1), maintenance=Is(KEY, 500, 1)),
)
CALM = {"meter.current": 8_000, "panel.reset": 0, "panel.key": 0}


def acknowledge(target: str = NUISANCE, now_ms: int = START_MS, **changes: object) -> Request:
    """What the guardian makes of a verified signature."""
    return ask(Verb.ACKNOWLEDGE, "installers.anna", None, now_ms, target=target, **changes)


def latched(amps: int = 36, about: Plan = HOUSE) -> Run:
    """A house in which 36 A (or -36 A) have been there for a moment, a second ago."""
    run = Run(about)
    run.keep = CALM | {"meter.current": amps * 1_000}
    run.go(100)
    run.keep = dict(CALM)
    run.go(1_000)
    return run


def answer(run: Run, request: Request | None = None) -> Decision:
    (decision,) = run.cycle(request or acknowledge(now_ms=run.now_ms)).decisions
    return decision


def row(run: Run, name: str = NUISANCE) -> Trip:
    return next(trip for rule, trip in zip(run.plan.rules, run.state.trips, strict=True) if rule.id == name)


def trips(about: Rule, times: list[int], trip: Trip | None = None) -> Trip:
    """The row after it has begun to act at each of these times; its cause goes at once, and its latch where it can."""
    trip = trip or fresh(0)
    for at_ms in times:
        trip = advance(about, trip, YES, False, at_ms)
        trip = advance(about, trip, NO, False, at_ms + 1)
        trip = advance(about, trip, NO, False, at_ms + 2)
    return trip


def again(run: Run) -> None:
    """It trips and its cause goes once more."""
    run.keep["meter.current"] = 36_000
    run.go(100)
    run.keep["meter.current"] = 8_000
    run.go(1_000)
    assert row(run).latched
