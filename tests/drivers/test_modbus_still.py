"""H07: a device that repeats itself to the last bit is doubted after a stated time; one that lives never is.

Toy tables for the mechanism, the real table and hand-made words for the meter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest
from driver_cases import SDM, SDM_MEANS, reply_to
from driver_wires import float_words
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import Defect, DefectKind, Driver, Failure, Heard, ReadRegisters, Sample
from drivers.modbus_load import load, parse
from drivers.modbus_poll import ModbusReader
from drivers.modbus_table import Group
from drivers.registry import FAMILIES
from drivers.units import TableError
from supervisor.kernel.signal import Quality

METER = FAMILIES["sdm630_modbus"]
AFTER_MS = 10_000
FLICKERING = sorted(name for name in SDM_MEANS if name.partition("_")[0] in ("voltage", "current", "power"))
PLACES = {register.spec.name: register.address for register in load("sdm630_modbus").registers}
Words = Mapping[int, Sequence[int]]
Told = list[tuple[int, str, Heard]]  # when, in which group, what


def meter(**options: int) -> Driver:
    defaults = {option.name: option.default for option in METER.options if option.default is not None}
    return METER.build({**defaults, **options}, b"")


def bit_flipped(name: str, times: int) -> Words:
    """The healthy answers, with the last bits of one float changed: far less than any unit of the house can show."""
    at = PLACES[name]
    high, low = SDM[at]
    return {**SDM, at: (high, low ^ times % 2)}


def talk(driver: Driver, from_ms: int, to_ms: int, words: Words | Failure) -> Told:
    """Everything that is asked in this time is answered so."""
    told: Told = []
    for now_ms in range(from_ms, to_ms, 20):
        for ask in driver.poll(now_ms):
            assert isinstance(ask, ReadRegisters)
            group = "grid" if ask.address == 0x46 else "live"
            reply = words if isinstance(words, Failure) else reply_to(ask, {at: tuple(w) for at, w in words.items()})
            told += [(now_ms, group, item) for item in driver.on_registers(ask, reply, now_ms)]
    return told


def alive(driver: Driver, from_ms: int, to_ms: int) -> Told:
    """A meter that measures anew each half second."""
    told: Told = []
    for number, now_ms in enumerate(range(from_ms, to_ms, 500)):
        told += talk(driver, now_ms, min(now_ms + 500, to_ms), bit_flipped("voltage_l2", number))
    return told


def qualities(told: Told) -> set[Quality]:
    return {item.quality for _, _, item in told if isinstance(item, Sample)}


def defects(told: Told) -> list[DefectKind]:
    return [item.kind for _, _, item in told if isinstance(item, Defect)]


def first_doubt_ms(told: Told) -> int | None:
    return next((at for at, _, item in told if isinstance(item, Sample) and item.quality is Quality.SUSPECT), None)


# ---- the meter ----------------------------------------------------------------------------------------------------
def test_a_meter_that_repeats_itself_to_the_last_bit_is_doubted_after_ten_seconds_and_whole() -> None:
    told = talk(meter(), 0, 30_000, SDM)
    assert qualities([one for one in told if one[0] < AFTER_MS]) == {Quality.GOOD}
    late = [one for one in told if one[0] >= AFTER_MS + 500]
    assert qualities(late) == {Quality.SUSPECT}
    assert {item.name for _, _, item in late if isinstance(item, Sample)} == set(SDM_MEANS), (
        "energies and frequency too"
    )


def test_what_is_doubted_keeps_its_value_because_it_may_still_trip() -> None:
    told = talk(meter(), 0, 20_000, SDM)
    late = {item.name: item for at, _, item in told if at >= 15_000 and isinstance(item, Sample)}
    assert {name: sample.value for name, sample in late.items()} == SDM_MEANS


def test_each_repeated_answer_is_counted_as_a_defect_that_names_its_kind() -> None:
    told = talk(meter(), 0, 20_000, SDM)
    assert set(defects(told)) == {DefectKind.FROZEN}
    assert 18 <= len(defects(told)) <= 20, "twice a second for the ten seconds that were too many"
    assert all(group == "live" for _, group, item in told if isinstance(item, Defect))


@pytest.mark.parametrize("name", FLICKERING)
def test_one_bit_of_any_voltage_current_or_power_is_a_sign_of_life(name: str) -> None:
    driver = meter()
    told: Told = []
    for number, from_ms in enumerate(range(0, 60_000, 8_000)):
        told += talk(driver, from_ms, from_ms + 8_000, bit_flipped(name, number))
    assert qualities(told) == {Quality.GOOD}
    assert defects(told) == []


@pytest.mark.parametrize("name", ["frequency", "energy_import", "energy_export"])
def test_what_only_counts_or_is_held_by_a_quartz_is_none(name: str) -> None:
    driver = meter()
    told: Told = []
    for number, from_ms in enumerate(range(0, 30_000, 1_000)):
        told += talk(driver, from_ms, from_ms + 1_000, bit_flipped(name, number))
    assert qualities([one for one in told if one[0] >= 11_000]) == {Quality.SUSPECT}


def test_the_first_change_ends_the_doubt_at_once() -> None:
    driver = meter()
    talk(driver, 0, 60_000, SDM)
    told = talk(driver, 60_000, 60_400, bit_flipped("power", 1))
    assert qualities(told) == {Quality.GOOD}
    assert defects(told) == []


@pytest.mark.parametrize("after_s", [3, 10, 30])
def test_the_site_says_after_how_long(after_s: int) -> None:
    at_ms = first_doubt_ms(talk(meter(frozen_after_s=after_s), 0, 40_000, SDM))
    assert at_ms is not None
    assert after_s * 1_000 <= at_ms <= after_s * 1_000 + 500


def test_a_site_cannot_say_never() -> None:
    (option,) = [option for option in METER.options if option.name == "frozen_after_s"]
    assert option.lo is not None
    assert option.hi is not None
    assert option.lo >= 2
    assert option.hi <= 60, "a gG fuse bears 1.6 times its rating for a minute"
    assert ", in s" in option.help


@pytest.mark.parametrize("failure", list(Failure))
def test_reads_that_fail_in_between_are_no_sign_of_life(failure: Failure) -> None:
    driver = meter()
    told: Told = []
    for from_ms in range(0, 20_000, 2_000):
        told += talk(driver, from_ms, from_ms + 1_500, SDM) + talk(driver, from_ms + 1_500, from_ms + 2_000, failure)
    assert qualities([one for one in told if one[0] < AFTER_MS]) == {Quality.GOOD}
    assert qualities([one for one in told if one[0] >= AFTER_MS + 1_000]) == {Quality.SUSPECT}


@pytest.mark.parametrize("number", [math.nan, math.inf, 900.0])
def test_what_is_no_measurement_is_no_sign_of_life(number: float) -> None:
    """A number that comes and goes in an answer that else stands still."""
    driver = meter()
    told: Told = []
    for from_ms in range(0, 20_000, 1_000):
        told += talk(driver, from_ms, from_ms + 500, SDM)
        told += talk(driver, from_ms + 500, from_ms + 1_000, {**SDM, 0: float_words(number)})
    late = [one for one in told if one[0] >= AFTER_MS + 500]
    assert qualities(late) == {Quality.SUSPECT, Quality.INVALID}
    assert {item.name for _, _, item in late if isinstance(item, Sample) and item.quality is Quality.INVALID} == {
        "voltage_l1"
    }


def test_a_break_makes_nothing_younger() -> None:
    """The same bits after a minute without an answer: out of somebody's memory."""
    driver = meter()
    talk(driver, 0, 1_000, SDM)
    talk(driver, 1_000, 60_000, Failure.NO_CONNECTION)
    told = talk(driver, 60_000, 60_400, SDM)
    assert qualities(told) == {Quality.SUSPECT}


