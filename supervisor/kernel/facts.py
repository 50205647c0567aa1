"""What is true of the world this cycle, as the words of facts that the machines' tables read.

A fact is set only by a YES. Where a fact would permit something (a contact shown open), it wants proof: a value that
is not GOOD says nothing then.
"""

from __future__ import annotations

from collections.abc import Sequence

from supervisor.kernel import interlock, wear
from supervisor.kernel.around import Around
from supervisor.kernel.machine import Machine, word
from supervisor.kernel.plan import MODES, Device, Identity, Plan
from supervisor.kernel.question import NO, YES, Image, Question
from supervisor.kernel.state import Orchestrator, State, TargetState, Wear
from supervisor.kernel.switchgear import Contactor
from supervisor.kernel.trip import Severity, severity

AILING = ("doubted", "unverified", "failed_open")
"""The states of a contactor that trouble the house; a welded one is a fault."""


def of_device(device: Device, image: Image, now_ms: int) -> int:
    """The word for a device's own machine."""
    bits = device.table.bit("seen") if device.seen.ask(image, now_ms) is YES else 0
    for bit, question in device.facts:
        if question.ask(image, now_ms) is YES:
            bits |= bit
    return bits


def of_house(
    plan: Plan,
    before: State,
    orchestrators: tuple[Orchestrator, ...],
    maintenance: bool,
    image: Image,
    now_ms: int,
) -> int:
    """The word for the house machine; trips and what switches are those of the cycle before."""
    house, trips = before.house, zip(plan.rules, before.trips, strict=True)
    worst = max((severity(rule, trip) for rule, trip in trips if trip.cause is not NO), default=Severity.NONE)
    contactors = {plan.contactor.states[at.machine.state] for at in before.targets if at.machine is not None}
    stranded = any(plan.changeover.states[switch.machine.state] == "stranded" for switch in before.switches)
    lost = plan.orchestrator.state("lost")
    unseen = [d for d in plan.devices if not d.optional and d.seen.ask(image, now_ms) is not YES]
    graces = (plan.grace_ms if device.grace_ms is None else device.grace_ms for device in unseen)
    grace_ms = max(graces, default=plan.grace_ms)  # of all that are still waited for
    return word(
        plan.house,
        {
            "maintenance_on": maintenance,
            "observing": plan.observe,
            "fault_present": worst is Severity.FAULT or "welded" in contactors,
            "trouble": worst is Severity.DEGRADED or stranded or not contactors.isdisjoint(AILING),
            "orphaned": any(
                i.expected and o.machine.state == lost for i, o in zip(plan.identities, orchestrators, strict=True)
            ),
            "complete": not unseen,
            "grace_over": MODES[house.state] != "starting" or now_ms - house.since_ms >= grace_ms,
        },
    )


class OfContactor:
    """One contactor in one cycle: a method for each fact of its machine, which says what they mean.

    ``wanted``: it shall be closed. ``free``: where not, that is for protection, and no good manners delay it.
    ``calm``: nothing flows through it, proven. ``states``: all targets, those before it as this cycle has left them.
    """

    def __init__(
        self,
        plan: Plan,
        position: int,
        contactor: Contactor,
        states: Sequence[TargetState],
        wanted: bool,
        free: bool,
        calm: bool,
        around: Around,
    ) -> None:
        self._plan, self._position, self._contactor, self._states = plan, position, contactor, states
        self._wanted, self._free, self._calm, self._around = wanted, free, calm, around
        self._now_ms = around.now_ms
        state = states[position]
        self._machine = state.machine or Machine(plan.contactor.initial, around.now_ms)
        self._worn = state.wear or Wear()
        self._changed_ms = state.changed_ms

    def _proves(self, question: Question) -> bool:
        return question.ask(self._around.image, self._now_ms, True) is YES

    def _passed(self, since_ms: int | None, ms: int) -> bool:
        return since_ms is not None and self._now_ms - since_ms >= ms

    def wanted(self) -> bool:
        return self._wanted

    def admitted(self) -> bool:
        return (
            self._wanted
            and self._passed(self._changed_ms, self._contactor.min_off_ms)
            and not wear.budget_ms(self._contactor, self._worn, self._now_ms)
            and not interlock.bars(self._plan, self._position, self._states, self._around.image, self._now_ms)
        )

    def shown_open(self) -> bool:
        return self._proves(self._contactor.shown_open)

    def shown_closed(self) -> bool:
        return self._proves(self._contactor.shown_closed)

    def may_open(self) -> bool:
        breaks_ms = self._contactor.breaks_ms
        return self._calm or (breaks_ms is not None and self._passed(self._worn.unwanted_ms, breaks_ms))

    def held(self) -> bool:
        return not self._free and not self._passed(self._changed_ms, self._contactor.min_on_ms)

    def alone(self) -> bool:
        return interlock.alone(self._plan, self._position, self._states)

    def precharge(self) -> bool:
        return self._contactor.precharge is not None

    def charged(self) -> bool:
        return self._contactor.precharge is not None and self._proves(self._contactor.precharge.until)

    def doubtful(self) -> bool:
        return self._passed(self._worn.unproven_ms, self._contactor.doubt_ms)

    def gone(self) -> bool:
        return self._contactor.gone.ask(self._around.image, self._now_ms) is YES

    def cut_off(self) -> bool:
        return self._contactor.seen.ask(self._around.image, self._now_ms) is not YES

    def travelled(self) -> bool:
        return self._passed(self._changed_ms, self._contactor.timeouts[self._plan.contactor.state("closing")] or 0)

    def spent(self) -> bool:
        return wear.spent(self._worn)

    def locked(self) -> bool:
        return self._around.maintenance and self._position in self._plan.local.locks

    def reset(self) -> bool:
        return self._around.reset

    def late(self) -> bool:
        failed = self._plan.contactor.states[self._machine.state] == "failed_open"
        timeout = wear.rest_ms(self._worn) if failed else self._contactor.timeouts[self._machine.state]
        return timeout is not None and self._passed(self._machine.since_ms, timeout)


def of_orchestrator(plan: Plan, identity: Identity, orchestrator: Orchestrator, now_ms: int) -> int:
    """The word for one identity's machine."""
    heard_ms = orchestrator.heard_ms
    if heard_ms is None:
        return 0
    silent_ms = now_ms - heard_ms
    return word(plan.orchestrator, {"heard": silent_ms < identity.late_ms, "overdue": silent_ms >= identity.lost_ms})
