"""Questions in words: what is asked, which part of it decided, and what would make the answer NO (or YES).

The words are the documents' own ("meter.current_l1 above 35 A"), so that a reader finds the line that he wrote.
``seen`` and ``unseen`` of a device are several questions in the kernel and one here.
"""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.explain.words import Words, lasting, listed
from supervisor.kernel.question import (
    NO,
    YES,
    AllOf,
    Answer,
    AnyOf,
    Disagree,
    Fresh,
    Is,
    Outside,
    Question,
    TooOld,
    Within,
)
from supervisor.kernel.signal import Quality
from supervisor.kernel.sums import Sum

LAST_MAX = 3


class Asked:
    """Says questions about one moment. ``proof``: a YES would permit something, so only GOOD values say anything."""

    def __init__(self, words: Words) -> None:
        self.words = words

    def answer(self, question: Question, proof: bool = False) -> Answer:
        return question.ask(self.words.moment.image, self.words.now_ms, proof)

    def says(self, question: Question) -> str:
        """The question as it is written in a document."""
        words = self.words
        if not question.signals():
            return "nothing that can be read"
        if (device := unseen(words, question)) is not None:
            return f"{device} unseen"
        match question:
            case Outside(signal, _, None, hi) if hi is not None:
                return f"{words.signal(signal)} above {words.measured(signal, hi)}"
            case Outside(signal, _, lo, None) if lo is not None:
                return f"{words.signal(signal)} below {words.measured(signal, lo)}"
            case Outside(signal, _, lo, hi):
                return f"{words.signal(signal)} outside {words.measured(signal, lo)} .. {words.measured(signal, hi)}"
            case Within(signal, _, lo, hi):
                return f"{words.signal(signal)} within {words.measured(signal, lo)} .. {words.measured(signal, hi)}"
            case Is(signal, _, code):
                return f"{words.signal(signal)} is {words.measured(signal, code)}"
            case Disagree(first, second, tolerance):
                apart = words.measured(first.signal, tolerance)
                return f"{words.signal(first.signal)} differs from {words.signal(second.signal)} by {apart}"
            case TooOld(signal, age_ms):
                return f"{words.signal(signal)} older than {lasting(age_ms)}"
            case Fresh(parts):
                return f"{listed(devices(words, [signal for signal, _ in parts]))} seen"
            case Sum():
                return self._sum(question)
            case AllOf(parts):
                return listed([self._part(part) for part in parts])
            case AnyOf(parts):
                return listed([self._part(part) for part in parts], "or")
        return f"a question about {listed([words.signal(signal) for signal in question.signals()])}"

    def denies(self, question: Question) -> str:
        """What must be so for the answer NO; of several parts only those that are not NO already."""
        words = self.words
        if not question.signals():
            return "there is nothing to wait for"
        if (device := unseen(words, question)) is not None:
            return f"{device} is heard again"
        match question:
            case Outside(signal, _, None, hi) if hi is not None:
                return f"{words.signal(signal)} is at most {words.measured(signal, hi)}"
            case Outside(signal, _, lo, None) if lo is not None:
                return f"{words.signal(signal)} is at least {words.measured(signal, lo)}"
            case Outside(signal, _, lo, hi):
                return f"{words.signal(signal)} is within {words.measured(signal, lo)} .. {words.measured(signal, hi)}"
            case Within(signal, _, lo, hi):
                return f"{words.signal(signal)} is outside {words.measured(signal, lo)} .. {words.measured(signal, hi)}"
            case Is(signal, _, code):
                return f"{words.signal(signal)} is not {words.measured(signal, code)}"
            case Disagree(first, second, tolerance):
                apart = words.measured(first.signal, tolerance)
                return f"{words.signal(first.signal)} and {words.signal(second.signal)} are at most {apart} apart"
            case TooOld(signal, _):
                return f"{words.signal(signal)} is heard again"
            case Fresh(parts):
                return f"{listed(devices(words, [signal for signal, _ in parts]))} is not heard"
            case AllOf(parts):
                return listed([self._denied(part) for part in parts], "or")
            case AnyOf(parts):
                left = [part for part in parts if self.answer(part) is not NO] or list(parts)
                return listed([self._denied(part) for part in left])
        return f"the answer to {self.says(question)} is no"

    def _part(self, part: Question) -> str:
        """A part of several; one that is several itself keeps together."""
        several = isinstance(part, AllOf | AnyOf) and len(part.parts) > 1 and unseen(self.words, part) is None
        return f"({self.says(part)})" if several else self.says(part)

    def _denied(self, part: Question) -> str:
        several = isinstance(part, AllOf | AnyOf) and len(part.parts) > 1 and unseen(self.words, part) is None
        return f"({self.denies(part)})" if several else self.denies(part)

    def _sum(self, question: Sum) -> str:
        """What is added up, and its bounds."""
        words = self.words
        plus = " + ".join(words.signal(source.signal) for source in question.plus)
        minus = "".join(f" - {words.signal(source.signal)}" for source in question.minus)
        first = (*question.plus, *question.minus)[0].signal
        below = [f"below {words.measured(first, question.lo)}"] if question.lo is not None else []
        above = [f"above {words.measured(first, question.hi)}"] if question.hi is not None else []
        return f"{plus}{minus} {' or '.join([*below, *above])}"

    def deciding(self, question: Question) -> Iterator[Question]:
        """The parts, down to single questions, that give the present answer: of an "all of" those that are as low, of
        an "any of" those that are as high."""
        if isinstance(question, AllOf | AnyOf) and unseen(self.words, question) is None:
            answer = self.answer(question)
            for part in question.parts:
                if self.answer(part) is answer:
                    yield from self.deciding(part)
        else:
            yield question

    def saw(self, question: Question, most: int = 4) -> tuple[str, ...]:
        """The readings behind the present answer: value, quality, age and the bound that they were held against."""
        lines: list[str] = []
        lost: dict[str, list[int]] = {}
        for part in self.deciding(question):
            asked = {self.words.device(signal): signal for signal in part.signals()}
            if asked and all(silent(self.words, device) for device in asked):
                lost.setdefault(next(iter(asked)), []).extend(part.signals())
            else:
                lines += self._leaf(part)
        lines += [last_heard(self.words, device, signals) for device, signals in lost.items()]
        kept = list(dict.fromkeys(lines))
        more = (f"and {len(kept) - most} more of the same",) if len(kept) > most else ()
        return (*kept[:most], *more)

    def _leaf(self, part: Question) -> list[str]:
        words, image, now_ms = self.words, self.words.moment.image, self.words.now_ms
        match part:
            case AnyOf(parts):  # a device that is not heard: which of its signals is it?
                late = [p for p in parts if p.ask(image, now_ms) is YES] or list(parts)
                return [line for p in late for line in self._leaf(p)]
            case TooOld(signal, age_ms):
                return [words.reading(signal, age_ms)]
            case Fresh(parts):
                return [words.reading(signal, age_ms) for signal, age_ms in parts]
            case Disagree(first, second, _):
                return [f"{words.reading(first.signal, first.max_age_ms)}; asked: {self.says(part)}",
                        words.reading(second.signal, second.max_age_ms)]  # fmt: skip
            case Outside(signal, age_ms) | Within(signal, age_ms) | Is(signal, age_ms):
                return [f"{words.reading(signal, age_ms)}; asked: {self.says(part)}"]
        return [words.reading(signal) for signal in part.signals()]