def test_a_meter_that_was_unreachable_and_lives_is_believed_with_its_first_answer() -> None:
    driver = meter()
    alive(driver, 0, 5_000)
    talk(driver, 5_000, 120_000, Failure.TIMEOUT)
    told = alive(driver, 120_000, 150_000)
    first = [item for _, group, item in told if group == "live"][: len(FLICKERING)]
    assert {item.quality for item in first if isinstance(item, Sample)} == {Quality.GOOD}
    assert DefectKind.FROZEN not in defects(told)
    assert qualities([one for one in told if one[0] >= 121_000]) == {Quality.GOOD}


def test_a_driver_that_has_just_been_started_believes_for_the_stated_time_and_no_longer() -> None:
    told = talk(meter(), 500_000, 520_000, SDM)
    assert qualities(told[:10]) == {Quality.GOOD}
    at_ms = first_doubt_ms(told)
    assert at_ms is not None
    assert 510_000 <= at_ms <= 510_500


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_happens_a_good_value_needs_a_change_within_the_stated_time(data: st.DataObject) -> None:
    """Any mixture of answers that repeat themselves, that differ, and that fail, with any pauses."""
    driver = meter()
    steps = st.tuples(st.sampled_from(["same", "same", "same", "other", "fails", "short"]), st.integers(0, 15_000))
    now_ms, changed_ms, number, measured = 0, None, 0, False
    for what, wait_ms in data.draw(st.lists(steps, min_size=5, max_size=40)):
        now_ms += 20 + wait_ms
        for ask in driver.poll(now_ms):
            assert isinstance(ask, ReadRegisters)
            live = ask.address == 0
            number += what == "other" and live
            reply: Sequence[int] | Failure = reply_to(ask, bit_flipped("power_l3", number))  # type: ignore[arg-type]
            reply = Failure.TIMEOUT if what == "fails" else reply[:-1] if what == "short" else reply
            heard = list(driver.on_registers(ask, reply, now_ms))
            first = live and not measured and what in ("same", "other")
            measured = measured or first
            if first or (live and what == "other") or (changed_ms is None and what != "fails"):
                changed_ms = now_ms
            samples = [item for item in heard if isinstance(item, Sample)]
            still = changed_ms is not None and now_ms - changed_ms >= AFTER_MS
            assert {item.quality for item in samples} <= {Quality.SUSPECT if still else Quality.GOOD}


