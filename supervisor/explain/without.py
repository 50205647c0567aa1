"""What a target's envelope would be without some rules: asked of the kernel itself, never guessed.

A rule is taken out by taking from its row everything that it does. The house mode is then allowed to settle, because a
rule that ends may end a mode too; readings, times and everything else stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from supervisor.kernel.cycle import step
from supervisor.kernel.mains import Circuit
from supervisor.kernel.plan import Cap, Plan
from supervisor.kernel.signal import Source
from supervisor.kernel.span import Span
from supervisor.kernel.state import Proven, State
from supervisor.kernel.trip import Severity

if TYPE_CHECKING:
    from supervisor.replay.moment import Moment

MODE_STEPS_MAX = 4  # fault, starting, normal, and one to see that it stays
NEVER_MS = -(2**60)  # an age at which no reading counts
PLENTY = 2**40  # mA or mW: more than any house has
NOTHING: dict[str, object] = {
    "actions": (),
    "unknown_actions": (),
    "severity": Severity.NONE,
    "unknown_severity": Severity.NONE,
    "modes": frozenset(),
    "drains": (),
    "fuse": PLENTY,
    "margin": 0,
    "blind": PLENTY,
    "asymmetry": None,
    "unmeasured": 0,
}
replace = msgspec.structs.replace
T = TypeVar("T")


def span_without(moment: Moment, position: int, gone: frozenset[str]) -> Span:
    """The envelope of target ``position`` if the rules in ``gone`` did nothing."""
    plan, state = stripped(moment.loaded.plan, moment.state, gone)
    for _ in range(MODE_STEPS_MAX):
        result = step(plan, state, moment.image, (), moment.now_ms)
        if result.state.house == state.house:
            break
        state = replace(state, house=result.state.house)
    return result.outputs.envelopes[position]


def stripped(plan: Plan, state: State, gone: frozenset[str]) -> tuple[Plan, State]:
    """The plan in which these rules do nothing, and the state without what it remembers of them. No list changes its
    length, so everything keeps its number."""
    if not gone:
        return plan, state
    changed: dict[str, object] = {}
    for name in plan.__struct_fields__:
        rows = getattr(plan, name)
        if isinstance(rows, tuple) and any(getattr(row, "id", None) in gone for row in rows):
            changed[name] = tuple(_idle(row) if getattr(row, "id", None) in gone else row for row in rows)
    if plan.grid is not None:
        parts = (part for part in ("export", "dimming") if getattr(getattr(plan.grid, part), "id", None) in gone)
        changed["grid"] = replace(plan.grid, **dict.fromkeys(parts))
    stripped_plan, proven = replace(plan, **changed), state.proven
    caps = tuple(None if cap.id in gone else known for cap, known in zip(plan.caps, proven.caps, strict=True))
    proven = replace(proven, caps=caps)
    for place, circuit in enumerate(plan.circuits):
        stripped_plan, proven = _without_circuit(stripped_plan, proven, place, circuit, gone)
    return stripped_plan, replace(state, proven=proven)


def _without_circuit(
    plan: Plan, proven: Proven, place: int, circuit: Circuit, gone: frozenset[str]
) -> tuple[Plan, Proven]:
    """A circuit has three voices: its fuse, its fuse's heat, and the row that distrusts its meter."""
    row, watched, rooms = plan.circuits[place], proven.circuits[place], proven.rooms[place]
    if circuit.id in gone:
        rooms = (None,) * len(rooms)
    if circuit.curve is not None and circuit.curve.id in gone:
        row, watched = replace(row, curve=None), replace(watched, heats=())
    if f"{circuit.id}.sign" in gone:
        row, watched = replace(row, check=None), replace(watched, lies=False)
    return (
        replace(plan, circuits=_put(plan.circuits, place, row)),
        replace(proven, circuits=_put(proven.circuits, place, watched), rooms=_put(proven.rooms, place, rooms)),
    )


def _put(listed: tuple[T, ...], place: int, value: T) -> tuple[T, ...]:
    return (*listed[:place], value, *listed[place + 1 :])


def _idle(row: msgspec.Struct) -> msgspec.Struct:
    """The row with nothing left to do; a changeover's places allow everything, and what a device tells is not read."""
    changes = {name: value for name, value in NOTHING.items() if name in row.__struct_fields__}
    if places := getattr(row, "places", None):
        changes["places"] = tuple(replace(place, allows=()) for place in places)
    if isinstance(row, Cap):
        changes["source"] = Source(row.source.signal, NEVER_MS)
    return replace(row, **changes)
