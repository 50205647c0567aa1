"""The columns of the matrix: every state of every kind of machine that the product declares, and who is in which now.

The states come from the declarations in supervisor/kernel/machines, so that a new state is a column with a zero until
the soak reaches it. What no example house can reach is listed with its reason; it is never dropped silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from hil.bench.virtual import VirtualBench

KINDS = (
    "house",
    "changeover",
    "contactor",
    "charger",
    "battery",
    "inverter",
    "meter",
    "presence",
    "orchestrator",
    "lpc",
)
ABSENT = "product.absent"
CANNOT: Mapping[str, str] = {
    "house.observe": "a house that only watches commands nothing that a fault could spoil (tests/e2e watches one)",
    "contactor.precharging": "no example house declares a precharge (scenario findings/ and tests/kernel have one)",
    **dict.fromkeys(
        ("lpc.init", "lpc.unlimited", "lpc.limited", "lpc.failsafe", "lpc.autonomous"),
        "no example house declares a grid operator's input (scenarios dimmed and dimming_* have one)",
    ),
}


def columns() -> tuple[str, ...]:
    """All that exist, in the order of their declarations, without those that CANNOT be."""
    found = [ABSENT]
    for kind in KINDS:
        machine = getattr(import_module(f"supervisor.kernel.machines.{kind}"), kind.capitalize())
        found += [f"{kind}.{state.id}" for state in machine.states]
    return tuple(name for name in found if name not in CANNOT)


def now(bench: VirtualBench) -> tuple[str, ...]:
    """The columns that this moment belongs to, each once, in a fixed order."""
    picture = bench.harness.picture()
    if picture is None:
        return (ABSENT,)
    told, shown = picture
    found = {f"house.{shown.mode}": None}
    for info, at in zip(told.machines, shown.machines, strict=True):
        found[f"{info.kind.lower()}.{info.states[at.state]}"] = None
    return tuple(found)


def by_machine(bench: VirtualBench) -> Mapping[str, tuple[str, str]]:
    """machine -> its kind and its state; the house is one of them. Empty while no guardian runs."""
    picture = bench.harness.picture()
    if picture is None:
        return {}
    told, shown = picture
    machines = {
        info.id: (info.kind.lower(), info.states[at.state])
        for info, at in zip(told.machines, shown.machines, strict=True)
    }
    return {"house": ("house", shown.mode), **machines}


def held_by_hand(bench: VirtualBench) -> bool:
    """Does a button of the house hold anything? Whoever stands before it sees its lamp."""
    picture = bench.harness.picture()
    if picture is None:
        return False
    return any(at.lease is not None and at.lease.holder.startswith("hands.") for at in picture[1].targets)
