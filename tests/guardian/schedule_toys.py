"""What the tests of schedules share: a wall clock in somebody's hand, and calendars as documents write them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from supervisor.guardian.schedule import Clock
from supervisor.loader.documents import parse
from supervisor.loader.schedules import Calendar, Holidays, Schedule, _window

NOW_MS = 50_000


class Wall(Clock):
    """A wall clock in somebody's hand."""

    def __init__(self, utc_ms: int = 0, synchronised: bool = True) -> None:
        self.now_ms, self.fine = utc_ms, synchronised

    def utc_ms(self) -> int:
        return self.now_ms

    def synchronised(self) -> bool:
        return self.fine


def at(text: str, zone: str = "UTC") -> int:
    """An instant in ms; ``text`` as a clock in ``zone`` shows it (the first time)."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def calendar(
    *windows: str,
    zone: str = "Europe/Berlin",
    holidays: Holidays | None = None,
    excepted: bool = False,
    rtc: bool = False,
) -> Calendar:
    read = tuple(_window(parse(f'"{window}"', "test")) for window in windows)
    return Calendar((Schedule("night", 7, zone, read, holidays or Holidays(), excepted),), rtc)
