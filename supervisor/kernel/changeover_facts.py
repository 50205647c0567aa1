"""What is true of a changeover this cycle, as the word of facts that its machine reads."""

from __future__ import annotations

from collections.abc import Sequence

from supervisor.kernel import flow, interlock
from supervisor.kernel.members import CONDUCTING, DOUBTFUL, OPEN, closed, rated, state_of
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import YES, Image
from supervisor.kernel.state import Switch, TargetState
from supervisor.kernel.switchgear import Changeover


class OfChangeover:
    """One changeover in one cycle: a method for each fact of its machine, which says what they mean."""

    def __init__(
        self,
        plan: Plan,
        changeover: Changeover,
        switch: Switch,
        states: Sequence[TargetState],
        wish: int,
        refused: str,
        image: Image,
        now_ms: int,
    ) -> None:
        self._plan, self._changeover, self._switch = plan, changeover, switch
        self._wish, self._refused, self._image, self._now_ms = wish, refused, image, now_ms
        self._states = {member: state_of(plan, states, member) for member in changeover.members}
        self._closed = closed(plan, changeover, states)
        self._goal = changeover.places[switch.goal]
        open_ = [m for m, state in self._states.items() if state in interlock.SHOWN_OPEN]
        self._shown = all(interlock.proven_open(plan, states[m]) for m in open_)  # and not only remembered

    def _any(self, *names: str) -> bool:
        return any(state in names for state in self._states.values())

    def _all(self, *names: str) -> bool:
        return all(state in names for state in self._states.values())

    def found(self) -> bool:
        places = (set(place.members) for place in self._changeover.places)
        return self._shown and self._all("closed", *interlock.SHOWN_OPEN) and self._closed in places

    def mixed(self) -> bool:
        return self._shown and not self._any("looking")

    def move(self) -> bool:
        return self._wish != self._switch.at and not self._refused

    def back(self) -> bool:
        return self._switch.at in (self._wish, self._switch.goal)

    def rated(self) -> bool:
        return all(rated(self._plan, member) for member in self._closed)

    def doubt(self) -> bool:
        return self._any(*DOUBTFUL)

    def upset(self) -> bool:
        place = self._changeover.places[self._switch.at].members
        return self._any("welded") or any(
            state in interlock.SHOWN_OPEN if member in place else state == "closed"
            for member, state in self._states.items()
        )

    def calm(self) -> bool:
        return flow.calm(self._changeover, self._switch, self._now_ms)

    def all_open(self) -> bool:
        return self._all(*interlock.SHOWN_OPEN)

    def danger(self) -> bool:
        return self._any("welded")

    def others_open(self) -> bool:
        return self._all("welded", *interlock.SHOWN_OPEN)

    def ending(self) -> bool:
        return self._switch.goal == OPEN

    def dead(self) -> bool:
        return self._goal.onto is None or self._goal.onto.ask(self._image, self._now_ms, True) is YES

    def made(self) -> bool:
        rest = (state for member, state in self._states.items() if member not in self._goal.members)
        return self._closed == set(self._goal.members) and all(state in interlock.SHOWN_OPEN for state in rest)

    def failed(self) -> bool:
        states = [self._states[member] for member in self._goal.members]
        unable = any(state in ("failed_open", "locked_out") for state in states)
        overtaken = any(states[i] != "closed" and later in CONDUCTING for i, later in enumerate(states[1:]))
        return self._any("welded", *DOUBTFUL) or unable or overtaken

    def late(self) -> bool:
        timeout = self._changeover.timeouts[self._switch.machine.state]
        return timeout is not None and self._now_ms - self._switch.machine.since_ms >= timeout
