"""The machines: python-statemachine is the oracle of the compiled tables, and the tables keep their promises.

A guard reads no fact but those it names. So for each state every combination of the facts that its guards name is
tried, once with all other facts absent and once with all of them present.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import product

import pytest
from statemachine import StateMachine
from statemachine.exceptions import TransitionNotAllowed

from supervisor.kernel.machine import Machine, Table, advance, advance_asking, word
from supervisor.kernel.machines.battery import Battery
from supervisor.kernel.machines.changeover import Changeover
from supervisor.kernel.machines.charger import Charger
from supervisor.kernel.machines.contactor import Contactor
from supervisor.kernel.machines.house import House
from supervisor.kernel.machines.inverter import Inverter
from supervisor.kernel.machines.lpc import Lpc
from supervisor.kernel.machines.meter import Meter
from supervisor.kernel.machines.orchestrator import Orchestrator
from supervisor.kernel.machines.presence import Presence
from supervisor.kernel.plan import MODES
from supervisor.loader.assemble import COILS
from supervisor.loader.compiler import compile_machine

FACTS = {
    Battery: {"seen", "protecting", "charge_blocked", "discharge_blocked"},
    Changeover: {
        "found", "mixed", "move", "back", "rated", "doubt", "upset", "calm", "all_open", "danger", "others_open",
        "ending", "dead", "made", "failed", "late",
    },
    Charger: {"seen", "plugged", "charging_now", "faulted_now"},
    Contactor: {
        "wanted", "admitted", "shown_open", "shown_closed", "may_open", "held", "alone", "precharge", "charged",
        "doubtful", "cut_off", "gone", "spent", "travelled", "locked", "reset", "late",
    },
    House: {
        "maintenance_on", "fault_present", "observing", "trouble", "orphaned", "complete", "grace_over",
    },
    Inverter: {"seen", "asleep_now", "limited_now", "faulted_now"},
    Meter: {"seen"},
    Presence: {"seen"},
    Orchestrator: {"heard", "overdue"},
    Lpc: {"alive", "limiting", "freeing", "renewed", "spent"},
}  # fmt: skip
MACHINES = pytest.mark.parametrize("declaration", FACTS, ids=lambda machine: machine.__name__.lower())
CONTACTOR = compile_machine(Contactor)


class Model:
    """What the library asks for its guards: one attribute per fact, and the state where it stands."""

    state: str | None = None

    def stand(self, state: str, table: Table, facts: int) -> None:
        self.state = state
        for fact in table.facts:
            setattr(self, fact, bool(facts & table.bit(fact)))


def words(table: Table, state: int) -> Iterator[int]:
    """Every combination of the facts that this state's guards name; all others absent, then all others present."""
    named = 0
    for row in table.rows[state]:
        named |= row.need | row.veto
    bits = [1 << i for i in range(len(table.facts)) if named >> i & 1]
    others = (1 << len(table.facts)) - 1 & ~named
    for chosen in product((False, True), repeat=len(bits)):
        facts = sum(bit for bit, there in zip(bits, chosen, strict=True) if there)
        yield from {facts, facts | others}


def by_table(table: Table, state: int, event: int, facts: int) -> str | None:
    """Where the rows of one event lead; None when they refuse it."""
    for row in table.rows[state]:
        if row.event == event and facts & row.need == row.need and not facts & row.veto:
            return table.states[row.target]
    return None


def by_library(machine: StateMachine, model: Model, event: str) -> str | None:
    before = model.state
    try:
        machine.send(event)
    except TransitionNotAllowed:
        assert model.state == before
        return None
    return model.state


@MACHINES
def test_the_library_accepts_refuses_and_lands_as_the_table_does(declaration: type[StateMachine]) -> None:
    table, model = compile_machine(declaration), Model()
    model.stand(table.states[table.initial], table, 0)
    machine = declaration(model)
    tried = 0
    for state, name in enumerate(table.states):
        for event, event_name in enumerate(table.events):
            known = any(row.event == event for row in table.rows[state])
            for facts in words(table, state) if known else (0, (1 << len(table.facts)) - 1):
                model.stand(name, table, facts)
                expected = by_table(table, state, event, facts)
                assert by_library(machine, model, event_name) == expected, (name, event_name, facts)
                tried += 1
    assert tried >= 2 * len(table.states) * len(table.events)


