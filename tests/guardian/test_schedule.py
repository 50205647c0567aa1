"""Schedules as signals: membership at every instant, clocks that jump, clocks that nobody should believe, no RTC.

The independent computation: the C library's own local time (another reader of the zone files), walked through step by
step, on a clock that is never put back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_toys import NOW_MS, Wall, at, calendar

from supervisor.guardian import schedule as schedule_module
from supervisor.guardian.schedule import (
    BACK_MS,
    DRIFT_MS,
    FOREVER_MS,
    HOLDOVER_MS,
    RELEASED_MS,
    SAY_MS,
    Clock,
    Schedules,
    Trust,
    instant,
)
from supervisor.kernel.signal import Quality, Sample
from supervisor.loader.schedules import Calendar, Holidays, Schedule, Window

ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/St_Johns", "Asia/Kathmandu",
    "Pacific/Apia", "America/Havana", "Pacific/Kiritimati", "Asia/Beirut", "UTC",
)  # fmt: skip
NIGHT = ("mon..fri 22:00 .. 06:00", "sat sun 00:00 .. 24:00")


def value(about: Calendar, utc_ms: int) -> int | None:
    """What is said by one that has just started, with a clock that is right."""
    (sample,) = Schedules(about, Wall(utc_ms)).samples(NOW_MS)
    assert sample.quality is Quality.GOOD
    return sample.value


# ---- membership ----------------------------------------------------------------------------------------------------
@contextmanager
def living_in(zone: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def walked(
    windows: list[Window], holidays: Holidays, excepted: bool, zone: str, from_s: int, to_s: int, by_s: int
) -> list[bool]:
    """Membership at each step, by brute force: the latest time that a clock of the C library has shown so far lies in
    a window that has begun on its day. It is looked at every minute: what it shows before it is put back counts."""
    found, shown = [], (0, 0)
    with living_in(zone):
        for at_s in range(from_s - 3 * 86_400, to_s, 60):
            local = time.localtime(at_s)
            day = date(local.tm_year, local.tm_mon, local.tm_mday).toordinal()
            shown = max(shown, (day, local.tm_hour * 60 + local.tm_min))
            if at_s >= from_s and (at_s - from_s) % by_s == 0:
                found.append(any(_inside(w, holidays, excepted, *shown) for w in windows))
    return found


def _inside(window: Window, holidays: Holidays, excepted: bool, day: int, minute: int) -> bool:
    for began, length in ((day, minute), (day - 1, minute + 1440)):
        on = date.fromordinal(began)
        off = on in holidays and excepted
        begins = (on in holidays and window.holidays) or (on.weekday() in window.days and not off)
        if begins and window.begin_min <= length < window.end_min:
            return True
    return False


@st.composite
def windows(draw: st.DrawFn) -> Window:
    begin = draw(st.one_of(st.integers(0, 1439), st.sampled_from((0, 60, 120, 135, 150, 165, 180, 1380))))
    end = draw(st.one_of(st.integers(1, 1440), st.sampled_from((1440, 60, 120, 150, 165, 180, 1380))))
    days = draw(st.frozensets(st.integers(0, 6), max_size=7))
    return Window(days, draw(st.booleans()), begin, end if end > begin else end + 1440)


CHANGES = {  # days around which each zone puts its clocks forward and back
    "Europe/Berlin": ("2027-03-28", "2027-10-31"), "America/New_York": ("2027-03-14", "2027-11-07"),
    "Australia/Lord_Howe": ("2027-10-03", "2027-04-04"), "Africa/Cairo": ("2027-04-30", "2027-10-29"),
    "America/St_Johns": ("2006-04-02", "2006-10-29"), "Pacific/Apia": ("2011-12-30", "2011-12-31"),
    "America/Havana": ("2027-03-14", "2027-11-07"), "Asia/Beirut": ("2027-03-28", "2027-10-31"),
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.lists(windows(), min_size=1, max_size=4), st.booleans(), st.data())
def test_the_flag_equals_brute_force_membership_at_any_instant(
    zone: str, some: list[Window], excepted: bool, data: st.DataObject
) -> None:
    day = date.fromisoformat(data.draw(st.sampled_from(CHANGES.get(zone, ("2026-12-24", "2028-02-28")))))
    begin_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) - 86_400
    holidays = Holidays(frozenset({day}), frozenset({(day.month, min(day.day + 1, 28))}))
    found = walked(some, holidays, excepted, zone, begin_s, begin_s + 3 * 86_400, 900)
    about = Schedule("x", 0, zone, tuple(some), holidays, excepted)
    for number, expected in enumerate(found):
        at_s = begin_s + number * 900
        stretches = schedule_module.stretches(about, ZoneInfo(zone), at_s // 86_400)
        assert any(a <= at_s < b for a, b in stretches) == expected, datetime.fromtimestamp(at_s, ZoneInfo(zone))


@pytest.mark.parametrize("zone", ZONES)
def test_a_speaker_that_lives_through_a_clock_change_says_what_one_says_that_has_just_started(zone: str) -> None:
    """Every quarter of an hour for four days, and a second before and after each edge."""
    for day in CHANGES.get(zone, ("2027-03-28",)):
        begin_ms = at(max(day, "2026-11-05")) - 86_400_000
        about = calendar(*NIGHT, "tue 02:15 .. 02:45", zone=zone)
        wall = Wall(begin_ms)
        living, now_ms, last = Schedules(about, wall), NOW_MS, None
        for quarter in range(4 * 96):
            for wall.now_ms in (begin_ms + quarter * 900_000 - 1_000, begin_ms + quarter * 900_000):
                now_ms += SAY_MS
                (sample,) = living.samples(now_ms)
                assert sample.value == value(about, wall.now_ms)
                last = sample.value
        assert last is not None


@pytest.mark.parametrize(
    ("zone", "shown", "expected"),
    [
        ("Europe/Berlin", "2027-03-28T02:30", "2027-03-28T01:00"),  # left out: the moment of the jump
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"),  # twice: the first time
        ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00"),
        ("America/New_York", "2027-03-14T02:00", "2027-03-14T07:00"),
        ("America/New_York", "2026-11-01T01:59", "2026-11-01T05:59"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30"),  # half an hour of daylight saving
        ("Africa/Cairo", "2027-04-30T00:00", "2027-04-29T22:00"),  # the day begins at one o'clock
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00"),  # a whole day that never was
        ("Asia/Kathmandu", "2027-01-01T00:00", "2026-12-31T18:15"),
    ],
)
def test_a_time_of_day_is_the_instant_that_a_table_of_clock_changes_says(zone: str, shown: str, expected: str) -> None:
    clock = datetime.fromisoformat(shown)
    found = instant(clock.date(), clock.hour * 60 + clock.minute, ZoneInfo(zone))
    assert found * 1000 == at(expected)


def test_a_window_that_the_clock_jumps_over_does_not_happen_on_that_day_and_does_on_the_next() -> None:
    about = calendar("mon..sun 02:15 .. 02:45")
    said = {value(about, at("2027-03-28T00:00") + minute * 60_000) for minute in range(240)}
    assert said == {0}
    assert value(about, at("2027-03-29T02:30", "Europe/Berlin")) == 1


def test_a_window_in_the_hour_that_is_shown_twice_happens_once() -> None:
    about = calendar("mon..sun 02:00 .. 02:30")
    said = [value(about, at("2026-11-01T05:00") + quarter * 900_000) for quarter in range(12)]
    assert said == [0] * 12
    new_york = calendar("mon..sun 01:00 .. 01:30", zone="America/New_York")
    said = [value(new_york, at("2026-11-01T04:45") + quarter * 900_000) for quarter in range(8)]
    assert said == [0, 1, 1, 0, 0, 0, 0, 0]


def test_windows_that_follow_each_other_share_the_whole_day_when_clocks_change() -> None:
    """Never both, never none: what is switched over at 02:00 is switched over once."""
    before, after = calendar("mon..sun 00:00 .. 02:00"), calendar("mon..sun 02:00 .. 24:00")
    for day in ("2027-03-28", "2027-10-31"):
        for minute in range(0, 26 * 60, 5):
            utc_ms = at(day) - 2 * 3_600_000 + minute * 60_000
            assert [value(before, utc_ms), value(after, utc_ms)].count(1) == 1


def test_on_a_holiday_no_window_begins_but_those_that_name_it() -> None:
    free = Holidays(frozenset({date(2026, 12, 25)}))
    about = calendar("mon..fri 22:00 .. 06:00", holidays=free, excepted=True)
    said = {
        hour: value(about, at(f"2026-12-{hour}:00", "Europe/Berlin")) for hour in ("24T23", "25T05", "25T23", "26T05")
    }
    assert said == {"24T23": 1, "25T05": 1, "25T23": 0, "26T05": 0}
    about = calendar("mon..fri 22:00 .. 06:00", "holidays 00:00 .. 24:00", holidays=free, excepted=True)
    assert [value(about, at(f"2026-12-25T{hour}", "Europe/Berlin")) for hour in ("12:00", "23:59")] == [1, 1]


# ---- when it is said -----------------------------------------------------------------------------------------------
def test_it_is_said_once_a_second_and_in_the_very_cycle_of_an_edge() -> None:
    wall = Wall(at("2026-12-02T21:59:59", "Europe/Berlin"))
    speaker = Schedules(calendar(*NIGHT), wall)
    said = []
    for cycle in range(60):
        if samples := speaker.samples(NOW_MS + cycle * 50):
            said.append((cycle * 50, samples[0].value))
        wall.now_ms += 50
    assert said == [(0, 0), (1_000, 1), (2_000, 1)]
    wall.now_ms = at("2026-12-03T05:59:59.600", "Europe/Berlin")
    now_ms = NOW_MS + 10_000
    assert [s.value for s in speaker.samples(now_ms)] == [1]
    wall.now_ms += 400
    assert [s.value for s in speaker.samples(now_ms + 400)] == [0], "not a second later: now"


def test_a_site_without_schedules_says_nothing_and_asks_no_clock() -> None:
    class Never(Wall):
        def utc_ms(self) -> int:
            raise AssertionError("nobody needs to know")

    assert Schedules(Calendar(), Never()).samples(NOW_MS) == ()


# ---- clocks that jump ----------------------------------------------------------------------------------------------
def test_a_leap_second_or_a_small_step_back_at_an_edge_does_not_flicker() -> None:
    edge_ms = at("2026-12-02T22:00", "Europe/Berlin")
    wall = Wall(edge_ms + 300)
    speaker = Schedules(calendar(*NIGHT), wall)
    assert speaker.samples(NOW_MS)[0].value == 1
    values = set()
    for cycle in range(40):
        wall.now_ms = edge_ms - 700 + cycle * 50
        values |= {sample.value for sample in speaker.samples(NOW_MS + cycle * 50)}
    assert values == {1}


def test_a_larger_step_back_counts_in_the_cycle_in_which_it_happens() -> None:
    wall = Wall(at("2026-12-02T22:00:10", "Europe/Berlin"))
    speaker = Schedules(calendar(*NIGHT), wall)
    assert speaker.samples(NOW_MS)[0].value == 1
    wall.now_ms -= 10_000 + BACK_MS
    assert [sample.value for sample in speaker.samples(NOW_MS + 50)] == [0]


@given(st.lists(st.tuples(st.integers(-90 * 86_400_000, 90 * 86_400_000), st.integers(50, 3_000)), max_size=12))
@settings(max_examples=40, deadline=None)
def test_whatever_the_wall_clock_does_the_flag_is_that_of_the_time_it_shows(jumps: list[tuple[int, int]]) -> None:
    about = calendar(*NIGHT)
    wall = Wall(at("2032-06-01T12:00"))  # twelve jumps of 90 days never lead below the date of this program
    speaker, now_ms, held_ms = Schedules(about, wall), NOW_MS, 0
    for jump_ms, passed_ms in jumps:
        wall.now_ms += jump_ms + passed_ms
        now_ms += passed_ms
        held_ms = held_ms if 0 <= held_ms - wall.now_ms <= BACK_MS else wall.now_ms
        for sample in speaker.samples(now_ms):
            assert sample == Sample(7, value(about, held_ms), now_ms, Quality.GOOD)


# ---- clocks that nobody should believe -----------------------------------------------------------------------------
def test_without_a_synchronised_clock_the_flag_is_not_known_and_with_one_it_is() -> None:
    wall = Wall(at("2026-12-02T23:00"), synchronised=False)
    speaker = Schedules(calendar(*NIGHT), wall)
    assert [(s.value, s.quality) for s in speaker.samples(NOW_MS)] == [(None, Quality.INVALID)]
    wall.fine = True
    wall.now_ms += 1_000
    assert [(s.value, s.quality) for s in speaker.samples(NOW_MS + 1_000)] == [(1, Quality.GOOD)]


def test_a_site_that_trusts_its_own_clock_believes_it_at_once() -> None:
    wall = Wall(at("2026-12-02T23:00"), synchronised=False)
    assert Schedules(calendar(*NIGHT, rtc=True), wall).samples(NOW_MS)[0].value == 1


@pytest.mark.parametrize("utc_ms", [0, -5, RELEASED_MS - 1, FOREVER_MS, 2**62, at("1970-01-01"), at("2000-01-01")])
@pytest.mark.parametrize(("synchronised", "rtc"), [(True, False), (False, True), (True, True)])
def test_no_time_before_this_program_or_ages_after_it_is_ever_trusted(
    utc_ms: int, synchronised: bool, rtc: bool
) -> None:
    speaker = Schedules(calendar(*NIGHT, rtc=rtc), Wall(utc_ms, synchronised))
    assert [(s.value, s.quality) for s in speaker.samples(NOW_MS)] == [(None, Quality.INVALID)]
    assert [s.quality for s in speaker.samples(NOW_MS + SAY_MS)] == [Quality.INVALID], "said again: it is not forgotten"


def test_what_was_synchronised_is_trusted_while_nobody_sets_it_and_not_for_ever() -> None:
    trust, utc_ms = Trust(rtc=False), at("2027-01-01")
    assert trust.look(utc_ms, 1_000, True)
    assert trust.look(utc_ms + 3_600_000, 3_601_000, False), "the network is gone, the clock runs on"
    assert trust.look(utc_ms + HOLDOVER_MS + DRIFT_MS, 1_000 + HOLDOVER_MS, False)
    assert not trust.look(utc_ms + HOLDOVER_MS + 1, 1_001 + HOLDOVER_MS, False)
    assert not trust.look(utc_ms + 2_000, 3_000, False), "trust that is lost does not come back by itself"
    assert trust.look(utc_ms, 1_000, True)


@pytest.mark.parametrize("step_ms", [DRIFT_MS + 1, -DRIFT_MS - 1, 86_400_000])
def test_a_clock_that_somebody_has_set_is_trusted_again_only_when_it_is_synchronised(step_ms: int) -> None:
    trust, utc_ms = Trust(rtc=False), at("2027-01-01")
    assert trust.look(utc_ms, 1_000, True)
    assert not trust.look(utc_ms + step_ms, 1_000, False)
    assert not trust.look(utc_ms, 1_000, False)
    assert trust.look(utc_ms + step_ms, 1_000, True)


def test_the_systems_own_clock_answers() -> None:
    """Whether it is synchronised is its own affair; that the call works is ours."""
    clock = Clock()
    assert abs(clock.utc_ms() - time.time_ns() // 1_000_000) < 60_000
    assert clock.synchronised() in (True, False)


# ---- what it costs -------------------------------------------------------------------------------------------------
def test_a_day_of_flags_is_found_again_in_less_than_a_millisecond_or_so() -> None:
    """Once a day the stretches are found anew, in the loop: fifty windows must not cost a cycle its time. Counted in
    conversions, not in time: four days, two ends a window, three conversions each."""
    about = calendar(*(f"mon..sun {hour:02}:00 .. {hour:02}:{minute:02}" for hour in range(24) for minute in (20, 40)))
    found = schedule_module.stretches(about.schedules[0], ZoneInfo("Europe/Berlin"), at("2027-03-28") // 86_400_000)
    assert len(found) <= 4 * 48
    assert timedelta(seconds=max(b for _, b in found) - min(a for a, _ in found)) < timedelta(days=7)
