"""Compiles a python-statemachine class to the plain table that the cycle runs.

Only the declaration is read; no machine is ever constructed here. A guard is a conjunction of fact names, each plain
or negated: anything else is a :class:`MachineError`, because the table could not say it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from statemachine import StateMachine

from supervisor.kernel.machine import Row, Table


class MachineError(Exception):
    """A machine's declaration cannot be compiled: a mistake in this program, not in a user's document."""


def compile_machine(declaration: type[StateMachine]) -> Table:
    """The table of a machine class. Facts are numbered in the order of their names."""
    states = tuple(str(state.id) for state in declaration.states)
    events = tuple(str(event.id) for event in declaration.events)  # type: ignore[attr-defined]  # a property of the metaclass
    raw = [list(_rows(declaration, state_id, events)) for state_id in states]
    facts = tuple(sorted({name for rows in raw for _, need, veto, _ in rows for name in (*need, *veto)}))
    if clash := set(facts) & (set(states) | set(events)):
        raise MachineError(f"{declaration.__name__}: {sorted(clash)} name both a fact and a state or event")
    rows = tuple(
        tuple(
            Row(events.index(event), _mask(need, facts), _mask(veto, facts), states.index(target))
            for event, need, veto, target in state_rows
        )
        for state_rows in raw
    )
    initial = next(i for i, state in enumerate(declaration.states) if state.initial)
    return Table(declaration.__name__, states, events, facts, initial, rows)


def _rows(
    declaration: type[StateMachine], state_id: str, events: tuple[str, ...]
) -> Iterator[tuple[str, set[str], set[str], str]]:
    """(event, needed facts, vetoing facts, target) of a state, events in their declared order."""
    state = next(state for state in declaration.states if state.id == state_id)
    for event in events:
        for transition in state.transitions:
            if event not in str(transition.event).split():
                continue
            need: set[str] = set()
            veto: set[str] = set()
            for spec in transition.cond:
                for name, wanted in guard(str(spec.func), declaration.__name__):
                    (need if wanted == spec.expected_value else veto).add(name)
            yield event, need, veto, str(transition.target.id)


def guard(text: str, place: str) -> list[tuple[str, bool]]:
    """``"a and not b"`` as [("a", True), ("b", False)]."""
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        raise MachineError(f"{place}: the guard {text!r} is no expression") from None
    parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
    return [_fact(part, text, place) for part in parts]


def _fact(node: ast.expr, text: str, place: str) -> tuple[str, bool]:
    if isinstance(node, ast.Name):
        return node.id, True
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) and isinstance(node.operand, ast.Name):
        return node.operand.id, False
    raise MachineError(f"{place}: the guard {text!r} is not a conjunction of facts")


def _mask(names: set[str], facts: tuple[str, ...]) -> int:
    return sum(1 << facts.index(name) for name in names)
