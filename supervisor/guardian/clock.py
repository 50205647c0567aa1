"""The guardian's clock: monotonic milliseconds, the only time that anything in this project acts on."""

from __future__ import annotations

import time


def now_ms() -> int:
    """CLOCK_MONOTONIC in ms, shared by all processes of the machine; a jump of the wall clock does not show in it."""
    return time.monotonic_ns() // 1_000_000


def left_s(due_ms: int) -> float:
    """Seconds until ``due_ms``, finer than the clock that is acted on: a wait that is rounded up is a late cycle."""
    return due_ms / 1_000 - time.monotonic()
