"""What a person must be able to read in the terminal, and what a terminal must never obey."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from gateway.fake_guardian import DESCRIBE, SNAPSHOT, FakeGuardian
from msgspec.structs import replace
from rich.console import Console

from supervisor import view
from supervisor.wire import Describe, Event, Role, Snapshot


def seen(describe: Describe = DESCRIBE, snapshot: Snapshot = SNAPSHOT, width: int = 140) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(view.render(describe, snapshot))
    return console.export_text()


def row(text: str, begins: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(begins))


def test_the_mode_stands_first_with_its_duration_and_that_it_is_simulated() -> None:
    first = seen().splitlines()[0]
    for words in ("example house", "degraded", "75 s", "SIMULATED"):
        assert words in first
    assert "OBSERVE ONLY" not in first
    assert "OBSERVE ONLY" in seen(replace(DESCRIBE, observe=True)).splitlines()[0]


def test_a_target_shows_output_envelope_what_binds_and_its_lease() -> None:
    wallbox = row(seen(), "wallbox.current_limit")
    for words in ("10 A", "0 A .. 13 A", "hi: main_fuse", "homeassistant", "21 s left"):
        assert words in wallbox
    battery = row(seen(), "battery.charge_power")
    assert "nothing" in battery
    assert "cell_cold" in battery


def test_readings_show_unit_age_and_doubt() -> None:
    battery = row(seen(), "battery ")
    assert "soc 70.5 % stale (9.0 s)" in battery
    assert "cell_temp ? missing" in battery
    wallbox = row(seen(), "wallbox ")
    assert "standby 3.0 s" in wallbox
    assert "power 2.3 kW suspect" in wallbox
    assert "plugged on" in wallbox
    assert "relay open 0.0 s" in row(seen(), "heater ")


def test_trips_say_whether_they_know_and_why() -> None:
    trip = row(seen(), "cell_cold")
    assert "unknown" in trip
    assert "lithium is not charged below 0 °C" in trip
    assert "no active trips" in seen(snapshot=replace(SNAPSHOT, trips=()))


def test_buses_and_the_last_eight_events() -> None:
    text = seen()
    assert "battery checksum 3" in row(text, "can0")
    assert "down no answer" in row(text, "modbus")
    assert "event number 2" in text
    assert "event number 1 " not in text


def test_a_narrow_terminal_still_shows_every_target() -> None:
    text = seen(width=80)
    for name in (info.id for info in DESCRIBE.targets):
        assert row(text, name)
    assert max(len(each.rstrip()) for each in text.splitlines()) <= 80


def test_no_name_from_the_network_moves_the_cursor() -> None:
    evil = Event(0, "decision", "\x1b[2J", "a\rb\x9b31m [red]markup[/red] \u202e")
    text = seen(snapshot=replace(SNAPSHOT, events=(evil,)))
    assert not set(text) & set("\x1b\r\x9b\u202e")
    assert "[red]markup[/red]" in text


def test_status_prints_one_picture_and_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeGuardian(tmp_path / "g.sock") as guardian:
        assert view.status(str(guardian.path), watch=False) == 0
        assert guardian.hellos.get_nowait().role is Role.VIEW
    assert "wallbox.current_limit" in capsys.readouterr().out
    assert view.status(str(guardian.path), watch=False) == 1
    assert "no guardian at" in capsys.readouterr().err


def test_a_pipe_gets_one_line_per_change_through_a_restart(tmp_path: Path) -> None:
    lines = view.lines(str(tmp_path / "g.sock"))
    assert next(lines).startswith("guardian=lost")
    with FakeGuardian(tmp_path / "g.sock") as guardian:
        first = next(lines)
        assert first.startswith("simulated mode=degraded wallbox.current_limit=10 A battery.charge_power=0 W")
        assert first.endswith("trips=cell_cold")
        guardian.snapshot = replace(SNAPSHOT, mode="normal", trips=())
        assert next(lines).endswith("trips=none")
    assert next(lines).startswith("guardian=lost")


@pytest.mark.parametrize(
    ("ms", "text"), [(300, "0.3 s"), (12_999, "12 s"), (300_000, "5 min"), (7_200_000, "2.0 h"), (0, "0.0 s")]
)
def test_durations_as_people_say_them(ms: int, text: str) -> None:
    assert view.lasting(ms) == text
