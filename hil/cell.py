"""A lithium iron phosphate cell as an equivalent circuit: open-circuit voltage, hysteresis, R0, and one RC pair.

Theory of operation (sheet on battery models; its signs are turned round: here a positive current charges)
    v = OCV(s) + h + v1 + R0 i      s' = i / Q      v1' = (R1 i - v1) / tau      h' = |gamma i / Q| (sign(i) M - h)
* The step is exact for a constant current, in the voltages and in the energies, so that its size does not matter.
* OCV: 30 % and above from the sheet (Prada 2013, equilibrium); below, where a table is that of one cell only, the
  measured points of an A123 cell in the same sheet (14 %: 3.19 V, 1 %: 2.90 V) and a cut-off of 2.5 V.
* R0 and R1 are those of the 280 Ah class (0.6 and 0.3 mOhm, tau 120 s), and smaller for more ampere-hours in parallel.
* Hysteresis: rests after charge and discharge lie 5 to 25 mV apart; here 20 mV. That it turns within about 3 % of the
  capacity (gamma 30) is invented, and so is that resistance does not depend on temperature or age.

The charge that has flowed is the truth about the state of charge; nothing is ever inferred from a voltage.
It must never decide what may flow: a battery management does.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise

OCV_TABLE = (  # state of charge, V
    (0.0, 2.5),
    (0.01, 2.9),
    (0.05, 3.02),
    (0.14, 3.19),
    (0.3, 3.206),
    (0.4, 3.253),
    (0.5, 3.266),
    (0.6, 3.269),
    (0.65, 3.27),
    (0.7, 3.274),
    (0.75, 3.293),
    (0.8, 3.31),
    (0.9, 3.314),
    (0.95, 3.316),
    (0.98, 3.35),
    (1.0, 3.6),
)
R0_OHM_AH, R1_OHM_AH, TAU_S = 0.6e-3 * 280, 0.3e-3 * 280, 120.0
HYSTERESIS_V, GAMMA = 0.010, 30.0
_CHARGES = [charge for charge, _ in OCV_TABLE]
_AREAS = [0.0, *accumulate((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(OCV_TABLE))]


def ocv(charge: float) -> float:
    """V at rest, without hysteresis; `charge` from 0 to 1."""
    at = min(max(bisect_right(_CHARGES, charge), 1), len(OCV_TABLE) - 1)
    (low, volt), (high, more) = OCV_TABLE[at - 1], OCV_TABLE[at]
    return volt + (more - volt) * (charge - low) / (high - low)


def stored(charge: float) -> float:
    """Wh in each Ah of capacity, reckoned from empty: the integral of `ocv`."""
    at = min(max(bisect_right(_CHARGES, charge), 1), len(OCV_TABLE) - 1) - 1
    low, volt = OCV_TABLE[at]
    return _AREAS[at] + (charge - low) * (volt + ocv(charge)) / 2


@dataclass(slots=True)
class Cell:
    """`charge`: 0 to 1. Energies are those through the terminals; `loss_wh` is what did not become stored energy."""

    capacity_ah: float
    charge: float
    relaxing_v: float = 0.0  # v1
    hysteresis_v: float = 0.0
    charged_ah: float = 0.0
    discharged_ah: float = 0.0
    charged_wh: float = 0.0
    discharged_wh: float = 0.0
    loss_wh: float = 0.0

    @property
    def r0(self) -> float:
        """Ohm."""
        return R0_OHM_AH / self.capacity_ah

    def rest_v(self) -> float:
        """V without a current, as it is now."""
        return ocv(self.charge) + self.hysteresis_v + self.relaxing_v

    def volt(self, ampere: float) -> float:
        """V at the terminals with this current."""
        return self.rest_v() + self.r0 * ampere

    def step(self, ampere: float, seconds: float) -> None:
        """Let a constant current flow. What does not fit between empty and full flows and is lost as heat."""
        if seconds <= 0:
            return
        hours = seconds / 3600
        before = self.charge
        self.charge = min(1.0, max(0.0, before + ampere * hours / self.capacity_ah))
        kept_wh = self.capacity_ah * (stored(self.charge) - stored(before))
        lost_ah = ampere * hours - self.capacity_ah * (self.charge - before)
        drops_vs = self.r0 * ampere * seconds + self._relax(ampere, seconds) + self._turn(ampere, seconds)
        through_wh = kept_wh + lost_ah * ocv(self.charge) + ampere * drops_vs / 3600
        self.loss_wh += through_wh - kept_wh
        if ampere > 0:
            self.charged_ah, self.charged_wh = self.charged_ah + ampere * hours, self.charged_wh + through_wh
        else:
            self.discharged_ah, self.discharged_wh = (
                self.discharged_ah - ampere * hours,
                self.discharged_wh - through_wh,
            )

    def _relax(self, ampere: float, seconds: float) -> float:
        """Move the RC pair; returns its volt-seconds."""
        target, decay = R1_OHM_AH / self.capacity_ah * ampere, math.exp(-seconds / TAU_S)
        away = self.relaxing_v - target
        self.relaxing_v = target + away * decay
        return target * seconds + away * TAU_S * (1 - decay)

    def _turn(self, ampere: float, seconds: float) -> float:
        """Move the hysteresis, which only charge that flows does; returns its volt-seconds."""
        rate = GAMMA * abs(ampere) / (3600 * self.capacity_ah)
        if rate == 0:
            return self.hysteresis_v * seconds
        target, decay = math.copysign(HYSTERESIS_V, ampere), math.exp(-rate * seconds)
        away = self.hysteresis_v - target
        self.hysteresis_v = target + away * decay
        return target * seconds + away * (1 - decay) / rate
