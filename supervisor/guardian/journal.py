"""The journal's door for the scan loop: nothing waits here, and the loop knows before a cycle whether it can be kept.

Rules
* The loop only hands items over (:meth:`Journal.accept`); a thread of its own encodes and writes them (writer.py). The
  queue is bounded; a full one says so at once.
* :meth:`Journal.room` is asked before a cycle. While it says no, the cycle may widen nothing (H22). Only the loop puts
  and only the thread takes, so what there was room for is accepted; what the disk then refuses is tried again until it
  is written. So no accepted decision is missing.
* After something could not be accepted the next item is a head: a journal has gaps only where it says so.

This file never decides anything and never raises into the loop.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from supervisor.guardian.budget import Level
from supervisor.guardian.clock import now_ms as monotonic_ms
from supervisor.guardian.priority import WRITER, real_time
from supervisor.guardian.record import Head, Item
from supervisor.guardian.segment import Disk
from supervisor.guardian.writer import FLUSH_MS, Writer

SEGMENT_MAX = 8_000_000  # bytes on disk
SEGMENT_MS = 3_600_000
QUEUE_MAX = 2_000  # items: at 20 cycles a second more than a minute and a half
ROOM = 4  # items that one cycle may hand over: a head, its record, a checkpoint, and one to spare
RETRY_S = 1.0
STOP_S = 2.0
log = logging.getLogger("journal")


class Journal:
    """Owns the writer's thread. All but ``_run`` and ``turn`` belongs to the loop. ``refused``: how many items could
    not be accepted."""

    def __init__(self, folder: Path, now_ms: Callable[[], int] = monotonic_ms, disk: Disk | None = None) -> None:
        self._folder = folder
        self._queue: queue.Queue[Item | None] = queue.Queue(QUEUE_MAX)  # None only wakes the thread
        self._writer = Writer(folder, now_ms, disk)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._stopping = threading.Event()
        self._heads = 0
        self._begun_ms = 0
        self._lean = False
        self._gap = ""  # why a head has to come next
        self.refused = 0
        self.alive_ns = time.monotonic_ns()

    def start(self) -> None:
        """Make the folder and start the writer. Raises OSError when the folder cannot be made."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    @property
    def failing(self) -> bool:
        """Does the disk refuse?"""
        return self._writer.failing

    @property
    def level(self) -> Level:
        """What the day's budget still allows."""
        return self._writer.level

    def counters(self) -> dict[str, int]:
        """What the writer has written, what the day still allows, and whether the disk refuses now."""
        writer = self._writer
        told = {"journal_bytes": writer.written, "journal_budget_bytes": writer.budget.left}
        return told | {"journal_failing": int(writer.failing or writer.gone), "journal_refused": self.refused}

    def room(self) -> bool:
        """Can the next cycle be recorded, whatever it decides?"""
        able = not self._writer.failing and not self._writer.gone and self._writer.level is not Level.CLOSED
        return able and not self._gap and self._heads > 0 and self._queue.qsize() <= QUEUE_MAX - ROOM

    def due(self, at_ms: int) -> str:
        """Why a new segment has to begin with the next cycle; "" when none has. A disk that refuses and an empty budget
        begin none."""
        writer = self._writer
        if writer.failing or writer.level is Level.CLOSED or self._queue.qsize() > QUEUE_MAX - ROOM:
            return ""
        if self._heads == 0:
            return "start"
        if writer.begun < self._heads:
            return ""  # one is on its way
        if self._gap or writer.gone:
            return "lost"
        if self._lean is not (writer.level is Level.LEAN):
            return "budget"
        if at_ms - self._begun_ms >= SEGMENT_MS:
            return "hour"
        return "size" if writer.size >= SEGMENT_MAX else ""

    def accept(self, item: Item) -> bool:
        """Hand an item over; False when it cannot be recorded."""
        head = isinstance(item, Head)
        if not head and (self._heads == 0 or self._gap or self._writer.gone or self._writer.level is Level.CLOSED):
            return self._lost()
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            return self._lost()
        if isinstance(item, Head):
            self._heads += 1
            self._begun_ms, self._lean, self._gap = item.t, item.lean, ""
        return True

    def _lost(self) -> bool:
        self.refused += 1
        self._gap = "lost" if self._heads else ""
        return False

    def stop(self) -> None:
        """Write what is queued and end the thread; at most STOP_S."""
        self._stopping.set()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        if self._thread.is_alive():
            self._thread.join(timeout=STOP_S)
        if self._thread.is_alive() or not self._queue.empty() or self._writer.failing:
            log.error("the journal's last records are not on disk in %s", self._folder)

    # ---- the writer's thread ---------------------------------------------------------------------------------------
    def _run(self) -> None:
        real_time(WRITER)
        self._writer.resume()
        while not self._stopping.is_set():
            self.alive_ns = time.monotonic_ns()
            if self._writer.failing:
                self._stopping.wait(RETRY_S)
                self._writer.work()
            else:
                self._one(FLUSH_MS / 1000)
        self.turn()
        self._writer.close()

    def _one(self, timeout_s: float) -> None:
        try:
            item = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            self._writer.work()
        else:
            self._take(item)

    def _take(self, item: Item | None) -> None:
        if item is not None:
            self._writer.take(item)

    def turn(self) -> None:
        """All that is queued, as far as the disk takes it. Whoever started no thread turns it by hand."""
        self._writer.work()
        while not self._writer.failing and not self._queue.empty():
            self._take(self._queue.get_nowait())
