"""How late the scan loop comes to its deadlines: a histogram of fixed size, counted by the loop, read by whoever looks.

Rules
* Only deadlines count. An early cycle has none, and a deadline that was skipped shows in the lateness of the next one.
* The guardian's clock has whole milliseconds, so a lateness is rounded up to the next one: never better than it was.

This file must never cost the loop more than a look-up and an addition.
"""

from __future__ import annotations

from bisect import bisect_right

EDGES_MS = (1, 2, 5, 10, 25, 50, 100, 250)


class Lateness:
    def __init__(self) -> None:
        self._counts = [0] * (len(EDGES_MS) + 1)
        self._sum_ms = 0

    def add(self, whole_ms: int) -> None:
        """One deadline was met so many whole milliseconds late."""
        self._counts[bisect_right(EDGES_MS, whole_ms)] += 1
        self._sum_ms += whole_ms + 1

    def counters(self) -> dict[str, int]:
        """``lateness_le:EDGE``: how many were at most so late (ms); ``lateness_sum_ms``: all together."""
        told, so_far = {}, 0
        for edge, count in zip((*EDGES_MS, "inf"), self._counts, strict=True):
            so_far += count
            told[f"lateness_le:{edge}"] = so_far
        return told | {"lateness_sum_ms": self._sum_ms}
