"""What bands leave of a wish: the nearest value that is permitted on its way to safe, from either side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.kernel.fit import toward

Bands = tuple[tuple[int, int], ...]
VALUES = st.integers(-20, 20)
BANDS = st.lists(st.tuples(VALUES, VALUES).map(lambda pair: (min(pair), max(pair))), max_size=4).map(tuple)


def nearest(value: int, safe: int, bands: Bands) -> int:
    """By trying every value from the wish to safe."""
    step = 1 if value <= safe else -1
    on_the_way = range(value, safe + step, step)
    return next(one for one in on_the_way if one == safe or any(lo <= one <= hi for lo, hi in bands))


@given(VALUES, VALUES, BANDS)
def test_it_is_the_first_permitted_value_from_the_wish_to_safe(value: int, safe: int, bands: Bands) -> None:
    assert toward(value, safe, bands) == nearest(value, safe, bands)


@pytest.mark.parametrize(
    ("value", "told"),
    [(-25, -20), (-18, -18), (-12, -10), (-8, -8), (-3, 0), (0, 0), (3, 0), (8, 8), (12, 10), (18, 18), (25, 20)],
)
def test_a_discharge_between_two_bands_becomes_less_and_never_more_as_a_charge_does(value: int, told: int) -> None:
    assert toward(value, 0, ((-20, -15), (-10, -5), (5, 10), (15, 20))) == told