@MACHINES
def test_a_cycle_takes_the_first_event_that_the_library_would_accept(declaration: type[StateMachine]) -> None:
    table = compile_machine(declaration)
    for state in range(len(table.states)):
        for facts in words(table, state):
            after, moved = advance(table, Machine(state, 1), facts, 2)
            accepted = [e for e in range(len(table.events)) if by_table(table, state, e, facts) is not None]
            assert moved == (accepted[0] if accepted else None)
            if moved is None:
                assert after == Machine(state, 1)
            else:
                assert after.since_ms == 2
                assert table.states[after.state] == by_table(table, state, moved, facts)
                assert after.state != state


class Told:
    """Has a method of each fact's name, and counts who is asked."""

    def __init__(self, table: Table, facts: int) -> None:
        self.asked: list[str] = []
        for fact in table.facts:
            setattr(self, fact, partial(self._answer, fact, bool(facts & table.bit(fact))))

    def _answer(self, fact: str, true: bool) -> bool:
        self.asked.append(fact)
        return true


@MACHINES
def test_asking_only_for_what_decides_takes_the_same_transition_and_asks_nothing_twice(
    declaration: type[StateMachine],
) -> None:
    table = compile_machine(declaration)
    for state in range(len(table.states)):
        for facts in words(table, state):
            told = Told(table, facts)
            assert advance_asking(table, Machine(state, 1), told, 2) == advance(table, Machine(state, 1), facts, 2)
            assert len(told.asked) == len(set(told.asked))


@MACHINES
def test_every_state_is_reachable_and_none_is_a_dead_end(declaration: type[StateMachine]) -> None:
    table = compile_machine(declaration)
    assert reachable(table, table.initial) == set(range(len(table.states)))
    assert all(table.rows)


@MACHINES
def test_no_row_needs_what_it_forbids_or_waits_behind_one_that_always_wins(declaration: type[StateMachine]) -> None:
    table = compile_machine(declaration)
    for state, rows in enumerate(table.rows):
        taken = {advance(table, Machine(state, 0), facts, 0) for facts in words(table, state)}
        for row in rows:
            assert not row.need & row.veto
            assert (Machine(row.target, 0), row.event) in taken, (table.states[state], table.events[row.event])


@MACHINES
def test_the_facts_are_those_that_the_head_of_the_file_explains(declaration: type[StateMachine]) -> None:
    explained = re.findall(r"``(\w+)``", (import_doc(declaration)).split("Facts", 1)[1])
    assert set(compile_machine(declaration).facts) == FACTS[declaration] == set(explained)


def import_doc(declaration: type[StateMachine]) -> str:
    return __import__(declaration.__module__, fromlist=["_"]).__doc__ or ""


def reachable(table: Table, start: int) -> set[int]:
    seen, edge = {start}, [start]
    while edge:
        for row in table.rows[edge.pop()]:
            if row.target not in seen:
                seen.add(row.target)
                edge.append(row.target)
    return seen


# ---- the contactor -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("state", ["looking", "precharging", "closing", "opening", "failed_open"])
def test_a_contactor_that_waits_has_a_way_out_when_its_time_is_over(state: str) -> None:
    assert any(row.need & CONTACTOR.bit("late") for row in CONTACTOR.rows[CONTACTOR.state(state)])


def test_the_coil_is_told_one_only_while_closing_closed_or_doubted_and_nothing_while_looking() -> None:
    told = {state: COILS.get(state, 0) for state in CONTACTOR.states}
    assert {state for state, value in told.items() if value == 1} == {"closing", "closed", "doubted"}
    assert {state for state, value in told.items() if value is None} == {"looking"}


def test_a_coil_is_energised_only_from_an_open_contact_that_is_shown_wanted_and_in_sight() -> None:
    into_closing = [
        (s, row) for s, rows in enumerate(CONTACTOR.rows) for row in rows if told(row.target) == 1 != told(s)
    ]
    assert {(CONTACTOR.states[s], CONTACTOR.states[row.target]) for s, row in into_closing} == {
        ("open", "closing"),
        ("precharging", "closing"),
        ("looking", "closed"),  # found closed: it is kept as found
    }
    for state, row in into_closing:
        found = CONTACTOR.states[state] == "looking"
        needed = ("shown_closed", "alone") if found else ("wanted", "admitted", "shown_open")
        assert all(row.need & CONTACTOR.bit(fact) for fact in needed)
        assert told(state) is None or row.veto & CONTACTOR.bit("cut_off")


