"""Taking a segment apart and putting it together again, altered."""

from __future__ import annotations

import zlib
from pathlib import Path

from supervisor.replay.console import replay


def taken_apart(path: Path) -> list[bytes]:
    """The lines of a segment, each with its end."""
    return zlib.decompressobj(wbits=31).decompress(path.read_bytes()).splitlines(keepends=True)


def put_together(path: Path, text: bytes, ended: bool = True) -> Path:
    """A segment with this text."""
    packer = zlib.compressobj(0, wbits=31)
    data = packer.compress(text) + packer.flush(zlib.Z_FINISH if ended else zlib.Z_SYNC_FLUSH)
    path.write_bytes(data)
    return path


def replayed(place: Path, other: Path | None = None) -> tuple[int, list[str]]:
    """The exit code and the output of ``powerwarden replay``."""
    said: list[str] = []
    return replay(place, other, said.append), said
