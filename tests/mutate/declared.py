"""The mistakes that are planted in a machine's declaration, and whether one of them changes what the machine does.

Planted: a row left out, or leading elsewhere; a fact of a guard forgotten, or turned round; two rows or two events in
the other order of precedence; another state to begin in. A mutant matters when some state that can be reached answers
some word of its facts with another event or another state: such a one must be killed, always.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from functools import cache
from itertools import pairwise, product
from typing import NamedTuple

from statemachine import StateMachine

from supervisor.kernel.machine import Table
from supervisor.loader.compiler import compile_machine
from tests.mutate.edits import Edit, Spans


def declared_edits(source: str) -> list[Edit]:
    """Every mistake of a module that declares machines."""
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            found += list(_Declaration(source, node).edits())
    return found


class _Declaration:
    def __init__(self, source: str, declaration: ast.ClassDef) -> None:
        self.raw, self.spans = source.encode(), Spans(source)
        self.states: list[tuple[str, ast.Call]] = []
        self.events: list[tuple[ast.Assign, list[ast.Call]]] = []
        for part in declaration.body:
            match part:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="State")) as call):
                    self.states.append((name, call))
                case ast.Assign():
                    self.events.append((part, _operands(part.value)))

    def edits(self) -> Iterator[Edit]:
        yield from self._begins_elsewhere()
        for statement, rows in self.events:
            yield from self._left_out(statement, rows)
            for row in rows:
                yield from self._redirected(row)
                yield from self._guards(row)
            for at, (one, other) in enumerate(pairwise(rows)):
                if sources(one) & sources(other):
                    swapped = [*rows[:at], other, one, *rows[at + 2 :]]
                    yield self.spans.edit(statement.value, _joined(swapped), "order")
        for (first, rows), (second, others) in pairwise(self.events):
            if any(sources(a) & sources(b) for a, b in product(rows, others)):
                (start, first_end), (next_start, end) = self.spans.of(first), self.spans.of(second)
                text = self.raw[next_start:end].decode() + "\n    " + self.raw[start:first_end].decode()
                yield Edit(start, end, text, first.lineno, "precedence")

    def _begins_elsewhere(self) -> Iterator[Edit]:
        (_, first), (name, second) = self.states[:2]
        start, end = self.spans.of(first)[0], self.spans.of(second)[1]
        yield Edit(start, end, f"State()\n    {name} = State(initial=True)", first.lineno, "initial")

    def _left_out(self, statement: ast.Assign, rows: list[ast.Call]) -> Iterator[Edit]:
        """Without one row. What comes ``from_`` several states is one row for each."""
        for at, row in enumerate(rows):
            rest = [*rows[:at], *rows[at + 1 :]]
            if _is_from(row) and len(row.args) > 1:
                for i in range(len(row.args)):
                    less = copy.copy(row)
                    less.args = [*row.args[:i], *row.args[i + 1 :]]
                    yield self._edit_at(row, self.spans.edit(row, ast.unparse(less), "row"))
            elif rest:
                yield self._edit_at(row, self.spans.edit(statement.value, _joined(rest), "row"))
            else:
                yield self.spans.edit(statement, "pass", "row")

    def _redirected(self, row: ast.Call) -> Iterator[Edit]:
        target = _function(row).value if _is_from(row) else row.args[0]
        taken = {ast.unparse(target)} | sources(row)
        names = [name for name, _ in self.states]
        at = names.index(ast.unparse(target))
        if others := [name for name in names[at + 1 :] + names[:at] if name not in taken]:
            yield self.spans.edit(target, others[0], "target")

    def _guards(self, row: ast.Call) -> Iterator[Edit]:
        for keyword in row.keywords:
            terms = str(ast.literal_eval(keyword.value)).split(" and ")
            for i, term in enumerate(terms):
                rest = " and ".join([*terms[:i], *terms[i + 1 :]])
                other = term.removeprefix("not ") if term.startswith("not ") else f"not {term}"
                negated = " and ".join([*terms[:i], other, *terms[i + 1 :]])
                yield self.spans.edit(keyword.value, f'"{rest}"' if rest else "[]", "forgotten")
                yield self.spans.edit(keyword.value, f'"{negated}"', "negated")

    @staticmethod
    def _edit_at(row: ast.Call, edit: Edit) -> Edit:
        return edit._replace(line=row.lineno)


def sources(row: ast.Call) -> set[str]:
    """The states that a row leaves."""
    return {ast.unparse(one) for one in row.args} if _is_from(row) else {ast.unparse(_function(row).value)}


def _function(row: ast.Call) -> ast.Attribute:
    if not isinstance(row.func, ast.Attribute) or row.func.attr not in ("to", "from_"):
        raise TypeError(f"line {row.lineno}: a row is written with .to() or .from_(); teach tests/mutate this one")
    return row.func


def _is_from(row: ast.Call) -> bool:
    return _function(row).attr == "from_"


def _operands(value: ast.expr) -> list[ast.Call]:
    match value:
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return [*_operands(left), *_operands(right)]
        case ast.Call():
            return [value]
    raise TypeError(f"line {value.lineno}: an event is rows joined by |; teach tests/mutate this one")


def _joined(rows: list[ast.Call]) -> str:
    return f"({' | '.join(ast.unparse(row) for row in rows)})"


# ---- what a mutant changes ---------------------------------------------------------------------------------------
class Way(NamedTuple):
    """One row, by names."""

    event: str
    need: frozenset[str]
    veto: frozenset[str]
    target: str


def changes(original: str, mutated: str) -> bool | None:
    """Does some reachable transition differ? None when the mutated declaration does not even compile."""
    try:
        changed = tables(mutated)
    except Exception:  # noqa: BLE001  # whatever the library or the compiler says about it, it says no
        return None
    return any(differ(before, after) for before, after in zip(tables(original), changed, strict=True))


def tables(source: str) -> list[Table]:
    """The compiled machines of a module's text."""
    space: dict[str, object] = {"__name__": "planted"}
    exec(compile(source, "planted", "exec"), space)
    declared = [one for one in space.values() if isinstance(one, type) and issubclass(one, StateMachine)]
    return [compile_machine(one) for one in declared if one is not StateMachine]


