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
        self._whole: tuple[float, float] = (0, 0)  # the same of all together

    def hear(self, name: str, told: Json) -> None:
        """A pack's newest word."""
        volt, charge_a, discharge_a = (
            float(str(told.get(key, 0.0))) for key in ("voltage_v", "charge_a", "discharge_a")
        )
        self._offers[name] = charge_a * volt, discharge_a * volt
        offers = [self._offers[pack] for pack in sorted(self._offers)]
        self._whole = sum(offer[0] for offer in offers), sum(offer[1] for offer in offers)

    def bounded(self, wanted_w: float, limit_w: float) -> float:
        """So much of what is wanted can flow; discharge is positive."""
        charge_w, discharge_w = self._whole
        return max(-min(charge_w, limit_w), min(discharge_w, limit_w, wanted_w))

    def share(self, name: str, watt: float) -> float:
        """The part that one pack has in what flows."""
        side = 1 if watt > 0 else 0
        whole = self._whole[side]
        return watt * (self._offers[name][side] / whole) if whole else 0.0
