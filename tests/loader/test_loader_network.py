"""The section ``network`` as people write it, what it comes to, and who may be permitted anything at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from loader_slips import EXAMPLE, HOUSE, SITE, Slip, copy_of_example, refused, slip

from supervisor.guardian.tally import rules
from supervisor.guardian.tell import describe
from supervisor.kernel.away import longest
from supervisor.kernel.network import PER_MIN_BUILT_IN, rate, within
from supervisor.kernel.plan import Network, Plan
from supervisor.kernel.span import Span
from supervisor.loader.documents import DocumentError
from supervisor.loader.load import load
from supervisor.loader.network import REST_DEFAULT_MS

NETWORK = "30-network.yaml"
CAR = "wallbox.current: {from: 0 A, to: 16 A, longest: 12 h}"
COIL = "relays.coil_1: {from: open, to: closed, longest: 24 h, changes: 20 per h}"
RATE = "rate: 240 per min               # wishes for more than there is, of all identities together"
WHY = "    why: whoever holds the gateway's machine asks in every name; this is all that he gets\n"
WHO = "who: [optimiser, phone]\n    target: wallbox.current"
PHONE = "role: orchestrator\n    priority: 20"


def with_more(tmp_path: Path, text: str, name: str = "40-family.yaml") -> Plan:
    site = copy_of_example(tmp_path)
    (site / name).write_text(text)
    return load(site).plan


def position(plan: Plan, name: str) -> int:
    return next(at for at, target in enumerate(plan.targets) if target.id == name)


# ---- what it comes to ------------------------------------------------------------------------------------------------
def test_the_example_house_bounds_what_all_on_the_network_get_together() -> None:
    plan = load(EXAMPLE).plan
    (row,) = plan.network
    assert (row.id, row.per_min, row.closed) == ("network.everybody_together", 240, True)
    car, coil = row.reaches
    assert (plan.targets[car.target].id, car.lo, car.hi) == ("wallbox.current", 0, 16_000)
    assert (car.longest_ms, car.rest_ms, car.per_hour) == (12 * 3_600_000, REST_DEFAULT_MS, None)
    assert (plan.targets[coil.target].id, coil.lo, coil.hi, coil.per_hour) == ("relays.coil_1", 0, 1, 20)


@pytest.mark.parametrize("house", ["uc001", "island", "rebundling", "wallbox_phases"])
def test_each_shipped_house_names_all_that_its_network_may_ask(house: str) -> None:
    plan = load(EXAMPLE.parent / house).plan
    (row,) = plan.network
    remote = {at for at, identity in enumerate(plan.identities) if identity.role != "local"}
    assert {p.target for p in plan.permissions if p.identities & remote} == {reach.target for reach in row.reaches}


def test_the_positions_of_a_changeover_are_named_one_by_one() -> None:
    plan = load(EXAMPLE.parent / "island").plan
    places = {plan.targets[reach.target].id: reach.places for row in plan.network for reach in row.reaches}
    assert places == {"supply.position": frozenset({1, 2}), "wallbox.current": None}


def test_a_later_document_narrows_and_nothing_that_it_says_widens(tmp_path: Path) -> None:
    evening = """network:
  evening:
    why: the family wants less than the installer allows
    rate: 60 per min
    targets:
      wallbox.current: {to: 10 A, longest: 13 h, rest: 30 min}
  wishful:
    why: somebody would like to have more than there is
    rate: 9000 per min
    targets:
      relays.coil_1: {changes: 30 per h}