def told(state: int) -> int | None:
    return COILS.get(CONTACTOR.states[state], 0)


@pytest.mark.parametrize("state", CONTACTOR.states)
def test_a_contactor_that_nobody_wants_comes_to_open_or_unverified_from_everywhere(state: str) -> None:
    """With a contact that obeys: it shows closed until the coil is told 0, then open. A weld needs its local reset."""
    machine = Machine(CONTACTOR.state(state), 0)
    for _ in range(6):
        if CONTACTOR.states[machine.state] in ("open", "unverified"):
            return
        closed = told(machine.state) == 1
        facts = {"may_open": True, "late": True, "shown_closed": closed, "shown_open": not closed, "reset": True}
        machine, _ = advance(CONTACTOR, machine, word(CONTACTOR, facts), 0)
    pytest.fail(f"still {CONTACTOR.states[machine.state]}")


def test_a_weld_ends_by_a_reset_with_the_contact_shown_open_and_by_nothing_else() -> None:
    (row,) = CONTACTOR.rows[CONTACTOR.state("welded")]
    assert row.need == CONTACTOR.bit("reset") | CONTACTOR.bit("shown_open")
    assert CONTACTOR.states[row.target] == "open"


def test_a_closed_contactor_is_opened_only_where_it_may_open() -> None:
    for state in ("closed", "doubted"):
        rows = [r for r in CONTACTOR.rows[CONTACTOR.state(state)] if CONTACTOR.states[r.target] == "opening"]
        assert rows
        assert all(row.need & CONTACTOR.bit("may_open") and row.veto & CONTACTOR.bit("wanted") for row in rows)


def test_a_coil_that_is_on_goes_off_only_where_it_may_open_or_has_opened_by_itself_or_is_out_of_sight() -> None:
    """Leaving it on is what never breaks a current."""
    for state, rows in enumerate(CONTACTOR.rows):
        for row in rows:
            if told(state) == 1 != told(row.target):
                safe = CONTACTOR.bit("may_open") | CONTACTOR.bit("shown_open") | CONTACTOR.bit("gone")
                assert row.need & safe, (CONTACTOR.states[state], CONTACTOR.events[row.event])


@pytest.mark.parametrize("state", ["looking", "draining", "breaking", "waiting", "probing", "making", "settling"])
def test_a_changeover_that_waits_has_a_way_out(state: str) -> None:
    """By time, but for the first look, which waits for its contactors' own."""
    table = compile_machine(Changeover)
    rows = table.rows[table.state(state)]
    assert any(row.need & table.bit("late") for row in rows) or state == "looking"


def test_a_fault_of_a_changeover_ends_only_when_all_its_contactors_are_proven_open() -> None:
    table = compile_machine(Changeover)
    (row,) = table.rows[table.state("faulted")]
    assert row.need == table.bit("all_open")


def test_contacts_break_only_when_nothing_flows_or_all_are_rated_or_one_has_moved_on_its_own() -> None:
    table = compile_machine(Changeover)
    for state in ("draining", "held"):
        rows = [r for r in table.rows[table.state(state)] if table.states[r.target] == "breaking"]
        for row in rows:
            late = table.bit("late") | table.bit("rated")
            assert row.need & table.bit("calm") or row.need & late == late or row.need & table.bit("upset")


# ---- names --------------------------------------------------------------------------------------------------------
def test_the_house_machine_has_the_modes_in_their_order() -> None:
    assert compile_machine(House).states == MODES


def test_a_name_that_the_table_does_not_know_is_no_bit_and_no_state() -> None:
    assert CONTACTOR.bit("wantde") == 0
    assert word(CONTACTOR, {"wantde": True, "wanted": False}) == 0
    with pytest.raises(ValueError, match="not in tuple"):
        CONTACTOR.state("ajar")
