"""Policy: what is granted, clipped or refused, and that every answer names the rule that made it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_toys import ALLOWED, NORMAL, START_MS, ask, idle, plan, replace

from supervisor.kernel.lease import Clause, Decision, Kind, Lease, Request, Verb, Verdict
from supervisor.kernel.permission import Around, lapsed
from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.policy import judge
from supervisor.kernel.span import Span
from supervisor.kernel.state import TargetState
from supervisor.kernel.wish import REQUEST_AGE_MAX_MS

HOUSE = plan()
FREE = Span(0, 16_000, "rating", "rating")
ANNA, BEN, CARA = range(3)
DEGRADED = MODES.index("degraded")
FREE_TO_SET = idle()
OF_ANNA = Lease(ANNA, Kind.LIVE, 10_000, 10_000, START_MS - 1_000, START_MS + 29_000, "a")
HELD = idle(lease=OF_ANNA)


def judged(
    request: Request,
    house: Plan = HOUSE,
    span: Span = FREE,
    state: TargetState = FREE_TO_SET,
    holder: int = ANNA,
    mode: int = NORMAL,
) -> Decision:
    return judge(Around(house, 0, holder, mode, (), START_MS), request, span, state)


def refusing(decision: Decision) -> Clause:
    """The one clause that refuses; there is no lease then and no value."""
    assert (decision.verdict, decision.lease, decision.value) == (Verdict.REFUSED, None, None)
    (clause,) = [clause for clause in decision.clauses if clause.effect == "refuses"]
    assert clause is decision.clauses[-1]
    return clause


# ---- granted -----------------------------------------------------------------------------------------------------
def test_a_permitted_value_is_granted_with_the_permission_that_covers_it() -> None:
    decision = judged(ask(value=10_000, request_id="r1", duration_ms=5_000))
    assert decision.verdict is Verdict.GRANTED
    assert decision.clauses == (Clause("permissions.box", "permits", "the box may be set"),)
    assert decision.lease == Lease(ANNA, Kind.LIVE, 10_000, 10_000, START_MS, START_MS + 5_000, "r1", START_MS)


@pytest.mark.parametrize(("kind", "default_ms"), [("live", 30_000), ("setting", 3_600_000)])
def test_a_lease_without_a_duration_lasts_as_its_kind_does_but_no_longer_than_the_permission(
    kind: str, default_ms: int
) -> None:
    lease = judged(ask(value=10_000, kind=kind)).lease
    assert lease is not None
    assert lease.expires_ms - lease.granted_ms == default_ms


def test_asking_for_ever_gets_what_the_permission_allows() -> None:
    lease = judged(ask(value=10_000, duration_ms=10**12)).lease
    assert lease is not None
    assert lease.expires_ms == START_MS + ALLOWED.max_ms


# ---- refused -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"received_ms": START_MS - REQUEST_AGE_MAX_MS - 1}, "request.age"),
        ({"received_ms": START_MS + 1}, "request.age"),
        ({"unit": "mW"}, "request.unit"),
        ({"unit": ""}, "request.unit"),
        ({"kind": "forever"}, "request.kind"),
        ({"value": None}, "request.value"),
        ({"value": 2**53}, "request.value"),
        ({"value": -(2**53)}, "request.value"),
        ({"duration_ms": 0}, "request.duration"),
        ({"duration_ms": -1}, "request.duration"),
    ],
)
def test_a_request_that_cannot_be_taken_literally_is_refused(changes: dict[str, object], rule: str) -> None:
    assert refusing(judged(replace(ask(value=10_000), **changes))).rule == rule


def test_a_request_may_be_as_old_as_a_second() -> None:
    assert judged(ask(value=10_000, received_ms=START_MS - REQUEST_AGE_MAX_MS)).verdict is Verdict.GRANTED


@pytest.mark.parametrize("verb", [Verb.SET, Verb.RENEW])
@given(value=st.integers(0, 16_000), kind=st.sampled_from(Kind), mode=st.integers(0, len(MODES) - 1))
def test_without_permissions_everything_is_refused(verb: Verb, value: int, kind: Kind, mode: int) -> None:
    request = ask(verb, value=value, kind=kind.value)
    state = HELD if verb is Verb.RENEW else FREE_TO_SET  # whoever holds it may lower it; see test_policy_properties
    assert refusing(judged(request, replace(HOUSE, permissions=()), state=state, mode=mode)).rule == "permission.none"


@pytest.mark.parametrize(
    ("permission", "miss"),
    [
        (replace(ALLOWED, identities=frozenset({BEN})), "names you"),
        (replace(ALLOWED, target=1), "names you"),
        (replace(ALLOWED, modes=frozenset({DEGRADED})), "in mode normal"),
        (replace(ALLOWED, kinds=frozenset({Kind.SETTING})), "kind live"),
    ],
)
def test_what_no_permission_covers_is_refused_with_the_nearest_miss(permission: object, miss: str) -> None:
    clause = refusing(judged(ask(value=10_000), replace(HOUSE, permissions=(permission,))))
    assert clause.rule == "permission.none"
    assert miss in clause.text


def test_a_later_permission_may_cover_what_an_earlier_one_does_not() -> None:
    later = replace(ALLOWED, id="permissions.later")
    decision = judged(ask(value=10_000), replace(HOUSE, permissions=(replace(ALLOWED, modes=frozenset()), later)))
    assert decision.clauses[0].rule == "permissions.later"
    assert decision.lease is not None


def test_in_observe_the_answer_is_what_would_have_been_in_normal() -> None:
    watching = replace(HOUSE, observe=True)
    observe = MODES.index("observe")
    decision = judged(ask(value=10_000), watching, mode=observe)
    assert decision.verdict is Verdict.GRANTED
    assert decision.lease is not None
    assert lapsed(Around(watching, 0, ANNA, observe, (), START_MS), decision.lease) == ""
    assert "house mode" in lapsed(Around(HOUSE, 0, ANNA, observe, (), START_MS), decision.lease)


# ---- clipped -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("span", "permission", "rule", "value"),
    [
        (FREE.narrow(None, 8_000, "circuits.house"), ALLOWED, "circuits.house", 8_000),
        (FREE, replace(ALLOWED, hi=9_000), "permissions.box", 9_000),
        (FREE.narrow(None, 8_000, "circuits.house"), replace(ALLOWED, hi=7_000), "permissions.box", 7_000),
    ],
)
def test_a_clip_names_the_rule_that_binds(span: Span, permission: object, rule: str, value: int) -> None:
    decision = judged(ask(value=10_000), replace(HOUSE, permissions=(permission,)), span)
    assert (decision.verdict, decision.value) == (Verdict.CLIPPED, value)
    assert [(clause.rule, clause.effect) for clause in decision.clauses] == [
        ("permissions.box", "permits"),
        (rule, "clips"),
    ]
    assert decision.lease is not None
    assert (decision.lease.asked, decision.lease.value) == (10_000, value)


def test_beyond_the_rating_the_answer_says_what_the_device_can_do() -> None:
    house = replace(HOUSE, permissions=(replace(ALLOWED, lo=-50_000, hi=50_000),))
    decision = judged(ask(value=20_000), house)
    assert decision.value == 16_000
    assert "box.current can do 0 A to 16 A, but nothing between 0 A and 6 A" in decision.clauses[-1].text
    assert refusing(judged(ask(value=-5_000), house)).rule == "rating"


def test_four_ampere_of_a_box_that_starts_at_six_are_refused_and_not_raised() -> None:
    clause = refusing(judged(ask(value=4_000)))
    assert clause.rule == "rating"
    assert "nothing of 4 A is left but the safe value 0 A" in clause.text


def test_where_only_safe_is_left_the_refusal_names_who_left_it() -> None:
    assert refusing(judged(ask(value=10_000), span=FREE.narrow(0, 0, "limits.fuse"))).rule == "limits.fuse"
    assert refusing(judged(ask(value=10_000), span=FREE.narrow(None, 5_000, "circuit"))).rule == "circuit"
    empty = FREE.narrow(None, 3_000, "a").narrow(4_000, None, "b")
    assert refusing(judged(ask(value=10_000), span=empty)).rule == "b"


def test_a_permission_that_begins_above_safe_permits_its_band_and_safe_and_nothing_between() -> None:
    house = replace(HOUSE, permissions=(replace(ALLOWED, lo=8_000, hi=12_000),))
    assert judged(ask(value=10_000), house).value == 10_000
    assert judged(ask(value=0), house).verdict is Verdict.GRANTED
    assert judged(ask(value=16_000), house).value == 12_000
    assert refusing(judged(ask(value=7_000), house)).rule == "permissions.box"
    assert refusing(judged(ask(value=10_000), house, FREE.narrow(None, 7_000, "circuit"))).rule == "circuit"


@given(st.integers(-1_000, 20_000), st.integers(0, 16_000), st.integers(0, 16_000))
def test_whatever_is_granted_lies_between_safe_and_what_was_asked_within_span_and_band(
    asked: int, hi: int, band_hi: int
) -> None:
    house = replace(HOUSE, permissions=(replace(ALLOWED, hi=band_hi),))
    decision = judged(ask(value=asked), house, FREE.narrow(None, hi, "circuit"))
    if decision.lease is None:
        refusing(decision)
    else:
        assert decision.value == decision.lease.value
        assert 0 <= decision.lease.value <= min(asked, hi, band_hi)
        assert decision.lease.value == 0 or decision.lease.value >= 6_000
        assert (decision.verdict is Verdict.CLIPPED) == (decision.lease.value != asked)


# ---- held by another ---------------------------------------------------------------------------------------------
def test_another_of_the_same_priority_is_told_who_holds_the_target_and_for_how_long() -> None:
    clause = refusing(judged(ask(value=6_000, identity="cara"), state=HELD, holder=CARA))
    assert clause.rule == "lease.held"
    assert "anna holds this target for another 29 s" in clause.text


def test_a_higher_priority_takes_over_and_a_lower_one_does_not() -> None:
    assert judged(ask(value=6_000), state=HELD, holder=BEN).verdict is Verdict.GRANTED
    of_ben = replace(HELD, lease=replace(OF_ANNA, holder=BEN))
    assert refusing(judged(ask(value=6_000), state=of_ben, holder=ANNA)).rule == "lease.held"


def test_the_holder_itself_may_change_its_mind() -> None:
    assert judged(ask(value=6_000), state=HELD).verdict is Verdict.GRANTED


def test_whoever_lowers_what_he_holds_is_heard_however_late_it_comes() -> None:
    late = START_MS - 3_600_000
    assert judged(ask(value=6_000, received_ms=late), state=HELD).verdict is Verdict.GRANTED
    assert refusing(judged(ask(value=12_000, received_ms=late), state=HELD)).rule == "request.age"


# ---- renewing ----------------------------------------------------------------------------------------------------
def test_a_renewal_keeps_kind_and_wish_and_begins_its_time_anew() -> None:
    held = replace(HELD, lease=replace(OF_ANNA, asked=12_000, kind=Kind.SETTING))
    lease = judged(ask(Verb.RENEW), state=held).lease
    assert lease == Lease(ANNA, Kind.SETTING, 12_000, 12_000, START_MS, START_MS + 30_000, "", START_MS)
    longer = judged(ask(Verb.RENEW, duration_ms=60_000), state=held).lease
    assert longer is not None
    assert longer.expires_ms == START_MS + 60_000


def test_a_renewal_is_clipped_as_a_new_request_would_be() -> None:
    decision = judged(ask(Verb.RENEW), span=FREE.narrow(None, 8_000, "circuit"), state=HELD)
    assert (decision.verdict, decision.value) == (Verdict.CLIPPED, 8_000)


@pytest.mark.parametrize("holder", [BEN, CARA])
def test_nobody_renews_what_is_not_his(holder: int) -> None:
    assert refusing(judged(ask(Verb.RENEW), state=HELD, holder=holder)).rule == "lease.none"
    assert refusing(judged(ask(Verb.RENEW), holder=holder)).rule == "lease.none"


@pytest.mark.parametrize("duration_ms", [0, -1])
def test_a_renewal_for_no_time_at_all_is_refused(duration_ms: int) -> None:
    assert refusing(judged(ask(Verb.RENEW, duration_ms=duration_ms), state=HELD)).rule == "request.duration"


def test_what_the_device_cannot_express_is_clipped_towards_safe_and_said() -> None:
    decision = judged(ask(value=7_500))
    assert (decision.verdict, decision.value) == (Verdict.CLIPPED, 7_000)
    assert (decision.clauses[-1].rule, decision.clauses[-1].effect) == ("step", "clips")
    assert "steps of 1 A" in decision.clauses[-1].text
