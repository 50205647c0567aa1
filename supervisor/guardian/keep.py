"""``state.json``: what must survive a restart (kernel/keep.py), on disk, written off the scan loop's path.

Rules
* The loop only hands over what is to be kept; a thread of its own writes. There is one slot and no queue: the newest
  wins. A change of a latch, of a latched row or of maintenance is written at once, anything else (wear, stops) at most
  once in GAP_S, so that nobody on the network can wear out the flash (H21, H22).
* Old or new, never mixed (H12): a new file is written beside it, forced to disk, renamed over it, and the folder forced
  to disk. What cannot be read at the next start (damaged, of a newer format, of wrong types) means the strictest state.
* A file that could not be read is never overwritten: before anything is written it gets a second name.
* There is no previous copy to fall back to: it would lack the last latch, and that is the one thing that counts.
* A missing file is a new house. It is there after the first start, so only a person takes it away.
* A disk that refuses is a counter and a log line, never an exception of the product.

The first line is the CRC-32 of all that follows it; the whole is JSON, for people to read. To edit it is to damage it.
``paid_in_ms`` is what was left of a contactor's closing budget when this was written; after a restart all of it is
waited for again: never less than what really remains, and at most an hour.
"""

from __future__ import annotations

import contextlib
import filecmp
import logging
import os
import shutil
import threading
import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from supervisor.guardian.priority import WRITER, real_time
from supervisor.kernel.keep import Kept, differs, kept, restored, strangers, strictest
from supervisor.kernel.plan import Plan
from supervisor.kernel.state import State

NAME = "state.json"
FORMAT = 1
FILE_MAX = 4_000_000  # bytes; what is longer was not written by us
ASIDE_MAX = 20  # files that could not be read; beyond this somebody has to look
GAP_S, RETRY_S, TURN_S = 1.0, 5.0, 1.0
STOP_S = 2.0  # how long a stop waits for the disk
HEAD = b'{"crc32": "%08x",\n'
HEAD_BYTES = len(HEAD % 0)
log = logging.getLogger("state")


