"""Where each machine of a device, an orchestrator, the operator's limit and the house goes, said once more as rules.

The declarations say it as rows; here it is said the other way round, as what must hold: "not seen is unseen, whatever
else is said; then a protection, then a limit". Every state is tried under every word of its facts that can be true.
What happens is told by its event, so the event is part of what is said here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

import pytest
from statemachine import StateMachine

from supervisor.kernel.machine import Machine, Table, advance, word
from supervisor.kernel.machines.battery import Battery
from supervisor.kernel.machines.charger import Charger
from supervisor.kernel.machines.house import House
from supervisor.kernel.machines.inverter import Inverter
from supervisor.kernel.machines.lpc import Lpc
from supervisor.kernel.machines.meter import Meter
from supervisor.kernel.machines.orchestrator import Orchestrator
from supervisor.kernel.machines.presence import Presence
from supervisor.loader.compiler import compile_machine

Facts = Mapping[str, bool]
Rule = Callable[[str, Facts], tuple[str, str]]
"""From a state and the facts to (event, next state); the event is not looked at where the state stays."""


def battery(_: str, true: Facts) -> tuple[str, str]:
    """A protection is worse than a limit, and what is not seen is not known to be anything."""
    if not true["seen"]:
        return "lose", "unseen"
    if true["protecting"]:
        return "protect", "protected"
    if true["charge_blocked"]:
        return "limit_charge", "limited"
    if true["discharge_blocked"]:
        return "limit_discharge", "limited"
    return "clear", "ready"


def charger(_: str, true: Facts) -> tuple[str, str]:
    """IEC 61851: an error (E, F) before charging (C, D), before plugged (B), before nothing there (A)."""
    if not true["seen"]:
        return "lose", "unseen"
    if true["faulted_now"]:
        return "fail", "faulted"
    if true["charging_now"]:
        return "start", "charging"
    if true["plugged"]:
        return "plug", "ready"
    return "unplug", "standby"


def inverter(_: str, true: Facts) -> tuple[str, str]:
    """Asleep at night is no fault, and a fault at night is one."""
    if not true["seen"]:
        return "lose", "unseen"
    if true["faulted_now"]:
        return "fail", "faulted"
    if true["asleep_now"]:
        return "sleep", "asleep"
    if true["limited_now"]:
        return "limit", "limited"
    return "clear", "ready"


def meter(_: str, true: Facts) -> tuple[str, str]:
    return ("find", "ready") if true["seen"] else ("lose", "unseen")


def presence(_: str, true: Facts) -> tuple[str, str]:
    return ("find", "present") if true["seen"] else ("lose", "unseen")


def orchestrator(state: str, true: Facts) -> tuple[str, str]:
    """Who was never there is not lost. Any word from one who is late or lost makes him alive."""
    if true["heard"]:
        return "hear", "alive"
    if state in ("absent", "lost"):
        return "", state
    return ("lose", "lost") if true["overdue"] else ("miss", "late")


def lpc(state: str, true: Facts) -> tuple[str, str]:
    """EEBUS LPC: without heartbeat the failsafe limit holds, and a limit that was given before the loss is no longer
    one: after the failsafe state only a word that came anew ends it, or the failsafe duration."""
    if not true["alive"] and state in ("unlimited", "limited"):
        return "lose", "failsafe"
    if true["alive"] and (state != "failsafe" or true["renewed"]):
        if true["limiting"]:
            return "limit", "limited"
        if true["freeing"]:
            return "free", "unlimited"
    if true["spent"] and state in ("init", "failsafe"):
        return "expire", "autonomous"
    return "", state


def house(state: str, true: Facts) -> tuple[str, str]:
    """In order of precedence: maintenance, fault, observe, degraded, orchestrator lost, normal. From maintenance or a
    fault nothing goes straight to normal: the house looks first."""
    if true["maintenance_on"]:
        return "maintain", "maintenance"
    if true["fault_present"]:
        return ("settle", "starting") if state == "maintenance" else ("fail", "fault")
    if true["observing"]:
        return "watch", "observe"
    if true["trouble"] and state not in ("starting", "observe"):
        return "degrade", "degraded"
    if state in ("observe", "fault", "maintenance"):
        return "settle", "starting"
    return _house_at_work(state, true)


def _house_at_work(state: str, true: Facts) -> tuple[str, str]:
    """A start waits for its devices, but not for ever; a degraded house waits for all of them to be back."""
    waits_for_all = state in ("starting", "degraded")
    if state == "starting" and (true["trouble"] or not true["complete"]):
        return ("degrade", "degraded") if true["grace_over"] else ("", state)
    if waits_for_all and not true["complete"]:
        return "", state
    if true["orphaned"] and state != "starting":
        return "orphan", "orchestrator_lost"
    return "settle", "normal"


def possible(true: Facts) -> bool:
    """An orchestrator whose sign of life is recent is not overdue; an operator does not limit and free at once."""
    return not (true.get("heard") and true.get("overdue")) and not (true.get("limiting") and true.get("freeing"))


RULES: dict[type[StateMachine], tuple[Rule, str]] = {
    Battery: (battery, "unseen"),
    Charger: (charger, "unseen"),
    Inverter: (inverter, "unseen"),
    Meter: (meter, "unseen"),
    Presence: (presence, "unseen"),
    Orchestrator: (orchestrator, "absent"),
    Lpc: (lpc, "init"),
    House: (house, "starting"),
}
MACHINES = pytest.mark.parametrize("declaration", RULES, ids=lambda machine: machine.__name__.lower())


def words(table: Table) -> list[dict[str, bool]]:
    every = (dict(zip(table.facts, chosen, strict=True)) for chosen in product((False, True), repeat=len(table.facts)))
    return [true for true in every if possible(true)]


@MACHINES
def test_in_every_state_every_word_of_facts_leads_where_the_rule_says(declaration: type[StateMachine]) -> None:
    table, (rule, _) = compile_machine(declaration), RULES[declaration]
    for state, true in product(table.states, words(table)):
        event, target = rule(state, true)
        after, moved = advance(table, Machine(table.state(state), 1), word(table, true), 2)
        assert table.states[after.state] == target, (state, true)
        assert (moved is None) == (target == state), (state, true)
        assert moved is None or table.events[moved] == event, (state, true)


@MACHINES
def test_a_machine_begins_where_nothing_is_known_yet(declaration: type[StateMachine]) -> None:
    table, (_, initial) = compile_machine(declaration), RULES[declaration]
    assert table.states[table.initial] == initial
