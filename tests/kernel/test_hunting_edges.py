"""What counts as a reversal and as tightening, where the first move and a safe value above zero decide."""

from __future__ import annotations

from kernel_toys import BOX, replace

from supervisor.kernel.hunting import swung
from supervisor.kernel.plan import Hunting
from supervisor.kernel.state import TargetState

LIMITS = Hunting(reversals=6, within_ms=600_000, dwell_ms=120_000, slower=4)
SWINGING = replace(BOX, hunting=LIMITS, hold_ms=0, bands=(), step=1)


def moved(values: list[int], safe: int = 0) -> TargetState:
    """A target that was told one value after the other, ten seconds apart, beginning at 10 s."""
    target, state = replace(SWINGING, safe=safe), TargetState(values[0], None, None, None, 0, 0, 0, "", False)
    for turn, value in enumerate(values[1:], 1):
        state = swung(target, state, replace(state, output=value), turn * 10_000)
    return state


def test_a_first_rise_is_no_reversal_and_the_fall_after_it_is_one() -> None:
    risen, fallen = moved([0, 16_000]), moved([0, 16_000, 0])
    assert risen.swings is not None
    assert fallen.swings is not None
    assert risen.swings.due_ms <= 10_000
    assert fallen.swings.due_ms == 20_000 + LIMITS.within_ms // LIMITS.reversals


def test_coming_nearer_to_a_safe_value_above_zero_is_tightening_and_leaving_it_is_not() -> None:
    nearer, farther = moved([6_000, 16_000, 10_000], safe=6_000), moved([6_000, 10_000, 16_000], safe=6_000)
    assert nearer.swings is not None
    assert farther.swings is not None
    assert nearer.swings.tightened_ms == 20_000
    assert farther.swings.tightened_ms < 20_000