class Unreadable(Exception):
    """Why a file is not what was written."""


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All but the checksum. ``written`` is the wall clock, for people only."""

    format: int
    site: str
    written: str
    kept: Kept


class Version(msgspec.Struct, frozen=True):
    format: int


def encoded(content: Content) -> bytes:
    """The file of a content."""
    body = msgspec.json.format(msgspec.json.encode(content), indent=1)[1:].lstrip() + b"\n"
    return HEAD % zlib.crc32(body) + body


def decoded(data: bytes) -> Content:
    """The content of a file. Raises Unreadable for anything but the very bytes that were written."""
    head, body = data[:HEAD_BYTES], data[HEAD_BYTES:]
    if head != HEAD % zlib.crc32(body):
        raise Unreadable("it is damaged")
    try:
        version = msgspec.json.decode(b"{" + body, type=Version).format
        if version != FORMAT:
            raise Unreadable(f"it is of format {version}, and this program reads {FORMAT}")
        return msgspec.json.decode(b"{" + body, type=Content)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Unreadable(f"it does not say what it should: {error}") from error


class Disk:
    """What is asked of the file system: one method for each call after which the power may be gone."""

    def read(self, path: Path) -> bytes:
        with path.open("rb") as file:
            return file.read(FILE_MAX + 1)

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def write(self, file: int, data: bytes) -> int:
        return os.write(file, data)

    def sync(self, file: int) -> None:
        os.fsync(file)

    def close(self, file: int) -> None:
        os.close(file)

    def rename(self, source: Path, target: Path) -> None:
        os.rename(source, target)

    def second_name(self, source: Path, target: Path) -> None:
        """Another name for the same file, or a copy where the file system knows no such thing."""
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:
            if target.exists():
                raise
            _copy(source, target)

    def sync_folder(self, folder: Path) -> None:
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)


@dataclass(frozen=True)
class Slot:
    """What is to be written. ``latches``: how often a latch had changed until then."""

    kept: Kept
    latches: int


class Keeper:
    """Owns the file and the thread that writes it. All methods but ``_run`` and what it calls belong to the loop."""

    def __init__(self, folder: Path, site: str, disk: Disk | None = None) -> None:
        self.path = folder / NAME
        self._folder, self._site, self._disk = folder, site, disk or Disk()
        self._strangers = Kept()
        self._damaged = False
        self._slot: Slot | None = None
        self._written: Slot | None = None
        self._wake = threading.Event()
        self._stopping = self._failing = False
        self._next_ns = 0
        self._thread = threading.Thread(target=self._run, name="state", daemon=True)
        self.not_kept = 0
        self.alive_ns = time.monotonic_ns()

    def begin(self, plan: Plan, booted: State) -> State:
        """``booted`` with what was kept; at once handed over to be written again, so a bad disk shows early."""
        state = self._found(plan, booted)
        self.put(kept(plan, state, self._strangers))
        return state

    def _found(self, plan: Plan, booted: State) -> State:
        try:
            content = self._read()
        except Unreadable as why:
            self._damaged = True
            log.error("%s cannot be read: %s", self.path, why)
            log.error("nothing closes until somebody has looked after the house and presses its reset; the file stays")
            log.error("as %s.unreadable-N. Without a reset button: stop powerwarden, move %s away", NAME, self.path)
            return strictest(plan, booted, booted.now_ms)
        if content is None:
            log.info("no %s yet: a new house, nothing is latched", self.path)
            return booted
        if content.site != self._site:
            log.warning("%s was written for '%s'; what has the same names here is taken over", self.path, content.site)
        self._strangers = strangers(plan, content.kept)
        return restored(plan, booted, content.kept, booted.now_ms)

    def _read(self) -> Content | None:
        try:
            data = self._disk.read(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unreadable(str(error)) from error
        return decoded(data)

    def after(self, plan: Plan, before: State, state: State) -> None:
        """After each cycle: hand over what is to be kept when it is not what it was."""
        if differs(plan, before, state):
            self.put(kept(plan, state, self._strangers))

    def put(self, what: Kept) -> None:
        """Never waits."""
        was = self._slot
        changed = was is None or (_latches(was.kept) != _latches(what))
        self._slot = Slot(what, (was.latches if was else 0) + changed)
        self._wake.set()

    def last(self, plan: Plan, state: State) -> None:
        """Before a stop: what is left of the closing budgets now, so that a planned restart costs no hour."""
        what = kept(plan, state, self._strangers)
        if self._slot is None or what != self._slot.kept:
            self.put(what)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is not written yet and end the thread; at most STOP_S."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout=STOP_S)
        if self._thread.is_alive() or self._slot is not self._written:
            log.error("the last state is not on disk in %s", self.path)

    def turn(self) -> None:
        """Write what waits, now. Whoever started no thread turns it by hand."""
        if self._slot is not None and self._slot is not self._written:
            self._keep(self._slot)

    # ---- the writer's thread ---------------------------------------------------------------------------------------
    def _run(self) -> None:
        real_time(WRITER)
        pause_s = TURN_S
        while True:
            self._wake.wait(pause_s)
            self._wake.clear()
            self.alive_ns = time.monotonic_ns()
            stopping, slot = self._stopping, self._slot
            if slot is not None and slot is not self._written and (stopping or self._due(slot)):
                self._keep(slot)
            if stopping:
                return
            left_s = (self._next_ns - time.monotonic_ns()) / 1e9
            pause_s = min(left_s, TURN_S) if left_s > 0 else TURN_S

    def _due(self, slot: Slot) -> bool:
        urgent = not self._failing and (self._written is None or slot.latches != self._written.latches)
        return urgent or time.monotonic_ns() >= self._next_ns

    def _keep(self, slot: Slot) -> None:
        """One attempt. What fails is tried again after RETRY_S, then with the newest."""
        try:
            self._write(slot.kept)
        except OSError as error:
            self.not_kept += 1
            if not self._failing:
                log.error("cannot write %s: %s. A restart would begin with what was written last", self.path, error)
            self._failing = True
        else:
            if self._failing:
                log.info("%s is written again", self.path)
            self._written, self._failing = slot, False
        self._next_ns = time.monotonic_ns() + int((RETRY_S if self._failing else GAP_S) * 1e9)

    def _write(self, what: Kept) -> None:
        """Old or new at every moment: beside it, to disk, over it, to disk."""
        if self._damaged:
            self._set_aside()
        data = encoded(Content(FORMAT, self._site, datetime.now(UTC).isoformat(timespec="seconds"), what))
        beside = self.path.with_name(f"{NAME}.new")
        file = self._disk.create(beside)
        try:
            while data:
                data = data[self._disk.write(file, data) :]
            self._disk.sync(file)
        finally:
            self._disk.close(file)
        self._disk.rename(beside, self.path)
        self._disk.sync_folder(self._folder)

    def _set_aside(self) -> None:
        """Give the unreadable file a second name, once: a start that was cut short may have done so already."""
        for number in range(1, ASIDE_MAX + 1):
            aside = self.path.with_name(f"{NAME}.unreadable-{number}")
            if not aside.exists():
                self._disk.second_name(self.path, aside)
            elif not _same(self.path, aside):
                continue
            self._disk.sync_folder(self._folder)
            self._damaged = False
            log.info("what could not be read is now %s", aside)
            return
        raise OSError(f"there are {ASIDE_MAX} unreadable files beside it; look at them and remove them")


def _latches(what: Kept) -> tuple[object, ...]:
    """What is written at once when it changes."""
    return what.rules, what.maintenance, {name: worn.latch for name, worn in what.contactors.items() if worn.latch}


def _copy(source: Path, target: Path) -> None:
    """A whole copy on disk, or none."""
    try:
        with source.open("rb") as read, target.open("xb") as write:
            shutil.copyfileobj(read, write)
            write.flush()
            os.fsync(write.fileno())
    except OSError:
        target.unlink(missing_ok=True)
        raise


def _same(one: Path, other: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samefile(one, other) or filecmp.cmp(one, other, shallow=False)
    return False
