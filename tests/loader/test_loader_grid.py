"""What the grid operator may ask becomes exactly the plan that its document asks for, and a slip is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from loader_guard import WITH_GUARD
from loader_mains import by_value, house
from loader_slips import SITE, Slip, make, refused, slip

from supervisor.kernel.mains import Curtailed, Dimmed, Grid
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Is
from supervisor.kernel.signal import Source
from supervisor.kernel.sums import Sum
from supervisor.kernel.trip import Narrowing
from supervisor.loader.documents import DocumentError
from supervisor.loader.load import load

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return load(house(tmp_path_factory.mktemp("grid"))).plan


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return house(tmp_path)


def grid(plan: Plan) -> Grid:
    assert plan.grid is not None
    return plan.grid


def number(plan: Plan, name: str) -> int:
    return next(i for i, target in enumerate(plan.targets) if target.id == name)


def source(plan: Plan, name: str) -> Source:
    index = next(i for i, signal in enumerate(plan.signals) if signal.id == name)
    return Source(index, plan.signals[index].max_age_ms)


def test_an_export_limit_is_as_written(plan: Plan) -> None:
    export = grid(plan).export
    assert export is not None
    assert (export.id, export.limit, export.margin, export.blind) == ("grid.export", 5_000_000, 200_000, 2_000_000)
    assert (export.trust_ms, export.proportional) == (60_000, False)
    assert export.meter == tuple(source(plan, f"meter.power_l{n}") for n in (1, 2, 3))
    assert export.targets == (Curtailed(number(plan, "pv.power_limit"), source(plan, "pv.power")),)


def test_who_does_not_follow_in_time_is_brought_to_safe(plan: Plan) -> None:
    late = next(rule for rule in plan.rules if rule.id == "grid.export.late")
    export = grid(plan).export
    assert export is not None
    assert late.question == Sum(export.meter, (), -5_000_000, None)
    assert (late.hold_ms, late.actions) == (7_000, (Narrowing(number(plan, "pv.power_limit"), 0, 0),))


def test_a_contact_is_as_written(plan: Plan) -> None:
    dimming = grid(plan).dimming
    assert dimming is not None
    assert isinstance(dimming.contact, Is)
    assert (dimming.limit, dimming.floor, dimming.failsafe) == (4_200_000,) * 3
    assert (dimming.failsafe_ms, dimming.together, dimming.value) == (None, False, None)
    assert dimming.devices == tuple(Dimmed(number(plan, f"{n}.current"), 3, None) for n in ("wallbox", "guestbox"))


def test_a_value_with_its_heartbeat_is_as_written(tmp_path: Path) -> None:
    plan = load(by_value(tmp_path), families=WITH_GUARD).plan
    dimming = grid(plan).dimming
    assert dimming is not None
    assert (dimming.value, dimming.beat) == (source(plan, "guard.limit"), source(plan, "guard.beat"))
    assert (dimming.counted, dimming.together, dimming.contact) == (True, True, None)
    assert (dimming.timeout_ms, dimming.renew_ms, dimming.failsafe_ms) == (120_000, 120_000, 2 * HOUR_MS)
    assert dimming.meter == (source(plan, "meter.power"),)
    assert dimming.devices[0] == Dimmed(number(plan, "wallbox.current"), 3, source(plan, "wallbox.power"))


def test_a_house_without_a_grid_section_has_none(site: Path) -> None:
    text = (site / SITE).read_text("utf-8")
    begin, end = text.index("grid:\n"), text.index("orchestrators:\n")
    (site / SITE).write_text(text[:begin] + text[end:], "utf-8")
    assert load(site).plan.grid is None


EXPORT = [
    slip("a promise that nobody can keep", SITE, "react: 7 s", "react: 5 s", "may take 6050 ms", "promise that"),
    slip(
        "a promise of the driver alone",
        SITE,
        "produces: pv.power, acts: 3 s",
        "produces: pv.power",
        "pv.power_limit (10000",
        "say what the device was measured to take",
        at="    react: 7 s",
    ),
    slip("an export of amperes", SITE, "limit: 5 kW", "limit: 5 A", "the unit 'A' does not fit"),
    slip("a negative export", SITE, "limit: 5 kW", "limit: -5 kW", "is not within 0 W"),
    slip(
        "nobody gives way",
        SITE,
        "    through:\n      pv.power_limit: {produces: pv.power, acts: 3 s}\n",
        "    through: {}\n",
        "nobody gives way",
    ),
    slip(
        "a car gives way",
        SITE,
        "      pv.power_limit: {produces: pv.power, acts: 3 s}",
        "      wallbox.current: {}",
        "set in mA; a generator's limit is set as a power",
    ),
    slip(
        "an unknown generator",
        SITE,
        "      pv.power_limit: {produces",
        "      pv.powerlimit: {produces",
        "there is no target 'pv.powerlimit'; did you",
    ),
    slip("an unknown way to share", SITE, "share: in_order", "share: by_size", "not one of in_order, in_proportion"),
    slip("no fallback", SITE, "    blind: 2 kW\n", "", "'blind' is missing", at="  export:"),
    slip(
        "a meter of amperes",
        SITE,
        "meter: [meter.power_l1, meter.power_l2, meter.power_l3]\n    share",
        "meter: [meter.current_l1]\n    share",
        "in mA, not in mW",
    ),
    slip(
        "an export without a why",
        SITE,
        "    why: the grid operator lets 5 kW leave this house\n",
        "",
        "'why' is missing",
        at="  export:",
    ),
    slip("a key of the grid is misspelt", SITE, "  dimming:\n", "  diming:  # HERE\n", "did you mean 'dimming'?"),
]
DIMMING = [
    slip("no input", SITE, "    when: panel.dimmed is closed\n", "", "write its input", at="  dimming:"),
    slip(
        "two inputs", SITE, "limits: each", "limits: each\n    value: meter.power", "write its input", at="  dimming:"
    ),
    slip(
        "a duration of a contact",
        SITE,
        "limits: each",
        "limits: each\n    failsafe_for: 2 h  # HERE",
        "a contact says all",
    ),
    slip(
        "a meter for each",
        SITE,
        "limits: each",
        "limits: each\n    meter: [meter.power]  # HERE",
        "no share in the house's",
    ),
    slip("less than the floor", SITE, "limit: 4.2 kW", "limit: 4 kW", "is not within 4200 W"),
    slip("a lower floor", SITE, "limits: each", "limits: each\n    floor: 1 kW  # HERE", "is not within 4200 W"),
    slip("neither each nor together", SITE, "limits: each", "limits: all", "not one of each, together"),
    slip(
        "how many phases is not said",
        SITE,
        "      wallbox.current: {phases: 3}",
        "      wallbox.current: {}",
        "says how many 'phases'",
    ),
    slip(
        "phases of a power",
        SITE,
        "      wallbox.current: {phases: 3}",
        "      pv.power_limit: {phases: 3}",
        "set as a power",
    ),
    slip(
        "four phases",
        SITE,
        "      wallbox.current: {phases: 3}",
        "      wallbox.current: {phases: 4}",
        "not within 1..3",
    ),
    slip(
        "nothing is dimmed",
        SITE,
        "    devices:\n      wallbox.current: {phases: 3}\n      guestbox.current: {phases: 3}\n",
        "    devices: {}\n",
        "nothing is dimmed",
    ),
    slip("a question that is none", SITE, "when: panel.dimmed is closed", "when: dimmed", "is no question"),
]


@pytest.mark.parametrize("wrong", EXPORT + DIMMING)
def test_a_slip_is_refused_at_its_line(wrong: Slip, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(wrong, site, capsys)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    heartbeat: guard.beat\n", "", "belong together"),
        ("heartbeat: guard.beat", "heartbeat: guard.limit", "a heartbeat is a count or a flag"),
        ("failsafe_for: 2 h", "failsafe_for: 1 h", "not within 7200000..86400000 ms"),
        ("failsafe_for: 2 h", "failsafe_for: 25 h", "not within 7200000..86400000 ms"),
        ("timeout: 120 s", "timeout: 121 s", "not within 1000..120000 ms"),
        ("    limits: together\n", "    limits: together\n    limit: 5 kW\n", "the limit is what 'value' says"),
        ("value: guard.limit", "value: guard.beat", "in count, not in mW"),
    ],
)
def test_a_slip_with_a_heartbeat_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    site = by_value(tmp_path)
    make(Slip(SITE, old, new, ()), site)
    with pytest.raises(DocumentError, match=says):
        load(site, families=WITH_GUARD)
