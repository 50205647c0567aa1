"""Schedules: times of day, week and year as people write them, each of which becomes a flag signal ``schedule.NAME``.

    schedules:
      night: {zone: Europe/Berlin, on: ["mon..fri 22:00 .. 06:00", "sat sun 00:00 .. 24:00"], except: holidays}
    holidays: [01-01, 2026-12-25]

Rules
* A window begins on its days at its first time and ends at its second one, on the next day where that is not later.
  Windows may overlap; one that says nothing that the others do not say already is a slip.
* ``except: holidays``: on a holiday no window begins, unless ``holidays`` stands among its own days.
* A schedule is a reason for a rule. It proves nothing and is nobody's hand: contactors, changeovers, circuits and the
  local hand never hear of these signals.
* Whether a daylight-saving change swallows a window is no question here: the zone's rules may change while a house
  runs, and a house that did not start for that would be the worse for it. The guardian counts such a window as empty.

This file must never look at a clock: the same documents load the same at any time.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from supervisor.kernel.signal import Signal, Unit
from supervisor.loader.documents import Item, name_of, nearest
from supervisor.loader.questions import Named, Names
from supervisor.loader.sites import Parts

PREFIX = "schedule"
MAX_AGE_MS = 5_000  # the guardian says them anew every second
SCHEDULES_MAX = 50
WINDOWS_MAX = 100  # of a site: once a day the guardian looks all of them up between two cycles (4 ms)
HOLIDAYS_MAX = 1_000
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN
SHAPE = re.compile(r"(\S.*?) +(\d\d):(\d\d) *\.\. *(\d\d):(\d\d)")
SPAN = re.compile(r"([a-z]{3})\.\.([a-z]{3})")
ZONE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+/-]{0,60}")
DATE = re.compile(r"(?:(\d{4})-)?(\d\d)-(\d\d)")
EXAMPLE = "write days and two times, such as 'mon..fri 22:00 .. 06:00'"
CLOCKS = ("synchronised", "rtc")


@dataclass(frozen=True)
class Window:
    """``days``: weekdays from 0 for Monday on which it begins; ``holidays``: so it does on holidays. ``begin_min`` and
    ``end_min``: minutes of the day as the wall clock shows them, ``end_min`` up to 48 h for the next day."""

    days: frozenset[int]
    holidays: bool
    begin_min: int
    end_min: int

    def minutes(self) -> Iterator[int]:
        """The minutes of a week without clock changes that it covers."""
        for day in self.days:
            for minute in range(self.begin_min, self.end_min):
                yield (day * DAY_MIN + minute) % WEEK_MIN


@dataclass(frozen=True)
class Holidays:
    """``dates``: of one year; ``yearly``: (month, day) of every year."""

    dates: frozenset[date] = frozenset()
    yearly: frozenset[tuple[int, int]] = frozenset()

    def __contains__(self, day: date) -> bool:
        return day in self.dates or (day.month, day.day) in self.yearly


@dataclass(frozen=True)
class Schedule:
    """``signal``: index into the plan's signals. ``excepted``: only windows that name holidays begin on a holiday."""

    name: str
    signal: int
    zone: str
    windows: tuple[Window, ...]
    holidays: Holidays
    excepted: bool


@dataclass(frozen=True)
class Calendar:
    """All schedules of a site. ``trust_rtc``: the machine has a clock that runs without it, so its time is believed
    before anybody on the network has confirmed it."""

    schedules: tuple[Schedule, ...] = ()
    trust_rtc: bool = False


def read_calendar(site: Item, parts: Parts) -> tuple[Calendar, Names]:
    """The calendar of a site document, and the names that its policies may use. To be read after everything that must
    not depend on the time of day: its signals are numbered after those of all devices."""
    listed, trust = site.get("holidays"), site.get("trust_clock")
    holidays = _holidays(listed) if listed is not None else None
    given, found, windows = site.get("schedules"), list[Schedule](), 0
    named = dict(parts.named)
    if given is not None and PREFIX in parts.items:
        raise parts.items[PREFIX].error(f"where schedules are declared, no device is called '{PREFIX}'; rename it")
    for key, item in given.fields().items() if given is not None else ():
        if len(found) == SCHEDULES_MAX:
            raise item.error(f"a site has at most {SCHEDULES_MAX} schedules; remove one")
        schedule = _schedule(key, item, len(parts.signals), holidays)
        windows += len(schedule.windows)
        if windows > WINDOWS_MAX:
            raise item.error(f"with this one there are {windows} windows; a site has at most {WINDOWS_MAX}")
        signal = Signal(f"{PREFIX}.{schedule.name}", Unit.FLAG, MAX_AGE_MS, 0, 1)
        parts.signals.append(signal)
        named[signal.id] = Named(schedule.signal, signal, {})
        found.append(schedule)
    rtc = trust is not None and trust.one_of(CLOCKS) == "rtc"
    return Calendar(tuple(found), rtc), Names(named, parts.core)


