"""A whole answer is decoded at once, and one that is the same as before not at all: what it means stays the same.

The plain definition is here: a register's number from its own words, one register at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Defect, DefectKind, Failure, Heard, ReadRegisters, Sample
from drivers.modbus_load import parse
from drivers.modbus_poll import ModbusReader, Poller
from drivers.modbus_table import ModbusTable
from supervisor.kernel.signal import Quality

WORDS = 9
REGISTERS: Mapping[
    str, tuple[int, str, int]
] = {  # address in the answer, type, words; not in the order of the addresses
    "u": (2, "u16", 1),
    "i": (0, "i16", 1),
    "uu": (3, "u32", 2),
    "ii": (5, "i32", 2),
    "f": (7, "float32", 2),
    "half": (5, "u16", 1),  # the same word as the first of another one
}
RANGE = (-1_000_000, 1_000_000)


def toy(order: str) -> ModbusTable:
    lines = [f"  {name}: {{group: g, address: {at}, type: {kind}, unit: count, range: [{RANGE[0]}, {RANGE[1]}]}}"
             for name, (at, kind, _) in REGISTERS.items()]  # fmt: skip
    lines += [f"  of_{name}: {{group: {name}, address: {at}, type: u16, unit: count, range: [0, 65535]}}"
              for name, at in (("h", 20), ("i", 30))]  # fmt: skip
    head = f"""
title: toy
word_order: {order}
max_registers: 20
default_unit: 1
request_gap: 20 ms
timeout: 300 ms
groups:
  - {{name: g, table: input, address: 0, count: {WORDS}, period: 500 ms, max_age: 2 s}}
  - {{name: h, table: input, address: 20, count: 2, period: 500 ms, max_age: 2 s}}
  - {{name: i, table: input, address: 30, count: 2, period: 500 ms, max_age: 2 s}}
registers:
"""
    return parse(head + "\n".join(lines) + "\n", "toy")


TABLES = {order: toy(order) for order in ("high_first", "low_first")}


def number(kind: str, words: Sequence[int]) -> int | float:
    """The number of these words, high word first, by the definition of its type."""
    raw = 0
    for word in words:
        raw = raw << 16 | word
    bits = 16 * len(words)
    if kind != "float32":
        return raw - (1 << bits) if kind.startswith("i") and raw >> bits - 1 else raw
    sign, exponent, fraction = -1.0 if raw >> 31 else 1.0, raw >> 23 & 0xFF, raw & 0x7F_FFFF  # IEEE 754, binary32
    if exponent == 0xFF:
        return math.nan if fraction else sign * math.inf
    return sign * math.ldexp(fraction if exponent == 0 else fraction | 1 << 23, max(exponent, 1) - 150)


def means(name: str, raw: int | float) -> int | DefectKind:
    """The value in the signal's unit, or what is wrong with it."""
    if not math.isfinite(raw):
        return DefectKind.NAN
    subnormal = REGISTERS[name][1] == "float32" and 0 < abs(raw) < 2.0**-126
    return DefectKind.RANGE if subnormal or not RANGE[0] <= round(raw) <= RANGE[1] else round(raw)


def told(heard: Sequence[Heard]) -> list[tuple[str, int | DefectKind]]:
    """The names of what was heard, each with its value or with the defect that came before it."""
    found: list[tuple[str, int | DefectKind]] = []
    wrong: DefectKind | None = None
    for item in heard:
        if isinstance(item, Defect):
            wrong = item.kind
        elif wrong is None:
            assert item.quality is Quality.GOOD
            assert item.value is not None
            found.append((item.name, item.value))
        else:
            assert item == Sample(item.name, None, Quality.INVALID)
            found.append((item.name, wrong))
            wrong = None
    return found


ANSWER = st.lists(st.integers(0, 0xFFFF) | st.sampled_from((0, 1, 0x7F80, 0x7FC0, 0x8000, 0xFFFF, 0x4366)),
                  min_size=WORDS, max_size=WORDS).map(tuple)  # fmt: skip


