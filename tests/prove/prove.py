"""``make prove``: every state machine explored to closure, and its table as a page that a person can read.

For each machine: every state under every word of its facts. A state that cannot be reached, one without a way out, a
machine whose rest cannot be reached from everywhere, and a page in docs/machines that differs from what the code says
are failures. ``--write`` writes the pages anew. Then each changeover with its contactors (product.py), and the house
with whatever moves it.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table as Shown
from statemachine import StateMachine

from supervisor.kernel.machine import Machine, Row, Table, advance
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
from supervisor.loader.compiler import compile_machine
from tests.prove.product import INVARIANTS, Explored, prove
from tests.prove.shapes import SHAPES

RESTS: dict[type[StateMachine], set[str]] = {  # where each may stay for ever without harm
    Contactor: {"open"},
    Changeover: {"resting", "faulted"},
    Battery: {"unseen"},
    Charger: {"unseen"},
    Inverter: {"unseen"},
    Meter: {"unseen"},
    Presence: {"unseen"},
    Orchestrator: {"lost", "alive"},
    House: {"fault"},
    Lpc: {"limited", "unlimited"},
}
PAGES = Path(__file__).resolve().parents[2] / "docs" / "machines"


def main() -> int:
    """Explore, compare or write, and print the counts. Returns 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the pages instead of comparing them")
    write = parser.parse_args().write
    began = time.perf_counter()
    wrong: list[str] = []
    shown = Shown(*("machine", "states", "events", "facts", "rows", "refused", "state × word", "transitions"), box=None)
    for declaration in RESTS:
        table = compile_machine(declaration)
        moves = explore(table)
        wrong += faults(table, moves, RESTS[declaration])
        wrong += page(declaration, table, write)
        refused = sum(len(table.events) - len({row.event for row in rows}) for rows in table.rows)
        counts = (len(table.states), len(table.events), len(table.facts), sum(map(len, table.rows)), refused)
        tried = sum(len(words(table, state)) for state in range(len(table.states)))
        shown.add_row(table.name, *map(str, (*counts, tried, sum(len(to) for to in moves.values()))))
    with ProcessPoolExecutor(2) as pool:
        explored = list(pool.map(prove, sorted(SHAPES, key=lambda shape: -shape.size)))
    explored.sort(key=lambda one: [shape.name for shape in SHAPES].index(one.shape.name))
    wrong += compared("switching.md", switching(explored), write)
    console = Console(soft_wrap=True)
    console.print(shown)
    console.print(products(explored))
    pairs, stuck = house_pairs()
    wrong += stuck
    console.print(f"house × machine: {pairs} pairs")
    for one in explored:
        for invariant, trace in sorted(one.broken.items()):
            wrong.append(f"{one.shape.name} breaks {invariant}: {INVARIANTS[invariant]}")
            console.print("\n".join([f"{one.shape.name}, {invariant}:", *trace]), markup=False)
    for line in wrong:
        console.print(f"[red]wrong:[/] {line}")
    console.print(f"{len(RESTS)} machines, {len(wrong)} wrong, {time.perf_counter() - began:.1f} s")
    return 1 if wrong else 0


def products(explored: list[Explored]) -> Shown:
    """The changeovers with their contactors, as a table."""
    shown = Shown("changeover", "contactors", "states", "transitions", "invariants", "broken", "seconds", box=None)
    for one in explored:
        counts = (str(one.shape.size), f"{one.states:,}", f"{one.transitions:,}", ", ".join(checked(one)))
        shown.add_row(one.shape.name, *counts, ", ".join(sorted(one.broken)) or "none", f"{one.seconds:.1f}")
    return shown


def checked(one: Explored) -> list[str]:
    """The invariants that were looked at. Whether something goes on for ever is only asked where failures count."""
    return [invariant for invariant in INVARIANTS if invariant != "I7" or one.shape.counts]


# The facts of the house that another machine decides, by its state: all that are not named are free.
MOVERS: dict[type[StateMachine], dict[str, set[str]]] = {
    Contactor: {"fault_present": {"welded"}, "trouble": {"doubted", "unverified", "failed_open"}},
    Orchestrator: {"orphaned": {"lost"}},
    Battery: {"incomplete": {"unseen"}},
    Charger: {"incomplete": {"unseen"}},
    Inverter: {"incomplete": {"unseen"}},
    Meter: {"incomplete": {"unseen"}},
    Presence: {"incomplete": {"unseen"}},
}


