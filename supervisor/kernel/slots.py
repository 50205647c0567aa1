"""Counting what happened within a window of time: never more than so many in any minute, or in any hour.

The window is cut into SLOTS slots, and only those in which something happened are kept, so that the memory is bounded
however often it happens. What counts is the running slot and the SLOTS before it, which cover every window that ends
now: the count is exact or, at the far end, up to one slot on the strict side.
"""

from __future__ import annotations

SLOTS = 60
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
Slots = tuple[tuple[int, int], ...]
"""(number of the slot, how often) in order."""


def used(slots: Slots, window_ms: int, now_ms: int) -> int:
    """How often it happened within the window that ends now."""
    first = now_ms // (window_ms // SLOTS) - SLOTS
    return sum(count for slot, count in slots if slot >= first)


def added(slots: Slots, window_ms: int, now_ms: int) -> Slots:
    """It happened once more, now; what no window reaches any longer is forgotten."""
    now = now_ms // (window_ms // SLOTS)
    kept = [(slot, count) for slot, count in slots if now - SLOTS <= slot]
    if kept and kept[-1][0] == now:
        return (*kept[:-1], (now, kept[-1][1] + 1))
    return (*kept, (now, 1))


def wait_ms(slots: Slots, most: int, window_ms: int, now_ms: int) -> int:
    """How long until it may happen again when it may happen ``most`` times in a window; 0 when it may now."""
    width_ms = window_ms // SLOTS
    left, wait = used(slots, window_ms, now_ms), 0
    for slot, count in slots:
        if left < most:
            break
        free_ms = (slot + SLOTS + 1) * width_ms - now_ms
        if free_ms > 0:  # else it is not counted any longer
            left, wait = left - count, free_ms
    return wait
