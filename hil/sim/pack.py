"""A battery pack of LFP cells in series with the management that guards it: what it offers, and what it stores.

Rules: what has flowed is the truth about the state of charge, and the management knows it. Near full it takes back
the charge current so that the charge voltage limit is not passed, and at full offers none until 3 % are gone; near
empty it takes back the discharge current, and at empty offers none until 2 % are back; below 0 degC nothing is charged.
Source: the ranges of temperature are those of the Pylontech US series (charge 0 to 50, discharge -10 to 50 degC).
Invented: every number below that is marked so; a real pack's ramps are its maker's secret.
It must never stop a current: it offers limits, and counts what flows against them.
"""

from __future__ import annotations

from hil.cell import Cell

TAPER_FROM, TAPER_TO = 0.95, 0.1  # invented: from 95 % the charge current falls, to a tenth of its limit
TAIL = 0.05  # of the charge limit: when the voltage leaves less than this, the pack is full (sheet: 2 to 5 %)
FULL_UNTIL, EMPTY_UNTIL = 0.97, 0.02  # invented
LOW_FROM, CELL_MIN_V = 0.05, 2.8  # invented: below 5 % the discharge current falls, and ends at this voltage
FLOAT_V = 3.45  # invented: the charge voltage limit of each cell of a full pack
COLD_C, COLD_PART = 10.0, 0.2  # invented: from 10 degC down to 0 the charge current falls to a fifth
HOT_C, TOO_HOT_C = 45.0, 50.0  # invented, source
FROST_C, TOO_COLD_C = 0.0, -10.0  # invented, source


def _ramp(value: float, at_none: float, at_all: float) -> float:
    """0 at one end, 1 at the other."""
    return min(1.0, max(0.0, (value - at_none) / (at_all - at_none)))


class Pack:
    """`cells` in series, each as large as the pack in Ah."""

    def __init__(self, cells: int, capacity_ah: float, soc: float) -> None:
        self.cells, self.cell = cells, Cell(capacity_ah, soc / 100)
        self.full, self.empty = soc >= 100, soc <= 0

    @property
    def soc(self) -> float:
        """% of the capacity."""
        return 100 * self.cell.charge

    def set_soc(self, soc: float) -> None:
        """As if so much had flowed."""
        self.cell.charge = min(1.0, max(0.0, soc / 100))

    def volt(self, ampere: float) -> float:
        """V at the terminals of the pack."""
        return self.cells * self.cell.volt(ampere)

    def voltage_limit(self, charge_v: float) -> float:
        """V that may be charged to now."""
        return min(charge_v, FLOAT_V * self.cells) if self.full else charge_v

    def judge(self, charge_a: float, charge_v: float) -> None:
        """Whether the pack has become full or empty, at these limits of a pack in the middle."""
        charge = self.cell.charge
        tail = charge >= TAPER_FROM and self._charge_room(charge_v) < TAIL * charge_a
        self.full = charge >= 1 or tail or (self.full and charge > FULL_UNTIL)
        drained = charge <= EMPTY_UNTIL and self.cell.rest_v() <= CELL_MIN_V
        self.empty = charge <= 0 or drained or (self.empty and charge < EMPTY_UNTIL)

    def _charge_room(self, charge_v: float) -> float:
        """A that would take the cells to this voltage of the pack."""
        return max(0.0, (charge_v / self.cells - self.cell.rest_v()) / self.cell.r0)

    def charge_limit(self, limit_a: float, charge_v: float, celsius: float) -> float:
        """A that the pack takes now."""
        if self.full or celsius < 0 or celsius > TOO_HOT_C:
            return 0.0
        part = COLD_PART + (1 - COLD_PART) * _ramp(celsius, 0.0, COLD_C)
        part *= _ramp(celsius, TOO_HOT_C, HOT_C)
        if self.cell.charge < TAPER_FROM:
            return limit_a * part
        part *= TAPER_TO + (1 - TAPER_TO) * _ramp(self.cell.charge, 1.0, TAPER_FROM)
        return min(limit_a * part, self._charge_room(charge_v))

    def discharge_limit(self, limit_a: float, celsius: float) -> float:
        """A that the pack gives now, positive."""
        if self.empty or celsius < TOO_COLD_C or celsius > TOO_HOT_C:
            return 0.0
        part = 0.5 + 0.5 * _ramp(celsius, TOO_COLD_C, FROST_C)
        part *= _ramp(celsius, TOO_HOT_C, HOT_C)
        if self.cell.charge >= LOW_FROM:
            return limit_a * part
        room = max(0.0, (self.cell.rest_v() - CELL_MIN_V) / self.cell.r0)
        return min(limit_a * part * _ramp(self.cell.charge, 0.0, LOW_FROM), room)
