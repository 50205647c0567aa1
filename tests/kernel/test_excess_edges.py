"""Where an excess begins and what counts as the same one again, at the edges of the declared shares."""

from __future__ import annotations

import pytest

from supervisor.kernel.excess import BAND_MA, NONE, Excess, look

ACTS_MS = 1_000


def told(ma: int) -> Excess:
    """It has been told so long ago that it must have followed."""
    return look(NONE, ma, 0, ACTS_MS, [(ma, 5_000)])


def seen(was: Excess, ma: int, at_ms: int) -> Excess:
    return look(was, was.told, 0, ACTS_MS, [(ma, at_ms)])


@pytest.mark.parametrize(("told_ma", "band_ma"), [(6_000, BAND_MA), (25_000, BAND_MA), (40_000, 800), (63_000, 1_260)])
def test_no_excess_is_half_an_ampere_or_two_percent_of_what_was_told_whichever_is_more(
    told_ma: int, band_ma: int
) -> None:
    assert seen(told(told_ma), told_ma + band_ma, 10_000).since_ms is None
    assert seen(told(told_ma), told_ma + band_ma + 1, 10_000).since_ms == 10_000


def found() -> Excess:
    """4 A beyond 16 A, seen for as long as the device may take to follow."""
    at = seen(seen(told(16_000), 20_000, 10_000), 20_000, 11_000)
    assert (at.amount, at.of, at.amount_ms) == (4_000, 16_000, 11_000)
    return at


@pytest.mark.parametrize(("beyond_ma", "last_ms"), [(4_000, 20_000), (3_000, 20_000), (2_999, 11_000), (600, 11_000)])
def test_three_quarters_of_what_is_reckoned_is_the_same_again_and_less_is_not(beyond_ma: int, last_ms: int) -> None:
    after = seen(found(), 16_000 + beyond_ma, 20_000)
    assert (after.amount, after.amount_ms) == (4_000, last_ms)
