"""The packs that a house's battery inverter has: their limits together, and the share of each in what flows.

Rules: what flows is shared in proportion to what each pack offers in that direction, so that the packs' sum is what the
house has seen. It must never decide how much shall flow.
"""

from __future__ import annotations

from hil.sim.device import Json


class Packs:
    """By the names of the devices, in W."""

    def __init__(self) -> None:
        self._offers: dict[str, tuple[float, float]] = {}  # charge, discharge

    def hear(self, name: str, told: Json) -> None:
        """A pack's newest word."""
        volt, charge_a, discharge_a = (
            float(str(told.get(key, 0.0))) for key in ("voltage_v", "charge_a", "discharge_a")
        )
        self._offers[name] = charge_a * volt, discharge_a * volt

    def bounded(self, wanted_w: float, limit_w: float) -> float:
        """So much of what is wanted can flow; discharge is positive."""
        return max(-min(self._sum(0), limit_w), min(self._sum(1), limit_w, wanted_w))

    def share(self, name: str, watt: float) -> float:
        """The part that one pack has in what flows."""
        side = 1 if watt > 0 else 0
        whole = self._sum(side)
        return watt * (self._offers[name][side] / whole) if whole else 0.0

    def _sum(self, side: int) -> float:
        return sum(self._offers[name][side] for name in sorted(self._offers))
