"""The watchdog's side of the guardian: fed only after a complete and timely cycle, with every worker fresh.

Under systemd the feed is ``WATCHDOG=1`` on NOTIFY_SOCKET; without it feeding is counted and nothing else. Buses are not
watched here: one that dies costs its bus and is restarted by its own keeper.

How near it came to withholding a feed is its *slack*: what the slowest worker had left before it counted as hung. The
smallest of this minute and the one before is kept, so that whoever looks four times a minute misses nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

WORKER_MAX_NS = 5_000_000_000  # a worker that has not turned its loop for this long is taken as hung
FEED_EVERY_NS = 200_000_000
MINUTE_NS = 60_000_000_000


class Watchdog:
    """``workers``: for each, a function that tells when (monotonic ns) it last turned its loop."""

    def __init__(self, workers: dict[str, Callable[[], int]]) -> None:
        self._workers = workers
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None
        self._fed_ns = 0
        self._minute_ns = 0
        self._slack_ns, self._slack_before_ns = WORKER_MAX_NS, WORKER_MAX_NS
        self.fed = 0
        self.withheld = 0

    def ready(self) -> None:
        """The first complete cycle is done."""
        self._say(b"READY=1")

    def cycle(self, timely: bool) -> None:
        """A cycle has been completed; feed if it was timely and every worker is fresh."""
        now = time.monotonic_ns()
        if self._look(now) < 0 or not timely:
            self.withheld += 1
        elif now - self._fed_ns >= FEED_EVERY_NS:
            self._fed_ns = now
            self.fed += 1
            self._say(b"WATCHDOG=1")

    @property
    def slack_ms(self) -> int:
        """The smallest slack of this minute and the one before; below zero a worker was hung."""
        return min(self._slack_ns, self._slack_before_ns) // 1_000_000

    def _look(self, now_ns: int) -> int:
        """What the slowest worker has left now."""
        left = WORKER_MAX_NS
        for alive_ns in self._workers.values():
            left = min(left, WORKER_MAX_NS - (now_ns - alive_ns()))
        if now_ns >= self._minute_ns:
            self._minute_ns = now_ns + MINUTE_NS
            self._slack_before_ns, self._slack_ns = self._slack_ns, WORKER_MAX_NS
        self._slack_ns = min(self._slack_ns, left)
        return left

    def hung(self, now_ns: int) -> list[str]:
        """The names of workers that have not turned their loop."""
        return [name for name, alive_ns in self._workers.items() if now_ns - alive_ns() > WORKER_MAX_NS]

    def _say(self, word: bytes) -> None:
        if self._socket is None:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            self._socket.sendto(word, address)
        except OSError:
            self.withheld += 1
