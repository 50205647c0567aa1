"""How a limit latches, and what ends that: ``latch``, ``recovers_after`` and ``repeats`` (docs/latches.md).

    latch: nuisance
    recovers_after: 30 min
    repeats: 3 in 24 h

Rules
* Only a nuisance latch recovers by itself, and not sooner than its row clears.
* What repeats too often becomes a danger latch; a row that is one already has nothing to become.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from supervisor.kernel.trip import Latch
from supervisor.loader.documents import Item
from supervisor.loader.quantity import duration

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
REPEATS_MIN, REPEATS_MAX = 2, 20
REPEATS = re.compile(r"(\d{1,3}) in (\S.*)")


@dataclass(frozen=True)
class Latching:
    """As the fields of :class:`supervisor.kernel.trip.Rule` with the same names."""

    latch: Latch
    recovers_ms: int | None
    repeats: int | None
    repeats_ms: int


def read_latching(item: Item, clear_ms: int) -> Latching:
    """What a limit says about latching. ``clear_ms``: how long its cause must have gone in any case."""
    given = item.get("latch")
    latch = Latch(given.one_of([latch.value for latch in Latch])) if given is not None else Latch.NONE
    recovers_ms = _recovers(item.get("recovers_after"), latch, clear_ms)
    repeats, repeats_ms = _repeats(item.get("repeats"), latch)
    return Latching(latch, recovers_ms, repeats, repeats_ms)


def _recovers(item: Item | None, latch: Latch, clear_ms: int) -> int | None:
    if item is None:
        return None
    if latch is not Latch.NUISANCE:
        raise item.error(f"only a nuisance latch recovers by itself; this row's latch is '{latch.value}'")
    recovers_ms = duration(item, 1_000, WEEK_MS)
    if recovers_ms < clear_ms:
        raise item.error(
            f"it cannot recover before its cause counts as gone, which takes {clear_ms // 1000} s ('clear')"
        )
    return recovers_ms


def _repeats(item: Item | None, latch: Latch) -> tuple[int | None, int]:
    if item is None:
        return None, 0
    match = REPEATS.fullmatch(item.text().strip())
    if match is None:
        raise item.error(f"'{item.text()}' is no count in a time; write for example '3 in 24 h'")
    if latch is Latch.DANGER:
        raise item.error("this row is a danger latch at its first trip already; remove 'repeats'")
    repeats = int(match[1])
    if not REPEATS_MIN <= repeats <= REPEATS_MAX:
        raise item.error(
            f"{repeats} is not within {REPEATS_MIN}..{REPEATS_MAX}; for the first trip write 'latch: danger'"
        )
    return repeats, duration(Item(item.file, item.line, item.path, match[2]), 60_000, WEEK_MS)
