"""The judge: what holds, what does not, and what is said of it; beside what holds stands the case that must not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from hil.scenario.expression import condition
from hil.scenario.judge import GAP_MS, Judge
from hil.scenario.model import Expectation, Fact, Finding, Moment

END_MS = 10_000


def expect(kind: str, text: str, window: tuple[int, int] = (0, END_MS), for_ms: int = 0) -> Expectation:
    return Expectation(kind, condition(text), *window, for_ms, "", 1)


def judged(
    expectation: Expectation,
    values: Mapping[int, Fact | None] | Sequence[tuple[int, Fact | None]],
    end_ms: int = END_MS,
) -> Finding:
    """The finding when a.x has these values at these times; None is a fact that is not there."""
    judge = Judge([expectation])
    for at_ms, value in dict(values).items():
        judge.see(Moment(at_ms, {} if value is None else {"a.x": value}))
    (finding,) = judge.end(end_ms)
    assert finding.expectation is expectation
    return finding


def every(step_ms: int, value: Fact, until_ms: int = END_MS, **at: Fact | None) -> dict[int, Fact | None]:
    """The same value at every step, and others at some times (t3000=1.0)."""
    course: dict[int, Fact | None] = dict.fromkeys(range(0, until_ms + 1, step_ms), value)
    return dict(sorted({**course, **{int(key[1:]): other for key, other in at.items()}}.items()))


class TestAlways:
    def test_holds_when_every_moment_holds_and_tells_the_nearest(self) -> None:
        found = judged(expect("always", "a.x <= 35"), every(100, 20.0, t3000=31.25))
        assert (found.held, found.at_ms) == (True, 3000)
        assert found.measured == "31.25 at its nearest, limit 35, at 3 s"

    def test_one_moment_is_enough_to_break_it(self) -> None:
        found = judged(expect("always", "a.x <= 35"), every(100, 20.0, t3050=35.5))
        assert (found.held, found.at_ms) == (False, 3050)
        assert found.measured == "35.5, limit 35, at 3.05 s"

    def test_the_limit_itself_is_inside_where_it_says_so(self) -> None:
        assert judged(expect("always", "a.x <= 35"), every(100, 35.0)).held
        assert not judged(expect("always", "a.x < 35"), every(100, 35.0)).held

    @pytest.mark.parametrize(("at_ms", "held"), [(1999, True), (2000, False), (5000, False), (5001, True)])
    def test_the_window_includes_both_its_ends_and_nothing_else(self, at_ms: int, held: bool) -> None:
        found = judged(expect("always", "a.x <= 35", (2000, 5000)), every(100, 20.0, **{f"t{at_ms}": 99.0}))
        assert found.held is held

    def test_a_condition_without_a_limit_is_told_in_words(self) -> None:
        assert judged(expect("always", "a.x"), every(1000, True)).measured == "at all of 11 moments"
        assert judged(expect("always", "a.x"), every(1000, True, t4000=False)).measured == "was not so at 4 s"

    def test_a_missing_fact_is_not_held_and_named(self) -> None:
        found = judged(expect("always", "a.x <= 35"), every(100, 20.0, t3000=None))
        assert (found.held, found.measured) == (False, "a.x was not there at 3 s")

    def test_not_a_number_is_not_held(self) -> None:
        assert not judged(expect("always", "a.x <= 35"), every(100, 20.0, t3000=float("nan"))).held

    def test_a_run_that_ended_early_is_not_held(self) -> None:
        found = judged(expect("always", "a.x <= 35"), every(100, 20.0, until_ms=6000), end_ms=6000)
        assert not found.held
        assert "ended at 6 s, before 10 s" in found.measured

    def test_a_gap_in_the_window_is_not_held(self) -> None:
        found = judged(expect("always", "a.x <= 35"), [(0, 1.0), (1000, 1.0), (1001 + GAP_MS, 1.0), (END_MS, 1.0)])
        assert (found.held, found.measured) == (False, "nobody looked between 1 s and 6.001 s")

    def test_a_gap_before_the_first_and_after_the_last_look_counts(self) -> None:
        assert not judged(expect("always", "a.x <= 35"), every(100, 1.0, until_ms=3000)).held
        late = dict.fromkeys(range(6000, END_MS + 1, 100), 1.0)
        assert not judged(expect("always", "a.x <= 35"), late).held

    def test_a_gap_outside_of_the_window_does_not_matter(self) -> None:
        late = dict.fromkeys(range(6000, END_MS + 1, 100), 1.0)
        assert judged(expect("always", "a.x <= 35", (7000, END_MS)), late).held


class TestNever:
    def test_holds_when_it_never_was_and_tells_how_near_it_came(self) -> None:
        found = judged(expect("never", "a.x > 35"), every(100, 20.0, t3000=34.0))
        assert (found.held, found.measured) == (True, "34 at its nearest, limit 35, at 3 s")

    def test_one_moment_breaks_it(self) -> None:
        found = judged(expect("never", "a.x > 35"), every(100, 20.0, t3000=36.0))
        assert (found.held, found.at_ms, found.measured) == (False, 3000, "36, limit 35, at 3 s")

    def test_not_even_at_the_limit_where_it_says_so(self) -> None:
        assert judged(expect("never", "a.x > 35"), every(100, 35.0)).held
        assert not judged(expect("never", "a.x >= 35"), every(100, 35.0)).held

    def test_two_at_once_are_found(self) -> None:
        found = judged(expect("never", "a.x[1] and a.x[2]"), every(100, [True, False], t4000=[True, True]))
        assert (found.held, found.measured) == (False, "was so at 4 s")

    def test_a_missing_fact_does_not_count_as_never(self) -> None:
        assert not judged(expect("never", "a.x > 35"), every(100, None)).held

    def test_for_allows_a_short_time_and_no_longer(self) -> None:
        brief = every(100, 20.0, **{f"t{at}": 40.0 for at in range(3000, 5001, 100)})
        found = judged(expect("never", "a.x > 35", for_ms=2000), brief)
        assert (found.held, found.measured) == (True, "40 at its nearest, limit 35, at 3 s, for 2 s at most of 2 s")
        found = judged(expect("never", "a.x > 35", for_ms=2000), {**brief, 5100: 40.0})
        assert (found.held, found.at_ms) == (False, 5100)
        assert "for 2.1 s and longer than 2 s" in found.measured

    def test_for_begins_anew_after_a_break(self) -> None:
        broken = every(100, 40.0, **{f"t{at}": 20.0 for at in range(2000, END_MS + 1, 2000)})
        assert judged(expect("never", "a.x > 35", for_ms=2000), broken).held


class TestWithin:
    def test_tells_how_long_it_took(self) -> None:
        found = judged(expect("within", "a.x >= 9", (2000, 7000)), every(100, 0.0, t3200=9.5))
        assert (found.held, found.at_ms, found.measured) == (True, 3200, "after 1.2 s of 5 s")

    def test_what_was_true_before_its_window_does_not_count(self) -> None:
        assert not judged(expect("within", "a.x >= 9", (2000, 7000)), every(100, 0.0, t1900=9.5)).held

    def test_what_comes_true_after_its_window_does_not_count(self) -> None:
        found = judged(expect("within", "a.x >= 9", (2000, 7000)), every(100, 0.0, t4000=8.5, t7100=9.5))
        assert not found.held
        assert found.measured == "not seen within 5 s of 2 s; at its nearest 8.5, limit 9, at 4 s"

    def test_the_last_moment_of_the_window_counts(self) -> None:
        assert judged(expect("within", "a.x >= 9", (2000, 7000)), every(100, 0.0, t7000=9.5)).held

    def test_it_must_stay_so_for_as_long_as_it_says(self) -> None:
        stays = every(100, 0.0, **{f"t{at}": 9.0 for at in range(3000, 5001, 100)})
        found = judged(expect("within", "a.x >= 9", (2000, 4000), 2000), stays)
        assert (found.held, found.at_ms, found.measured) == (True, 3000, "after 1 s of 2 s, and stayed for 2 s")
        found = judged(expect("within", "a.x >= 9", (2000, 4000), 2100), stays)
        assert not found.held
        assert found.measured == "seen, but only for 2 s of 2.1 s at a stretch"

    def test_after_falling_back_a_later_start_in_the_window_may_do(self) -> None:
        course = every(100, 9.0, t3000=0.0)
        assert judged(expect("within", "a.x >= 9", (2000, 4000), 2000), course).held
        assert not judged(expect("within", "a.x >= 9", (2000, 3000), 2000), course).held

    def test_a_start_after_the_window_does_not_do(self) -> None:
        course = every(100, 9.0, t4050=0.0)
        assert not judged(expect("within", "a.x >= 9", (2100, 4000), 2000), course).held

    def test_a_run_that_ended_while_it_lasted_is_not_held(self) -> None:
        found = judged(expect("within", "a.x >= 9", (2000, 4000), 3000), every(100, 9.0, until_ms=4500), end_ms=4500)
        assert (found.held, found.measured) == (False, "seen for 2.5 s of 3 s, then the run ended at 4.5 s")

    def test_a_gap_while_it_must_stay_breaks_it(self) -> None:
        course = [(0, 0.0), (2000, 9.0), (2100, 9.0), (2101 + GAP_MS, 9.0), (END_MS, 9.0)]
        assert not judged(expect("within", "a.x >= 9", (2000, 4000), 3000), course).held

    def test_a_missing_fact_is_told(self) -> None:
        found = judged(expect("within", "a.x", (2000, 4000)), every(100, None))
        assert (found.held, found.measured) == (False, "not seen within 2 s of 2 s; a.x was not there at 4 s")

    def test_a_window_in_which_nobody_looked_is_not_held_and_says_so(self) -> None:
        found = judged(expect("within", "a.x >= 9", (2000, 4000)), [(1000, 9.0), (5000, 9.0)])
        assert not found.held
        assert "nobody looked" in found.measured


class TestEventually:
    def test_one_moment_is_enough(self) -> None:
        found = judged(expect("eventually", "a.x < 100", (2000, END_MS)), every(100, 500.0, t8000=50.0))
        assert (found.held, found.at_ms, found.measured) == (True, 8000, "after 6 s of 8 s")

    def test_it_tells_the_nearest_when_it_never_was(self) -> None:
        found = judged(expect("eventually", "a.x < 100", (2000, END_MS)), every(100, 500.0, t1000=50.0, t8000=110.0))
        assert not found.held
        assert found.measured == "not seen between 2 s and 10 s; at its nearest 110, limit 100, at 8 s"

    def test_nobody_looked(self) -> None:
        found = judged(expect("eventually", "a.x < 100", (2000, END_MS)), [(0, 1.0)])
        assert (found.held, found.measured) == (False, "nobody looked at it between 2 s and 10 s")


@pytest.mark.parametrize("kind", ["always", "never", "within", "eventually"])
def test_a_window_between_two_looks_is_not_held(kind: str) -> None:
    looks = dict.fromkeys((1000, 2000, 3000, 6000, 9000, END_MS), 1.0)
    found = judged(expect(kind, "a.x <= 35" if kind != "never" else "a.x > 35", (4000, 5000)), looks)
    assert not found.held
    assert "nobody looked" in found.measured


@pytest.mark.parametrize("kind", ["always", "never", "within", "eventually"])
def test_nothing_holds_when_nothing_was_seen(kind: str) -> None:
    finding = judged(expect(kind, "a.x <= 35"), {})
    assert not finding.held
    assert "nobody looked" in finding.measured


def test_findings_come_in_the_order_of_the_expectations_and_twice_the_same() -> None:
    expectations = [expect("never", "a.x > 1"), expect("eventually", "a.x > 1"), expect("always", "a.x > 1")]
    judge = Judge(expectations)
    for at_ms in range(0, END_MS + 1, 100):
        judge.see(Moment(at_ms, {"a.x": 5.0}))
    found = judge.end(END_MS)
    assert [finding.expectation for finding in found] == expectations
    assert [finding.held for finding in found] == [False, True, True]
    assert judge.end(END_MS) == found


def test_what_the_product_says_of_itself_decides_nothing() -> None:
    judge = Judge([expect("always", "a.x <= 35")])
    for at_ms in range(0, END_MS + 1, 100):
        judge.see(Moment(at_ms, {"a.x": 99.0}, {"a.x": 1.0, "mode": "normal"}))
    assert not judge.end(END_MS)[0].held
