"""What the bus process counts, and the report it makes of that: bounded in size, totals since the start.

Kinds are those of DefectKind and: frames_in, frames_out, asks, writes (orders that left), expired and replaced and
unsent (orders that did not leave), would_write (orders of what observes), partial (images that are not whole for a
device), repeated (images with an old cycle token), silence, dropped (samples nobody took), stalled, late_bytes,
two_step_claim (an output whose pin class sets the direction before the level).
Must never count by anything that a wire can choose, such as an unknown identifier.
"""

from __future__ import annotations

from collections import Counter

from supervisor.wire import TEXT_MAX, Report

PERIOD_MS = 1_000


class Tally:
    """Counters of one bus and the state of its link."""

    def __init__(self, bus: str, observe: bool) -> None:
        self._bus, self._observe = bus, observe
        self._counts: Counter[tuple[str, str]] = Counter()
        self.up = False
        self._detail = "not opened yet"
        self._next_ms = 0

    def count(self, name: str, kind: str, by: int = 1) -> None:
        """One more of a kind, for a device or the bus."""
        self._counts[(name, str(kind))] += by

    def total(self, name: str, kind: str) -> int:
        """How many there were."""
        return self._counts[(name, str(kind))]

    def link(self, up: bool, detail: str) -> None:
        """The link has changed; the next report is due at once."""
        if (up, detail) != (self.up, self._detail):
            self.up, self._detail, self._next_ms = up, detail, 0

    def hurry(self) -> None:
        """A new listener wants a report now."""
        self._next_ms = 0

    def report(self, now_ms: int) -> Report | None:
        """The report, when one is due: each second and after a change of the link."""
        if now_ms < self._next_ms:
            return None
        self._next_ms = now_ms + PERIOD_MS
        link = "down" if not self.up else "observing" if self._observe else "up"
        counters = tuple((name, kind, total) for (name, kind), total in sorted(self._counts.items()))
        return Report(self._bus, now_ms, link, self._detail[:TEXT_MAX], counters)
