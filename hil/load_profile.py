"""What a household takes over a day: what is always on, a fridge, kettle, hob, oven, washing machine, and the evening.

Rules: everything is a function of the seed and the local time, so that any step size gives the same course. A day's
appliances are drawn once, when the day is first asked for. All numbers are invented, of the size that a German
household of four has (about 9 to 14 kWh a day, most of it on the phase of the kitchen).
It must never look at a clock, and never know what flows elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from hil.plant_chance import Chance
from hil.plant_phases import Three

BASE_W = (110.0, 80.0, 60.0)
EVENING_W = (150.0, 90.0, 160.0)  # light and screens
EVENING_H = (17.5, 23.0)
MORNING_H = (6.0, 8.0)
WOBBLE = 0.12  # of what is always on, minute by minute
FRIDGE_W, FRIDGE_S, FRIDGE_ON_S, FRIDGE_PHASE = 95.0, 2700, 900, 2
HOUR_S, DAY_S = 3600, 86_400


@dataclass(frozen=True, slots=True)
class Use:
    """One use of an appliance: seconds of the day, and the thermostat's rhythm where it has one."""

    start_s: int
    end_s: int
    phase: int
    watt: float
    period_s: int = 0
    on_s: int = 0

    def watts(self, second: float) -> float:
        """W at this second of the day."""
        if not self.start_s <= second < self.end_s:
            return 0.0
        return self.watt if not self.period_s or (second - self.start_s) % self.period_s < self.on_s else 0.0


def uses(dice: random.Random) -> Iterator[Use]:
    """The appliances of one day; none of them reaches into the next."""
    for hour in (6.5, 7.2, 10.0, 15.5, 19.8):
        if dice.random() < 0.75:
            yield _use(dice, hour, 0.5, dice.randint(150, 260), 1, dice.uniform(1900, 2200))  # kettle
    for hour, likely in ((12.0, 0.6), (18.3, 0.9)):
        if dice.random() < likely:
            hob = _use(dice, hour, 0.4, dice.randint(1200, 2400), 3, 1800.0, 40, dice.randint(14, 30))
            yield from (hob, Use(hob.start_s, hob.end_s - 300, 1, 1400.0, 30, 12))
    if dice.random() < 0.6:
        yield _use(dice, 18.0, 0.8, dice.randint(1800, 3600), 2, 2400.0, 90, 40)  # oven
    if dice.random() < 0.6:
        heating = _use(dice, 9.5, 2.5, 960, 3, 2000.0)  # washing machine: it heats, then it turns
        yield from (heating, Use(heating.end_s, heating.end_s + 2700, 3, 180.0))


def _use(
    dice: random.Random,
    hour: float,
    spread_h: float,
    lasts_s: int,
    phase: int,
    watt: float,
    period: int = 0,
    on: int = 0,
) -> Use:
    start_s = int((hour + dice.uniform(-spread_h, spread_h)) * HOUR_S)
    return Use(start_s, start_s + lasts_s, phase, watt, period, on)


class Household:
    """See the head of this file."""

    def __init__(self, wall: str, chance: Chance) -> None:
        """`wall`: local time when the plant begins, ISO 8601."""
        self._chance = chance
        self._day: tuple[int, list[Use], float] = (-1, [], 0.0)
        self._start_s = 0.0  # of a count of seconds whose days begin at midnight
        self.set_wall(wall, 0)

    def set_wall(self, wall: str, elapsed_ms: int) -> None:
        """It is this local time now; ValueError for what is no time."""
        now = datetime.fromisoformat(wall)
        second = now.hour * HOUR_S + now.minute * 60 + now.second
        self._start_s = now.toordinal() * DAY_S + second - elapsed_ms / 1000

    def watts(self, elapsed_ms: int) -> Three:
        """W on each phase."""
        days, second = divmod(self._start_s + elapsed_ms / 1000, DAY_S)
        day = int(days)
        if day != self._day[0]:
            dice = self._chance.dice("day", day)
            self._day = day, list(uses(dice)), dice.uniform(0, FRIDGE_S)
        found = self._always(day, second)
        for use in self._day[1]:
            if use.start_s <= second < use.end_s:
                found[use.phase - 1] += use.watts(second)
        found[FRIDGE_PHASE - 1] += FRIDGE_W * ((second + self._day[2]) % FRIDGE_S < FRIDGE_ON_S)
        return found

    def _always(self, day: int, second: float) -> Three:
        hour, minute = second / HOUR_S, day * 1440 + int(second // 60)
        lit = _between(hour, *EVENING_H) + 0.5 * _between(hour, *MORNING_H)
        return [
            (base + evening * lit) * (1 + WOBBLE * self._chance.swing(name, minute))
            for base, evening, name in zip(BASE_W, EVENING_W, ("base1", "base2", "base3"), strict=True)
        ]


def _between(hour: float, begin: float, end: float) -> float:
    """1 inside, 0 outside, with half an hour of slope on either side."""
    return max(0.0, min(1.0, 2 * (hour - begin) + 0.5, 2 * (end - hour) + 0.5))
