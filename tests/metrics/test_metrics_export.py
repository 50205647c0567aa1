"""``powerwarden export``: the journal of a real house in a real InfluxDB, and what the lines promise without one."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from metrics_peers import ROOT, InfluxDb
from running_house import RunningHouse

from supervisor.export.line import line
from supervisor.export.main import run

LINE = re.compile(r"(?P<of>\w+)(?P<tags>(,\w+=(\\.|[^ ,])+)*) (?P<fields>\w+=.+) (?P<at>\d{19})")
VALUE = re.compile(r"(?:^|,)value=([^,]+)")


@pytest.fixture(scope="module")
def journal(house: RunningHouse, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the running house has written until now; its last segment is unfinished."""
    asked = "powerwarden_decision,identity=optimiser,target=relays.coil_2"
    house.until(lambda: any(asked in each for each in exported(house.dir / "journal")), "the refusal is on disk")
    copy = tmp_path_factory.mktemp("export") / "journal"
    shutil.copytree(house.dir / "journal", copy)
    return copy


def exported(place: Path, since: str | None = None, every: str = "10s", now: datetime | None = None) -> list[str]:
    out = io.StringIO()
    assert run(place, since, every, out, now) == 0
    return out.getvalue().splitlines()


def tag(each: str, name: str) -> str:
    found = re.search(rf",{name}=([^ ,]+)", each)
    return found[1] if found else ""


def at_ns(each: str) -> int:
    return int(each.rpartition(" ")[2])


def readings(lines: list[str]) -> list[str]:
    return [each for each in lines if each.startswith("powerwarden_reading,")]


def others(lines: list[str]) -> list[str]:
    return [each for each in lines if not each.startswith("powerwarden_reading,")]


# ---- a real database -----------------------------------------------------------------------------------------------
def test_every_point_comes_back_from_influxdb_with_its_value(journal: Path, influx: InfluxDb) -> None:
    command = [sys.executable, "-m", "supervisor.cli", "export", str(journal), "--every", "0s"]
    said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert said.stderr == "", "progress is for terminals"
    lines = said.stdout.splitlines()
    influx.write(said.stdout)
    for measurement in ("reading", "output", "mode", "rule", "decision"):
        mine = [each for each in lines if re.match(rf"powerwarden_{measurement}[ ,]", each)]
        assert len(influx.ask(f"SELECT * FROM powerwarden_{measurement}")) == len(mine) > 0, measurement
    back = {(row["time"], row["signal"], row["value"]) for row in influx.ask("SELECT * FROM powerwarden_reading")}
    sent = {
        (at_ns(e), tag(e, "signal"), float(v[1]) if (v := VALUE.search(e.split(" ")[1])) else None)
        for e in readings(lines)
    }
    assert back == sent
    (clip,) = influx.ask("SELECT value, asked, \"rule\" FROM powerwarden_decision WHERE verdict = 'clipped'")
    assert (clip["value"], clip["asked"], clip["rule"]) == (16, 40, "rating")
    (last,) = influx.ask("SELECT last(mode) AS mode FROM powerwarden_mode")
    assert last["mode"] == "normal"


# ---- the lines -----------------------------------------------------------------------------------------------------
def test_every_line_is_one_of_the_line_protocol(journal: Path) -> None:
    wrong = [each for each in exported(journal) if not LINE.fullmatch(each)]
    assert wrong == []


def test_names_and_texts_are_escaped_and_a_line_stays_a_line() -> None:
    told = line("m", {"a": "x, y=z", "none": ""}, {"t": 'he said "no\\"\nand left', "n": 1, "f": 0.1, "b": True}, 5)
    assert told == r'm,a=x\,\ y\=z t="he said \"no\\\" and left",n=1i,f=0.1,b=true 5'


def test_times_are_those_of_the_wall_clock(journal: Path) -> None:
    times = [datetime.fromtimestamp(at_ns(each) / 1e9, UTC) for each in exported(journal)]
    assert all(timedelta(0) <= datetime.now(UTC) - at < timedelta(minutes=10) for at in times)


def test_no_two_points_share_measurement_tags_and_time_or_one_would_be_lost(journal: Path) -> None:
    lines = exported(journal, every="0s")
    places = [(LINE.fullmatch(each)["of"], LINE.fullmatch(each)["tags"], at_ns(each)) for each in lines]  # type: ignore[index]
    assert len(set(places)) == len(places)


def test_every_thins_readings_and_nothing_else(journal: Path) -> None:
    thin, whole = exported(journal, every="1s"), exported(journal, every="0s")
    assert len(readings(thin)) < len(readings(whole))
    assert others(thin) == others(whole)
    last: dict[str, tuple[int, str]] = {}
    for each in readings(thin):
        signal, quality = tag(each, "signal"), each.rpartition("quality=")[2].split(" ")[0]
        before, was = last.get(signal, (0, quality))
        steps = tag(each, "unit") in ("flag", "code")
        assert at_ns(each) - before >= 1e9 or quality != was or steps, each
        last[signal] = (at_ns(each), quality)


def test_a_switch_that_moved_is_told_however_seldom_readings_are(journal: Path) -> None:
    moved = [each for each in exported(journal, every="5min") if tag(each, "signal") == "relays.contact_1"]
    told = {VALUE.search(each.split(" ")[1]) for each in moved if 'quality="good"' in each}
    assert len({found[1] for found in told if found}) >= 2


def test_a_good_reading_has_its_value_also_where_it_repeats_itself(journal: Path) -> None:
    good = [each for each in readings(exported(journal, every="0s")) if 'quality="good"' in each]
    assert [each for each in good if not VALUE.search(each.split(" ")[1])] == []
    assert len(good) > 100
    assert not any('quality="missing"' in each for each in exported(journal)), "what came was not missing"


def test_since_leaves_out_what_was_before(journal: Path) -> None:
    whole = exported(journal)
    middle = sorted(map(at_ns, whole))[len(whole) // 2]
    now = datetime.fromtimestamp(middle / 1e9, UTC) + timedelta(hours=1)
    part = exported(journal, since="1h", now=now)
    assert 0 < len(part) < len(whole)
    assert min(map(at_ns, part)) >= middle // 1_000_000 * 1_000_000


def test_signs_of_life_are_no_decisions(journal: Path) -> None:
    assert not any("verb=heartbeat" in each for each in exported(journal))


# ---- trouble -------------------------------------------------------------------------------------------------------
def test_an_altered_journal_ends_the_export_with_its_place(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "journal"
    shutil.copytree(journal, broken)
    (segment,) = broken.iterdir()
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 0xFF
    segment.write_bytes(data)
    assert run(broken, None, "10s", io.StringIO()) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"powerwarden export: {segment}:")
    assert "put the file back from a copy" in said


@pytest.mark.parametrize(("since", "every"), [("yesterday", "10s"), (None, "often"), ("0d", "10s"), (None, "-1s")])
def test_a_time_that_is_none_is_said_with_what_to_write(
    since: str | None, every: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, since, every, io.StringIO()) == 2
    assert "write" in capsys.readouterr().err


def test_where_no_journal_is_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "nothing", None, "10s", io.StringIO()) == 1
    assert "there is no such journal" in capsys.readouterr().err
