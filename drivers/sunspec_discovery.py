"""Where the information models of a SunSpec device stand: found out by asking, two registers at a time.

Theory of operation
* A base is one where "SunS" stands; behind it a chain of models, each opening with its identifier and its length.
* A base that does not answer or makes no sense leads to the next one; after the last one the search rests for 5 s.
* An unknown model is passed by. A known one with a length that its table does not have ends the walk: what follows
  would be read from the wrong place.

This file must never write, guess an address, or ask for more of a model than its head.

Source: SunSpec Alliance, the rules of discovery.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from drivers.contract import Defect, DefectKind, ReadRegisters, RegisterTable
from drivers.modbus_poll import LOST_MS
from drivers.sunspec_table import HEAD, SunSpecTable

SUNS = (0x5375, 0x6E53)
MODELS_MAX = 40
SEARCH_REST_MS = 5_000


class Astray(Exception):
    """A base whose registers are no chain of models with what we need. The text says what stands there."""


def walk(table: SunSpecTable, base: int, wanted: Sequence[int]) -> Generator[int, tuple[int, int], Mapping[int, int]]:
    """Yields the address of two registers at a time and is sent what they hold; returns model -> its address.

    Ends as soon as all ``wanted`` models have been found. Raises Astray.
    """
    if (yield base) != SUNS:
        raise Astray(f"no SunS at {base}")
    at, places = base + HEAD, dict[int, int]()
    for _ in range(MODELS_MAX):
        identifier, length = yield at
        if identifier == table.end:
            break
        known = table.models.get(identifier)
        if length == 0 or (known is not None and length not in known.lengths):
            raise Astray(f"model {identifier} at {at} has L {length}")
        places.setdefault(identifier, at)
        if places.keys() >= set(wanted):
            return places
        at += HEAD + length
        if at + HEAD > 0xFFFF:
            raise Astray(f"model {identifier} ends beyond the last register")
    missing = " and ".join(str(model) for model in wanted if model not in places)
    raise Astray(f"base {base}: no model {missing} among {MODELS_MAX} models or before the end of the chain")


class Search:
    """Walks one base after the other, one question at a time; nothing is asked before ``quiet_until_ms``."""

    def __init__(self, table: SunSpecTable, unit: int, bases: Sequence[int], wanted: Sequence[int]) -> None:
        self._table, self._unit, self._bases, self._wanted = table, unit, bases, wanted
        self.quiet_until_ms = 0
        self._begin(0)

    def _begin(self, base: int) -> None:
        self._base = base
        self._walk = walk(self._table, self._bases[base], self._wanted)
        self._at = next(self._walk)
        self._asked: ReadRegisters | None = None
        self._asked_ms = 0

    def poll(self, now_ms: int) -> ReadRegisters | None:
        """The next question, or None while an answer is awaited (never longer than LOST_MS)."""
        if self._asked is not None and now_ms - self._asked_ms < LOST_MS:
            return None
        self._asked, self._asked_ms = ReadRegisters(self._unit, RegisterTable.HOLDING, self._at, HEAD), now_ms
        return self._asked

    def answered(
        self, ask: ReadRegisters, words: Sequence[int] | None, now_ms: int
    ) -> Mapping[int, int] | Defect | None:
        """Where the models stand, once that is known; or what is wrong. ``words`` None: no answer, next base."""
        if ask != self._asked:
            return None
        self._asked, self.quiet_until_ms = None, now_ms + self._table.request_gap_ms
        if words is None or len(words) != HEAD:
            self._next_base(now_ms)
            return None if words is None else Defect(DefectKind.SHORT_REPLY, f"{len(words)} of {HEAD} registers")
        try:
            self._at = self._walk.send((words[0], words[1]))
        except StopIteration as found:
            places: Mapping[int, int] = found.value
            self._begin(0)
            return places
        except Astray as astray:
            self._next_base(now_ms)
            return Defect(DefectKind.GARBAGE, str(astray))
        return None

    def _next_base(self, now_ms: int) -> None:
        base = (self._base + 1) % len(self._bases)
        if base == 0:
            self.quiet_until_ms = now_ms + SEARCH_REST_MS
        self._begin(base)
