"""The report of some days: sums that can be checked by hand, in words that say whether it was done or only judged."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from replay_house import NOON, Recorded, ask

from supervisor import wire
from supervisor.guardian.budget import CAPACITY, LEAN_BELOW
from supervisor.replay.console import report


def reported(run_dir: Path, now: datetime, since: str = "1h") -> list[str]:
    said: list[str] = []
    assert report(since, run_dir, said.append, now) == 0
    return said


def part(said: list[str], title: str) -> list[str]:
    """The rows under a title."""
    start = said.index(title) + 2
    end = said.index("", start) if "" in said[start:] else len(said)
    return said[start:end]


def four_minutes(folder: Path, observe: bool = False, lean: bool = False) -> Recorded:
    """Half a minute at rest, two minutes with 10 A by the phone, then a stop; and the meter is silent for a while."""
    house = Recorded(folder / "journal", observe=observe)
    house.restless = False
    if lean:
        house.live(1_000, talkative=0)
        house.journal._writer.budget.spend(CAPACITY - LEAN_BELOW + 100_000)
        house.live(29_000, talkative=0)
    else:
        house.live(30_000, talkative=0)
    house.cycle(ask(wire.Verb.SET, house.now_ms, 10_000))
    house.live(120_000, talkative=0)
    house.cycle(ask(wire.Verb.STOP, house.now_ms))
    for n in range(3):
        house.cycle(ask(wire.Verb.SET, house.now_ms, 10_000, target="relays.coil_3", seq=n))
        house.cycle(ask(wire.Verb.HEARTBEAT, house.now_ms, who="optimiser"))
    house.live(20_000, talkative=0)
    house.moods["meter"] = "silent"
    house.live(30_000, talkative=0)
    house.moods["meter"] = "fine"
    house.live(20_000, talkative=0)
    house.close()
    return house


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    four_minutes(folder)
    return folder


END = NOON + timedelta(minutes=3, seconds=41)


def test_how_long_each_target_was_told_what_and_by_whom(day: Path) -> None:
    said = reported(day, END)
    rows = part(said, "What each target was told, and by whom")
    ten = next(row for row in rows if " 10 A " in row)
    assert ten.endswith(" lease of phone")
    assert 110 <= seconds(ten) <= 120, "what the ramp to it took is missing"
    assert any(" 0 A " in row and row.endswith("stop by phone") for row in rows)


def seconds(row: str) -> float:
    minutes = re.search(r"(\d+) min (\d+) s", row)
    if minutes:
        return int(minutes[1]) * 60 + int(minutes[2])
    only = re.search(r"([\d.]+) s", row)
    assert only is not None, row
    return float(only[1])


def test_which_rules_acted_how_often_and_how_long(day: Path) -> None:
    said = reported(day, END)
    row = next(row for row in part(said, "Rules that acted") if "limits.meter_lost" in row)
    assert "once" in row
    assert 25 <= seconds(row.partition("once")[2]) <= 33
    assert any("without the meter the main fuse cannot be watched" in line for line in said)


def test_requests_by_identity_with_the_most_frequent_reason(day: Path) -> None:
    rows = part(reported(day, END), "Requests")
    phone = next(row for row in rows if row.startswith("  phone"))
    assert "3 refused" in phone
    assert "1 granted" in phone
    assert "1 done" in phone
    assert phone.endswith("; refused by request.unit")
    assert next(row for row in rows if "optimiser" in row).split() == ["optimiser", "3", "sign", "of", "life"]


def test_the_shares_of_the_modes_add_up(day: Path) -> None:
    rows = part(reported(day, END), "The house")
    assert {row.split()[0] for row in rows} >= {"normal", "degraded"}
    assert sum(float(row.split()[1]) for row in rows) == pytest.approx(100, abs=0.5)


def test_only_the_time_that_was_asked_for_counts(day: Path) -> None:
    said = reported(day, NOON + timedelta(minutes=2), "1min")
    assert "recorded 1 min 0 s of 1 min 0 s" in said[1]
    (row,) = [row for row in said if " 10 A " in row]
    assert seconds(row) == 60


def test_a_house_that_observes_is_told_as_would_have(tmp_path: Path) -> None:
    four_minutes(tmp_path, observe=True)
    said = reported(tmp_path, END)
    assert "only observed: nothing was written to any wire" in said[1]
    assert any("would have been told" in line for line in said)
    assert "Rules that would have acted" in said
    assert any(" 10 A " in row for row in said)


def test_it_is_the_same_without_samples_and_says_so(day: Path, tmp_path: Path) -> None:
    four_minutes(tmp_path, lean=True)
    with_samples, without = reported(day, END), reported(tmp_path, END)
    assert "without samples" in without[1]
    title = "What each target was told, and by whom"
    ten = [next(row for row in part(said, title) if " 10 A " in row) for said in (with_samples, without)]
    assert ten[0] == ten[1]
    requests = [part(said, "Requests") for said in (with_samples, without)]
    assert requests[0] == requests[1]


def test_it_fits_a_hundred_columns_and_any_printer(day: Path) -> None:
    assert max(map(len, reported(day, END))) <= 100


@pytest.mark.parametrize("since", ["7", "d", "7 days", "-1d", "0d", ""])
def test_a_time_that_is_none_is_answered_with_what_to_write(day: Path, since: str) -> None:
    said: list[str] = []
    assert report(since, day, said.append, END) == 2
    assert "such as 7d" in said[0]


def test_without_a_journal_it_says_where_one_would_be(tmp_path: Path) -> None:
    said: list[str] = []
    assert report("7d", tmp_path, said.append, END) == 1
    assert len(said) == 1


def test_a_contact_that_does_not_close_stands_under_latches_once_with_how_often(tmp_path: Path) -> None:
    house = Recorded(tmp_path / "journal")
    house.restless = False
    house.live(15_000, talkative=0)
    house.plant.stuck = {0}
    house.cycle(ask(wire.Verb.SET, house.now_ms, 1, target="relays.coil_1", unit="flag"))
    house.live(20_000, talkative=0)
    house.close()
    rows = part(reported(tmp_path, NOON + timedelta(seconds=35)), "Latches")
    assert sum("relays.coil_1 failed open" in row for row in rows) == 1
    assert any(row.startswith("  still so at the end: relays.coil_1, since 2026-03-01 ") for row in rows)
