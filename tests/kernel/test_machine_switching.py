"""Contactors and changeovers, said once more as rules: what each state waits for, what comes first, and why.

A rule asks for the facts that it needs, one after the other. Each way through it is tried with every word of the other
facts that the table's rows of that state name: a table that looks at more, or at less, than the rule is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import pytest
from statemachine import StateMachine

from supervisor.kernel.machine import Machine, Table, advance, word
from supervisor.kernel.machines.changeover import Changeover
from supervisor.kernel.machines.contactor import Contactor
from supervisor.loader.compiler import compile_machine

Move = tuple[str, str] | None
"""(event, next state); None where it stays."""


class Unasked(Exception):
    """A rule wants to know a fact."""


class Facts(dict[str, bool]):
    """What is true, and what is not known to this try."""

    def __missing__(self, fact: str) -> bool:
        raise Unasked(fact)

    def all(self, *names: str) -> bool:
        return all(self[name] for name in names)


Rule = Callable[[Facts], Move]


# ---- contactor ---------------------------------------------------------------------------------------------------
def looking(true: Facts) -> Move:
    """It says nothing to a coil before it has seen the contact; what is alone and closed is kept as it was found. What
    stays closed beside one that excludes it is a weld, once nothing flows. Who cannot be seen is waited for."""
    if true["shown_open"]:
        return "find_open", "open"
    if true["shown_closed"]:
        if true["alone"]:
            return "find_closed", "closed"
        return ("weld", "welded") if true.all("late", "may_open") else None
    return ("give_up", "unverified") if true.all("late", "may_open") and not true["cut_off"] else None


def is_open(true: Facts) -> Move:
    """Closed without a command is a weld. Too many failures and maintenance come before every wish; a wish needs its
    admission, the contact shown, and a node that is there; what has a precharge begins with it."""
    if true.all("shown_closed", "travelled"):
        return "weld", "welded"
    if true["shown_open"]:
        if true["spent"]:
            return "relapse", "failed_open"
        if true["locked"]:
            return "lock", "locked_out"
        if true.all("wanted", "admitted") and not true["cut_off"]:
            return ("charge", "precharging") if true["precharge"] else ("make", "closing")
    return _doubted_to(true, "unverified")


def precharging(true: Facts) -> Move:
    """The main contact is still open: closed by now is a weld, and not charged in time a failure."""
    if true.all("shown_closed", "travelled"):
        return "weld", "welded"
    if true["shown_open"]:
        if true.all("charged", "wanted", "admitted") and not true["cut_off"]:
            return "make", "closing"
        if not true["wanted"]:
            return "cancel", "open"
    if moved := _doubted_to(true, "unverified"):
        return moved
    return ("give_up", "failed_open") if true.all("late", "shown_open") else None


def closing(true: Facts) -> Move:
    """A wish that ends is followed only while the contact is still open. In time it has closed, or not, or nobody
    knows: then it keeps its coil, because there may be a current."""
    if true["shown_open"] and not true["wanted"]:
        return "cancel", "opening"
    if true["shown_closed"]:
        return "made", "closed"
    if true["late"]:
        return "give_up", "failed_open" if true["shown_open"] else "doubted"
    return None


def closed(true: Facts) -> Move:
    """It opens where it may, nobody wants it closed and no minimum time runs; what opened by itself has failed."""
    if moved := _held_coil(true):
        return moved
    return _doubted_to(true, "doubted")


def doubted(true: Facts) -> Move:
    """As closed, and trusted again as soon as it shows itself."""
    if moved := _held_coil(true):
        return moved
    return ("trust", "closed") if true["shown_closed"] else None


def _held_coil(true: Facts) -> Move:
    if true["gone"]:
        return "lose_sight", "looking"
    if true.all("shown_open", "travelled"):
        return "drop", "failed_open"
    if true["may_open"] and not true["wanted"] and not true["held"]:
        return "part", "opening"
    return None


def _doubted_to(true: Facts, state: str) -> Move:
    """What has not shown itself for too long; not where its whole node is away, for that is told already."""
    return ("doubt", state) if true["doubtful"] and not true["cut_off"] else None


def opening(true: Facts) -> Move:
    if true["shown_open"]:
        return "parted", "open"
    if true["late"]:
        return ("weld", "welded") if true["shown_closed"] else ("give_up", "unverified")
    return None


def failed_open(true: Facts) -> Move:
    """Closed after all: it is opened. It rests, and tries again by itself, unless it has failed too often."""
    if true["shown_closed"]:
        return "find_closed", "opening"
    if true.all("locked", "shown_open"):
        return "lock", "locked_out"
    if moved := _doubted_to(true, "unverified"):
        return moved
    if true["shown_open"]:
        if true["reset"]:
            return "reset_latch", "open"
        if true["late"] and not true["spent"]:
            return "rest", "open"
    return None


def welded(true: Facts) -> Move:
    return ("reset_latch", "open") if true.all("reset", "shown_open") else None


def locked_out(true: Facts) -> Move:
    if true.all("shown_closed", "travelled"):
        return "weld", "welded"
    return ("unlock", "open") if true.all("reset", "shown_open") and not true["locked"] else None


def unverified(true: Facts) -> Move:
    if true["shown_open"]:
        return "find_open", "open"
    return ("find_closed", "opening") if true["shown_closed"] else None


# ---- changeover --------------------------------------------------------------------------------------------------
def looks(true: Facts) -> Move:
    if true["found"] and not true["danger"]:
        return "find", "resting"
    return ("part", "breaking") if true["mixed"] else None


def _astray(true: Facts) -> Move:
    """A contactor that has moved by itself opens all of them; one that does not show itself holds everything."""
    if true["upset"]:
        return "part", "breaking"
    return ("stay", "held") if true["doubt"] else None


def resting(true: Facts) -> Move:
    if moved := _astray(true):
        return moved
    return ("leave", "draining") if true["move"] else None


def draining(true: Facts) -> Move:
    """Nothing has moved yet, so a wish may still end. Contacts break where nothing flows, or after their time where
    they are rated for it; where neither comes, it stays."""
    if moved := _astray(true):
        return moved
    if true["back"]:
        return "back_out", "resting"
    if not true["move"]:
        return "refuse", "held"
    if true["calm"] or true.all("late", "rated"):
        return "open_up", "breaking"
    return ("give_up", "held") if true["late"] else None


def held(true: Facts) -> Move:
    if true["upset"]:
        return "part", "breaking"
    if true["doubt"]:
        return None
    if not true["move"]:
        return "back_out", "resting"
    return ("open_up", "breaking") if true["calm"] else None


def breaking(true: Facts) -> Move:
    return ("give_up", "stranded") if true["late"] else stranded(true)


def stranded(true: Facts) -> Move:
    """It ends when all are proven open; one that is welded is a fault once every other one is open."""
    if true["all_open"]:
        return "apart", "waiting"
    return ("fail", "faulted") if true.all("danger", "others_open") else None


def waiting(true: Facts) -> Move:
    if not true["all_open"]:
        return "part", "breaking"
    if true["late"]:
        return ("end", "resting") if true["ending"] else ("probe", "probing")
    return None


def probing(true: Facts) -> Move:
    """Onto a bus that is not proven dead nothing closes, however long it takes: then it rests with all open."""
    if not true["all_open"]:
        return "part", "breaking"
    if true["ending"]:
        return "end", "resting"
    if true["dead"]:
        return "close_up", "making"
    return ("end", "resting") if true["late"] else None


def making(true: Facts) -> Move:
    """After the first movement an abort means all open; and so does a contactor that cannot close."""
    if true["ending"] or true["failed"] or true["late"]:
        return "part", "breaking"
    return ("settle", "settling") if true["made"] else None


def settling(true: Facts) -> Move:
    if moved := _astray(true):
        return moved
    return ("arrive", "resting") if true["late"] else None


def faulted(true: Facts) -> Move:
    return ("mend", "resting") if true["all_open"] else None


RULES: dict[type[StateMachine], dict[str, Rule]] = {
    Contactor: {
        "looking": looking, "open": is_open, "precharging": precharging, "closing": closing, "closed": closed,
        "doubted": doubted, "opening": opening, "failed_open": failed_open, "welded": welded,
        "locked_out": locked_out, "unverified": unverified,
    },
    Changeover: {
        "looking": looks, "resting": resting, "draining": draining, "held": held, "breaking": breaking,
        "stranded": stranded, "waiting": waiting, "probing": probing, "making": making, "settling": settling,
        "faulted": faulted,
    },
}  # fmt: skip


def ways(rule: Rule) -> Iterator[tuple[Facts, Move]]:
    """Every way through a rule, with the facts that it has asked for."""
    todo = [Facts()]
    while todo:
        known = todo.pop()
        try:
            yield known, rule(known)
        except Unasked as fact:
            todo += [Facts({**known, str(fact): there}) for there in (False, True)]


def named(table: Table, state: str) -> list[str]:
    """The facts that the rows of a state look at."""
    rows = table.rows[table.state(state)]
    return [fact for fact in table.facts if any((row.need | row.veto) & table.bit(fact) for row in rows)]


def possible(true: dict[str, bool]) -> bool:
    """No contact shows both."""
    return not (true.get("shown_open") and true.get("shown_closed"))


@pytest.mark.parametrize(
    ("declaration", "state"), [(declaration, state) for declaration, rules in RULES.items() for state in rules]
)
def test_in_every_state_every_word_of_facts_leads_where_its_rule_says(
    declaration: type[StateMachine], state: str
) -> None:
    table = compile_machine(declaration)
    for known, move in ways(RULES[declaration][state]):
        others = [fact for fact in named(table, state) if fact not in known]
        for chosen in product((False, True), repeat=len(others)):
            true = {**known, **dict(zip(others, chosen, strict=True))}
            if possible(true):
                after, moved = advance(table, Machine(table.state(state), 1), word(table, true), 2)
                event = None if moved is None else (table.events[moved], table.states[after.state])
                assert event == move, (state, sorted(fact for fact, there in true.items() if there))


@pytest.mark.parametrize("declaration", RULES)
def test_after_a_start_it_looks_before_it_acts(declaration: type[StateMachine]) -> None:
    table = compile_machine(declaration)
    assert table.states[table.initial] == "looking"
    assert set(table.states) == set(RULES[declaration])