def house_pairs() -> tuple[int, list[str]]:
    """The house with each machine: the number of pairs, and those that are never reached or ignore what they see."""
    house, count, wrong = compile_machine(House), 0, []
    for declaration, links in MOVERS.items():
        table = compile_machine(declaration)
        steps = {state: {to for _, to in ways} | {state} for state, ways in explore(table).items()}
        reached: dict[tuple[int, int], set[tuple[int, int]]] = {}
        todo = [(house.initial, table.initial)]
        while todo:
            at, state = todo.pop()
            if (at, state) in reached:
                continue
            modes = {after for word in linked(house, table.states[state], links)
                     for after in (advance(house, Machine(at, 0), word, 1)[0].state,)}  # fmt: skip
            reached[at, state] = {(mode, after) for mode in modes for after in steps[state]}
            names = {house.states[mode] for mode in modes}
            stops = {"fault", "maintenance"} | ({"starting"} if house.states[at] == "maintenance" else set())
            if table.states[state] in links.get("fault_present", ()) and not names <= stops:
                wrong.append(f"house in {house.states[at]} passes over a contactor that is {table.states[state]}")
            todo += reached[at, state]
        count += len(reached)
        if len(reached) != len(house.states) * len(table.states):
            wrong.append(f"house × {table.name}: {len(reached)} pairs of {len(house.states) * len(table.states)}")
    return count, wrong


def linked(house: Table, state: str, links: dict[str, set[str]]) -> list[int]:
    """The words of the house that are possible while a machine is in ``state``."""
    need = sum(house.bit(fact) for fact, states in links.items() if state in states)
    veto = house.bit("complete") if state in links.get("incomplete", ()) else 0
    return [word for word in range(1 << len(house.facts)) if word & need == need and not word & veto]


def switching(explored: list[Explored]) -> str:
    """The page of the changeovers with their contactors."""
    lines = ["# Switching", "", "Each changeover with its contactors, every reachable state of them together.", ""]
    lines += [f"* **{name}** {text}" for name, text in INVARIANTS.items()]
    lines += ["", "| changeover | contactors | states | transitions | invariants |", "|---|---|---|---|---|"]
    for one in explored:
        counts = f"{one.shape.size} | {one.states} | {one.transitions} | {', '.join(checked(one))}"
        lines.append(f"| {one.shape.name} | {counts} |")
    table = compile_machine(Changeover)
    for one in explored:
        letters = list(one.shape.letters[: one.shape.size])
        places = (f"{name}: {' '.join(letters[m] for m in members)}" for name, members in one.shape.places.items())
        lines += ["", f"## {one.shape.name} ({', '.join(places)})", ""]
        lines += ["What a coil may be told in each state: 0, 1, or nothing (–).", ""]
        lines += [f"| in state | event → next | {' | '.join(letters)} |", "|---|---|" + "---|" * len(letters)]
        for state, rows in zip(table.states, table.rows, strict=True):
            ways = dict.fromkeys(
                f"{table.events[row.event]} → {table.states[row.target]}"
                for row in rows
                if (state, table.states[row.target]) in one.taken
            )
            told = one.told.get(state, [set() for _ in letters])
            cells = (" ".join("–" if c is None else str(c) for c in sorted(s, key=str)) for s in told)
            lines.append(f"| {state} | {', '.join(ways)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def explore(table: Table) -> dict[int, set[tuple[int, int]]]:
    """For every state: the (event, next state) that some word of facts leads to."""
    moves: dict[int, set[tuple[int, int]]] = {}
    for state in range(len(table.states)):
        moves[state] = set()
        for word in words(table, state):
            after, event = advance(table, Machine(state, 0), word, 1)
            if event is not None:
                moves[state].add((event, after.state))
    return moves


def words(table: Table, state: int) -> list[int]:
    """Every word of the facts that a state's rows ask for; the others change nothing."""
    found, asked = [0], 0
    for row in table.rows[state]:
        asked |= row.need | row.veto
    for bit in (1 << i for i in range(len(table.facts)) if asked >> i & 1):
        found += [word | bit for word in found]
    return found


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
    return compared(f"{table.name.lower()}.md", render(declaration, table), write)


def compared(name: str, text: str, write: bool) -> list[str]:
    """Write a page, or say how it differs."""
    path = PAGES / name
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
    lines += ["", "An event is refused, and changes nothing, where it is not named above:", ""]
    lines += ["| in state | refused |", "|---|---|"]
    for state, rows in enumerate(table.rows):
        heard = {row.event for row in rows}
        refused = ", ".join(name for event, name in enumerate(table.events) if event not in heard)
        lines.append(f"| {table.states[state]} | {refused or 'none'} |")
    return "\n".join(lines) + "\n"


def condition(table: Table, row: Row) -> str:
    """A row's guard in words."""
    need = [fact for i, fact in enumerate(table.facts) if row.need >> i & 1]
    veto = [f"not {fact}" for i, fact in enumerate(table.facts) if row.veto >> i & 1]
    return " and ".join([*need, *veto]) or "always"
