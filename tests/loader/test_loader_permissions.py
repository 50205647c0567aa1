"""Permissions in layers, refusals, rates, programs and hunting as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from loader_slips import EXAMPLE, copy_of_example

from supervisor.kernel.lease import Kind
from supervisor.kernel.plan import MODES, Hunting, Plan
from supervisor.loader.documents import DocumentError
from supervisor.loader.load import load
from supervisor.loader.permissions import PER_MIN_DEFAULT

CHARGE = """permissions:
  {name}:
    why: somebody may set what the car gets
    who: [{who}]
    target: wallbox.current
    from: 0 A
    to: {to}
    in: [normal]
"""


def with_document(tmp_path: Path, text: str, name: str = "30-more.yaml") -> Plan:
    site = copy_of_example(tmp_path)
    (site / name).write_text(text)
    return load(site).plan


def error(tmp_path: Path, text: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        with_document(tmp_path, text)
    return caught.value


def test_each_document_is_a_layer_in_the_order_of_the_names(tmp_path: Path) -> None:
    plan = with_document(tmp_path, CHARGE.format(name="phone_small", who="phone", to="10 A"))
    layers = {permission.id: permission.layer for permission in plan.permissions}
    assert layers["permissions.charge_the_car"] < layers["permissions.phone_small"]


def test_a_permission_has_a_rate_of_its_own_or_the_usual_one(tmp_path: Path) -> None:
    text = CHARGE.format(name="phone_small", who="phone", to="10 A") + "    rate: 30 per min\n"
    rates = {permission.id: permission.per_min for permission in with_document(tmp_path, text).permissions}
    assert rates["permissions.phone_small"] == 30
    assert rates["permissions.charge_the_car"] == PER_MIN_DEFAULT


@pytest.mark.parametrize("rate", ["30", "0 per min", "30 per s", "-1 per min", "1.5 per min", "often"])
def test_a_rate_is_wishes_in_a_minute(tmp_path: Path, rate: str) -> None:
    text = CHARGE.format(name="phone_small", who="phone", to="10 A") + f"    rate: {rate}\n"
    wrong = error(tmp_path, text)
    assert (Path(wrong.file).name, wrong.line) == ("30-more.yaml", 9)
    assert "such as '30 per min'" in wrong.message


def test_a_permission_may_hold_only_while_something_is_so(tmp_path: Path) -> None:
    text = CHARGE.format(name="sunny", who="phone", to="10 A") + "    only_while: battery.soc above 40 %\n"
    plan = with_document(tmp_path, text)
    (permission,) = [said for said in plan.permissions if said.id == "permissions.sunny"]
    assert permission.only_while is not None
    soc = next(i for i, signal in enumerate(plan.signals) if signal.id == "battery.soc")
    assert permission.only_while.signals() == (soc,)
    assert any(permission.only_while in questions for questions in plan.watched)


def test_a_refusal_without_a_band_bars_all_but_the_safe_value_in_every_mode(tmp_path: Path) -> None:
    text = "refusals:\n  not_by_phone: {why: the phone is lent out this week, who: [phone], target: wallbox.current}\n"
    (ban,) = with_document(tmp_path, text).bans
    assert (ban.id, ban.lo, ban.hi) == ("refusals.not_by_phone", 0, 16_000)
    assert ban.modes == frozenset(range(len(MODES)))
    assert ban.question is None


def test_a_refusal_may_name_a_band_modes_and_a_condition(tmp_path: Path) -> None:
    text = (
        "refusals:\n  not_much:\n    why: the cable gets warm in summer\n    who: [phone, optimiser]\n"
        "    target: wallbox.current\n    from: 12 A\n    to: 16 A\n    in: [normal]\n"
        "    while: battery.soc below 50 %\n"
    )
    (ban,) = with_document(tmp_path, text).bans
    assert (ban.lo, ban.hi, len(ban.identities), ban.modes) == (12_000, 16_000, 2, frozenset({MODES.index("normal")}))
    assert ban.question is not None


def test_kinds_name_the_three_kinds_of_leases(tmp_path: Path) -> None:
    text = CHARGE.format(name="nightly", who="phone", to="10 A") + "    kinds: [program]\n"
    (permission,) = [p for p in with_document(tmp_path, text).permissions if p.id == "permissions.nightly"]
    assert permission.kinds == frozenset({Kind.PROGRAM})


def test_two_programs_for_one_target_and_mode_are_an_error_that_names_both(tmp_path: Path) -> None:
    text = (
        "programs:\n  other:\n    why: somebody wants ten\n    target: wallbox.current\n"
        "    in: [normal]\n    value: 10 A\n"
    )
    wrong = error(tmp_path, text)
    assert (Path(wrong.file).name, wrong.line) == ("30-more.yaml", 2)
    assert "in mode normal programs.car_waits at" in wrong.message
    assert "leave the mode out of one of the two" in wrong.message


def test_an_orchestrator_may_have_to_count_its_messages(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    text = (site / "site.yaml").read_text()
    (site / "site.yaml").write_text(text.replace("    priority: 20\n", "    priority: 20\n    sequence: required\n"))
    numbered = {identity.name: identity.numbered for identity in load(site).plan.identities}
    assert numbered == {"optimiser": False, "phone": True}


def test_what_hunting_means_can_be_said_for_each_level_and_contactors_have_their_own_limits(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    text = (site / "site.yaml").read_text()
    hunting = "hunting: {reversals: 4, within: 5 min, dwell: 3 min}"
    (site / "site.yaml").write_text(text.replace("ramp: 2 A/s}", f"ramp: 2 A/s, {hunting}}}"))
    plan = load(site).plan
    levels = {target.id: target.hunting for target in plan.targets}
    assert levels["wallbox.current"] == Hunting(reversals=4, within_ms=300_000, dwell_ms=180_000)
    assert levels["relays.coil_1"] is None
    usual = {target.id: target.hunting for target in load(EXAMPLE).plan.targets}
    assert usual["wallbox.current"] == Hunting()
