"""The journal's budget of bytes: what flash may wear in a day, whatever the house says.

A bucket that refills over the day. It can never give more than CAPACITY + PER_DAY in any 24 hours, and RESERVE is kept
for what is on its way when it is empty, so a day stays within DAY_MAX. Below LEAN_BELOW samples go; below RESERVE
nothing can be recorded, and so nothing may be widened. Each way back needs some bytes more: it must not flutter.

Time is monotonic and given; a jump of the wall clock changes nothing.
"""

from __future__ import annotations

from enum import StrEnum

DAY_MAX = 50_000_000
CAPACITY = 9_000_000
RESERVE = 1_000_000
PER_DAY = DAY_MAX - CAPACITY
LEAN_BELOW = 4_000_000
BACK = {"lean": 2_000_000, "closed": 100_000}  # bytes above the edge before it is left again
DAY_MS = 86_400_000


class Level(StrEnum):
    FULL = "full"
    LEAN = "lean"
    CLOSED = "closed"


class Budget:
    """``left`` bytes at ``now_ms``."""

    def __init__(self, left: int, now_ms: int) -> None:
        self._left_m = min(left, CAPACITY) * DAY_MS  # bytes times DAY_MS, so that no fraction is lost
        self._now_ms = now_ms
        self.level = Level.FULL
        self.look(now_ms)

    @property
    def left(self) -> int:
        return self._left_m // DAY_MS

    def spend(self, count: int) -> None:
        """Bytes that were written. What was written below nothing is owed."""
        self._left_m -= count * DAY_MS

    def look(self, now_ms: int) -> Level:
        """Refill until now; what may be written."""
        self._left_m = min(self._left_m + max(now_ms - self._now_ms, 0) * PER_DAY, CAPACITY * DAY_MS)
        self._now_ms = now_ms
        closed = RESERVE + (BACK["closed"] if self.level is Level.CLOSED else 0)
        lean = LEAN_BELOW + (BACK["lean"] if self.level is not Level.FULL else 0)
        self.level = Level.CLOSED if self.left < closed else Level.LEAN if self.left < lean else Level.FULL
        return self.level
