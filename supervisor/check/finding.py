"""What ``powerwarden check`` can say about a site: a kind of finding, and one finding with its place.

Rules
* Every kind stands in one table (table.py) with its severity, its meaning and its remedy.
* A look is a small function from a surveyed site to spots; it says what is so and where, and never how bad that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from supervisor.check.survey import Survey
from supervisor.loader.documents import Item


class Severity(StrEnum):
    """Worst first."""

    ERROR = "error"  # the site must not run like this
    WARNING = "warning"  # somebody has to have thought of it; counts with --strict
    NOTE = "note"  # worth knowing; never counts


@dataclass(frozen=True)
class Spot:
    """A place in a document, and what is so there."""

    item: Item
    what: str


Look = Callable[[Survey], Iterator[Spot]]


@dataclass(frozen=True)
class Kind:
    """One row of the table. ``look`` is None where the examples find it (examples.py)."""

    id: str
    severity: Severity
    meaning: str
    remedy: str
    look: Look | None


@dataclass(frozen=True)
class Finding:
    """``kind`` at ``file:line``. Prints on one line that a terminal may show."""

    file: str
    line: int
    kind: Kind
    what: str

    def __str__(self) -> str:
        words = f"[{self.kind.id}] {self.kind.severity.value}: {self.what}; {self.kind.remedy}"
        return printable(f"{self.file}:{self.line}: {words}")

    @property
    def order(self) -> tuple[str, int, str, str]:
        """By file and line, and always the same."""
        return self.file, self.line, self.kind.id, self.what


def printable(text: str) -> str:
    """One line that a terminal may show: what a document says is never trusted with it."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def found(kind: Kind, spot: Spot) -> Finding:
    return Finding(spot.item.file, spot.item.line, kind, spot.what)