def _schedule(key: str, item: Item, signal: int, holidays: Holidays | None) -> Schedule:
    name = name_of(key, item)
    zone = _zone(item.need("zone", "write where its clock hangs, such as Europe/Berlin"))
    written = item.need("on", "list when it is on, such as ['mon..fri 22:00 .. 06:00']")
    windows = tuple(_window(part) for part in written)
    excepted = item.get("except")
    if excepted is not None:
        excepted.one_of(("holidays",))
    if holidays is None and (excepted is not None or any(window.holidays for window in windows)):
        place = excepted or next(part for part, window in zip(written, windows, strict=True) if window.holidays)
        raise place.error("the site lists no holidays; write 'holidays: [01-01, 2026-12-25]' beside 'schedules'")
    _worth_it(windows, written.items())
    if excepted is None and len(_minutes(windows)) == WEEK_MIN:
        raise written.error("this is always on, so it says nothing; leave some time out or remove the schedule")
    item.done()
    return Schedule(name, signal, zone, windows, holidays or Holidays(), excepted is not None)


def _zone(item: Item) -> str:
    """The name of a time zone that this machine knows."""
    name = item.text()
    try:
        if ZONE.fullmatch(name):
            zoneinfo.ZoneInfo(name)
            return name
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass  # not there, not a zone, a folder of zones: for who wrote it all the same
    known = zoneinfo.available_timezones()
    if not known:
        raise item.error("this machine knows no time zones at all; install the system's package tzdata")
    raise item.error(f"there is no time zone '{name}'{nearest(name, known)}")


def _window(item: Item) -> Window:
    """``mon..fri 22:00 .. 06:00``."""
    match = SHAPE.fullmatch(item.text().strip())
    if match is None:
        raise item.error(f"'{item.text()}' is no window; {EXAMPLE}")
    days, holidays = _days(match[1], item)
    begin_min, end_min = _minute(match[2], match[3], item), _minute(match[4], match[5], item)
    if begin_min == DAY_MIN:
        raise item.error("a day's first minute is 00:00; begin the window there, on the next day")
    if begin_min == end_min:
        raise item.error("this window is empty; for a whole day write '00:00 .. 24:00'")
    return Window(days, holidays, begin_min, end_min if end_min > begin_min else end_min + DAY_MIN)


def _days(text: str, item: Item) -> tuple[frozenset[int], bool]:
    """``sat sun``, ``mon..fri``, ``fri..mon``, ``sun holidays``: weekdays, and whether holidays are meant, too."""
    days: set[int] = set()
    holidays = False
    for word in text.split():
        span = SPAN.fullmatch(word)
        ends = span.groups() if span else (word, word)
        if word == "holidays" and not holidays:
            holidays = True
            continue
        if not set(ends) <= set(DAYS):
            raise item.error(f"'{word}' is no day{nearest(word, (*DAYS, 'holidays'))}; {EXAMPLE}")
        first, last = DAYS.index(ends[0]), DAYS.index(ends[1])
        more = {(first + i) % 7 for i in range((last - first) % 7 + 1)}
        if days & more:
            raise item.error(f"{DAYS[min(days & more)]} stands here twice; write each day once")
        days |= more
    return frozenset(days), holidays


def _minute(hours: str, minutes: str, item: Item) -> int:
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or minute > DAY_MIN:
        raise item.error(f"'{hours}:{minutes}' is no time of a day; write 00:00 to 24:00")
    return minute


def _minutes(windows: Sequence[Window]) -> set[int]:
    return {minute for window in windows for minute in window.minutes()}


def _worth_it(windows: Sequence[Window], items: Sequence[Item]) -> None:
    """Complain about a window that adds nothing to the others; on holidays each may be alone."""
    for window, item in zip(windows, items, strict=True):
        others = [other for other in windows if other is not window]
        if window in others or (not window.holidays and set(window.minutes()) <= _minutes(others)):
            raise item.error(f"'{item.text()}' is covered by the other windows; remove it, or correct its times")


def _holidays(item: Item) -> Holidays:
    """``2026-12-25`` for one year, ``12-25`` for every year."""
    dates: set[date] = set()
    yearly: set[tuple[int, int]] = set()
    for part in item:
        match = DATE.fullmatch(part.text())
        try:
            if match is None:
                raise ValueError
            day = date(int(match[1] or 2000), int(match[2]), int(match[3]))  # 2000 has a 29th of February
        except ValueError:
            raise part.error(f"'{part.text()}' is no date; write 2026-12-25, or 12-25 for every year") from None
        if day in dates if match[1] else (day.month, day.day) in yearly:
            raise part.error(f"{part.text()} stands here twice; remove one")
        dates |= {day} if match[1] else set()
        yearly |= set() if match[1] else {(day.month, day.day)}
        if len(dates) + len(yearly) > HOLIDAYS_MAX:
            raise part.error(f"at most {HOLIDAYS_MAX} holidays; leave out those of past years")
    return Holidays(frozenset(dates), frozenset(yearly))
