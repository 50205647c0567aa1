"""A journal comes out again to the byte: whole, segment by segment, under another hash seed, under another Python."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from replay_files import put_together, replayed, taken_apart
from replay_house import START_MS, Recorded, ask

from supervisor import wire
from supervisor.guardian import journal, scribe
from supervisor.guardian.record import Checkpoint, Head, Record, body, opened, read, sealed
from supervisor.guardian.segment import segments
from supervisor.replay.reader import Reading

ROOT = Path(__file__).resolve().parents[2]
DAY = Path(__file__).parent / "replay_day.py"
OTHER = os.environ.get("POWERWARDEN_OTHER_PYTHON", "")


def by_another(python: str, hour: Path, seed: str) -> str:
    command = [python, str(DAY), "replay", str(hour)]
    run = subprocess.run(
        command, cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_an_hour_of_the_example_house_comes_out_identical_under_another_hash_seed(hour: Path) -> None:
    said = by_another(sys.executable, hour, "4711")
    counts = [int(word) for word in said.split() if word.isdigit()]
    assert counts[0] == 2, said
    assert counts[1] > 35_900, "the relays alone speak ten times a second"
    assert counts[2] > 1_000
    assert "decisions: identical" in said


if OTHER:  # where it is not said, there is no such test: it would prove nothing

    def test_it_comes_out_identical_under_another_python(hour: Path) -> None:
        said = by_another(OTHER, hour, "7")
        assert "identical" in said
        assert f"Python {sys.version.split()[0]} " not in said


def test_any_segment_replays_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SEGMENT_MS", 15_000)
    house = Recorded(tmp_path / "journal", seed=4)
    house.live(60_000, talkative=0.1)
    house.close()
    parts = segments(tmp_path / "journal")
    assert len(parts) == 4
    for path in parts:
        code, said = replayed(path)
        assert code == 0, said
        assert said[-1].startswith("1 segments, ")
        assert said[-1].endswith("identical")
    assert replayed(tmp_path / "journal")[1][-1].startswith("4 segments, ")


def test_a_running_journal_replays_as_far_as_it_goes(tmp_path: Path) -> None:
    house = Recorded(tmp_path / "journal", seed=5)
    house.live(20_000)
    code, said = replayed(tmp_path / "journal")
    assert code == 0, said
    assert said[-1].endswith("identical")


def test_a_restart_and_a_gap_in_recording_are_no_difference(tmp_path: Path) -> None:
    for seed in (1, 2):
        house = Recorded(tmp_path / "journal", seed=seed, start_ms=START_MS * seed)
        house.live(15_000)
        house.close()
    code, said = replayed(tmp_path / "journal")
    assert (code, said[-1].split(",")[0]) == (0, "2 segments"), said


def test_every_cycle_stepped_or_only_those_that_are_due_come_to_the_same_journal(tmp_path: Path) -> None:
    for every in (False, True):
        house = Recorded(tmp_path / str(every), seed=11)
        house.every = every
        house.live(30_000)
        house.close()
        code, lines = replayed(tmp_path / str(every))
        assert code == 0, lines
    few, every_one = (told(tmp_path / name) for name in ("False", "True"))
    assert few == every_one
    assert few


def told(folder: Path) -> list[object]:
    """What happened, was decided and was said, and when."""
    (path,) = folder.iterdir()
    return [(one.t, one.e, one.d, one.o) for one in items_of(path) if isinstance(one, Record) and (one.e or one.d)]


# ---- what differs is said --------------------------------------------------------------------------------------------
def resealed(path: Path, items: list[Head | Record | Checkpoint], mark: str = "") -> Path:
    """A segment that says something else, with marks that are right: only replaying can tell."""
    text = b""
    for item in items:
        line, mark = sealed(body(item), mark)
        text += line
    return put_together(path, text)


def items(path: Path) -> list[Head | Record | Checkpoint]:
    lines = taken_apart(path)
    first = read(lines[0])
    assert isinstance(first, Head)
    mark, found = first.previous, []
    for line in lines:
        there = opened(line[:-1], mark)
        assert there is not None
        said, mark = there
        found.append(read(said))
    return found


def test_a_decision_that_comes_out_otherwise_is_told_with_cycle_and_time(minute: Path, tmp_path: Path) -> None:
    lines = items(minute)
    place, granted = next(
        (i, one) for i, one in enumerate(lines) if isinstance(one, Record) and one.d and one.d[0].verdict == "granted"
    )
    decision = msgspec.structs.replace(granted.d[0], verdict="refused")
    lines[place] = msgspec.structs.replace(granted, d=[decision, *granted.d[1:]])
    code, said = replayed(resealed(tmp_path / minute.name, lines))
    assert code == 1
    assert f":{place + 1}: cycle {granted.n}, 2026-03-01 " in said[-2]
    assert "recorded" in said[-2]
    assert "; now" in said[-2]
    assert "granted" in said[-2]
    assert said[-1].endswith("DIFFERENT")


def test_an_event_in_a_cycle_that_only_read_is_a_difference(minute: Path, tmp_path: Path) -> None:
    lines = items(minute)
    place, told = next(
        (i, one) for i, one in enumerate(lines) if i > 1 and isinstance(one, Record) and one.e and not one.q
    )
    lines[place] = msgspec.structs.replace(told, e=[], o=[], w=[], k=[])
    code, said = replayed(resealed(tmp_path / minute.name, lines))
    assert (code, f":{place + 1}: cycle {told.n}," in said[-2]) == (1, True), said
    assert "nothing of the kind" in said[-2]


def test_an_altered_checkpoint_or_head_is_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scribe, "CHECKPOINT_MS", 4_000)
    monkeypatch.setattr(journal, "SEGMENT_MS", 10_000)
    house = Recorded(tmp_path / "journal")
    house.live(15_000)
    house.close()
    first, second = segments(tmp_path / "journal")
    assert replayed(tmp_path / "journal")[0] == 0
    lines = items(first)
    place = next(i for i, one in enumerate(lines) if isinstance(one, Checkpoint))
    code, said = replayed(resealed(tmp_path / first.name, [*lines[:place], later(lines[place]), *lines[place + 1 :]]))
    assert (code, f":{place + 1}: cycle " in said[-2], "checkpoint" in said[-2]) == (1, True, True), said
    mark = items_mark(first)
    resealed(second, [later(one) if isinstance(one, Head) else one for one in items(second)], mark)
    code, said = replayed(tmp_path / "journal")
    assert (code, f"{second}:1: cycle " in said[-2]) == (1, True), said
    assert "not where the segment before leads to" in said[-2]


def later(there: Head | Record | Checkpoint) -> Head | Record | Checkpoint:
    """The same, with the house in its mode for a millisecond less."""
    assert isinstance(there, Head | Checkpoint)
    state = list(there.state)
    state[2] = [state[2][0], state[2][1] + 1]
    return msgspec.structs.replace(there, state=state)


def items_mark(path: Path) -> str:
    """The last mark of a segment."""
    reading = Reading(path)
    assert list(reading.lines())
    return reading.mark


def test_other_code_is_said_and_is_no_error(minute: Path, tmp_path: Path) -> None:
    lines = items(minute)
    head = lines[0]
    assert isinstance(head, Head)
    lines[0] = msgspec.structs.replace(head, code="0" * 64)
    code, said = replayed(resealed(tmp_path / minute.name, lines))
    assert code == 0
    assert any("other code" in line for line in said)
    assert said[-1].endswith("identical")


def test_checkpoints_are_never_more_than_five_minutes_apart(hour: Path) -> None:
    times = [one.t for path in segments(hour) for one in items_of(path) if isinstance(one, Head | Checkpoint)]
    assert max(b - a for a, b in itertools.pairwise(times)) <= 300_000 + 1_000


def items_of(path: Path) -> list[Head | Record | Checkpoint]:
    return [read(line) for line in taken_apart(path)]


def test_a_reading_from_the_future_replays_as_it_was_taken(tmp_path: Path) -> None:
    from supervisor.kernel.signal import Quality, Sample

    house = Recorded(tmp_path / "journal", seed=2)
    house.live(5_000)
    ahead = Sample(0, 500, house.now_ms + 3_000, Quality.GOOD)
    house.guardian.hear(house.buses["can0"], wire.Samples((ahead,)))
    house.live(10_000)
    house.cycle(ask(wire.Verb.SET, house.now_ms, 6_000))
    house.close()
    code, said = replayed(tmp_path / "journal")
    assert code == 0, said
