"""The judge: looks at every moment of a run, and says of each expectation whether it held and what was measured.

Rules
* An expectation is decided by what was seen in its window, both ends included. What was not looked at did not hold:
  a window without a moment, a run that ended before the window did, and a gap of more than :data:`GAP_MS` in a window
  that must hold throughout.
* "within": true at some moment of the window and, with ``for_ms``, at every moment of so long from there, even past the
  window; when it falls back, a later start inside the window counts as well. "eventually": true at one moment.
* "always", "never": at every moment of the window; "never" with ``for_ms``: not without a break for longer than that.
* A fact that is not there, or cannot be compared, is not held for "always" and "never", and not true for the others.

It must never look at what the product says of itself (``Moment.said``).
"""

from __future__ import annotations

from collections.abc import Sequence

from hil.scenario.model import Expectation, Finding, Moment
from hil.scenario.watch import KINDS

GAP_MS = 5000


class Judge:
    """Of one run. ``see`` every moment in the order of time, then ``end``."""

    def __init__(self, expectations: Sequence[Expectation]) -> None:
        self._watches = [KINDS[expectation.kind](expectation) for expectation in expectations]
        self._open = list(self._watches)
        self._seen_ms = 0

    def see(self, moment: Moment) -> None:
        """One look; those that are decided are not asked again."""
        at_ms, facts = moment.at_ms, moment.facts
        gap_from = self._seen_ms if at_ms - self._seen_ms > GAP_MS else None
        self._seen_ms = at_ms
        decided = False
        for watch in self._open:
            if at_ms >= watch.from_ms:
                if gap_from is not None:
                    watch.gap(gap_from, at_ms)
                if watch.done is None:
                    watch.look(at_ms, facts)
                decided |= watch.done is not None
        if decided:
            self._open = [watch for watch in self._open if watch.done is None]

    def end(self, at_ms: int) -> list[Finding]:
        """Every expectation's finding, in their order, for a run that ended at ``at_ms``."""
        if at_ms - self._seen_ms > GAP_MS:
            for watch in self._open:
                watch.gap(self._seen_ms, at_ms)
        return [watch.done or watch.end(at_ms) for watch in self._watches]
