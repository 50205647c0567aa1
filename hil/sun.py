"""The sun over a house: where it stands, what a clear sky lets through, and clouds with edges of a few seconds.

Sources
* Position: J. W. Spencer, "Fourier series representation of the position of the sun", Search 2 (5), 1971, p. 172:
  declination and equation of time, good to half a degree in any year.
* Clear sky on the level: B. Haurwitz, Journal of Meteorology 2 (1945) 154-166, as pvlib's `clearsky.haurwitz` has it:
  1098 W/m2 * cos z * exp(-0.059 / cos z), where z is the sun's distance from the zenith.
* Invented: 15 % of it is diffuse and equal from everywhere; an array's power is proportional to what falls on it, and
  1,000 W/m2 is its peak; what the clouds of each kind let through, and how fast they come.

Rules: everything is a function of the seed and of the time since the start, so that any step size gives the same
course. Local time without an offset from UTC is the time of the longitude's zone (15 degrees an hour), in no summer.
It must never look at a clock, and never know an inverter.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from hil.plant_chance import Chance

PEAK_W_M2 = 1000.0
DIFFUSE = 0.15
CLOUD_SLOT_MS = 60_000  # a cloud's edge comes once in such a slot, or not at all
SEASON_SLOT_S = 600  # the sun's declination is found anew so often
EDGE_MS = (1500, 8000)  # how long it takes to pass
UNDER_CLOUD = {"broken": (0.2, 0.4), "overcast": (0.08, 0.25)}  # of the clear sky
Clouds = Literal["clear", "broken", "overcast"] | float


def started(wall: str, longitude: float = 0.0) -> datetime:
    """The local time at the start, with its offset; ValueError for what is no time."""
    found = datetime.fromisoformat(wall)
    zone = timedelta(hours=round(longitude / 15))
    return found if found.tzinfo is not None else (found - zone).replace(tzinfo=UTC)


class Array(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the roof: its share of the peak power, its slope, and where it looks (180 is south)."""

    share: float = 1.0
    tilt: float = 30.0
    azimuth: float = 180.0


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a house file may say about its sun; `clouds` as a number is the part that comes through, for good."""

    latitude: float = 48.1
    longitude: float = 11.6
    wall: str = "2026-06-21T12:00"
    clouds: Clouds = "clear"
    arrays: tuple[Array, ...] = (Array(),)

    def __post_init__(self) -> None:
        if not -90 <= self.latitude <= 90 or not -180 <= self.longitude <= 180:
            raise ValueError("latitude must be -90 to 90 and longitude -180 to 180 degrees")
        try:
            started(self.wall)
        except ValueError:
            raise ValueError(f"wall must be a local time such as 2026-06-21T12:00, not {self.wall!r}") from None
        if abs(sum(array.share for array in self.arrays) - 1) > 0.001:
            raise ValueError("the shares of all arrays must be 1 together")
        if isinstance(self.clouds, float) and not 0 <= self.clouds <= 1:
            raise ValueError("clouds must be clear, broken, overcast or a number from 0 to 1")


class Sun:
    """See the head of this file. `elapsed_ms` is the time since the start of the plant."""

    def __init__(self, options: Options, chance: Chance) -> None:
        self.options, self._chance = options, chance
        self.clouds: str | float = options.clouds
        self._start_s = started(options.wall, options.longitude).timestamp()
        self._slots: dict[int, tuple[int, int, float]] = {}
        self._season: tuple[int, float, float] = (-1, 0.0, 0.0)  # slot, declination, equation of time
        self._latitude = math.sin(math.radians(options.latitude)), math.cos(math.radians(options.latitude))

    def set_wall(self, wall: str, elapsed_ms: int) -> None:
        """It is this local time now; ValueError for what is no time."""
        self._start_s = started(wall, self.options.longitude).timestamp() - elapsed_ms / 1000

    # -- position --

    def position(self, elapsed_ms: int) -> tuple[float, float]:
        """Elevation and azimuth in degrees; azimuth 90 is east, 180 south."""
        now_s = self._start_s + elapsed_ms / 1000
        slot = int(now_s // SEASON_SLOT_S)
        if slot != self._season[0]:
            year = _year(slot * SEASON_SLOT_S)
            self._season = slot, _declination(year), _equation_of_time(year)
        _, declination, ahead_h = self._season
        solar_hour = now_s % 86_400 / 3600 + self.options.longitude / 15 + ahead_h
        angle = math.radians(15 * (solar_hour - 12))
        sin_latitude, cos_latitude = self._latitude
        sin_declination, cos_declination = math.sin(declination), math.cos(declination)
        height = sin_latitude * sin_declination + cos_latitude * cos_declination * math.cos(angle)
        east = -cos_declination * math.sin(angle)
        north = cos_latitude * sin_declination - sin_latitude * cos_declination * math.cos(angle)
        return math.degrees(math.asin(max(-1.0, min(1.0, height)))), math.degrees(math.atan2(east, north)) % 360

    # -- light --

    def part_of_peak(self, elapsed_ms: int) -> float:
        """What all arrays give now, as a part of the peak power of the roof."""
        elevation, azimuth = self.position(elapsed_ms)
        if elevation <= 0:
            return 0.0
        level = clear_sky(elevation)
        falling = sum(array.share * on_plane(level, elevation, azimuth, array) for array in self.options.arrays)
        return falling / PEAK_W_M2 * self.through(elapsed_ms)

    def through(self, elapsed_ms: int) -> float:
        """The part of the light that the clouds let through."""
        if self.clouds == "clear":
            return 1.0
        if isinstance(self.clouds, float):
            return self.clouds
        slot = elapsed_ms // CLOUD_SLOT_MS
        edge_ms, lasts_ms, after = self._slot(slot)
        before = self._slot(slot - 1)[2]
        passed = min(1.0, max(0.0, (elapsed_ms - slot * CLOUD_SLOT_MS - edge_ms) / lasts_ms))
        return before + (after - before) * passed

    def _slot(self, slot: int) -> tuple[int, int, float]:
        """When in the slot an edge comes, how long it takes, and what comes through after it."""
        if slot not in self._slots:
            dice = self._chance.dice(f"cloud {self.clouds}", slot)
            lasts_ms = dice.randint(*EDGE_MS)
            edge_ms = dice.randrange(CLOUD_SLOT_MS - lasts_ms)
            dark = dice.uniform(*UNDER_CLOUD[str(self.clouds)])
            clear = self.clouds == "broken" and dice.random() < 0.5
            if len(self._slots) > 8:
                self._slots.clear()
            self._slots[slot] = edge_ms, lasts_ms, 1.0 if clear else dark
        return self._slots[slot]

    def set_clouds(self, clouds: object) -> None:
        """Another sky from now on; ValueError for none."""
        if clouds in UNDER_CLOUD or clouds == "clear":
            self.clouds = str(clouds)
        elif 0 <= float(str(clouds)) <= 1:
            self.clouds = float(str(clouds))
        else:
            raise ValueError(clouds)
        self._slots.clear()


def _year(now_s: float) -> float:
    """Where in the year a UTC time is, as an angle."""
    now = datetime.fromtimestamp(now_s, UTC)
    return 2 * math.pi * (now.timetuple().tm_yday - 1 + (now.hour + now.minute / 60 - 12) / 24) / 365


def _declination(year: float) -> float:
    return (
        0.006918
        - 0.399912 * math.cos(year)
        + 0.070257 * math.sin(year)
        - 0.006758 * math.cos(2 * year)
        + 0.000907 * math.sin(2 * year)
        - 0.002697 * math.cos(3 * year)
        + 0.00148 * math.sin(3 * year)
    )


def _equation_of_time(year: float) -> float:
    """Hours by which a sundial is ahead of an even clock."""
    return (229.18 / 60) * (
        0.000075
        + 0.001868 * math.cos(year)
        - 0.032077 * math.sin(year)
        - 0.014615 * math.cos(2 * year)
        - 0.040849 * math.sin(2 * year)
    )


def clear_sky(elevation: float) -> float:
    """W/m2 on the level, of beam and sky together (Haurwitz)."""
    cosine = math.sin(math.radians(elevation))
    return 1098.0 * cosine * math.exp(-0.059 / cosine) if cosine > 0.001 else 0.0


def on_plane(level: float, elevation: float, azimuth: float, array: Array) -> float:
    """W/m2 on a slope, of the beam by its angle and of the sky by how much of it the slope sees."""
    height, tilt = math.radians(elevation), math.radians(array.tilt)
    turned = math.cos(math.radians(azimuth - array.azimuth))
    facing = math.sin(height) * math.cos(tilt) + math.cos(height) * math.sin(tilt) * turned
    beam = level * (1 - DIFFUSE) / max(0.01, math.sin(height)) * max(0.0, facing)
    return beam + level * DIFFUSE * (1 + math.cos(tilt)) / 2
