"""What survives a restart: it comes back, it comes back by name, and it only ever adds strictness to a fresh boot."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_house import PLAN, House, trace
from kernel_switchyard import AB, BOX_AT, COILS_AT, ISLAND, SWITCH_AT, Yard, parked, yard
from kernel_toys import START_MS, coil, contact, plan, replace

from supervisor.kernel import wear
from supervisor.kernel.image import blank
from supervisor.kernel.keep import (
    STRANGERS_MAX,
    UNREADABLE,
    Kept,
    KeptContactor,
    differs,
    guarded,
    kept,
    notes,
    restored,
    strangers,
    strictest,
)
from supervisor.kernel.lease import Kind, Lease, Verdict
from supervisor.kernel.machine import Machine
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import NO, UNKNOWN, YES
from supervisor.kernel.state import State, TargetState, Wear, boot
from supervisor.kernel.switchgear import Local
from supervisor.kernel.trip import Latch, Trip

SITE = guarded(yard(latch=Latch.DANGER, per_hour=4))
LATCHES = ("welded", "failed_open", "locked_out")
RESTART_MS = 7_000  # the monotonic clock begins anew with the box
COUNTS = st.integers(0, 2**40)


@st.composite
def lives(draw: st.DrawFn, about: Plan = SITE) -> State:
    """A state that nobody has to have come to: every field that matters, at random."""
    now_ms = draw(st.integers(START_MS, 2**40))
    booted = boot(about, now_ms)

    def target(at: TargetState) -> TargetState:
        at = replace(
            at,
            output=draw(st.sampled_from((None, 0, 1))),
            stopped_by=draw(st.sampled_from(("", "ben"))),
            lease=draw(st.sampled_from((None, Lease(0, Kind.SETTING, 1, 1, now_ms, now_ms + 9_000, "")))),
        )
        if at.machine is None:
            return at
        worn = Wear(
            draw(COUNTS), draw(COUNTS), draw(st.integers(0, 5)), now_ms,
            now_ms + draw(st.integers(-9_000, wear.HOUR_MS)), draw(st.sampled_from((None, now_ms))),
            draw(st.sampled_from((None, now_ms))),
        )  # fmt: skip
        return replace(at, wear=worn, machine=Machine(draw(st.integers(0, len(about.contactor.states) - 1)), now_ms))

    def trip(at: Trip) -> Trip:
        cause = draw(st.sampled_from((NO, UNKNOWN, YES)))
        latched = cause is not NO and draw(st.booleans())
        return Trip(draw(st.integers(0, 9)), draw(st.sampled_from((NO, UNKNOWN, YES))), now_ms, cause, now_ms, latched)

    return replace(
        booted,
        targets=tuple(map(target, booted.targets)),
        trips=tuple(map(trip, booted.trips)),
        local=replace(booted.local, maintenance=draw(st.booleans())),
    )


def after_restart(state: State, about: Plan = SITE) -> State:
    return restored(about, boot(about, RESTART_MS), kept(about, state), RESTART_MS)


def position(about: Plan, at: TargetState) -> str:
    return about.contactor.states[at.machine.state] if at.machine is not None else ""


# ---- properties --------------------------------------------------------------------------------------------------
@given(lives())
def test_what_was_kept_comes_back_and_would_be_kept_again(state: State) -> None:
    was = kept(SITE, state)
    assert kept(SITE, after_restart(state)) == was


@given(lives())
def test_nothing_that_comes_back_is_less_strict_than_a_fresh_boot(state: State) -> None:
    fresh, back = boot(SITE, RESTART_MS), after_restart(state)
    assert replace(back, targets=(), trips=(), local=fresh.local) == replace(fresh, targets=(), trips=())
    assert back.local.maintenance >= fresh.local.maintenance
    for young, old in zip(fresh.trips, back.trips, strict=True):
        assert old == young or (old.latched and old.cause is not NO)
    for at, young, old in zip(SITE.targets, fresh.targets, back.targets, strict=True):
        assert old.lease is None
        assert old.stopped_by or not young.stopped_by
        if at.contactor is None:
            assert replace(old, stopped_by="") == young
            continue
        assert old.wear is not None
        assert position(SITE, old) in ("looking", *LATCHES)
        assert old.output == (None if position(SITE, old) == "looking" else 0)
        assert (old.changed_ms, old.hold_until_ms, old.machine and old.machine.since_ms) == (RESTART_MS,) * 3
        assert old.wear.due_ms >= RESTART_MS
        assert old.wear.failures == 0 or old.wear.failed_ms == RESTART_MS


@given(lives())
def test_every_latch_and_nothing_else_comes_back_latched(state: State) -> None:
    for was, now in zip(state.targets, after_restart(state).targets, strict=True):
        name = position(SITE, was)
        lasting = name in ("welded", "locked_out") or (name == "failed_open" and was.wear and wear.spent(was.wear))
        assert position(SITE, now) == (name if lasting else "looking" if was.machine else "")
    for row, back in zip(state.trips, after_restart(state).trips, strict=True):
        assert (back.latched, back.cause) == ((True, row.cause) if row.latched else (False, NO))


@given(lives(), st.integers(0, wear.HOUR_MS), st.integers(0, 2**40))
def test_a_closing_budget_is_never_shorter_than_what_really_remains_nor_longer_than_an_hour(
    state: State, off_ms: int, restart_ms: int
) -> None:
    back = restored(SITE, boot(SITE, restart_ms), kept(SITE, state), restart_ms)
    for was, now in zip(state.targets, back.targets, strict=True):
        if was.wear is not None and now.wear is not None:
            really_ms = was.wear.due_ms - (state.now_ms + off_ms)
            assert max(really_ms, 0) <= now.wear.due_ms - restart_ms <= wear.HOUR_MS


@given(lives(), lives(), st.sampled_from(("targets", "trips", "local")))
def test_a_change_is_seen_when_something_else_would_be_kept(one: State, other: State, part: str) -> None:
    other = replace(one, **{part: getattr(other, part)})
    assert not differs(SITE, one, one)
    if kept(SITE, one) != kept(SITE, other):
        assert differs(SITE, one, other)


@pytest.mark.parametrize("seed", range(6))
def test_in_a_life_full_of_faults_no_change_is_missed_and_the_passing_of_time_is_none(seed: int) -> None:
    _, results = trace(PLAN, seed, 60_000)
    changes = 0
    for was, now in itertools.pairwise(results):
        changed = differs(PLAN, was.state, now.state)
        changes += changed
        assert changed == (timeless(was.state) != timeless(now.state))
    assert changes < len(results) // 10


def timeless(state: State) -> Kept:
    """What would be kept, if the budget were kept as the time at which it is paid."""
    return kept(PLAN, replace(state, now_ms=0))


# ---- names, not numbers --------------------------------------------------------------------------------------------
def coils(*names: str) -> Plan:
    """Contactors in this order."""
    return plan(
        signals=tuple(contact(f"{name}.contact") for name in names),
        targets=tuple(replace(coil(i), id=name) for i, name in enumerate(names)),
        permissions=(),
    )


def test_a_site_whose_documents_were_reordered_gives_each_contactor_its_own_past() -> None:
    was = Kept(
        {name: KeptContactor(closings=n) for n, name in enumerate("abc", 1)}
        | {"b": KeptContactor(9, 0, 0, 0, "welded")}
    )
    about = coils("c", "b", "a")
    back = restored(about, boot(about, 0), was, 0)
    assert [t.wear and t.wear.closings for t in back.targets] == [3, 9, 1]
    assert [position(about, t) for t in back.targets] == ["looking", "welded", "looking"]


def test_a_contactor_that_is_commented_out_for_a_day_keeps_its_wear_and_its_weld() -> None:
    first = Kept(
        {"a": KeptContactor(closings=7, latch="welded"), "b": KeptContactor(closings=1)}, {"gone": "yes"}, {"x": "ben"}
    )
    without, whole = coils("b"), coils("a", "b")
    booted = boot(without, 0)
    meanwhile = kept(without, restored(without, booted, first, 0), strangers(without, first))
    assert meanwhile == first
    back = restored(whole, boot(whole, 0), meanwhile, 0)
    assert (position(whole, back.targets[0]), back.targets[0].wear and back.targets[0].wear.closings) == ("welded", 7)


def test_strangers_are_bounded_and_those_with_a_latch_stay() -> None:
    many = {f"k{n}": KeptContactor(closings=n) for n in range(STRANGERS_MAX + 50)}
    many["zz"] = KeptContactor(latch="welded")
    was = strangers(SITE, Kept(many, dict.fromkeys(many, "yes"), dict.fromkeys(many, "ben"), True))
    assert [len(part) for part in (was.contactors, was.rules, was.stops)] == [STRANGERS_MAX] * 3
    assert "zz" in was.contactors
    assert not was.maintenance


def test_what_the_site_knows_is_no_stranger() -> None:
    assert strangers(SITE, kept(SITE, boot(SITE, 0))) == Kept()


# ---- in whole cycles -----------------------------------------------------------------------------------------------
def resting_in_a(**changes: object) -> Yard:
    """A yard whose safe place is a, so that it rests there without a lease; its car draws 16 A."""
    run = Yard(about=yard(safe=1, **changes))  # type: ignore[arg-type]  parts of the plan, by name
    run.until("making")
    run.until("resting")
    run.charge()
    run.go(500)
    assert (run.at, max(run.plant.flow_ma)) == ("a", 16_000)
    return run


def restart(run: Yard, about: Plan | None = None) -> None:
    """The guardian restarts; contacts stay as they are."""
    was = kept(run.plan, run.state)
    run.plan = about or run.plan
    run.state = restored(run.plan, boot(run.plan, run.now_ms), was, run.now_ms)
    run.image = blank(run.plan.signals)


@pytest.mark.parametrize("latch", [Latch.DANGER, Latch.NUISANCE])
def test_a_latched_row_comes_back_acting_until_somebody_resets_it(latch: Latch) -> None:
    run = parked(about=yard(latch=latch))
    run.say["guard.alarm"] = 1
    run.go(200)
    run.say["guard.alarm"] = 0
    run.until("resting")
    restart(run)
    run.go(20_000)
    assert run.state.trips[0].latched
    assert "limits.alarm" in {clause.rule for clause in run.order("a").clauses}
    assert (run.at, run.step) == ("open", "resting")
    run.press("reset")
    assert not run.state.trips[0].latched
    assert run.order("a").verdict is Verdict.GRANTED


def test_a_welded_contactor_comes_back_welded_and_is_never_told_to_close() -> None:
    run = parked()
    run.plant.contacts[0].welded = True
    run.stop()
    run.until("faulted")
    restart(run)
    run.plant.contacts[0].welded = False
    told = {run.cycle().outputs.values[COILS_AT] for _ in range(200)}
    assert (told, run.contactors[0], run.mode) == ({0}, "welded", "fault")
    run.press("reset")
    assert run.contactors[0] == "open"


def test_a_stop_lasts_across_a_restart_until_the_next_grant() -> None:
    run = resting_in_a()
    run.stop("box.current")
    restart(run)
    run.go(1_000)
    assert run.state.targets[BOX_AT].stopped_by == "ben"
    assert run.charge().verdict is Verdict.GRANTED
    assert run.state.targets[BOX_AT].stopped_by == ""


def test_maintenance_stays_on_until_its_key_is_known_to_be_back() -> None:
    run = Yard()
    run.press("key")
    run.say["panel.key"] = 1
    run.go(200)
    assert run.mode == "maintenance"
    restart(run)
    run.say["panel.key"] = None
    run.go(5_000)
    assert (run.mode, run.contactors) == ("maintenance", ["locked_out"] * 2)
    run.say["panel.key"] = 0
    run.go(500)
    assert (run.mode, run.contactors) == ("normal", ["locked_out"] * 2)
    run.press("reset")
    assert run.contactors == ["open"] * 2


def test_leases_do_not_come_back() -> None:
    restart(run := parked())
    run.go(500)
    assert [target.lease for target in run.state.targets] == [None] * len(run.state.targets)


def test_rest_times_start_at_full_length() -> None:
    run = resting_in_a(dwell_ms=60_000)
    run.go(50_000)
    restart(run)
    run.go(15_000)
    assert "its dwell of" in run.order("b").clauses[-1].text


def test_a_contactor_that_has_used_up_its_budget_has_not_more_of_it_after_a_restart() -> None:
    run = House(replace(PLAN, targets=tuple(
        replace(t, contactor=replace(t.contactor, per_hour=2)) if t.contactor else t for t in PLAN.targets
    )))  # fmt: skip
    run.live(1_000)
    worn = run.state.targets[0].wear
    contactor = run.plan.targets[0].contactor
    assert worn is not None
    assert contactor is not None
    for _ in range(2):
        worn = wear.closes(contactor, worn, run.state.now_ms)
    state = replace(run.state, targets=(replace(run.state.targets[0], wear=worn), *run.state.targets[1:]))
    back = restored(run.plan, boot(run.plan, 0), kept(run.plan, state), 0).targets[0].wear
    assert back is not None
    assert wear.budget_ms(contactor, back, 0) == wear.budget_ms(contactor, worn, state.now_ms) == wear.HOUR_MS // 2


def test_what_comes_back_is_said() -> None:
    run = parked(about=yard(latch=Latch.DANGER))
    run.plant.contacts[0].welded = True
    run.say |= {"guard.alarm": 1, "panel.key": 1}
    run.stop("box.current")
    run.go(20_000)
    restart(run)
    said = {event.subject: event.text for event in notes(run.plan, run.state)}
    assert set(said) == {"box.current", "k1.coil", "k2.coil", "limits.alarm", "local.maintenance"}
    assert said["k1.coil"].startswith("welded since before the restart")


# ---- what was kept cannot be read ------------------------------------------------------------------------------------
def unread(run: Yard) -> Yard:
    """The guardian restarts and cannot read what was kept; contacts stay as they are."""
    run.plan = guarded(run.plan)
    run.state, run.image = strictest(run.plan, boot(run.plan, run.now_ms), run.now_ms), blank(run.plan.signals)
    return run


def test_unread_what_is_found_closed_stays_nothing_closes_and_levels_are_safe_until_a_reset() -> None:
    run = unread(parked())
    run.go(10_000)
    assert (run.at, run.step, run.contactors, run.mode) == ("a", "resting", ["closed", "open"], "fault")
    assert run.plant.arcs == []
    run.state = replace(run.state, targets=tuple(
        replace(t, lease=Lease(0, Kind.SETTING, 2, 2, run.now_ms, run.now_ms + 9_000_000, ""))
        for t in run.state.targets
    ))  # fmt: skip
    run.go(20_000)
    assert (run.at, run.output("box.current")) == ("a", 0)
    run.press("reset")
    run.go(30_000)
    assert not run.state.trips[-1].latched
    assert run.order("b").verdict is Verdict.GRANTED


def test_unread_a_contactor_that_was_opened_does_not_close_again() -> None:
    run = unread(resting_in_a())
    run.go(1_000)
    run.say["guard.alarm"] = 1
    run.plant.contacts[0].dead = True
    run.go(2_000)
    run.plant.contacts[0].dead = False
    del run.say["guard.alarm"]
    changes = run.plant.contacts[0].changes
    run.go(60_000)
    assert not run.plant.contacts[0].closed
    assert run.plant.contacts[0].changes <= changes + 1
    assert not run.plant.contacts[1].closed


def test_unread_is_itself_kept_so_that_a_second_restart_is_no_way_out() -> None:
    restart(run := unread(Yard(ISLAND)))
    run.go(1_000)
    assert run.state.trips[-1].latched
    assert UNREADABLE in kept(run.plan, run.state).rules


def test_unread_every_count_is_taken_as_used_up() -> None:
    state = strictest(SITE, boot(SITE, 5), 5)
    for at, target in zip(SITE.targets, state.targets, strict=True):
        if at.contactor is not None and target.wear is not None:
            assert wear.budget_ms(at.contactor, target.wear, 5) > 0
            assert wear.spent(wear.fails(target.wear, 5))
    assert state.local.maintenance


def test_unread_maintenance_is_taken_as_on_where_there_is_a_key_and_only_there() -> None:
    keyless = guarded(yard(local=Local()))
    assert not strictest(keyless, boot(keyless, 0), 0).local.maintenance


def test_the_row_for_the_unreadable_never_acts_by_itself() -> None:
    _, results = trace(guarded(PLAN), 3, 20_000)
    assert {result.state.trips[-1].cause for result in results} == {NO}


def test_unread_no_coil_is_told_to_close_in_any_life() -> None:
    dice = random.Random(1)
    for _ in range(20):
        run = unread(Yard(AB))
        for _ in range(100):
            if dice.random() < 0.1:
                run.asks(SWITCH_AT, dice.randrange(3))
            run.cycle()
        assert run.changes == 0
