"""The three kinds of leases, numbered messages, rates, and a journal that cannot take it."""

from __future__ import annotations

import pytest
from kernel_toys import ALLOWED, IDENTITIES, TWO, ask, current, plan, replace, said, settled

from supervisor.kernel.event import EventKind
from supervisor.kernel.lease import Decision, Kind, Verb, Verdict
from supervisor.kernel.plan import MODES, Cap, Program
from supervisor.kernel.signal import Source
from supervisor.kernel.wish import AHEAD_MAX_MS

MINUTE_MS = 60_000
NIGHT = {"kind": Kind.PROGRAM.value, "value": 10_000, "starts_in_ms": 10_000, "duration_ms": 20_000}
KEEPS_SIX = Program("programs.six", "six are enough", 0, frozenset(range(len(MODES))), 6_000)


def refused_by(decision: Decision) -> str:
    assert decision.verdict is Verdict.REFUSED
    return decision.clauses[-1].rule


# ---- programs ----------------------------------------------------------------------------------------------------
def test_a_program_runs_on_the_box_from_its_start_to_its_end_and_needs_nobody_meanwhile() -> None:
    run = settled(plan(programs=(KEEPS_SIX,)))
    began_ms = run.now_ms
    assert said(run, **NIGHT).verdict is Verdict.GRANTED
    seen = {}
    while run.now_ms < began_ms + 40_000:
        run.cycle()
        lease = run.state.targets[0].lease
        seen[run.now_ms - began_ms] = lease.value if lease else None
    # the grant was decided one cycle after the wish was written
    started = min(at for at, value in seen.items() if value == 10_000)
    ended = max(at for at, value in seen.items() if value == 10_000)
    assert abs(started - 10_000) <= 100
    assert abs(ended - 30_000) <= 100
    assert run.output("box.current") == 6_000
    kinds = [event.kind for event in run.events if event.kind in (EventKind.LEASE_STARTED, EventKind.LEASE_ENDED)]
    assert kinds == [EventKind.LEASE_STARTED, EventKind.LEASE_ENDED]


def test_a_program_outlives_the_loss_of_its_sender() -> None:
    run = settled(plan(permissions=(replace(ALLOWED, modes=frozenset(range(len(MODES)))),)))
    assert said(run, **(NIGHT | {"starts_in_ms": 70_000, "duration_ms": 100_000})).verdict is Verdict.GRANTED
    run.go(90_000)  # anna is lost after 60 s
    lease = run.state.targets[0].lease
    assert lease is not None
    assert lease.kind is Kind.PROGRAM


def test_a_program_waits_for_a_holder_of_higher_priority_and_takes_over_from_a_lower_one() -> None:
    run = settled()
    said(run, **(NIGHT | {"starts_in_ms": 5_000}))
    said(run, identity="ben", value=8_000, kind="setting", duration_ms=12_000)
    run.go(8_000)
    lease = run.state.targets[0].lease
    assert lease is not None
    assert IDENTITIES[lease.holder].name == "ben"
    run.go(6_000)  # ben's time is over
    lease = run.state.targets[0].lease
    assert lease is not None
    assert (IDENTITIES[lease.holder].name, lease.value) == ("anna", 10_000)

    run = settled()
    said(run, identity="ben", **(NIGHT | {"starts_in_ms": 5_000}))
    said(run, value=8_000, kind="setting", duration_ms=60_000)
    run.go(6_000)
    lease = run.state.targets[0].lease
    assert lease is not None
    assert IDENTITIES[lease.holder].name == "ben"


def test_there_is_one_waiting_place_for_each_target() -> None:
    run = settled()
    said(run, **NIGHT)
    assert refused_by(said(run, identity="cara", **NIGHT)) == "lease.held"
    assert said(run, **(NIGHT | {"value": 8_000})).verdict is Verdict.GRANTED
    planned = run.state.targets[0].planned
    assert planned is not None
    assert planned.value == 8_000


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.RELEASE])
def test_a_stop_and_a_release_end_what_waits_as_well(verb: Verb) -> None:
    run = settled()
    said(run, **NIGHT)
    assert said(run, verb).verdict is Verdict.DONE
    assert run.state.targets[0].planned is None
    run.go(15_000)
    assert run.state.targets[0].lease is None


