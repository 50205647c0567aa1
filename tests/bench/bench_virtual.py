"""P8: how much faster than time the virtual bench is, with plant, simulated devices and drivers.

The floor is the house alone: the same devices and plant for the same time, with nobody who asks or commands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from hil.bench.virtual import START_MS, VirtualBench
from hil.bench.world import World
from hil.house import find, load
from hil.scenario.model import Scenario

POLICIES = Path(__file__).parents[2] / "policies"
SETTLE_MS = 20_000  # the house has started, and everything has been seen


def _scenario(house: str) -> Scenario:
    path = find(house)
    return Scenario(
        house, house, "", path, path, load(path), POLICIES / house, (), ("virtual",), 1, "2026-06-21T12:00", 0, (), ()
    )


def _took(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _speed(house: str, seconds: int, skip: bool, coarse_ms: int | None) -> float:
    """Virtual seconds in a real one."""
    bench = VirtualBench(skip=skip, coarse_ms=coarse_ms)
    bench.open(_scenario(house), 1)
    for _ in bench.advance(SETTLE_MS):
        pass

    def run() -> None:
        for _ in bench.advance(SETTLE_MS + seconds * 1_000):
            pass

    took = _took(run)
    bench.close()
    return seconds / took


def _floor(house: str, seconds: int, step_ms: int) -> float:
    world = World(load(find(house)), 1, START_MS)

    def run() -> None:
        for at_ms in range(START_MS, START_MS + seconds * 1_000, step_ms):
            world.run(at_ms, coarse=step_ms > 100)

    return seconds / _took(run)


def virtual_speed() -> list[dict[str, object]]:
    """The rows of P8."""
    rows = []
    for house, step, must, skip, coarse_ms, seconds in (
        ("uc001", "every cycle of 50 ms", "≥ 100", False, None, 120),
        ("rebundling", "every cycle of 50 ms", "≥ 100", False, None, 60),
        ("uc001", "cycles that would change nothing skipped", "", True, None, 240),
        ("uc001", "steps of 1 s while nothing moves", "≥ 3,000", True, 1_000, 1_200),
        ("rebundling", "steps of 1 s while nothing moves", "≥ 1,000", True, 1_000, 300),
    ):
        devices = len(load(find(house)).entries)
        speed, floor = _speed(house, seconds, skip, coarse_ms), _floor(house, seconds, coarse_ms or 50)
        rows.append(
            {
                "id": "P8",
                "what": f"{house}, {devices} devices, {step}",
                "measured": f"{speed:.0f} × real time",
                "must": must,
                "floor": f"{floor:.0f} ×: the house alone",
                "ratio": f"{floor / speed:.1f}",
            }
        )
    return rows
