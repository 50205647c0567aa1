"""Circuits as a tree: every fuse above a feed may only lower what it gets; without a meter, promises count as drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_mains import BOXES, SITE, Driven, box_words, meter_words, plan_of
from kernel_toys import ALLOWED, BOX, START_MS, Run, ask, current, good, idle, plan, replace

from supervisor.kernel.arbitration import envelopes
from supervisor.kernel.mains import Circuit, Feed, Phase
from supervisor.kernel.plan import Plan
from supervisor.kernel.signal import MISSING, Reading, Source
from supervisor.kernel.span import Span
from supervisor.kernel.state import boot

SOURCES = [Source(n, 2_000) for n in range(4)]
METER = Phase(SOURCES[0], None)
FEEDS = tuple(Feed(n, (SOURCES[n + 1],)) for n in range(3))
HOUSE = Circuit("circuits.house", "the fuse of the house", 35_000, 0, 6_000, (METER,), FEEDS)
GARAGE = Circuit("circuits.garage", "its breaker", 20_000, 1_000, 0, (), FEEDS[1:], parent=0, unmeasured=3_000)
TREE = plan(
    signals=tuple(current(name) for name in ("meter.current", "a.drawn", "b.drawn", "c.drawn")),
    targets=tuple(replace(BOX, id=name, hold_ms=0, ramp=None) for name in ("a.current", "b.current", "c.current")),
    circuits=(HOUSE, GARAGE),
    permissions=tuple(replace(ALLOWED, target=n) for n in range(3)),
)


def spans(readings: tuple[Reading, ...], *told: int, house: Plan = TREE) -> list[Span]:
    states = tuple(idle(target, output=value) for target, value in zip(house.targets, told, strict=True))
    return envelopes(house, readings, (), states, boot(house, START_MS).proven, (), 2, START_MS)[0]


def test_the_garage_lowers_what_the_house_would_leave() -> None:
    calm = (good(0), good(0), good(0), good(0))
    assert [(span.hi, span.hi_by) for span in spans(calm, 0, 0, 0)] == [(16_000, "rating")] * 3
    assert [(span.hi, span.hi_by) for span in spans(calm, 0, 10_000, 0)] == [
        (16_000, "rating"),
        (16_000, "rating"),
        (20_000 - 1_000 - 3_000 - 10_000, "circuits.garage"),
    ]


def test_the_house_lowers_what_the_garage_would_leave() -> None:
    full = (good(30_000), good(0), good(0), good(0))
    assert [(span.hi, span.hi_by) for span in spans(full, 0, 0, 0)] == [(5_000, "circuits.house")] * 3


def test_without_a_meter_what_a_feed_draws_counts_where_it_is_more_than_it_was_promised() -> None:
    late = (good(9_000), good(0), good(9_000), good(0))  # told 0 just now, and the car has not followed yet
    assert spans(late, 0, 0, 0)[2].hi == 16_000 - 9_000


def test_a_feed_that_nobody_measures_counts_as_what_it_was_promised() -> None:
    blunt = replace(GARAGE, feeds=(Feed(1, (None,)), Feed(2, (None,))))
    house = replace(TREE, circuits=(HOUSE, blunt))
    assert spans((good(0),) * 4, 0, 7_000, 0, house=house)[2].hi == 16_000 - 7_000


def test_a_feed_that_has_never_been_heard_may_be_drawing_all_that_it_can() -> None:
    assert spans((good(0), good(0), MISSING, good(0)), 0, 0, 0)[2].hi == 0


def test_a_feed_that_falls_silent_counts_as_the_most_that_it_was_told_or_drew_since() -> None:
    run = Run(TREE)
    run.keep = {"meter.current": 0, "a.drawn": 0, "b.drawn": 8_000, "c.drawn": 0}
    run.go(200)
    run.cycle(ask(value=8_000, target="b.current", now_ms=run.now_ms))
    del run.keep["b.drawn"]
    run.go(4_000)
    run.cycle(ask(value=0, target="b.current", now_ms=run.now_ms))  # it may never have heard that
    run.go(1_000)
    assert run.output("b.current") == 0
    assert run.result is not None
    assert run.result.outputs.envelopes[2].hi == 16_000 - 8_000
    run.keep["b.drawn"] = 0
    run.go(200)
    assert run.result.outputs.envelopes[2].hi == 16_000


@given(st.tuples(*[st.integers(0, 40_000)] * 4), st.tuples(*[st.sampled_from((0, 6_000, 9_000, 16_000))] * 3))
def test_a_circuit_above_only_lowers(flows: tuple[int, ...], told: tuple[int, ...]) -> None:
    readings = tuple(map(good, flows))
    both, house, garage = (
        spans(readings, *told, house=replace(TREE, circuits=circuits))
        for circuits in ((HOUSE, GARAGE), (HOUSE,), (GARAGE,))
    )
    assert [span.hi for span in both] == [min(a.hi, b.hi) for a, b in zip(house, garage, strict=True)]


@given(st.permutations((16_000, 12_000, 9_000)), st.integers(0, 30_000))
def test_what_is_promised_in_one_cycle_never_exceeds_any_fuse_of_the_tree(wishes: list[int], flow: int) -> None:
    run = Run(TREE)
    run.keep = {"meter.current": flow, "a.drawn": 0, "b.drawn": 0, "c.drawn": 0}
    run.go(200)
    names = ("a.current", "b.current", "c.current")
    run.cycle(*(ask(value=wish, target=name, now_ms=run.now_ms) for wish, name in zip(wishes, names, strict=True)))
    told = [run.output(name) or 0 for name in names]
    assert sum(told) <= max(35_000 - flow, 0)
    assert told[1] + told[2] <= 16_000


# ---- loaded, and by phase -------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan_of(tmp_path_factory.mktemp("tree"))


def quiet(plan: Plan, flows: list[float], seconds: int = 40) -> Driven:
    kernel = Driven(plan)
    for _ in range(0, seconds * 1000, 500):
        kernel.hear(meter_words(flows) | {"pv.power": 0} | {k: v for b in BOXES for k, v in box_words(b, 0).items()})
        kernel.cycle()
        kernel.now_ms += 500
    return kernel


def test_a_parent_has_its_childrens_feeds(loaded: Plan) -> None:
    house, garage = loaded.circuits
    names = [[loaded.targets[feed.target].id for feed in circuit.feeds] for circuit in loaded.circuits]
    assert names == [["box1.current", "box2.current", "box3.current"], ["box2.current", "box3.current"]]
    assert (house.parent, garage.parent, garage.unmeasured) == (None, 0, 1_000)


def test_the_fullest_phase_of_all_fuses_above_binds(loaded: Plan) -> None:
    assert quiet(loaded, [3.0, 25.0, 3.0]).hi("box2.current") == (8_000, "circuits.house")
    assert quiet(loaded, [3.0, 3.0, 3.0]).hi("box2.current") == (16_000, "rating")


def test_a_single_phase_child_says_which_phase_of_its_parent_it_is_on(tmp_path: Path) -> None:
    site = SITE.replace("    within: house\n", "    within: house\n    phases: 1\n    on: [l2]\n")
    for n in (2, 3):
        site = site.replace(f"[box{n}.current_l1, box{n}.current_l2, box{n}.current_l3]", f"[box{n}.current_l1]")
    plan = plan_of(tmp_path, site)
    assert plan.circuits[0].feeds[1].absent == (0, 2)
    assert quiet(plan, [30.0, 3.0, 30.0]).hi("box2.current") == (16_000, "rating")
    assert quiet(plan, [3.0, 27.0, 3.0]).hi("box2.current") == (6_000, "circuits.house")
