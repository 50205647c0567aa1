"""A journal's lines, verified: what was altered, lost or exchanged is reported with its file and line.

Rules
* A line is given out only after its mark has been found right, and after the head's it is known what comes before it.
* The end of an unfinished segment (still being written, or killed) is an end and nothing else: what is behind its last
  whole line is counted, not judged. In a finished segment the same bytes would be an alteration.
* Segments of a folder are read in the order of their numbers; each must follow the one before it.

Nothing here runs the kernel or needs the documents.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from supervisor.guardian.record import FORMAT, Checkpoint, Head, Item, opened, read
from supervisor.guardian.segment import inflated, number, segments, whole

CHUNK = 65_536
ALTERED = (
    "this is not the line that was written here: a byte was altered, or a line is missing or out of its place. All "
    "before it is sound; put the file back from a copy, or take it away to read the others"
)


class ReplayError(Exception):
    """A journal or a segment of it cannot be used. The text says why, and what to do."""


class JournalError(ReplayError):
    """A journal cannot be believed or read from here on. Prints as ``file:line: what is wrong; remedy``."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path, self.line, self.message = path, line, message


@dataclass(frozen=True)
class Line:
    """``said``: its canonical bytes, without its mark."""

    path: Path
    number: int
    said: bytes

    def item(self) -> Item:
        """What it says."""
        try:
            return read(self.said)
        except msgspec.MsgspecError as error:
            text = f"this program cannot read the line ({error}); replay it with the version that wrote it"
            raise JournalError(self.path, self.number, text) from None


class Reading:
    """One segment. After its lines have been read: ``mark`` of the last, ``ended`` properly or not, ``cut``: how many
    bytes stand behind its last whole line, ``torn``: the line where a power cut damaged it (0: none did). ``after``: of
    the segment after it, the head."""

    def __init__(self, path: Path, after: Head | None = None) -> None:
        self.path, self.after = path, after
        self.torn = 0
        self.mark = ""
        self.ended = False
        self.cut = 0
        self.bytes = 0

    def head(self) -> Head | None:
        """Its head, verified; None for a segment that was killed before it had one. Raises JournalError."""
        for line in Reading(self.path).lines():
            item = line.item()
            if isinstance(item, Head):
                return item
            raise JournalError(self.path, 1, f"does not begin with a head. {ALTERED}")
        return None

    def lines(self) -> Iterator[Line]:
        """Every whole line in its order. Raises JournalError at the first that is not what was written."""
        for count, raw in enumerate(self._raw(), 1):
            if count == 1:
                self.mark = self._previous(raw)
            found = opened(raw, self.mark)
            if found is None:
                raise JournalError(self.path, count, ALTERED)
            said, self.mark = found
            yield Line(self.path, count, said)

    def _previous(self, raw: bytes) -> str:
        """What the first line says of the mark before it."""
        try:
            version = msgspec.json.decode(raw, type=Version)
        except msgspec.MsgspecError:
            raise JournalError(self.path, 1, ALTERED) from None
        if version.format != FORMAT:
            text = f"is of format {version.format}, and this program reads {FORMAT}; use the version that wrote it"
            raise JournalError(self.path, 1, text)
        return version.previous

    def _raw(self) -> Iterator[bytes]:
        """The bytes of each line, as far as they can be unpacked."""
        unpacker, rest, count, wrong = zlib.decompressobj(wbits=31), b"", 0, ""
        try:
            with self.path.open("rb") as file:
                while not wrong and (data := file.read(CHUNK)) and not unpacker.eof:
                    self.bytes += len(data)
                    said, wrong = inflated(unpacker, data)
                    *lines, rest = (rest + said).split(b"\n")
                    count += len(lines)
                    yield from lines
            if not wrong and rest and not unpacker.eof and not whole(self.path):
                wrong = "a line does not end where it was written to the disk"
        except OSError as error:
            raise JournalError(self.path, count + 1, f"cannot be read: {error.strerror}") from None
        if wrong:
            self._damaged(count + 1, wrong)
            return
        self.ended, self.cut = unpacker.eof, len(rest)
        if unpacker.eof and (rest or unpacker.unused_data or data):
            raise JournalError(self.path, count + 1, f"there is something behind the end of the segment. {ALTERED}")

    def _damaged(self, line: int, wrong: str) -> None:
        """A power cut leaves such an end, and the guardian that came after it went on from the last sound line."""
        after = self.after
        if after is None or after.reason != "start" or after.previous != self.mark:
            text = f"the compressed bytes are damaged here ({wrong}); all before it is sound"
            raise JournalError(self.path, line, f"{text}; put the file back from a copy")
        self.torn = line


class Version(msgspec.Struct):
    format: int
    previous: str = ""


def found(place: Path) -> list[Path]:
    """The segments of a folder in their order, or the one file. Raises JournalError when there is nothing."""
    if not place.is_dir():
        if not place.exists():
            raise JournalError(place, 1, "there is no such journal; name a folder such as run/journal, or a segment")
        return [place]
    there = segments(place)
    if not there:
        raise JournalError(place, 1, f"holds no journal of format {FORMAT}; a running house writes to RUN_DIR/journal")
    return there


def _needed(paths: list[Path], since: datetime | None) -> list[Path]:
    """Without the segments that ended before ``since``."""
    while since is not None and len(paths) > 1:
        head = Reading(paths[1]).head()
        if head is None or anchor(head).wall > since:
            break
        paths = paths[1:]
    return paths


def chained(place: Path, since: datetime | None = None) -> Iterator[Reading]:
    """The segments of a journal. Each must have been read to its end when the next is asked for, and must follow
    it. ``since``: what ended before is passed over."""
    before: Reading | None = None
    expected: int | None = None
    paths = _needed(found(place), since)
    following = [*(Reading(path).head() for path in paths[1:]), None]
    for path, after in zip(paths, following, strict=True):
        reading = Reading(path, after)
        head = reading.head()
        if expected is not None and number(path) != expected:
            raise JournalError(
                path, 1, f"segment {expected} is missing before it; put it back, or read them one by one"
            )
        expected = number(path) + 1 if number(path) >= 0 else None
        if head is None:
            continue
        if number(path) >= 0 and head.segment != number(path):
            raise JournalError(path, 1, f"is segment {head.segment} by its head; give the file its own name again")
        if before is not None and head.previous != before.mark:
            text = f"does not follow {before.path.name}: that one was cut short, or one of the two was exchanged"
            raise JournalError(path, 1, f"{text}; put both back from a copy")
        yield reading
        before = reading


@dataclass(frozen=True)
class Anchor:
    """What the wall clock said at a monotonic time, in a head or checkpoint."""

    t: int
    wall: datetime

    def at(self, t: int) -> datetime:
        """The wall time of ``t``, as this anchor has it."""
        return self.wall + timedelta(milliseconds=t - self.t)

    def ms(self, wall: datetime) -> int:
        """The monotonic time of ``wall``."""
        return self.t + (wall - self.wall) // timedelta(milliseconds=1)


def anchor(item: Head | Checkpoint) -> Anchor:
    wall = datetime.fromisoformat(item.wall)
    return Anchor(item.t, wall if wall.tzinfo else wall.replace(tzinfo=UTC))


def local(when: datetime) -> str:
    """As people read it on their own clock."""
    return when.astimezone().isoformat(sep=" ", timespec="seconds")[:19]
