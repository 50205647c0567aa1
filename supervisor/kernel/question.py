"""Questions to the image, answered YES, NO or UNKNOWN.

Rules
* Age is computed here and nowhere else: a value older than its signal's maximum age answers UNKNOWN.
* A value that is not GOOD can say YES to a trip (a real short is also a jump) but never NO: it is no reassurance.
  Where a YES would *permit* something, ask for ``proof``: then only GOOD values say anything.
* AND is the minimum and OR the maximum of NO < UNKNOWN < YES, so an unknown part never turns a sure answer.

A question must never have a side effect, and never a default for what is not there.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from supervisor.kernel.signal import Quality, Reading

Image = tuple[Reading, ...]
GOOD = Quality.GOOD


class Answer(IntEnum):
    """Ordered so that the strictest reading of a conjunction is its minimum."""

    NO = 0
    UNKNOWN = 1
    YES = 2


NO, UNKNOWN, YES = Answer.NO, Answer.UNKNOWN, Answer.YES


class Question(msgspec.Struct, frozen=True):
    """Base of all questions. ``signals()`` are the indices it looks at."""

    def ask(self, image: Image, now_ms: int, proof: bool = False) -> Answer:
        raise NotImplementedError

    def signals(self) -> tuple[int, ...]:
        raise NotImplementedError


class Outside(Question, frozen=True):
    """Is the value below ``lo`` or above ``hi``? None leaves that side open. In the signal's unit."""

    signal: int
    max_age_ms: int
    lo: int | None
    hi: int | None

    def ask(self, image: Image, now_ms: int, proof: bool = False) -> Answer:
        reading = image[self.signal]
        value = reading.value
        if value is None or now_ms - reading.at_ms > self.max_age_ms:
            return UNKNOWN
        beyond = (self.lo is not None and value < self.lo) or (self.hi is not None and value > self.hi)
        if reading.quality is GOOD:
            return YES if beyond else NO
        return YES if beyond and not proof else UNKNOWN

    def signals(self) -> tuple[int, ...]:
        return (self.signal,)


class Within(Question, frozen=True):
    """Is the value from ``lo`` to ``hi``? A value that is not GOOD is no reassurance: it never says YES."""

    signal: int
    max_age_ms: int
    lo: int
    hi: int

    def ask(self, image: Image, now_ms: int, proof: bool = False) -> Answer:  # noqa: ARG002  one signature for all
        reading = image[self.signal]
        if reading.value is None or now_ms - reading.at_ms > self.max_age_ms or reading.quality is not GOOD:
            return UNKNOWN
        return YES if self.lo <= reading.value <= self.hi else NO

    def signals(self) -> tuple[int, ...]:
        return (self.signal,)


class Is(Question, frozen=True):
    """Has the value exactly this code?"""

    signal: int
    max_age_ms: int
    code: int

    def ask(self, image: Image, now_ms: int, proof: bool = False) -> Answer:
        reading = image[self.signal]
        if reading.value is None or now_ms - reading.at_ms > self.max_age_ms:
            return UNKNOWN
        if reading.quality is GOOD:
            return YES if reading.value == self.code else NO
        return YES if reading.value == self.code and not proof else UNKNOWN

    def signals(self) -> tuple[int, ...]:
        return (self.signal,)


class Disagree(Question, frozen=True):
    """Do two signals of one unit differ by more than ``tolerance``?"""

    first: Outside
    second: Outside
    tolerance: int

    def ask(self, image: Image, now_ms: int, proof: bool = False) -> Answer:
        a, b = image[self.first.signal], image[self.second.signal]
        if a.value is None or b.value is None:
            return UNKNOWN
        if now_ms - a.at_ms > self.first.max_age_ms or now_ms - b.at_ms > self.second.max_age_ms:
            return UNKNOWN
        apart = abs(a.value - b.value) > self.tolerance
        if a.quality is GOOD and b.quality is GOOD:
            return YES if apart else NO
        return YES if apart and not proof else UNKNOWN

    def signals(self) -> tuple[int, ...]:
        return (self.first.signal, self.second.signal)


class TooOld(Question, frozen=True):
    """Is a signal without a good value younger than ``age_ms``? Never UNKNOWN: not knowing is the answer YES."""

    signal: int
    age_ms: int

    def ask(self, image: Image, now_ms: int, proof: bool = False) -> Answer:  # noqa: ARG002  one signature for all
        reading = image[self.signal]
        return NO if reading.quality is GOOD and now_ms - reading.at_ms <= self.age_ms else YES

    def signals(self) -> tuple[int, ...]:
        return (self.signal,)


class Fresh(Question, frozen=True):
    """Has every signal of ``(index, max_age_ms)`` a good value that is young enough? Never UNKNOWN."""

    parts: tuple[tuple[int, int], ...]

    def ask(self, image: Image, now_ms: int, proof: bool = False) -> Answer:  # noqa: ARG002  one signature for all
        for signal, max_age_ms in self.parts:
            reading = image[signal]
            if reading.quality is not GOOD or now_ms - reading.at_ms > max_age_ms:
                return NO
        return YES

    def signals(self) -> tuple[int, ...]:
        return tuple(signal for signal, _ in self.parts)


class AllOf(Question, frozen=True):
    """YES when every part says YES; an empty one is YES."""

    parts: tuple[Question, ...]

    def ask(self, image: Image, now_ms: int, proof: bool = False) -> Answer:
        return _together(self.parts, YES, NO, image, now_ms, proof)

    def signals(self) -> tuple[int, ...]:
        return tuple(signal for part in self.parts for signal in part.signals())


class AnyOf(Question, frozen=True):
    """YES when any part says YES; an empty one is NO."""

    parts: tuple[Question, ...]

    def ask(self, image: Image, now_ms: int, proof: bool = False) -> Answer:
        return _together(self.parts, NO, YES, image, now_ms, proof)

    def signals(self) -> tuple[int, ...]:
        return tuple(signal for part in self.parts for signal in part.signals())


def _together(
    parts: tuple[Question, ...], answer: Answer, decides: Answer, image: Image, now_ms: int, proof: bool
) -> Answer:
    """``answer`` unless a part says UNKNOWN; ``decides`` as soon as one says that."""
    for part in parts:
        said = part.ask(image, now_ms, proof)
        if said is decides:
            return said
        if said is UNKNOWN:
            answer = said
    return answer
