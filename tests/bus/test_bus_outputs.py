"""Rounding, wholeness and tightening: towards safe, never past it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bus_toys import LIMIT

from supervisor.bus.outputs import expressible, possible, tighter
from supervisor.kernel.signal import Unit

SOC = replace(LIMIT, unit=Unit.SHARE, lo=0, hi=1_000, safe=500, forbidden=(), step=10)
FEED = replace(LIMIT, unit=Unit.POWER, lo=-5_000, hi=5_000, safe=0, forbidden=(), step=1_000)


@pytest.mark.parametrize(("value", "said"), [(16_900, 16_000), (6_000, 6_000), (0, 0), (32_000, 32_000)])
def test_a_current_rounds_down_to_what_the_device_can_express(value: int, said: int) -> None:
    assert expressible(LIMIT, value) == said


@pytest.mark.parametrize(("value", "said"), [(-1_500, -1_000), (1_500, 1_000), (999, 0), (-999, 0)])
def test_rounding_goes_towards_safe_from_both_sides(value: int, said: int) -> None:
    assert expressible(FEED, value) == said


def test_rounding_never_passes_safe() -> None:
    assert expressible(replace(SOC, safe=503), 507) == 503
    assert expressible(replace(SOC, safe=507), 503) == 507


def test_rounding_that_would_end_in_a_gap_goes_to_its_safe_edge() -> None:
    assert expressible(replace(LIMIT, step=5_000), 9_000) == 0


def test_a_forbidden_gap_is_open() -> None:
    assert [possible(LIMIT, value) for value in (0, 1, 5_999, 6_000)] == [True, False, False, True]


@pytest.mark.parametrize(
    ("said", "silence", "then"),
    [(16_000, 6_000, 6_000), (0, 6_000, 0), (6_000, 16_000, 6_000), (16_000, 0, 0), (16_000, 16_000, 16_000)],
)
def test_silence_only_tightens(said: int, silence: int, then: int) -> None:
    assert tighter(LIMIT, said, silence) == then


def test_a_flow_never_grows_even_towards_safe() -> None:
    assert tighter(replace(LIMIT, safe=6_000), said=0, silence=6_000) == 0
    assert tighter(SOC, said=200, silence=400) == 400
