"""A meter that falls silent, or lies: within its grace nobody gets more, after it the blind value is left, and trust
comes back with time and not with a word.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_mains import BOXES, SITE, Driven, box_words, meter_words, plan_of

from supervisor.kernel.event import EventKind
from supervisor.kernel.plan import Plan
from supervisor.kernel.sight import DOUBLINGS, FORGET, Sight, look, unseen, wake

TRUST_MS = 30_000


def through(course: list[tuple[bool, int]], tick_ms: int = 100) -> list[Sight]:
    """The sight at each tick of (seen, for so many ms) with a grace of 1 s."""
    at, now_ms, seen = unseen(0), 0, []
    for known, ms in course:
        for _ in range(0, ms, tick_ms):
            at = look(at, known, 1_000, TRUST_MS, now_ms)
            seen.append(at)
            now_ms += tick_ms
    return seen


def test_the_first_sight_counts_at_once() -> None:
    assert through([(False, 5_000), (True, 100)])[-1].trusted


def test_a_gap_within_the_grace_costs_nothing() -> None:
    assert all(at.trusted for at in through([(True, 1_000), (False, 1_000), (True, 1_000), (False, 900)]))


@pytest.mark.parametrize("strikes", range(1, 8))
def test_each_blindness_doubles_the_wait_up_to_sixteen_times(strikes: int) -> None:
    wait_ms = TRUST_MS * min(2 ** (strikes - 1), 2**DOUBLINGS)
    course = [(True, 1_000)]
    for strike in range(1, strikes):
        course += [(False, 1_500), (True, TRUST_MS * min(2 ** (strike - 1), 2**DOUBLINGS) + 100)]
    course += [(False, 1_500), (True, wait_ms)]
    assert not through(course)[-1].trusted
    assert through([*course, (True, 100)])[-1].trusted


def test_a_meter_that_has_been_well_for_long_is_as_good_as_new() -> None:
    course = [(True, 1_000), (False, 1_500), (True, 31_000), (False, 1_500), (True, TRUST_MS * FORGET)]
    assert through(course)[-1].strikes == 2
    assert through([*course, (True, 100)])[-1].strikes == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 900)), max_size=12))
def test_skipping_quiet_cycles_changes_nothing(course: list[tuple[bool, int]]) -> None:
    every = some = unseen(0)
    now_ms, due_ms = 0, 0
    for known, ticks in course:
        for tick in range(ticks):
            every = look(every, known, 1_000, TRUST_MS, now_ms)
            if tick == 0 or now_ms >= due_ms:
                some = look(some, known, 1_000, TRUST_MS, now_ms)
                due_ms = min((at for at in wake(some, 1_000, TRUST_MS) if at > now_ms), default=10**12)
            assert every == some
            now_ms += 200


# ---- in the house ------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan_of(tmp_path_factory.mktemp("sight"))


class Calm(Driven):
    """A house whose meter says what it is told to say, each 500 ms; box 1 wants 16 A and draws what it is told."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.go(3, 3.0)
        self.wish("box1.current", 16_000)
        self.go(40, 3.0)

    def go(self, seconds: float, base: float | None, sign: int = 1) -> None:
        for _ in range(0, int(seconds * 1000), 500):
            amps = self.output("box1.current") / 1000
            if base is not None:
                self.hear(meter_words([base + amps] * 3, sign))
            self.hear({"pv.power": 0} | {k: v for b in BOXES for k, v in box_words(b, amps * (b == "box1")).items()})
            self.cycle()
            self.now_ms += 500


def test_during_the_grace_nobody_gets_more_and_nobody_is_cut(plan: Plan) -> None:
    house = Calm(plan)
    house.go(5, 24.0)
    assert house.output("box1.current") == 9_000
    house.go(2.5, None)
    assert house.hi("box1.current") == (9_000, "circuits.house")
    assert house.hi("box2.current")[0] == 6_000 or house.hi("box2.current")[0] == 0


def test_after_the_grace_the_blind_value_is_left_and_never_more_than_was_proven(plan: Plan) -> None:
    house = Calm(plan)
    house.go(5, None)
    assert house.hi("box1.current") == (6_000, "circuits.house")
    assert house.output("box1.current") == 6_000
    full = Calm(plan)
    full.go(3, 29.0)
    full.go(5, None)
    assert full.hi("box1.current") == (4_000, "circuits.house")


def test_what_comes_back_is_not_given_at_the_first_word_but_may_lower(plan: Plan) -> None:
    house = Calm(plan)
    house.go(5, None)
    house.go(25, 3.0)
    assert house.hi("box1.current") == (6_000, "circuits.house")
    house.go(2, 30.0)
    assert house.hi("box1.current") == (3_000, "circuits.house")
    house.go(20, 3.0)
    assert house.hi("box1.current") == (16_000, "rating")


def test_losing_and_trusting_a_meter_is_told(plan: Plan) -> None:
    house = Calm(plan)
    house.go(5, None)
    house.go(40, 3.0)
    told = [(e.kind, e.text) for e in house.events if e.subject == "circuits.house"]
    assert told[-2:] == [
        (
            EventKind.TRIP,
            "its meter says nothing, so it counts as full: the service fuse of the house is 35 A on each phase",
        ),
        (EventKind.CLEARED, "its meter is trusted"),
    ]


def test_a_liar_is_not_asked_even_where_it_would_say_less(plan: Plan) -> None:
    """It shows export for import, and import when the sun comes: neither its room nor its fullness means anything."""
    house = Calm(plan)
    house.go(20, 20.0, sign=-1)
    assert house.hi("box1.current") == (6_000, "circuits.house.sign")
    house.go(5, -60.0, sign=-1)
    assert house.hi("box1.current") == (6_000, "circuits.house.sign")


def test_a_wrong_sign_still_makes_the_fuse_hot(tmp_path: Path) -> None:
    """Without any second source, a car charges on a meter that says export; the heat stops what would be added."""
    text = SITE[: SITE.index("    check:\n")] + SITE[SITE.index("    feeds:\n      box1") :]
    house = Calm(plan_of(tmp_path, text))
    house.go(60, 45.0, sign=-1)
    assert house.state.proven.circuits[0].heats[0].stage == 2
