"""A journal on a clock and a disk that are held by hand."""

from __future__ import annotations

import errno
import json
import zlib
from pathlib import Path
from typing import Any

from supervisor.guardian.journal import Journal
from supervisor.guardian.record import Head, Record
from supervisor.guardian.segment import Disk, segments
from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.lease import Decision, Kind, Lease, Request, Verb, Verdict


class Hand:
    """A clock that stands until it is moved. Calling it reads it."""

    def __init__(self, now_ms: int = 1_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


class SmallDisk(Disk):
    """Real files on a disk with ``room`` bytes left; a write that does not fit is cut short, then refused."""

    def __init__(self, room: int = 10**9) -> None:
        self.room = room

    def write(self, file: int, data: bytes, place: int) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "no space left on device")
        done = super().write(file, data[: self.room], place)
        self.room -= done
        return done


def head(n: int = 0, t: int = 1_000, lean: bool = False, reason: str = "start") -> Head:
    return Head(
        2, 0, "a house", "d", "c", False, "2026-01-01T00:00:00.000+00:00", n, t, reason, lean, "", 0, {}, [], []
    )


def event(text: str = "something") -> Event:
    return Event(0, EventKind.HOUSE, "house", text)


def telling(n: int, text: str = "something") -> Record:
    """A cycle in which something happened."""
    return Record(n, n * 50, e=[event(text)])


def reading(n: int, *signals: int) -> Record:
    """A cycle that only read."""
    return Record(n, n * 50, s=[[0, *signals]])


def granting(n: int) -> Record:
    """A cycle in which somebody was granted something."""
    lease = Lease(0, Kind.LIVE, 1, 1, n * 50, n * 50 + 30_000, "")
    request = Request(1, Verb.SET, "phone", "box.current", 1, "mA", "live", None, "", n * 50, False)
    return Record(n, n * 50, q=[request], d=[Decision(1, Verdict.GRANTED, 0, 1, (), lease)])


def begun(folder: Path, clock: Hand, disk: Disk | None = None) -> Journal:
    """A journal that has its first head on disk. Nobody started its thread: the test turns it."""
    folder.mkdir(exist_ok=True)
    journal = Journal(folder, clock, disk)
    journal._writer.resume()
    assert journal.accept(head(t=clock.now_ms))
    journal.turn()
    return journal


def flush(journal: Journal, clock: Hand) -> None:
    """All that was accepted goes to the disk, if that takes it."""
    journal.turn()
    clock.now_ms += 2_000
    journal.turn()


def lines(folder: Path) -> list[dict[str, Any]]:
    """What can be read of all segments now, line by line."""
    found = []
    for path in segments(folder):
        text = zlib.decompressobj(wbits=31).decompress(path.read_bytes())
        found += [json.loads(line) for line in text.split(b"\n")[:-1]]
    return found


def numbers(folder: Path) -> list[int]:
    """The cycles that are written, those that are folded into a line included."""
    found = []
    for line in lines(folder):
        if "format" not in line and "checkpoint" not in line:
            n = line["n"]
            folded = []
            for step, *_ in reversed(line.get("b", [])):
                n -= step
                folded.append(n)
            found += [*reversed(folded), line["n"]]
    return found
