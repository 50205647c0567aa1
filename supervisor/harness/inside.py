"""What takes the place of sockets, disks and the wall clock in a guardian that lives in somebody else's process."""

from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from supervisor import wire
from supervisor.guardian import keep
from supervisor.guardian.inbox import Inbox
from supervisor.guardian.journal import Journal
from supervisor.guardian.peers import Peer, Peers
from supervisor.guardian.schedule import Clock
from supervisor.guardian.scribe import Scribe
from supervisor.guardian.watchdog import Watchdog
from supervisor.kernel.cycle import Result
from supervisor.kernel.state import State
from supervisor.loader.load import Loaded


class Door(Peer):
    """A connection without a socket: what the guardian says last, of each kind, is here."""

    def __init__(self, role: wire.Role, name: str) -> None:
        self.role, self.name, self.outsider, self.lost_packets = role, name, False, 0
        self.image: wire.Image | None = None
        self.answers: list[wire.Answer] = []

    def send(self, word: wire.Word) -> bool:
        """Keep it; nobody reads the rest."""
        if isinstance(word, wire.Image):
            self.image = word
        elif isinstance(word, wire.Answer):
            self.answers.append(word)
        return True

    def taken(self) -> wire.Image | None:
        """The newest image, once."""
        image, self.image = self.image, None
        return image


class Doors(Peers):
    """All connections: the buses'. Whoever only looks costs nothing, because nobody is there."""

    def __init__(self) -> None:
        self.all, self.refused = [], 0


class Unwritten(Scribe):
    """Takes everything and writes nothing."""

    def before(self, state: State, inbox: Inbox, at_ms: int) -> bool:  # noqa: ARG002
        """What happens here can always be recorded."""
        return True

    def after(self, before: State, result: Result, inbox: Inbox, at_ms: int, recording: bool) -> None:
        """Nothing is kept."""


class Calm(Watchdog):
    """Nobody waits for this process."""

    def __init__(self) -> None:
        super().__init__({})

    def cycle(self, timely: bool) -> None:
        """Counted as on the appliance, without a clock."""
        self.fed += timely
        self.withheld += not timely


class Memory(keep.Disk):
    """A disk that survives a kill, in memory."""

    def __init__(self) -> None:
        self._files: dict[Path, bytes] = {}
        self._open: list[Path] = []

    def read(self, path: Path) -> bytes:
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return self._files[path]

    def create(self, path: Path) -> int:
        self._files[path] = b""
        self._open.append(path)
        return len(self._open) - 1

    def write(self, file: int, data: bytes) -> int:
        self._files[self._open[file]] += data
        return len(data)

    def sync(self, file: int) -> None:
        """All is safe at once."""

    def close(self, file: int) -> None:
        """Nothing to close."""

    def rename(self, source: Path, target: Path) -> None:
        self._files[target] = self._files.pop(source)
        self._open.clear()

    def second_name(self, source: Path, target: Path) -> None:
        self._files[target] = self._files[source]

    def sync_folder(self, folder: Path) -> None:
        """All is safe at once."""


class Wall(Clock):
    """A wall clock that shows ``at`` now, goes with ``now_ms``, and can be put forward or back."""

    def __init__(self, at: datetime, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._ahead_ms = int(at.timestamp() * 1_000) - now_ms()

    def utc_ms(self) -> int:
        return self._ahead_ms + self._now_ms()

    def synchronised(self) -> bool:
        return True

    def jump(self, ms: int) -> None:
        """Somebody puts it by so much."""
        self._ahead_ms += ms


def unwritten(loaded: Loaded, now_ms: Callable[[], int]) -> tuple[Journal, Scribe]:
    """A journal that was never started, and a scribe that needs none."""
    journal = Journal(Path("nowhere"), now_ms)
    return journal, Unwritten(loaded, journal, lambda: "")
