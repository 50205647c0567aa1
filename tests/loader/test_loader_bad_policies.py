"""Slips in the policy documents: each is refused in one line that names the place and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from loader_slips import HOUSE, LIMITS, Slip, complaint, copy_of_example, line_of, make, slip

SOC = "when: battery.soc below 20 %"
VOLTAGE_L1 = "meter.voltage_l1 outside 207 V .. 253 V"
FUSE_L1 = "when: {any of: [meter.current_l1 above 35 A, meter.current_l2 above 35 A, meter.current_l3 above 35 A]}"
FUSE_WHY = "    why: a fuse of 35 A carries 38 A for hours, but its terminals get hot; the car has to yield at once\n"
LOW_THEN = "clear: 5 min\n    then: {wallbox.current: at most 6 A}"
LOST_HOLD = "when: relays unseen\n    hold: 500 ms"
SOCKET = "target: relays.coil_1\n    from: open\n    to: closed"
CAR = "target: wallbox.current\n    from: 0 A\n    to: 16 A"
SIX = "value: 6 A"


def low(then: str) -> str:
    return f"clear: 5 min\n    then: {then}"


QUESTIONS = [
    slip(
        "a question has a unit of another kind",
        LIMITS,
        SOC,
        "when: battery.soc below 20 V",
        "write it in permille or %",
    ),
    slip("a question has no unit", LIMITS, SOC, "when: battery.soc below 20", "'20' has no unit"),
    slip("a question is none", LIMITS, SOC, "when: battery.soc under 20 %", "is no question", "write for example"),
    slip("a signal is misspelt", LIMITS, SOC, "when: batery.soc below 20 %", "did you mean 'battery.soc'?"),
    slip("a signal is only a device", LIMITS, SOC, "when: battery below 20 %", "there is no signal 'battery'"),
    slip("a device is unknown", LIMITS, "when: meter unseen", "when: metre unseen", "did you mean 'meter'?"),
    slip("a code is misspelt", LIMITS, SOC, "when: wallbox.car_state is chargin", "did you mean 'charging'?"),
    slip("a flag is compared with nonsense", LIMITS, SOC, "when: relays.permit is maybe", "not one of on, off"),
    slip(
        "a range is upside down", LIMITS, VOLTAGE_L1, "meter.voltage_l1 outside 253 V .. 207 V", "the smaller one first"
    ),
    slip(
        "a tolerance is negative", LIMITS, SOC, "when: meter.power_l1 differs from meter.power by -1 W", "zero or more"
    ),
    slip(
        "two units are compared", LIMITS, SOC, "when: meter.power differs from battery.soc by 1 W", "mW and", "permille"
    ),
    slip("an age is negative", LIMITS, SOC, "when: battery.soc older than -1 s", "not within 1..3600000 ms"),
    slip("nothing is any of", LIMITS, FUSE_L1, "when: {any of: []}", "the list is empty"),
    slip(
        "two words join the parts",
        LIMITS,
        "{any of: [meter.current_l1",
        "{some of: [meter.current_l1",
        "{all of: [...]}",
    ),
]

RULES = [
    slip("a rule does not say why", LIMITS, FUSE_WHY, "", "'why' is missing", "every rule", at="fuse_l1:"),
    slip("a rule says hardly why", LIMITS, FUSE_WHY, "    why: hot\n", "5 to 400 characters"),
    slip("a rule says why in a novel", LIMITS, FUSE_WHY, f"    why: {'x' * 401}\n", "5 to 400"),
    slip(
        "a hold is missing",
        LIMITS,
        LOST_HOLD,
        "when: relays unseen",
        "'hold' is missing",
        "write a time",
        at="relays_lost:",
    ),
    slip(
        "a hold is negative",
        LIMITS,
        LOST_HOLD,
        "when: relays unseen\n    hold: -1 s  # HERE",
        "not within 0..3600000 ms",
    ),
    slip("a hold has no unit", LIMITS, LOST_HOLD, "when: relays unseen\n    hold: 1  # HERE", "'1' has no unit"),
    slip(
        "a rule does nothing",
        LIMITS,
        LOW_THEN,
        "clear: 5 min",
        "this limit does nothing",
        "say 'then:",
        at="battery_low:",
    ),
    slip(
        "a target is misspelt",
        LIMITS,
        LOW_THEN,
        low("{walbox.current: stop}  # HERE"),
        "did you mean 'wallbox.current'?",
    ),
    slip("an action is none", LIMITS, LOW_THEN, low("{wallbox.current: off}  # HERE"), "'off' is no action", "'stop'"),
    slip(
        "a floor forbids the safe value",
        LIMITS,
        LOW_THEN,
        low("{wallbox.current: at least 6 A}  # HERE"),
        "forbids the safe value 0 A",
    ),
    slip(
        "a ceiling forbids the safe value",
        LIMITS,
        LOW_THEN,
        low("{wallbox.current: at most -1 A}  # HERE"),
        "forbids the safe value 0 A",
    ),
    slip(
        "a floor forbids a coil to open",
        LIMITS,
        LOW_THEN,
        low("{relays.coil_1: at least closed}  # HERE"),
        "forbids the safe value off",
    ),
    slip(
        "a coil is told something between",
        LIMITS,
        LOW_THEN,
        low("{relays.coil_1: at most half}  # HERE"),
        "not one of on, off",
    ),
    slip(
        "a severity is unheard of",
        LIMITS,
        LOST_HOLD,
        f"{LOST_HOLD}\n    unknown_house: bad  # HERE",
        "none, degraded, fault",
    ),
    slip("a latch is unheard of", LIMITS, LOST_HOLD, f"{LOST_HOLD}\n    latch: for ever  # HERE", "is not one of none"),
    slip("an id has spaces", LIMITS, "  relays_lost:\n", "  relays lost:  # HERE\n", "is no name", "use a to z"),
    slip(
        "a key of a rule is unheard of",
        LIMITS,
        LOST_HOLD,
        f"{LOST_HOLD}\n    holds: 1 s  # HERE",
        "did you mean 'hold'?",
    ),
    slip("a section is nothing", LIMITS, "limits:\n", "caps:  # HERE\nlimits:\n", "expected a mapping"),
]

PERMISSIONS = [
    slip("a section is misspelt", HOUSE, "permissions:", "permisions:  # HERE", "did you mean 'permissions'?"),
    slip("a mode is unheard of", HOUSE, "in: [starting]", "in: [begining]", "is not one of starting"),
    slip("no mode is listed", HOUSE, "in: [starting]", "in: []", "the list is empty"),
    slip(
        "a mode rule narrows nothing",
        HOUSE,
        "in: [degraded]\n    then: {wallbox.current: at most 6 A}",
        "in: [degraded]\n    then: {}",
        "'then' is missing or empty",
        at="careful_when",
    ),
    slip(
        "an identity is misspelt",
        HOUSE,
        "who: [optimiser, phone]\n    target: wallbox.current",
        "who: [optimizer, phone]\n    target: wallbox.current",
        "did you mean 'optimiser'?",
    ),
    slip(
        "nobody is permitted",
        HOUSE,
        "who: [optimiser, phone]\n    target: wallbox.current",
        "who: []\n    target: wallbox.current",
        "the list is empty",
    ),
    slip(
        "a permitted target is unknown",
        HOUSE,
        CAR,
        CAR.replace(".current", ".power"),
        "no target 'wallbox.power'",
        at="wallbox.power",
    ),
    slip(
        "a flag is neither open nor closed",
        HOUSE,
        SOCKET,
        SOCKET.replace("open", "ajar"),
        "on, off, true, false, closed, open",
        at="ajar",
    ),
    slip(
        "a permission ends before it begins",
        HOUSE,
        CAR,
        CAR.replace("0 A\n", "17 A\n"),
        "is below '17 A'",
        at="to: 16 A",
    ),
    slip(
        "a permission has no end", HOUSE, CAR, CAR.replace("    to: 16 A", ""), "'to' is missing", at="charge_the_car:"
    ),
    slip("a permission lasts for ever", HOUSE, "longest: 4 h", "longest: 13 h", "not within 1000..43200000 ms"),
    slip("a kind of lease is unheard of", HOUSE, "longest: 4 h", "kinds: [eternal]", "is not one of live"),
    slip("a program runs in a forbidden band", HOUSE, SIX, "value: 4 A", "wallbox.current cannot do 4 A"),
    slip("a program runs beyond the rating", HOUSE, SIX, "value: 32 A", "wallbox.current cannot do 32 A"),
    slip("a program runs without a unit", HOUSE, SIX, "value: 6", "'6' has no unit"),
]


@pytest.mark.parametrize("wrong", QUESTIONS + RULES + PERMISSIONS)
def test_a_slip_in_a_policy_document_is_refused_at_its_line(
    wrong: Slip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = copy_of_example(tmp_path)
    line = make(wrong, site)
    said = complaint(site, capsys)
    assert said.startswith(f"{site / wrong.file}:{line}: ")
    for words in wrong.says:
        assert words in said


def test_an_id_in_a_second_document_is_refused_with_the_place_of_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = copy_of_example(tmp_path)
    first = line_of("battery_low:", (site / LIMITS).read_text("utf-8"))
    rule = "why: because it is so\n    when: battery.soc below 10 %\n    hold: 1 s\n    house: fault\n"
    (site / "30-more.yaml").write_text(f"# more\nlimits:\n  battery_low:\n    {rule}", "utf-8")
    said = complaint(site, capsys)
    assert said.startswith(f"{site / '30-more.yaml'}:3: ")
    assert f"'limits.battery_low' is already at {site / LIMITS}:{first}; an id stands once" in said


def test_an_id_twice_in_one_document_is_refused_at_the_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = copy_of_example(tmp_path)
    wrong = Slip(LIMITS, "  meter_lost:\n", "  battery_lost:  # HERE\n", ())
    line = make(wrong, site)
    assert complaint(site, capsys).startswith(f"{site / LIMITS}:{line}: limits.battery_lost: is given twice")


def test_the_same_name_in_two_sections_is_two_ids(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    make(Slip(HOUSE, "  car_waits:", "  charge_the_car:  # HERE", ()), site)
    from supervisor.loader.load import load

    ids = {program.id for program in load(site).plan.programs}
    assert "programs.charge_the_car" in ids
