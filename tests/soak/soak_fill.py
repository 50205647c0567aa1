"""What the seeds leave of the matrix: runs that bring a machine into one state and aim at it what never struck there.

A brief state and a rare fault hardly meet by chance. A filling run takes one column and some of its rows, plays stages
that lead to that state, and strikes as soon as it is there. Rules: it is judged like any other run, and what it does
follows from its number, its house, its column and its rows alone. It must never make a state up: the product is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.soak.soak_houses import YARDS, Yard
from tests.soak.soak_matrix import Cell
from tests.soak.soak_stages import OPENINGS, Stage, of_house

TOGETHER = 12  # rows in one run
AT_ONCE, PAUSE_MS = 6, 300
ROUNDS = 6  # in each the next house that could do it, with another stage


@dataclass(frozen=True)
class Fill:
    """One column and the rows that are aimed at it."""

    column: str
    rows: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.column}: {', '.join(self.rows)}"

    @classmethod
    def read(cls, text: str) -> Fill:
        """As it was printed. Raises ValueError for anything else."""
        column, colon, rows = text.partition(": ")
        if not colon:
            raise ValueError(f"{text!r} is no 'COLUMN: ROW, ROW'")
        return cls(column, tuple(row.strip() for row in rows.split(",")))


def reaching(column: str, yard: Yard) -> tuple[Stage, ...]:
    """The stages of this house that lead there; where none is needed, one in which nothing happens."""
    every = (*OPENINGS[1:], *of_house(yard))
    found = tuple(stage for stage in every if column in stage.columns)
    return found or (Stage("as it is", (column,), lambda scene: []),)


def fills(holes: Iterable[Cell], rows_of: Mapping[str, Sequence[str]], turn: int) -> list[tuple[str, Fill]]:
    """What to run for these holes, each with its house. ``rows_of``: what can strike in each house."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for row, column in holes:
        yards = [yard for yard in YARDS if row in rows_of[yard.name]]
        staged = [yard for yard in yards if reaching(column, yard)[0].name != "as it is"] or yards
        if staged:
            wanted.setdefault((staged[turn % len(staged)].name, column), []).append(row)
    return [
        (house, Fill(column, tuple(rows[at : at + TOGETHER])))
        for (house, column), rows in wanted.items()
        for at in range(0, len(rows), TOGETHER)
    ]
