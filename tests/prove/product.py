"""The product of a changeover and its contactors, explored to closure, and what must hold in all of it."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from unittest.mock import patch

from supervisor.kernel import changeover
from tests.prove.model import PROOF, SPENT, WANTED, Model, shift
from tests.prove.moves import Outcome
from tests.prove.runs import Runs, World, benign, constant, undrained
from tests.prove.shapes import Shape

INVARIANTS = {
    "I1": "no two contactors that exclude each other are ever commanded together, whatever the feedbacks say",
    "I2": "a coil goes to 1 only while every contactor that excludes it is shown open in the same cycle",
    "I3": "no coil moves before its proof: zero flow, rating or an open contact; dead time, dead bus, those before it",
    "I4": "nothing leaves a latch, and nothing closes after it, without a local reset",
    "I5": "with a benign world every wish is reached from every state, and without a reset a safe rest",
    "I6": "the drains act in every state but resting, and an abort before the first movement has moved nothing",
    "I7": "no coil changes for ever while world and wish stay the same",
}


@dataclass
class Explored:
    """What was found. ``broken``: invariant -> the shortest trace in words."""

    shape: Shape
    states: int = 0
    transitions: int = 0
    seconds: float = 0.0
    broken: dict[str, list[str]] = field(default_factory=dict)
    taken: set[tuple[str, str]] = field(default_factory=set)
    told: dict[str, list[set[int | None]]] = field(default_factory=dict)


class Explorer:
    """All reachable states of a model, layer by layer; a layer is what one more cycle reaches."""

    def __init__(self, model: Model) -> None:
        self.model, self.size = model, model.size
        self.result = Explored(model.shape)
        self.layers: list[set[int]] = []
        self.seen: set[int] = set()
        self._heeds: dict[int, int] = {}
        self._strip = ~sum((WANTED | 3 << PROOF) << shift(member) for member in range(self.size))
        self._views = [sum(0xFF << shift(one) for one in (member, *model.mates[member])) for member in range(self.size)]
        self._own = [~(0xFF << shift(member)) for member in range(self.size)]
        self._proofs: dict[int, list[int]] = {}
        self._changes: dict[int, dict[int, Outcome]] = {}
        self._turns: list[dict[int, tuple[list[int], list[int], bool]]] = [{} for _ in range(self.size)]
        self._broken: set[str] = set()

    def explore(self, until: str = "") -> Explored:
        """To closure, or until the invariant ``until`` breaks."""
        began = time.perf_counter()
        frontier = {self.model.start()}
        self.seen |= frontier
        while frontier:
            self.layers.append(frontier)
            reached = {self.model.restarted(x) for x in frontier}
            before = set(self._broken)
            reached |= self._expand(frontier)
            for invariant in sorted(self._broken - before):
                self.result.broken[invariant] = self.trace(invariant)
            if until in self._broken:
                return self.result
            self.result.transitions += len(reached)
            frontier = reached - self.seen
            self.seen |= frontier
        self.result.states = len(self.seen)
        self.end()
        self.result.taken = self.model.taken
        for x in self.seen:
            told = self.result.told.setdefault(self.model.name(x), [set() for _ in range(self.size)])
            for member, coils in enumerate(told):
                coils.add(self.model.coil(x, member))
        self.result.seconds = time.perf_counter() - began
        return self.result

    def changes(self, x: int) -> dict[int, Outcome]:
        """What the changeover may do, computed once."""
        mask = self._heeds.get(x & 0xFF)
        if mask is None:
            mask = self._heeds[x & 0xFF] = self.model.heeds(x)
        key = x & mask
        found = self._changes.get(key)
        if found is None:
            found = self._changes[key] = self.model.changes(key)
            self._break(word for outcome in found.values() for word in outcome.wrong)
        return found

    def proofs(self, x: int) -> list[int]:
        key = x >> 8
        if key not in self._proofs:
            self._proofs[key] = self.model.proofs(x)
        return self._proofs[key]

    def _break(self, wrong: Iterator[str] | list[str]) -> None:
        self._broken |= {word[:2] for word in wrong}

    def _expand(self, frontier: set[int]) -> set[int]:
        running: set[int] = set()
        for x in frontier:
            base = x & ~0xFF
            for proof in self.proofs(x):
                for low in self.changes(x | proof):
                    running.add(base | low | proof)
        for member in range(self.size):
            running = self._turn(running, member)
        strip = self._strip
        return {x & strip for x in running}

    def _turn(self, running: set[int], member: int) -> set[int]:
        known, view, rest, at = self._turns[member], self._views[member], self._own[member], shift(member)
        after: set[int] = set()
        add = after.add
        for x in running:
            key = x & view
            found = known.get(key)
            if found is None:
                outcomes = self.model.turns(x, member)
                self._break(word for outcome in outcomes.values() for word in outcome.wrong)
                quiet = [byte << at for byte, outcome in outcomes.items() if not outcome.closes]
                closes = [byte << at for byte, outcome in outcomes.items() if outcome.closes]
                seen = any(outcome.found for outcome in outcomes.values())
                found = known[key] = (quiet, closes, seen)
            base = x & rest
            for byte in found[0]:
                add(base | byte)
            for byte in found[1]:
                self._break(self.model.closed(base | byte, member, found[2]))
                add(base | byte)
        return after

    # ---- ways to their end ---------------------------------------------------------------------------------------
    def end(self) -> None:
        """I5, I6 and I7: what becomes of states when the world stays as it is."""
        runs = Runs(self.model, self._views)
        for world in benign(self.model):
            if way := runs.stray(self.seen, world):
                self._report("I5", way, world)
        quiet = {x for x in self.seen if self.model.name(x) == "resting" and self._plain(x)}
        for world in constant(self.model) if self.model.shape.counts else ():
            for start in sorted({self.model.start(), *quiet}):
                if way := runs.whirl(start, world):
                    self._report("I7", way, world)
        if states := undrained(self.model):
            self.result.broken["I6"] = [f"the drains are wrong in {', '.join(states)}"]

    def _plain(self, x: int) -> bool:
        spent = any(x >> shift(member) & SPENT for member in range(self.size))
        return not spent and set(self.model.names(x)) <= {"open", "closed"}

    def _report(self, invariant: str, way: list[int], world: World) -> None:
        if invariant in self.result.broken:
            return
        words = f"wished to {self.model.places[world.wish].name}, zero flow is {'' if world.calm else 'not '}proven"
        words += f"{', reset is pressed' if world.reset else ''}; " + ", ".join(
            f"{letter} {how}" for letter, how in zip(self.model.shape.letters, world.contacts, strict=False)
        )
        layer = next(i for i, states in enumerate(self.layers) if way[0] in states)
        lines = [*self.way_to(way[0], layer), f"from now on: {words}", *(f"   {self.shown(x)}" for x in way[1:])]
        self.result.broken[invariant] = [*lines, f"=> {INVARIANTS[invariant]}: not so"]

    # ---- traces --------------------------------------------------------------------------------------------------
    def ways(self, x: int) -> Iterator[tuple[int, list[str], list[str]]]:
        """Every way through one cycle: (state after it, what the world did, what broke)."""
        model = self.model
        for proof in self.proofs(x):
            for low, changed in self.changes(x | proof).items():
                open_ = [((x & ~0xFF) | low | proof, [changed.words], list(changed.wrong))]
                for member in range(self.size):
                    done = []
                    for running, words, wrong in open_:
                        for byte, outcome in model.turns(running, member).items():
                            after = running & self._own[member] | byte << shift(member)
                            broke = [*wrong, *outcome.wrong]
                            if outcome.closes:
                                broke += model.closed(after, member, outcome.found)
                            done.append((after, [*words, outcome.words], broke))
                    open_ = done
                yield from ((after & self._strip, words, wrong) for after, words, wrong in open_)

    def trace(self, invariant: str) -> list[str]:
        """The shortest way to where an invariant breaks, for people."""
        for x in sorted(self.layers[-1]):
            for after, words, wrong in self.ways(x):
                if broke := [word for word in wrong if word.startswith(invariant)]:
                    return [*self.way_to(x, len(self.layers) - 1), self.told(words, after), f"=> {broke[0]}"]
        return ["no trace"]

    def way_to(self, x: int, layer: int) -> list[str]:
        """What the world did to bring it to ``x``, which layer ``layer`` has reached first."""
        lines: list[str] = []
        while layer:
            before, words = self._before(x, layer - 1)
            lines.append(self.told(words, x))
            x, layer = before, layer - 1
        return [f"1. {self.shown(x)}", *(f"{i + 2}. {line}" for i, line in enumerate(reversed(lines)))]

    def _before(self, x: int, layer: int) -> tuple[int, list[str]]:
        for before in sorted(self.layers[layer]):
            if self.model.restarted(before) == x:
                return before, ["a restart"]
            for after, words, _ in self.ways(before):
                if after == x:
                    return before, words
        raise LookupError(self.shown(x))

    def told(self, words: list[str], x: int) -> str:
        return f"{'; '.join(words)} -> {self.shown(x)}"

    def shown(self, x: int) -> str:
        """A state in words."""
        model = self.model
        _, at, goal = model.switches[x & 0xFF]
        way = f"{model.places[at].name}>{model.places[goal].name}"
        spent = [x >> shift(member) & SPENT for member in range(self.size)]
        contactors = (
            f"{model.shape.letters[member]} {name}{' (spent)' if spent[member] else ''}"
            for member, name in enumerate(model.names(x))
        )
        return f"[{model.name(x)} {way}; {', '.join(contactors)}]"


def prove(shape: Shape) -> Explored:
    """One shape with the machines as they are. Nothing here is garbage before the end, so nobody looks for it."""
    gc.disable()
    with patch.object(changeover, "reason", lambda *_: ""):  # words for people decide nothing, and cost a tenth
        return Explorer(Model(shape)).explore()
