"""Plain log lines on standard error, "LEVEL message", in which nothing can repeat itself without end."""

from __future__ import annotations

import logging

from supervisor.bus.ports import Clock
from supervisor.lines import Lines

EVERY_MS = 5_000
KEYS_MAX = 500  # kinds of lines remembered; when there are more, all are forgotten and may be said again


class Sparing(logging.Filter):
    """Lets each line through once in EVERY_MS and says how many were left out meanwhile."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}  # -> (when said last, left out since)

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a line that was said a moment ago."""
        now_ms, key = self._clock(), (record.name, record.getMessage())
        if len(self._seen) > KEYS_MAX:
            self._seen.clear()
        said_ms, left_out = self._seen.get(key, (now_ms - EVERY_MS, 0))
        if now_ms - said_ms < EVERY_MS:
            self._seen[key] = (said_ms, left_out + 1)
            return False
        self._seen[key] = (now_ms, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like this)", ()
        return True


def set_up(clock: Clock) -> None:
    """Once, at the start of a process."""
    handler = Lines()
    handler.addFilter(Sparing(clock))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("can").setLevel(logging.ERROR)
