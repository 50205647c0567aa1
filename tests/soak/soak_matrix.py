"""The matrix fault x machine state: how often each kind of fault was injected while a machine was in each state.

A cell without a count is a hole: nobody knows what the product does there. Rules: a cell that cannot exist is listed
with its reason and stays out of the verdict; every other cell counts, and one zero fails a run of the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.soak.soak_states import CANNOT, columns
from tests.soak.soak_strikes import NOT_STRUCK, ROWS

Cell = tuple[str, str]
CELLS_CANNOT: Mapping[Cell, str] = {  # a row that cannot meet a column, with the reason
    (
        "inverter trips",
        "house.orchestrator_lost",
    ): "only houses without inverters expect their orchestrator to be there",
}


@dataclass
class Matrix:
    """Rows and columns as they are declared; ``counts`` of the seeds so far."""

    rows: Sequence[str] = tuple(ROWS)
    columns: Sequence[str] = field(default_factory=columns)
    counts: Counter[Cell] = field(default_factory=Counter)
    cannot: Mapping[Cell, str] = field(default_factory=lambda: CELLS_CANNOT)

    def add(self, cells: Mapping[Cell, int]) -> None:
        """What one seed has reached. A state that no column is for is a mistake in soak_states.py, and an error."""
        for _, column in cells:
            if column not in self.columns:
                raise ValueError(f"{column} was reached and is no column: correct CANNOT in soak_states.py")
        self.counts.update(cells)

    def zeros(self) -> list[Cell]:
        """The holes."""
        return [
            (row, column)
            for row in self.rows
            for column in self.columns
            if not self.counts[row, column] and (row, column) not in self.cannot
        ]

    def lines(self) -> Iterator[str]:
        """The table as text, a block for each kind of machine, with what cannot exist below."""
        wide = max(len(row) for row in self.rows)
        for kind in dict.fromkeys(column.partition(".")[0] for column in self.columns):
            names = [column for column in self.columns if column.partition(".")[0] == kind]
            heads = [name.partition(".")[2] for name in names]
            yield ""
            yield f"{kind:<{wide}} {' '.join(f'{head:>{_width(head)}}' for head in heads)}"
            for row in self.rows:
                told = (self._told(row, name).rjust(_width(head)) for name, head in zip(names, heads, strict=True))
                yield f"{row:<{wide}} {' '.join(told)}"
        yield ""
        yield "not in the matrix:"
        yield from (f"  {name}: {why}" for name, why in CANNOT.items())
        yield from (f"  {row} while {column}: {why}" for (row, column), why in self.cannot.items())
        yield from (f"  fault {name}: {why}" for name, why in NOT_STRUCK.items())

    def _told(self, row: str, column: str) -> str:
        return "-" if (row, column) in self.cannot else str(self.counts[row, column])

    def summary(self) -> str:
        """One line."""
        cells = len(self.rows) * len(self.columns) - len(self.cannot)
        found = [self.counts[row, column] for row in self.rows for column in self.columns]
        least = min((count for count in found if count), default=0)
        return (
            f"{len(self.rows)} kinds of fault x {len(self.columns)} states = {cells} cells, {len(self.zeros())} of them"
            f" zero; {sum(found)} counts, at least {least} in those that were reached"
        )


def _width(head: str) -> int:
    return max(5, len(head))
