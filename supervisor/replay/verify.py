"""Does the journal still come out as it was written? Segment by segment, line by line, byte by byte.

The first difference ends it: everything after it would differ because of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from supervisor.guardian.provenance import code_digest
from supervisor.guardian.record import Checkpoint, Head, Record, body
from supervisor.loader.load import Loaded
from supervisor.replay.player import Player, documents
from supervisor.replay.reader import Anchor, JournalError, Line, Reading, ReplayError, anchor, chained, local
from supervisor.replay.said import difference

CONTIGUOUS = ("hour", "size", "budget")  # a head for one of these follows the cycle before it without a gap
Progress = Callable[[Path, int], None]


@dataclass
class Outcome:
    """What was found. ``notes``: what is no error but should be known. ``differs``: the first difference, in words."""

    segments: int = 0
    records: int = 0
    decisions: int = 0
    lean: int = 0
    notes: list[str] = field(default_factory=list)
    differs: str = ""


class Documents:
    """The sites of a journal, each loaded once."""

    def __init__(self) -> None:
        self._known: list[tuple[dict[str, str], bool, Loaded]] = []

    def of(self, head: Head) -> Loaded:
        texts = dict(head.texts)
        for known, observe, loaded in self._known:
            if (known, observe) == (texts, head.would_have):
                return loaded
        loaded = documents(head)
        self._known.append((texts, head.would_have, loaded))
        return loaded


def head_of(lines: Line) -> Head:
    item = lines.item()
    if not isinstance(item, Head):
        raise JournalError(lines.path, lines.number, "a segment begins with a head; this is none of ours")
    return item


class Verifier:
    """One journal. Raises JournalError and ReplayError."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self.progress: Progress = lambda _path, _done: None
        self._documents = Documents()
        self._player: Player | None = None
        self._heads: Head | None = None
        self._anchor: Anchor | None = None

    def all(self, place: Path) -> Outcome:
        for reading in chained(place):
            self._segment(reading)
            if self.outcome.differs:
                break
        return self.outcome

    def _segment(self, reading: Reading) -> None:
        lines = reading.lines()
        first = next(lines)
        head = head_of(first)
        self._anchor = anchor(head)
        self.outcome.segments += 1
        self._note(reading, head)
        if head.lean:
            self.outcome.lean += 1
            self._player = None
            for line in lines:
                self._count(line.item())
        else:
            self._begin(first, head)
            for line in lines:
                self._line(line)
                self.progress(reading.path, reading.bytes)
                if self.outcome.differs:
                    return
        if reading.torn:
            self.outcome.notes.append(f"{reading.path.name} is damaged from line {reading.torn} on, as by a power cut")
        elif reading.cut:
            self.outcome.notes.append(
                f"{reading.path.name} ends in the middle of a line: it is still written, or was cut"
            )

    def _note(self, reading: Reading, head: Head) -> None:
        before, self._heads = self._heads, head
        notes = self.outcome.notes
        if before is None and head.code != code_digest():
            notes.append("it was written by other code than this program's; the comparison is with this program")
        elif before is not None and head.code != before.code:
            notes.append(f"{reading.path.name} was written by other code than the one before")
        if before is not None and head.digest != before.digest:
            notes.append(f"the documents changed before {reading.path.name}")
        if before is not None and head.reason == "lost":
            notes.append(
                f"cycles are missing before {reading.path.name}: they could not be recorded, and widened nothing"
            )

    def _begin(self, line: Line, head: Head) -> None:
        player = Player(self._documents.of(head), head)
        before = self._player
        if before is not None and head.reason in CONTIGUOUS and not before.leads_to(head):
            self._differ(line, head.n, head.t, "the state at this head is not where the segment before leads to")
        self._player = player

    def _line(self, line: Line) -> None:
        item, player = line.item(), self._player
        if player is None:
            raise ReplayError("a line without a head")  # Reading gives out the head first
        self._count(item)
        if isinstance(item, Checkpoint):
            self._anchor = anchor(item)
            if not player.matches(item):
                self._differ(line, item.checkpoint, item.t, "the state at this checkpoint is another one now")
        elif isinstance(item, Record):
            again, was, now = player.line(item)
            if was is not None and now is not None:
                self._differ(line, was.n, was.t, difference(player.plan, was, now))
            elif body(again) != line.said:
                self._differ(line, item.n, item.t, "the same cycles, written in other bytes")

    def _count(self, item: object) -> None:
        if isinstance(item, Record):
            self.outcome.records += 1 + len(item.b)
            self.outcome.decisions += len(item.d)

    def _differ(self, line: Line, n: int, t: int, words: str) -> None:
        when = local(self._anchor.at(t)) if self._anchor else ""
        self.outcome.differs = f"{line.path}:{line.number}: cycle {n}, {when}: {words}"
