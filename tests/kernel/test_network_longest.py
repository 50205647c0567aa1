"""For how long all on the network together keep a target off its program, whoever renews or takes over (hazard H14)."""

from __future__ import annotations

import pytest
from kernel_network import (
    ALL,
    ALWAYS,
    CALM,
    HOUR_MS,
    LONGEST_MS,
    MINUTE_MS,
    REST_MS,
    house,
    longest_run,
    name_of,
    reason,
    row,
)
from kernel_toys import NORMAL, Run, ask, replace, said, settled

from supervisor.kernel.away import longest
from supervisor.kernel.event import EventKind
from supervisor.kernel.lease import Request, Verb, Verdict
from supervisor.kernel.plan import Program

# ---- the longest time ------------------------------------------------------------------------------------------------
BOUNDED = house(row(longest_ms=LONGEST_MS, rest_ms=REST_MS))


def kept_on(run: Run, ms: int, every_ms: int, wishes: object) -> list[tuple[int, int]]:
    """Everybody asks in turns for ``ms``, in steps of ``every_ms``; (when, output) of each step."""
    began_ms, seen, turn = run.now_ms, [], 0
    while run.now_ms < began_ms + ms:
        at_ms = run.now_ms
        inbox = [one(run, turn) for one in wishes]  # type: ignore[attr-defined]
        run.cycle(*inbox)
        seen.append((at_ms, run.state.targets[0].output or 0))
        run.now_ms = at_ms + every_ms
        turn += 1
    return seen


def set_by_turns(run: Run, turn: int) -> Request:
    value = 6_000 + 1_000 * (turn % 11)
    return ask(Verb.SET, name_of(run, turn), value, run.now_ms, kind="setting", duration_ms=12 * HOUR_MS)


def set_by_the_strongest(run: Run, _turn: int) -> Request:
    return ask(Verb.SET, "ben", 16_000, run.now_ms, kind="setting", duration_ms=12 * HOUR_MS)


def renewed(run: Run, turn: int) -> Request:
    return ask(Verb.RENEW, name_of(run, turn), None, run.now_ms)


def let_go(run: Run, turn: int) -> Request:
    return ask(Verb.RELEASE, name_of(run, turn + 1), None, run.now_ms)


@pytest.mark.parametrize(
    "wishes",
    [
        (set_by_turns, renewed),
        (set_by_the_strongest,),
        (set_by_the_strongest, set_by_turns, renewed),
        (let_go, set_by_the_strongest),  # it lets go again and again
        (set_by_turns, let_go),
    ],
)
def test_the_network_together_keeps_a_target_off_its_program_no_longer_than_it_may(wishes: object) -> None:
    run = settled(BOUNDED)
    seen = kept_on(run, 3 * LONGEST_MS, 1_000, wishes)
    assert longest_run(seen, REST_MS) <= LONGEST_MS
    assert max(output for _, output in seen) >= 6_000, "it did get something"


def test_after_its_time_it_has_to_be_back_for_its_rest_whoever_asks() -> None:
    run = settled(BOUNDED)
    began_ms = run.now_ms
    lease = said(run, value=10_000, kind="setting", duration_ms=HOUR_MS).lease
    assert lease is not None
    assert lease.expires_ms == began_ms + LONGEST_MS
    run.now_ms = began_ms + LONGEST_MS
    run.cycle()
    assert run.output("box.current") == 0
    assert any(f"{ALL} lets" in event.text for event in run.events if event.kind is EventKind.LEASE_ENDED)
    for name in ("anna", "ben", "cara"):
        rule, text = reason(said(run, identity=name, value=6_000))
        assert (rule, "has to be back" in text) == (ALL, True)
    run.now_ms = began_ms + LONGEST_MS + REST_MS - 1
    assert reason(said(run, value=6_000))[0] == ALL
    run.now_ms = began_ms + LONGEST_MS + REST_MS
    assert said(run, value=6_000).verdict is Verdict.GRANTED


