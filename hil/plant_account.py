"""What has flowed in a house: energies of the whole and of each phase, and those that the meters count.

Rules: every energy is a power times the time that it lasted, on the same clock as all the others, so that what came in
is what went out, on each phase and over any time. `import` and `export` of the whole are those of a meter that adds
its phases up before it counts, as German meters do; those of each phase are counted by themselves.
It must never find a power itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from hil.plant_phases import Three
from hil.sim.device import Json

PHASED = ("load", "pv", "car", "charge", "discharge", "import", "export")


class Account:
    """All energies in Wh; "battery" is positive for discharge, as it is in the powers."""

    def __init__(self, meters: Iterable[str], islands: bool) -> None:
        self.total_wh = dict.fromkeys(("load", "pv", "car", "battery", "import", "export"), 0.0)
        self.phases_wh: dict[str, Three] = {name: [0.0] * 3 for name in PHASED}
        if islands:
            self.total_wh["island"], self.phases_wh["island"] = 0.0, [0.0] * 3
        self.meters_wh = {name: [0.0, 0.0] for name in meters}  # import, export

    def add(self, hours: float, flows: dict[str, Three], grid: Three) -> None:
        """These powers have flowed for so long. `flows`: "load", "pv", "car", "battery", and "island" with a bus."""
        for name, watts in flows.items():
            self.total_wh[name] += (watts[0] + watts[1] + watts[2]) * hours
            if name == "battery":
                self._split("discharge", "charge", watts, hours)
                continue
            sums = self.phases_wh[name]
            for at in (0, 1, 2):
                sums[at] += watts[at] * hours
        whole = grid[0] + grid[1] + grid[2]
        self.total_wh["import" if whole > 0 else "export"] += abs(whole) * hours
        self._split("import", "export", grid, hours)

    def _split(self, positive: str, negative: str, watts: Three, hours: float) -> None:
        for at in (0, 1, 2):
            watt = watts[at]
            self.phases_wh[positive if watt > 0 else negative][at] += abs(watt) * hours

    def count(self, meter: str, watts: Three, hours: float) -> None:
        """What one meter counts."""
        watt = watts[0] + watts[1] + watts[2]
        self.meters_wh[meter][0 if watt > 0 else 1] += abs(watt) * hours

    def state(self) -> Json:
        """For the plant's state: `energy_wh` of the whole, and NAME_wh with one value for each phase."""
        return {
            "energy_wh": dict(self.total_wh),
            **{f"{name}_wh": list(sums) for name, sums in self.phases_wh.items()},
        }
