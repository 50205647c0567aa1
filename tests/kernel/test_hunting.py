"""H30: each setpoint permitted, together an oscillation. It is seen, slowed down, told, and forgiven."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from kernel_toys import ALLOWED, BOX, Run, ask, plan, replace, said, settled

from supervisor.kernel.event import EventKind
from supervisor.kernel.plan import Hunting, Plan
from supervisor.kernel.state import boot
from supervisor.kernel.wake import NEVER_MS

LIMITS = Hunting(reversals=6, within_ms=600_000, dwell_ms=120_000, slower=4)
RAMP_MA_S = 2_000


def house(**changes: object) -> Plan:
    swinging = replace(BOX, hunting=LIMITS, hold_ms=0, ramp=RAMP_MA_S, bands=(), step=1)
    return plan(targets=(replace(swinging, **changes),), permissions=(ALLOWED,))


def swing(run: Run, times: int, period_ms: int = 20_000) -> list[int]:
    """Somebody who cannot make up his mind: up, down, up ... What the target is told at the end of each half."""
    outputs = []
    for turn in range(times):
        said(run, identity="ben", value=(16_000, 6_000)[turn % 2], kind="setting")
        run.go(period_ms)
        outputs.append(run.state.targets[0].output or 0)
    return outputs


def hunts(run: Run) -> bool:
    swings = run.state.targets[0].swings
    return swings is not None and swings.hunting


def test_a_level_that_goes_up_and_down_too_often_hunts_and_everybody_is_told() -> None:
    run = settled(house())
    swing(run, 7)  # six reversals: the first rise is none
    assert not hunts(run)
    swing(run, 4)
    assert hunts(run)
    (event,) = [event for event in run.events if event.kind is EventKind.HUNTING]
    assert event.subject == "box.current"
    decision = said(run, identity="ben", value=10_000, kind="setting")
    assert any(clause.rule == "box.current.hunting" and clause.effect == "notes" for clause in decision.clauses)


def test_while_it_hunts_it_rises_late_and_slowly_and_falls_at_once() -> None:
    run = settled(house())
    swing(run, 12)
    assert hunts(run)
    said(run, identity="ben", value=0, kind="setting")
    run.cycle()
    assert run.output("box.current") == 0  # lowering is never held back
    fell_ms = run.now_ms
    said(run, identity="ben", value=16_000, kind="setting")
    outputs = [(run.now_ms - fell_ms, value) for value in rising(run, 160_000)]
    started = min(at for at, value in outputs if value)
    assert abs(started - LIMITS.dwell_ms) < 1_000
    (first_ms, first), *_, (last_ms, last) = [(at, value) for at, value in outputs if 0 < value < 16_000]
    slope = (last - first) * 1_000 // (last_ms - first_ms)
    assert abs(slope - RAMP_MA_S // LIMITS.slower) < 30


def rising(run: Run, ms: int) -> Iterator[int]:
    for _ in range(0, ms, run.plan.cycle_ms):
        run.cycle()
        yield run.state.targets[0].output or 0


def test_whoever_follows_the_sun_by_small_steps_does_not_hunt() -> None:
    run = settled(house())
    said(run, identity="ben", value=10_000, kind="setting")
    run.go(10_000)
    for turn in range(120):  # up and down by three ampere of sixteen, twice a minute
        said(run, identity="ben", value=(8_500, 11_500)[turn % 2], kind="setting")
        run.go(15_000)
    assert not hunts(run)


def test_a_swing_that_is_made_of_small_steps_is_one() -> None:
    run = settled(house())
    for turn in range(24):
        for step in range(5):
            value = 6_000 + 2_000 * step if turn % 2 else 14_000 - 2_000 * step
            said(run, identity="ben", value=value, kind="setting")
            run.go(4_000)
    assert hunts(run)


def test_a_slow_swing_is_none() -> None:
    run = settled(house())
    swing(run, 40, period_ms=110_000)  # 5.5 reversals in ten minutes
    assert not hunts(run)


def test_a_level_that_has_calmed_down_is_as_before() -> None:
    run = settled(house())
    swing(run, 12)
    assert hunts(run)
    run.go(2 * LIMITS.within_ms)
    assert not hunts(run)
    said(run, identity="ben", value=0, kind="setting")
    said(run, identity="ben", value=16_000, kind="setting")
    run.go(9_000)
    assert run.output("box.current") == 16_000


def test_the_ramp_goes_on_from_where_it_is_when_the_level_has_calmed_down_on_its_way() -> None:
    run = settled(house())
    swing(run, 12)
    said(run, identity="ben", value=0, kind="setting")
    swings = run.state.targets[0].swings
    assert swings is not None
    run.go(swings.due_ms - LIMITS.within_ms // 2 - run.now_ms - 4_000)  # it is calm in four seconds
    assert hunts(run)
    said(run, identity="ben", value=16_000, kind="setting")
    told = [0, *rising(run, 15_000)]
    assert not hunts(run)
    assert told[-1] == 16_000
    assert max(now - was for was, now in pairwise(told)) <= RAMP_MA_S * run.plan.cycle_ms // 1_000


def test_nobody_hunts_who_has_no_such_limits_and_a_quiet_house_sleeps() -> None:
    run = settled(house(hunting=None))
    swing(run, 30)
    assert run.state.targets[0].swings is None
    quiet = settled(house())
    assert quiet.cycle().wake_ms == NEVER_MS
    assert boot(house(), 0).targets[0].swings is None
    assert ask().value is None
