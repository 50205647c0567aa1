"""Ill-mannered cars in a house (H27): the offer comes down until the fuse bears it, and stays; what is told of it and
kept of it; and quiet cycles may be skipped.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_toys import ALLOWED, BOX, START_MS, Run, ask, current, good, idle, plan, replace

from supervisor.kernel.cycle import step
from supervisor.kernel.event import EventKind
from supervisor.kernel.excess import FORGET_MS, NONE
from supervisor.kernel.headroom import headroom
from supervisor.kernel.image import absorb, blank
from supervisor.kernel.lease import Request, Verb
from supervisor.kernel.mains import Circuit, Feed, Phase
from supervisor.kernel.plan import Plan, Target
from supervisor.kernel.signal import MISSING, Quality, Sample, Source
from supervisor.kernel.state import State, boot

ACTS_MS = 8_000


WIDE = replace(BOX, hi=32_000, hold_ms=5_000, ramp=2_000, readback_ms=ACTS_MS)
FINE, SMALL = replace(WIDE, step=1), replace(WIDE, hi=16_000)


def outlet(box: Target = WIDE, meter: bool = True, cars: int = 1, own: bool = True) -> Plan:
    """Boxes behind one outlet of 16 A for each, without a margin."""
    names = [f"box{n}" for n in range(1, cars + 1)]
    feeds = tuple(Feed(n, (Source(n + 1, 2_000) if own else None,)) for n in range(cars))
    phases = (Phase(Source(0, 2_000), None),) if meter else ()
    return plan(
        signals=tuple(current(name) for name in ("meter", *(f"{name}.drawn" for name in names))),
        targets=tuple(replace(box, id=f"{name}.current") for name in names),
        circuits=(Circuit("circuits.outlet", "what the outlet bears", 16_000 * cars, 0, 6_000, phases, feeds),),
        permissions=tuple(replace(ALLOWED, target=n, hi=box.hi, max_ms=12 * 3_600_000) for n in range(cars)),
        cycle_ms=500,
    )


Takes = Callable[[int], float]


class Charging(Run):
    """Cars that take of each offer what ``takes`` says, two seconds after it came; each is asked to take 32 A."""

    def __init__(self, house: Plan, *takes: Takes) -> None:
        super().__init__(house)
        self.takes = takes
        self.offers = [[0] * 5 for _ in takes]
        self.flows: list[int] = []
        self.changes = 0
        self.told: list[list[int]] = [[] for _ in takes]

    def charge(self, seconds: int) -> Charging:
        names = [target.id for target in self.plan.targets]
        for _ in range(seconds * 2):
            drawn = [int(take(offers[-4])) for take, offers in zip(self.takes, self.offers, strict=True)]
            self.keep = {"meter": sum(drawn)} | {f"box{n}.drawn": value for n, value in enumerate(drawn, 1)}
            wishes = () if self.state.cycle != 2 else tuple(
                ask(value=32_000, target=name, now_ms=self.now_ms, kind="setting", duration_ms=12 * 3_600_000)
                for name in names
            )  # fmt: skip
            before = [self.output(name) or 0 for name in names]
            self.cycle(*wishes, ask(Verb.HEARTBEAT, now_ms=self.now_ms))
            after = [self.output(name) or 0 for name in names]
            self.changes += before != after
            for offers, told, value in zip(self.offers, self.told, after, strict=True):
                offers.append(value)
                told.append(value)
            self.flows.append(sum(drawn))
        return self

    def forget(self) -> Charging:
        self.flows, self.changes, self.told = [], 0, [[] for _ in self.takes]
        return self


def more_by(share: float) -> Takes:
    return lambda offer: offer * (1 + share)


def more_than(amps: int) -> Takes:
    return lambda offer: offer + amps if offer else 0


ILL = {f"{percent} %": more_by(percent / 100) for percent in (4, 10, 20, 35, 60)}
ILL |= {f"{amps} A": more_than(1_000 * amps) for amps in (1, 2, 5, 9)}
PLACES = {"metered": outlet(), "unmetered": outlet(meter=False), "without steps": outlet(FINE)}


@pytest.mark.parametrize("house", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("takes", ILL.values(), ids=ILL)
def test_the_offer_comes_down_until_the_outlet_bears_it_and_stays_there(takes: Takes, house: Plan) -> None:
    run = Charging(house, takes).charge(60)
    assert max(run.flows) > 16_500, "it has never been too much"
    run.forget().charge(FORGET_MS // 1_000 + 200)
    assert max(run.flows) <= 16_000, "more than the outlet bears"
    assert min(run.told[0]) >= 6_000, "it is throttled and not stopped"
    assert run.changes == 0, "it goes up and down"
    assert min(run.flows) > 9_000


def test_a_car_that_keeps_to_its_offer_keeps_all_of_it() -> None:
    run = Charging(outlet(), more_by(0)).charge(60).forget().charge(900)
    assert set(run.told[0]) == {16_000}


def test_the_car_after_it_gets_all_again_a_quarter_of_an_hour_later() -> None:
    run = Charging(outlet(), more_by(0.1)).charge(60)
    assert run.told[0][-1] == 14_000
    run.takes = (more_by(0),)
    run.charge(FORGET_MS // 1_000 - 60)
    assert run.told[0][-1] == 14_000
    assert run.charge(90).told[0][-1] == 16_000
    assert run.flows[-1] == 16_000


def test_whoever_takes_more_than_can_be_throttled_is_stopped_and_tried_again_four_times_an_hour() -> None:
    run = Charging(outlet(), more_than(14_000)).charge(3_600)
    starts = sum(a == 0 < b for a, b in zip(run.told[0], run.told[0][1:], strict=False))
    assert 2 <= starts <= 4
    assert sum(flow > 16_000 for flow in run.flows) <= 2 * 25 * starts  # half seconds


@pytest.mark.parametrize("meter", [True, False], ids=["metered", "unmetered"])
@pytest.mark.parametrize("takes", [more_by(0.1), more_than(2_000)], ids=["10 %", "2 A"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_of_two_cars_on_one_fuse_one_ill_mannered_both_charge_and_neither_hunts(
    takes: Takes, meter: bool, first: bool
) -> None:
    cars = (takes, more_by(0)) if first else (more_by(0), takes)
    run = Charging(outlet(SMALL, meter, cars=2), *cars).charge(120).forget().charge(1_000)
    assert max(run.flows) <= 32_000
    assert all(min(told) >= 10_000 for told in run.told)
    assert run.changes <= 2


def test_where_nobody_measures_a_feed_all_that_the_meter_shows_is_taken_from_it_as_before() -> None:
    readings = (good(17_600), MISSING)
    for readable in (True, False):
        (circuit,) = outlet(own=readable).circuits
        assert headroom(circuit, circuit.feeds[0], readings, (idle(output=16_000),), None, START_MS).most == -1_600


def test_a_box_that_is_only_watched_was_told_nothing_and_is_not_accused() -> None:
    run = Charging(outlet(replace(WIDE, observe=True)), lambda _offer: 24_000).charge(120)
    assert run.state.proven.circuits[0].excesses == (NONE,)


def test_who_begins_and_ends_it_is_told() -> None:
    run = Charging(outlet(), more_by(0.1)).charge(60)
    run.takes = (more_by(0),)
    run.charge(1_000)
    told = [(event.kind, event.text) for event in run.events if event.subject == "circuits.outlet.excess"]
    begun = "box1.current draws 1.6 A more than it was told, so that much less is left for it: what the outlet bears"
    assert told == [
        (EventKind.TRIP, begun),
        (EventKind.CLEARED, "box1.current no longer draws more than it was told"),
    ]


def test_it_is_remembered_in_what_a_state_is_written_as() -> None:
    run = Charging(outlet(), more_by(0.1))
    for seconds in (33, 7, 60):  # before it is sure, and after
        run.charge(seconds)
        assert msgspec.json.decode(msgspec.json.encode(run.state), type=State) == run.state
    assert run.state.proven.circuits[0].excesses[0].amount == 1_600


happenings = st.tuples(
    st.sampled_from((1_000, 1_500, 3_000, 9_000)),  # how long it stays so
    st.sampled_from((0, 6_600, 9_000, 16_400, 17_600, 30_000)),
    st.sampled_from(("drawn", "drawn", "both", "doubt", "wish")),
    st.sampled_from((0, 6_000, 10_000, 32_000)),
)


@given(st.lists(happenings, min_size=5, max_size=40))
def test_quiet_cycles_may_be_skipped(course: list[tuple[int, int, str, int]]) -> None:
    house = outlet(replace(WIDE, readback_ms=3_000))
    every = some = boot(house, START_MS)
    image, now_ms, wake_ms = blank(house.signals), START_MS, START_MS
    for wait_ms, value, what, wished in (*course, (20_000, 0, "both", 0)):
        inbox: tuple[Request, ...] = ()
        samples: list[Sample] = []
        if what == "wish":
            inbox = (ask(value=wished, target="box1.current", now_ms=now_ms, kind="setting", duration_ms=3_000_000),)
        else:
            quality = Quality.SUSPECT if what == "doubt" else Quality.GOOD
            samples = [Sample(n, value, now_ms, quality) for n in ((0, 1) if what == "both" else (1,))]
        image = absorb(house.signals, image, samples, now_ms)
        for _ in range(0, wait_ms, house.cycle_ms):
            full = step(house, every, image, inbox, now_ms)
            every = full.state
            if inbox or samples or now_ms >= wake_ms:
                last = step(house, some, image, inbox, now_ms)
                some, wake_ms = last.state, last.wake_ms
                assert last.events == full.events
            else:
                assert full.events == ()
            assert last.outputs == full.outputs
            inbox, samples = (), []
            now_ms += house.cycle_ms
    assert replace(some, now_ms=0, cycle=0) == replace(every, now_ms=0, cycle=0)
