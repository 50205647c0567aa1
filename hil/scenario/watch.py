"""Watches: one expectation each, while the moments pass by. hil/scenario/judge.py has the rules.

A watch is shown the moments from the beginning of its window on, until it is ``done``; what it measured is said in
words, with the limit beside it. It must never know another expectation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from hil.scenario.measure import Unmeasured
from hil.scenario.model import Expectation, Facts, Finding


class Watch(ABC):
    """One expectation while it is looked at; ``done`` as soon as it is decided."""

    def __init__(self, expectation: Expectation) -> None:
        self.expectation = expectation
        self.from_ms, self.to_ms, self.for_ms = expectation.from_ms, expectation.to_ms, expectation.for_ms
        self.done: Finding | None = None
        self._looks = 0
        self._holds, self._margin = expectation.condition.holds, expectation.condition.margin
        self._nearest: tuple[float, float, float, int] | None = None  # distance inside, measured, limit, when
        self._missing = ""  # what was not there, at the last moment at which something was not

    @abstractmethod
    def look(self, at_ms: int, facts: Facts) -> None:
        """One moment at or after the beginning of the window."""

    @abstractmethod
    def end(self, at_ms: int) -> Finding:
        """The run is over, and nothing was decided."""

    def gap(self, from_ms: int, to_ms: int) -> None:  # noqa: B027 - what is true at one moment bears a gap
        """Nobody looked between these two moments."""

    def _finding(self, held: bool, at_ms: int, measured: str) -> Finding:
        return Finding(self.expectation, held, at_ms, measured)

    def _true(self, at_ms: int, facts: Facts) -> bool:
        """Whether the condition is true now; what is missing is remembered, and not true."""
        self._looks += 1
        try:
            margin = self._margin(facts)
            if margin is None:
                return self._holds(facts)
            if self._nearest is None or margin[0] > self._nearest[0]:
                self._nearest = (*margin, at_ms)
            return margin[0] > 0 or (margin[0] == 0 and self._holds(facts))
        except KeyError as error:
            self._missing = f"{_lack(error)} at {seconds(at_ms)}"
            return False

    def _not_seen(self, at_ms: int, window: str) -> Finding:
        """Of what should have become true."""
        if not self._looks:
            return self._finding(False, at_ms, f"nobody looked at it {window}")
        if self._nearest is not None:
            _, value, limit, when = self._nearest
            return self._finding(
                False, at_ms, f"not seen {window}; at its nearest {value:.6g}, limit {limit:.6g}, at {seconds(when)}"
            )
        return self._finding(False, at_ms, f"not seen {window}{f'; {self._missing}' if self._missing else ''}")


class _Within(Watch):
    """Becomes true in the window, and stays so for ``for_ms``."""

    def __init__(self, expectation: Expectation) -> None:
        super().__init__(expectation)
        self._since_ms: int | None = None
        self._last_ms = 0  # the last moment at which it was true
        self._longest_ms: int | None = None  # of those times that were too short
        self._window = f"within {seconds(self.to_ms - self.from_ms)} of {seconds(self.from_ms)}"

    def look(self, at_ms: int, facts: Facts) -> None:
        if self._since_ms is None and at_ms > self.to_ms:
            self.done = self._fell_short(at_ms)
        elif not self._true(at_ms, facts):
            self._fall_back(at_ms)
        else:
            self._since_ms, self._last_ms = at_ms if self._since_ms is None else self._since_ms, at_ms
            if at_ms - self._since_ms >= self.for_ms:
                self.done = self._finding(True, self._since_ms, self._took())

    def _took(self) -> str:
        assert self._since_ms is not None
        stayed = f", and stayed for {seconds(self.for_ms)}" if self.for_ms else ""
        return f"after {seconds(self._since_ms - self.from_ms)} of {seconds(self.to_ms - self.from_ms)}{stayed}"

    def _fall_back(self, at_ms: int) -> None:
        if self._since_ms is not None:
            self._longest_ms = max(self._longest_ms or 0, self._last_ms - self._since_ms)
        self._since_ms = None
        if at_ms > self.to_ms:
            self.done = self._fell_short(at_ms)

    def gap(self, from_ms: int, to_ms: int) -> None:  # noqa: ARG002 - it fell back when nobody looked any more
        if self._since_ms is not None and self.for_ms:
            self._fall_back(from_ms)

    def _fell_short(self, at_ms: int) -> Finding:
        if self._longest_ms is None:
            return self._not_seen(at_ms, self._window)
        missing = f"; {self._missing}" if self._missing else ""
        text = f"seen, but only for {seconds(self._longest_ms)} of {seconds(self.for_ms)} at a stretch{missing}"
        return self._finding(False, at_ms, text)

    def end(self, at_ms: int) -> Finding:
        if self._since_ms is not None:
            stayed = f"for {seconds(at_ms - self._since_ms)} of {seconds(self.for_ms)}"
            return self._finding(False, at_ms, f"seen {stayed}, then the run ended at {seconds(at_ms)}")
        if at_ms < self.to_ms and self._longest_ms is None:
            return self._not_seen(at_ms, f"until the run ended at {seconds(at_ms)}, before {seconds(self.to_ms)}")
        return self._fell_short(at_ms)


class _Eventually(Watch):
    """True at one moment of the window."""

    def look(self, at_ms: int, facts: Facts) -> None:
        if at_ms > self.to_ms:
            self.done = self.end(at_ms)
        elif self._true(at_ms, facts):
            took = f"after {seconds(at_ms - self.from_ms)} of {seconds(self.to_ms - self.from_ms)}"
            self.done = self._finding(True, at_ms, took)

    def end(self, at_ms: int) -> Finding:
        return self._not_seen(at_ms, f"between {seconds(self.from_ms)} and {seconds(min(self.to_ms, at_ms))}")


class _Throughout(Watch):
    """Always or never: decided by the first moment that is not as it should be, or by the end of the window."""

    wanted: bool

    def __init__(self, expectation: Expectation) -> None:
        super().__init__(expectation)
        self._blind = ""
        self._since_ms: int | None = None  # since when what should never be has been
        self._longest_ms = 0  # of the times for which it was, and which were short enough

    def look(self, at_ms: int, facts: Facts) -> None:
        if at_ms > self.to_ms:
            self.done = self.end(at_ms)
            return
        self._looks += 1
        try:
            if self._right(at_ms, facts):
                self._since_ms = None
                return
        except KeyError as error:
            self.done = self._finding(False, at_ms, f"{_lack(error)} at {seconds(at_ms)}")
            return
        self._since_ms = at_ms if self._since_ms is None else self._since_ms
        lasted_ms = at_ms - self._since_ms
        if not self.for_ms or lasted_ms > self.for_ms:
            self.done = self._broken(at_ms, facts)
        self._longest_ms = max(self._longest_ms, lasted_ms)

    def _right(self, at_ms: int, facts: Facts) -> bool:
        """Whether this moment is as it should be. A distance above zero needs no second question."""
        margin = self._margin(facts)
        if margin is None:
            return self._holds(facts) is self.wanted
        inside = margin[0] if self.wanted else -margin[0]
        right = inside > 0 or self._holds(facts) is self.wanted
        if self._nearest is None or inside < self._nearest[0]:
            self._nearest = (inside, margin[1], margin[2], at_ms)
        return right

    def _broken(self, at_ms: int, facts: Facts) -> Finding:
        lasted = ""
        if self.for_ms and self._since_ms is not None:
            lasted = f", for {seconds(at_ms - self._since_ms)} and longer than {seconds(self.for_ms)}"
        margin = self._margin(facts)
        if margin is not None:
            return self._finding(False, at_ms, f"{margin[1]:.6g}, limit {margin[2]:.6g}, at {seconds(at_ms)}{lasted}")
        what = "was not so" if self.wanted else "was so"
        return self._finding(False, at_ms, f"{what} at {seconds(at_ms)}{lasted}")

    def gap(self, from_ms: int, to_ms: int) -> None:
        if from_ms < self.to_ms and to_ms > self.from_ms:
            self._blind = f"nobody looked between {seconds(from_ms)} and {seconds(to_ms)}"

    def end(self, at_ms: int) -> Finding:
        if not self._looks:
            window = f"between {seconds(self.from_ms)} and {seconds(self.to_ms)}"
            return self._finding(False, at_ms, self._blind or f"nobody looked at it {window}")
        if self._blind:
            return self._finding(False, at_ms, self._blind)
        if at_ms < self.to_ms:
            early = f"so far so good, but the run ended at {seconds(at_ms)}, before {seconds(self.to_ms)}"
            return self._finding(False, at_ms, early)
        if self._nearest is not None:
            _, value, limit, when = self._nearest
            near = f"{value:.6g} at its nearest, limit {limit:.6g}, at {seconds(when)}"
            return self._finding(True, when, near + self._briefly())
        return self._finding(True, self.to_ms, f"at all of {self._looks} moments{self._briefly()}")

    def _briefly(self) -> str:
        return f", for {seconds(self._longest_ms)} at most of {seconds(self.for_ms)}" if self._longest_ms else ""


class _Always(_Throughout):
    wanted = True


class _Never(_Throughout):
    wanted = False


KINDS: dict[str, type[Watch]] = {"within": _Within, "eventually": _Eventually, "always": _Always, "never": _Never}


def seconds(time_ms: int) -> str:
    """A time as people read it: "1.25 s"."""
    return f"{time_ms / 1000:g} s"


def _lack(error: KeyError) -> str:
    """What was missing."""
    return str(error) if isinstance(error, Unmeasured) else f"{error.args[0]} was not there"
