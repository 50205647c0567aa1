"""One picture of the running product, as its HTTP interface says it (GET /v1/state).

A reading that is not good or too old has no value here: a walk proves nothing with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OLD_S = 10.0  # a reading of before the movement must not be taken for one after it


@dataclass(frozen=True)
class Look:
    """``values`` in the units that the interface shows (A, W, V), ``names`` the words of codes; both only of what is
    known now. ``holders``: who holds a lease on a target."""

    mode: str
    values: Mapping[str, float] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, float | None] = field(default_factory=dict)
    edges: Mapping[str, tuple[float, float, str]] = field(default_factory=dict)
    holders: Mapping[str, str] = field(default_factory=dict)
    machines: Mapping[str, str] = field(default_factory=dict)
    trips: tuple[str, ...] = ()


def look(state: Mapping[str, Any]) -> Look:
    """From the JSON of GET /v1/state. A picture without a guardian is the mode "unknown" and nothing else."""
    known = {
        name: said
        for name, said in state["readings"].items()
        if said["value"] is not None and said["quality"] == "good" and (said["age_s"] or 0.0) <= OLD_S
    }
    targets = state["targets"]
    return Look(
        mode=str(state["house"]["mode"]),
        values={name: float(said["value"]) for name, said in known.items()},
        names={name: str(said["name"]) for name, said in known.items() if "name" in said},
        outputs={name: None if said["output"] is None else float(said["output"]) for name, said in targets.items()},
        edges={name: _edge(said["envelope"]) for name, said in targets.items()},
        holders={name: str(said["lease"]["holder"]) for name, said in targets.items() if said["lease"] is not None},
        machines={str(machine["id"]): str(machine["state"]) for machine in state["machines"]},
        trips=tuple(str(trip["rule"]) for trip in state["trips"]),
    )


def _edge(envelope: Mapping[str, Any]) -> tuple[float, float, str]:
    return float(envelope["lo"]), float(envelope["hi"]), str(envelope["empty_by"] or envelope["hi_by"])
