"""Leases: what begins one, what ends one to the millisecond, and what never makes one longer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_toys import ALLOWED, QUICK, Run, plan, replace, said, settled

from supervisor.kernel.event import EventKind
from supervisor.kernel.lease import Lease, Verb, Verdict
from supervisor.kernel.plan import MODES
from supervisor.kernel.requests import ANSWERS_KEPT
from supervisor.kernel.state import State

LIVE_MS = 30_000


def lease(run: Run, target: int = 0) -> Lease | None:
    return run.state.targets[target].lease


def endings(run: Run) -> list[str]:
    return [event.text for event in run.events if event.kind is EventKind.LEASE_ENDED]


def at(run: Run, now_ms: int) -> State:
    """The house at exactly this time: no cycle in between."""
    run.now_ms = now_ms
    return run.cycle().state


# ---- beginning and end -------------------------------------------------------------------------------------------
def test_a_lease_is_said_until_the_ms_of_its_expiry() -> None:
    run = settled()
    began_ms = run.now_ms
    assert said(run, value=10_000).verdict is Verdict.GRANTED
    assert at(run, began_ms + LIVE_MS - 1).targets[0].output == 10_000
    assert at(run, began_ms + LIVE_MS).targets[0].output == 0
    assert endings(run) == ["the lease of anna ended: its time is over"]


def test_a_renewal_counts_from_when_it_was_granted() -> None:
    run = settled()
    said(run, value=10_000)
    run.go(20_000)
    renewed_ms = run.now_ms
    assert said(run, Verb.RENEW).verdict is Verdict.GRANTED
    assert at(run, renewed_ms + LIVE_MS - 1).targets[0].lease is not None
    assert at(run, renewed_ms + LIVE_MS).targets[0].lease is None


@given(st.lists(st.integers(50, 9_000), max_size=30))
def test_heartbeats_never_make_a_lease_longer(pauses: list[int]) -> None:
    run = settled()
    began_ms = run.now_ms
    said(run, value=10_000)
    for pause_ms in pauses:
        run.now_ms += pause_ms
        passed_ms = run.now_ms - began_ms
        assert said(run, Verb.HEARTBEAT).verdict is Verdict.DONE
        assert (lease(run) is not None) == (passed_ms < LIVE_MS)


def test_a_live_lease_ends_when_its_sender_is_lost_and_a_setting_stays() -> None:
    run = settled()
    began_ms = run.now_ms
    said(run, value=10_000, duration_ms=3_600_000)
    said(run, value=8_000, target="other.current", kind="setting", duration_ms=3_600_000)
    at(run, began_ms + 60_049)
    assert lease(run) is not None
    at(run, began_ms + 60_050)
    assert lease(run) is None
    assert endings(run)[0] == "the lease of anna ended: its sender is lost"
    assert "does not cover this house mode" in endings(run)[1]  # nobody may set anything in orchestrator_lost here


def test_a_setting_outlives_its_sender_where_its_permission_does() -> None:
    everywhere = replace(ALLOWED, modes=frozenset(range(len(MODES))))
    run = settled(plan(targets=(QUICK,), permissions=(everywhere,)))
    began_ms = run.now_ms
    said(run, value=10_000, kind="setting", duration_ms=3_600_000)
    at(run, began_ms + 100_000)
    run.go(200)
    assert run.mode == "orchestrator_lost"
    assert run.output("box.current") == 10_000
    at(run, began_ms + 3_600_000)
    assert lease(run) is None


def test_a_lease_ends_with_the_house_mode_that_its_permission_is_for() -> None:
    run = settled()
    said(run, identity="ben", value=10_000, kind="setting", duration_ms=3_600_000)
    said(run, Verb.HEARTBEAT)
    heard_ms = run.now_ms - 50
    assert at(run, heard_ms + 59_999).targets[0].lease is not None
    assert at(run, heard_ms + 60_000).targets[0].lease is None
    assert run.mode == "orchestrator_lost"
    assert "does not cover this house mode" in endings(run)[0]


# ---- the same again, and trying out ------------------------------------------------------------------------------
def test_the_same_request_id_gets_the_same_answer_and_changes_nothing() -> None:
    run = settled()
    first = said(run, value=10_000, request_id="r1")
    held = lease(run)
    run.go(1_000)
    again = said(run, value=16_000, request_id="r1", seq=77)
    assert again == replace(first, seq=77)
    assert lease(run) == held


def test_a_refusal_is_repeated_too() -> None:
    run = settled()
    first = said(run, value=4_000, request_id="r1")
    assert first.verdict is Verdict.REFUSED
    assert said(run, value=10_000, request_id="r1") == first


def test_another_identity_s_request_id_is_another_s() -> None:
    run = settled()
    said(run, value=10_000, request_id="r1")
    assert said(run, identity="ben", value=8_000, request_id="r1").value == 8_000


def test_only_so_many_request_ids_are_remembered() -> None:
    run = settled()
    for number in range(ANSWERS_KEPT + 1):
        said(run, value=10_000, request_id=f"r{number}")
    assert len(run.state.orchestrators[0].answered) == ANSWERS_KEPT
    assert said(run, value=8_000, request_id="r0").value == 8_000
    assert said(run, value=8_000, request_id=f"r{ANSWERS_KEPT}").value == 10_000


@pytest.mark.parametrize("value", [10_000, 4_000])
def test_a_dry_run_is_judged_as_if_it_were_meant_and_changes_nothing(value: int) -> None:
    run, meant = settled(), settled()
    before = run.state
    dry = said(run, value=value, request_id="r1", dry_run=True)
    assert dry == said(meant, value=value, request_id="r1")
    assert run.state.targets == before.targets
    assert run.state.orchestrators[0].answered == ()
    assert not run.result or not run.result.events[1:]  # that anna came is the only event


def test_a_lease_that_a_higher_priority_takes_over_ends_with_a_word() -> None:
    run = settled()
    said(run, value=10_000)
    assert said(run, value=8_000, identity="ben").verdict is Verdict.GRANTED
    assert endings(run) == ["the lease of anna ended: ben has taken over"]
