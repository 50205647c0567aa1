"""Units: exact both ways, and nothing guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.gateway import units

PAIRS = [(kernel, spelled) for kernel, known in units.SPELLINGS.items() for spelled in known]


@given(value=st.integers(-(10**12), 10**12), pair=st.sampled_from(PAIRS))
def test_a_value_survives_the_way_out_and_in(value: int, pair: tuple[str, str]) -> None:
    kernel, spelled = pair
    told = units.from_kernel(value, spelled, kernel)
    assert units.to_kernel(Decimal(repr(told)), spelled, kernel) == value


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (10_000, "mA", "10 A"),
        (4_200_000, "mW", "4.2 kW"),
        (999_000, "mW", "999 W"),
        (-1_500_000, "mW", "-1.5 kW"),
        (705, "permille", "70.5 %"),
        (-4_000, "mdegC", "-4 °C"),
        (1, "flag", "on"),
        (0, "flag", "off"),
        (0, "mA", "0 A"),
        (None, "mA", "?"),
        (12, "code", "12"),
        (5, "furlong", "5 furlong"),
    ],
)
def test_values_as_people_read_them(value: int | None, unit: str, text: str) -> None:
    assert units.phrase(value, unit) == text


def test_a_scale_never_rounds_a_number_of_the_longest_kind() -> None:
    longest = "0." + "0" * (units.NUMBER_MAX - 3) + "1"
    with pytest.raises(units.UnitError, match="finer"):
        units.to_kernel(units.number(longest), "kW", "mW")
    nines = "9" * units.NUMBER_MAX
    with pytest.raises(units.UnitError, match="beyond"):
        units.to_kernel(units.number(nines), "kW", "mW")
