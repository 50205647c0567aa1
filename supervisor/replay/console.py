"""The verbs ``replay`` and ``report`` on a terminal. Text goes to stdout, progress to stderr."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from supervisor.loader.load import load
from supervisor.replay.compare import Comparer, table
from supervisor.replay.page import text
from supervisor.replay.reader import ReplayError, found
from supervisor.replay.report import Adder
from supervisor.replay.verify import Outcome, Verifier

SINCE = re.compile(r"([1-9][0-9]{0,4})(min|h|d|w)")
UNITS = {"min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
Put = Callable[[str], None]


def replay(place: Path, other: Path | None, put: Put) -> int:
    """Verify a journal, or compare it with the policies in ``other``. Returns 0 when it comes out as recorded (or was
    compared), 1 when it does not or cannot be believed. Raises DocumentError for the other site."""
    try:
        if other is not None:
            comparer = Comparer(load(other))
            with progress(place, "compared") as comparer.progress:
                comparison = comparer.all(place)
            for line in table(comparison):
                put(line)
            return 0
        verifier = Verifier()
        with progress(place, "replayed") as verifier.progress:
            outcome = verifier.all(place)
    except ReplayError as error:
        put(str(error))
        return 1
    for line in verdict(outcome):
        put(line)
    return 1 if outcome.differs else 0


def verdict(outcome: Outcome) -> Iterator[str]:
    """What came out, in words; the last line is the answer."""
    for note in outcome.notes:
        yield f"note: {note}"
    counted = f"{outcome.segments} segments, {outcome.records} records, {outcome.decisions} decisions"
    if outcome.differs:
        yield f"{outcome.differs}"
        yield f"{counted} until then: DIFFERENT"
    elif outcome.lean == outcome.segments:
        yield f"{counted}: unaltered; none of them has samples, so nothing can be replayed"
    elif outcome.lean:
        yield f"{counted}: identical; {outcome.lean} of the segments have no samples: unaltered, but not replayed"
    else:
        yield f"{counted}: identical"


def report(since: str, run_dir: Path, put: Put, now: datetime | None = None) -> int:
    """What happened in the time before now. Returns 0, 1 when the journal cannot be read, 2 for a wrong argument."""
    match = SINCE.fullmatch(since)
    if match is None:
        put(f"'{since}' is no time to look back; write a number and a unit, such as 7d, 12h, 30min or 2w")
        return 2
    until = now or datetime.now(UTC)
    adder = Adder(until - timedelta(seconds=int(match[1]) * UNITS[match[2]]), until)
    folder = run_dir / "journal"
    try:
        with progress(folder, "read") as adder.progress:
            for line in text(adder.all(folder)):
                put(line)
    except ReplayError as error:
        put(str(error))
        return 1
    return 0


@contextlib.contextmanager
def progress(place: Path, word: str) -> Iterator[Callable[[Path, int], None]]:
    """A bar over the bytes of a journal, on a terminal; nothing into a pipe."""
    if not sys.stderr.isatty():
        yield lambda _path, _done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    paths = found(place)
    sizes = {path: path.stat().st_size for path in paths}
    before = {path: sum(sizes[earlier] for earlier in paths[:i]) for i, path in enumerate(paths)}
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(word, total=sum(sizes.values()) or 1)
        yield lambda path, done: bar.update(task, completed=before.get(path, 0) + done)