@settings(max_examples=30, deadline=None)
@given(noise=st.lists(st.floats(229.0, 231.0, width=32), min_size=80, max_size=80, unique=True))
def test_a_meter_in_a_house_without_any_load_is_never_doubted(noise: list[float]) -> None:
    """Nothing flows on any phase; the voltages alone live, and the meter measures once in two seconds."""
    driver = meter()
    dark = {at: float_words(0.0) for at in SDM}
    told: Told = []
    for number, volt in enumerate(noise):
        told += talk(driver, number * 2_000, number * 2_000 + 2_000, {**dark, 0: float_words(volt)})
    assert qualities(told) == {Quality.GOOD}


# ---- the mechanism, with tables of its own ------------------------------------------------------------------------
HEAD = """
title: toy
word_order: high_first
max_registers: 10
default_unit: 1
request_gap: 20 ms
timeout: 300 ms
groups:
  - {name: one, table: input, address: 0, count: 4, period: 1 s, max_age: 5 s}
  - {name: two, table: input, address: 10, count: 2, period: 1 s, max_age: 5 s}
registers:
"""


def toy(*registers: str) -> str:
    return HEAD + "".join(f"  {line}\n" for line in registers)


class Derives(ModbusReader):
    """A family that adds a signal of its own."""

    def on_group(self, group: Group, heard: tuple[Heard, ...], asked_ms: int, now_ms: int) -> tuple[Heard, ...]:
        del asked_ms, now_ms
        return (*heard, Sample(f"sum_{group.name}", 1), Sample("lost", None, Quality.INVALID))


def toy_round(driver: ModbusReader, now_ms: int, one: float, two: float) -> list[Heard]:
    """Both groups answered."""
    heard: list[Heard] = []
    for at_ms in (now_ms, now_ms + 20):
        for ask in driver.poll(at_ms):
            words = (*float_words(one), 0, 0) if ask.address == 0 else float_words(two)  # type: ignore[union-attr]
            heard += driver.on_registers(ask, words, at_ms)  # type: ignore[arg-type]
    return heard


A, B = (
    "a: {group: one, address: 0, type: float32, unit: V, range: [0, 500], flickers: true}",
    ("b: {group: two, address: 10, type: float32, unit: V, range: [0, 500], flickers: true}"),
)


def test_what_a_family_derives_from_a_device_that_stands_still_is_doubted_too() -> None:
    driver = Derives(parse(toy(A), "toy"), 1, 5_000)
    rounds = [toy_round(driver, at_ms, 230.0, 0.0) for at_ms in range(0, 10_000, 1_000)]
    late = {item.name: item.quality for item in rounds[-1] if isinstance(item, Sample)}
    assert late == dict.fromkeys(("a", "sum_one", "sum_two"), Quality.SUSPECT) | {"lost": Quality.INVALID}


def test_of_two_groups_that_flicker_one_that_stands_still_is_enough() -> None:
    """A gateway that answers one of two questions out of its memory."""
    driver = ModbusReader(parse(toy(A, B), "toy"), 1, 5_000)
    rounds = [toy_round(driver, at_ms, 230.0 + at_ms / 1000, 230.0) for at_ms in range(0, 10_000, 1_000)]
    assert {item.quality for item in rounds[-1] if isinstance(item, Sample)} == {Quality.SUSPECT}
    assert [item.detail for item in rounds[-1] if isinstance(item, Defect)] == [
        "two: to the last bit what it said 9 s ago"
    ]


def test_a_family_that_names_no_such_register_is_never_doubted() -> None:
    driver = ModbusReader(parse(toy(A.replace(", flickers: true", "")), "toy"), 1)
    rounds = [toy_round(driver, at_ms, 230.0, 0.0) for at_ms in range(0, 100_000, 1_000)]
    assert {item.quality for heard in rounds for item in heard if isinstance(item, Sample)} == {Quality.GOOD}


def test_a_table_that_names_none_cannot_be_asked_to_find_stillness() -> None:
    with pytest.raises(ValueError, match="names no register that flickers"):
        ModbusReader(parse(toy(A.replace(", flickers: true", "")), "toy"), 1, 5_000)


def test_registers_that_are_read_too_seldom_to_tell_are_refused() -> None:
    with pytest.raises(ValueError, match="after 2000 ms, but its registers are read every 1000 ms"):
        ModbusReader(parse(toy(A), "toy"), 1, 2_000)


@pytest.mark.parametrize("kind", ["u16", "i16", "u32", "i32"])
def test_a_coarse_integer_cannot_be_named_as_one_that_flickers(kind: str) -> None:
    with pytest.raises(TableError, match="toy: a: flickers, but an integer stands still in a quiet house"):
        parse(toy(A.replace("float32", kind)), "toy")


def test_the_meter_names_its_voltages_currents_and_powers_and_each_is_read_often_enough() -> None:
    named = sorted(register.spec.name for register in load("sdm630_modbus").registers if register.flickers)
    assert named == FLICKERING
