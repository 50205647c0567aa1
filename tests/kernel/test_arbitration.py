"""Arbitration: each voice only narrows, the envelope names who binds, and no two chargers share one gap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_toys import (
    ALLOWED,
    BOX,
    CONTACTOR,
    NORMAL,
    START_MS,
    Run,
    ask,
    coil,
    contact,
    current,
    good,
    idle,
    plan,
    replace,
    rule,
)  # fmt: skip

from supervisor.kernel.arbitration import envelopes
from supervisor.kernel.headroom import headroom, measured
from supervisor.kernel.machine import Machine
from supervisor.kernel.mains import Circuit, Feed, Phase
from supervisor.kernel.plan import MODES, Cap, ModeRule, Plan
from supervisor.kernel.question import NO, UNKNOWN, YES, Answer
from supervisor.kernel.signal import MISSING, Quality, Reading, Signal, Source, Unit
from supervisor.kernel.span import Span
from supervisor.kernel.state import Proven, boot
from supervisor.kernel.trip import Narrowing, Trip

FLOW, POWER, OWN, OTHER = range(4)
SIGNALS = (
    current("meter.current"),
    Signal("meter.power", Unit.POWER, 2_000, -(10**9), 10**9),
    current("box.drawn"),
    current("other.drawn"),
)
PHASE = Phase(Source(FLOW, 2_000), Source(POWER, 2_000))
FEED, RIVAL = Feed(0, (Source(OWN, 2_000),)), Feed(1, (Source(OTHER, 2_000),))
CIRCUIT = Circuit("circuits.house", "the fuse", 35_000, 2_000, 6_000, (PHASE,), (FEED, RIVAL))
TARGETS = (BOX, replace(BOX, id="other.current"))
HOUSE = plan(signals=SIGNALS, targets=TARGETS, circuits=(CIRCUIT,))
NOBODY = (idle(), idle())


def seen(flow: int, power: int = 1, own: int = 0, other: int = 0) -> tuple[Reading, ...]:
    return tuple(map(good, (flow, power, own, other)))


def room(image: tuple[Reading, ...], promised: int = 0, now_ms: int = START_MS, circuit: Circuit = CIRCUIT) -> int:
    return headroom(circuit, FEED, image, (idle(), idle(output=promised)), None, now_ms).most


def fresh(house: Plan) -> Proven:
    """Nothing has been proven yet."""
    return boot(house, 0).proven


def spans(house: Plan, image: tuple[Reading, ...] = (), mode: int = NORMAL, **trip: Answer) -> list[Span]:
    """The envelopes with every rule acting for this cause."""
    cause = trip.get("cause", NO)
    trips = tuple(Trip(0, cause, 0, cause, 0, False) for _ in house.rules)
    told = tuple(idle(target) for target in house.targets)
    return envelopes(house, image, trips, told, fresh(house), (), mode, START_MS)[0]


# ---- circuits ----------------------------------------------------------------------------------------------------
def test_headroom_is_the_fuse_less_its_margin_less_what_flows_without_the_feed_itself() -> None:
    assert room(seen(20_000)) == 35_000 - 2_000 - 20_000
    assert room(seen(20_000, own=8_000)) == 35_000 - 2_000 - 12_000
    assert room(seen(40_000)) == -7_000


def test_export_makes_room_and_import_does_not() -> None:
    assert room(seen(20_000, power=-1)) == 35_000 - 2_000 + 20_000
    assert room(seen(20_000, power=0)) == 35_000 - 2_000 - 20_000


def test_a_direction_that_is_not_known_is_a_current_that_is_not_known() -> None:
    assert measured(PHASE, (good(20_000), MISSING), START_MS) is None
    assert measured(PHASE, (MISSING, good(1)), START_MS) is None
    assert measured(replace(PHASE, power=None), (good(20_000),), START_MS) == 20_000


def test_what_another_feed_was_promised_and_does_not_draw_yet_counts_as_drawn() -> None:
    assert room(seen(20_000), promised=10_000) == 13_000 - 10_000
    assert room(seen(24_000, other=4_000), promised=10_000) == 9_000 - 6_000
    assert room(seen(30_000, other=12_000), promised=10_000) == 3_000  # it draws more than promised: measured anyway
    unseen = (*seen(20_000)[:OTHER], MISSING)
    assert room(unseen, promised=10_000) == 3_000


def test_a_feed_that_is_not_on_a_phase_draws_nothing_there() -> None:
    elsewhere = replace(CIRCUIT, feeds=(Feed(0, (None,)), RIVAL))
    assert headroom(elsewhere, elsewhere.feeds[0], seen(20_000, own=8_000), NOBODY, None, START_MS).most == 13_000


@pytest.mark.parametrize("quality", [q for q in Quality if q is not Quality.GOOD])
@pytest.mark.parametrize("signal", [FLOW, POWER])
def test_a_blind_circuit_leaves_what_was_declared_for_that(quality: Quality, signal: int) -> None:
    image = list(seen(0))
    image[signal] = Reading(0, START_MS, quality)
    assert room(tuple(image)) == CIRCUIT.blind


def test_a_meter_is_believed_up_to_exactly_its_maximum_age() -> None:
    assert room(seen(20_000), now_ms=START_MS + 2_000) == 13_000
    assert room(seen(20_000), now_ms=START_MS + 2_001) == CIRCUIT.blind


def test_one_blind_phase_makes_the_circuit_blind_and_the_fullest_phase_binds() -> None:
    three = replace(CIRCUIT, phases=(PHASE, replace(PHASE, power=None), PHASE), feeds=(Feed(0, (None, None, None)),))
    dark = Phase(Source(OTHER, 2_000), None)
    image = (*seen(30_000)[:OTHER], MISSING)
    assert headroom(three, three.feeds[0], image, (idle(),), None, START_MS).most == 3_000
    assert (
        headroom(replace(three, phases=(PHASE, PHASE, dark)), three.feeds[0], image, (idle(),), None, START_MS).most
        == 3_000
    )
    calm = (*seen(1_000)[:OTHER], MISSING)
    assert (
        headroom(replace(three, phases=(PHASE, PHASE, dark)), three.feeds[0], calm, (idle(),), None, START_MS).most
        == 6_000
    )


def test_losing_the_meter_never_leaves_more_than_was_proven_last() -> None:
    told = tuple(idle(target) for target in HOUSE.targets)
    _, proven = envelopes(HOUSE, seen(33_000), (), told, fresh(HOUSE), (), NORMAL, START_MS)
    spans_blind, kept = envelopes(HOUSE, seen(33_000), (), told, proven, (), NORMAL, START_MS + 60_000)
    assert spans_blind[0].hi == 0, "the fuse was full when the meter was last heard; the declared 6 A are not there"
    assert kept.rooms == proven.rooms


def test_an_overloaded_circuit_leaves_zero_and_not_less() -> None:
    span = spans(HOUSE, seen(60_000))[0]
    assert (span.lo, span.hi, span.hi_by, span.empty_by) == (0, 0, "circuits.house", "")


@pytest.mark.parametrize("ramp", [None, 2_000])
@given(flow=st.integers(0, 40_000), wishes=st.tuples(st.integers(6_000, 16_000), st.integers(6_000, 16_000)))
def test_two_chargers_never_share_one_gap(ramp: int | None, flow: int, wishes: tuple[int, int]) -> None:
    """Both are asked for in one cycle, and neither draws before the end."""
    targets = tuple(replace(target, ramp=ramp, hold_ms=0) for target in TARGETS)
    run = Run(replace(HOUSE, targets=targets, permissions=(ALLOWED, replace(ALLOWED, target=1))))
    run.keep = {"meter.current": flow, "meter.power": 1, "box.drawn": 0, "other.drawn": 0}
    run.go(200)
    names = ("box.current", "other.current")
    run.cycle(*(ask(value=wish, target=name, now_ms=run.now_ms) for wish, name in zip(wishes, names, strict=True)))
    for _ in range(20):
        told = [run.output(name) or 0 for name in names]
        assert sum(told) <= max(33_000 - flow, 0)
        before = told
        run.now_ms += 950
        run.cycle()
        assert all(now >= was for now, was in zip([run.output(name) or 0 for name in names], before, strict=True))


# ---- what a device tells, and the mode ---------------------------------------------------------------------------
CAP = Cap("caps.dcl", "what the battery gives", 0, Source(FLOW, 2_000), 2_000)


@pytest.mark.parametrize(
    ("reading", "hi"),
    [
        (good(8_000), 8_000),
        (good(50_000), 16_000),
        (good(8_000, START_MS - 2_000), 8_000),
        (good(8_000, START_MS - 2_001), 2_000),
        (Reading(8_000, START_MS, Quality.SUSPECT), 2_000),
        (MISSING, 2_000),
    ],
)
def test_a_limit_that_a_device_tells_binds_while_it_is_known_and_its_blind_value_otherwise(
    reading: Reading, hi: int
) -> None:
    span = spans(plan(signals=SIGNALS, caps=(CAP,)), (reading, *seen(0)[1:]))[0]
    assert span.hi == hi
    assert span.hi_by == ("rating" if hi == 16_000 else "caps.dcl")


@pytest.mark.parametrize("mode", range(len(MODES)))
def test_a_mode_rule_binds_in_its_modes_only(mode: int) -> None:
    careful = ModeRule(
        "house_modes.careful", "", frozenset({MODES.index("degraded"), MODES.index("fault")}), 0, None, 6_000
    )
    span = spans(plan(mode_rules=(careful,)), mode=mode)[0]
    assert (span.hi, span.hi_by) == (
        (6_000, careful.id) if MODES[mode] in ("degraded", "fault") else (16_000, "rating")
    )


def test_the_envelope_names_the_rule_that_binds() -> None:
    rules = (rule(), rule(id="limits.soft", actions=(Narrowing(0, None, 9_000),)))
    house = plan(signals=SIGNALS, rules=rules[1:], caps=(CAP,), circuits=(replace(CIRCUIT, feeds=(FEED,)),))
    for flow, cap_hi, by in ((0, 16_000, "limits.soft"), (26_000, 16_000, "circuits.house"), (0, 7_000, "caps.dcl")):
        about = replace(house, caps=(replace(CAP, source=Source(OTHER, 2_000)),))
        assert spans(about, seen(flow, other=cap_hi), cause=YES)[0].hi_by == by
    assert spans(replace(house, rules=rules), seen(0, other=9), cause=YES)[0].hi_by == "limits.fuse"


def test_a_row_that_does_not_act_narrows_nothing() -> None:
    assert spans(plan(signals=SIGNALS, rules=(rule(),)), seen(0)) == [Span(0, 16_000, "rating", "rating")]


# ---- not knowing and contactors ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "output", "cause", "hi"),
    [
        ("closed", 1, UNKNOWN, 1),
        ("closing", 1, UNKNOWN, 1),
        ("open", 0, UNKNOWN, 0),
        ("looking", None, UNKNOWN, 1),  # it may well be closed; once it is shown open, it is told 0 and stays so
        ("closed", 1, YES, 0),
        ("open", 0, YES, 0),
    ],
)
def test_not_knowing_inhibits_closing_and_never_opens_a_contactor(
    state: str, output: int | None, cause: Answer, hi: int
) -> None:
    stop = (Narrowing(0, 0, 0),)
    house = plan(
        signals=(contact("relay.contact"),), targets=(coil(0),), rules=(rule(actions=stop, unknown_actions=stop),)
    )
    told = idle(house.targets[0], output=output, machine=Machine(CONTACTOR.state(state), 0))
    trips = (Trip(0, cause, 0, cause, 0, False),)
    (span,) = envelopes(house, (good(0),), trips, (told,), fresh(house), (), NORMAL, START_MS)[0]
    assert span.hi == hi


def test_not_knowing_does_lower_what_flows() -> None:
    assert spans(plan(signals=SIGNALS, rules=(rule(),)), seen(0), cause=UNKNOWN)[0].hi == 6_000
