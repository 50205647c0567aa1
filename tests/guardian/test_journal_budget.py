"""At most 50 MB in any day, whatever the house says; first samples go, then no more is granted; and it comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_toys import Hand, begun, event, flush, head, lines, reading

from supervisor.guardian.budget import CAPACITY, DAY_MAX, DAY_MS, LEAN_BELOW, PER_DAY, RESERVE, Budget, Level
from supervisor.guardian.record import Record
from supervisor.kernel.lease import Clause, Decision, Request, Verb, Verdict


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, DAY_MS // 2) | st.integers(0, 100), st.integers(0, 3 * RESERVE) | st.integers(0, 900)),
        max_size=60,
    )
)
def test_no_day_has_more_than_fifty_megabytes(spending: list[tuple[int, int]]) -> None:
    """Any 24 hours of a journal that writes whatever it may, and stops when it is told."""
    budget, now_ms, written = Budget(CAPACITY, 0), 0, list[tuple[int, int]]()
    for pause_ms, count in spending:
        now_ms += pause_ms
        while count > 0 and budget.look(now_ms) is not Level.CLOSED:
            block = min(count, RESERVE)  # what can be on its way when it is empty
            budget.spend(block)
            written.append((now_ms, block))
            count -= block
    for since_ms, _ in written:
        assert sum(n for at_ms, n in written if since_ms <= at_ms < since_ms + DAY_MS) <= DAY_MAX


def test_who_always_writes_all_he_may_gets_nearly_all_of_it_and_no_more() -> None:
    budget, by_minute = Budget(CAPACITY, 0), list[int]()
    for now_ms in range(0, 3 * DAY_MS, 60_000):
        by_minute.append(0)
        while budget.look(now_ms) is not Level.CLOSED:
            budget.spend(100_000)
            by_minute[-1] += 100_000
    days = [sum(by_minute[minute : minute + 1_440]) for minute in range(len(by_minute) - 1_440)]
    assert 0.9 * PER_DAY < min(days) < max(days) <= DAY_MAX


def test_samples_go_before_anything_is_refused_and_come_back_later() -> None:
    budget = Budget(CAPACITY, 0)
    seen = [budget.look(0)]
    budget.spend(CAPACITY - LEAN_BELOW + 1)
    seen.append(budget.look(0))
    budget.spend(LEAN_BELOW - RESERVE)
    seen.append(budget.look(0))
    seen += [budget.look(DAY_MS // 100), budget.look(DAY_MS // 4)]
    assert seen == [Level.FULL, Level.LEAN, Level.CLOSED, Level.LEAN, Level.FULL]


def test_the_way_back_does_not_flutter() -> None:
    budget = Budget(LEAN_BELOW - 1, 0)
    assert budget.look(2 * DAY_MS // PER_DAY) is Level.LEAN


def test_a_clock_that_goes_back_refills_nothing() -> None:
    budget = Budget(RESERVE, 10**9)
    budget.look(0)
    assert budget.left == RESERVE


@pytest.fixture
def clock() -> Hand:
    return Hand()


def test_a_restart_does_not_fill_the_budget_again(tmp_path: Path, clock: Hand) -> None:
    journal = begun(tmp_path, clock)
    journal._writer.budget.spend(6_000_000)
    journal.accept(head(1, clock.now_ms, reason="size"))
    journal.turn()
    left = journal._writer.budget.left
    again = begun(tmp_path, clock)._writer.budget.left
    assert left - 2_000 < again <= left
    rebooted = begun(tmp_path, Hand(0))._writer.budget.left
    assert left - 4_000 < rebooted <= left, "the time between two boots is not known"


def test_a_spent_budget_makes_a_lean_segment_that_says_so_and_keeps_all_but_samples(
    tmp_path: Path, clock: Hand
) -> None:
    journal = begun(tmp_path, clock)
    journal._writer.budget.spend(CAPACITY - LEAN_BELOW + 1_000)
    flush(journal, clock)
    assert (journal.due(clock.now_ms), journal.room()) == ("budget", True)
    journal.accept(head(1, clock.now_ms, lean=True, reason="budget"))
    heartbeat, rated, granted = wish(Verb.HEARTBEAT), wish(Verb.SET), wish(Verb.SET)
    decisions = [decided(Verdict.DONE), decided(Verdict.REFUSED, "request.rate"), decided(Verdict.GRANTED)]
    journal.accept(reading(1, 5))
    journal.accept(Record(2, 100, s=[[0, 5]], q=[heartbeat, rated, granted], d=decisions, e=[event()], o=[(0, 1)]))
    flush(journal, clock)
    first, only = lines(tmp_path)[1:]
    assert (first["lean"], first["reason"]) == (True, "budget")
    assert only["n"] == 2
    assert only.keys() == {"n", "t", "q", "e", "d", "o", "x", "h"}
    assert [decision[1] for decision in only["d"]] == ["granted"]
    assert only["x"] == [["phone", "heartbeat", 1], ["phone", "request.rate", 1]], "counted, not written out"


def test_an_empty_budget_leaves_no_room_and_ends_with_a_head(tmp_path: Path, clock: Hand) -> None:
    journal = begun(tmp_path, clock)
    journal._writer.budget.spend(CAPACITY - RESERVE + 1_000)
    flush(journal, clock)
    assert (journal.room(), journal.accept(reading(1)), journal.due(clock.now_ms)) == (False, False, "")
    clock.now_ms += DAY_MS // 100
    journal.turn()
    assert (journal.level, journal.due(clock.now_ms)) == (Level.LEAN, "lost")


def wish(verb: Verb) -> Request:
    return Request(1, verb, "phone", "box.current", 1, "mA", "live", None, "", 0, False)


def decided(verdict: Verdict, rule: str = "") -> Decision:
    clauses = (Clause(rule, "refuses", ""),) if rule else ()
    return Decision(1, verdict, 0, 1, clauses, None)
