"""Trace files: one JSON object a line, complete as soon as it is written, and bounded.

A trace is what a test judges from, so a killed process must lose nothing: the files are opened line-buffered. A trace
that has grown to TRACE_MAX starts anew, because a demonstration that runs for weeks must not fill a disk.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TextIO

TRACE_MAX = 50_000_000  # characters


def write_line(trace: TextIO, line: Mapping[str, object]) -> None:
    """Append one line; ``trace`` is open for appending."""
    if trace.tell() > TRACE_MAX:
        trace.truncate(0)
        trace.seek(0)
    trace.write(json.dumps(line) + "\n")
    trace.flush()