def test_what_binds_now_does_not_bind_a_program_that_starts_later() -> None:
    """Nobody knows now what the house will allow then; when it starts it gets what is allowed then."""
    narrow = Cap("caps.box", "the box says so", 0, Source(0, 2_000), 6_000)  # its signal is never heard: 6 A
    run = settled(replace(TWO, signals=(current("box.most"),), caps=(narrow,), watched=((),)))
    assert said(run, value=10_000).value == 6_000
    later = said(run, **(NIGHT | {"starts_in_ms": 60_000}))
    assert (later.verdict, later.value) == (Verdict.GRANTED, 10_000)


def test_only_a_program_starts_later_and_not_after_a_day() -> None:
    run = settled()
    assert refused_by(said(run, value=10_000, starts_in_ms=1_000)) == "request.start"
    assert refused_by(said(run, **(NIGHT | {"starts_in_ms": AHEAD_MAX_MS + 1}))) == "request.start"
    assert refused_by(said(run, **(NIGHT | {"starts_in_ms": -1}))) == "request.start"


def test_a_program_whose_permission_has_gone_by_then_does_not_start() -> None:
    run = settled()  # ALLOWED is for the mode normal only, and anna, who is expected, is lost before it starts
    said(run, **(NIGHT | {"starts_in_ms": 70_000}))
    run.go(75_000)
    assert (run.state.targets[0].lease, run.state.targets[0].planned) == (None, None)
    ends = [event.text for event in run.events if event.kind is EventKind.LEASE_ENDED]
    assert any("house mode" in text for text in ends)
    assert not any(event.kind is EventKind.LEASE_STARTED for event in run.events)


# ---- dry runs ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("verb", [Verb.SET, Verb.STOP, Verb.RELEASE])
def test_a_dry_run_gets_the_same_answer_and_changes_nothing(verb: Verb) -> None:
    wet, dry = settled(), settled()
    for run in (wet, dry):
        said(run, value=8_000)
    before = dry.state.targets
    answers = [said(wet, verb, value=10_000), said(dry, verb, value=10_000, dry_run=True)]
    assert answers[0].verdict == answers[1].verdict
    assert answers[0].clauses == answers[1].clauses
    assert dry.state.targets == before
    assert wet.state.targets != before


# ---- numbered messages -------------------------------------------------------------------------------------------
def test_a_repeated_or_late_message_changes_nothing() -> None:
    run = settled()
    said(run, value=10_000, number=7)
    said(run, value=8_000, number=8)
    before = run.state.targets[0]
    for number in (8, 7, 1):
        assert refused_by(said(run, value=16_000, number=number)) == "request.number"
    assert run.state.targets[0].lease == before.lease
    assert said(run, value=16_000, number=9).verdict is Verdict.GRANTED


def test_a_repeated_heartbeat_keeps_nobody_alive() -> None:
    run = settled()
    said(run, Verb.HEARTBEAT, number=5)
    for _ in range(70):
        run.go(1_000)
        assert refused_by(said(run, Verb.HEARTBEAT, number=5)) == "request.number"
    assert run.plan.orchestrator.states[run.state.orchestrators[0].machine.state] == "lost"
    said(run, Verb.HEARTBEAT, number=6)
    run.cycle()
    assert run.plan.orchestrator.states[run.state.orchestrators[0].machine.state] == "alive"


def test_a_stop_passes_whatever_its_number() -> None:
    run = settled()
    said(run, value=10_000, number=7)
    assert said(run, Verb.STOP, number=3).verdict is Verdict.DONE
    assert run.state.targets[0].stopped_by == "anna"


def test_the_same_id_again_gets_the_same_answer_though_its_number_is_old() -> None:
    run = settled()
    first = said(run, value=10_000, number=7, request_id="x")
    again = said(run, value=10_000, number=7, request_id="x")
    assert (again.verdict, again.value, again.lease) == (first.verdict, first.value, first.lease)


def test_who_has_to_count_is_not_heard_without_a_number() -> None:
    counting = tuple(replace(identity, numbered=True) for identity in IDENTITIES)
    run = settled(plan(identities=counting))
    assert refused_by(said(run, value=10_000)) == "request.number"
    assert said(run, value=10_000, number=1).verdict is Verdict.GRANTED


