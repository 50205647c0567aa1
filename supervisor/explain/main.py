"""The verb ``powerwarden explain``: find the moment in the journal, explain it, print it.

Everything that can be wrong is said in one line with its remedy, and the exit code is 2.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from supervisor.explain.account import Point
from supervisor.explain.find import HOUSE, SubjectError, explain
from supervisor.explain.show import text
from supervisor.explain.when import WhenError, moment_of
from supervisor.explain.words import lasting
from supervisor.replay.moment import QUIET_MAX_MS, Moment, moment
from supervisor.replay.player import ReplayError
from supervisor.replay.reader import JournalError

Reader = Callable[[Path, datetime | None], Moment]


def run(subject: str, at: str | None, run_dir: Path, as_json: bool) -> int:
    """Print the account of ``subject`` at ``at`` (None: the newest that the journal has). Returns the exit code."""
    try:
        said = answer(subject or HOUSE, at, run_dir, as_json, moment, sys.stdout.isatty())
    except (SubjectError, WhenError, JournalMissingError, JournalError, ReplayError) as error:
        sys.stderr.write(f"powerwarden explain: {error}\n")
        return 2
    sys.stdout.write(said)
    return 0


def answer(subject: str, at: str | None, run_dir: Path, as_json: bool, reader: Reader, colour: bool) -> str:
    """What is to be printed. Raises SubjectError, WhenError, JournalMissingError, and what the reader raises."""
    journal = run_dir / "journal"
    if not journal.is_dir() or not any(journal.glob("journal-*")):
        raise JournalMissingError(
            f"there is no journal in {journal}; start the house with 'powerwarden run SITE --run-dir {run_dir}',"
            " or say with --run-dir where it runs"
        )
    now = datetime.now().astimezone()
    found = reader(journal, None if at is None else moment_of(at, now))
    account = explain(found, subject)
    if notes := _notes(found, now):
        account = msgspec.structs.replace(account, happened=(*notes, *account.happened))
    if as_json:
        return msgspec.json.format(msgspec.json.encode(account), indent=2).decode() + "\n"
    return text(account, colour)


def _notes(found: Moment, now: datetime) -> list[Point]:
    """What must be known about the moment itself before anything that is said of it."""
    notes = []
    silent_ms = int((now - datetime.fromisoformat(found.wall).astimezone()).total_seconds() * 1000)
    if found.live and silent_ms > QUIET_MAX_MS:
        text = f"the journal ends here, {lasting(silent_ms)} ago, and a running house writes more often"
        notes.append(Point(f"{text}: is it running? ask 'powerwarden status'"))
    if not found.exact:
        notes.append(Point("the journal is short of that moment; this is the last checkpoint before it"))
    return notes


class JournalMissingError(ValueError):
    """Nothing has ever been recorded here; the text says how to start."""
