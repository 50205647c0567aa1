"""The journal: bounded, readable after a kill, never in the loop's way, and honest when the disk refuses."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from journal_toys import Hand, begun, flush, granting, head, lines, numbers, reading, telling

from supervisor.guardian import journal as journal_module
from supervisor.guardian.journal import QUEUE_MAX, ROOM, SEGMENT_MS, Journal
from supervisor.guardian.record import opened
from supervisor.guardian.segment import prune, segments
from supervisor.guardian.writer import FOLDED_MAX

ROOT = Path(__file__).parents[2]


def until(condition: Callable[[], Any]) -> None:
    pause = threading.Event()
    for _ in range(500):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("never")


@pytest.fixture
def clock() -> Hand:
    return Hand()


# ---- what is written -------------------------------------------------------------------------------------------------
def test_what_was_accepted_can_be_read_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.start()
    assert journal.accept(head())
    assert journal.accept(telling(1))
    journal.stop()
    first, second = lines(tmp_path)
    assert (first["site"], first["segment"]) == ("a house", 1)
    assert (second["n"], second["e"][0][3]) == (1, "something")


def test_a_running_segment_can_be_read_without_its_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.start()
    journal.accept(head())
    journal.accept(telling(1))
    until(lambda: segments(tmp_path) and len(lines(tmp_path)) == 2)
    journal.stop()


def test_cycles_that_only_read_are_folded_into_the_next_line_and_none_is_lost(tmp_path: Path, clock: Hand) -> None:
    journal = begun(tmp_path, clock)
    for n in range(1, 2 * FOLDED_MAX):
        journal.accept(reading(n, 7))
    journal.accept(telling(2 * FOLDED_MAX))
    flush(journal, clock)
    assert numbers(tmp_path) == list(range(1, 2 * FOLDED_MAX + 1))
    assert len(lines(tmp_path)) == 3, "a head, a full line, and the one that tells"


def test_each_line_is_tied_to_the_one_before_across_segments(tmp_path: Path, clock: Hand) -> None:
    journal = begun(tmp_path, clock)
    journal.accept(telling(1))
    journal.accept(head(2, reason="hour"))
    journal.accept(telling(2))
    flush(journal, clock)
    mark = ""
    for path in segments(tmp_path):
        import zlib

        for line in zlib.decompressobj(wbits=31).decompress(path.read_bytes()).splitlines():
            found = opened(line, mark)
            assert found is not None
            mark = found[1]


def test_only_its_user_can_read_it(tmp_path: Path, clock: Hand) -> None:
    begun(tmp_path, clock)
    assert [stat.S_IMODE(path.stat().st_mode) for path in segments(tmp_path)] == [0o600]


# ---- segments --------------------------------------------------------------------------------------------------------
def test_a_segment_ends_after_an_hour(tmp_path: Path, clock: Hand) -> None:
    journal = begun(tmp_path, clock)
    assert journal.due(1_000 + SEGMENT_MS - 1) == ""
    assert journal.due(1_000 + SEGMENT_MS) == "hour"


def test_a_segment_ends_when_it_is_full(tmp_path: Path, clock: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_MAX", 10)
    assert begun(tmp_path, clock).due(1_050) == "size"


def test_one_head_is_asked_for_until_it_is_written(tmp_path: Path, clock: Hand) -> None:
    journal = begun(tmp_path, clock)
    at_ms = 1_000 + SEGMENT_MS
    journal.accept(head(5, at_ms - SEGMENT_MS))
    assert journal.due(at_ms) == ""
    journal.turn()
    assert journal.due(at_ms) == "hour"


def test_a_restart_goes_on_with_the_next_number_and_the_last_mark(tmp_path: Path, clock: Hand) -> None:
    first = begun(tmp_path, clock)
    first.accept(telling(1))
    flush(first, clock)
    last = lines(tmp_path)[-1]["h"]
    begun(tmp_path, clock)
    again = lines(tmp_path)[-1]
    assert (again["segment"], again["previous"]) == (2, last)


def test_a_restart_passes_over_a_file_without_a_head(tmp_path: Path, clock: Hand) -> None:
    begun(tmp_path, clock)
    last = lines(tmp_path)[-1]["h"]
    (tmp_path / "journal-00000002-x.jsonl.gz").touch()
    begun(tmp_path, clock)
    again = lines(tmp_path)[-1]
    assert (again["segment"], again["previous"]) == (3, last)


def test_the_oldest_segments_go_first_whatever_the_clock_said(tmp_path: Path) -> None:
    for number in range(1, 5):
        path = tmp_path / f"journal-{number:08d}-x.jsonl.gz"
        path.write_bytes(b"x" * 10)
        os.utime(path, (100 - number, 100 - number))
    (tmp_path / "journal-2026-01-01T000000-0.jsonl.gz").write_bytes(b"of an earlier version")
    prune(tmp_path, 25)
    assert [path.name[:16] for path in segments(tmp_path)] == ["journal-00000003", "journal-00000004"]
    assert len(list(tmp_path.iterdir())) == 2


# ---- the loop never waits --------------------------------------------------------------------------------------------
def test_a_full_queue_says_so_at_once_and_says_it_before(tmp_path: Path) -> None:
    journal = Journal(tmp_path)  # its writer is not started, as if it hung
    assert not journal.room(), "nothing can be recorded before a head"
    journal.accept(head())
    taken = 0
    while journal.room():
        assert journal.accept(telling(taken))
        taken += 1
    assert QUEUE_MAX - taken <= ROOM + 1
    while journal.accept(telling(taken)):
        taken += 1
    assert (taken, journal.refused) == (QUEUE_MAX - 1, 1)


def test_after_a_loss_the_next_that_is_accepted_is_a_head(tmp_path: Path, clock: Hand) -> None:
    journal = begun(tmp_path, clock)
    while journal.accept(telling(1)):
        pass
    journal.turn()
    assert (journal.room(), journal.accept(telling(2))) == (False, False)
    assert journal.due(clock.now_ms) == "lost"
    assert journal.accept(head(9, clock.now_ms, reason="lost"))
    assert journal.room()
    assert journal.accept(telling(9))


# ---- a kill ----------------------------------------------------------------------------------------------------------
WRITES_AND_WAITS = """
import sys, threading
sys.path[:0] = ["tests/guardian"]
from pathlib import Path
from journal_toys import Hand, begun, flush, telling
clock = Hand()
journal = begun(Path(sys.argv[1]), clock)
for n in range(1, 101):
    journal.accept(telling(n))
flush(journal, clock)
for n in range(101, 201):
    journal.accept(telling(n))
journal.turn()
print("flushed", flush=True)
threading.Event().wait()
"""


def test_what_was_granted_is_on_disk_at_once_unless_there_was_one_just_before(tmp_path: Path, clock: Hand) -> None:
    journal = begun(tmp_path, clock)
    clock.now_ms += 250
    journal.accept(telling(1))
    journal.turn()
    assert numbers(tmp_path) == [], "what happens may wait a second"
    journal.accept(granting(2))
    journal.turn()
    assert numbers(tmp_path) == [1, 2]
    journal.accept(granting(3))
    journal.turn()
    assert numbers(tmp_path) == [1, 2]
    clock.now_ms += 200
    journal.turn()
    assert numbers(tmp_path) == [1, 2, 3]


def test_what_was_flushed_is_there_after_kill_9(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITES_AND_WAITS, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"flushed\n"
        process.send_signal(signal.SIGKILL)
    assert numbers(tmp_path)[:100] == list(range(1, 101))
