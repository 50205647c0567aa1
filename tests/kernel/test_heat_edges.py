"""At which level exactly a fuse is warm and hot, and at which it no longer is."""

from __future__ import annotations

import pytest

from supervisor.kernel.heat import COOL, FULL, HOT, WARM, Curve, Heat, advance
from supervisor.loader.circuits import CURVES

CURVE = Curve("curve", "why", CURVES["gG"], warm=500, hot=800)


@pytest.mark.parametrize(
    ("stage", "permille", "parts", "after"),
    [
        (COOL, 500, -1, COOL), (COOL, 500, 0, WARM), (COOL, 800, -1, WARM), (COOL, 800, 0, HOT),
        (WARM, 800, -1, WARM), (WARM, 800, 0, HOT), (WARM, 250, 1, WARM), (WARM, 250, 0, COOL),
        (HOT, 500, 1, HOT), (HOT, 500, 0, WARM),
    ],
)  # fmt: skip
def test_it_becomes_warm_and_hot_at_the_declared_level_and_ends_at_the_one_below(
    stage: int, permille: int, parts: int, after: int
) -> None:
    at = Heat(FULL * permille // 1000 + parts, None, 0, 0, stage, None)
    assert advance(CURVE, at, 900, 1_000).stage == after
