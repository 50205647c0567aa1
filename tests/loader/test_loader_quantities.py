"""Quantities are exact: what is written is what the kernel counts, or it is refused; and what is shown reads back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.kernel.signal import Unit
from supervisor.loader.documents import DocumentError, Item
from supervisor.loader.quantity import AMOUNT_MAX, UNITS, amount, duration, rate, shown


def written(text: str) -> Item:
    return Item("site.yaml", 7, "here", text)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1 mV", Unit.VOLTAGE, 1),
        ("53.2 V", Unit.VOLTAGE, 53_200),
        ("1.5 kV", Unit.VOLTAGE, 1_500_000),
        ("1 mA", Unit.CURRENT, 1),
        ("0.1 A", Unit.CURRENT, 100),
        ("-16 A", Unit.CURRENT, -16_000),
        ("1 mW", Unit.POWER, 1),
        ("8 W", Unit.POWER, 8_000),
        ("4.2 kW", Unit.POWER, 4_200_000),
        ("1 Wh", Unit.ENERGY, 1),
        ("14.3 kWh", Unit.ENERGY, 14_300),
        ("1 mHz", Unit.FREQUENCY, 1),
        ("49.985 Hz", Unit.FREQUENCY, 49_985),
        ("1 mdegC", Unit.TEMPERATURE, 1),
        ("-0.5 degC", Unit.TEMPERATURE, -500),
        ("45 °C", Unit.TEMPERATURE, 45_000),
        ("1 permille", Unit.SHARE, 1),
        ("12.5 %", Unit.SHARE, 125),
        ("1 ms", Unit.TIME, 1),
        ("0.5 s", Unit.TIME, 500),
        ("5 min", Unit.TIME, 300_000),
        ("4 h", Unit.TIME, 14_400_000),
        ("on", Unit.FLAG, 1),
        ("off", Unit.FLAG, 0),
        ("closed", Unit.FLAG, 1),
        ("open", Unit.FLAG, 0),
        ("0x1F", Unit.CODE, 31),
        ("-7", Unit.COUNT, -7),
    ],
)
def test_every_unit_is_read_exactly(text: str, unit: Unit, value: int) -> None:
    assert amount(written(text), unit) == value


def test_no_unit_of_the_kernel_is_forgotten() -> None:
    assert set(UNITS) | {Unit.FLAG, Unit.CODE, Unit.COUNT} == set(Unit)


@pytest.mark.parametrize("text", ["16A", " 16 A ", "16  A", "+16 A", "16.000 A", "016 A"])
def test_spaces_signs_and_zeros_change_nothing(text: str) -> None:
    assert amount(written(text), Unit.CURRENT) == 16_000


@pytest.mark.parametrize(
    "text",
    [
        "0.0001 A",
        "0.5 mA",
        "0.1000000000000000000000000000000000000000000001 A",
        f"{AMOUNT_MAX + 1} mA",
        "9" * 99 + " A",
    ],
)
def test_what_is_finer_or_larger_than_the_kernel_counts_is_refused_and_never_rounded(text: str) -> None:
    with pytest.raises(DocumentError, match="finer or larger than this box can say"):
        amount(written(text), Unit.CURRENT)


@pytest.mark.parametrize(
    "text", ["", "A", "A 16", "16 A A", "1,5 A", "1e3 A", ".5 A", "5. A", "١٦ A", "--1 A", "nan", "inf A"]
)
def test_what_is_no_number_with_a_unit_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match="is not a quantity; write a number and a unit"):
        amount(written(text), Unit.CURRENT)


@pytest.mark.parametrize("unit", list(UNITS))
def test_a_number_without_a_unit_is_refused_for_every_unit(unit: Unit) -> None:
    with pytest.raises(DocumentError, match=r"site\.yaml:7: here: '16' has no unit; write it in "):
        amount(written("16"), unit)


@pytest.mark.parametrize("unit", list(UNITS))
def test_a_unit_of_another_kind_is_refused_for_every_unit(unit: Unit) -> None:
    for other, names in UNITS.items():
        for name in names if other is not unit else ():
            with pytest.raises(DocumentError, match="does not fit"):
                amount(written(f"1 {name}"), unit)


@pytest.mark.parametrize("text", ["maybe", "2", "-1", "ON", "yes", "", "1 flag"])
def test_a_flag_that_is_neither_on_nor_off_is_refused_with_the_words_that_are(text: str) -> None:
    with pytest.raises(DocumentError, match="is not one of on, off, true, false, closed, open"):
        amount(written(text), Unit.FLAG)


@pytest.mark.parametrize("text", ["1_000", "0b1", "٣", "1.0", "08", " 1", "", "true", "0x", f"{AMOUNT_MAX + 1}"])
def test_a_code_is_a_plain_whole_number(text: str) -> None:
    with pytest.raises(DocumentError, match=r"is not a whole number|is not within"):
        amount(written(text), Unit.CODE)


@given(st.integers(-AMOUNT_MAX, AMOUNT_MAX), st.sampled_from(list(UNITS)))
def test_what_is_shown_reads_back_as_the_same_amount(value: int, unit: Unit) -> None:
    assert amount(written(shown(value, unit)), unit) == value


@pytest.mark.parametrize(("value", "unit"), [(0, Unit.FLAG), (1, Unit.FLAG), (12, Unit.CODE), (-3, Unit.COUNT)])
def test_what_has_no_unit_is_shown_as_it_is_written(value: int, unit: Unit) -> None:
    assert amount(written(shown(value, unit)), unit) == value


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (16_000, Unit.CURRENT, "16 A"),
        (100, Unit.CURRENT, "0.1 A"),
        (-1, Unit.VOLTAGE, "-0.001 V"),
        (10**15, Unit.POWER, "1000000000000 W"),
        (125, Unit.SHARE, "12.5 %"),
        (90, Unit.ENERGY, "90 Wh"),
        (1, Unit.FLAG, "on"),
    ],
)
def test_amounts_are_shown_as_people_write_them(value: int, unit: Unit, text: str) -> None:
    assert shown(value, unit) == text


@given(st.decimals(-(10**6), 10**6, places=5, allow_nan=False), st.sampled_from(["mA", "A"]))
def test_a_decimal_is_either_read_exactly_or_refused(number: Decimal, name: str) -> None:
    exact = number * UNITS[Unit.CURRENT][name]
    try:
        value = amount(written(f"{number:f} {name}"), Unit.CURRENT)
    except DocumentError:
        assert exact % 1 != 0
    else:
        assert value == exact


def test_a_duration_has_bounds_and_both_belong_to_it() -> None:
    assert [duration(written(text), 100, 60_000) for text in ("100 ms", "0.1 s", "1 min")] == [100, 100, 60_000]
    for text in ("99 ms", "60.001 s", "-1 s"):
        with pytest.raises(DocumentError, match=r"is not within 100\.\.60000 ms"):
            duration(written(text), 100, 60_000)


def test_a_rate_is_a_quantity_per_second_above_zero() -> None:
    assert rate(written("2 A/s"), Unit.CURRENT) == 2_000
    assert rate(written("0.5 kW /s"), Unit.POWER) == 500_000
    for text, words in [
        ("2 A", "is not a rate"),
        ("0 A/s", "never arrive"),
        ("-2 A/s", "never arrive"),
        ("2/s", "no unit"),
    ]:
        with pytest.raises(DocumentError, match=words):
            rate(written(text), Unit.CURRENT)


@pytest.mark.parametrize("unit", [Unit.FLAG, Unit.CODE, Unit.COUNT])
def test_what_has_no_unit_has_no_rate(unit: Unit) -> None:
    with pytest.raises(DocumentError, match="has no rate"):
        rate(written("1/s"), unit)
