"""The journal: what came in, what was decided and what was said, written off the scan loop's path.

Rules
* The scan loop only hands a record over (:meth:`Journal.accept`); a thread of its own encodes and writes. The queue
  is bounded: when the disk does not keep up, ``accept`` says False at once and nothing waits.
* One JSON object a line, compressed as it is written (``zcat`` reads it, also an unfinished one). A segment begins
  with a head: site, digest, the image and state it starts from; so any segment can be read alone.
* Bounded on disk: a segment ends at SEGMENT_MAX bytes, and the oldest go beyond TOTAL_MAX.

This file never decides anything and never raises into the loop.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import msgspec

from supervisor.kernel.question import Image
from supervisor.kernel.signal import Quality, Sample

SEGMENT_MAX = 8_000_000  # bytes on disk
TOTAL_MAX = 200_000_000  # bytes of all segments together
QUEUE_MAX = 2_000  # records: at 20 cycles a second more than a minute and a half
FLUSH_S = 1.0
log = logging.getLogger("journal")


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One cycle: n its number, t its time (ms), s samples (see ``packed``), q requests, e events, d decisions,
    o (target, output)."""

    n: int
    t: int
    s: list[object] = []
    q: list[object] = []
    e: list[object] = []
    d: list[object] = []
    o: list[tuple[int, int | None]] = []


class Head(msgspec.Struct, frozen=True):
    """The first line of a segment. ``state`` and ``image`` as msgspec writes them; ``would_have``: nothing was written
    to any wire, the outputs are what it would have said."""

    format: int
    site: str
    digest: str
    would_have: bool
    wall: str
    n: int
    t: int
    image: object
    state: object


class Journal:
    """Owns the writer thread. ``head`` makes the head of a new segment; it is called from the scan loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._queue: queue.Queue[Record | Head | None] = queue.Queue(QUEUE_MAX)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._written = 0
        self.failing = False
        self.refused = 0
        self.alive_ns = time.monotonic_ns()

    def start(self) -> None:
        """Make the folder and start the writer. Raises OSError when the folder cannot be made."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def accept(self, record: Record | Head) -> bool:
        """Hand a record over; False when it cannot be recorded (queue full or the disk refuses)."""
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            self.refused += 1
            return False
        return not self.failing

    @property
    def wants_head(self) -> bool:
        """Is it time for a new segment?"""
        return self._written >= SEGMENT_MAX

    def stop(self) -> None:
        """Write what is queued and end the thread; at most two seconds."""
        try:
            self._queue.put(None, timeout=1.0)
        except queue.Full:
            log.error("the journal did not drain; its last records are lost")
        self._thread.join(timeout=2.0)

    # ---- the writer's thread -------------------------------------------------------------------------------------
    def _run(self) -> None:
        segment: Segment | None = None
        while True:
            self.alive_ns = time.monotonic_ns()
            try:
                record = self._queue.get(timeout=FLUSH_S)
            except queue.Empty:
                segment = self._do(segment, Segment.flush)
                continue
            if record is None:
                break
            if isinstance(record, Head):
                self._do(segment, Segment.close)
                segment, self._written, self.failing = Segment(self._folder, record), 0, False
            segment = self._do(segment, lambda s, r=record: s.write(r))  # type: ignore[misc]
            if segment is not None:
                self._written = segment.size
        self._do(segment, Segment.close)

    def _do(self, segment: Segment | None, action: Callable[[Segment], None]) -> Segment | None:
        """One writing step. A disk that refuses is a state of this journal, not an exception of the product: the
        segment is given up, because what is compressed must be whole, and a new head is asked for."""
        if segment is None:
            return None
        try:
            action(segment)
        except OSError as error:
            log.error("cannot write to %s: %s", self._folder, error)
            self.failing, self._written = True, SEGMENT_MAX
            return None
        return segment


class Segment:
    """One file of the journal, opened at its first line so that a full disk is noticed where it is handled."""

    def __init__(self, folder: Path, head: Head) -> None:
        self.path = folder / f"journal-{head.wall.replace(':', '')}-{head.n}.jsonl.gz"
        self._folder = folder
        self._file: BinaryIO | None = None
        self._packer = zlib.compressobj(6, wbits=31)
        self._encode = msgspec.json.Encoder().encode
        self._flushed_ns = time.monotonic_ns()
        self.size = 0

    def write(self, record: Record | Head) -> None:
        if self._file is None:
            self._file = self.path.open("ab")
        self._put(self._packer.compress(self._encode(record) + b"\n"))
        if time.monotonic_ns() - self._flushed_ns > FLUSH_S * 1e9:
            self.flush()

    def flush(self) -> None:
        """What has been written so far can be read after a kill."""
        if self._file is not None:
            self._put(self._packer.flush(zlib.Z_SYNC_FLUSH))
            self._file.flush()
        self._flushed_ns = time.monotonic_ns()

    def _put(self, data: bytes) -> None:
        if self._file is not None and data:
            self._file.write(data)
            self.size += len(data)

    def close(self) -> None:
        """End the segment, and let go of the oldest beyond TOTAL_MAX."""
        if self._file is not None:
            self._put(self._packer.flush())
            self._file.close()
            self._file = None
        prune(self._folder, TOTAL_MAX)


def packed(samples: Iterable[Sample], before: Image) -> list[object]:
    """Samples in their order, without what repeats itself: [at_ms, [index, value, quality] or a bare index where value
    and quality are those of the reading before, ...], a new list for each time of receipt."""
    groups: list[object] = []
    group: list[object] = []
    newest: dict[int, tuple[int | None, Quality]] = {}
    for sample in samples:
        if not group or group[0] != sample.at_ms:
            group = [sample.at_ms]
            groups.append(group)
        was = newest.get(sample.signal) or (before[sample.signal].value, before[sample.signal].quality)
        now = (sample.value, sample.quality)
        group.append(sample.signal if now == was else [sample.signal, *now])
        newest[sample.signal] = now
    return groups


def prune(folder: Path, total_max: int) -> None:
    """Remove the oldest segments until the rest is at most ``total_max`` bytes."""
    segments = sorted(folder.glob("journal-*"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    total = 0
    for path in segments:
        total += path.stat().st_size
        if total > total_max:
            path.unlink()
