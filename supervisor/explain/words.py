"""Names, amounts and times of one moment as people say them.

Rules
* A code is said by its name, a coil as open or closed, a changeover's place by its name.
* A time is said as the wall's and as how long ago, both: the first for the log, the second for the reader.
* Monotonic times of the kernel become local times here and nowhere else. The clock may have been set in between, so
  only the moment's own pair of times is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from supervisor.kernel.plan import MODES, Plan, Target
from supervisor.kernel.signal import Quality, Reading, Unit, shown
from supervisor.replay.moment import Moment

COIL = {0: "open", 1: "closed"}
QUALITIES = {
    Quality.GOOD: "good",
    Quality.SUSPECT: "suspect: it jumped, or its sender repeats itself",
    Quality.STALE: "stale: its sender says that it is old",
    Quality.INVALID: "invalid: no measurement",
    Quality.MISSING: "never heard",
}


class Words:
    """One moment's vocabulary."""

    def __init__(self, moment: Moment) -> None:
        self.moment = moment
        self.plan: Plan = moment.loaded.plan
        self.now_ms = moment.now_ms
        self._wall = datetime.fromisoformat(moment.wall)
        self._codes: dict[int, Mapping[int, str]] = {
            place.index: place.spec.codes
            for bus in moment.loaded.site.buses
            for device in bus.devices
            for place in device.signals
        }

    # ---- things --------------------------------------------------------------------------------------------------
    def signal(self, index: int) -> str:
        return self.plan.signals[index].id

    def device(self, index: int) -> str:
        """The device that a signal belongs to."""
        return self.signal(index).partition(".")[0]

    def measured(self, index: int, value: int | None) -> str:
        """A signal's value, with its unit or the name of its code."""
        if value is None:
            return "nothing"
        return self._codes.get(index, {}).get(value) or shown(value, self.plan.signals[index].unit)

    def amount(self, target: Target, value: int | None) -> str:
        """What a target is told or may be told."""
        if value is None:
            return "nothing"
        if target.changeover is not None:
            places = self.plan.changeovers[target.changeover].places
            return places[value].name if 0 <= value < len(places) else str(value)
        if target.contactor is not None:
            return COIL.get(value, str(value))
        return shown(value, target.unit)

    def mode(self) -> str:
        return MODES[self.moment.state.house.state]

    def reading(self, index: int, bound_ms: int | None = None) -> str:
        """A reading with its age and quality, and what is wrong with it if anything is."""
        reading = self.moment.image[index]
        if reading.quality is Quality.MISSING:
            return f"{self.signal(index)} has never been heard"
        return (
            f"{self.signal(index)} is {self.measured(index, reading.value)} ({self._trust(reading, index, bound_ms)})"
        )

    def _trust(self, reading: Reading, index: int, bound_ms: int | None) -> str:
        age_ms = self.now_ms - reading.at_ms
        limit_ms = self.plan.signals[index].max_age_ms if bound_ms is None else bound_ms
        if age_ms > limit_ms:
            doubt = "" if reading.quality is Quality.GOOD else f"{QUALITIES[reading.quality]}; "
            return f"{doubt}{lasting(age_ms)} old, too old: it counts for {lasting(limit_ms)}"
        return f"{QUALITIES[reading.quality]}, {lasting(age_ms)} old"

    # ---- times ---------------------------------------------------------------------------------------------------
    def clock(self, at_ms: int) -> str:
        """The local time of a monotonic one; with the date where it is another day."""
        at = self._wall + timedelta(milliseconds=at_ms - self.now_ms)
        return at.strftime("%H:%M:%S" if at.date() == self._wall.date() else "%Y-%m-%d %H:%M:%S")

    def since(self, at_ms: int) -> str:
        return f"since {self.clock(at_ms)} ({lasting(self.now_ms - at_ms)})"

    def until(self, at_ms: int) -> str:
        return f"at {self.clock(at_ms)} (in {lasting(at_ms - self.now_ms)})"


def lasting(ms: int) -> str:
    """A duration: "0.3 s", "12 s", "5 min 20 s", "3 h 10 min", "2 d 4 h"."""
    ms = max(ms, 0)
    if ms < 10_000:
        return shown(ms // 100 * 100, Unit.TIME)
    seconds = ms // 1000
    for size, name, smaller, smaller_name in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {name}" + (f" {rest} {smaller_name}" if rest else "")
    return f"{seconds} s"


def listed(words: list[str], last: str = "and") -> str:
    """ "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""
