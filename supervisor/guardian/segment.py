"""One file of the journal on disk, and the folder of them: names, order, what is removed.

Theory of operation
* Lines are kept until they are flushed; a flush compresses them and writes at the place up to which the file is sound.
  When the disk refuses, the file and the compressor are as before and the lines are still here: it is tried again.
* After a flush the file can be read (``zcat`` does, also an unfinished one), so a kill costs what was not flushed.
* Files are numbered. Their order is that of the numbers: a wall clock that was wrong once exchanges nothing.

This file knows bytes and nothing of what they say.
"""

from __future__ import annotations

import contextlib
import os
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zlib import _Decompress

NAME = re.compile(r"journal-(\d{8})-.*\.jsonl\.gz")
OLD = "journal-*"  # what earlier versions wrote as well: it counts for the total and is removed first
CHUNK = 65_536
FLUSHED = b"\x00\x00\xff\xff"  # how each flush ends


class Disk:
    """What is asked of the file system."""

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def write(self, file: int, data: bytes, place: int) -> int:
        return os.pwrite(file, data, place)

    def cut(self, file: int, size: int) -> None:
        os.ftruncate(file, size)

    def close(self, file: int) -> None:
        os.close(file)

    def there(self, path: Path) -> bool:
        """Has nobody removed the file that is being written?"""
        return path.exists()


class Segment:
    """Opened for writing; raises OSError wherever the disk refuses, and can be asked again."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path, self._disk = path, disk
        self._file: int | None = disk.create(path)
        self._packer = zlib.compressobj(6, wbits=31)
        self._lines: list[bytes] = []
        self._torn = False
        self.waiting = 0
        self.size = 0

    def add(self, line: bytes) -> None:
        """Only keeps it; nothing is written before a flush."""
        self._lines.append(line)
        self.waiting += len(line)

    def flush(self) -> int:
        """Write what waits; it can be read after a kill. Returns how many bytes it took."""
        return self._write(zlib.Z_SYNC_FLUSH) if self._lines else 0

    def close(self) -> int:
        """Write what waits and end the file."""
        if self._file is None:
            return 0
        count = self._write(zlib.Z_FINISH)
        file, self._file = self._file, None
        self._disk.close(file)
        return count

    def _write(self, how: int) -> int:
        """All or nothing: after an error everything is as if it had not been tried, but for bytes beyond ``size``,
        which the next attempt writes over."""
        if self._file is None:
            raise ValueError(f"{self.path} has ended")
        if not self._disk.there(self.path):
            raise FileNotFoundError(f"{self.path} has been removed while it was written")
        packer = self._packer.copy()
        data = packer.compress(b"".join(self._lines)) + packer.flush(how)
        done = 0
        try:
            while done < len(data):
                done += self._disk.write(self._file, data[done:], self.size + done)
            if self._torn:
                self._disk.cut(self._file, self.size + done)
        except OSError:
            self._torn = True
            raise
        self._packer, self._torn = packer, False
        self._lines.clear()
        self.waiting = 0
        self.size += done
        return done


# ---- the folder ----------------------------------------------------------------------------------------------------
def number(path: Path) -> int:
    """The number of a segment; -1 for what an earlier version wrote."""
    match = NAME.fullmatch(path.name)
    return int(match[1]) if match else -1


def segments(folder: Path) -> list[Path]:
    """All segments of this format, in their order."""
    return sorted((path for path in folder.glob(OLD) if number(path) >= 0), key=lambda path: (number(path), path.name))


def name(count: int, wall: str) -> str:
    return f"journal-{count:08d}-{re.sub('[^0-9A-Za-z+.-]', '', wall)}.jsonl.gz"


def prune(folder: Path, total_max: int, keep: Path | None = None) -> None:
    """Remove the oldest segments until the rest is at most ``total_max`` bytes; never ``keep``."""
    total = 0
    for path in sorted(folder.glob(OLD), key=lambda path: (number(path), path.name), reverse=True):
        total += path.stat().st_size
        if total > total_max and path != keep:
            path.unlink()


def inflated(unpacker: _Decompress, data: bytes) -> tuple[bytes, str]:
    """What these bytes say, and what is wrong with them ("" for nothing): damaged ones are taken as far as they go."""
    before = unpacker.copy()
    try:
        return unpacker.decompress(data), ""
    except zlib.error as error:
        said = b""
        with contextlib.suppress(zlib.error):
            for place in range(len(data)):
                said += before.decompress(data[place : place + 1])
        return said, str(error)


def whole(path: Path) -> bool:
    """Do the lines of an unfinished segment end where its last flush ends? Wherever nothing was altered they do, since
    whole lines are flushed; altered bytes may swallow all that follows without being an error."""
    data = path.read_bytes()
    said, wrong = inflated(zlib.decompressobj(wbits=31), data[: data.rfind(FLUSHED) + len(FLUSHED)])
    return not wrong and said[-1:] in (b"", b"\n")


def ends(path: Path) -> tuple[bytes, bytes]:
    """The first and the last whole line of a segment, b"" where there is none. What cannot be unpacked ends it."""
    first = last = rest = b""
    unpacker, wrong = zlib.decompressobj(wbits=31), ""
    with path.open("rb") as file:
        while not wrong and (data := file.read(CHUNK)):
            said, wrong = inflated(unpacker, data)
            *lines, rest = (rest + said).split(b"\n")
            if lines:
                first, last = first or lines[0], lines[-1]
    return first, last
