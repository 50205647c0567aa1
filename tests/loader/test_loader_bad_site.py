"""Slips in ``site.yaml``: each is refused in one line that names the place and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from loader_slips import SITE, Slip, complaint, copy_of_example, make, slip

WALLBOX = "current: {silence: 0 A, hold: 5 s, ramp: 2 A/s}    # it has no dead-man of its own"
WALLBOX_TARGETS = f"    targets:\n      {WALLBOX}\n"
COIL = "coil_1: {breaks_load: 0 s}"
FUSE, MARGIN = "fuse: 35 A", "margin: 2 A "
METER = "driver: sdm630_modbus\n    bus: lan"
OPTIMISER_TOKEN = "d30c2e15d5801ff8f788a306c7e49fc6e59ee840930c81c1f9491591e3b48ddb"
PHONE_TOKEN = "07e1e506e243d87f2eac6e9b3520e8d33b483832179c563fd75ec52e26f94f21"

NUMBERS = [
    slip("a unit is missing", SITE, FUSE, "fuse: 35", "'35' has no unit", "write it in mA or A"),
    slip("a unit is of another kind", SITE, FUSE, "fuse: 35 V", "'V' does not fit", "mA or A"),
    slip("a unit is in the wrong case", SITE, FUSE, "fuse: 35 a", "'a' does not fit", "mA or A"),
    slip("a number is NaN", SITE, FUSE, "fuse: .nan A", "is not a quantity", "a number and a unit"),
    slip("a number is nan as Python writes it", SITE, FUSE, "fuse: nan A", "is not a quantity"),
    slip("a number is infinite", SITE, FUSE, "fuse: inf A", "is not a quantity"),
    slip("a number has an exponent", SITE, FUSE, "fuse: 1e9 A", "is not a quantity"),
    slip("a number is huge", SITE, FUSE, f"fuse: {'9' * 5000} A", "finer or larger", "fewer digits"),
    slip("a number is finer than a milliampere", SITE, FUSE, "fuse: 35.0001 A", "finer or larger"),
    slip("a fuse is zero, which would never mean unlimited", SITE, FUSE, "fuse: 0 A", "not within 1.."),
    slip("a margin is negative", SITE, MARGIN, "margin: -2 A ", "not within 0.."),
    slip("a hold is negative", SITE, "hold: 5 s,", "hold: -5 s,", "not within 0..3600000 ms"),
    slip("a cycle is too short", SITE, "cycle: 50 ms", "cycle: 5 ms", "not within 10..1000 ms"),
    slip("a whole number is huge", SITE, "port: 15020", f"port: {'9' * 5000}", "not a whole number"),
    slip("a port is written in words", SITE, "port: 15020", "port: many", "not a whole number"),
    slip("a bit rate is zero", SITE, "500 kbit/s", "0 kbit/s", "not within 10000.."),
    slip("a ramp stands still", SITE, "2 A/s", "0 A/s", "above zero"),
    slip("a ramp is no rate", SITE, "2 A/s", "2 A", "write a quantity per second, such as '1 A/s'"),
    slip("a rating is beyond the device", SITE, "max_ampere: 16", "max_ampere: 99", "within 6..32"),
]

NAMES = [
    slip("a driver is misspelt", SITE, "driver: goe_modbus", "driver: go_modbus", "did you mean 'goe_modbus'?"),
    slip("a driver is unheard of", SITE, "driver: goe_modbus", "driver: xyz", "no driver 'xyz'", "known here: goe"),
    slip("a bus is not there", SITE, f"{METER}", "driver: sdm630_modbus\n    bus: lam  # HERE", "did you mean 'lan'?"),
    slip("a bus is of another kind", SITE, METER, f"{METER[:-3]}can0  # HERE", "speaks modbus, but can0 is a can bus"),
    slip("a kind of bus is misspelt", SITE, "kind: can,", "kind: cam,", "did you mean 'can'?"),
    slip("a device stands twice", SITE, "  relays:\n", "  battery:  # HERE\n", "devices.battery: is given twice"),
    slip("a name has capitals", SITE, "  relays:\n", "  Relays:  # HERE\n", "'Relays' is no name", "use a to z"),
    slip("a name is too long", SITE, "  relays:\n", f"  {'r' * 32}:  # HERE\n", "is no name", "at most 31"),
    slip("a key is misspelt", SITE, "silence_after: 500 ms  ", "silence_afer: 500 ms  ", "mean 'silence_after'?"),
    slip("a section is unheard of", SITE, "start_grace: 10 s", "start_grace: 10 s\nnonsense: 1  # HERE", "'nonsense'"),
    slip("an option is misspelt", SITE, "max_ampere: 16", "max_amper: 16", "did you mean 'max_ampere'?"),
    slip("a role is unheard of", SITE, "role: orchestrator\n    priority: 10", "role: boss  # HERE", "one of observer"),
    slip(
        "a circuit feeds an unknown target", SITE, "wallbox.current: [", "wallbox.curent: [", "mean 'wallbox.current'?"
    ),
    slip("a circuit reads an unknown signal", SITE, "[meter.current_l1,", "[meter.curent_l1,", "mean 'meter.current_l"),
    slip("a flag is neither true nor false", SITE, "expected: true", "expected: maybe", "true, false"),
    slip(
        "observe is neither true nor false", SITE, "cycle: 50 ms", "cycle: 50 ms\nobserve: maybe  # HERE", "true, false"
    ),
    slip(
        "observe is YAML's other word for true",
        SITE,
        "cycle: 50 ms",
        "cycle: 50 ms\nobserve: yes  # HERE",
        "true, false",
    ),
]

SHAPES = [
    slip("the grace is missing", SITE, "start_grace: 10 s\n", "", "'start_grace' is missing", at="site: UC001"),
    slip("the house has no name", SITE, "UC001, the house with the large battery", '""', "1 to 80 characters"),
    slip("the house has a novel for a name", SITE, "UC001, the house", "x" * 81, "1 to 80 characters"),
    slip("a driver is missing", SITE, "    driver: goe_modbus\n", "", "'driver' is missing", at="  wallbox:"),
    slip("a setting of a bus is missing", SITE, "interface: canhub, ", "", "'interface' is missing", at="  can0:"),
    slip("a wallbox has no silence image", SITE, "silence: 0 A, ", "", "keeps its last order", "say what"),
    slip("a wallbox has no targets at all", SITE, WALLBOX_TARGETS, "", "{current: {silence:", at="  wallbox:"),
    slip("a silence image is in a forbidden band", SITE, "silence: 0 A", "silence: 4 A", "cannot do 4 A"),
    slip("a silence image is beyond the rating", SITE, "silence: 0 A", "silence: 17 A", "cannot do 17 A"),
    slip("a coil is given a ramp", SITE, COIL, "coil_1: {breaks_load: 0 s, ramp: 5}", "flag has no rate"),
    slip("a list is empty", SITE, "[meter.power_l1, meter.power_l2, meter.power_l3]", "[]", "the list is empty"),
    slip("a phase is forgotten", SITE, ", wallbox.current_l3]", "]", "one current per phase: 3, not 2"),
    slip(
        "a wallbox hangs on no phase",
        SITE,
        "[wallbox.current_l1, wallbox.current_l2, wallbox.current_l3]",
        "[absent, absent, absent]",
        "absent from every phase",
    ),
    slip("a power stands for a current", SITE, "[meter.current_l1,", "[meter.power,", "in mW, not in mA"),
    slip("a circuit feeds a coil", SITE, "wallbox.current: [", "relays.coil_1: [", "set in flag", "as a current"),
    slip(
        "a circuit does not say why",
        SITE,
        "why: the service fuse of the house is 35 A on each phase",
        "",
        "'why'",
        at="  house:",
    ),
    slip("lost comes before late", SITE, "lost: 60 s", "lost: 20 s", "lost must be later"),
    slip("late comes after the usual lost", SITE, "late: 20 s\n    lost: 60 s", "late: 40 s", "lost must be later"),
    slip("a token stands in the open", SITE, OPTIMISER_TOKEN, "demo-optimiser", "not a SHA-256", "powerwarden token"),
    slip("two orchestrators share a token", SITE, PHONE_TOKEN, OPTIMISER_TOKEN, "the same token", at="  phone:"),
    slip("a list stands for a mapping", SITE, "options: {role: listener} ", "options: [role] ", "expected a mapping"),
    slip("a mapping stands for a value", SITE, FUSE, "fuse: {35: A}", "expected a single value"),
]


@pytest.mark.parametrize("wrong", NUMBERS + NAMES + SHAPES)
def test_a_slip_in_the_site_document_is_refused_at_its_line(
    wrong: Slip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = copy_of_example(tmp_path)
    line = make(wrong, site)
    said = complaint(site, capsys)
    assert said.startswith(f"{site / SITE}:{line}: ")
    for words in wrong.says:
        assert words in said
