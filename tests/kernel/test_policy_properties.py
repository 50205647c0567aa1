"""What must hold of every policy, every wish and every reading: ten thousand of each, by number.

The expectations are written from the rules, not from the code that judges: who is covered is found here by looking at
every permission by itself.
"""

from __future__ import annotations

import random

import pytest
from kernel_house import PLAN, House
from kernel_policies import EXAMPLES, Case, ban, case
from kernel_toys import IDENTITIES, START_MS, ask, replace

from supervisor.kernel.cycle import step
from supervisor.kernel.lease import Decision, Request, Verb, Verdict
from supervisor.kernel.plan import MODES, Ban, Permission
from supervisor.kernel.question import NO, YES
from supervisor.kernel.requests import Desk
from supervisor.kernel.signal import MISSING, Quality
from supervisor.kernel.state import boot


def granted(decision: Decision) -> bool:
    return decision.verdict in (Verdict.GRANTED, Verdict.CLIPPED)


def own_lowering(about: Case) -> bool:
    """Does whoever holds the target ask for less? That is never refused, so the rules below do not speak of it."""
    lease, safe, value = about.state.lease, about.plan.targets[0].safe, about.request.value or 0
    if lease is None or lease.holder != about.holder or about.request.starts_in_ms or value == lease.value:
        return False
    return safe <= value <= lease.value or lease.value <= value <= safe


def covers(about: Case, permission: Permission, value: int) -> bool:
    """Does this permission, by itself, let this identity have this value now?"""
    mode = MODES.index("normal") if about.plan.observe else about.mode
    return (
        about.holder in permission.identities
        and mode in permission.modes
        and about.request.kind in permission.kinds
        and (permission.lo <= value <= permission.hi or value == about.plan.targets[0].safe)
        and (permission.only_while is None or permission.only_while.ask(about.image, START_MS, True) is YES)
    )


def bars(about: Case, rule: Ban, value: int) -> bool:
    """Does this ban, by itself, keep this identity from this value now? Not knowing bars."""
    known_off = rule.question is not None and rule.question.ask(about.image, START_MS, True) is NO
    at = about.holder in rule.identities and about.mode in rule.modes and rule.lo <= value <= rule.hi
    return at and not known_off and value != about.plan.targets[0].safe


def test_an_empty_policy_set_refuses_everything_but_stops() -> None:
    refused = 0
    for seed in range(EXAMPLES):
        about = case(seed)
        nothing = replace(about.plan, permissions=(), bans=())
        before = replace(boot(nothing, START_MS), targets=(replace(about.state, lease=None),))
        desk = Desk(nothing, before, before.orchestrators, [about.span], about.image, about.mode, START_MS)
        decision = desk.answer(about.request)
        assert (decision.verdict, decision.lease) == (Verdict.REFUSED, None), seed
        refused += 1
        stopped = desk.answer(ask(Verb.STOP, about.request.identity))
        assert (stopped.verdict, desk.targets[0].stopped_by) == (Verdict.DONE, about.request.identity), seed
    assert refused == EXAMPLES


def test_any_refusal_beats_any_permission() -> None:
    beaten = 0
    for seed in range(EXAMPLES):
        about = case(seed)
        without = about.judged()
        more = ban(random.Random(-seed - 1), 9)
        decision = about.judged(replace(about.plan, bans=(*about.plan.bans, more)))
        value = about.request.value or 0
        if not own_lowering(about) and (bars(about, more, value) or bars(about, more, decision.value or 0)):
            assert decision.verdict is Verdict.REFUSED, seed
            beaten += granted(without)
        if granted(decision) and decision.value is not None:
            assert not any(bars(about, rule, decision.value) for rule in (*about.plan.bans, more)), seed
    assert beaten > 200, "hardly any of these bans had anything to beat"


def test_order_and_duplicates_change_nothing() -> None:
    for seed in range(EXAMPLES):
        about, dice = case(seed), random.Random(seed)
        permissions, bans = list(about.plan.permissions), list(about.plan.bans)
        permissions += [said for said in permissions if dice.random() < 0.5]
        bans += [rule for rule in bans if dice.random() < 0.5]
        dice.shuffle(permissions)
        dice.shuffle(bans)
        shuffled = replace(about.plan, permissions=tuple(permissions), bans=tuple(bans))
        assert about.judged(shuffled) == about.judged(), seed


def test_a_grant_names_the_clause_that_permits_it_for_every_document() -> None:
    grants = 0
    for seed in range(EXAMPLES):
        about = case(seed)
        decision = about.judged()
        if not granted(decision) or decision.value is None:
            continue
        named = {clause.rule for clause in decision.clauses if clause.effect == "permits"}
        if own_lowering(about):
            assert "tightening" in named, seed
            continue
        grants += 1
        layers = {said.layer for said in about.plan.permissions if about.holder in said.identities}
        assert layers, seed
        for layer in layers:
            fitting = [p for p in about.plan.permissions if p.layer == layer and covers(about, p, decision.value)]
            assert named & {p.id for p in fitting}, (seed, layer)
            assert decision.lease is not None
            lasts_ms = decision.lease.expires_ms - decision.lease.starts_ms
            assert lasts_ms <= max(p.max_ms for p in fitting), (seed, layer, "no document permits it for so long")
    assert grants > 1_000, "hardly anything was granted"


