"""What a wish for more has to pay before it is judged: it must be recorded, and it is one of a bounded number.

Rules
* Only who asks for more than there is can be held up here: not a stop, not a release, and not who lowers something.
* A wish that is held up by one of these costs nothing of the others.

Every wish gets its word here, too: what is refused, and what is noted for people.
"""

from __future__ import annotations

import msgspec

from supervisor.kernel import network
from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.lease import Clause, Decision, Request, Verb, Verdict
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Image
from supervisor.kernel.rates import spend
from supervisor.kernel.signal import Unit, shown
from supervisor.kernel.span import tighter
from supervisor.kernel.state import Orchestrator, State
from supervisor.kernel.tenure import Tenure
from supervisor.kernel.wish import lowers

replace = msgspec.structs.replace


class Toll(Tenure):
    """``recording``: the journal can take this cycle. ``asked``: the network's wishes for more until now."""

    def __init__(
        self,
        plan: Plan,
        before: State,
        orchestrators: tuple[Orchestrator, ...],
        image: Image,
        mode: int,
        now_ms: int,
        recording: bool,
    ) -> None:
        super().__init__(plan, before, orchestrators, image, mode, now_ms)
        self.recording, self.asked = recording, before.asked

    def _held_up(self, request: Request, position: int, holder: int) -> Decision | None:
        """A wish for more than there is has to be recorded, and is one of a bounded number; None when it may go on."""
        if self._lowers(request, position, holder):
            return None
        if not self.recording:
            text = "this cannot be written down, and what is not written down is not given; free the disk first"
            return self._refused(request, "journal.failing", text)
        asker = self.orchestrators[holder]
        due_ms, wait = spend(self.plan, position, holder, asker.due_ms, self.now_ms)
        if wait:
            return self._refused(request, "request.rate", wait)
        asked, wait = network.spend(self.plan, self.asked, self.now_ms)
        if wait:
            return self._refused(request, "request.rate_of_all", wait)
        if not request.dry_run:
            self.asked = asked
            self.orchestrators[holder] = replace(asker, due_ms=due_ms)
        return None

    def _lowers(self, request: Request, position: int, holder: int) -> bool:
        """Is less asked, and for now, than the target does or than its holder has? The same again is not less: it would
        last longer."""
        state, target = self.targets[position], self.plan.targets[position]
        if request.verb is not Verb.SET or request.value is None or request.starts_in_ms:
            return False
        if target.changeover is not None or request.value == target.safe:
            return request.value == target.safe
        output = target.safe if state.output is None else state.output
        below = request.value != output and tighter(request.value, output, target.safe)
        return below or lowers(target, state.lease, holder, request.value)

    def _old(self, request: Request) -> Decision:
        text = "its number is not above the last one, so it was repeated or held up; count on and send it again"
        return self._refused(request, "request.number", text)

    def _refused(self, request: Request, rule: str, text: str) -> Decision:
        decision = Decision(request.seq, Verdict.REFUSED, -1, None, (Clause(rule, "refuses", text),), None)
        self._note(request, decision)
        return decision

    def _note(self, request: Request, decision: Decision) -> None:
        asked = "" if request.value is None else f" {_asked(request.value, request.unit)}"
        reasons = "; ".join(f"{clause.rule} {clause.effect}" for clause in decision.clauses)
        text = f"{request.identity}: {request.verb.value}{asked}: {decision.verdict.value} ({reasons})"
        self.events.append(Event(self.now_ms, EventKind.DECISION, request.target or "all", text))


def _asked(value: int, unit: str) -> str:
    """A wish as its sender meant it; a unit that does not exist is shown as it came."""
    return shown(value, Unit(unit)) if unit in tuple(Unit) else f"{value} {unit}"
