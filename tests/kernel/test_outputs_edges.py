"""A ramp that has to leave a forbidden band for exactly its far edge, on either side of safe."""

from __future__ import annotations

import pytest
from kernel_toys import BOX, idle, replace

from supervisor.kernel.outputs import settle
from supervisor.kernel.span import Span

BATTERY = replace(BOX, lo=-16_000, bands=((-6_000, 0), (0, 6_000)), hold_ms=0)
BOTH_WAYS = Span(-16_000, 16_000, "rating", "rating")


@pytest.mark.parametrize("goal", [6_000, -6_000])
def test_the_far_edge_of_a_band_is_reached_at_once_for_no_value_before_it_can_be_told(goal: int) -> None:
    assert settle(BATTERY, idle(BATTERY), BOTH_WAYS, goal, 100_000).output == goal
