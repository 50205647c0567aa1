"""The verb ``export`` on a terminal: lines to stdout, progress and trouble to stderr."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from supervisor.export.influx import Exporter
from supervisor.replay.console import SINCE, UNITS, progress
from supervisor.replay.reader import ReplayError

EVERY = re.compile(r"([0-9]{1,6})(ms|s|min)")
EVERY_MS = {"ms": 1, "s": 1_000, "min": 60_000}


def run(place: Path, since: str | None, every: str, out: TextIO, now: datetime | None = None) -> int:
    """Returns 0, 1 when the journal cannot be read to its end, 2 for a wrong argument."""
    thin = EVERY.fullmatch(every)
    if thin is None:
        return _wrong(f"'{every}' is no time between readings; write 10s, 500ms, 5min, or 0s for all of them")
    back = SINCE.fullmatch(since) if since is not None else None
    if since is not None and back is None:
        return _wrong(f"'{since}' is no time to look back; write a number and a unit, such as 2d, 12h, 30min or 2w")
    start = None
    if back is not None:
        start = (now or datetime.now(UTC)) - timedelta(seconds=int(back[1]) * UNITS[back[2]])
    exporter = Exporter(start, int(thin[1]) * EVERY_MS[thin[2]])
    try:
        with progress(place, "exported") as exporter.progress:
            for line in exporter.all(place):
                out.write(line + "\n")
    except ReplayError as error:
        out.flush()
        print(f"powerwarden export: {error}", file=sys.stderr)  # noqa: T201  # people read it, not the database
        return 1
    out.flush()
    return 0


def _wrong(text: str) -> int:
    print(f"powerwarden export: {text}", file=sys.stderr)  # noqa: T201  # people read it
    return 2
