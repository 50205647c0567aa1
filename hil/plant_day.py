"""What the day brings to a house: what it would take on each phase, and what its roof could give.

Rules: everything is a function of the seed, the time since the start, and what somebody has set. A load that is set
has no swing and no profile. It must never know what flows: a phase without a voltage takes nothing, but that is known
elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from hil.load_profile import Household
from hil.plant_chance import Chance
from hil.plant_options import Options
from hil.plant_phases import Three
from hil.sim.device import ControlError, Json, number
from hil.sun import Options as SunOptions
from hil.sun import Sun

SLOT_MS = 60_000  # the loads and clouds of a house without sun and profile change once a minute
LOAD_NAMES = ("load0", "load1", "load2")

SETTABLE: Mapping[str, str] = {
    "load_w": "W on each phase, without swing; 'own' is again what the house file says",
    "load_l1_w": "W on one phase",
    "load_l2_w": "W on one phase",
    "load_l3_w": "W on one phase",
    "pv_w": "W at its best; with a sun, at 1,000 W/m2",
    "clouds": "clear, broken, overcast, or the part that comes through; in a house with a sun",
    "wall": "local date and time now, ISO 8601, for the sun and the load profile",
}


class Day:
    """See the head of this file. All times are since the start of the plant."""

    def __init__(self, options: Options, chance: Chance) -> None:
        self._options, self._chance = options, chance
        self._load, self._swing, self._set = list(options.load_w), options.load_swing, False
        self._pv_peak_w = options.pv_w
        self.sun = Sun(options.sun, chance) if options.sun is not None else None
        self._found: tuple[int, Three, float] = (-1, [0.0] * 3, 0.0)
        self._household = Household((options.sun or SunOptions()).wall, chance)

    def now(self, elapsed_ms: int) -> tuple[Three, float]:
        """W that each phase would take, and W that the roof could give; found once for each moment."""
        if elapsed_ms != self._found[0]:
            self._found = elapsed_ms, self.loads(elapsed_ms), self.sun_w(elapsed_ms)
        return self._found[1:]

    def loads(self, elapsed_ms: int) -> Three:
        """W that each phase would take."""
        if self._options.load == "profile" and not self._set:
            return self._household.watts(elapsed_ms)
        if not self._swing:
            return list(self._load)
        slot = elapsed_ms // SLOT_MS
        return [
            watt * (1 + self._swing * self._chance.swing(name, slot))
            for watt, name in zip(self._load, LOAD_NAMES, strict=True)
        ]

    def sun_w(self, elapsed_ms: int) -> float:
        """W that the whole roof could give."""
        if not self._pv_peak_w:
            return 0.0
        if self.sun is not None:
            return self._pv_peak_w * self.sun.part_of_peak(elapsed_ms)
        swing = self._options.pv_swing * abs(self._chance.swing("pv", elapsed_ms // SLOT_MS))
        return self._pv_peak_w * (1 - swing)

    def set_physical(self, name: str, value: object, elapsed_ms: int) -> None:
        """Change one of SETTABLE."""
        self._found = -1, [0.0] * 3, 0.0
        match name:
            case "load_w" if value == "own":
                self._load, self._swing, self._set = list(self._options.load_w), self._options.load_swing, False
            case "load_w":
                self._load, self._swing, self._set = [number(value, name, 0, 1e6)] * 3, 0.0, True
            case "load_l1_w" | "load_l2_w" | "load_l3_w":
                if self._options.load == "profile" and not self._set:
                    self._load = self._household.watts(elapsed_ms)
                self._load[int(name[6]) - 1], self._swing, self._set = number(value, name, 0, 1e6), 0.0, True
            case "pv_w":
                self._pv_peak_w = number(value, name, 0, 1e6)
            case "clouds":
                self._set_clouds(value)
            case "wall":
                self._set_wall(str(value), elapsed_ms)

    def _set_clouds(self, value: object) -> None:
        if self.sun is None:
            raise ControlError("this house has no sun: give its plant `sun: {}`, or set pv_w")
        try:
            self.sun.set_clouds(value)
        except (TypeError, ValueError):  # a list is no sky either
            raise ControlError(f"clouds must be clear, broken, overcast or 0 to 1, not {value!r}") from None

    def _set_wall(self, value: str, elapsed_ms: int) -> None:
        try:
            self._household.set_wall(value, elapsed_ms)
            if self.sun is not None:
                self.sun.set_wall(value, elapsed_ms)
        except ValueError:
            raise ControlError(f"wall must be a local time such as 2026-06-21T12:00, not {value!r}") from None

    def state(self, elapsed_ms: int) -> Json:
        """What the sky does, in a house with a sun."""
        if self.sun is None:
            return {}
        elevation, _ = self.sun.position(elapsed_ms)
        return {"sun_elevation_deg": elevation, "clouds_through_ratio": self.sun.through(elapsed_ms)}
