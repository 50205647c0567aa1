"""What a house file may say about the plant; `Wires` has what it may say about contacts and meters.

plant:
  load: profile                            # a household's day, instead of load_w with its swing
  sun: {latitude: 48.1, longitude: 11.6, wall: 2026-06-21T12:00, clouds: broken}
  pv_w: 9000                               # with a sun: what the roof gives at 1,000 W/m2
  fuse_a: 35                               # the service fuse on each phase; 0 is none
  contact_rating_a: 25
  contact_welds: true
"""

from __future__ import annotations

from typing import Literal

from hil import sun
from hil.plant_wiring import Wires


class Options(Wires, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """See the head of this file."""

    load: Literal["swing", "profile"] = "swing"
    load_w: tuple[float, float, float] = (400.0, 250.0, 150.0)
    load_swing: float = 0.3  # of the load, either way
    pv_w: float = 0.0
    pv_swing: float = 0.2
    sun: sun.Options | None = None  # without one the roof gives pv_w less its swing, by day and by night
    battery_phases: tuple[int, ...] = (1, 2, 3)
    battery_w_max: float = 5000.0
    car_phases: Literal[1, 2, 3] = 3  # of the car; fewer than the wallbox offers it is a car that stays on them
    fuse_a: float = 35.0
    contact_rating_a: float = 25.0
    contact_welds: bool = False  # whether a contact welds when it switches more than its rating

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.battery_phases or not set(self.battery_phases) <= {1, 2, 3}:
            raise ValueError("battery_phases must be some of 1, 2 and 3")
        if self.fuse_a < 0 or self.contact_rating_a <= 0:
            raise ValueError("fuse_a must not be negative (0 is no fuse), and contact_rating_a must be more than 0")
