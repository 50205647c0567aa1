"""A house that switches becomes exactly the plan that its documents ask for; and docs/switching.md shows its text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import pytest
from loader_slips import ROOT, SITE, Slip, make
from loader_switching import POLICY, TEXTS, house

from supervisor.kernel.hands import LOCAL
from supervisor.kernel.lease import Kind
from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.question import AllOf, AnyOf, Is, Outside, Question, Within
from supervisor.kernel.switchgear import Changeover, Contactor
from supervisor.kernel.trip import Narrowing
from supervisor.loader.load import load

PAGE = ROOT / "docs" / "switching.md"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return load(house(tmp_path_factory.mktemp("switching"))).plan


def target(plan: Plan, name: str) -> int:
    return next(i for i, target in enumerate(plan.targets) if target.id == name)


def named(plan: Plan, positions: Iterable[int]) -> tuple[str, ...]:
    return tuple(plan.targets[position].id for position in positions)


def signal(plan: Plan, name: str) -> int:
    return next(i for i, signal in enumerate(plan.signals) if signal.id == name)


def contactor(plan: Plan, name: str) -> Contactor:
    found = plan.targets[target(plan, name)].contactor
    assert found is not None
    return found


def changeover(plan: Plan, name: str) -> Changeover:
    return next(changeover for changeover in plan.changeovers if changeover.id == name)


def waits(plan: Plan, about: Contactor | Changeover) -> dict[str, int]:
    """The states that do not last for ever, in ms."""
    table = plan.contactor if isinstance(about, Contactor) else plan.changeover
    pairs = zip(table.states, about.timeouts, strict=True)
    return {state: timeout_ms for state, timeout_ms in pairs if timeout_ms is not None}


def shows(plan: Plan, name: str, code: int) -> Is:
    index = signal(plan, name)
    return Is(index, plan.signals[index].max_age_ms, code)


def below(plan: Plan, name: str, value: int) -> Outside:
    index = signal(plan, name)
    return Outside(index, plan.signals[index].max_age_ms, value, None)


# ---- contactors -----------------------------------------------------------------------------------------------------
def test_a_contactor_of_a_changeover_opens_by_its_changeovers_flow(plan: Plan) -> None:
    first = contactor(plan, "relays.coil_1")
    assert (first.zero_flow, first.breaks_ms, first.per_hour, first.changeover) == (None, None, 12, 0)
    assert (first.shown_open, first.shown_closed) == (
        shows(plan, "relays.contact_1", 0),
        shows(plan, "relays.contact_1", 1),
    )
    assert waits(plan, first) == {"looking": 3_000, "closing": 150, "opening": 150}
    assert waits(plan, contactor(plan, "relays.coil_2")) == {"looking": 3_000, "closing": 200, "opening": 200}


def test_a_contactor_by_itself_has_its_own_zero_flow_and_rests(plan: Plan) -> None:
    pump = contactor(plan, "relays.coil_3")
    assert (pump.min_on_ms, pump.min_off_ms, pump.per_hour) == (120_000, 300_000, 0)
    assert (pump.breaks_ms, pump.changeover) == (None, None)
    assert pump.zero_flow == below(plan, "submeter.current_l1", 200)
    assert pump.calm_ms == plan.signals[signal(plan, "submeter.current_l1")].max_age_ms, "no older reading opens it"
    heater = contactor(plan, "relays.coil_4")
    assert (heater.breaks_ms, heater.per_hour, heater.zero_flow, heater.doubt_ms) == (0, 20, None, 200)
    assert (heater.min_on_ms, heater.min_off_ms) == (0, 0)


def test_zero_flow_may_be_several_currents(plan: Plan) -> None:
    battery = signal(plan, "battery.current")
    stage = contactor(plan, "mains.coil_6")
    assert stage.zero_flow == AllOf((Within(battery, 5_000, -1_000, 1_000), below(plan, "submeter.current_l2", 200)))
    assert stage.calm_ms == 5_000, "the oldest that may be believed"


def test_a_second_device_must_agree_on_open_and_may_alone_say_closed(plan: Plan) -> None:
    grid = contactor(plan, "mains.coil_1")
    assert grid.shown_open == AllOf((shows(plan, "mains.contact_1", 0), shows(plan, "panel.aux_1", 0)))
    assert grid.shown_closed == AnyOf((shows(plan, "mains.contact_1", 1), shows(plan, "panel.aux_1", 1)))


def test_where_two_readings_are_asked_open_is_proven_only_while_the_other_one_denies_closed(tmp_path: Path) -> None:
    site = house(tmp_path)
    make(Slip(SITE, "open: panel.aux_1 is open", "open: battery.voltage below 10 V", ()), site)
    plan = load(site).plan
    grid, low = contactor(plan, "mains.coil_1"), below(plan, "battery.voltage", 10_000)
    assert grid.shown_open == AllOf((shows(plan, "mains.contact_1", 0), AllOf((low, shows(plan, "panel.aux_1", 0)))))
    assert grid.shown_closed == AnyOf((shows(plan, "mains.contact_1", 1), shows(plan, "panel.aux_1", 1)))


def test_a_precharge_knows_whom_it_charges(plan: Plan) -> None:
    island, helper = contactor(plan, "mains.coil_2"), contactor(plan, "mains.coil_5")
    assert island.precharge is not None
    assert named(plan, [island.precharge.by]) == ("mains.coil_5",)
    assert island.precharge.until == Outside(signal(plan, "busmeter.voltage_l1"), 2_000, None, 207_000)
    assert waits(plan, island)["precharging"] == 3_000
    assert named(plan, helper.charges) == ("mains.coil_2",)
    assert (helper.changeover, helper.precharge, helper.per_hour) == (None, None, 6)
    assert not any(t.contactor.charges for t in plan.targets if t.contactor and t.id != "mains.coil_5")


# ---- changeovers ----------------------------------------------------------------------------------------------------
def test_a_changeovers_target_is_the_number_of_its_position(plan: Plan) -> None:
    for index, name in enumerate(("phases", "supply")):
        position = plan.targets[target(plan, f"{name}.position")]
        assert (position.lo, position.hi, position.safe, position.step) == (0, 2, 0, 1)
        assert (position.changeover, position.contactor, position.ramp, position.hold_ms) == (index, None, None, 0)
        assert changeover(plan, name).target == target(plan, f"{name}.position")


def test_positions_keep_their_order_behind_all_open(plan: Plan) -> None:
    places = {c.id: [(p.name, named(plan, p.members)) for p in c.places] for c in plan.changeovers}
    assert places == {
        "phases": [("open", ()), ("one", ("relays.coil_1",)), ("three", ("relays.coil_1", "relays.coil_2"))],
        "supply": [("open", ()), ("grid", ("mains.coil_1",)), ("island", ("mains.coil_3", "mains.coil_2"))],
    }


def test_what_closes_first_in_any_position_opens_last(plan: Plan) -> None:
    assert named(plan, changeover(plan, "supply").members) == ("mains.coil_1", "mains.coil_3", "mains.coil_2")


def test_a_later_position_may_put_another_contactor_in_front(tmp_path: Path) -> None:
    site = house(tmp_path)
    make(Slip(SITE, "closed: [relays.coil_1, relays.coil_2]", "closed: [relays.coil_2, relays.coil_1]", ()), site)
    plan = load(site).plan
    assert named(plan, changeover(plan, "phases").members) == ("relays.coil_2", "relays.coil_1")


def test_what_holds_in_a_position_and_what_it_may_be_closed_onto(plan: Plan) -> None:
    _, grid, island = changeover(plan, "supply").places
    dead = [below(plan, f"busmeter.voltage_l{phase}", 20_000) for phase in (1, 2)]
    assert (grid.allows, grid.onto) == ((), AllOf(tuple(dead)))
    assert island.allows == (Narrowing(target(plan, "wallbox.current"), None, 6_000),)
    assert island.onto == Within(signal(plan, "busmeter.voltage_l1"), 2_000, 0, 20_000)
    assert all(place.onto is None and place.allows == () for place in changeover(plan, "phases").places)


def test_drains_bring_the_flow_to_zero(plan: Plan) -> None:
    wallbox, heater = target(plan, "wallbox.current"), target(plan, "relays.coil_4")
    assert changeover(plan, "phases").drains == (Narrowing(wallbox, 0, 0),)
    assert changeover(plan, "supply").drains == (Narrowing(wallbox, None, 0), Narrowing(heater, 0, 0))


def test_what_is_rated_to_break_its_load_needs_no_drain(tmp_path: Path) -> None:
    site = house(tmp_path)
    make(Slip(SITE, "drain: {wallbox.current: at most 0 A, relays.coil_4: stop}", "drain: {}", ()), site)
    assert changeover(load(site).plan, "supply").drains == ()


@pytest.mark.parametrize("mode", ["normal", "fault, maintenance", "orchestrator_lost"])
def test_a_mode_other_than_starting_may_stop_a_changeover(mode: str, tmp_path: Path) -> None:
    site = house(tmp_path)
    make(Slip(POLICY, "in: [fault, maintenance]", f"in: [{mode}]", ()), site)
    assert load(site).plan.mode_rules


def test_each_current_knows_its_doubter_and_who_carries_it(plan: Plan) -> None:
    phases, supply = changeover(plan, "phases"), changeover(plan, "supply")
    assert [
        (plan.signals[f.current.signal].id, f.against and plan.signals[f.against.signal].id, named(plan, f.through))
        for f in phases.flows
    ] == [
        ("feed.current_l1", "wallbox.current_l1", ("relays.coil_1",)),
        ("feed.current_l2", "wallbox.current_l2", ("relays.coil_2",)),
        ("feed.current_l3", None, ("relays.coil_2",)),
    ]
    assert {(f.zero, f.shown, f.current.max_age_ms) for f in phases.flows} == {(500, 1_000, 2_000)}
    assert {(f.against, f.through, f.zero, f.shown) for f in supply.flows} == {(None, supply.members, 300, 600)}
    assert (phases.calm_ms, phases.skew_ms, phases.dwell_ms) == (6_000, 8_000, 420_000)
    assert (supply.calm_ms, supply.skew_ms, supply.dwell_ms) == (2_000, 5_000, 0)


def test_each_step_of_a_changeover_has_its_time(plan: Plan) -> None:
    moving_ms = 150 + 200 + 1_000
    assert waits(plan, changeover(plan, "phases")) == {
        "draining": 30_000,
        "breaking": moving_ms,
        "waiting": 1_000,
        "probing": 10_000,
        "making": moving_ms,
        "settling": 10_000,
    }
    moving_ms = 3 * 150 + 3_000 + 1_000  # with the precharge
    assert waits(plan, changeover(plan, "supply")) == {
        "draining": 60_000,
        "breaking": moving_ms + 3 * 5_000,  # each waits for zero flow before it breaks its load
        "waiting": 2_000,
        "probing": 20_000,
        "making": moving_ms,
        "settling": 3_000,
    }


# ---- interlocks -----------------------------------------------------------------------------------------------------
def test_exactly_these_contactors_exclude_each_other(plan: Plan) -> None:
    groups = [(group.id, named(plan, group.members), group.at_most, group.dead_ms) for group in plan.groups]
    assert groups == [
        ("supply", ("mains.coil_1", "mains.coil_2"), 1, 2_000),
        ("supply", ("mains.coil_1", "mains.coil_3"), 1, 2_000),
        ("interlocks.pump_or_heater", ("relays.coil_3", "relays.coil_4"), 1, 0),
        ("interlocks.two_of_three", ("relays.coil_3", "relays.coil_4", "mains.coil_6"), 2, 0),
        ("interlocks.boiler_stages", ("mains.coil_4", "mains.coil_6"), 1, 10_000),
        ("supply", ("mains.coil_1", "mains.coil_5"), 1, 2_000),  # a precharge closes the same conductor
    ]
    assert all(len(group.why) >= 5 for group in plan.groups)


def test_two_contactors_exclude_each_other_exactly_when_no_position_closes_both(plan: Plan) -> None:
    for each in plan.changeovers:
        pairs = {frozenset(pair) for pair in combinations(each.members, 2)}
        together = {frozenset(pair) for place in each.places for pair in combinations(place.members, 2)}
        derived = {frozenset(g.members) for g in plan.groups if g.id == each.id and set(g.members) <= {*each.members}}
        assert derived == pairs - together


def test_a_precharge_is_kept_apart_from_all_that_its_contactor_is(tmp_path: Path) -> None:
    site = house(tmp_path)
    make(
        Slip(POLICY, "[relays.coil_3, relays.coil_4, mains.coil_6]", "[relays.coil_3, mains.coil_2, mains.coil_6]", ()),
        site,
    )
    make(Slip(POLICY, "never_together: [relays.coil_3,", "never_together: [mains.coil_2,", ()), site)
    plan = load(site).plan
    pairs = [named(plan, group.members) for group in plan.groups if target(plan, "mains.coil_5") in group.members]
    assert sorted(pairs) == [("mains.coil_1", "mains.coil_5"), ("relays.coil_4", "mains.coil_5")]


def test_one_precharge_for_both_of_two_is_kept_apart_from_neither(tmp_path: Path) -> None:
    site = house(tmp_path)
    charge = "precharge: {by: mains.coil_5, until: busmeter.voltage_l1 above 207 V, within: 3 s}"
    make(
        Slip(
            SITE,
            "        breaks_load: 5 s\n        proof: {open: panel.aux_1",
            f"        breaks_load: 5 s\n        {charge}\n        proof: {{open: panel.aux_1",
            (),
        ),
        site,
    )
    plan = load(site).plan
    assert named(plan, contactor(plan, "mains.coil_5").charges) == ("mains.coil_1", "mains.coil_2")
    assert not any(target(plan, "mains.coil_5") in group.members for group in plan.groups)


def test_needs_name_who_must_be_closed_or_what_must_be_so(plan: Plan) -> None:
    pump, grid = plan.needs
    assert (pump.id, named(plan, [pump.target])) == ("interlocks.boiler_needs_pump", ("mains.coil_6",))
    assert pump.requires == target(plan, "relays.coil_3")
    assert pump.question is None
    assert (grid.id, named(plan, [grid.target]), grid.requires) == (
        "interlocks.boiler_needs_grid",
        ("mains.coil_4",),
        None,
    )
    assert grid.question == Within(signal(plan, "busmeter.frequency"), 8_000, 49_800, 50_200)


# ---- policies -------------------------------------------------------------------------------------------------------
def test_each_position_is_permitted_by_itself(plan: Plan) -> None:
    rows = [(p.id, named(plan, [p.target])[0], p.lo, p.hi, p.max_ms) for p in plan.permissions]
    hour_ms = 3_600_000
    assert rows == [
        ("hands.car_button", "phases.position", 2, 2, 8 * hour_ms),
        ("hands.car_button", "wallbox.current", 16_000, 16_000, 8 * hour_ms),
        ("permissions.choose_phases", "phases.position", 1, 1, 8 * hour_ms),
        ("permissions.choose_phases", "phases.position", 2, 2, 8 * hour_ms),
        ("permissions.choose_supply", "supply.position", 1, 1, hour_ms),
        ("permissions.heat", "relays.coil_4", 0, 1, hour_ms),
    ]
    kinds = {p.id: p.kinds for p in plan.permissions}
    assert kinds["permissions.choose_phases"] == frozenset(Kind)
    assert kinds["permissions.choose_supply"] == {Kind.SETTING}


def test_programs_and_rules_name_positions(plan: Plan) -> None:
    orphaned = MODES.index("orchestrator_lost")
    programs = [(named(plan, [p.target])[0], p.value, orphaned in p.modes) for p in plan.programs]
    assert programs == [("supply.position", 1, True), ("phases.position", 1, True)]
    supply, phases = target(plan, "supply.position"), target(plan, "phases.position")
    assert [rule.actions for rule in plan.rules] == [(Narrowing(supply, 0, 0),), (Narrowing(phases, 0, 0),)]
    assert [rule.unknown_actions for rule in plan.rules] == [rule.actions for rule in plan.rules]  # they freeze it
    stopped = [(named(plan, [r.target])[0], r.lo, r.hi) for r in plan.mode_rules]
    assert stopped == [("phases.position", 0, 0), ("wallbox.current", 0, 0)]


# ---- the local hand -------------------------------------------------------------------------------------------------
def test_a_button_speaks_like_an_orchestrator_that_goes_before_all(plan: Plan) -> None:
    (hand,) = plan.local.hands
    assert hand.question == shows(plan, "panel.car_button", 1)
    assert hand.orders == ((target(plan, "phases.position"), 2), (target(plan, "wallbox.current"), 16_000))
    assert hand.for_ms == 8 * 3_600_000
    optimiser, button = plan.identities
    assert (optimiser.name, button.name, hand.identity) == ("optimiser", "hands.car_button", 1)
    assert (button.role, button.expected) == (LOCAL, False)
    assert button.priority > 100 >= optimiser.priority
    mine = [permission for permission in plan.permissions if permission.id == hand.id]
    working = {MODES.index(mode) for mode in ("normal", "degraded", "orchestrator_lost")}
    assert all(p.identities == {1} and p.modes == working and p.kinds == {Kind.SETTING} for p in mine)


def test_a_second_button_is_another_identity(tmp_path: Path) -> None:
    site = house(tmp_path)
    more = (
        "    lamp_key:\n      {why: light for the stairs, when: panel.key is on, set: {panel.lamp: on}, for: 1 min}\n"
    )
    make(Slip(SITE, "      for: 8 h\n", f"      for: 8 h\n{more}", ()), site)
    plan = load(site).plan
    assert [hand.identity for hand in plan.local.hands] == [1, 2]
    assert [identity.name for identity in plan.identities] == ["optimiser", "hands.car_button", "hands.lamp_key"]
    assert {p.identities for p in plan.permissions if p.id == "hands.lamp_key"} == {frozenset({2})}


def test_no_token_speaks_in_a_buttons_name(tmp_path: Path) -> None:
    assert set(load(house(tmp_path)).tokens) == {"optimiser"}


def test_the_house_is_reset_and_locked_by_what_is_in_it(plan: Plan) -> None:
    assert plan.local.reset == shows(plan, "panel.reset", 1)
    assert plan.local.maintenance == shows(plan, "panel.key", 1)
    assert named(plan, plan.local.locks) == ("mains.coil_1", "mains.coil_2", "mains.coil_3")


def test_every_question_of_switching_is_watched(plan: Plan) -> None:
    asked: list[Question] = [hand.question for hand in plan.local.hands]
    asked += [q for q in (plan.local.reset, plan.local.maintenance) if q is not None]
    asked += [need.question for need in plan.needs if need.question is not None]
    asked += [place.onto for each in plan.changeovers for place in each.places if place.onto is not None]
    for found in (t.contactor for t in plan.targets if t.contactor):
        asked += [found.shown_open, found.shown_closed, found.seen, found.gone]
        asked += [found.zero_flow] if found.zero_flow is not None else []
        asked += [found.precharge.until] if found.precharge is not None else []
    ages = {(source.signal, source.max_age_ms) for source in plan.ages}
    for question in asked:
        for index in question.signals():
            assert question in plan.watched[index]
    for flow in (flow for each in plan.changeovers for flow in each.flows):
        assert {(s.signal, s.max_age_ms) for s in (flow.current, flow.against) if s is not None} <= ages
        assert any(isinstance(q, Within) and q.hi == flow.zero for q in plan.watched[flow.current.signal])


# ---- the page -------------------------------------------------------------------------------------------------------
def test_the_page_shows_the_text_of_this_house() -> None:
    snippets = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(snippets) >= 6
    for snippet in snippets:
        assert any(snippet in text for text in TEXTS.values()), snippet


def test_the_page_names_every_key(plan: Plan) -> None:
    page = PAGE.read_text("utf-8")
    keys = (
        "breaks_load zero_flow travel min_on min_off per_hour precharge proof by until within open closed positions"
        " onto allows safe drain drain_within flow of against through below shown_by for skew dead_time onto_within"
        " settle dwell sources hard_wired never_together at_most break_before_make contactor requires only_while reset"
        " maintenance when locks hands set"
    )
    for key in keys.split():
        assert f"`{key}`" in page, key
    for state in (*plan.changeover.states, *plan.contactor.states):
        assert f"`{state}`" in page, state
