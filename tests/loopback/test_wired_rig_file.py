"""rig.yaml: only what is listed may be driven, nothing but lamps and inputs; errors tell file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.bench.rig_file import read
from hil.bench.wired import describe
from hil.unix_socket import RigError

GOOD = """\
title: The bench on the table
product: http://192.168.50.1:8080
listen: 192.168.50.2
can:
  can0: {interface: slcan, channel: /dev/ttyACM0, bitrate: 500000}
serial:
  meter: {port: /dev/ttyUSB0, baud: 9600}
relays:
  lines: {lamp_1: 5, lamp_2: 6}
may_drive:
  - {can: can0, ids: [0x201], why: the relay node's status}
  - {serial: meter, why: the meter}
  - {relay: lamp_1, follows: "relays.closed[1]", load: lamp, volt: 12, why: contact 1}
"""

BAD = {
    "a stranger": ("relays:\n", "relay:\n", 8, "unknown field `relay`"),
    "a misspelt limit": ("volt: 12", "volts: 12", 13, "unknown field `volts`"),
    "mains": ("volt: 12", "volt: 230", 13, "never mains"),
    "no voltage": ("volt: 12, ", "", 13, "only extra-low voltage"),
    "a load that is no lamp": ("load: lamp", "load: pump", 13, "Invalid enum value 'pump'"),
    "no load": ("load: lamp, ", "", 13, "lamp or input"),
    "no reason": ("why: contact 1", 'why: ""', 13, "say why"),
    "no fact": ('"relays.closed[1]"', "always", 13, "name a fact"),
    "a relay that the board does not have": ("relay: lamp_1", "relay: lamp_9", 13, "there are lamp_1, lamp_2"),
    "a bus that is not there": ("can: can0, ids", "can: can1, ids", 11, "there are can0"),
    "no identifiers": ("ids: [0x201]", "ids: []", 11, "list the identifiers"),
    "two in one": ("{serial: meter, why", "{serial: meter, can: can0, why", 12, "exactly one"),
    "a serial line that is not listed": ("  - {serial: meter, why: the meter}\n", "", 7, "`may_drive` has to list it"),
    "the same twice": (
        "  - {serial: meter, why: the meter}\n",
        "  - {serial: meter, why: the meter}\n" * 2,
        13,
        "listed twice",
    ),
    "two devices at one end": (
        "  meter: {port: /dev/ttyUSB0, baud: 9600}\n",
        "  meter: {port: /dev/ttyUSB0}\n  other: {port: /dev/ttyUSB0}\n",
        6,
        "the same wire",
    ),
    "two relays on one line": ("lamp_2: 6", "lamp_2: 5", 9, "the same line"),
    "a line that no header has": ("lamp_2: 6", "lamp_2: 40", 9, "0 to 27"),
    "every network": ("listen: 192.168.50.2", "listen: 0.0.0.0", 3, "every network"),
    "no address of the box": ("http://192.168.50.1:8080", "box", 2, "no address"),
    "a number that is a word": ("baud: 9600", "baud: fast", 7, "Expected `int`"),
}


def written(folder: Path, text: str) -> Path:
    path = folder / "rig.yaml"
    path.write_text(text)
    return path


def check(path: Path, house: str = "") -> str:
    return "\n".join(describe(path, house))


def test_what_it_would_drive_is_said_in_words(tmp_path: Path) -> None:
    said = check(written(tmp_path, GOOD))
    assert "CAN can0: sends 0x201 (the relay node's status)" in said
    assert "relay lamp_1: switches a lamp of 12 V as relays.closed[1] (contact 1)" in said
    assert "lamp_2" not in said
    assert "Modbus TCP: simulated devices answer at 192.168.50.2" in said


def test_the_documented_file_fits_the_documented_house(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "rig-wiring.md").read_text()
    block = page.partition("```yaml\n")[2].partition("```")[0]
    assert "0x211" in check(written(tmp_path, block), "uc001")


def test_a_bus_without_identifiers_is_only_listened_to(tmp_path: Path) -> None:
    text = GOOD.replace("  - {can: can0, ids: [0x201], why: the relay node's status}\n", "")
    path = written(tmp_path, text)
    assert read(path).ids("can0") == frozenset()
    assert "CAN can0: is only listened to" in check(path)


@pytest.mark.parametrize("what", BAD)
def test_an_error_names_file_line_and_remedy(what: str, tmp_path: Path) -> None:
    old, new, line, says = BAD[what]
    assert GOOD.count(old) == 1
    with pytest.raises(RigError) as caught:
        read(written(tmp_path, GOOD.replace(old, new)))
    assert str(caught.value).startswith(f"{tmp_path}/rig.yaml:{line}: ")
    assert says in str(caught.value)


def test_a_house_must_fit_the_wires(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    assert check(path, "small")
    with pytest.raises(RigError, match=r"rig.yaml:7: serial.meter: the house has no meter"):
        check(path, "uc001")
    with pytest.raises(RigError, match=r"rig.yaml:4: can: the house has can0, and no wire here is meant for it"):
        check(written(tmp_path, GOOD.replace("can0", "can7")), "small")
    with pytest.raises(RigError, match=r"rig.yaml:13: may_drive.2.follows: the house has no such device"):
        check(written(tmp_path, GOOD.replace("relays.closed", "fridge.closed")), "small")
