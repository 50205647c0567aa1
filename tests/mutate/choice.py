"""Which tests a mutant meets, and in which order.

Rules
* Those that run the mutated line, by the line map; for what runs only while a module is imported (a constant, a
  declaration), those that run anything of that module, or of those that import it.
* Files named like the module come first, then those that take the least time; in a file the quickest test is first.
  So most mutants end within a second or two of testing.
* At most ``budget_s`` of tests from the files named like the module, and as much again from the others; never none.
  A mutant that outlives them counts as a survivor: a short budget can only make the figures worse.
* The tests that compare a committed table are apart: they kill every mutant of a declaration, whatever it does.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from tests.mutate import line_map
from tests.mutate.edits import KERNEL, ROOT, Mutant

TABLE_TESTS = {
    f"tests/prove/test_prove.py::test_each_machine_is_sound_and_its_page_is_what_the_code_says[{name}]"
    for name in (
        "Battery", "Changeover", "Charger", "Contactor", "House", "Inverter", "Lpc", "Meter", "Orchestrator",
        "Presence",
    )
}  # fmt: skip
RUNS_MACHINES = "supervisor/kernel/machine.py"  # whoever advances a machine meets every declaration
Groups = list[list[str]]
"""Tests by their file, in the order in which they run."""


class Choice:
    """The line map, read once."""

    def __init__(self, file: Path, budget_s: float) -> None:
        known = line_map.read(file)
        self.seconds, self.lines = known.seconds, known.lines
        self.budget_s = budget_s

    def tests(self, mutant: Mutant) -> Groups:
        """The tests for a mutant, none of them one that compares a committed table."""
        by_file: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._meeting(mutant) - TABLE_TESTS, key=lambda name: (self.seconds[name], name)):
            by_file[name.split("::")[0]].append(name)
        order = sorted(by_file, key=lambda file: (_far(file, mutant.place), self._total(by_file[file]), file))
        groups: Groups = []
        spent: dict[int, float] = defaultdict(float)
        for file in order:
            group: list[str] = []
            far = _far(file, mutant.place)
            for name in by_file[file]:
                if (not groups and not group) or spent[far] + self.seconds[name] <= self.budget_s:
                    group.append(name)
                    spent[far] += self.seconds[name]
            if group:
                groups.append(group)
        return groups

    def missing(self) -> list[str]:
        """Test files that the map does not know."""
        there = (
            path.relative_to(ROOT).as_posix() for suite in line_map.SUITES for path in (ROOT / suite).glob("test_*")
        )
        return sorted(set(there) - {name.split("::")[0] for name in self.seconds})

    def cost_s(self, groups: Groups) -> float:
        """How long these tests take without any mutant."""
        return sum(self.seconds[name] for group in groups for name in group if name in self.seconds)

    def _total(self, names: list[str]) -> float:
        return sum(self.seconds[name] for name in names)

    def _meeting(self, mutant: Mutant) -> set[str]:
        if "/machines/" in mutant.place:  # a test may look at a table without ever advancing it
            near = {name for name in self.seconds if not _far(name.split("::")[0], mutant.place)}
            return near.union(*self.lines.get(RUNS_MACHINES, {}).values())
        if found := self.lines.get(mutant.place, {}).get(str(mutant.line)):
            return found
        return {name for place in self._places(mutant) for names in self.lines[place].values() for name in names}

    def _places(self, mutant: Mutant) -> list[str]:
        """Where to look for the tests of a line that runs only at import, or that nothing runs."""
        if self.lines.get(mutant.place):
            return [mutant.place]
        using = re.compile(rf"from {re.escape(mutant.module)} import|import {re.escape(Path(mutant.place).stem)}\b")
        places = [
            str(path.relative_to(ROOT)) for path in sorted(KERNEL.rglob("*.py")) if using.search(path.read_text())
        ]
        return [place for place in places if self.lines.get(place)] or sorted(self.lines)


def table_tests(mutant: Mutant) -> Groups:
    """The tests that compare the committed table of a mutant's machine."""
    return [[name for name in sorted(TABLE_TESTS) if f"[{Path(mutant.place).stem}]" in name.lower()]]


def _far(file: str, place: str) -> int:
    """How far a test file's name is from a module's: 0 is near."""
    name = Path(file).stem
    if "/machines/" in place:
        return 0 if "machine" in name else 1 if Path(place).stem in name or "prove" in name else 2
    return 0 if Path(place).stem in name else 1
