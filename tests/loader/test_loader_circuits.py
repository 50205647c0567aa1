"""A tree of fuses becomes exactly the plan that its document asks for; and docs/circuits.md shows its text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from loader_mains import BY_VALUE, SECOND_METER, TEXTS, house
from loader_slips import ROOT, SITE, Slip, make, refused, slip

from supervisor.kernel.mains import Circuit, Feed
from supervisor.kernel.plan import Plan
from supervisor.kernel.signal import Source
from supervisor.kernel.sums import Sum
from supervisor.loader.circuits import CURVES
from supervisor.loader.load import load

PAGE = ROOT / "docs" / "circuits.md"
GARAGE = "    within: house\n    fuse: 20 A"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return load(house(tmp_path_factory.mktemp("mains"))).plan


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return house(tmp_path)


def circuit(plan: Plan, name: str) -> Circuit:
    return next(circuit for circuit in plan.circuits if circuit.id == f"circuits.{name}")


def source(plan: Plan, name: str) -> Source:
    index = next(i for i, signal in enumerate(plan.signals) if signal.id == name)
    return Source(index, plan.signals[index].max_age_ms)


def fed(plan: Plan, name: str) -> dict[str, Feed]:
    return {plan.targets[feed.target].id: feed for feed in circuit(plan, name).feeds}


def test_whatever_hangs_on_a_circuit_hangs_on_all_above_it(plan: Plan) -> None:
    assert list(fed(plan, "socket")) == ["scooter.current"]
    assert list(fed(plan, "garage")) == ["guestbox.current", "scooter.current"]
    assert list(fed(plan, "house")) == ["wallbox.current", "guestbox.current", "scooter.current"]
    assert [one.parent for one in plan.circuits] == [None, 0, 1]


def test_a_feed_is_found_on_the_phase_on_which_it_is(plan: Plan) -> None:
    l2 = (None, source(plan, "scooter.current_l1"), None)
    for name in ("garage", "house"):
        assert fed(plan, name)["scooter.current"] == Feed(fed(plan, name)["scooter.current"].target, l2, (0, 2))


def test_without_a_meter_the_rest_is_that_of_all_within(plan: Plan) -> None:
    garage = circuit(plan, "garage")
    assert (garage.phases, garage.width, garage.unmeasured) == ((), 3, 3_000)
    assert circuit(plan, "socket").width == 1


def test_the_times_of_a_meter_are_as_written_and_usual_where_nothing_is_said(plan: Plan) -> None:
    assert (circuit(plan, "house").grace_ms, circuit(plan, "house").trust_ms) == (2_000, 60_000)
    assert (circuit(plan, "garage").grace_ms, circuit(plan, "garage").trust_ms) == (1_000, 30_000)


def test_a_curve_is_that_of_its_kind_with_its_thresholds(plan: Plan) -> None:
    house, garage = circuit(plan, "house").curve, circuit(plan, "garage").curve
    assert house is not None
    assert garage is not None
    assert (house.id, house.points, house.warm, house.hot) == ("circuits.house.curve", CURVES["gG"], 500, 800)
    assert (garage.points, garage.warm, garage.hot) == (CURVES["B"], 400, 700)
    assert circuit(plan, "socket").curve is None


@pytest.mark.parametrize("name", CURVES)
def test_the_tables_keep_what_the_standards_print(name: str) -> None:
    """gG carries 1.25, breakers 1.13 for ever; what melts or trips within an hour (1.6, 1.45) is on the table."""
    points = dict(CURVES[name])
    assert set(points) > ({1_250, 1_600} if name == "gG" else {1_130, 1_450, 2_550})
    assert list(CURVES[name]) == sorted(CURVES[name])
    assert sorted(points.values(), reverse=True) == list(points.values())


def test_a_balance_is_a_row_that_finds_the_meter_wrong(plan: Plan) -> None:
    row = plan.rules[circuit(plan, "house").check or 0]
    meter = tuple(source(plan, f"meter.power_l{n}") for n in (1, 2, 3))
    loads = tuple(source(plan, f"{name}.power") for name in ("wallbox", "guestbox", "scooter"))
    assert row.id == "circuits.house.sign"
    assert row.question == Sum((*meter, source(plan, "pv.power")), loads, -1_500_000, None)
    assert (row.hold_ms, row.actions, row.latch.value) == (10_000, (), "none")


def test_a_second_meter_is_a_row_for_both_sides(site: Path) -> None:
    text = (site / SITE).read_text("utf-8")
    begin, end = text.index("    check:\n"), text.index("    feeds:\n")
    (site / SITE).write_text(text[:begin] + SECOND_METER + text[end:], "utf-8")
    plan = load(site).plan
    question = plan.rules[0].question
    assert isinstance(question, Sum)
    assert (question.minus, question.lo, question.hi) == ((source(plan, "pv.power"),), -500_000, 500_000)


def test_a_devices_own_grace_is_in_the_plan(plan: Plan) -> None:
    assert {device.id: device.grace_ms for device in plan.devices}["pv"] == 180_000
    assert {device.id: device.grace_ms for device in plan.devices}["meter"] is None


def test_every_question_of_the_supply_has_its_age_in_the_plan(plan: Plan) -> None:
    for name in ("meter.power_l1", "pv.power", "meter.current_l1"):
        assert source(plan, name) in plan.ages
    assert plan.watched[source(plan, "meter.current_l1").signal]


# ---- slips ----------------------------------------------------------------------------------------------------------
SLIPS = [
    slip(
        "an unknown circuit above", SITE, GARAGE, GARAGE.replace("house", "hose"), "there is no circuit 'hose'; did you"
    ),
    slip(
        "a circle",
        SITE,
        "    fuse: 35 A\n",
        "    within: socket\n    fuse: 35 A\n",
        "house -> socket -> garage -> house",
        at="    within: house",
    ),
    slip("within itself", SITE, "within: garage", "within: socket", "socket -> socket is a circle"),
    slip(
        "a feed typed twice in one tree",
        SITE,
        "      scooter.current: [scooter.current_l1]\n",
        "      scooter.current: [scooter.current_l1]\n      guestbox.current: [guestbox.current_l2]  # HERE\n",
        "guestbox.current also hangs on",
        "write it once, at the lowest",
        at="      guestbox.current: [guestbox.current_l1,",
    ),
    slip(
        "the rest is not said", SITE, "    unmeasured: 3 A\n", "", "'unmeasured: 3 A'", "name a 'meter'", at="  garage:"
    ),
    slip(
        "a rest with a meter",
        SITE,
        "    blind: 6 A\n",
        "    blind: 6 A\n    unmeasured: 1 A  # HERE\n",
        "the meter sees what else draws there",
    ),
    slip(
        "phases with a meter",
        SITE,
        "    blind: 6 A\n",
        "    blind: 6 A\n    phases: 3  # HERE\n",
        "the meter says how many",
    ),
    slip(
        "asymmetry without a meter",
        SITE,
        "    unmeasured: 0 A\n",
        "    unmeasured: 0 A\n    asymmetry: 5 A  # HERE\n",
        "without a meter nobody knows it",
    ),
    slip(
        "blind without a meter",
        SITE,
        "    unmeasured: 0 A\n",
        "    unmeasured: 0 A\n    blind: 5 A  # HERE\n",
        "nothing falls silent",
    ),
    slip(
        "the phase of the circuit above is not said",
        SITE,
        "    on: [l2]\n",
        "",
        "say which, such as 'on: [l1]'",
        at="  socket:",
    ),
    slip("two phases for one", SITE, "on: [l2]", "on: [l2, l3]", "name 1 different phases of garage"),
    slip("a phase that is not there", SITE, "on: [l2]", "on: [l4]", "not one of l1, l2, l3"),
    slip("on without a circuit above", SITE, "    asymmetry: 20 A\n", "    on: [l1]  # HERE\n", "there is none"),
    slip(
        "phases of its own are not said",
        SITE,
        "    phases: 1\n",
        "",
        "name 3 different phases of garage",
        at="    on: [l2]",
    ),
    slip(
        "a meter below one that has none",
        SITE,
        "    phases: 1\n    on: [l2]\n    fuse: 10 A\n    margin: 0 A\n    unmeasured: 0 A\n",
        "    on: [l2]\n    fuse: 10 A\n    margin: 0 A\n    meter: {current: [meter.current_l2]}\n    blind: 1 A\n",
        "garage above it has none",
        at="  socket:",
    ),
    slip("a curve is misspelt", SITE, "    curve: gG", "    curve: gg", "'gg' is not one of gG, B, C"),
    slip("a curve of no type", SITE, "{type: B, warm: 40 %, hot: 70 %}", "{warm: 40 %}", "'type' is missing"),
    slip("warm after hot", SITE, "warm: 40 %", "warm: 70 %", "warm must be less than hot"),
    slip("hot when it is gone", SITE, "hot: 70 %", "hot: 100 %", "between 0 % and 100 %"),
    slip("a key of a curve is misspelt", SITE, "warm: 40 %", "worm: 40 %", "did you mean 'warm'?"),
    slip(
        "no trust at all",
        SITE,
        "trust_after: 1 min\n    meter:\n",
        "trust_after: 0 s\n    meter:\n",
        "not within 1000..",
    ),
    slip(
        "a check of nothing",
        SITE,
        "      sources: [pv.power]\n      loads: [wallbox.power, guestbox.power, scooter.power]\n",
        "",
        "name a second meter",
        at="    check:",
    ),
    slip(
        "a check with itself",
        SITE,
        "sources: [pv.power]",
        "sources: [meter.power_l1]",
        "compared with itself",
        at="    check:",
    ),
    slip(
        "a check of both kinds",
        SITE,
        "      sources: [pv.power]\n",
        "      sources: [pv.power]\n      same: [pv.power]\n",
        "not both",
        at="    check:",
    ),
    slip(
        "a check without power",
        SITE,
        "      power: [meter.power_l1, meter.power_l2, meter.power_l3]\n",
        "",
        "add 'power' to its meter",
        at="    check:",
    ),
    slip("a check with currents", SITE, "loads: [wallbox.power,", "loads: [wallbox.current_l1,", "in mA, not in mW"),
    slip("a check without tolerance", SITE, "within: 1500 W", "within: 0 W", "never agree to the last"),
    slip("a check for no time", SITE, "for: 10 s", "for: 0 s", "not within 1000.."),
    slip(
        "nothing hangs on it",
        SITE,
        "    feeds:\n      scooter.current: [scooter.current_l1]\n",
        "",
        "nothing hangs on it",
        at="  socket:",
    ),
    slip("no margin is left", SITE, "    margin: 2 A", "    margin: 35 A", "leaves nothing of the fuse"),
    slip("a grace of an hour", SITE, "grace: 3 min", "grace: 1 h", "not within 1000..600000 ms"),
]


@pytest.mark.parametrize("wrong", SLIPS)
def test_a_slip_is_refused_at_its_line(wrong: Slip, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(wrong, site, capsys)


def test_two_trees_may_have_the_same_feed(site: Path) -> None:
    """An outlet's rating beside the house's fuse, as in policies/rebundling: neither is within the other."""
    text = "  outlet:\n    why: its outlet bears 10 A\n    fuse: 10 A\n    margin: 0 A\n    unmeasured: 0 A\n"
    text += "    phases: 3\n"
    feed = "    feeds: {wallbox.current: [wallbox.current_l1, wallbox.current_l2, wallbox.current_l3]}\n"
    make(Slip(SITE, "\ngrid:\n", text + feed + "\ngrid:\n", ()), site)
    plan = load(site).plan
    assert (circuit(plan, "outlet").parent, list(fed(plan, "outlet"))) == (None, ["wallbox.current"])


# ---- the page -------------------------------------------------------------------------------------------------------
def test_the_page_shows_the_text_of_this_house() -> None:
    snippets = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(snippets) >= 5
    for snippet in snippets:
        assert any(snippet in text for text in (*TEXTS.values(), BY_VALUE, SECOND_METER)), snippet


def test_the_page_names_every_key() -> None:
    page = PAGE.read_text("utf-8")
    keys = (
        "why fuse margin blind asymmetry curve blind_after trust_after meter current power check sources loads"
        " same within for clear feeds unmeasured phases on type warm hot grace limit react through produces acts"
        " share when value active heartbeat timeout renew_within failsafe failsafe_for floor limits devices draws"
    )
    for key in keys.split():
        assert f"`{key}`" in page, key
    for state in ("init", "unlimited", "limited", "failsafe", "autonomous"):
        assert f"`{state}`" in page, state
