"""``make prove``: every state machine explored to closure, and its table as a page that a person can read.

For each machine: every state under every word of its facts. A state that cannot be reached, one without a way out, a
machine whose rest cannot be reached from everywhere, and a page in docs/machines that differs from what the code says
are failures. ``--write`` writes the pages anew.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table as Shown
from statemachine import StateMachine

from supervisor.kernel.machine import Machine, Row, Table, advance
from supervisor.kernel.machines.battery import Battery
from supervisor.kernel.machines.charger import Charger
from supervisor.kernel.machines.contactor import Contactor
from supervisor.kernel.machines.house import House
from supervisor.kernel.machines.inverter import Inverter
from supervisor.kernel.machines.meter import Meter
from supervisor.kernel.machines.orchestrator import Orchestrator
from supervisor.kernel.machines.presence import Presence
from supervisor.loader.compiler import compile_machine

RESTS: dict[type[StateMachine], set[str]] = {  # where each may stay for ever without harm
    Contactor: {"open"},
    Battery: {"unseen"},
    Charger: {"unseen"},
    Inverter: {"unseen"},
    Meter: {"unseen"},
    Presence: {"unseen"},
    Orchestrator: {"lost", "alive"},
    House: {"fault"},
}
PAGES = Path(__file__).resolve().parents[2] / "docs" / "machines"


def main() -> int:
    """Explore, compare or write, and print the counts. Returns 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the pages instead of comparing them")
    write = parser.parse_args().write
    began = time.perf_counter()
    wrong: list[str] = []
    shown = Shown("machine", "states", "events", "facts", "rows", "state × word", "transitions", box=None)
    for declaration in RESTS:
        table = compile_machine(declaration)
        moves = explore(table)
        wrong += faults(table, moves, RESTS[declaration])
        wrong += page(declaration, table, write)
        counts = (len(table.states), len(table.events), len(table.facts), sum(map(len, table.rows)))
        words = len(table.states) << len(table.facts)
        shown.add_row(table.name, *map(str, (*counts, words, sum(len(to) for to in moves.values()))))
    console = Console()
    console.print(shown)
    for line in wrong:
        console.print(f"[red]wrong:[/] {line}")
    console.print(f"{len(RESTS)} machines, {len(wrong)} wrong, {time.perf_counter() - began:.1f} s")
    return 1 if wrong else 0


def explore(table: Table) -> dict[int, set[tuple[int, int]]]:
    """For every state: the (event, next state) that some word of facts leads to."""
    moves: dict[int, set[tuple[int, int]]] = {}
    for state in range(len(table.states)):
        moves[state] = set()
        for word in range(1 << len(table.facts)):
            after, event = advance(table, Machine(state, 0), word, 1)
            if event is not None:
                moves[state].add((event, after.state))
    return moves


def faults(table: Table, moves: dict[int, set[tuple[int, int]]], rests: set[str]) -> list[str]:
    """What is wrong with a machine as a whole."""
    wrong = []
    reached = closure({table.initial}, {state: {to for _, to in ways} for state, ways in moves.items()})
    wrong += [f"{table.name}: {table.states[s]} cannot be reached" for s in moves if s not in reached]
    wrong += [f"{table.name}: {table.states[s]} has no way out" for s, ways in moves.items() if not ways]
    taken = {(s, event, to) for s, ways in moves.items() for event, to in ways}
    for state, rows in enumerate(table.rows):
        for row in rows:
            if (state, row.event, row.target) not in taken:
                wrong.append(f"{table.name}: {table.events[row.event]} in {table.states[state]} can never happen")
    backward: dict[int, set[int]] = {state: set() for state in moves}
    for state, _, to in taken:
        backward[to].add(state)
    safe = closure({table.state(name) for name in rests}, backward)
    wrong += [f"{table.name}: no rest can be reached from {table.states[s]}" for s in moves if s not in safe]
    return wrong


def closure(start: set[int], ways: dict[int, set[int]]) -> set[int]:
    """Everything that can be reached from ``start``."""
    found, todo = set(start), list(start)
    while todo:
        for to in ways[todo.pop()] - found:
            found.add(to)
            todo.append(to)
    return found


def page(declaration: type[StateMachine], table: Table, write: bool) -> list[str]:
    """Write the page of a machine, or say how it differs from the one that is committed."""
    path = PAGES / f"{table.name.lower()}.md"
    text = render(declaration, table)
    if write:
        PAGES.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return []
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        return [f"{path.name} differs from what the code says; look at the change, then: make prove WRITE=--write"]
    return []


def render(declaration: type[StateMachine], table: Table) -> str:
    """A machine as Markdown: its own words, a picture, and every row in order of precedence."""
    about = inspect.getdoc(sys.modules[declaration.__module__]) or ""
    lines = [f"# {table.name}", "", about, "", "```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {table.states[table.initial]}"]
    pairs = [(state, row) for state, rows in enumerate(table.rows) for row in rows]
    lines += [f"    {table.states[s]} --> {table.states[r.target]}: {table.events[r.event]}" for s, r in pairs]
    lines += ["```", "", "Rows of a state are tried from above; the first whose condition holds is taken.", ""]
    lines += ["| in state | event | when | next |", "|---|---|---|---|"]
    for state, row in pairs:
        cells = (table.states[state], table.events[row.event], condition(table, row), table.states[row.target])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def condition(table: Table, row: Row) -> str:
    """A row's guard in words."""
    need = [fact for i, fact in enumerate(table.facts) if row.need >> i & 1]
    veto = [f"not {fact}" for i, fact in enumerate(table.facts) if row.veto >> i & 1]
    return " and ".join([*need, *veto]) or "always"
