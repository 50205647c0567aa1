"""What becomes of a state when the world stays as it is: the two promises that are about the end of a way (I5, I7).

A world is a wish, how each contact behaves, and whether zero flow can be proven. A run is a sequence of whole cycles;
a time-out passes only when nothing else can move, a contactor's before the changeover's.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from supervisor.kernel import arbitration, interlock
from supervisor.kernel.machine import Machine
from supervisor.kernel.signal import MISSING
from supervisor.kernel.state import Proven, Switch
from tests.prove.model import PROOF, PROVEN, SPENT, STATE, UNPROVEN, WANTED, Model, shift
from tests.prove.moves import NOW_MS, Inputs, Push

BEHAVIOURS = {
    "obeys": {1: "closed", 0: "open", None: "open"},
    "is stuck open": {1: "open", 0: "open", None: "open"},
    "is stuck closed": {1: "closed", 0: "closed", None: "closed"},
    "shows nothing": {1: "nothing", 0: "nothing", None: "nothing"},
    "never shows closed": {1: "nothing", 0: "open", None: "open"},
    "never shows open": {1: "closed", 0: "nothing", None: "nothing"},
}
"""What a contact shows for what its coil is told."""


class World(NamedTuple):
    """A world that stays as it is."""

    wish: int
    contacts: tuple[str, ...]
    calm: bool = True
    reset: bool = False


class Runs:
    """Runs of a model, with every distinct micro-step computed once."""

    def __init__(self, model: Model, views: list[int]) -> None:
        self.model, self.views = model, views
        self._pushed: dict[tuple[int, bool, Push], int] = {}
        self._turned: dict[tuple[int, int, Inputs], tuple[int, bool]] = {}

    def cycle(self, x: int, world: World, late: bool, later: bool) -> tuple[int, bool]:
        """One cycle: the state after it, and whether a failure was counted."""
        model = self.model
        shows = [BEHAVIOURS[world.contacts[member]][model.coil(x, member)] for member in range(model.size)]
        for member, name in enumerate(model.names(x)):
            proven = shows[member] == ("closed" if name == "closed" else "open")
            x |= (PROVEN if proven else UNPROVEN) << shift(member) + PROOF
        x = x & ~0xFF | self._push(x, world, later)
        failures = False
        for member in range(model.size):
            at = shift(member)
            spent = x >> at & SPENT
            failed = ((3 if spent else 2) if model.shape.counts else 0, NOW_MS)
            inputs = Inputs(
                shows[member], late, "", late, late, late, "", failed, charged=True, calm=world.calm, reset=world.reset
            )
            key = (x & self.views[member], member, inputs)
            if key not in self._turned:
                self._turned[key] = model.turned(x, member, inputs)
            byte, fails = self._turned[key]
            shown = PROVEN if shows[member] == "open" else UNPROVEN
            x = x & ~(0xFF << at) | (byte & (STATE | SPENT) | shown << PROOF) << at
            failures = failures or fails
        return x & ~sum((WANTED | 3 << PROOF) << shift(member) for member in range(model.size)), failures

    def _push(self, x: int, world: World, late: bool) -> int:
        key = (x & self.model.heeds(x), world.calm, Push(world.wish, False, False, late, True))
        if key not in self._pushed:
            self._pushed[key] = self.model.pushed(*key)
        return self._pushed[key]

    def next(self, x: int, world: World) -> tuple[int, bool]:
        """The next state that differs; the same when nothing moves any more."""
        for late, later in ((False, False), (True, False), (True, True)):
            after, fails = self.cycle(x, world, late, later)
            if after != x:
                return after, fails
        return x, False

    def stray(self, starts: set[int], world: World) -> list[int]:
        """A way from one of ``starts`` that does not end as it should; empty when all do."""
        good: set[int] = set()
        for start in starts:
            way, x = [start], start
            known = {start}
            while x not in good:
                after, _ = self.next(x, world)
                if after == x:
                    if not self.rests(x, world):
                        return way
                    break
                if after in known:
                    return [*way, after]
                way.append(after)
                known.add(after)
                x = after
            good |= known
        return []

    def rests(self, x: int, world: World) -> bool:
        """Is this a good end: the wished place with every contactor where it belongs? Without a reset: a rest or a
        fault, and nothing closed that does not belong there."""
        _, at, _ = self.model.switches[x & 0xFF]
        place, names = self.model.places[at].members, self.model.names(x)
        if self.model.name(x) == "faulted":
            place = ()
        tidy = all(
            name == "closed" if member in place else name in (*interlock.SHOWN_OPEN, "welded")
            for member, name in enumerate(names)
        )
        if world.reset:
            return tidy and self.model.name(x) == "resting" and at == world.wish and "welded" not in names
        return self.model.name(x) in ("resting", "faulted") and tidy

    def whirl(self, start: int, world: World) -> list[int]:
        """A cycle from ``start`` that moves a coil and counts no failure; empty when there is none."""
        way, counted, x = [start], [], start
        while True:
            after, fails = self.next(x, world)
            if after == x:
                return []
            counted.append(fails)
            if after in way:
                first = way.index(after)
                ring = [*way[first:], after]
                moves = any(
                    self.model.coil(a, m) != self.model.coil(b, m)
                    for a, b in zip(ring, ring[1:], strict=False)  # noqa: RUF007  pairs of a short list
                    for m in range(self.model.size)
                )
                return [*way, after] if moves and not any(counted[first:]) else []
            way.append(after)
            x = after


def benign(model: Model) -> Iterator[World]:
    """Every wish in a world where all contacts obey, zero flow can be proven and reset is pressed; and without it."""
    last = len(model.places) - 1
    for wish in range(last + 1) if model.size < 4 else (0, last):  # of four contactors only two wishes: they are many
        yield World(wish, ("obeys",) * model.size, True, True)
    yield World(last, ("obeys",) * model.size, True, False)


def constant(model: Model) -> Iterator[World]:
    """Every wish with every mix of behaviours, zero flow provable or not."""
    for wish, calm in product(range(len(model.places)), (True, False)):
        for contacts in product(BEHAVIOURS, repeat=model.size):
            yield World(wish, contacts, calm)


def undrained(model: Model) -> list[str]:
    """The changeover's states in which its drains do not act although it does not rest, or do although it rests."""
    wrong = []
    states = [model.standing(0, True, NOW_MS)] * len(model.plan.targets)
    for state, name in enumerate(model.change.states):
        switch = Switch(Machine(state, NOW_MS), 0, 0, None, (), (), NOW_MS, "")
        image = (MISSING,) * len(model.plan.signals)
        spans, _ = arbitration.envelopes(
            model.plan, image, (), tuple(states), Proven((), ()), (switch,), 0, NOW_MS
        )  # fmt: skip
        if (spans[-1].hi == 0) != (name != "resting"):
            wrong.append(name)
    return wrong