@pytest.mark.parametrize("order", TABLES)
@given(words=ANSWER)
def test_a_whole_answer_means_what_each_of_its_registers_means(order: str, words: tuple[int, ...]) -> None:
    table = TABLES[order]
    expected = []
    for name, (at, kind, size) in REGISTERS.items():
        own = words[at : at + size] if order == "high_first" else words[at : at + size][::-1]
        expected.append((name, means(name, number(kind, own))))
    assert told(table.decode(table.groups[0], words)) == expected


@pytest.mark.parametrize("word", [-1, 0x1_0000])
def test_a_word_that_is_none_spoils_its_whole_answer(word: int) -> None:
    table = TABLES["high_first"]
    for at in range(WORDS):
        words = [0] * WORDS
        words[at] = word
        (defect,) = table.decode(table.groups[0], words)
        assert isinstance(defect, Defect)
        assert defect.kind is DefectKind.GARBAGE


def asked(reader: ModbusReader, now_ms: int) -> ReadRegisters:
    """The next read of the first group."""
    while True:
        for ask in reader.poll(now_ms):
            assert isinstance(ask, ReadRegisters)
            if ask.address == 0:
                return ask
            assert not tuple(reader.on_registers(ask, Failure.TIMEOUT, now_ms))[1:]
        now_ms += 20


@given(answers=st.lists(st.sampled_from(((0,) * WORDS, (1,) * WORDS, (0xFFFF,) * WORDS, (0,) * 3)), max_size=6))
def test_an_answer_means_the_same_whatever_came_before_it(answers: list[tuple[int, ...]]) -> None:
    table = TABLES["high_first"]
    reader = ModbusReader(table, 1)
    words = [0] * WORDS  # one list for all answers, as a port might use it
    for number_, answer in enumerate(answers):
        words[:] = answer
        now_ms = 10_000 * (number_ + 1)
        assert tuple(reader.on_registers(asked(reader, now_ms), words, now_ms + 200)) == table.decode(
            table.groups[0], answer
        )


def test_two_groups_with_the_same_words_are_told_each_by_its_own_names() -> None:
    reader, names = ModbusReader(TABLES["high_first"], 1), set()
    for now_ms in range(0, 2_000, 50):
        for ask in reader.poll(now_ms):
            assert isinstance(ask, ReadRegisters)
            reply = Failure.TIMEOUT if ask.address == 0 else (7, 0)
            names |= {(ask.address, item) for item in reader.on_registers(ask, reply, now_ms) if ask.address}
    assert names == {(20, Sample("of_h", 7)), (30, Sample("of_i", 7))}


def test_a_defect_is_told_again_each_time_that_it_comes() -> None:
    reader = ModbusReader(TABLES["high_first"], 1)
    words = (0, 0, 0, 0, 0, 0, 0, 0x7FC0, 0)  # a float that is no number
    for now_ms in (10_000, 20_000, 30_000):
        heard = tuple(reader.on_registers(asked(reader, now_ms), words, now_ms + 200))
        assert Defect(DefectKind.NAN, "f: nan") in heard
        assert Sample("f", None, Quality.INVALID) in heard


@pytest.mark.parametrize("now_ms", [0, 100, 1_000_000])
def test_what_was_written_before_the_first_poll_is_the_first_to_be_read(now_ms: int) -> None:
    table = TABLES["high_first"]
    poller = Poller(table, 1)
    poller.hurry(table.group("i"))
    addresses = []
    for step in range(3):
        ask = poller.poll(now_ms + 100 * step + 1)
        assert ask is not None
        addresses.append(ask.address)
        poller.answered(ask, now_ms + 100 * step + 50)
    assert addresses == [30, 0, 20]


@pytest.mark.parametrize("now_ms", [0, 100, 1_000_000])
def test_a_group_is_read_again_a_period_after_the_first_poll_whenever_that_was(now_ms: int) -> None:
    poller = Poller(TABLES["high_first"], 1)
    for step in range(3):
        ask = poller.poll(now_ms + 100 * step)
        assert ask is not None
        poller.answered(ask, now_ms + 100 * step + 50)
    assert next(at for at in range(now_ms + 300, now_ms + 900) if poller.poll(at) is not None) == now_ms + 500
