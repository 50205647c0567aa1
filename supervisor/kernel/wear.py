"""What a contactor has been through, and when it may move again. Times in ms.

Closings are budgeted: each takes its share of an hour, and they may come in a row until the hour is spent. Failures in
a row make the pauses longer, and after FAILURES_MAX of them only a local reset lets it try again (hazards H11, H29).
"""

from __future__ import annotations

import msgspec

from supervisor.kernel.state import Wear
from supervisor.kernel.switchgear import Contactor

HOUR_MS = 3_600_000
FAILURES_MAX = 3
FORGET_MS = HOUR_MS
"""A failure this long ago is no longer one in a row."""
REST_MS = 5_000
"""How long a contactor that failed is left alone; twice as long after the next failure."""
replace = msgspec.structs.replace


def budget_ms(contactor: Contactor, wear: Wear, now_ms: int) -> int:
    """How long it must wait before it may close once more; 0 when it may now."""
    if contactor.per_hour == 0:
        return 0
    return max(wear.due_ms - now_ms - (HOUR_MS - HOUR_MS // contactor.per_hour), 0)


def closes(contactor: Contactor, wear: Wear, now_ms: int) -> Wear:
    """It is told to close."""
    share_ms = HOUR_MS // contactor.per_hour if contactor.per_hour else 0
    return replace(wear, closings=wear.closings + 1, due_ms=max(wear.due_ms, now_ms) + share_ms)


def opens(wear: Wear, under_load: bool) -> Wear:
    """It is told to open, or has opened by itself."""
    return replace(wear, broken=wear.broken + under_load)


def fails(wear: Wear, now_ms: int) -> Wear:
    """It did not do what it was told, or dropped."""
    in_a_row = wear.failures if spent(wear) or now_ms - wear.failed_ms < FORGET_MS else 0
    return replace(wear, failures=in_a_row + 1, failed_ms=now_ms)


def mended(wear: Wear) -> Wear:
    """Somebody has looked after it."""
    return replace(wear, failures=0)


def spent(wear: Wear) -> bool:
    """Has it failed too often to be trusted with another try?"""
    return wear.failures >= FAILURES_MAX


def rest_ms(wear: Wear) -> int:
    """How long it is left alone after its last failure."""
    return REST_MS << min(max(wear.failures - 1, 0), FAILURES_MAX)
