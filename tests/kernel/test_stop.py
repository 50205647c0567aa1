"""Stop and release always pass, for everybody who may speak at all; everything else needs a permission."""

from __future__ import annotations

import pytest
from kernel_toys import ALLOWED, IDENTITIES, START_MS, TWO, ask, idle, replace, said, settled

from supervisor.kernel.event import EventKind
from supervisor.kernel.lease import Decision, Kind, Lease, Request, Verb, Verdict
from supervisor.kernel.plan import MODES
from supervisor.kernel.requests import Desk
from supervisor.kernel.span import Span
from supervisor.kernel.state import TargetState, boot


def in_mode(mode: str, request: Request) -> tuple[Decision, list[TargetState]]:
    """The decision on a request, and the targets after it, in a mode and under rules that leave nothing but safe, with
    leases of anna's in place."""
    granted = Lease(0, Kind.SETTING, 10_000, 10_000, START_MS, START_MS + 900_000, "")
    everywhere = replace(ALLOWED, modes=frozenset(range(len(MODES))))
    both = (everywhere, replace(everywhere, target=1))
    about, nothing = replace(TWO, permissions=both), Span(0, 0, "trip", "trip")
    before = replace(boot(about, START_MS), targets=(idle(lease=granted), idle(lease=granted)))
    desk = Desk(about, before, before.orchestrators, [nothing, nothing], (), MODES.index(mode), START_MS)
    desk.expire({})
    return desk.answer(request), desk.targets


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("identity", [identity.name for identity in IDENTITIES])
def test_a_stop_passes_in_every_house_mode_from_everybody_for_one_and_for_all(mode: str, identity: str) -> None:
    for target, stopped in (("box.current", [identity, ""]), ("", [identity, identity])):
        decision, targets = in_mode(mode, ask(Verb.STOP, identity, target=target, now_ms=START_MS - 3_600_000))
        assert (decision.verdict, decision.target) == (Verdict.DONE, 0 if target else -1)
        assert [state.stopped_by for state in targets] == stopped
        assert [state.lease is None for state in targets] == [bool(by) for by in stopped]


@pytest.mark.parametrize("mode", MODES)
def test_a_release_passes_in_every_house_mode_however_old_it_is(mode: str) -> None:
    decision, targets = in_mode(mode, ask(Verb.RELEASE, now_ms=START_MS - 3_600_000))
    assert decision.verdict is Verdict.DONE
    assert [state.lease is None for state in targets] == [True, False]


def test_a_stop_lasts_until_the_next_grant_and_nobody_renews_past_it() -> None:
    run = settled()
    said(run, value=10_000)
    said(run, Verb.STOP, "cara")
    assert (run.output("box.current"), run.result and run.result.outputs.wanted_by[0]) == (0, "stop by cara")
    assert said(run, Verb.RENEW).clauses[0].rule == "lease.none"
    assert said(run, value=4_000).verdict is Verdict.REFUSED
    assert run.state.targets[0].stopped_by == "cara"
    assert said(run, value=8_000).verdict is Verdict.GRANTED
    assert (run.output("box.current"), run.state.targets[0].stopped_by) == (8_000, "")


def test_nobody_releases_the_lease_of_another() -> None:
    run = settled()
    said(run, value=10_000)
    decision = said(run, Verb.RELEASE, "ben")
    assert (decision.verdict, decision.clauses[0].text) == (Verdict.DONE, "there was no lease of yours")
    assert run.output("box.current") == 10_000
    assert said(run, Verb.RELEASE).clauses[0].text == "the lease is released"
    assert run.output("box.current") == 0


# ---- nobody may ask ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("verb", Verb)
def test_without_permissions_only_stop_release_and_heartbeat_pass(verb: Verb) -> None:
    run = settled(replace(TWO, permissions=()))
    decision = said(run, verb, value=10_000)
    assert (decision.verdict is Verdict.DONE) == (verb in (Verb.STOP, Verb.RELEASE, Verb.HEARTBEAT))
    assert run.output("box.current") == 0


@pytest.mark.parametrize("verb", Verb)
def test_a_stranger_is_refused_whatever_he_says(verb: Verb) -> None:
    run = settled()
    assert said(run, verb, "mallory", 10_000).clauses[0].rule == "identity.unknown"


@pytest.mark.parametrize("verb", [Verb.SET, Verb.RENEW, Verb.RELEASE, Verb.STOP])
def test_a_target_that_does_not_exist_is_refused(verb: Verb) -> None:
    assert said(settled(), verb, value=10_000, target="box.curent").clauses[0].rule == "target.unknown"


def test_of_two_requests_in_one_cycle_the_second_sees_what_the_first_got() -> None:
    run = settled()
    first, second = run.cycle(
        ask(value=10_000, now_ms=run.now_ms), ask(value=8_000, now_ms=run.now_ms, identity="cara")
    ).decisions
    assert first.verdict is Verdict.GRANTED
    assert second.clauses[-1].rule == "lease.held"
    decided = [event.text for event in run.events if event.kind is EventKind.DECISION]
    assert decided == [
        "anna: set 10 A: granted (permissions.box permits)",
        "cara: set 8 A: refused (permissions.box permits; lease.held refuses)",
    ]
