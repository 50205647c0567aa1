"""The connection to the grid: voltages and frequency of each phase, the line, the service fuses, a lost neutral.

Rules: what is set lasts until something else is set; what a fault does ends with the fault. A phase is alive when the
grid has a voltage on it and its fuse is whole. Without its neutral the house hangs between the phases: the one that
takes least has the highest voltage, as if all of the house were resistors.
It must never know what takes the power, only how much of it flows on each phase.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping

from hil.plant_fuse import Fuses
from hil.plant_phases import Three
from hil.sim.device import ControlError, FaultKind, Faults, Value, number

VOLT, HERTZ, LINE_OHM = 230.0, 50.0, 0.15
LOW_V = 184.0  # below it what takes a constant power has given up
FLOATING_W = 20.0  # on every phase there is always something that holds a lost star point
TURN = [cmath.rect(1, -2 * math.pi * at / 3) for at in range(3)]

LOST = "neutral_lost"
GRID_FAULTS = (
    FaultKind("overvoltage", "so many volts on this phase of the grid; phase 0 is all", {"phase": 0, "volt": 265.0}),
    FaultKind("sag", "so many volts on this phase of the grid; phase 0 is all", {"phase": 0, "volt": 180.0}),
    FaultKind("phase_lost", "nothing on this phase of the grid", {"phase": 1}),
    FaultKind(LOST, "the grid's neutral is interrupted: the house hangs between the phases"),
)
NAMES = frozenset(kind.name for kind in GRID_FAULTS)
SETTABLE: Mapping[str, str] = {
    "voltage_v": "V at the grid connection",
    "grid_v": "the same as voltage_v; 0 is an outage",
    "grid_l1_v": "V of the grid on one phase",
    "grid_l2_v": "V of the grid on one phase",
    "grid_l3_v": "V of the grid on one phase",
    "grid_hz": "Hz of the grid",
    "fuses": "any value: three new service fuses",
}


def check(name: str, params: dict[str, Value]) -> None:
    """A fault begins; ControlError for a phase that no house has."""
    lowest = 1 if name == "phase_lost" else 0
    if "phase" in params and not lowest <= int(params["phase"]) <= 3:
        raise ControlError(f"fault {name}: phase must be {lowest} to 3")
    if "volt" in params and not 0 <= float(params["volt"]) <= 500:
        raise ControlError(f"fault {name}: volt must be 0 to 500")


class Connection:
    """See the head of this file."""

    def __init__(self, fuse_a: float, faults: Faults) -> None:
        self.volts: Three = [VOLT] * 3  # as they were set
        self.hertz = HERTZ
        self.fuses = Fuses(fuse_a)
        self._faults = faults
        self.behind: Three = []
        self.alive: list[bool] = []
        self._floats: Three | None = None  # V of a house without its neutral
        self._asked: tuple[Three, Three] = ([], [])  # of `voltages`, with its answer
        self._found: Three = []
        self.look()

    def set_physical(self, name: str, value: object) -> None:
        """Change one of SETTABLE."""
        match name:
            case "voltage_v" | "grid_v":
                self.volts = [number(value, name, 0, 500)] * 3
            case "grid_hz":
                self.hertz = number(value, name, 40, 60)
            case "fuses":
                self.fuses.replace()
            case _:
                self.volts[int(name[6]) - 1] = number(value, name, 0, 500)

    def sources(self) -> Three:
        """V of the grid on each phase, ahead of line and fuse."""
        found = list(self.volts)
        for name in ("overvoltage", "sag"):
            for params in self._faults.all(name):
                for at in (0, 1, 2) if not params["phase"] else (int(params["phase"]) - 1,):
                    found[at] = float(params["volt"]) if self.volts[at] else 0.0  # an outage is one
        for params in self._faults.all("phase_lost"):
            found[int(params["phase"]) - 1] = 0.0
        return found

    def look(self) -> None:
        """What is set and broken now: `behind` and `alive` are true until the next look."""
        sources = self.sources() if self._faults.any() else self.volts
        blown = self.fuses.blown
        behind = [0.0 if blown[at] else sources[at] for at in (0, 1, 2)]
        if behind != self.behind:
            self.behind, self.alive = behind, [volt > 0 for volt in behind]

    def take(self, loads: Three) -> Three:
        """W of loads of these nominal W: at four fifths of the voltage and below, and without a neutral, resistors."""
        if self._faults.any() and self._faults.has(LOST):
            self._floats = _floating(self.behind, loads)
            return [watt * (volt / VOLT) ** 2 for watt, volt in zip(loads, self._floats, strict=True)]
        self._floats = None
        if min(self.behind) >= LOW_V:
            return loads
        return [watt * min(1.0, volt / LOW_V) ** 2 for watt, volt in zip(loads, self.behind, strict=True)]

    def voltages(self, watts: Three) -> Three:
        """V behind the fuse: the grid's, less the drop on the line at these W from the grid."""
        if self._floats is not None:
            return self._floats
        if self._asked != (self.behind, watts):  # several times for each moment
            self._asked = self.behind, watts
            self._found = [
                max(0.0, volt - LINE_OHM * watt / volt) if volt else 0.0
                for volt, watt in zip(self.behind, watts, strict=True)
            ]
        return self._found

    def neutral_a(self, watts: Three) -> float:
        """A on the neutral, from the currents of the phases with their directions."""
        signed = [watt / volt if volt else 0.0 for watt, volt in zip(watts, self.voltages(watts), strict=True)]
        whole = self._floats is None
        return abs(sum(ampere * turn for ampere, turn in zip(signed, TURN, strict=True))) if whole else 0.0


def _floating(volts: Three, watts: Three) -> Three:
    """V between each phase and a star point that only the loads hold."""
    loads = [max(FLOATING_W, watt) for watt in watts]
    star = sum(load * volt * turn for load, volt, turn in zip(loads, volts, TURN, strict=True)) / sum(loads)
    return [abs(volt * turn - star) if volt else 0.0 for volt, turn in zip(volts, TURN, strict=True)]
