"""How far a run of many scenarios is: bars on a terminal, one plain line for each scenario anywhere else.

It only tells; nothing here decides how long anything takes.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from hil.report.outcome import Outcome
from hil.report.words import in_one_line

STEPS = 200  # a bar is moved so often in the course of a scenario


class Progress(Protocol):
    """What a run tells."""

    def begin(self, count: int, length_ms: int) -> None:
        """So many scenarios, with so much virtual time in them."""

    def start(self, name: str, length_ms: int) -> None:
        """The next one begins."""

    def at(self, at_ms: int) -> None:
        """It is so far."""

    def done(self, outcome: Outcome) -> None:
        """One is over; with several jobs, any one."""

    def end(self) -> None:
        """All are."""


class Lines:
    """One line for each scenario that is over."""

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        pass

    def begin(self, count: int, length_ms: int) -> None:  # noqa: ARG002 - lines have no use for it
        self._count, self._done = count, 0

    def start(self, name: str, length_ms: int) -> None:
        pass

    def at(self, at_ms: int) -> None:
        pass

    def done(self, outcome: Outcome) -> None:
        self._done += 1
        sys.stdout.write(f"{self._done:>3} of {self._count}  {in_one_line(outcome)}\n")
        sys.stdout.flush()

    def end(self) -> None:
        pass


class OnTerminal:
    """Two bars: scenario x of n, and the time in the one that runs. Lines of those that are over scroll above."""

    def __init__(self) -> None:
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[told]}"),
            TimeElapsedColumn(),
            transient=True,
        )

    def __enter__(self) -> OnTerminal:
        self._bars.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, count: int, length_ms: int) -> None:
        self._count, self._done, self._told_ms, self._length_ms = count, 0, 0, 1
        self._all = self._bars.add_task("scenarios", total=length_ms, told=f"0 of {count}")
        self._one = self._bars.add_task("", total=1, told="", visible=False)
        self._before_ms = 0

    def start(self, name: str, length_ms: int) -> None:
        self._told_ms, self._length_ms = 0, length_ms
        self._bars.reset(self._one, total=length_ms, description=name, told="", visible=True)

    def at(self, at_ms: int) -> None:
        if at_ms - self._told_ms >= self._length_ms / STEPS:
            self._told_ms = at_ms
            told = f"{at_ms / 1000:.0f} of {self._length_ms / 1000:.0f} s"
            self._bars.update(self._one, completed=at_ms, told=told)
            self._bars.update(self._all, completed=self._before_ms + at_ms)

    def done(self, outcome: Outcome) -> None:
        self._done += 1
        self._before_ms += outcome.length_ms
        self._bars.update(self._all, completed=self._before_ms, told=f"{self._done} of {self._count}")
        self._bars.console.print(in_one_line(outcome), markup=False, highlight=False, soft_wrap=True)

    def end(self) -> None:
        self._bars.stop()


def run_with(wanted_terminal: bool | None = None) -> Lines | OnTerminal:
    """Bars where somebody looks at a terminal, else lines; ``wanted_terminal`` decides it instead."""
    on_terminal = sys.stdout.isatty() if wanted_terminal is None else wanted_terminal
    return OnTerminal() if on_terminal else Lines()
