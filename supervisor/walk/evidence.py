"""What one step has shown: each reading before a load was moved, while it was, and after it was given back.

Rules
* A change is what was there in between, less the mean of before and after: what drifts by itself cancels out.
* A current has the sign of its conductor's power, where the documents name one: a meter's current alone has none.
* A meter that was restless in a step shows nothing in it; it is said so, and never guessed.

It must never know which mistake somebody looks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from supervisor.walk import amounts
from supervisor.walk.survey import Group, Place

Rename = Callable[[str], str]


def as_written(name: str) -> str:
    """Each signal is the one that the documents call so."""
    return name


@dataclass(frozen=True)
class Window:
    """Means of all readings over one calm time, and how far each of them has gone up and down in it."""

    means: Mapping[str, float]
    spreads: Mapping[str, float]


@dataclass(frozen=True)
class Seen:
    """One place: the change of its signed current, that of its power in A at nominal voltage (None: no power is
    named), and the current without its sign that it showed at rest."""

    current: float
    power: float | None
    level: float


@dataclass(frozen=True)
class Evidence:
    """``kind``: rest (nothing was moved), draw, reduce or hand. ``conductor``: where a person has loaded, from 0, and
    ``group`` at which circuit. ``amount``: by how much, in A."""

    title: str
    kind: str
    target: str
    before: Window
    during: Window
    after: Window
    amount: float
    group: str = ""
    conductor: int = 0
    restless: tuple[str, ...] = field(default=())

    def delta(self, name: str) -> float | None:
        """The change of one reading; None where it was not known all the time."""
        was, now, then = (window.means.get(name) for window in (self.before, self.during, self.after))
        if was is None or now is None or then is None:
            return None
        return now - (was + then) / 2

    def seen(self, place: Place, rename: Rename = as_written) -> Seen | None:
        """What a place has shown; None where it was not known all the time."""
        current, power = rename(place.current), None if place.power is None else rename(place.power)
        shown = [signed_current(window, current, power) for window in (self.before, self.during, self.after)]
        was, now, then = shown
        if was is None or now is None or then is None:
            return None
        watts = None if power is None else self.delta(power)
        changed = None if watts is None else watts / amounts.VOLT
        return Seen(now - (was + then) / 2, changed, abs(was))

    def judged(self, group: Group) -> bool:
        """Did this group stand still enough to say something?"""
        return group.id not in self.restless


def signed_current(window: Window, current: str, power: str | None) -> float | None:
    """The mean current with the sign of its power; a meter alone shows none when a house begins to give."""
    shown = window.means.get(current)
    if shown is None or power is None:
        return shown
    watts = window.means.get(power)
    if watts is None:
        return None
    return -abs(shown) if watts < 0 and abs(shown) > amounts.SWITCHED else abs(shown)


def largest(groups: Iterable[Group], before: Window, now: Window) -> float:
    """The most that any conductor of these meters has changed, A."""
    changes = [0.0]
    for place in (place for group in groups for place in group.places):
        was = signed_current(before, place.current, place.power)
        then = signed_current(now, place.current, place.power)
        changes += [] if was is None or then is None else [abs(then - was)]
    return max(changes)


def rest(scale: float) -> float:
    """How far a current may move by itself, A."""
    return max(amounts.REST_A, amounts.REST_SHARE * scale)


def restless(group: Group, windows: tuple[Window, Window, Window], scale: float) -> bool:
    """Was there more movement than a load of ``scale`` A could be told from?"""
    before, _, after = windows
    for place in group.places:
        for name, volt in ((place.current, 1.0), (place.power, amounts.VOLT)):
            if name is None or name not in before.means or name not in after.means:
                continue
            worst = max(window.spreads.get(name, 0.0) for window in windows)
            if max(worst, abs(before.means[name] - after.means[name])) / volt > rest(scale):
                return True
    return False
