"""How often something happened, and how long each machine stood where: for metrics, never for a decision.

Rules
* A rule *began to act* when it acts and did not before. One that acts on, and only knows more or less about it, began
  once.
* A stay is counted when it has ended; how long the present one lasts stands in the snapshot beside it, so both together
  are exact and only grow.
* Machines and states go by their numbers (those of ``Describe.machines``): a name may be long, a counter's is bounded.

Between two looks at the machines there are cycles without an event, which cost nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence

from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.machine import Machine
from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.question import NO
from supervisor.kernel.state import State


def machines(plan: Plan, state: State) -> list[Machine]:
    """Every machine of the house, in the order in which they are described."""
    found = list(state.devices)
    found += [target.machine for target in state.targets if target.machine is not None]
    found += [switch.machine for switch in state.switches]
    found += [orchestrator.machine for orchestrator in state.orchestrators]
    if plan.grid is not None and plan.grid.dimming is not None and state.proven.grid is not None:
        found.append(state.proven.grid.input.machine)
    return found


class Happened:
    """Counts since the guardian started. ``state``: the one it starts from."""

    def __init__(self, plan: Plan, state: State) -> None:
        self._kinds = dict.fromkeys(EventKind, 0)
        self._trips: dict[str, int] = {}
        rows = zip(plan.rules, state.trips, strict=True)
        self._acting = {rule.id for rule, trip in rows if trip.cause is not NO}
        self._plan, self._seen = plan, machines(plan, state)
        self._stays: dict[tuple[int, int], int] = {}
        self._house = state.house
        self._modes: dict[int, int] = {}

    def after(self, state: State, events: Sequence[Event]) -> None:
        """A cycle has ended."""
        if not events:
            return
        for event in events:
            self._kinds[event.kind] += 1
            if event.kind is EventKind.TRIP and event.subject not in self._acting:
                self._acting.add(event.subject)
                self._trips[event.subject] = self._trips.get(event.subject, 0) + 1
            elif event.kind is EventKind.CLEARED:
                self._acting.discard(event.subject)
        self._look(state)

    def _look(self, state: State) -> None:
        now = machines(self._plan, state)
        for i, (was, at) in enumerate(zip(self._seen, now, strict=True)):
            if at is not was and at.since_ms > was.since_ms:
                key = (i, was.state)
                self._stays[key] = self._stays.get(key, 0) + at.since_ms - was.since_ms
        self._seen = now
        house, self._house = self._house, state.house
        if self._house.since_ms > house.since_ms:
            lasted_ms = self._house.since_ms - house.since_ms
            self._modes[house.state] = self._modes.get(house.state, 0) + lasted_ms

    def counters(self, state: State) -> dict[str, int]:
        """``events:KIND``, ``trips:RULE``, ``stay_ms:MACHINE:STATE``, ``mode_ms:MODE``, and ``lease_age_ms:TARGET``,
        which is no counter but what the lease of that target (by its number) has lasted."""
        self._look(state)
        told = {f"events:{kind}": count for kind, count in self._kinds.items()}
        told |= {f"trips:{rule}": count for rule, count in self._trips.items()}
        told |= {f"stay_ms:{machine}:{at}": ms for (machine, at), ms in self._stays.items()}
        told |= {f"mode_ms:{MODES[mode]}": ms for mode, ms in self._modes.items()}
        held = [(i, target.lease) for i, target in enumerate(state.targets) if target.lease is not None]
        return told | {f"lease_age_ms:{i}": max(state.now_ms - lease.granted_ms, 0) for i, lease in held}
