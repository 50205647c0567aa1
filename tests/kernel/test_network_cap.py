"""What all on the network together get at most: whoever has captured the gateway asks in every name (hazard H14)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_network import (
    ALL,
    ALWAYS,
    CALM,
    FREE,
    HOUR_MS,
    LONGEST_MS,
    MINUTE_MS,
    REST_MS,
    house,
    name_of,
    reason,
    row,
)
from kernel_toys import NORMAL, QUICK, ask, replace, said, settled

from supervisor.kernel.event import EventKind
from supervisor.kernel.hands import LOCAL
from supervisor.kernel.lease import Kind, Verb, Verdict
from supervisor.kernel.network import PER_MIN_BUILT_IN, barrier, outside
from supervisor.kernel.plan import Identity, Network, Permission, Plan, Reach
from supervisor.kernel.slots import SLOTS, added, used, wait_ms
from supervisor.loader.load import load


# ---- one rate of all together ----------------------------------------------------------------------------------------
def test_identities_that_take_turns_share_one_budget_to_the_wish() -> None:
    run = settled(house(row(per_min=7)))
    rules = [said(run, Verb.RENEW, name_of(run, turn)) for turn in range(40)]
    held = [one for one in rules if reason(one)[0] == "request.rate_of_all"]
    assert len(held) == 33, "seven are judged (and refused: there is nothing to renew), no more"


def test_the_budget_comes_back_within_a_minute_and_a_second() -> None:
    run = settled(house(row(per_min=2)))
    began_ms = run.now_ms
    assert [said(run, Verb.RENEW).clauses[0].rule for _ in range(3)][2] == "request.rate_of_all"
    run.now_ms = began_ms + MINUTE_MS - 1
    assert reason(said(run, Verb.RENEW))[0] == "request.rate_of_all"
    run.now_ms = began_ms + MINUTE_MS + MINUTE_MS // SLOTS
    assert reason(said(run, Verb.RENEW))[0] == "lease.none"


def test_where_no_document_says_a_rate_this_box_does() -> None:
    run = settled(house())
    now_ms = run.now_ms
    for turn in range(PER_MIN_BUILT_IN):
        assert reason(said(run, Verb.RENEW, name_of(run, turn)))[0] == "lease.none"
        run.now_ms = now_ms + turn // 20  # many in one cycle's time
    assert reason(said(run, Verb.RENEW))[0] == "request.rate_of_all"


def test_of_several_rows_the_strictest_rate_counts_and_is_named() -> None:
    run = settled(house(row(per_min=6), row(per_min=2, closed=False, name="network.evening")))
    for _ in range(2):
        said(run, Verb.RENEW)
    assert "network.evening" in reason(said(run, Verb.RENEW))[1]


def test_stop_release_and_lowering_are_neither_counted_nor_refused_when_nothing_is_left() -> None:
    run = settled(house(row(per_min=1, per_hour=1, longest_ms=LONGEST_MS, rest_ms=REST_MS)))
    assert said(run, value=16_000, kind="setting").verdict is Verdict.GRANTED
    assert reason(said(run, value=16_000))[0] == "request.rate_of_all"
    for value in (14_000, 12_000, 10_000, 8_000, 6_000):
        assert said(run, value=value, kind="setting").verdict is Verdict.GRANTED
    assert said(run, Verb.RELEASE).verdict is Verdict.DONE
    assert said(run, Verb.STOP, "ben").verdict is Verdict.DONE
    assert said(run, value=0, kind="setting").verdict is Verdict.GRANTED
    assert used(run.state.asked, MINUTE_MS, run.now_ms) == 1


def test_a_wish_that_its_own_permission_holds_up_costs_nothing_of_the_joint_rate_and_the_other_way_round() -> None:
    run = settled(house(row(per_min=3), permissions=(replace(FREE, per_min=2),)))
    for _ in range(10):
        said(run, Verb.RENEW)
    assert used(run.state.asked, MINUTE_MS, run.now_ms) == 2
    for _ in range(10):
        said(run, Verb.RENEW, "ben")
    assert used(run.state.asked, MINUTE_MS, run.now_ms) == 3
    assert len(run.state.orchestrators[1].due_ms) == 1
    paid_ms = run.state.orchestrators[1].due_ms[0][1] - run.now_ms
    assert paid_ms <= MINUTE_MS // 2, "one of ben's two is left"


def test_a_dry_run_costs_nothing_and_is_told_when_nothing_is_left() -> None:
    run = settled(house(row(per_min=1)))
    for _ in range(5):
        assert said(run, value=10_000, dry_run=True).verdict is Verdict.GRANTED
    assert said(run, value=10_000).verdict is Verdict.GRANTED
    assert reason(said(run, value=12_000, dry_run=True))[0] == "request.rate_of_all"


# ---- the band --------------------------------------------------------------------------------------------------------
def test_no_lease_of_the_network_leaves_its_band_whatever_a_permission_says() -> None:
    run = settled(house(row(hi=10_000)))
    decision = said(run, value=16_000)
    assert (decision.verdict, decision.value) == (Verdict.CLIPPED, 10_000)
    (clause,) = [clause for clause in decision.clauses if clause.effect == "clips"]
    assert clause.rule == ALL
    run.cycle()
    assert run.output("box.current") == 10_000


def test_a_clip_of_the_network_goes_towards_safe_and_never_up_to_what_the_device_can() -> None:
    run = settled(house(row(hi=5_000)))  # the box can do nothing between 0 and 6 A
    rule, text = reason(said(run, value=10_000))
    assert rule == ALL
    assert "nothing of 10 A is left" in text


def test_of_several_rows_the_narrowest_band_counts_and_is_named() -> None:
    run = settled(house(row(), row(closed=False, name="network.evening", hi=8_000)))
    decision = said(run, value=16_000)
    assert decision.value == 8_000
    assert any(clause.rule == "network.evening" for clause in decision.clauses)


def test_what_the_section_does_not_name_cannot_be_raised_but_stopped() -> None:
    other = replace(QUICK, id="other.current")
    two = (FREE, replace(FREE, id="permissions.other", target=1))
    run = settled(house(row(), targets=(QUICK, other), permissions=two))
    assert reason(said(run, value=6_000, target="other.current"))[0] == ALL
    assert said(run, value=0, target="other.current").verdict is Verdict.GRANTED
    assert said(run, Verb.STOP, target="other.current").verdict is Verdict.DONE
    assert said(run, value=6_000).verdict is Verdict.GRANTED


def test_a_row_that_only_narrows_shuts_nothing() -> None:
    other = replace(QUICK, id="other.current")
    two = (FREE, replace(FREE, id="permissions.other", target=1))
    first = Network(ALL, "both", None, (Reach(0, 0, 16_000), Reach(1, 0, 16_000)), True)
    run = settled(house(first, row(closed=False, name="network.car"), targets=(QUICK, other), permissions=two))
    assert said(run, value=6_000, target="other.current").verdict is Verdict.GRANTED


def test_a_program_that_starts_later_is_bounded_like_everything_else() -> None:
    run = settled(house(row(hi=10_000, longest_ms=LONGEST_MS, rest_ms=REST_MS)))
    decision = said(run, value=16_000, kind="program", starts_in_ms=HOUR_MS, duration_ms=2 * HOUR_MS)
    assert decision.value == 10_000
    assert decision.lease is not None
    assert decision.lease.expires_ms - decision.lease.starts_ms == LONGEST_MS


def test_a_lease_from_before_that_is_outside_of_the_band_ends() -> None:
    run = settled(house())
    said(run, value=16_000, kind="setting")
    run.plan = replace(run.plan, network=(row(hi=10_000),))
    run.go(100)
    assert run.output("box.current") == 0
    assert any(ALL in event.text for event in run.events if event.kind is EventKind.LEASE_ENDED)


# ---- changes ---------------------------------------------------------------------------------------------------------
def test_all_together_switch_a_target_on_no_more_often_than_it_may_in_an_hour() -> None:
    run = settled(house(row(per_hour=4)))
    granted = 0
    for turn in range(30):
        name = name_of(run, turn)
        granted += said(run, identity=name, value=10_000, kind="setting").verdict is Verdict.GRANTED
        assert said(run, Verb.STOP, name).verdict is Verdict.DONE
    assert granted == 4
    rule, text = reason(said(run, value=10_000))
    assert (rule, "4 changes" in text) == (ALL, True)
    run.now_ms += HOUR_MS + HOUR_MS // SLOTS
    assert said(run, value=10_000).verdict is Verdict.GRANTED


def test_a_renewal_a_takeover_at_the_same_value_and_lowering_are_no_changes() -> None:
    run = settled(house(row(per_hour=1)))
    assert said(run, value=10_000, kind="setting").verdict is Verdict.GRANTED
    for _ in range(3):
        assert said(run, Verb.RENEW).verdict is Verdict.GRANTED
        assert said(run, value=10_000, kind="setting").verdict is Verdict.GRANTED
    assert said(run, identity="ben", value=10_000, kind="setting").verdict is Verdict.GRANTED
    assert said(run, identity="ben", value=8_000, kind="setting").verdict is Verdict.GRANTED
    assert reason(said(run, identity="ben", value=9_000, kind="setting"))[0] == ALL


def test_a_program_ahead_is_a_change_when_it_is_asked_for() -> None:
    run = settled(house(row(per_hour=2)))
    for _ in range(2):
        assert said(run, value=10_000, kind="program", starts_in_ms=HOUR_MS).verdict is Verdict.GRANTED
    assert reason(said(run, value=10_000, kind="program", starts_in_ms=HOUR_MS))[0] == ALL


# ---- who may say what ------------------------------------------------------------------------------------------------
def with_role(role: str, **changes: object) -> Plan:
    anna = replace(CALM[0], role=role, **changes)
    return house(row(), identities=(anna, *CALM[1:]))


@pytest.mark.parametrize("role", ["observer", "installer"])
def test_who_only_looks_is_granted_nothing_even_if_a_permission_names_him_and_may_stop(role: str) -> None:
    run = settled(with_role(role))
    assert reason(said(run, value=10_000))[0] == "identity.role"
    assert reason(said(run, value=0))[0] == "identity.role"
    assert reason(said(run, Verb.RENEW))[0] == "identity.role"
    said(run, identity="ben", value=10_000)
    assert said(run, Verb.HEARTBEAT).verdict is Verdict.DONE
    assert said(run, Verb.RELEASE).verdict is Verdict.DONE
    assert run.state.targets[0].lease is not None, "it was not his to release"
    assert said(run, Verb.STOP).verdict is Verdict.DONE
    assert run.state.targets[0].stopped_by == "anna"


def test_a_shared_identity_asks_for_no_program_renews_nothing_and_takes_over_from_nobody() -> None:
    run = settled(with_role("orchestrator", shared=True, priority=90))
    assert reason(said(run, value=10_000, kind="program"))[0] == "identity.shared"
    assert said(run, value=10_000).verdict is Verdict.GRANTED
    assert reason(said(run, Verb.RENEW))[0] == "identity.shared"
    assert said(run, value=8_000).verdict is Verdict.GRANTED
    assert said(run, Verb.RELEASE).verdict is Verdict.DONE
    said(run, identity="cara", value=10_000)
    assert reason(said(run, value=12_000))[0] == "lease.held"
    assert said(run, Verb.STOP).verdict is Verdict.DONE


def test_somebody_in_the_house_is_not_the_network() -> None:
    """A hand asks for more than the network may, longer than it may, and costs it nothing."""
    hand = Identity("hands.car", LOCAL, 1_000, False, 10**8, 10**9)
    permissions = (FREE, Permission("hands.car", "by hand", frozenset({3}), 0, 16_000, 16_000, ALWAYS, frozenset(Kind),
                                    12 * HOUR_MS))  # fmt: skip
    from supervisor.kernel.arbitration import rated
    from supervisor.kernel.requests import Desk

    about = house(row(per_min=1, hi=8_000, longest_ms=LONGEST_MS, rest_ms=REST_MS, per_hour=1),
                  permissions=permissions, identities=(*CALM, hand))  # fmt: skip
    run = settled(about)
    desk = Desk(about, run.state, run.state.orchestrators, rated(about), run.image, NORMAL, run.now_ms)
    for _ in range(5):
        wish = ask(Verb.SET, "hands.car", 16_000, run.now_ms, kind="setting", duration_ms=12 * HOUR_MS)
        decision = desk.answer(wish, local=True)
        assert (decision.verdict, decision.value) == (Verdict.GRANTED, 16_000)
        assert decision.lease is not None
        assert decision.lease.expires_ms == run.now_ms + 12 * HOUR_MS
    assert (desk.asked, desk.targets[0].remote) == ((), None)
    run.state = replace(run.state, targets=tuple(desk.targets))
    run.now_ms += 2 * LONGEST_MS
    run.cycle()
    assert run.output("box.current") == 16_000
    assert run.state.targets[0].remote is None, "nothing of the network's time is used up"
    assert reason(said(run, identity="hands.car", value=16_000))[0] == "identity.local"


# ---- counting --------------------------------------------------------------------------------------------------------
@given(st.lists(st.integers(0, 40_000), max_size=200), st.integers(1, 12))
def test_in_no_minute_does_anything_happen_more_often_than_it_may_and_the_wait_is_true(
    pauses: list[int], most: int
) -> None:
    slots, now_ms, happened = (), 5_000, []
    for pause_ms in pauses:
        now_ms += pause_ms
        left_ms = wait_ms(slots, most, MINUTE_MS, now_ms)
        if left_ms == 0:
            slots = added(slots, MINUTE_MS, now_ms)
            happened.append(now_ms)
        else:
            assert used(slots, MINUTE_MS, now_ms + left_ms) < most
            assert used(slots, MINUTE_MS, now_ms + left_ms - 1) >= most
            assert left_ms <= MINUTE_MS + MINUTE_MS // SLOTS
    for at_ms in happened:
        assert sum(at_ms - MINUTE_MS <= other <= at_ms for other in happened) <= most


# ---- changeovers -----------------------------------------------------------------------------------------------------
def test_of_a_changeover_the_network_gets_the_positions_that_are_named_and_all_may_have_the_safe_one() -> None:
    about = load(Path(__file__).parents[2] / "policies" / "island").plan
    at = next(i for i, target in enumerate(about.targets) if target.id == "supply.position")
    hi = about.targets[at].hi
    only = replace(about, network=(Network(ALL, "the grid only", None, (Reach(at, 0, hi, frozenset({1})),), True),))
    assert [barrier(only, at, place) is None for place in (0, 1, 2)] == [True, True, False]
    assert outside(only, at, 2) == ALL
