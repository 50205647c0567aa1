"""Items of the journal become lines, lines become segments. What the disk refuses waits here, and nothing is left out.

Rules
* Items are taken in their order. When the disk refuses, that item and all after it wait; nothing is dropped here. The
  queue before it is bounded (journal.py), so what is dropped is dropped there, and the loop knows.
* Cycles that only read are folded into the next line that says something, at most for the time of a flush.
* A segment's number, the last mark before it and the budget are the writer's to know; it fills them into the head.
* What the day's budget does not allow is left out of lean segments only, whose head says so.

No thread and no queue: whoever calls holds the clock.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from supervisor.guardian import record
from supervisor.guardian.budget import CAPACITY, Budget, Level
from supervisor.guardian.record import Checkpoint, Head, Item, Record
from supervisor.guardian.segment import Disk, Segment, ends, name, number, prune, segments

TOTAL_MAX = 200_000_000  # bytes of all segments together
FLUSH_MS = 1_000
GRANT_FLUSH_MS = 200  # after something was granted: a kill costs no more of that than is needed against a flood
WAITING_MAX = 200_000  # bytes of lines: sooner than FLUSH_MS when much is said
FOLDED_MAX = 60  # cycles in one line
replace = msgspec.structs.replace
log = logging.getLogger("journal")


class Writer:
    """``now_ms``: the monotonic clock. ``failing``: the disk refuses. ``gone``: the file was removed by somebody else,
    and with it the head that its lines need. ``begun``: how many heads it has written. ``size``: of this segment.
    ``written``: bytes since the start."""

    def __init__(self, folder: Path, now_ms: Callable[[], int], disk: Disk | None = None) -> None:
        self._folder, self._now_ms, self._disk = folder, now_ms, disk or Disk()
        self._todo: deque[Item] = deque()
        self._plains: list[Record] = []
        self._segment: Segment | None = None
        self._lean = False
        self._number, self._mark = 0, ""
        self._flushed_ms = now_ms()
        self._granted = False
        self.budget = Budget(CAPACITY, now_ms())
        self.failing = self.gone = False
        self.begun = self.written = 0

    @property
    def size(self) -> int:
        return self._segment.size if self._segment else 0

    @property
    def level(self) -> Level:
        return self.budget.level

    def resume(self) -> None:
        """Go on where the newest segment ended: its number, its last mark, and what it left of the budget. After a
        reboot the clock is younger than its head, and the time in between refills nothing."""
        there = segments(self._folder)
        self._number = number(there[-1]) if there else 0
        while there and there[-1].stat().st_size == 0:  # killed before its head was written
            there.pop()
        if not there:
            return
        now_ms = self._now_ms()
        try:
            first, last = ends(there[-1])
            head = record.read(first)
            self._mark = last.rsplit(b'"', 2)[-2].decode()
        except (OSError, msgspec.MsgspecError, IndexError, ValueError) as error:
            log.warning("%s cannot be read; the journal goes on with a new segment: %s", there[-1], error)
            self.budget = Budget(CAPACITY // 2, now_ms)
            return
        if isinstance(head, Head):
            self.budget = Budget(CAPACITY, min(head.t, now_ms))
            self.budget.spend(CAPACITY - head.budget + there[-1].stat().st_size)
            self.budget.look(now_ms)

    # ---- one step ------------------------------------------------------------------------------------------------
    def take(self, item: Item) -> None:
        """The next item; it is written when the disk takes it."""
        self._todo.append(item)
        self.work()

    def work(self) -> None:
        """Whatever can be written now. A disk that refuses is a state of this journal, not an exception."""
        try:
            while self._todo:
                self._do(self._todo[0])
                self._todo.popleft()
            self._flush_when_due()
        except FileNotFoundError as error:
            self._failed(error)
            if self._segment is not None:  # its lines would have no head in another file
                self._segment, self._plains, self.gone = None, [], True
        except OSError as error:
            self._failed(error)
        else:
            if self.failing:
                log.info("the journal in %s is written again", self._folder)
            self.failing = False
        self.budget.look(self._now_ms())

    def _failed(self, error: OSError) -> None:
        if not self.failing:
            log.error("cannot write the journal in %s: %s. Nothing is widened until it can", self._folder, error)
        self.failing = True

    def _do(self, item: Item) -> None:
        """One item. Asked again after an error it goes on where it was."""
        if isinstance(item, Head):
            self._end()
            self._begin(item)
        elif self._segment is not None:
            if isinstance(item, Checkpoint):
                self._unfold()
                self._add(item)
            else:
                self._record(item)

    def _record(self, one: Record) -> None:
        self._granted = self._granted or any(decision.lease is not None for decision in one.d)
        if self._lean:
            left = record.lean(one)
            if left is not None:
                self._add(left)
        elif record.plain(one):
            self._plains.append(one)
            if len(self._plains) >= FOLDED_MAX:
                self._unfold()
        else:
            self._add(record.folded(self._plains, one))
            self._plains = []

    def _unfold(self) -> None:
        """The last of the plain cycles becomes a line of its own, with those before it."""
        if self._plains:
            *before, last = self._plains
            self._plains = []
            self._add(record.folded(before, last))

    def _add(self, item: Item) -> None:
        if self._segment is not None:
            line, self._mark = record.sealed(record.body(item), self._mark)
            self._segment.add(line)

    def _spend(self, count: int) -> None:
        self.written += count
        self.budget.spend(count)

    def _flush_when_due(self) -> None:
        segment = self._segment
        if segment is None:
            return
        now_ms = self._now_ms()
        wait_ms = GRANT_FLUSH_MS if self._granted else FLUSH_MS
        if now_ms - self._flushed_ms >= wait_ms or segment.waiting >= WAITING_MAX:
            self._unfold()
            self._spend(segment.flush())
            self._flushed_ms, self._granted = now_ms, False

    # ---- segments --------------------------------------------------------------------------------------------------
    def _begin(self, head: Head) -> None:
        """A new file, whose head is on disk at once."""
        path = self._folder / name(self._number + 1, head.wall)
        self._segment = Segment(path, self._disk)
        self._number += 1
        head = replace(head, segment=self._number, previous=self._mark, budget=self.budget.left)
        self._lean, self.gone = head.lean, False
        self.begun += 1
        self._add(head)
        self._flushed_ms = self._now_ms() - FLUSH_MS
        prune(self._folder, TOTAL_MAX, keep=path)

    def _end(self) -> None:
        """Close the segment, with all that waits for it."""
        if self._segment is not None:
            self._unfold()
            self._spend(self._segment.close())
            self._segment = None

    def close(self) -> bool:
        """End the journal; False when something could not be written."""
        self.work()
        try:
            self._end()
        except OSError as error:
            self._failed(error)
        return not self.failing and not self._todo
