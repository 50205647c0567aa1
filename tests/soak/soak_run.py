"""Many seeds: side by side, with a bar, some of them twice under another hash seed, and one verdict at the end.

Rules: a seed that fails does not end the run; it prints its settings, what was measured beside its limit, and the one
command that repeats it. Nothing here decides what happens in a seed, so that it is the same alone as among others.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hil.launch import die_with_parent
from tests.soak.soak_course import Course, Outcome, rows_of_houses
from tests.soak.soak_fill import ROUNDS, Fill, fills
from tests.soak.soak_matrix import Matrix

ROOT = Path(__file__).parents[2]
TWICE_EVERY = 20  # 5 % of the seeds
CHILD_S = 300.0
PLAIN_STEP = 10  # seeds between two lines where nobody looks at a terminal
Task = tuple[int, str, Fill | None]  # seed, house ("" for the seed's own), what it is for


@dataclass
class Soak:
    """What came of all seeds. ``whole``: the matrix is judged; ``twice``: seed -> whether its bytes were the same."""

    whole: bool
    matrix: Matrix = field(default_factory=Matrix)
    struck: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)
    twice: dict[int, bool] = field(default_factory=dict)
    houses: Counter[str] = field(default_factory=Counter)
    filled: list[int] = field(default_factory=list)  # filling runs, by round

    def add(self, outcome: Outcome) -> None:
        """One seed is over."""
        self.matrix.add(outcome.cells)
        self.struck.update(outcome.struck)
        self.houses[outcome.house] += 1
        if not outcome.well:
            self.failed.append(outcome)

    @property
    def wrong(self) -> list[str]:
        """Why the run fails; nothing when it does not."""
        found = [f"seed {each.seed} ({each.house})" for each in sorted(self.failed, key=lambda each: each.seed)]
        found += [
            f"seed {seed} ended in other bytes under another hash seed" for seed, same in self.twice.items() if not same
        ]
        if self.whole:
            found += [f"never: {row} while {column}" for row, column in self.matrix.zeros()]
        return found


def one(seed: int, house: str = "", fill: Fill | None = None) -> Outcome:
    """One seed in this process."""
    logging.disable(logging.CRITICAL)  # what the product logs is no business of the table's
    return Course(seed, house, fill).run()


def _again(seed: int, house: str) -> str:
    """The digest of a seed in a process with another hash seed."""
    other = str(seed + 1) if os.environ.get("PYTHONHASHSEED") != str(seed + 1) else "4711"
    command = [sys.executable, "-m", "tests.soak", "--seed", str(seed), "--digest"]
    done = subprocess.run(
        [*command, *(["--house", house] if house else [])],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": other, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=CHILD_S,
        check=False,
    )
    return done.stdout.strip() or done.stderr.strip()


def _work(seed: int, house: str, fill: Fill | None) -> tuple[Outcome, bool | None]:
    outcome = one(seed, house, fill)
    twice = fill is None and seed % TWICE_EVERY == 0
    return outcome, _again(seed, house) == outcome.digest if twice else None


def soak(seeds: Sequence[int], house: str, jobs: int, whole: bool) -> Soak:
    """Run them all. ``whole``: a zero in the matrix is a failure."""
    result = Soak(whole)
    _run(result, [(seed, house, None) for seed in seeds], jobs, "soak")
    rows = rows_of_houses() if whole else {}
    for turn in range(ROUNDS if whole else 0):
        first = len(seeds) + sum(result.filled)
        tasks = [(first + at, *task) for at, task in enumerate(fills(result.matrix.zeros(), rows, turn))]
        if not tasks:
            break
        _run(result, tasks, jobs, f"filling, round {turn + 1} of at most {ROUNDS}")
        result.filled.append(len(tasks))
    return result


def _run(result: Soak, tasks: Sequence[Task], jobs: int, name: str) -> None:
    with Bar(len(tasks), name) as tick:
        for outcome, same in _outcomes(tasks, jobs):
            result.add(outcome)
            if same is not None:
                result.twice[outcome.seed] = same
            tick(outcome)


def _outcomes(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Outcome, bool | None]]:
    if jobs <= 1 or len(tasks) == 1:
        yield from (_work(*task) for task in tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, die_with_parent, (os.getpid(),)) as pool:
        futures = [pool.submit(_work, *task) for task in tasks]
        try:
            yield from (future.result() for future in as_completed(futures))
        except BaseException:  # Ctrl-C, or a process that died: nobody waits for the seeds that have not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class Bar:
    """A bar on a terminal, else a line now and then; failures scroll above it."""

    def __init__(self, count: int, name: str = "soak") -> None:
        self._name = name
        self._count, self._done, self._bad, self._began_s = count, 0, 0, time.monotonic()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, transient=True) if sys.stdout.isatty() else None

    def __enter__(self) -> Bar:
        if self._progress is not None:
            self._progress.start()
            self._task = self._progress.add_task(self._name, total=self._count)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, outcome: Outcome) -> None:
        self._done, self._bad = self._done + 1, self._bad + (not outcome.well)
        if not outcome.well:
            for line in told(outcome):
                self._say(line)
        if self._progress is not None:
            self._progress.update(self._task, advance=1, description=f"{self._name}, {self._bad} failed")
        elif self._done % PLAIN_STEP == 0 or self._done == self._count:
            self._say(
                f"{self._name}: {self._done} of {self._count}, {self._bad} failed,"
                f" {time.monotonic() - self._began_s:.0f} s"
            )

    def _say(self, line: str) -> None:
        if self._progress is not None:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


def told(outcome: Outcome, story: bool = False) -> Iterator[str]:
    """One seed for people: what was found, its settings, and the command that repeats it."""
    yield f"seed {outcome.seed}: {'well' if outcome.well else 'FAILED'}, {outcome.house}, digest {outcome.digest[:16]}"
    yield from (f"  {each.at_ms / 1000:g} s  {each.rule}: {each.measured}" for each in outcome.violations)
    if not outcome.well or story:
        yield f"  settings: {outcome.words}"
        yield f"  again: {outcome.repeat}"
    if story:
        yield from outcome.story
