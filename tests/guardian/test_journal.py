"""The journal: bounded, readable after a kill, never in the loop's way, and honest when the disk refuses."""

from __future__ import annotations

import json
import shutil
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supervisor.guardian import journal as journal_module
from supervisor.guardian.journal import QUEUE_MAX, Head, Journal, Record, packed, prune
from supervisor.kernel.signal import MISSING, Quality, Reading, Sample


def head(number: int = 0) -> Head:
    return Head(1, "a house", "digest", False, f"2026-01-01T00:00:0{number}", number, 1_000, [], [])


def until(condition: Callable[[], Any]) -> None:
    pause = threading.Event()
    for _ in range(500):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("never")


def lines(folder: Path) -> list[dict[str, Any]]:
    text = b"".join(zlib.decompressobj(wbits=31).decompress(p.read_bytes()) for p in sorted(folder.glob("*.gz")))
    return [json.loads(line) for line in text.splitlines()]


def test_what_was_accepted_can_be_read_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.start()
    assert journal.accept(head())
    assert journal.accept(Record(1, 50, o=[(0, 6_000)]))
    journal.stop()
    first, second = lines(tmp_path)
    assert first["digest"] == "digest"
    assert second == {"n": 1, "t": 50, "o": [[0, 6_000]]}


def test_a_running_segment_can_be_read_without_its_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.start()
    journal.accept(head())
    journal.accept(Record(1, 50))
    until(lambda: list(tmp_path.glob("*.gz")) and len(lines(tmp_path)) == 2)
    journal.stop()


def test_a_new_head_begins_a_segment_of_its_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.start()
    journal.accept(head(0))
    journal.accept(head(1))
    journal.stop()
    assert len(list(tmp_path.glob("*.gz"))) == 2


def test_a_full_queue_says_so_at_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)  # its writer is not started, as if it hung
    assert all(journal.accept(Record(n, n)) for n in range(QUEUE_MAX))
    assert not journal.accept(Record(QUEUE_MAX, 0))
    assert journal.refused == 1


def test_a_disk_that_refuses_is_a_state_that_ends_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    journal = Journal(folder)
    journal.start()
    shutil.rmtree(folder)
    journal.accept(head())
    until(lambda: journal.failing)
    assert not journal.accept(Record(1, 50)), "what cannot be recorded is not accepted"
    assert journal.wants_head
    folder.mkdir()
    journal.accept(head(2))
    until(lambda: not journal.failing)
    journal.stop()


def test_the_oldest_segments_go_first(tmp_path: Path) -> None:
    import os

    for age in range(4):
        path = tmp_path / f"journal-{age}.gz"
        path.write_bytes(b"x" * 10)
        os.utime(path, (100 - age, 100 - age))
    prune(tmp_path, 25)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal-0.gz", "journal-1.gz"]


def test_a_segment_asks_for_a_new_head_when_it_is_full(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_MAX", 10)
    journal = Journal(tmp_path)
    journal.start()
    journal.accept(head())
    journal.stop()
    assert journal.wants_head


def test_samples_that_repeat_themselves_are_packed_without_loss() -> None:
    before = (Reading(5, 0, Quality.GOOD), MISSING)
    samples = [Sample(0, 5, 10, Quality.GOOD), Sample(1, 7, 10, Quality.GOOD), Sample(1, 7, 20, Quality.GOOD)]
    assert packed(samples, before) == [[10, 0, [1, 7, Quality.GOOD]], [20, 1]]
