"""The Modbus mechanism with toy tables of its own: loading, decoding, and when to read what."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from itertools import pairwise

import pytest
from driver_wires import float_words, u32_words
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Defect, DefectKind, Failure, Heard, ReadRegisters, RegisterTable, Sample, WriteRegisters
from drivers.modbus_load import load, parse
from drivers.modbus_poll import LOST_MS, ModbusReader
from drivers.modbus_table import ModbusTable
from drivers.units import TableError, duration_ms, exactly, scale_of
from supervisor.kernel.signal import Quality, Unit

HEAD = """
title: toy
word_order: {order}
max_registers: 10
default_unit: 1
request_gap: 100 ms
timeout: 300 ms
groups:
  - {{name: fast, table: input, address: 100, count: 4, period: 500 ms, max_age: 2 s}}
  - {{name: slow, table: holding, address: 0, count: 2, period: 2 s, max_age: 8 s}}
registers:
"""


def toy(*registers: str, order: str = "high_first", tail: str = "") -> ModbusTable:
    return parse(HEAD.format(order=order) + "".join(f"  {line}\n" for line in registers) + tail, "toy")


def decode(register: str, *words: int, order: str = "high_first") -> tuple[Heard, ...]:
    table = toy(f"x: {{group: fast, address: 100, {register}}}", order=order)
    return table.decode(table.groups[0], (*words, 0, 0, 0, 0)[:4])


def good(heard: Iterable[Heard]) -> int | None:
    (sample,) = heard
    assert isinstance(sample, Sample)
    assert sample.quality is Quality.GOOD
    return sample.value


def bad(heard: Iterable[Heard]) -> DefectKind:
    defect, sample = heard
    assert isinstance(defect, Defect)
    assert sample == Sample("x", None, Quality.INVALID)
    return defect.kind


# ---- decoding -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("register", "words", "value"),
    [
        ("type: u16, unit: V, factor: 0.1, range: [0, 500]", (2305,), 230_500),
        ("type: u16, unit: A, range: [0, 63]", (16,), 16_000),
        ("type: i16, unit: A, factor: 0.1, range: [-100, 100]", (0xFF9C,), -10_000),
        ("type: i16, unit: degC, factor: 0.1, range: [-40, 100]", (0xFFFF,), -100),
        ("type: u32, unit: W, factor: 0.01, range: [0, 60000]", u32_words(1_098_765), 10_987_650),
        ("type: i32, unit: W, range: [-5000, 5000]", (0xFFFF, 0xFF38), -200_000),
        ("type: u16, unit: '%', factor: 0.1, range: [0, 100]", (1000,), 1000),
        ("type: u16, unit: permille, range: [0, 1000]", (999,), 999),
        ("type: u16, unit: Hz, factor: 0.01, range: [0, 100]", (5001,), 50_010),
        ("type: u32, unit: kWh, factor: 0.1, range: [0, 99999999]", u32_words(36_012), 3_601_200),
        ("type: u16, unit: Wh, range: [0, 65535]", (65_535,), 65_535),
        ("type: u16, unit: s, range: [0, 3600]", (90,), 90_000),
        ("type: u16, unit: count, range: [0, 9]", (9,), 9),
        ("type: u16, unit: code", (0xFFFF,), 0xFFFF),
        ("type: i16, unit: code", (0x8000,), -0x8000),
        ("type: float32, unit: V, range: [0, 500]", float_words(230.5), 230_500),
        ("type: float32, unit: W, range: [-9000, 9000]", float_words(-0.0), 0),
        ("type: float32, unit: V, range: [0, 500]", float_words(0.0004), 0),
        ("type: float32, unit: V, range: [0, 500]", float_words(0.0006), 1),
    ],
)
def test_good_values_are_whole_kernel_units(register: str, words: tuple[int, ...], value: int) -> None:
    assert good(decode(register, *words)) == value


def test_low_word_first() -> None:
    assert good(decode("type: u32, unit: W, range: [0, 70000]", 1, 1, order="low_first")) == 65_537_000
    assert good(decode("type: float32, unit: V, range: [0, 500]", 0x8000, 0x4366, order="low_first")) == 230_500


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (math.nan, DefectKind.NAN),
        (math.inf, DefectKind.NAN),
        (-math.inf, DefectKind.NAN),
        (500.01, DefectKind.RANGE),
        (-0.01, DefectKind.RANGE),
        (3e38, DefectKind.RANGE),
        (2.4e-41, DefectKind.RANGE),
    ],
)
def test_floats_that_are_no_measurement(number: float, kind: DefectKind) -> None:
    assert bad(decode("type: float32, unit: V, range: [0, 500]", *float_words(number))) is kind


@given(volts=st.integers(1, 500))
def test_a_whole_number_in_the_wrong_word_order_is_never_a_small_one(volts: int) -> None:
    high, low = float_words(float(volts))
    assert bad(decode("type: float32, unit: V, range: [0, 500]", low, high)) is DefectKind.RANGE


def test_codes_without_a_name_and_the_registers_own_not_available() -> None:
    codes = "type: u16, unit: code, codes: {0: none, 2: two}"
    assert good(decode(codes, 2)) == 2
    assert bad(decode(codes, 1)) is DefectKind.ENUM
    assert bad(decode(codes, 3)) is DefectKind.ENUM
    absent = "type: i16, unit: degC, range: [-4000, 4000], absent: -32768"
    assert bad(decode(absent, 0x8000)) is DefectKind.NOT_AVAILABLE
    assert good(decode(absent, 0)) == 0


@given(raw=st.integers(0, 2**32 - 1))
def test_any_float_is_a_good_value_within_range_and_half_a_unit_or_none(raw: int) -> None:
    (number,) = struct.unpack(">f", struct.pack(">I", raw))
    heard = decode("type: float32, unit: W, range: [-60000, 60000]", raw >> 16, raw & 0xFFFF)
    sample = heard[-1]
    assert isinstance(sample, Sample)
    if sample.value is not None:
        assert -60_000_000 <= sample.value <= 60_000_000
        assert abs(sample.value - number * 1000) <= 0.5


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_an_answer_of_another_length_is_not_read(count: int) -> None:
    table = toy("x: {group: fast, address: 100, type: u16, unit: code}")
    (defect,) = table.decode(table.groups[0], [0] * count)
    assert isinstance(defect, Defect)
    assert defect.kind is DefectKind.SHORT_REPLY


def test_words_that_are_none() -> None:
    table = toy("x: {group: fast, address: 100, type: u16, unit: code}")
    for word in (-1, 0x10000):
        (defect,) = table.decode(table.groups[0], [word, 0, 0, 0])
        assert isinstance(defect, Defect)
        assert defect.kind is DefectKind.GARBAGE


# ---- loading ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("register", "says"),
    [
        ("group: fast, address: 104, type: u16, unit: code", "outside its group fast"),
        ("group: fast, address: 103, type: u32, unit: V, range: [0, 9]", "outside its group fast"),
        ("group: fast, address: 99, type: u16, unit: code", "outside its group fast"),
        ("group: fats, address: 100, type: u16, unit: code", "group 'fats' is none of fast, slow"),
        ("group: fast, address: 100, type: u8, unit: code", "type 'u8' is none of u16"),
        ("group: fast, address: 100, type: u16, unit: mV, range: [0, 9]", "unit 'mV' is none of"),
        ("group: fast, address: 100, type: u16, unit: V", "range is missing"),
        ("group: fast, address: 100, type: u16, unit: V, range: [9, 0]", "range is empty"),
        ("group: fast, address: 100, type: u16, unit: V, range: 9", "range is not"),
        ("group: fast, address: 100, type: u16, unit: V, range: [0, .nan]", "not a finite number"),
        ("group: fast, address: 100, type: u16, unit: V, range: [0, x]", "not a number"),
        ("group: fast, address: 100, type: u16, unit: V, factor: 0.0001, range: [0, 9]", "no whole number"),
        ("group: fast, address: 100, type: u16, unit: code, codes: {0: no}", "quote the names"),
        ("group: fast, address: 100, type: u16, unit: code, codes: 3", "codes are not numbers with names"),
        ("group: fast, address: 100, type: u16, unit: code, fcator: 2", "unknown fcator"),
        ("group: fast, address: x, type: u16, unit: code", "address is no whole number"),
        ("group: fast, address: 100, type: u16, unit: code, core: 1", "core is neither true nor false"),
        ("group: 3, address: 100, type: u16, unit: code", "group is not text"),
        ("group: fast, type: u16, unit: code", "address is missing"),
        ("group: fast, address: 100, type: u16, unit: code, absent: 0.5", "absent is no whole number"),
        ("group: fast, address: 100, type: float32, unit: code, codes: {0: none}", "codes of a float"),
    ],
)
def test_a_wrong_register_is_named(register: str, says: str) -> None:
    with pytest.raises(TableError, match=says) as error:
        toy(f"wrong: {{{register}}}")
    assert str(error.value).startswith("toy: wrong: ")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("title: toy", "", "title is missing"),
        ("title: toy", "tilte: toy", "title is missing"),
        ("high_first", "middle", "word_order 'middle' is none of high_first, low_first"),
        ("count: 4", "count: 11", "count is no whole number from 1 to 10"),
        ("default_unit: 1", "default_unit: 248", "default_unit is no whole number from 1 to 247"),
        ("period: 500 ms", "period: 500", "is not a duration"),
        ("period: 500 ms", "period: 0 ms", "no whole, positive number"),
        ("max_age: 2 s", "max_age: 0.9 s", "max_age is below two periods"),
        ("table: input", "table: coil", "table 'coil' is none of input, holding"),
        ("\nregisters:", "\nregisters: 3\nrest:", "registers is not a mapping"),
        ("{name: slow,", "{name: fast,", "groups have the same name"),
        ("title: toy", "title: toy\ntitle: toy", "'title' stands here twice"),
        ("- {name: fast,", "- 3\n  - {name: fast,", r"groups\[0\]: is not a mapping"),
        ("title: toy", "title: [", "not YAML"),
        ("title: toy", "title: toy\nextra: 1", "unknown extra"),
    ],
)
def test_a_wrong_table_says_what_is_wrong(old: str, new: str, says: str) -> None:
    with pytest.raises(TableError, match=says):
        parse((HEAD + " {{}}").format(order="high_first").replace(old, new, 1), "toy")


def test_a_table_that_is_no_mapping_and_writes_that_are_wrong() -> None:
    with pytest.raises(TableError, match="is not a mapping"):
        parse("- 1", "toy")
    with pytest.raises(TableError, match="groups is not a list"):
        parse(HEAD.format(order="high_first").replace("groups:", "groups: 3\nrest:") + " {}", "toy")
    line = "x: {group: fast, address: 100, type: u16, unit: code}"
    with pytest.raises(TableError, match="raw numbers"):
        toy(line, tail="writes:\n  x: {address: 1, cost: volatile, range: [0, 1.5]}\n")
    with pytest.raises(TableError, match="cost 'free' is none of volatile, non-volatile"):
        toy(line, tail="writes:\n  x: {address: 1, cost: free, range: [0, 1]}\n")


def test_units() -> None:
    assert scale_of("kWh", "x") == (Unit.ENERGY, 1000)
    assert exactly(0.1, 1000, "x") == 100
    assert exactly(-0.3, 10, "x") == -3
    assert duration_ms("0.5 s", "x") == 500
    for wrong in (True, "1", None):
        with pytest.raises(TableError, match="not a number"):
            exactly(wrong, 1, "x")
    with pytest.raises(TableError, match="whole"):
        duration_ms("0.3 ms", "x")


def test_the_shipped_tables_load() -> None:
    assert {spec.name for spec in load("sdm630_modbus").signals() if spec.core} >= {"power", "voltage_l1"}
    assert load("goe_modbus").writes.keys() == {"ampere", "force_state"}
    with pytest.raises(KeyError):
        load("goe_modbus").group("nothing")


# ---- polling ------------------------------------------------------------------------------------------------------
FAST = ReadRegisters(7, RegisterTable.INPUT, 100, 4)
SLOW = ReadRegisters(7, RegisterTable.HOLDING, 0, 2)


def reader() -> ModbusReader:
    return ModbusReader(toy("x: {group: fast, address: 100, type: u16, unit: code}"), 7)


def asks(
    driver: ModbusReader, start_ms: int, end_ms: int, answer_ms: int | None = 10
) -> list[tuple[int, ReadRegisters]]:
    """Polls every 10 ms; each read is answered after ``answer_ms``, or never."""
    told: list[tuple[int, ReadRegisters]] = []
    due: list[tuple[int, ReadRegisters]] = []
    for now_ms in range(start_ms, end_ms, 10):
        while due and due[0][0] <= now_ms:
            answered = due.pop(0)[1]
            driver.on_registers(answered, [0] * answered.count, now_ms)
        for ask in driver.poll(now_ms):
            assert isinstance(ask, ReadRegisters)
            told.append((now_ms, ask))
            if answer_ms is not None:
                due.append((now_ms + answer_ms, ask))
    return told


def test_groups_are_read_in_their_periods_with_a_rest_in_between() -> None:
    told = asks(reader(), 0, 4_000)
    assert [at for at, ask in told if ask == FAST] == list(range(0, 4_000, 500))
    slow = [at for at, ask in told if ask == SLOW]
    assert slow[0] == 110  # the first answer at 10 ms, then the device's rest of 100 ms
    assert len(slow) == 2
    assert all(after - before >= 110 for (before, _), (after, _) in pairwise(told))


def test_one_request_is_outstanding_at_a_time_and_a_lost_answer_is_given_up() -> None:
    told = asks(reader(), 0, 2 * LOST_MS, answer_ms=None)
    assert [at for at, _ in told] == [0, LOST_MS]
    assert {ask for _, ask in told} == {FAST, SLOW}


def test_a_slow_line_starves_no_group_and_catches_nothing_up() -> None:
    told = asks(reader(), 0, 12_000, answer_ms=800)
    assert {ask for _, ask in told} == {FAST, SLOW}
    assert len([1 for _, ask in told if ask == SLOW]) >= 4
    assert len(told) <= 12_000 // 900 + 1
    late = reader()
    asks(late, 0, 200)
    assert len(asks(late, 60_000, 60_400)) == 2


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Failure.TIMEOUT, DefectKind.TIMEOUT),
        (Failure.EXCEPTION, DefectKind.DEVICE_EXCEPTION),
        (Failure.SHORT, DefectKind.SHORT_REPLY),
        (Failure.NO_CONNECTION, DefectKind.TIMEOUT),
    ],
)
def test_after_a_failure_the_group_is_asked_again_in_its_next_period(failure: Failure, kind: DefectKind) -> None:
    driver = reader()
    assert list(driver.poll(0)) == [FAST]
    (defect,) = driver.on_registers(FAST, failure, 300)
    assert isinstance(defect, Defect)
    assert defect.kind is kind
    assert [at for at, ask in asks(driver, 300, 1_500) if ask == FAST] == [510, 1_000]


def test_an_answer_that_nobody_waits_for_is_not_believed() -> None:
    driver = reader()
    assert list(driver.on_registers(FAST, [1, 2, 3, 4], 0)) == []
    assert list(driver.poll(0)) == [FAST]
    assert list(driver.on_registers(SLOW, [1, 2], 5)) == []
    assert list(driver.on_registers(FAST, [1, 2, 3, 4], 10)) == [Sample("x", 1)]
    assert list(driver.on_registers(FAST, [9, 9, 9, 9], 11)) == []


def test_a_refused_write_is_a_defect_and_leaves_the_reading_alone() -> None:
    driver = reader()
    (defect,) = driver.on_registers(WriteRegisters(7, 5, (1,)), Failure.EXCEPTION, 0)
    assert isinstance(defect, Defect)
    assert defect.kind is DefectKind.DEVICE_EXCEPTION
    assert list(driver.on_registers(WriteRegisters(7, 5, (1,)), (), 0)) == []
    assert list(driver.poll(0)) == [FAST]


def test_what_was_just_written_is_read_next() -> None:
    driver = reader()
    asks(driver, 0, 400)
    driver.poller.hurry(driver.table.group("slow"))
    assert [ask for _, ask in asks(driver, 400, 420)] == [SLOW]
