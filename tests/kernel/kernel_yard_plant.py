"""The plant of the toy yard: iron that can go wrong in every way, and the currents that follow from where it stands.

It shares nothing with the kernel but what a wire would carry: coils in, readings out. It counts what physically
happened: currents that were broken as told (``arcs``) or by falling off (``drops``), two feeders on one conductor
(``clashes``), changes of a coil.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

PHASES_COUNT, ZERO_MA, HOUR_MS = 3, 500, 3_600_000


@dataclass
class Contact:
    """One contactor's iron. ``coil``: what it was told last; ``travel_ms``: what it really needs.

    ``welded``: once closed it stays so; ``dead``: it opens, for good; ``foreign``: somebody else holds it
    closed; ``bounce_ms``: after each movement its feedback flickers for so long; ``chatters``: energised, it falls off
    and comes back every ``chatters`` ms (0: no); ``wire``: its feedback arrives."""

    closed: bool = False
    coil: int = 0
    coil_ms: int = 0
    moved_ms: int = -HOUR_MS
    changes: int = 0
    load_ma: int = 0
    travel_ms: int = 80
    welded: bool = False
    dead: bool = False
    foreign: bool = False
    bounce_ms: int = 0
    chatters: int = 0
    wire: bool = True
    node: bool = True

    def told(self, output: int | None, load_ma: int, now_ms: int) -> None:
        """``load_ma``: what flows through it at this moment."""
        if output is not None and output != self.coil:
            self.coil, self.coil_ms, self.changes, self.load_ma = output, now_ms, self.changes + 1, load_ma

    def moves(self, sagging: bool, now_ms: int) -> bool:
        """Its main contact, a moment later."""
        pulled = self.coil == 1 and not self.dead and not sagging
        if pulled and self.chatters:
            pulled = (now_ms - self.coil_ms) // self.chatters % 2 == 0
        settled = now_ms - self.coil_ms >= self.travel_ms
        closed = pulled if settled or (self.closed and not pulled and self.coil == 1) else self.closed
        return self.foreign or closed or (self.welded and self.closed)

    def shown(self, now_ms: int) -> int | None:
        if not self.wire:
            return None
        flickers = now_ms - self.moved_ms < self.bounce_ms and (now_ms - self.moved_ms) // 50 % 2 == 1
        return int(self.closed) ^ flickers


@dataclass
class Plant:
    """``stubborn_ma``: what the car draws whatever it is told. ``meter``: fine, stale, frozen, unplugged (0 A), sign
    (all negative), invalid. ``sag_ms``: the coils' supply is down until then. ``fed``: somebody else feeds the bus.
    ``alarm``: None is no value.
    ``feeds``: the phases behind each contact; ``apart``: pairs that must never be closed together."""

    contacts: list[Contact]
    feeds: Sequence[tuple[int, ...]]
    apart: Sequence[tuple[int, int]]
    stubborn_ma: int = 0
    meter: str = "fine"
    box: str = "fine"
    sag_ms: int = 0
    sags: int = 0
    fed: bool = False
    alarm: int | None = 0
    flow_ma: tuple[int, ...] = (0,) * PHASES_COUNT
    held: dict[str, int] = field(default_factory=dict)
    arcs: list[tuple[int, int, int]] = field(default_factory=list)
    drops: list[tuple[int, int, int]] = field(default_factory=list)
    clashes: list[int] = field(default_factory=list)

    def advance(self, coils: Sequence[int | None], limit_ma: int, now_ms: int) -> None:
        """Contacts move as their coils were told, currents follow. ``limit_ma``: what the car may draw."""
        for number, iron in enumerate(self.contacts):
            flows = max((abs(self.flow_ma[phase]) for phase in self.feeds[number]), default=0)
            iron.told(coils[number], flows, now_ms)
            closed = iron.moves(now_ms < self.sag_ms, now_ms)
            if closed != iron.closed:
                if not closed and flows > ZERO_MA:
                    own = iron.coil == 1 or iron.load_ma <= ZERO_MA  # it fell off, or the flow began after the word
                    (self.drops if own else self.arcs).append((now_ms, number, flows))
                iron.closed, iron.moved_ms = closed, now_ms
        if any(self.contacts[first].closed and self.contacts[other].closed for first, other in self.apart):
            self.clashes.append(now_ms)
        draws = max(self.stubborn_ma, limit_ma)
        live = {p for n, iron in enumerate(self.contacts) if iron.closed for p in self.feeds[n]}
        self.flow_ma = tuple(draws if phase in live else 0 for phase in range(PHASES_COUNT))

    def readings(self, now_ms: int) -> dict[str, int | None]:
        """What everybody says now; whoever is silent is not in it."""
        said: dict[str, int | None] = dict.fromkeys(("panel.reset", "panel.key", "panel.button"), 0)
        said["guard.alarm"] = self.alarm
        said |= self._currents("meter", self.meter) | self._currents("box", self.box)
        said["bus.voltage"] = 230_000 if self.fed or any(iron.closed for iron in self.contacts) else 0
        for number, iron in enumerate(self.contacts, 1):
            if iron.node:
                said |= {f"k{number}.alive": 1, f"k{number}.contact": iron.shown(now_ms)}
        return said

    def _currents(self, name: str, mood: str) -> dict[str, int | None]:
        if mood == "stale":
            return {}
        ids = [f"{name}.current_l{n}" for n in range(1, PHASES_COUNT + 1)]
        if mood == "invalid":
            return dict.fromkeys(ids)
        if mood == "unplugged":
            return dict.fromkeys(ids, 0)
        sign = -1 if mood == "sign" else 1
        if mood != "frozen":
            self.held |= {one: sign * flow for one, flow in zip(ids, self.flow_ma, strict=True)}
        return {one: self.held.get(one, 0) for one in ids}
