"""Latches: what ends a nuisance one, what makes a danger one of it, and that nothing from outside ends a danger one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_toys import IDENTITIES, Run, ask, plan, replace, rule
from latch_toys import (
    CALM,
    DANGER,
    HOUSE,
    NUISANCE,
    REPEATS,
    acknowledge,
    again,
    answer,
    latched,
    row,
    trips,
)

from supervisor.kernel.cycle import step
from supervisor.kernel.event import EventKind
from supervisor.kernel.hands import LOCAL
from supervisor.kernel.latch import ACKNOWLEDGED_MAX, DAY_MS
from supervisor.kernel.lease import Request, Verb, Verdict
from supervisor.kernel.question import NO, UNKNOWN, YES
from supervisor.kernel.signal import Quality
from supervisor.kernel.trip import Latch, advance, fresh, kind, wake


# ---- recovery by itself --------------------------------------------------------------------------------------------
@given(st.integers(0, 50), st.integers(0, 50), st.lists(st.integers(1, 60), max_size=5))
def test_a_nuisance_latch_recovers_after_exactly_its_time_of_unbroken_no(
    clear_ms: int, more_ms: int, broken: list[int]
) -> None:
    recovers_ms = max(clear_ms + more_ms, 1)
    about = rule(hold_ms=0, clear_ms=clear_ms, latch=Latch.NUISANCE, recovers_ms=recovers_ms)
    trip, now_ms = advance(about, fresh(0), YES, False, 0), 0
    for calm_ms in broken:  # each calm time that is too short counts for nothing
        for _ in range(min(calm_ms, recovers_ms)):
            now_ms += 1
            trip = advance(about, trip, NO, False, now_ms)
            assert trip.latched
        now_ms += 1
        trip = advance(about, trip, UNKNOWN if calm_ms % 2 else YES, False, now_ms)
        assert trip.latched
    begun_ms = now_ms + 1
    for now_ms in range(begun_ms, begun_ms + recovers_ms):
        trip = advance(about, trip, NO, False, now_ms)
        assert trip.latched
        assert trip.cause is not NO
    assert wake(about, trip, now_ms) == begun_ms + recovers_ms
    trip = advance(about, trip, NO, False, begun_ms + recovers_ms)
    assert (trip.latched, trip.cause) == (False, NO)


def test_without_a_time_to_recover_a_nuisance_latch_stays() -> None:
    run = latched()
    run.go(60_000)
    assert row(run).latched


@pytest.mark.parametrize("changes", [{"latch": Latch.DANGER}, {"repeats": 2, "latch": Latch.NUISANCE}])
def test_a_danger_latch_never_recovers_by_itself(changes: dict[str, object]) -> None:
    about = rule(hold_ms=0, clear_ms=1, recovers_ms=10, repeats_ms=DAY_MS, **changes)
    trip, now_ms = fresh(0), 0
    for said in (YES, NO, YES):
        for _ in range(100):
            now_ms += 1
            trip = advance(about, trip, said, False, now_ms)
    for later_ms in range(1_000):
        trip = advance(about, trip, NO, False, now_ms + later_ms)
        assert trip.latched
    assert kind(about, trip) is Latch.DANGER
    assert wake(about, trip, now_ms + 1_000) is None


# ---- repetition ----------------------------------------------------------------------------------------------------
SHORT = rule(hold_ms=0, clear_ms=1, repeats=3, repeats_ms=1_000)


@pytest.mark.parametrize("kind_", [Latch.NONE, Latch.NUISANCE])
def test_the_third_of_three_trips_within_the_window_is_a_danger_latch(kind_: Latch) -> None:
    about = replace(SHORT, latch=kind_, recovers_ms=1)
    second = trips(about, [10, 500])
    assert not second.latched
    third = trips(about, [1_009], second)
    assert (third.latched, kind(about, third), third.cause) == (True, Latch.DANGER, YES)


def test_a_trip_does_not_count_any_longer_when_its_window_is_over() -> None:
    assert not trips(SHORT, [10, 500, 1_010]).latched
    assert trips(SHORT, [10, 500, 1_010, 1_499]).latched
    assert not trips(SHORT, [10, 500, 1_010, 1_500, 2_010]).latched


def test_not_knowing_is_no_trip_that_counts() -> None:
    about = replace(SHORT, unknown_ms=0)
    trip = fresh(0)
    for now_ms in range(0, 100, 10):
        trip = advance(about, trip, UNKNOWN, False, now_ms)
        trip = advance(about, trip, NO, False, now_ms + 5)
    assert (trip.recent, trip.latched) == ((), False)


def test_a_condition_that_flickers_while_its_row_acts_is_one_trip() -> None:
    about = replace(SHORT, clear_ms=50)
    trip = fresh(0)
    for now_ms in range(0, 100, 2):
        trip = advance(about, trip, YES, False, now_ms)
        trip = advance(about, trip, NO, False, now_ms + 1)
    assert len(trip.recent) == 1


def test_a_local_reset_ends_it_and_begins_the_count_anew_and_nothing_else_does() -> None:
    third = trips(SHORT, [10, 20, 30])
    gone = advance(SHORT, third, NO, True, 40)
    assert (gone.latched, gone.repeated, gone.recent) == (False, False, ())
    assert not trips(SHORT, [50, 60], gone).latched


@given(st.lists(st.integers(3, 700), min_size=1, max_size=12), st.integers(2, 5))
def test_a_row_escalates_exactly_when_as_many_trips_lie_within_a_window(gaps: list[int], repeats: int) -> None:
    about = replace(SHORT, repeats=repeats)
    times = list(itertools.accumulate(gaps))
    trip = fresh(0)
    for number, at_ms in enumerate(times):
        trip = trips(about, [at_ms], trip)
        close = [earlier for earlier in times[: number + 1] if at_ms - earlier < 1_000]
        assert trip.latched == (len(close) >= repeats)
        if trip.latched:
            return


def test_the_event_of_the_escalation_names_the_cause_and_the_count() -> None:
    run = Run(
        plan(signals=HOUSE.signals, rules=(rule(id=REPEATS, hold_ms=0, clear_ms=50, repeats=2, repeats_ms=DAY_MS),))
    )
    for _ in range(2):
        run.keep = {"meter.current": 36_000}
        run.go(100)
        run.keep = {"meter.current": 0}
        run.go(500)
    texts = [event.text for event in run.events if event.kind is EventKind.TRIP]
    assert "the fuse gets hot" in texts[1]
    assert "(trip 2 within 86400 s: only a local reset ends it now)" in texts[1]
    assert "only a local reset" not in texts[0]


# ---- acknowledgements ----------------------------------------------------------------------------------------------
def test_an_acknowledgement_ends_a_nuisance_latch_whose_cause_has_gone() -> None:
    run = latched()
    assert row(run).latched
    decision = answer(run)
    assert decision.verdict is Verdict.DONE
    assert "1 of 2" in decision.clauses[0].text
    assert (row(run).latched, row(run).cause) == (False, NO)
    assert [event.text for event in run.events if event.kind is EventKind.CLEARED] == ["no longer acts"]
    assert any("installers.anna: acknowledge: done" in event.text for event in run.events)


def test_it_is_refused_while_the_cause_is_there_not_known_or_gone_for_too_short() -> None:
    run = latched()
    for amps, quality, words in (
        (36_000, Quality.GOOD, "still there"),
        (8_000, Quality.SUSPECT, "not known"),
        (8_000, Quality.GOOD, "clearing time"),
    ):
        run.keep = {}
        run.tell({"meter.current": amps}, quality)
        decision = answer(run)
        assert (decision.verdict, decision.clauses[0].rule) == (Verdict.REFUSED, "latch.cause")
        assert words in decision.clauses[0].text
        assert row(run).latched


def test_a_danger_latch_is_told_to_belong_to_the_house() -> None:
    run = latched(-36)
    decision = answer(run, acknowledge(DANGER, run.now_ms))
    assert (decision.verdict, decision.clauses[0].rule) == (Verdict.REFUSED, "latch.danger")
    assert "somebody in the house" in decision.clauses[0].text
    assert row(run, DANGER).latched


def test_what_is_not_latched_or_not_there_is_refused() -> None:
    run = latched()
    assert answer(run, acknowledge(DANGER, run.now_ms)).clauses[0].rule == "latch.none"
    assert answer(run, acknowledge("limits.nothing", run.now_ms)).clauses[0].rule == "latch.unknown"
    assert run.state.acknowledged == ()


def test_it_is_refused_while_maintenance_is_on() -> None:
    run = latched()
    run.keep["panel.key"] = 1
    run.go(100)
    assert answer(run).clauses[0].rule == "local.maintenance"
    assert row(run).latched


def test_it_is_refused_while_it_cannot_be_recorded() -> None:
    run = latched()
    request = acknowledge(now_ms=run.now_ms)
    result = step(run.plan, run.state, run.image, (request,), run.now_ms, recording=False)
    assert result.decisions[0].clauses[0].rule == "journal.failing"
    assert result.state.trips[0].latched


def test_there_are_two_a_day_for_the_whole_house_and_the_third_waits_for_the_first_to_be_forgotten() -> None:
    run = latched()
    first_ms = run.now_ms
    assert answer(run).verdict is Verdict.DONE
    again(run)
    assert answer(run).verdict is Verdict.DONE
    again(run)
    assert answer(run).clauses[0].rule == "latch.used_up"
    run.now_ms = first_ms + DAY_MS - 50
    run.go(100)  # the house has slept; its meter is heard again
    run.now_ms = first_ms + DAY_MS - 1
    again_at = replace(row(run), answer=NO, since_ms=first_ms)
    run.state = replace(run.state, now_ms=first_ms, trips=(again_at, *run.state.trips[1:]))
    assert answer(run).clauses[0].rule == "latch.used_up"
    run.now_ms = first_ms + DAY_MS
    assert answer(run).verdict is Verdict.DONE


def test_nobody_but_an_installer_acknowledges_even_if_the_guardian_were_wrong() -> None:
    run = latched()
    for name in ("anna", "hands.button", "", "installers"):
        decision = answer(run, replace(acknowledge(now_ms=run.now_ms), identity=name))
        assert (decision.verdict, decision.clauses[0].rule) == (Verdict.REFUSED, "identity.unknown")
        assert row(run).latched


def test_two_in_one_cycle_end_one_latch_and_cost_one() -> None:
    run = latched()
    decisions = run.cycle(acknowledge(now_ms=run.now_ms), acknowledge(now_ms=run.now_ms)).decisions
    assert [decision.verdict for decision in decisions] == [Verdict.DONE, Verdict.REFUSED]
    assert len(run.state.acknowledged) == 1


def test_an_acknowledgement_is_no_sign_of_life_of_anybody() -> None:
    run = latched()
    answer(run)
    assert all(there.heard_ms is None for there in run.state.orchestrators)


# ---- nothing else ends a latch -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Happening:
    amps: int | None
    reset: bool
    verb: Verb | None
    target: str
    identity: str


VERBS = tuple(verb for verb in Verb if verb is not Verb.ACKNOWLEDGE)
HAPPENINGS = st.lists(
    st.builds(
        Happening,
        amps=st.sampled_from((8, 8, 8, 36, -36, None)),
        reset=st.just(False),
        verb=st.sampled_from((None, *VERBS)),
        target=st.sampled_from((NUISANCE, DANGER, "box.current", "")),
        identity=st.sampled_from(("anna", "ben", "installers.anna", "hands.button", "")),
    ),
    min_size=1,
    max_size=40,
)
BUTTON = replace(IDENTITIES[0], name="hands.button", role=LOCAL)
FULL = replace(HOUSE, identities=(*IDENTITIES, BUTTON))


def live(run: Run, what: Happening, *more: Request) -> None:
    values = dict(CALM) if what.amps is not None else {"panel.reset": 0, "panel.key": 0}
    run.keep = values | ({} if what.amps is None else {"meter.current": what.amps * 1_000})
    said = () if what.verb is None else (ask(what.verb, what.identity, 0, run.now_ms, target=what.target),)
    run.cycle(*said, *more)


@given(HAPPENINGS)
def test_no_request_of_the_network_ends_any_latch(course: list[Happening]) -> None:
    run = Run(FULL)
    was = [False, False]
    for what in course:
        live(run, what)
        now = [trip.latched for trip in run.state.trips]
        assert all(after >= before for before, after in zip(was, now, strict=True))
        was = now


@given(HAPPENINGS, st.lists(st.sampled_from((NUISANCE, DANGER, "")), min_size=40, max_size=40))
def test_no_acknowledgement_ends_a_danger_latch_nor_more_than_two_latches_a_day(
    course: list[Happening], targets: list[str]
) -> None:
    run = Run(FULL)
    danger, ended = False, 0
    for what, target in zip(course, targets, strict=False):
        before = row(run)
        live(run, what, *([acknowledge(target, run.now_ms)] if target else []))
        ended += before.latched and not row(run).latched
        assert row(run, DANGER).latched >= danger
        danger = row(run, DANGER).latched
        assert not (before.latched and not row(run).latched and before.answer is not NO)
    assert ended == len(run.state.acknowledged) <= ACKNOWLEDGED_MAX
