"""How a state machine runs: a compiled table, a word of facts, at most one transition a cycle.

Theory of operation
* A machine is declared as a python-statemachine class (kernel/machines/), which the loader compiles to a
  :class:`Table`. The cycle runs tables only.
* What is true of the world this cycle is a word of bits, one per fact that the table names. A bit is set only by
  an answer of YES; "not known" is no bit, and a table must not take the absence of a bit for proof.
* The rows of a state are tried in their declared order. The first one whose needed facts are all there, and whose
  vetoes are all absent, is the transition of this cycle. No row: nothing happens.

This file must never know what a machine is for.
"""

from __future__ import annotations

import msgspec

LATE = "late"
"""The one fact that the runner itself supplies: the state's own time-out has passed."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One transition: ``event`` and ``target`` are indices, ``need`` and ``veto`` bit masks over the table's facts."""

    event: int
    need: int
    veto: int
    target: int


class Table(msgspec.Struct, frozen=True):
    """A compiled machine. ``rows[state]`` in order of precedence."""

    name: str
    states: tuple[str, ...]
    events: tuple[str, ...]
    facts: tuple[str, ...]
    initial: int
    rows: tuple[tuple[Row, ...], ...]

    def bit(self, fact: str) -> int:
        """The bit of a fact; 0 for a fact that no row of this table asks for."""
        return 1 << self.facts.index(fact) if fact in self.facts else 0

    def state(self, name: str) -> int:
        """The index of a state. Raises ValueError for a name that the table does not have."""
        return self.states.index(name)


class Machine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where one machine stands, and since when (ms)."""

    state: int
    since_ms: int


def advance_asking(table: Table, machine: Machine, of: object, now_ms: int) -> tuple[Machine, int | None]:
    """As ``advance``, but ``of`` has a method of each fact's name, and only what decides is asked, once."""
    known = true = 0
    for row in table.rows[machine.state]:
        left = (row.need | row.veto) & ~known
        while left and not (row.need & known & ~true or row.veto & true):
            bit = left & -left  # the lowest one
            left ^= bit
            known |= bit
            if getattr(of, table.facts[bit.bit_length() - 1])():
                true |= bit
        if true & row.need == row.need and not true & row.veto:
            return Machine(row.target, now_ms), row.event
    return machine, None


def advance(table: Table, machine: Machine, facts: int, now_ms: int) -> tuple[Machine, int | None]:
    """The machine after this cycle, and the event that moved it (None when it stayed)."""
    for row in table.rows[machine.state]:
        if facts & row.need == row.need and not facts & row.veto:
            return Machine(row.target, now_ms), row.event
    return machine, None


def word(table: Table, true: dict[str, bool]) -> int:
    """A word of facts from names. Names that the table does not ask for are passed over."""
    bits = 0
    for position, fact in enumerate(table.facts):
        if true.get(fact, False):
            bits |= 1 << position
    return bits
