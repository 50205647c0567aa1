"""What an example of a policy document means: the situation stands still, the house rests, one wish is judged."""

from __future__ import annotations

from pathlib import Path

import pytest
from check_fixtures import copied, replaced

from supervisor.check import bench
from supervisor.check.examples import Examples, Tried
from supervisor.check.finding import Finding
from supervisor.check.survey import Survey
from supervisor.loader.load import load

EVERYDAY = """
situations:
  everyday:
    others: zero
    readings: {battery.soc: 60 %, relays.permit: on, meter.voltage_l*: 230 V}
"""


def tried(folder: Path, documents: str, base: str = "uc001") -> tuple[list[Tried], list[Finding]]:
    site = copied(base, folder, keep_examples=False)
    replaced(site / "90-examples.yaml", "", documents)
    return Examples(Survey(load(site))).try_all()


def words_of(folder: Path, documents: str, base: str = "uc001") -> dict[str, str]:
    """How each example came out, and that nothing else was wrong."""
    came, wrong = tried(folder, documents, base)
    assert [str(finding) for finding in wrong] == []
    return {one.name: str(one.finding) if one.finding else one.words for one in came}


def error_of(folder: Path, documents: str, base: str = "uc001") -> str:
    """The one thing that is wrong."""
    came, wrong = tried(folder, documents, base)
    every = [*wrong, *(one.finding for one in came if one.finding)]
    assert len(every) == 1, every
    return str(every[0])


def test_one_wish_does_not_lead_to_the_next(tmp_path: Path) -> None:
    said = words_of(
        tmp_path,
        EVERYDAY
        + """
examples:
  first: {in: everyday, who: phone, ask: {wallbox.current: 16 A}, expect: granted}
  then_the_optimiser: {in: everyday, who: optimiser, ask: {wallbox.current: 10 A}, expect: granted}
  and_still_it_waits: {in: everyday, does: {wallbox.current: 0 A}}
""",
    )
    assert said["then_the_optimiser"].endswith("granted")
    assert said["and_still_it_waits"] == "wallbox.current is told 0 A"


def test_a_situation_goes_before_its_base_and_a_full_name_before_a_pattern(tmp_path: Path) -> None:
    said = words_of(
        tmp_path,
        EVERYDAY
        + """
  one_phase_low:
    base: everyday
    readings: {meter.voltage_l2: 200 V, meter.voltage_l*: 229 V}
    mode: degraded
  well_again: {base: one_phase_low, readings: {meter.voltage_l*: 231 V}, mode: normal}
examples:
  low: {in: one_phase_low, who: phone, ask: {wallbox.current: 6 A}, expect: refused by limits.voltage}
  well: {in: well_again, who: phone, ask: {wallbox.current: 6 A}, expect: granted}
""",
    )
    assert "refused" in said["low"]
    assert "granted" in said["well"]


def test_only_those_who_are_lost_fall_silent_and_a_live_wish_needs_no_more_than_its_sender(tmp_path: Path) -> None:
    said = words_of(
        tmp_path,
        EVERYDAY
        + """
  phone_lost: {base: everyday, lost: [phone], mode: normal}
  both_lost: {base: everyday, lost: [phone, optimiser], mode: orchestrator_lost}
examples:
  phone_is_not_expected: {in: phone_lost, does: {wallbox.current: 0 A}}
  six_in_the_morning: {in: both_lost, does: {wallbox.current: 6 A}}
  live: {in: everyday, who: phone, kind: live, ask: {wallbox.current: 6 A}, expect: granted}
""",
    )
    assert said["six_in_the_morning"] == "wallbox.current is told 6 A"


def test_contacts_follow_their_coils_and_what_is_named_does_not(tmp_path: Path) -> None:
    said = words_of(
        tmp_path,
        """
situations:
  cold:
    others: zero
    readings: {relays.permit: on, relays.coil_supply: 24 V, "*.voltage_l*": 230 V}
  stuck: {base: cold, readings: {relays.contact_1: open}, mode: degraded}
examples:
  closes: {in: cold, does: {phases.position: one, relays.coil_1: closed}}
  does_not_close: {in: stuck, does: {phases.position: open, relays.coil_1: open}}
""",
        base="wallbox_phases",
    )
    assert said["closes"] == "phases.position is told one, relays.coil_1 is told closed"
    assert said["does_not_close"] == "phases.position is told open, relays.coil_1 is told open"


def test_contactors_of_a_node_that_is_not_seen_have_dropped(tmp_path: Path) -> None:
    said = words_of(
        tmp_path,
        """
situations:
  node_gone:
    others: zero
    positions: {supply.position: grid}
    readings: {"*.voltage_l*": 230 V}
    unseen: [relays]
    mode: degraded
examples:
  nothing_is_welded: {in: node_gone, who: optimiser, ask: {wallbox.current: 6 A}, expect: refused by limits.relays_lost}
""",
        base="island",
    )
    assert "refused" in said["nothing_is_welded"]


