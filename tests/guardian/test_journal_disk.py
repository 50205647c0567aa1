"""A disk that is full, comes back, or loses a file: what was accepted is written in the end, and nothing twice."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_toys import Hand, SmallDisk, begun, flush, head, lines, numbers, telling

from supervisor.guardian.segment import segments
from supervisor.replay.reader import Reading

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clock() -> Hand:
    return Hand()


def test_while_the_disk_is_full_there_is_no_room_and_afterwards_everything_is_there(
    tmp_path: Path, clock: Hand
) -> None:
    disk = SmallDisk()
    journal = begun(tmp_path, clock, disk)
    disk.room = 0
    for n in range(1, 50):
        assert journal.accept(telling(n))
    flush(journal, clock)
    assert (journal.failing, journal.room()) == (True, False)
    assert journal.due(10**9) == "", "a disk that refuses begins no segment"
    for n in range(50, 60):
        assert journal.accept(telling(n)), "there is a place in the queue"
    disk.room = 10**6
    flush(journal, clock)
    flush(journal, clock)
    assert (journal.failing, journal.room()) == (False, True)
    assert numbers(tmp_path) == list(range(1, 60))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=12))
def test_wherever_a_write_is_cut_short_the_file_goes_on_sound(
    tmp_path_factory: pytest.TempPathFactory, rooms: list[int]
) -> None:
    folder, clock, disk = tmp_path_factory.mktemp("disk"), Hand(), SmallDisk()
    journal = begun(folder, clock, disk)
    for n, room in enumerate(rooms, 1):
        disk.room = room
        journal.accept(telling(n, f"{n} {room} " * 20))
        flush(journal, clock)
        if n % 4 == 0:
            journal.accept(head(n, clock.now_ms, reason="size"))
            journal.turn()
    disk.room = 10**9
    flush(journal, clock)
    flush(journal, clock)
    journal._writer.close()
    assert numbers(folder) == list(range(1, len(rooms) + 1))
    for path in segments(folder):
        reading = Reading(path)
        assert list(reading.lines())
        assert reading.ended


def test_a_folder_that_is_not_there_is_waited_for(tmp_path: Path, clock: Hand) -> None:
    journal = begun(tmp_path / "there", clock)
    journal.accept(head(1, reason="hour"))
    (tmp_path / "there").rename(tmp_path / "away")
    journal.turn()
    assert journal.failing
    (tmp_path / "away").rename(tmp_path / "there")
    journal.turn()
    assert not journal.failing
    assert [line["segment"] for line in lines(tmp_path / "there") if "format" in line] == [1, 2]


def test_a_segment_that_somebody_removed_is_followed_by_a_new_head(tmp_path: Path, clock: Hand) -> None:
    journal = begun(tmp_path, clock)
    segments(tmp_path)[0].unlink()
    journal.accept(telling(1))
    flush(journal, clock)
    assert not journal.room(), "what would be written now had no head"
    flush(journal, clock)
    assert (journal.failing, journal.due(clock.now_ms)) == (False, "lost")


FILLS_UP = """
import resource, sys
sys.path[:0] = ["tests/guardian"]
from pathlib import Path
from journal_toys import Hand, begun, flush, telling
clock = Hand()
journal = begun(Path(sys.argv[1]), clock)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, resource.RLIM_INFINITY))
n = 0
while journal.room():
    n += 1
    journal.accept(telling(n, str(hash(str(n)))))
    flush(journal, clock)
full = n
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
flush(journal, clock)
print(full, journal.room())
"""


def test_the_system_s_own_refusal_is_survived(tmp_path: Path) -> None:
    assert resource.RLIMIT_FSIZE >= 0
    command = [sys.executable, "-c", FILLS_UP, str(tmp_path)]
    full, room = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split()
    assert room == "True"
    assert int(full) > 10
    assert numbers(tmp_path) == list(range(1, int(full) + 1))
