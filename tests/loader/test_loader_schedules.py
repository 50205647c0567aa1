"""Schedules and holidays as people write them: what they become, and every slip with its line and its way out."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loader_pages import boxes
from loader_slips import HERE, HOUSE, LIMITS, ROOT, SITE, Slip, copy_of_example, refused, slip

from supervisor.kernel.plan import Plan
from supervisor.kernel.signal import Unit
from supervisor.loader.documents import DocumentError, parse
from supervisor.loader.load import Loaded, load
from supervisor.loader.schedules import MAX_AGE_MS, WEEK_MIN, Window, _window

GOOD = """
trust_clock: rtc
holidays: [01-01, 2026-12-25, 02-29]
schedules:
  night:
    zone: Europe/Berlin
    on: ["mon..fri 22:00 .. 06:00", "sat sun 00:00 .. 24:00"]
    except: holidays
  noon: {zone: Asia/Kathmandu, on: ["fri..mon 12:00..13:30", "holidays 12:00 .. 13:00"]}
"""
QUIET = """
limits:
  quiet:
    when: {all of: [schedule.night is on, schedule.noon is off]}
    hold: 0 s
    then: {wallbox.current: at most 6 A}
    why: the neighbours sleep above it
interlocks:
  by_day:
    contactor: relays.coil_1
    only_while: schedule.night is off
    why: the pump wakes everybody