def differ(before: Table, after: Table) -> bool:
    """Is there a state, reachable in ``before``, and a word of facts on which the two do not take the same step?

    What only ``after`` reaches, it reaches by a step that differs.
    """
    if before.states[before.initial] != after.states[after.initial]:
        return True
    seen, todo = set[str](), [before.states[before.initial]]
    while todo:
        state = todo.pop()
        if state in seen:
            continue
        seen.add(state)
        one, other = _ways(before, state), _ways(after, state)
        facts = _facts(one + other)
        if one != other and _steps(one, facts) != _steps(other, facts):
            return True
        todo += {target for _, target in filter(None, _steps(one, _facts(one)))}
    return False


def _ways(table: Table, state: str) -> tuple[Way, ...]:
    def names(mask: int) -> frozenset[str]:
        return frozenset(fact for i, fact in enumerate(table.facts) if mask >> i & 1)

    rows = table.rows[table.state(state)]
    return tuple(Way(table.events[r.event], names(r.need), names(r.veto), table.states[r.target]) for r in rows)


def _facts(ways: tuple[Way, ...]) -> tuple[str, ...]:
    return tuple(sorted({fact for way in ways for fact in way.need | way.veto}))


@cache
def _steps(ways: tuple[Way, ...], facts: tuple[str, ...]) -> list[tuple[str, str] | None]:
    """(event, next state) for every word of the facts; None where the state stays."""
    found: list[tuple[str, str] | None] = []
    for chosen in product((False, True), repeat=len(facts)):
        true = {fact for fact, there in zip(facts, chosen, strict=True) if there}
        step = next((way for way in ways if way.need <= true and not way.veto & true), None)
        found.append((step.event, step.target) if step else None)
    return found
