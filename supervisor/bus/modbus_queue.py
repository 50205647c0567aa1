"""The order in which one Modbus endpoint is asked. Pure: no clock, no wire.

Rules
* Writes go ahead of reads. Among themselves both keep their order.
* A newer write that covers an older, unsent one (same unit and address, at least as long) takes its place in the
  queue: the sequence in which a device is told stays as its driver wrote it.
* A read that the same device already waits for is not queued again; one answer serves both.
* Both queues are bounded; what must leave is handed back, so that its driver hears of it.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from drivers.contract import ReadRegisters, WriteRegisters

QUEUE_MAX = 64  # of reads, and of writes


class Job(NamedTuple):
    """One ask of one device. ``expires_ms``: only for writes."""

    device: int
    ask: ReadRegisters | WriteRegisters
    expires_ms: int | None = None


class Jobs:
    """What waits for one endpoint."""

    def __init__(self) -> None:
        self._writes: deque[Job] = deque()
        self._reads: deque[Job] = deque()

    def __len__(self) -> int:
        return len(self._writes) + len(self._reads)

    def put(self, job: Job) -> Job | None:
        """Queue it. Returns the job that had to leave for it: one that it replaces, or the oldest of a full queue."""
        if isinstance(job.ask, WriteRegisters):
            return self._replace(job, job.ask) or _append(self._writes, job)
        return None if job in self._reads else _append(self._reads, job)

    def next(self) -> Job | None:
        """The job to do now; it leaves the queue."""
        if self._writes:
            return self._writes.popleft()
        return self._reads.popleft() if self._reads else None

    def _replace(self, job: Job, newer: WriteRegisters) -> Job | None:
        for place, waiting in enumerate(self._writes):
            older = waiting.ask
            if isinstance(older, WriteRegisters) and _covers(newer, older):
                self._writes[place] = job
                return waiting
        return None


def _covers(newer: WriteRegisters, older: WriteRegisters) -> bool:
    same = (newer.unit, newer.address) == (older.unit, older.address)
    return same and len(newer.words) >= len(older.words)


def _append(queue: deque[Job], job: Job) -> Job | None:
    left = queue.popleft() if len(queue) >= QUEUE_MAX else None
    queue.append(job)
    return left
