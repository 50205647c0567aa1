"""Who holds what, and until when: leases end, programs begin, and what is shut bars both.

Rules
* A lease ends when its time, its sender (live ones), its permission or its target has gone, and says why.
* A program begins at its time, once nobody with at least its priority holds the target.
* What waits for somebody in the house is given to nobody before he has been there (hazard H23).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from supervisor.kernel import away
from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.lease import Kind, Lease
from supervisor.kernel.permission import Around, lapsed
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Image
from supervisor.kernel.state import Orchestrator, State
from supervisor.kernel.trip import Latch, Trip, kind

replace = msgspec.structs.replace


def shut(plan: Plan, trips: tuple[Trip, ...], state: State, maintenance: bool) -> Mapping[int, str]:
    """The targets that wait for somebody in the house, and for what: nothing that was wished before may switch them on
    again by itself once they are free (hazard H23)."""
    found: dict[int, str] = {}
    for rule, trip in zip(plan.rules, trips, strict=True):
        if kind(rule, trip) is Latch.DANGER:
            found |= dict.fromkeys((action.target for action in rule.actions), f"{rule.id} is latched")
    if maintenance:
        found |= dict.fromkeys(plan.local.locks, "maintenance is on")
    for position, target in enumerate(state.targets):
        if target.machine is not None and plan.contactor.states[target.machine.state] in ("welded", "locked_out"):
            state_name = plan.contactor.states[target.machine.state]
            found[position] = f"it is {state_name}"
            contactor = plan.targets[position].contactor
            if contactor is not None and contactor.changeover is not None:
                moved = plan.changeovers[contactor.changeover].target
                found[moved] = f"{plan.targets[position].id} is {state_name}"
    return found


class Tenure:
    """The leases of one cycle; ``targets`` and ``orchestrators`` are changed in place, for this cycle only."""

    def __init__(
        self, plan: Plan, before: State, orchestrators: tuple[Orchestrator, ...], image: Image, mode: int, now_ms: int
    ) -> None:
        self.plan, self.switches = plan, before.switches
        self.targets, self.orchestrators = list(before.targets), list(orchestrators)
        self.image, self.mode, self.now_ms = image, mode, now_ms
        self.events: list[Event] = []
        self.shut: Mapping[int, str] = {}

    def expire(self, shut: Mapping[int, str]) -> None:
        """End the leases whose time, sender, permission or target has gone."""
        self.shut = shut
        for position, state in enumerate(self.targets):
            if state.lease is not None and (why := shut.get(position) or self._over(position, state.lease)):
                self._end(position, state.lease, why)
                self.targets[position] = state = replace(state, lease=None)
            if state.planned is not None:
                self._plan_on(position, state.planned, shut.get(position) or "")

    def _plan_on(self, position: int, planned: Lease, why: str) -> None:
        """A program begins at its time, once nobody with at least its priority holds the target; or it never will."""
        why = why or self._ended(position, planned)
        state, holds = self.targets[position], self.plan.identities
        if not why and self.now_ms >= planned.starts_ms:
            why = away.over(self.around(position, planned.holder), state, planned)
        if why:
            self._end(position, planned, why)
            self.targets[position] = replace(state, planned=None)
        elif self.now_ms >= planned.starts_ms:
            lease, mine = state.lease, planned.holder
            if lease is None or lease.holder == mine or holds[lease.holder].priority < holds[mine].priority:
                self.take_over(position, lease, planned.holder)
                self.targets[position] = replace(state, lease=planned, planned=None, stopped_by="")
                text = f"the program of {holds[planned.holder].name} begins"
                target = self.plan.targets[position].id
                self.events.append(Event(self.now_ms, EventKind.LEASE_STARTED, target, text))

    def _end(self, position: int, lease: Lease, why: str) -> None:
        text = f"the lease of {self.plan.identities[lease.holder].name} ended: {why}"
        self.events.append(Event(self.now_ms, EventKind.LEASE_ENDED, self.plan.targets[position].id, text))

    def around(self, position: int, holder: int) -> Around:
        return Around(self.plan, position, holder, self.mode, self.image, self.now_ms)

    def _over(self, position: int, lease: Lease) -> str:
        """Why a lease that is held ends now; "" while it does not."""
        around = self.around(position, lease.holder)
        return away.over(around, self.targets[position], lease) or self._ended(position, lease)

    def _ended(self, position: int, lease: Lease) -> str:
        sender = self.orchestrators[lease.holder].machine.state
        if self.now_ms >= lease.expires_ms:
            return "its time is over"
        if lease.kind is Kind.LIVE and sender == self.plan.orchestrator.state("lost"):
            return "its sender is lost"
        return lapsed(self.around(position, lease.holder), lease)

    def take_over(self, position: int, lease: Lease | None, holder: int) -> None:
        """Tell when a grant ends somebody else's lease."""
        if lease is None or lease.holder == holder:
            return
        loser, winner = self.plan.identities[lease.holder].name, self.plan.identities[holder].name
        text = f"the lease of {loser} ended: {winner} has taken over"
        self.events.append(Event(self.now_ms, EventKind.LEASE_ENDED, self.plan.targets[position].id, text))
