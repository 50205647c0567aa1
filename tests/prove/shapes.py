"""The changeovers that are proven: each a small house with nothing but its contactors and one changeover.

A shape names its places and which contactors (by number, in the order in which they close) are closed there. Which
exclude each other follows by the loader's own rule. Signals, per contactor: its contact, and a sign of life of its
node; then one for the bus behind ``onto``, and one for the voltage behind a precharge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from supervisor.kernel.machine import Table
from supervisor.kernel.machines.house import House
from supervisor.kernel.machines.orchestrator import Orchestrator
from supervisor.kernel.plan import Plan, Target
from supervisor.kernel.question import Fresh, Is, TooOld
from supervisor.kernel.signal import Signal, Unit
from supervisor.kernel.switchgear import Changeover, Contactor, Local, Place, Precharge
from supervisor.kernel.trip import Narrowing
from supervisor.loader.assemble import COILS
from supervisor.loader.changeovers import _exclusions
from supervisor.loader.compiler import compile_machine

AGE_MS, GONE_MS = 500, 7_500
TRAVEL_MS, PRECHARGE_MS, LOOK_MS, CALM_MS, DEAD_MS, DWELL_MS = 300, 5_000, 3_000, 5_000, 1_000, 60_000
ESCALATE_MS = 30_000
TIMES_MS = {"looking": LOOK_MS, "precharging": PRECHARGE_MS, "closing": TRAVEL_MS, "opening": TRAVEL_MS}
CHANGE_MS = {"draining": 60_000, "breaking": 10_000, "waiting": DEAD_MS, "probing": 10_000, "making": 10_000,
             "settling": 3_000}  # fmt: skip
HOUSE, ORCHESTRATOR = compile_machine(House), compile_machine(Orchestrator)


@dataclass(frozen=True)
class Shape:
    """``rated``, ``precharged``: contactors that are. ``onto``: places that ask for a dead bus. ``counts``: how often
    each contactor has failed is followed exactly; otherwise it may at any time have failed too often. ``locks``:
    maintenance may lock each of its contactors; ``rules``: a rule may keep each of them open."""

    name: str
    places: Mapping[str, tuple[int, ...]]
    rated: frozenset[int] = frozenset()
    precharged: frozenset[int] = frozenset()
    onto: frozenset[str] = frozenset()
    counts: bool = False
    locks: bool = True
    rules: bool = True
    letters: str = field(default="abcdef")

    @property
    def size(self) -> int:
        return 1 + max(member for members in self.places.values() for member in members)


SHAPES = (
    Shape("exclusive", {"a": (0,), "b": (1,)}, counts=True),
    Shape("phases", {"one": (0,), "three": (0, 1)}, counts=True),
    Shape("rated", {"a": (0,), "b": (1,)}, rated=frozenset({0}), precharged=frozenset({1}), counts=True),
    Shape("island", {"grid": (0,), "island": (1, 2)}, onto=frozenset({"grid", "island"})),
    Shape("three", {"a": (0,), "b": (1,), "c": (2,)}, locks=False),
    Shape("rebundling", {"house": (0, 1), "car": (2, 3)}, locks=False, rules=False),
)


def plan_of(shape: Shape, table: Table, change: Table) -> Plan:
    """The plan of a shape, with ``table`` as its contactors' machine and ``change`` as the changeover's."""
    size = shape.size
    bus, volts = 2 * size, 2 * size + 1
    places = [Place("open", ())]
    for name, members in shape.places.items():
        places.append(Place(name, members, onto=Is(bus, AGE_MS, 1) if name in shape.onto else None))
    changeover = Changeover(
        "changeover", "to be proven", size, tuple(range(size)), tuple(places), (Narrowing(size + 1, 0, 0),), (),
        CALM_MS, 0, DWELL_MS, tuple(CHANGE_MS.get(state) for state in change.states),
    )  # fmt: skip
    contactors = [_contactor(shape, member, table, volts) for member in range(size)]
    return Plan(
        site=shape.name, digest="", cycle_ms=50, grace_ms=10_000, observe=False,
        signals=tuple(Signal(f"signal_{i}", Unit.CODE, AGE_MS, 0, 1) for i in range(2 * size + 2)),
        devices=(),
        targets=(*contactors, _target("position", len(places) - 1, None, 0), _target("flow", 1, None, None)),
        rules=(), caps=(), circuits=(), mode_rules=(), permissions=(), programs=(), identities=(),
        house=HOUSE, contactor=table, orchestrator=ORCHESTRATOR, changeover=change,
        coils=tuple(COILS.get(state, 0) for state in table.states), ages=(), watched=(),
        groups=_exclusions(changeover, DEAD_MS), changeovers=(changeover,), local=Local(locks=tuple(range(size))),
    )  # fmt: skip


def _contactor(shape: Shape, member: int, table: Table, volts: int) -> Target:
    contact, alive = 2 * member, 2 * member + 1
    contactor = Contactor(
        shown_open=Is(contact, AGE_MS, 0),
        shown_closed=Is(contact, AGE_MS, 1),
        seen=Fresh(((alive, AGE_MS),)),
        gone=TooOld(alive, GONE_MS),
        zero_flow=None,
        timeouts=tuple(TIMES_MS.get(state) for state in table.states),
        breaks_ms=ESCALATE_MS if member in shape.rated else None,
        precharge=Precharge(shape.size + 1, Is(volts, AGE_MS, 1)) if member in shape.precharged else None,
        changeover=0,
    )
    return _target(shape.letters[member], 1, contactor, None)


def _target(name: str, hi: int, contactor: Contactor | None, changeover: int | None) -> Target:
    return Target(name, Unit.CODE, 0, hi, 0, 1, (), 0, None, None, 0, contactor, changeover=changeover)


def mates(shape: Shape) -> tuple[frozenset[int], ...]:
    """Per contactor: those that exclude it, from the places alone (two that share none)."""
    together = [set(members) for members in shape.places.values()]
    return tuple(
        frozenset(b for b in range(shape.size) if b != a and not any({a, b} <= place for place in together))
        for a in range(shape.size)
    )