# ---- rates -------------------------------------------------------------------------------------------------------
def rated(per_min: int) -> object:
    return plan(permissions=(replace(ALLOWED, per_min=per_min),))


def test_no_more_wishes_than_its_rate_are_heard_in_a_minute() -> None:
    run = settled(rated(6))
    said(run, value=6_000)
    verdicts = [said(run, value=16_000).verdict for _ in range(20)]
    assert verdicts.count(Verdict.REFUSED) == 15  # six at once, one of them before
    run.go(10_000)
    assert said(run, value=16_000).verdict is Verdict.GRANTED
    assert refused_by(said(run, value=16_000)) == "request.rate"


def test_a_rate_holds_whether_or_not_the_wishes_have_ids() -> None:
    """The gateway gives an id to every wish that has none."""
    run = settled(rated(6))
    said(run, value=6_000)
    verdicts = [said(run, value=16_000, request_id=f"r{i}").verdict for i in range(20)]
    assert verdicts.count(Verdict.REFUSED) == 15


def test_whoever_lowers_his_lease_while_a_rule_holds_it_lower_still_is_not_held_up() -> None:
    """He has 16 A and gets 6; to want 10 is less than he has, though more than he gets."""
    narrow = Cap("caps.box", "the box says so", 0, Source(0, 2_000), 6_000)
    permissions = (replace(ALLOWED, per_min=1),)
    run = settled(replace(TWO, signals=(current("box.most"),), watched=((),), permissions=permissions, caps=()))
    assert said(run, value=16_000).verdict is Verdict.GRANTED
    run.plan = replace(run.plan, caps=(narrow,))
    run.state = replace(run.state, proven=replace(run.state.proven, caps=(None,)))
    run.go(100)
    assert run.output("box.current") == 6_000
    run.recording = False
    assert said(run, value=10_000).verdict in (Verdict.GRANTED, Verdict.CLIPPED)


def test_what_lowers_the_flow_is_never_counted_nor_held_back() -> None:
    run = settled(rated(1))
    assert said(run, value=16_000).verdict is Verdict.GRANTED
    run.go(20_000)
    for value in (14_000, 12_000, 10_000, 8_000, 6_000, 0):
        assert said(run, value=value).verdict is Verdict.GRANTED
        run.go(100)
    assert said(run, Verb.STOP).verdict is Verdict.DONE


def test_each_identity_has_its_own_budget() -> None:
    run = settled(rated(1))
    assert said(run, value=8_000).verdict is Verdict.GRANTED
    assert refused_by(said(run, value=10_000)) == "request.rate"
    assert said(run, identity="ben", value=10_000).verdict is Verdict.GRANTED


# ---- what cannot be written down ---------------------------------------------------------------------------------
def test_while_the_journal_cannot_take_it_nobody_gets_more_and_everybody_may_have_less() -> None:
    run = settled()
    said(run, value=10_000, kind="setting")
    run.go(20_000)
    run.recording = False
    assert refused_by(said(run, value=16_000)) == "journal.failing"
    assert refused_by(said(run, Verb.RENEW)) == "journal.failing"
    assert refused_by(said(run, value=10_000, kind="setting")) == "journal.failing"  # the same, for longer
    assert refused_by(said(run, **NIGHT)) == "journal.failing"
    assert said(run, value=8_000).verdict is Verdict.GRANTED
    assert said(run, Verb.RELEASE).verdict is Verdict.DONE
    assert said(run, Verb.STOP).verdict is Verdict.DONE
    run.recording = True
    assert said(run, value=16_000).verdict is Verdict.GRANTED


def test_no_lease_gets_longer_by_lowering_it() -> None:
    run = settled()
    first = said(run, value=16_000, duration_ms=10_000).lease
    run.go(1_000)
    lower = said(run, value=8_000, duration_ms=MINUTE_MS).lease
    assert first is not None
    assert lower is not None
    assert lower.expires_ms == first.expires_ms


def test_ask_makes_a_request_with_what_is_said_here() -> None:
    assert ask(value=1, number=3).number == 3
