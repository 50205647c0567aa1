"""Schedules as signals: the wall clock becomes flags that reach the kernel like a bus's samples, and nothing else.

Rules
* A wall clock may be put back, be put forward or be wrong. A time that it shows twice counts the first time; one that
  it leaves out counts as the moment of the jump. So every window happens once, windows that follow each other neither
  overlap nor leave a gap, and one that lies in a gap altogether is empty on that day.
* The flags are good only while the time can be trusted: the system says that it is synchronised, or it was and has not
  been set since, or the site trusts the machine's own clock. No time before this program existed is trusted.
* Said once a second, and in the cycle in which one of them changes. A step back of at most BACK_MS (a leap second, a
  correction) is waited out, so that nothing flickers at an edge.
* A jump of the wall clock changes these flags and no timer: they are journalled as samples, so a replay needs no clock.

This file must never be read by the kernel, nor tell anybody the time.
"""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from supervisor.kernel.signal import Quality, Sample
from supervisor.loader.schedules import Calendar, Schedule, Window

RELEASED_MS = 1_793_491_200_000  # 2026-11-01: no clock that is right shows less
FOREVER_MS = RELEASED_MS + 50 * 365 * 86_400_000  # nor more: such a clock is not set, or has overflowed
SAY_MS = 1_000
BACK_MS = 2_000
DRIFT_MS = 2_000  # between two clocks that nobody has set; a leap second is half of it
HOLDOVER_MS = 30 * 86_400_000  # at 100 ppm a crystal is four minutes wrong by then
DAY_S = 86_400
TIME_ERROR, STA_UNSYNC = 5, 0x40  # <sys/timex.h>
Stretch = tuple[int, int]
log = logging.getLogger("guardian")


class _Timex(ctypes.Structure):
    """The beginning of struct timex, and more room than any system fills."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


class Clock:
    """The system's wall clock."""

    def __init__(self) -> None:
        self._adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex

    def utc_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def synchronised(self) -> bool:
        """Does the system keep this clock in step with others? Where it does not tell, it does not."""
        asked = _Timex()
        return self._adjtimex(ctypes.byref(asked)) not in (-1, TIME_ERROR) and not asked.status & STA_UNSYNC


class Trust:
    """Whether the wall clock can be believed."""

    def __init__(self, rtc: bool) -> None:
        self._rtc = rtc
        self._ahead_ms: int | None = None  # of the monotonic clock, when it was last synchronised
        self._synchronised_ms = 0

    def look(self, utc_ms: int, now_ms: int, synchronised: bool) -> bool:
        """Is ``utc_ms`` the time? What has once been synchronised stays so while it runs beside the monotonic clock."""
        ahead_ms = utc_ms - now_ms
        if not RELEASED_MS <= utc_ms < FOREVER_MS:
            self._ahead_ms = None
            return False
        if synchronised:
            self._ahead_ms, self._synchronised_ms = ahead_ms, now_ms
        elif self._ahead_ms is not None and (
            abs(ahead_ms - self._ahead_ms) > DRIFT_MS or now_ms - self._synchronised_ms > HOLDOVER_MS
        ):
            self._ahead_ms = None
        return self._rtc or self._ahead_ms is not None


def instant(day: date, minute: int, zone: ZoneInfo) -> int:
    """When (s, UTC) a clock that is never put back shows this minute of the day, or more, for the first time."""
    shown = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001  as clocks show it
    first = int(shown.replace(tzinfo=zone).timestamp())
    if _shown(first, zone) == shown:
        return first
    before = int(shown.replace(tzinfo=zone, fold=1).timestamp())  # it is left out: find the jump between the two
    while first - before > 1:
        middle = (first + before) // 2
        before, first = (before, middle) if _shown(middle, zone) >= shown else (middle, first)
    return first


def _shown(at_s: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_s, zone).replace(tzinfo=None)


def stretches(schedule: Schedule, zone: ZoneInfo, day: int) -> tuple[Stretch, ...]:
    """When it is on, as (from, to) in s UTC: all that may touch the UTC day with this number since 1970."""
    middle = datetime.fromtimestamp(day * DAY_S, UTC).date()
    days = [middle + timedelta(days=i) for i in (-2, -1, 0, 1)]  # zones differ by a day at most, and so long it lasts
    found = [
        (instant(on, window.begin_min, zone), instant(on, window.end_min, zone))
        for on in days
        for window in schedule.windows
        if _begins(schedule, window, on)
    ]
    return tuple((begin_s, end_s) for begin_s, end_s in found if begin_s < end_s)


def _begins(schedule: Schedule, window: Window, day: date) -> bool:
    """Does this window begin on this day?"""
    holiday = day in schedule.holidays
    return (holiday and window.holidays) or (day.weekday() in window.days and not (holiday and schedule.excepted))


class Schedules:
    """Says the flags of a site's calendar."""

    def __init__(self, calendar: Calendar, clock: Clock | None = None) -> None:
        self._schedules = calendar.schedules
        self._zones = [ZoneInfo(schedule.zone) for schedule in calendar.schedules]
        self._clock = clock or Clock()
        self._trust = Trust(calendar.trust_rtc)
        self._trusted: bool | None = None
        self._day = -1
        self._on: Sequence[tuple[Stretch, ...]] = ()
        self._edges: Sequence[int] = ()
        self._utc_ms = 0
        self._said_ms: int | None = None
        self._from_s = self._until_s = 0  # nothing changes between these

    def samples(self, now_ms: int) -> tuple[Sample, ...]:
        """What is to be said in the cycle at ``now_ms`` (monotonic); nothing, most of the time."""
        if not self._schedules:
            return ()
        utc_ms = self._clock.utc_ms()
        if not 0 <= self._utc_ms - utc_ms <= BACK_MS:
            self._utc_ms = utc_ms
        at_s = self._utc_ms // 1000
        early = self._said_ms is not None and now_ms - self._said_ms < SAY_MS
        if early and self._from_s <= at_s < self._until_s:
            return ()
        self._said_ms = now_ms
        trusted = self._trust.look(utc_ms, now_ms, self._clock.synchronised())
        self._tell(trusted)
        if not trusted:
            self._from_s, self._until_s = at_s, at_s + 1 + SAY_MS // 1000  # looked at again in a second
            return tuple(Sample(schedule.signal, None, now_ms, Quality.INVALID) for schedule in self._schedules)
        self._turn_to(at_s)
        return tuple(
            Sample(schedule.signal, int(any(a <= at_s < b for a, b in on)), now_ms, Quality.GOOD)
            for schedule, on in zip(self._schedules, self._on, strict=True)
        )

    def _turn_to(self, at_s: int) -> None:
        """Make ``at_s`` a time for which everything is known: once a day the stretches around it are found anew."""
        if at_s // DAY_S != self._day:
            self._day = at_s // DAY_S
            pairs = zip(self._schedules, self._zones, strict=True)
            self._on = [stretches(schedule, zone, self._day) for schedule, zone in pairs]
            bounds = {self._day * DAY_S, (self._day + 1) * DAY_S}
            self._edges = sorted(bounds | {edge for on in self._on for stretch in on for edge in stretch})
        self._from_s = max(edge for edge in self._edges if edge <= at_s)
        self._until_s = min(edge for edge in self._edges if edge > at_s)

    def _tell(self, trusted: bool) -> None:
        if trusted is not self._trusted:
            self._trusted = trusted
            if trusted:
                log.info("the wall clock is trusted; schedules count")
            else:
                log.warning("the wall clock is not trusted (not synchronised, or never set); schedules are not known")