def unseen(words: Words, question: Question) -> str | None:
    """The device that an "unseen" is about; None for any other question."""
    if not isinstance(question, AnyOf) or not question.parts:
        return None
    if not all(isinstance(part, TooOld) for part in question.parts):
        return None
    named = devices(words, question.signals())
    return named[0] if len(named) == 1 else None


def last_heard(words: Words, device: str, signals: list[int]) -> str:
    """What a silent device said last, in a line."""
    image = words.moment.image
    there = [i for i in dict.fromkeys(signals) if image[i].quality is not Quality.MISSING]
    if not there:
        return f"nothing has ever been heard of {device}"
    passed = lasting(words.now_ms - max(image[i].at_ms for i in there))
    said = [f"{words.signal(i)} was {words.measured(i, image[i].value)}" for i in there[:LAST_MAX]]
    counts = lasting(max(words.plan.signals[i].max_age_ms for i in there))
    return f"nothing of {device} for {passed} (it counts for {counts}); last {', '.join(said)}"


def silent(words: Words, device: str) -> bool:
    """Is nothing heard of this device any more? One that speaks, but not of all that it must, is not silent."""
    row = next((row for row in words.plan.devices if row.id == device), None)
    if row is None or row.seen.ask(words.moment.image, words.now_ms) is YES:
        return False
    readings = ((words.moment.image[i], words.plan.signals[i].max_age_ms) for i in row.seen.signals())
    return all(r.quality is Quality.MISSING or words.now_ms - r.at_ms > age_ms for r, age_ms in readings)


def missing(words: Words, device: str) -> str:
    """What is wrong with a device that is not seen."""
    return "is not heard" if silent(words, device) else "does not tell all that it must"


def devices(words: Words, signals: list[int] | tuple[int, ...]) -> list[str]:
    """The devices of these signals, each once."""
    return list(dict.fromkeys(words.device(signal) for signal in signals))
