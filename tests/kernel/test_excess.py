"""A car that takes more than it is offered leaves that much less for its circuits (H27): its offer comes down until the
fuse bears it, is throttled and not stopped, and does not go up and down. Whoever keeps to his offer is never accused.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_toys import START_MS, good, idle, replace

from supervisor.kernel import heat
from supervisor.kernel.excess import FORGET_MS, NONE, Excess, look
from supervisor.kernel.headroom import headroom
from supervisor.kernel.heat import Curve
from supervisor.kernel.mains import Circuit, Feed, Phase, Watched
from supervisor.kernel.sight import Sight
from supervisor.kernel.signal import MISSING, Reading, Source

ACTS_MS = 8_000
FAR_MS = 10_000_000


# ---- one feed, told and read ----------------------------------------------------------------------------------------
class Feeding:
    """A feed that is told and read by hand; long before, it was told ``told`` and kept to it."""

    def __init__(self, told: int = 16_000) -> None:
        self.told, self.changed_ms, self.now_ms = told, 0, FAR_MS
        self.shown = [(told, FAR_MS)]
        self.at = look(NONE, told, 0, ACTS_MS, self.shown)

    def tell(self, told: int) -> Feeding:
        self.told, self.changed_ms = told, self.now_ms
        self.at = look(self.at, told, self.now_ms, ACTS_MS, self.shown)
        return self

    def read(self, *drawn: int | None, every_ms: int = 1_000) -> int:
        """Readings, each after so long; what is reckoned then."""
        for value in drawn:
            self.now_ms += every_ms
            self.shown = [] if value is None else [(value, self.now_ms)]
            self.at = look(self.at, self.told, self.changed_ms, ACTS_MS, self.shown)
            assert look(self.at, self.told, self.changed_ms, ACTS_MS, self.shown) == self.at, "looked at twice"
        return self.at.amount


def test_who_draws_more_than_he_was_told_is_found_after_his_time_to_follow_and_no_sooner() -> None:
    feed = Feeding()
    assert feed.read(*[17_600] * 8) == 0
    assert feed.read(17_600) == 1_600


@pytest.mark.parametrize(("told", "drawn"), [(16_000, 16_500), (6_000, 6_500), (32_000, 32_640), (63_000, 64_260)])
def test_what_a_meter_may_be_off_is_no_excess(told: int, drawn: int) -> None:
    feed = Feeding(told)
    assert feed.read(*[drawn] * 100) == 0
    assert feed.read(*[drawn + 1] * 9) == drawn + 1 - told


def test_a_rush_that_is_over_before_the_time_to_follow_is_none() -> None:
    feed = Feeding()
    for _ in range(20):
        assert feed.read(*[25_000] * 8, 16_000) == 0


def test_one_odd_reading_does_not_say_how_much() -> None:
    feed = Feeding()
    feed.read(*[17_600] * 10)
    assert feed.read(31_000, 17_600, 31_000, 17_600) == 1_600
    assert feed.read(31_000, 31_000) == 15_000


def test_a_reading_within_the_offer_begins_the_time_again() -> None:
    feed = Feeding()
    assert feed.read(*[17_600] * 8, 16_000, *[17_600] * 8) == 0
    assert feed.read(17_600) == 1_600


def test_a_current_that_is_not_known_accuses_nobody_and_acquits_nobody() -> None:
    feed = Feeding()
    assert feed.read(*[17_600] * 8, None, *[17_600] * 8) == 0
    assert feed.read(17_600) == 1_600
    assert feed.read(*[None] * 2_000) == 1_600
    assert feed.read(14_000) == 0  # long after, he shows that he keeps to it


def test_whoever_is_told_less_has_his_time_to_come_down_and_then_no_more() -> None:
    feed = Feeding()
    feed.read(16_000)
    feed.tell(10_000)
    assert feed.read(*[16_000] * 8, 10_000, *[10_000] * 30) == 0
    feed.tell(6_000)
    assert feed.read(*[10_000] * 16) == 0
    assert feed.read(10_000, 10_000) == 4_000


def test_many_steps_down_and_up_again_do_not_hide_what_he_draws_beyond_all_of_them() -> None:
    feed = Feeding(15_000)
    for _ in range(20):
        feed.tell(14_000).read(16_600)
        feed.tell(15_000).read(16_600)
    assert feed.at.amount == 1_600


def test_a_fast_way_down_accuses_nobody_and_is_remembered_within_bounds() -> None:
    feed = Feeding(16_000)
    for told in range(15_900, 6_000, -100):  # each second a little less, and he is eight seconds late
        feed.tell(told)
        assert feed.read(min(told + 800, 16_000)) == 0
        assert len(feed.at.former) <= 4
    assert feed.read(*[6_100] * 40) == 0
    assert feed.read(*[8_000] * 10) == 1_900


def test_what_was_told_long_ago_is_no_excuse_and_is_not_remembered() -> None:
    feed = Feeding(16_000)
    for told in range(15_000, 5_000, -1_000):
        feed.tell(told)
        assert len(feed.at.former) == 1
        assert feed.read(*[told] * 60) == 0


def test_what_draws_while_it_is_told_nothing_says_nothing_of_its_offers() -> None:
    feed = Feeding()
    feed.tell(0)
    assert feed.read(*[16_000] * 100) == 0


def test_what_charges_when_we_come_is_not_accused_before_it_had_time_to_hear_us() -> None:
    at = NONE
    for now_ms in range(0, 9_000, 1_000):
        at = look(at, None, 0, ACTS_MS, [(16_000, now_ms)])
    for now_ms in range(9_000, 17_000, 1_000):
        at = look(at, 6_000, 9_000, ACTS_MS, [(16_000, now_ms)])
        assert not at.amount
    assert at.since_ms is None


def test_the_most_is_reckoned_until_nothing_like_it_was_seen_for_a_quarter_of_an_hour() -> None:
    feed = Feeding()
    feed.read(*[17_600] * 10)
    feed.tell(14_000)
    assert feed.read(*[15_400] * 2_000) == 1_600  # still a tenth
    assert feed.read(*[14_000] * (FORGET_MS // 1_000 - 1)) == 1_600
    assert feed.read(14_000) == 0


def test_less_than_it_was_is_reckoned_as_less_a_quarter_of_an_hour_later() -> None:
    feed = Feeding()
    feed.read(*[26_000] * 10)
    feed.tell(6_000)
    assert feed.read(*[7_000] * (FORGET_MS // 1_000 - 1)) == 10_000
    assert feed.read(7_000) == 1_000


def test_it_is_forgotten_too_when_it_has_stopped_him() -> None:
    feed = Feeding(6_000)
    feed.read(*[9_000] * 10)
    feed.tell(0)
    assert feed.read(*[0] * 800) == 3_000
    assert feed.read(*[0] * 200) == 0


@given(
    st.lists(st.tuples(st.integers(1, 12_000), st.sampled_from((6, 8, 10, 13, 16))), min_size=1, max_size=25),
    st.randoms(use_true_random=False),
)
def test_a_car_that_follows_in_its_time_is_never_accused(course: list[tuple[int, int]], dice: random.Random) -> None:
    """Its reaction, the age of its readings and the error of its meter are whatever they may be."""
    told, changed_ms, orders, at, read_ms = 16_000, 0, [(0, 16_000)], NONE, 0
    drawn, now_ms = 16_000, 0
    lag_ms = dice.randrange(0, ACTS_MS)
    shown = (drawn, 0)
    for wait_ms, amps in course:
        for _ in range(0, wait_ms, 250):
            now_ms += 250
            drawn = [most for at_ms, most in orders if now_ms - at_ms >= lag_ms or at_ms == 0][-1]
            if now_ms - read_ms >= dice.choice((250, 1_000, 2_000)):
                read_ms, shown = now_ms, (drawn + dice.randrange(-500, 501), now_ms - dice.randrange(0, 250))
            at = look(at, told, changed_ms, ACTS_MS, [shown])
            assert not at.amount
        told, changed_ms = amps * 1_000, now_ms
        orders.append((now_ms, told))


# ---- what is left ---------------------------------------------------------------------------------------------------
OWN = tuple(Source(n, 2_000) for n in range(3, 9))
PHASES = tuple(Phase(Source(n, 2_000), None) for n in range(3))
FEEDS = (Feed(0, OWN[:3]), Feed(1, OWN[3:], absent=(2,)))
CURVE = Curve("circuits.house.curve", "it melts", ((1_250, 3_600_000), (1_600, 60_000)))
HOUSE = Circuit("circuits.house", "the fuse of the house", 35_000, 2_000, 6_000, PHASES, FEEDS, 20_000, curve=CURVE)
GARAGE = Circuit("circuits.garage", "its breaker", 20_000, 1_000, 0, (), FEEDS, unmeasured=1_000, curve=CURVE)

amounts = st.tuples(*[st.integers(0, 20_000)] * 2)
currents = st.one_of(st.integers(-20_000, 40_000).map(good), st.just(MISSING))
stages = st.sampled_from((heat.COOL, heat.WARM, heat.HOT))


def with_excess(watched: Watched, more: tuple[int, ...]) -> Watched:
    return replace(watched, excesses=tuple(Excess(amount=amount) for amount in more))


@given(
    st.sampled_from((HOUSE, GARAGE)),
    st.tuples(*[currents] * 9),
    st.tuples(*[st.sampled_from((None, 0, 6_000, 16_000))] * 2),
    st.tuples(*[stages] * 3),
    st.booleans(),
    st.booleans(),
    st.one_of(st.none(), st.integers(-5_000, 20_000)),
    amounts,
    amounts,
)
def test_an_excess_never_gives_anybody_more(
    circuit: Circuit, image: tuple[Reading, ...], told: tuple[int | None, ...], warm: tuple[int, ...], trusted: bool,
    lies: bool, last: int | None, some: tuple[int, int], more: tuple[int, int],
) -> None:  # fmt: skip
    states = tuple(idle(output=value) for value in told)
    watched = Watched(
        tuple(heat.Heat(0, None, 0, START_MS, stage, None) for stage in warm),
        tuple(Sight(True, START_MS, 0, trusted) for _ in circuit.phases),
        (7_000, 9_000) if not circuit.phases else (),
        lies,
    )
    larger = tuple(a + b for a, b in zip(some, more, strict=True))
    for feed in FEEDS:
        without, little, much = (
            headroom(circuit, feed, image, states, last, START_MS, about)
            for about in (watched, with_excess(watched, some), with_excess(watched, larger))
        )
        assert much.most <= little.most <= without.most
        for room, above in ((little, without), (much, little)):
            if room.last is not None and above.last is not None:
                assert room.last <= above.last


CALM = tuple(good(0) for _ in range(9))


@pytest.mark.parametrize("circuit", [HOUSE, GARAGE], ids=["metered", "unmetered"])
def test_what_one_takes_beyond_his_offer_is_kept_from_the_others_while_he_does_not_take_it_yet(
    circuit: Circuit,
) -> None:
    told = (idle(output=10_000), idle(output=0))
    left = headroom(circuit, FEEDS[1], CALM, told, None, START_MS).most
    assert headroom(circuit, FEEDS[1], CALM, told, None, START_MS, with_excess(Watched(), (1_500, 0))).most == (
        left - 1_500
    )
    nothing = (idle(output=0), idle(output=0))
    free = headroom(circuit, FEEDS[1], CALM, nothing, None, START_MS).most
    assert headroom(circuit, FEEDS[1], CALM, nothing, None, START_MS, with_excess(Watched(), (1_500, 0))).most == free


def test_what_he_takes_already_is_not_counted_twice() -> None:
    drawn = (*[good(11_500)] * 3, *[good(11_500)] * 3, *[good(0)] * 3)
    told, watched = (idle(output=10_000), idle(output=0)), with_excess(Watched(), (1_500, 0))
    even = replace(HOUSE, asymmetry=None)
    assert headroom(even, FEEDS[1], drawn, told, None, START_MS, watched).most == 33_000 - 11_500
    assert headroom(even, FEEDS[0], drawn, told, None, START_MS, watched).most == 33_000 - 1_500
    assert headroom(HOUSE, FEEDS[0], drawn, told, None, START_MS).most == 20_000 + 11_500
    assert headroom(HOUSE, FEEDS[0], drawn, told, None, START_MS, watched).most == 20_000 + 11_500 - 1_500


def test_while_the_meter_is_silent_less_than_its_blind_value_is_left() -> None:
    watched = with_excess(Watched(), (1_500, 0))
    assert headroom(HOUSE, FEEDS[0], (MISSING,) * 9, (idle(), idle()), 20_000, START_MS, watched).most == 4_500