def test_a_wrong_expectation_says_what_came_out_and_every_clause_that_decided(tmp_path: Path) -> None:
    said = error_of(
        tmp_path,
        EVERYDAY
        + """
examples:
  hopeful:
    in: everyday
    who: phone
    ask: {wallbox.current: 40 A}
    expect: granted
""",
    )
    for words in (
        "90-examples.yaml:8: [example_wrong]",
        "phone asks wallbox.current 40 A: clipped to 16 A by rating, not granted",
        "house mode normal",
        "permissions.charge_the_car permits",
        "rating clips: wallbox.current can do 0 A to 16 A",
    ):
        assert words in said


def test_a_house_that_never_comes_to_rest_is_told_with_what_keeps_changing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "CYCLES_MAX", 1_500)  # only so that it takes a second and not four
    site = copied("uc001", tmp_path, keep_examples=False)
    replaced(site / "20-house.yaml", "    in: [normal, degraded]\n    value: 0 A", "    in: [normal]\n    value: 10 A")
    chases = """
limits:
  chases_its_tail:
    why: it looks at what it does itself
    when: wallbox.current_limit above 8 A
    hold: 1 s
    clear: 1 s
    then: {wallbox.current: at most 6 A}
"""
    replaced(site / "90-examples.yaml", "", chases + EVERYDAY)
    _, wrong = Examples(Survey(load(site))).try_all()
    assert [finding.kind.id for finding in wrong] == ["situation_unreached"]
    assert "situations.everyday: the house never comes to rest: " in wrong[0].what
    assert "limits.chases_its_tail, wallbox.current keeps changing" in wrong[0].what


SLIPS = {
    "a key": ("in: everyday, whom: phone", "nobody knows 'whom' here; did you mean 'who'?"),
    "nobody": (
        "in: everyday, who: fone, ask: {wallbox.current: 6 A}, expect: granted",
        "there is no orchestrator 'fone'",
    ),
    "no verdict": ("in: everyday, who: phone, ask: {wallbox.current: 6 A}, expect: allowed", "'allowed' is no verdict"),
    "no expectation": ("in: everyday, who: phone, ask: {wallbox.current: 6 A}", "'expect' is missing"),
    "no unit": ("in: everyday, who: phone, ask: {wallbox.current: 6}, expect: granted", "'6' has no unit"),
    "no target": (
        "in: everyday, who: phone, ask: {wallbox.curent: 6 A}, expect: granted",
        "no target 'wallbox.curent'",
    ),
    "two wishes": (
        "in: everyday, who: phone, ask: {wallbox.current: 6 A, relays.coil_1: open}, expect: granted",
        "ask for one target",
    ),
    "nothing at all": ("in: everyday", "'does' is missing"),
    "a hand": (
        "in: everyday, who: hands.car, ask: {wallbox.current: 6 A}, expect: granted",
        "there is no orchestrator",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_an_example_that_cannot_be_tried_says_why_at_its_place(slip: str, tmp_path: Path) -> None:
    written, says = SLIPS[slip]
    said = error_of(tmp_path, f"{EVERYDAY}\nexamples:\n  it: {{{written}}}\n")
    assert "90-examples.yaml:8: [example_unreadable] error: " in said
    assert says in said


SITUATIONS = {
    "a circle": ("a: {base: a, others: zero}", "is its own base, in a circle"),
    "a device": ("a: {others: zero, unseen: [metre]}", "there is no device 'metre'"),
    "a signal": ("a: {others: zero, readings: {battery.so: 5 %}}", "there is no signal 'battery.so'"),
    "a pattern": ("a: {others: zero, readings: {batery.*: 5 %}}", "there is no signal 'batery.*'"),
    "a code": ("a: {others: zero, readings: {wallbox.car_state: chargin}}", "chargin"),
    "a mode": ("a: {others: zero, mode: fine}", "'fine' is not one of starting, observe, normal"),
    "a contactor": ("a: {others: zero, closed: [wallbox.current]}", "wallbox.current is no contactor"),
    "others": ("a: {others: plausible}", "'plausible' is not one of zero"),
    "lost": ("a: {others: zero, lost: [optimizer]}", "there is no orchestrator 'optimizer'; did you mean 'optimiser'?"),
}


@pytest.mark.parametrize("slip", SITUATIONS)
def test_a_situation_that_cannot_be_set_up_says_why_at_its_place(slip: str, tmp_path: Path) -> None:
    written, says = SITUATIONS[slip]
    came, wrong = tried(tmp_path, f"situations:\n  {written}\n")
    assert came == []
    assert all(finding.kind.id == "example_unreadable" for finding in wrong)
    assert says in str(wrong[0])
    assert "90-examples.yaml:2: " in str(wrong[0])


def test_an_example_in_a_situation_that_cannot_be_set_up_is_not_called_right(tmp_path: Path) -> None:
    came, wrong = tried(
        tmp_path, "situations:\n  a: {unseen: [x]}\nexamples:\n  it: {in: a, does: {wallbox.current: 0 A}}\n"
    )
    assert [one.skipped for one in came] == [True]
    assert len(wrong) == 1