def test_what_cannot_be_known_inside_a_rule_refuses() -> None:
    """One reading that a rule looks at is made missing, old, doubtful or senseless: no grant may rest on it."""
    turned = 0
    for seed in range(EXAMPLES):
        about, dice = case(seed), random.Random(seed)
        at = dice.randrange(len(about.image))
        was = about.image[at]
        ruined = dice.choice(
            (
                MISSING,
                replace(was, quality=Quality.INVALID, value=None),
                replace(was, quality=Quality.STALE),
                replace(was, quality=Quality.SUSPECT),
                replace(was, at_ms=START_MS - 3_600_000),
            )
        )
        blind = replace_image(about, at, ruined)
        rested = [p for p in about.plan.permissions if p.only_while is not None and at in p.only_while.signals()]
        others = replace(about.plan, permissions=tuple(p for p in about.plan.permissions if p not in rested))
        decision = blind.judged()
        if granted(decision) and not own_lowering(about) and rested and _sole(rested):
            without = replace_image(about, at, ruined).judged(others)
            assert decision.value == without.value, seed  # what is granted is granted without that permission, too
        turned += granted(about.judged()) and not granted(decision)
    assert turned > 50, "hardly any of these readings mattered"


def _sole(rested: list[Permission]) -> bool:
    """Do they look at nothing else? A question of several parts may be answered by another one."""
    return all(p.only_while is not None and len(p.only_while.signals()) == 1 for p in rested)


def replace_image(about: Case, at: int, reading: object) -> Case:
    image = tuple(reading if i == at else was for i, was in enumerate(about.image))
    return Case(about.plan, about.request, about.span, about.state, about.holder, about.mode, image)  # type: ignore[arg-type]


def test_a_clip_never_moves_away_from_safe_and_never_leaves_what_is_allowed() -> None:
    clips = 0
    for seed in range(EXAMPLES):
        about = case(seed)
        decision, target, asked = about.judged(), about.plan.targets[0], about.request.value or 0
        if decision.value is None:
            continue
        safe, value = target.safe, decision.value
        assert min(safe, asked) <= value <= max(safe, asked), seed
        assert target.lo <= value <= target.hi, seed
        assert not any(lo < value < hi for lo, hi in target.bands), seed
        if value != safe and not about.request.starts_in_ms:
            assert about.span.lo <= value <= about.span.hi, seed
        clips += decision.verdict is Verdict.CLIPPED
    assert clips > 500, "hardly anything was clipped"


def test_whoever_lowers_what_he_holds_is_never_refused_and_never_gets_longer() -> None:
    lowered = 0
    for seed in range(EXAMPLES):
        about = case(seed)
        lease = about.state.lease
        if lease is None or not own_lowering(replace_holder(about, lease.holder)):
            continue
        mine = replace_holder(about, lease.holder)
        decision = mine.judged()
        assert granted(decision), seed
        assert decision.lease is not None
        assert decision.lease.expires_ms <= lease.expires_ms, seed
        lowered += 1
    assert lowered > 500


def replace_holder(about: Case, holder: int) -> Case:
    request = replace(about.request, identity=IDENTITIES[holder].name)
    return Case(about.plan, request, about.span, about.state, holder, about.mode, about.image)


@pytest.fixture(scope="module")
def worn_houses() -> list[House]:
    """The example house in trouble of all kinds: mute, blind, tripped, welded, abandoned."""
    houses = []
    for silent in (set(), {"meter"}, {"battery", "relays"}, {"meter", "battery", "relays", "wallbox"}):
        for say in ({}, {"battery.protection": 1}, {"meter.current_l1": 60_000}, {"battery.soc": 50}):
            house = House()
            house.live(11_000)
            house.silent, house.say = set(silent), dict(say)
            house.live(4_000)
            houses.append(house)
    return houses


def test_a_stop_passes_in_every_house_mode_with_a_full_disk_and_a_stale_meter_too(worn_houses: list[House]) -> None:
    """After the cycle in which somebody said stop, every level is at its safe value and every contact is on its way."""
    asked: list[Request] = []
    for seed in range(EXAMPLES):
        dice = random.Random(seed)
        house = dice.choice(worn_houses)
        at, mode = house.now_ms + dice.randrange(1, 90_000), dice.randrange(len(MODES))
        state = replace(house.state, house=replace(house.state.house, state=mode))
        identity = dice.choice(PLAN.identities).name
        target = dice.choice(["", *(t.id for t in PLAN.targets)])
        request = ask(Verb.STOP, identity, target=target, now_ms=at - dice.choice((0, 3_600_000)))
        result = step(PLAN, state, house.image, (request,), at, recording=dice.random() < 0.5)
        (decision,) = result.decisions
        assert decision.verdict is Verdict.DONE, seed
        for position, about in enumerate(PLAN.targets):
            if target in ("", about.id):
                after = result.state.targets[position]
                assert (after.lease, after.planned, after.stopped_by) == (None, None, identity), seed
                assert about.contactor is not None or after.output == about.safe, seed
        asked.append(request)
    assert len(asked) == EXAMPLES


def test_the_judge_looks_at_nothing_but_what_it_is_given() -> None:
    """The same case, judged in another order among others, comes to the same."""
    first = [case(seed).judged() for seed in range(500)]
    again = [case(seed).judged() for seed in reversed(range(500))]
    assert first == again[::-1]
