"""Things over time: what a recording says of something, beside what another house says of it, as spans.

Times are wall times. Nothing here knows what is being followed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

NONE = timedelta(0)


@dataclass(frozen=True)
class Stretch:
    """From ``start`` to ``end`` the recording said ``was`` and the other house ``now``."""

    start: datetime
    end: datetime
    was: Any
    now: Any

    @property
    def lasts(self) -> timedelta:
        return self.end - self.start


@dataclass
class Track:
    """One thing. ``stretches``: those in which the two differed."""

    was: Any = None
    now: Any = None
    held: tuple[Any, Any] = (None, None)
    since: datetime | None = None
    stretches: list[Stretch] = field(default_factory=list)

    def settle(self, when: datetime) -> None:
        """Both have been told all that they said until ``when``."""
        if (self.was, self.now) == self.held and self.since is not None:
            return
        self._end(when)
        self.held, self.since = (self.was, self.now), when

    def pause(self, when: datetime) -> None:
        """Nothing is known from ``when`` on."""
        self._end(when)
        self.since = None

    def _end(self, when: datetime) -> None:
        if self.since is not None and self.held[0] != self.held[1] and when > self.since:
            self.stretches.append(Stretch(self.since, when, *self.held))


def runs(stretches: Iterable[Stretch]) -> list[list[Stretch]]:
    """Stretches that follow one another without a gap, together."""
    found: list[list[Stretch]] = []
    for one in stretches:
        if found and found[-1][-1].end == one.start:
            found[-1].append(one)
        else:
            found.append([one])
    return found


def longest(run: list[Stretch]) -> tuple[Any, Any]:
    """What was said for the longest part of a run, on either side."""
    lasting: dict[tuple[Any, Any], timedelta] = {}
    for one in run:
        key = (one.was, one.now)
        lasting[key] = lasting.get(key, NONE) + one.lasts
    return max(lasting, key=lambda key: lasting[key])


def total(stretches: Iterable[Stretch]) -> timedelta:
    return sum((one.lasts for one in stretches), NONE)


def spoken(lasting: timedelta) -> str:
    """A duration for people, with two units at most."""
    seconds = lasting.total_seconds()
    if seconds < 60:
        return f"{seconds:.3g} s"
    if seconds < 3_600:
        return f"{int(seconds) // 60} min {int(seconds) % 60} s"
    if seconds < 86_400:
        return f"{int(seconds) // 3_600} h {int(seconds) % 3_600 // 60} min"
    return f"{int(seconds) // 86_400} d {int(seconds) % 86_400 // 3_600} h"
