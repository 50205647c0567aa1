"""The moments that a picture needs, of all that there were: a day has a million, a screen a thousand columns.

Rules
* The run's time has SLOTS slots. Of each slot stay its first and last moment, the lowest and the highest value of every
  number that may be drawn or is compared with a limit, and where a truth or text changed. No extreme is lost.
* What stays is a copy: a device may go on writing into its own lists.
* Judging happens before this, with every moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from hil.report.facts import wanted
from hil.scenario.model import Facts, Moment, Scenario

SLOTS = 1000
CHANGES_MAX = 8  # of truths and texts in one slot: a contact that chatters is seen to chatter


class Thin:
    """Takes moments in the order of time, and keeps what a picture needs."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._wanted: dict[str, bool] = {}
        self._kept: list[Moment] = []
        self._slot: list[Moment] = []
        self._number = 0
        self._said: Mapping[str, object] = {}

    def see(self, moment: Moment) -> None:
        """One more moment."""
        number = moment.at_ms * SLOTS // max(1, self._scenario.length_ms)
        if number != self._number:
            self._empty()
            self._number = number
        if moment.said != self._said:
            self._said = moment.said
        self._slot.append(Moment(moment.at_ms, self._facts(moment.facts), self._said))

    def moments(self) -> list[Moment]:
        """What was kept until now."""
        self._empty()
        return list(self._kept)

    def _facts(self, facts: Facts) -> Facts:
        own = {}
        for name, value in facts.items():
            if name not in self._wanted:
                self._wanted[name] = wanted(self._scenario, name)
            if self._wanted[name]:
                own[name] = list(value) if isinstance(value, list) else value
        return own

    def _empty(self) -> None:
        if len(self._slot) <= 2:
            self._kept += self._slot
        else:
            keep = {0, len(self._slot) - 1} | self._extremes() | self._changes()
            self._kept += [self._slot[index] for index in sorted(keep)]
        self._slot = []

    def _extremes(self) -> set[int]:
        found: set[int] = set()
        for name in {name: None for moment in self._slot for name in moment.facts}:
            column = [moment.facts.get(name) for moment in self._slot]
            if isinstance(column[0], list):
                for part in zip_longest(*(value if isinstance(value, list) else () for value in column)):
                    found |= _ends(part)
            else:
                found |= _ends(column)
        for expectation in self._scenario.expectations:
            seen = [measured(expectation.condition.margin, moment.facts) for moment in self._slot]
            found |= _ends([value[1] if value is not None else None for value in seen])
        return found

    def _changes(self) -> set[int]:
        indices = [
            index
            for index in range(1, len(self._slot))
            if _words(self._slot[index]) != _words(self._slot[index - 1])
            or self._slot[index].said is not self._slot[index - 1].said
        ]
        return set(indices[:CHANGES_MAX])


def _ends(column: Sequence[object]) -> set[int]:
    """Where the lowest and the highest number of a column stand; nowhere in a column of texts."""
    numbers = [value for value in column if isinstance(value, int | float)]
    if not numbers:
        return set()
    return {column.index(min(numbers)), column.index(max(numbers))}


def _words(moment: Moment) -> list[object]:
    return [value for value in moment.facts.values() if isinstance(value, bool | str)]


def measured(margin: object, facts: Facts) -> tuple[float, float, float] | None:
    """What a condition measured at a moment: (margin, value, limit); None where it is no number or not there."""
    if not callable(margin):
        return None
    try:
        seen: tuple[float, float, float] | None = margin(facts)
    except (KeyError, IndexError, TypeError, ZeroDivisionError):
        return None
    return seen
