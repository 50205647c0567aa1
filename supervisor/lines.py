"""Lines for people and for the log, which nobody ever waits for.

Who reads them may stop: a terminal that is halted (Ctrl-S), a journal daemon that hangs. A pipe that is full then holds
up whoever writes into it, and a guardian that is held up is none.

Rules
* A line is written only when the other end takes it now; else it is lost and counted. The next one that goes out says
  how many there were.
* No line is longer than what a pipe that takes anything at all takes whole (LINE_MAX characters).

This file must never wait, and never raise because of what reads it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sys
import threading
from typing import TextIO

LINE_MAX = 1_000  # characters: at four bytes each, and with the line before it, within PIPE_BUF (4,096)
FORMAT = "%(levelname)s %(message)s"


class Out:
    """A stream that people read, standard error unless told. ``lost``: lines that it did not take."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()  # between a look at the stream and the writing nobody else may fill it
        self._unsaid = 0
        self.lost = 0

    def line(self, text: str) -> None:
        """Write ``text`` and a line's end, or lose them."""
        stream = self._stream or sys.stderr
        with self._lock, contextlib.suppress(OSError, ValueError):  # closed at the other end, or at ours
            if not _takes(stream):
                self.lost += 1
                self._unsaid += 1
                return
            lost, self._unsaid = self._unsaid, 0
            before = f"({lost} lines were lost: nobody read them)\n" if lost else ""
            _write(stream, f"{before}{text[:LINE_MAX]}\n")


class Lines(logging.Handler):
    """Log records as lines."""

    def __init__(self, out: Out | None = None) -> None:
        super().__init__()
        self.out = out or Out()
        self.setFormatter(logging.Formatter(FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or lose it."""
        self.out.line(self.format(record))


def _number(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):  # no file: kept in memory
        return None


def _takes(stream: TextIO) -> bool:
    number = _number(stream)
    if number is None:
        return True
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return bool(poll.poll(0))


def _write(stream: TextIO, text: str) -> None:
    """In one piece, and past the stream's own memory, which would keep what cannot be written and raise at the end."""
    stream.flush()
    number = _number(stream)
    if number is None:
        stream.write(text)
    else:
        os.write(number, text.encode(errors="replace"))