"""


def house(folder: Path, schedules: str = GOOD, policy: str = QUIET) -> Path:
    """A copy of the example site with these schedules, and with a policy that uses them."""
    site = copy_of_example(folder)
    with (site / SITE).open("a", encoding="utf-8") as file:
        file.write(schedules)
    if policy:
        (site / "30-quiet.yaml").write_text(policy, "utf-8")
    return site


def loaded(folder: Path, schedules: str = GOOD, policy: str = QUIET) -> Loaded:
    return load(house(folder, schedules, policy))


# ---- what they become ----------------------------------------------------------------------------------------------
def test_each_schedule_is_a_flag_signal_after_those_of_all_devices_with_a_maximum_age(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    *devices, night, noon = found.plan.signals
    assert all(not signal.id.startswith("schedule.") for signal in devices)
    assert [(s.id, s.unit, s.max_age_ms, s.lo, s.hi) for s in (night, noon)] == [
        ("schedule.night", Unit.FLAG, MAX_AGE_MS, 0, 1),
        ("schedule.noon", Unit.FLAG, MAX_AGE_MS, 0, 1),
    ]
    assert [schedule.signal for schedule in found.calendar.schedules] == [len(devices), len(devices) + 1]
    assert found.calendar.trust_rtc


def test_their_windows_days_and_holidays_are_those_that_were_written(tmp_path: Path) -> None:
    night, noon = loaded(tmp_path).calendar.schedules
    assert night.windows == (
        Window(frozenset(range(5)), False, 22 * 60, 30 * 60),
        Window(frozenset({5, 6}), False, 0, 24 * 60),
    )
    assert noon.windows[0] == Window(frozenset({4, 5, 6, 0}), False, 12 * 60, 13 * 60 + 30)
    assert noon.windows[1] == Window(frozenset(), True, 12 * 60, 13 * 60)
    assert (night.excepted, noon.excepted) == (True, False)
    days = {"2027-01-01": True, "2026-12-25": True, "2027-12-25": False, "2028-02-29": True, "2027-03-01": False}
    assert {day: date.fromisoformat(day) in night.holidays for day in days} == days


def test_limits_and_interlocks_ask_them_and_wait_for_their_answers(tmp_path: Path) -> None:
    plan: Plan = loaded(tmp_path).plan
    night = len(plan.signals) - 2
    (rule,) = [rule for rule in plan.rules if rule.id == "limits.quiet"]
    assert set(rule.question.signals()) == {night, night + 1}
    (need,) = [need for need in plan.needs if need.id == "interlocks.by_day"]
    assert need.question is not None
    assert need.question.signals() == (night,)
    assert rule.question in plan.watched[night]
    assert (night, MAX_AGE_MS) in {(source.signal, source.max_age_ms) for source in plan.ages}


def test_a_site_without_schedules_has_none_and_trusts_no_clock(tmp_path: Path) -> None:
    found = load(copy_of_example(tmp_path))
    assert found.calendar.schedules == ()
    assert not found.calendar.trust_rtc


def test_the_digest_knows_them(tmp_path: Path) -> None:
    digests = set()
    for number, zone in enumerate(("Europe/Berlin", "Europe/Paris")):
        folder = tmp_path / str(number)
        folder.mkdir()
        digests.add(loaded(folder, GOOD.replace("Europe/Berlin", zone)).plan.digest)
    assert len(digests) == 2


# ---- slips ---------------------------------------------------------------------------------------------------------
ON = 'on: ["mon..fri 22:00 .. 06:00", "sat sun 00:00 .. 24:00"]'
DAYS = "[01-01, 2026-12-25, 02-29]"


def window(name: str, text: str, *says: str) -> object:
    return slip(name, SITE, ON, f'on: ["{text}"]', *says)


SLIPS = [
    slip(
        "no zone",
        SITE,
        "    zone: Europe/Berlin\n",
        "",
        "'zone' is missing; write where its clock hangs",
        at="  night:",
    ),
    slip(
        "an unknown zone",
        SITE,
        "Europe/Berlin",
        "Europe/Berln",
        "no time zone 'Europe/Berln'; did you mean 'Europe/Berlin'",
    ),
    slip("a folder of zones", SITE, "Europe/Berlin", "Europe", "there is no time zone 'Europe'"),
    slip("a zone by abbreviation", SITE, "Europe/Berlin", "../../etc/passwd", "there is no time zone"),
    slip("a zone that is a path", SITE, "Europe/Berlin", "/etc/localtime", "there is no time zone"),
    slip("no times", SITE, f"    {ON}\n", "", "'on' is missing; list when it is on", at="  night:"),
    slip("an empty list", SITE, ON, "on: []", "the list is empty"),
    window("an empty window", "mon 12:00 .. 12:00", "this window is empty", "00:00 .. 24:00"),
    window("no days", "22:00 .. 06:00", "is no window", "mon..fri 22:00 .. 06:00"),
    window("one time", "mon 22:00", "is no window"),
    window("an hour without minutes", "mon 22 .. 6", "is no window"),
    window("an hour that is none", "mon 22:00 .. 25:00", "'25:00' is no time of a day"),
    window("a minute that is none", "mon 22:60 .. 23:00", "'22:60' is no time of a day"),
    window("after midnight", "mon 22:00 .. 24:30", "'24:30' is no time of a day"),
    window("it begins at 24:00", "mon 24:00 .. 06:00", "first minute is 00:00"),
    window("a day by its long name", "monday 22:00 .. 06:00", "'monday' is no day; did you mean 'mon'"),
    window("a range of one and a half", "mon..x 22:00 .. 06:00", "'mon..x' is no day"),
    window("a day twice", "mon..wed tue 22:00 .. 06:00", "tue stands here twice"),
    slip(
        "always on",
        SITE,
        'on: ["fri..mon 12:00..13:30", "holidays 12:00 .. 13:00"]',
        'on: ["mon..sun 00:00 .. 24:00"]',
        "this is always on",
    ),
    slip(
        "covered by another",
        SITE,
        ON,
        'on: ["mon..fri 22:00 .. 06:00", "tue 23:00 .. 05:00"]',
        "'tue 23:00 .. 05:00' is covered by the other windows",
    ),
    slip(
        "covered by two together",
        SITE,
        ON,
        'on: ["mon 10:00 .. 12:00", "mon 12:00 .. 14:00", "mon 11:00 .. 13:00"]',
        "is covered by the other",
    ),
    slip("twice the same", SITE, ON, 'on: ["mon 10:00 .. 12:00", "mon 10:00 .. 12:00"]', "is covered by the other"),
    slip("except something else", SITE, "except: holidays", "except: birthdays", "not one of holidays"),
    slip(
        "an unknown key",
        SITE,
        "except: holidays",
        "excpt: holidays",
        "nobody knows 'excpt' here; did you mean 'except'",
    ),
    slip("no holidays for except", SITE, f"holidays: {DAYS}\n", "", "the site lists no holidays", at="    except:"),
    slip("a date that is none", SITE, DAYS, "[2026-02-30]", "'2026-02-30' is no date; write 2026-12-25, or 12-25"),
    slip("a date the other way round", SITE, DAYS, "[25.12.2026]", "'25.12.2026' is no date"),
    slip("a date of every year that is none", SITE, DAYS, "[13-01]", "'13-01' is no date"),
    slip("the year nought", SITE, DAYS, "[0000-01-01]", "is no date"),
    slip("a holiday twice", SITE, DAYS, "[2026-12-25, 12-25, 2026-12-25]", "2026-12-25 stands here twice"),
    slip("a yearly holiday twice", SITE, DAYS, "[12-25, 12-25]", "12-25 stands here twice"),
    slip("an unknown trust", SITE, "trust_clock: rtc", "trust_clock: yes", "not one of synchronised, rtc"),
    slip("a name that is none", SITE, "  noon:", "  High Noon:", "'High Noon' is no name"),
    slip(
        "a schedule that is not there",
        "30-quiet.yaml",
        "schedule.noon is off",
        "schedule.nun is off",
        "no signal 'schedule.nun'; did you mean 'schedule.noon'",
    ),
    slip(
        "a word that no flag has",
        "30-quiet.yaml",
        "schedule.noon is off",
        "schedule.noon is over",
        "not one of on, off",
    ),
    slip(
        "a schedule is no device",
        "30-quiet.yaml",
        "schedule.noon is off",
        "schedule seen",
        "there is no device 'schedule'",
    ),
]


@pytest.mark.parametrize("wrong", SLIPS)
def test_a_slip_is_refused_where_it_stands(wrong: Slip, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(wrong, house(tmp_path), capsys)


def test_a_device_cannot_be_called_schedule_beside_schedules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = house(tmp_path)
    for name in (SITE, LIMITS, HOUSE):
        text = (site / name).read_text("utf-8")
        (site / name).write_text(text.replace("relays", "schedule"), "utf-8")
    with pytest.raises(DocumentError, match="no device is called 'schedule'"):
        load(site)


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("local:\n  reset: schedule.night is on\n", "schedule.night"),
        (
            "local:\n  maintenance: {when: schedule.night is on, locks: [relays.coil_1]}\n  reset: x.y is on\n",
            "schedule",
        ),
        (
            "local:\n  hands:\n    tea:\n      when: schedule.night is on\n      set: {wallbox.current: 6 A}\n"
            "      for: 1 h\n      why: tea at eleven\n",
            "schedule.night",
        ),
    ],
    ids=["a reset", "a maintenance key", "a hand"],
)
def test_the_time_of_day_is_nobodys_hand(section: str, says: str, tmp_path: Path) -> None:
    """A clock that resets a danger latch every night would be an automatic restart (hazard H23)."""
    with pytest.raises(DocumentError, match="there is no signal") as error:
        load(house(tmp_path, GOOD + section, ""))
    assert says in str(error.value)


def test_the_time_of_day_proves_nothing_to_a_contactor(tmp_path: Path) -> None:
    site = house(tmp_path)
    text = (site / SITE).read_text("utf-8")
    text = text.replace("coil_1: {breaks_load: 0 s}", "coil_1: {zero_flow: schedule.night is on}  " + HERE)
    (site / SITE).write_text(text, "utf-8")
    with pytest.raises(DocumentError, match=r"there is no signal 'schedule\.night'"):
        load(site)


@pytest.mark.parametrize("count", [51, 30])
def test_there_are_bounds(count: int, tmp_path: Path) -> None:
    """51 schedules are too many; so are 30 of five windows each."""
    windows = ", ".join(f'"mon {hour:02}:00 .. {hour:02}:30"' for hour in range(1 if count == 51 else 5))
    many = "schedules:\n" + "".join(f"  s{n}: {{zone: UTC, on: [{windows}]}}\n" for n in range(count))
    with pytest.raises(DocumentError, match="a site has at most"):
        loaded(tmp_path, many, "")


# ---- any window ----------------------------------------------------------------------------------------------------
@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1440))
def test_a_window_covers_the_minutes_that_its_words_say(first: int, last: int, begin: int, end: int) -> None:
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    text = f"{names[first]}..{names[last]} {begin // 60:02}:{begin % 60:02} .. {end // 60:02}:{end % 60:02}"
    item = parse(f'"{text}"', "test")
    if begin == end:
        with pytest.raises(DocumentError):
            _window(item)
        return
    expected = set()
    for day in range(first, last + (1 if last >= first else 8)):
        for minute in range(begin, end if end > begin else end + 1440):
            expected.add((day * 1440 + minute) % WEEK_MIN)
    assert set(_window(item).minutes()) == expected


def test_the_boxes_of_the_page_are_a_house_that_loads(tmp_path: Path) -> None:
    site_part, policy = boxes(ROOT / "docs" / "schedules.md")
    found = loaded(tmp_path, site_part, policy)
    assert [schedule.name for schedule in found.calendar.schedules] == ["night", "midday"]
    assert date(2030, 12, 26) in found.calendar.schedules[0].holidays
