"""What is true of the world this cycle, as the words of facts that the machines' tables read.

A fact is set only by a YES. Where a fact would permit something (a contact shown open), it wants proof: a value that
is not GOOD says nothing then.
"""

from __future__ import annotations

from supervisor.kernel.machine import Machine, word
from supervisor.kernel.plan import MODES, Contactor, Device, Identity, Plan
from supervisor.kernel.question import YES, Image
from supervisor.kernel.state import Orchestrator, TargetState
from supervisor.kernel.trip import Severity, Trip, severity


def of_device(device: Device, image: Image, now_ms: int) -> int:
    """The word for a device's own machine."""
    bits = device.table.bit("seen") if device.seen.ask(image, now_ms) is YES else 0
    for bit, question in device.facts:
        if question.ask(image, now_ms) is YES:
            bits |= bit
    return bits


def of_house(
    plan: Plan,
    house: Machine,
    image: Image,
    trips: tuple[Trip, ...],
    orchestrators: tuple[Orchestrator, ...],
    targets: tuple[TargetState, ...],
    now_ms: int,
) -> int:
    """The word for the house machine; trips and machines are those of the cycle before."""
    worst = max((severity(rule, trip) for rule, trip in zip(plan.rules, trips, strict=True)), default=Severity.NONE)
    welded = plan.contactor.state("welded")
    lost = plan.orchestrator.state("lost")
    return word(
        plan.house,
        {
            "observing": plan.observe,
            "fault_present": worst is Severity.FAULT or any(t.machine and t.machine.state == welded for t in targets),
            "trouble": worst is Severity.DEGRADED,
            "orphaned": any(
                i.expected and o.machine.state == lost for i, o in zip(plan.identities, orchestrators, strict=True)
            ),
            "complete": all(device.optional or device.seen.ask(image, now_ms) is YES for device in plan.devices),
            "grace_over": MODES[house.state] != "starting" or now_ms - house.since_ms >= plan.grace_ms,
        },
    )


def of_contactor(plan: Plan, contactor: Contactor, machine: Machine, wanted: bool, image: Image, now_ms: int) -> int:
    """The word for one contactor's machine."""
    timeout = contactor.timeouts[machine.state]
    return word(
        plan.contactor,
        {
            "wanted": wanted,
            "shown_open": contactor.shown_open.ask(image, now_ms, True) is YES,
            "shown_closed": contactor.shown_closed.ask(image, now_ms, True) is YES,
            "may_open": contactor.zero_flow is None or contactor.zero_flow.ask(image, now_ms, True) is YES,
            "gone": contactor.gone.ask(image, now_ms) is YES,
            "cut_off": contactor.seen.ask(image, now_ms) is not YES,
            "late": timeout is not None and now_ms - machine.since_ms >= timeout,
        },
    )


def of_orchestrator(plan: Plan, identity: Identity, orchestrator: Orchestrator, now_ms: int) -> int:
    """The word for one identity's machine."""
    heard_ms = orchestrator.heard_ms
    if heard_ms is None:
        return 0
    silent_ms = now_ms - heard_ms
    return word(plan.orchestrator, {"heard": silent_ms < identity.late_ms, "overdue": silent_ms >= identity.lost_ms})
