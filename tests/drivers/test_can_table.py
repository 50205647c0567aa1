"""The CAN mechanism: checksum, counter, lengths, and what a DBC must say before it is used."""

from __future__ import annotations

import cantools
import pytest
from driver_wires import crc8
from hypothesis import given
from hypothesis import strategies as st

from drivers.can_table import AliveCounter, CanTable, crc8_j1850, load, wrong_length
from drivers.contract import Defect, DefectKind, Frame, Sample
from drivers.units import TableError
from supervisor.kernel.signal import Quality, Unit

TOY = """VERSION ""
BS_:
BU_: A B
BO_ 16 TOY: 8 A
 SG_ Volts : 0|16@1+ (0.1,0) [0|100] "V" B
 SG_ Amps : 16|16@1- (0.1,0) [-50|80] "A" B
 SG_ Fine : 32|8@1+ (0.0001,0) [0|1] "V" B
 SG_ Shifted : 40|8@1+ (1,-40) [-40|100] "degC" B
 SG_ Odd : 48|8@1+ (1,0) [0|9] "furlong" B
 SG_ Unbounded : 56|8@1+ (1,0) [0|0] "V" B
"""


def toy() -> CanTable:
    database = cantools.database.load_string(TOY, "dbc")
    return CanTable("toy", database)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"123456789", 0x4B),  # the catalogue's check value
        (bytes.fromhex("00000000"), 0x59),  # AUTOSAR CRC library, test patterns of the 8-bit SAE J1850 CRC
        (bytes.fromhex("F20183"), 0x37),
        (bytes.fromhex("0FAA0055"), 0x79),
        (bytes.fromhex("00FF5511"), 0xB8),
        (bytes.fromhex("332255AABBCCDDEEFF"), 0xCB),
        (bytes.fromhex("926B55"), 0x8C),
        (bytes.fromhex("FFFFFFFF"), 0x74),
    ],
)
def test_crc8_j1850(data: bytes, crc: int) -> None:
    assert crc8_j1850(data) == crc
    assert crc8(data) == crc


@given(st.binary(max_size=70))
def test_the_checksum_by_table_is_the_checksum_bit_by_bit(data: bytes) -> None:
    assert crc8_j1850(data) == crc8(data)


def test_alive_counter() -> None:
    counter = AliveCounter(14)
    assert [counter.moved(value) for value in (3, 3, 4, 9, 14, 0, 0, 15, 16, 0, 1)] == [
        True, False, True, True, True, True, False, False, False, False, True,
    ]  # fmt: skip


def test_lengths() -> None:
    assert wrong_length(Frame(1, bytes(6)), {6, 8}) is None
    defect = wrong_length(Frame(1, bytes(7)), {6, 8})
    assert defect is not None
    assert defect.kind is DefectKind.LENGTH


def test_a_field_converts_exactly_and_turns_its_sign_with_its_range() -> None:
    volts = toy().field("TOY", "Volts", "u", 5_000, has_absent=True, core=True)
    assert (volts.spec.unit, volts.spec.lo, volts.spec.hi, volts.step) == (Unit.VOLTAGE, 0, 100_000, 100)
    assert volts.heard(532) == (Sample("u", 53_200),)
    assert volts.heard(532, Quality.SUSPECT) == (Sample("u", 53_200, Quality.SUSPECT),)
    amps = toy().field("TOY", "Amps", "i", 5_000, turned=True)
    assert (amps.spec.lo, amps.spec.hi) == (-80_000, 50_000)
    assert amps.heard(-500) == (Sample("i", 50_000),)
    assert amps.heard(800) == (Sample("i", -80_000),)
    assert amps.heard(-501)[-1] == Sample("i", None, Quality.INVALID)
    assert amps.heard(-0x8000)[0] == Defect(DefectKind.RANGE, "i: raw -32768")  # it has no "not available" of its own
    assert volts.heard(0xFFFF)[0] == Defect(DefectKind.NOT_AVAILABLE, "u: raw 65535")


@pytest.mark.parametrize(
    ("message", "source", "says"),
    [
        ("TOY", "Missing", "no such signal"),
        ("NONE", "Volts", "no message NONE|no such signal"),
        ("TOY", "Fine", "no whole number"),
        ("TOY", "Shifted", "offsets and floats"),
        ("TOY", "Odd", "unit 'furlong' is none of"),
        ("TOY", "Unbounded", "has no range"),
    ],
)
def test_a_dbc_that_cannot_be_used_says_why(message: str, source: str, says: str) -> None:
    with pytest.raises(TableError, match=says):
        toy().field(message, source, "x", 1_000)


def test_short_frames_have_fewer_signals() -> None:
    assert toy().raw("TOY", bytes((1, 0, 2))) == {"Volts": 1}
    assert toy().raw("TOY", b"") == {}


def test_the_shipped_tables_load_once() -> None:
    assert load("pylontech_can") is load("pylontech_can")
    assert load("relaynode_can").message("RELAY_STATUS").frame_id == 0x211