"""
    plan = with_more(tmp_path, evening)
    car = position(plan, "wallbox.current")
    assert rate(plan) == (60, "network.evening")
    span = within(plan, car, Span(0, 32_000, "", ""))
    assert (span.hi, span.hi_by) == (10_000, "network.evening")
    assert longest(plan, car) == (12 * 3_600_000, "network.everybody_together", 1_800_000)
    assert [row.closed for row in plan.network] == [True, False, False]


def test_without_the_section_this_box_has_a_rate_of_its_own(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    (site / NETWORK).unlink()
    plan = load(site).plan
    assert (plan.network, rate(plan).most) == ((), PER_MIN_BUILT_IN)


def test_a_network_that_may_only_stop_things_is_a_network(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    (site / NETWORK).write_text("network: {nothing: {why: the house is tended by hand, targets: {}}}\n")
    assert load(site).plan.network == (Network("network.nothing", "the house is tended by hand", None, (), True),)


def test_whoever_asks_why_is_told_the_rules_reason_and_it_has_its_counter() -> None:
    loaded = load(EXAMPLE)
    whys = dict(describe(loaded).rules)
    assert whys["network.everybody_together"].startswith("whoever holds the gateway's machine")
    assert "network.everybody_together" in rules(loaded.plan)


def test_a_shared_login_is_known_to_the_kernel(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    text = (site / SITE).read_text()
    assert text.count(PHONE) == 1
    (site / SITE).write_text(text.replace(PHONE, "role: orchestrator\n    shared: true"))
    assert {one.name: one.shared for one in load(site).plan.identities} == {"optimiser": False, "phone": True}


# ---- slips -----------------------------------------------------------------------------------------------------------
SLIPS = [
    slip("no reason", NETWORK, WHY, "", "'why' is missing", at="everybody_together"),
    slip("a rate of another kind", NETWORK, RATE, "rate: 4 per s", "'4 per s'", "240 per min"),
    slip("a rate of nothing", NETWORK, RATE, "rate: 0 per min", "'0 per min'", "240 per min"),
    slip(
        "a target that is not there", NETWORK, CAR, CAR.replace("wallbox", "walbox"), "did you mean 'wallbox.current'"
    ),
    slip("no band", NETWORK, CAR, "wallbox.current: {longest: 12 h}", "'from' is missing"),
    slip("half a band", NETWORK, CAR, "wallbox.current: {from: 0 A}", "'to' is missing"),
    slip("the safe value is left out below", NETWORK, CAR, "wallbox.current: {from: 6 A, to: 16 A}", "'from: 0 A'"),
    slip("the safe value is left out above", NETWORK, CAR, "wallbox.current: {from: -9 A, to: -1 A}", "'to: 0 A'"),
    slip("open is left out", NETWORK, COIL, "relays.coil_1: {from: closed, to: closed}", "write 'from: open'"),
    slip("a band without a unit", NETWORK, CAR, "wallbox.current: {from: 0 A, to: 16}", "'16' has no unit"),
    slip("no time at all", NETWORK, CAR, CAR.replace("12 h", "1 s"), "not within 60000..604800000 ms"),
    slip("a rest of nothing", NETWORK, CAR, CAR.replace("12 h}", "12 h, rest: 0 s}"), "not within"),
    slip("a rest without a longest time", NETWORK, COIL, COIL.replace("longest: 24 h", "rest: 1 h"), "'longest'"),
    slip("changes in another time", NETWORK, COIL, COIL.replace("per h", "per min"), "'20 per min'", "20 per h"),
    slip("a word that nobody knows", NETWORK, CAR, CAR.replace("longest", "longst"), "did you mean 'longest'"),
]


@pytest.mark.parametrize("wrong", SLIPS)
def test_a_slip_in_the_section_is_refused_at_its_line(
    wrong: Slip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(wrong, copy_of_example(tmp_path), capsys)


@pytest.mark.parametrize("role", ["observer", "installer"])
def test_who_only_looks_cannot_be_permitted_anything(role: str, tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    text = (site / SITE).read_text()
    (site / SITE).write_text(text.replace(PHONE, f"role: {role}\n    priority: 20"))
    with pytest.raises(DocumentError) as caught:
        load(site)
    line = (site / HOUSE).read_text().splitlines().index("    who: [optimiser, phone]") + 1
    assert (caught.value.file, caught.value.line) == (str(site / HOUSE), line)
    assert f"phone has the role {role}" in caught.value.message
    assert "give it the role orchestrator" in caught.value.message


def test_who_only_looks_may_be_named_in_a_refusal(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    with (site / SITE).open("a") as file:
        file.write(f"  display:\n    role: observer\n    token_sha256: {'c' * 64}\n")
    ban = "refusals: {nothing: {why: the display shall show, who: [display], target: wallbox.current}}\n"
    (site / "40-ban.yaml").write_text(ban)
    assert len(load(site).plan.bans) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("network: {b: {why: some reason, targets: {relays.coil_2: {from: open, to: closed}}}}", "30-network.yaml:3"),
        ("network: {b: {why: some reason}}", "this bounds nothing"),
        ("network: {everybody_together: {why: some reason, rate: 1 per min}}", "an id stands once"),
        ("network: [a]", "expected a mapping"),
    ],
)
def test_a_later_row_can_name_nothing_new_and_has_to_say_something(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DocumentError) as caught:
        with_more(tmp_path, text)
    assert says in str(caught.value)
    assert caught.value.file.endswith("40-family.yaml")


def test_the_first_row_has_to_name_its_targets(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    (site / NETWORK).write_text("network:\n  rate_only: {why: some reason, rate: 10 per min}\n")
    with pytest.raises(DocumentError, match=r"30-network\.yaml:2: .*'targets' is missing"):
        load(site)


def test_a_contactor_of_a_changeover_is_not_the_networks(tmp_path: Path) -> None:
    site = Path(shutil.copytree(EXAMPLE.parent / "island", tmp_path / "island"))
    text = (site / NETWORK).read_text()
    (site / NETWORK).write_text(text + "      relays.coil_1: {from: open, to: closed}\n")
    with pytest.raises(DocumentError, match=r"moved by supply alone; write supply\.position instead"):
        load(site)