def test_a_pause_shorter_than_the_rest_is_no_return() -> None:
    run = settled(BOUNDED)
    began_ms = run.now_ms
    said(run, value=10_000, kind="setting")
    run.now_ms = began_ms + LONGEST_MS // 2
    said(run, Verb.STOP)
    run.now_ms = began_ms + LONGEST_MS // 2 + REST_MS - 50
    lease = said(run, identity="ben", value=10_000, kind="setting").lease
    assert lease is not None
    assert lease.expires_ms == began_ms + LONGEST_MS
    run.now_ms = began_ms + LONGEST_MS // 2 + 2 * REST_MS
    said(run, Verb.STOP)
    run.now_ms += REST_MS
    lease = said(run, value=10_000, kind="setting").lease
    assert lease is not None
    assert lease.expires_ms == run.now_ms - 50 + LONGEST_MS


def test_the_answer_says_that_the_time_is_shorter_than_asked() -> None:
    decision = said(settled(BOUNDED), value=10_000, kind="setting", duration_ms=HOUR_MS)
    assert any(clause.rule == ALL and clause.effect == "notes" for clause in decision.clauses)
    short = said(settled(BOUNDED), value=10_000, kind="setting", duration_ms=MINUTE_MS)
    assert not any(clause.rule == ALL for clause in short.clauses)


def test_what_is_kept_at_its_program_or_lower_is_not_off_it() -> None:
    eight = Program("programs.eight", "it does that by itself", 0, ALWAYS, 8_000)
    run = settled(replace(BOUNDED, programs=(eight,)))
    began_ms = run.now_ms
    for value in (8_000, 6_000):
        lease = said(run, value=value, kind="setting", duration_ms=HOUR_MS).lease
        assert lease is not None
        assert lease.expires_ms >= began_ms + HOUR_MS
    higher = said(run, value=10_000, kind="setting", duration_ms=HOUR_MS).lease
    assert higher is not None
    assert higher.expires_ms == run.now_ms - 50 + LONGEST_MS


def test_when_a_mode_lowers_the_program_the_time_begins_then() -> None:
    eight = Program("programs.eight", "in normal it does that by itself", 0, frozenset({NORMAL}), 8_000)
    late = (replace(CALM[0], expected=True, late_ms=20_000, lost_ms=60_000), *CALM[1:])
    run = settled(replace(BOUNDED, programs=(eight,), identities=late))
    said(run, Verb.HEARTBEAT)
    said(run, identity="ben", value=8_000, kind="setting", duration_ms=HOUR_MS)
    while run.mode == "normal":
        run.now_ms += 950
        run.cycle()
    lost_ms = run.now_ms - run.plan.cycle_ms
    assert run.state.targets[0].lease is not None
    run.go(200)
    assert run.result is not None
    assert run.result.wake_ms <= lost_ms + LONGEST_MS, "no quiet house sleeps over it"
    run.now_ms = lost_ms + LONGEST_MS - 1
    run.cycle()
    assert run.output("box.current") == 8_000
    run.now_ms = lost_ms + LONGEST_MS
    run.cycle()
    assert run.output("box.current") == 0


def test_the_end_of_the_time_is_no_time_that_a_quiet_house_sleeps_over() -> None:
    run = settled(BOUNDED)
    began_ms = run.now_ms
    said(run, value=10_000, kind="setting", duration_ms=HOUR_MS)
    run.go(500)
    assert run.result is not None
    assert run.result.wake_ms <= began_ms + LONGEST_MS


def test_of_several_rows_the_shortest_time_and_the_longest_rest_count() -> None:
    rows = (
        row(longest_ms=LONGEST_MS, rest_ms=REST_MS),
        row(closed=False, name="network.a", longest_ms=MINUTE_MS, rest_ms=1_000),
    )
    found = longest(house(*rows), 0)
    assert found is not None
    assert (found.longest_ms, found.by, found.rest_ms) == (MINUTE_MS, "network.a", REST_MS)


def test_a_program_that_waits_does_not_begin_while_the_network_has_no_time_left() -> None:
    run = settled(BOUNDED)
    began_ms = run.now_ms
    said(run, value=10_000, kind="setting", duration_ms=HOUR_MS)
    said(run, value=9_000, kind="program", starts_in_ms=LONGEST_MS + REST_MS // 2, duration_ms=HOUR_MS)
    run.now_ms = began_ms + LONGEST_MS
    run.cycle()
    assert run.state.targets[0].planned is not None
    run.now_ms = began_ms + LONGEST_MS + REST_MS // 2 + 50
    run.cycle()  # not for a single cycle either
    assert (run.output("box.current"), run.state.targets[0].planned) == (0, None)
