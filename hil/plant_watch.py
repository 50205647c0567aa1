"""What the plant remembers of contacts that moved: switching that wears them out, and positions that are dangerous.

Rules: a danger is latched, and every beginning of one is a note in the trace. A contact has broken under load when it
opened, more than 1 A flowed through one of its wires, and no other contact took the current over. Two movements that
are heard of at once count as the worse order of the two.
It must never prevent anything and never forget: tests judge from it that something did not happen, ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from hil.plant_wiring import Closed, Path, Wires
from hil.sim.device import NEVER_MS, Json

KEPT = 1000  # entries of a list: a demonstration may run for weeks
LOAD_A = 1.0
BOND_MS = 200


class Note(Protocol):
    """How a line gets into the trace."""

    def __call__(self, now_ms: int, what: str, **fields: object) -> None: ...


class Watch:
    """Hears of every movement, and of the time that passes between them."""

    def __init__(self, wires: Wires, note: Note) -> None:
        self._wires, self._note = wires, note
        self._closed: Closed = frozenset()
        self._unbonded_ms: int | None = None  # since when an island has been without its bond
        self._latched: dict[str, bool] = {}
        if wires.inverters:
            self._latched["short"] = False
        if wires.bus is not None:
            self._latched |= dict.fromkeys(("backfeed", "island_without_bond", "bond_on_grid"), False)
        self._broken: deque[Json] = deque(maxlen=KEPT)
        self._onto_live: deque[Json] = deque(maxlen=KEPT)

    def pass_time(self, now_ms: int) -> None:
        """Nothing has moved until now."""
        if self._unbonded_ms is not None and now_ms - self._unbonded_ms > BOND_MS:
            self._latch("island_without_bond", now_ms)
            self._unbonded_ms = NEVER_MS  # once for each time

    def move(self, closed: Closed, paths: Iterable[Path], was_live: bool, now_ms: int) -> dict[int, float]:
        """The contacts have moved to `closed`; `paths` and `was_live` tell how it was before.

        Returns those that broke a load, with its A."""
        before, self._closed = self._closed, closed
        broken = self._find_broken(before, paths, now_ms)
        if strings := set(self._wires.shorted(closed)) - set(self._wires.shorted(before)):
            self._latch("short", now_ms, strings=sorted(strings))
        if self._wires.bus is not None:
            self._judge_bus(before, was_live, now_ms)
        return broken

    def _find_broken(self, before: Closed, paths: Iterable[Path], now_ms: int) -> dict[int, float]:
        broken: dict[int, float] = {}
        for path in paths:
            if path.ampere > LOAD_A and path.conducts(before) and not path.conducts(self._closed):
                for contact in (before - self._closed).intersection(path.contacts):
                    broken[contact] = max(path.ampere, broken.get(contact, 0.0))
        for contact, ampere in sorted(broken.items()):
            self._broken.append({"contact": contact, "ampere": ampere, "t": now_ms})
            self._note(now_ms, "broken_under_load", contact=contact, ampere=ampere)
        return dict(sorted(broken.items()))

    def _judge_bus(self, before: Closed, was_live: bool, now_ms: int) -> None:
        bus, closed = self._wires.bus, self._closed
        assert bus is not None
        for contact in sorted((closed - before) & {bus.grid, bus.island}) if was_live else ():
            self._onto_live.append({"contact": contact, "t": now_ms})
            self._note(now_ms, "closed_onto_live", contact=contact)
        for danger, contacts in (("backfeed", {bus.grid, bus.island}), ("bond_on_grid", {bus.grid, bus.bond})):
            if contacts <= closed and not contacts <= before:
                self._latch(danger, now_ms)
        if bus.island not in closed or bus.bond in closed:
            self._unbonded_ms = None
        elif self._unbonded_ms is None:
            self._unbonded_ms = now_ms

    def _latch(self, danger: str, now_ms: int, **fields: object) -> None:
        self._latched[danger] = True
        self._note(now_ms, danger, **fields)

    def state(self) -> Json:
        """What has happened so far; only what the wiring of this house allows to happen is mentioned."""
        onto_live: Json = {"closed_onto_live": list(self._onto_live)} if self._wires.bus is not None else {}
        return {**self._latched, "broken_under_load": list(self._broken), **onto_live}
