"""A question to several meters at once: does what flows in and out add up?

An energy balance is the second source that tells a wrong sign: what comes in less what is drawn can only be too much
(somebody else in the house draws it), never less than nothing.

Rules
* Every part must be young, else nothing can be added up: UNKNOWN.
* A part that is not GOOD may say YES (it counts for tripping) and never NO.
"""

from __future__ import annotations

from supervisor.kernel.question import NO, UNKNOWN, YES, Answer, Image, Question
from supervisor.kernel.signal import Quality, Source


class Sum(Question, frozen=True):
    """Is the sum of ``plus`` less that of ``minus`` below ``lo`` or above ``hi``? None leaves that side open."""

    plus: tuple[Source, ...]
    minus: tuple[Source, ...]
    lo: int | None
    hi: int | None

    def ask(self, image: Image, now_ms: int, proof: bool = False) -> Answer:
        total, good = 0, True
        for sign, sources in ((1, self.plus), (-1, self.minus)):
            for source in sources:
                reading = image[source.signal]
                if reading.value is None or now_ms - reading.at_ms > source.max_age_ms:
                    return UNKNOWN
                good = good and reading.quality is Quality.GOOD
                total += sign * reading.value
        beyond = (self.lo is not None and total < self.lo) or (self.hi is not None and total > self.hi)
        if good:
            return YES if beyond else NO
        return YES if beyond and not proof else UNKNOWN

    def signals(self) -> tuple[int, ...]:
        return tuple(source.signal for source in (*self.plus, *self.minus))
