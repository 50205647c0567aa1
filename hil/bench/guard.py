"""Watches that the processes of a bench stay alive, and knows which of them the scenario has killed.

Rules: each child of a top process is known by its part: guardian, gateway or a bus of the product; a device or a hub of
the house. Whoever was seen once is expected to stay. One that is gone, or has become another process, ends the run; one
that was excused may come back within COMES_BACK_S, and is expected to stay from then on.
It must never signal anybody.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from hil.bench.processes import Processes, Running
from hil.unix_socket import RigError

TOPS = ("run", "house")
TOLD_S = 0.5
COMES_BACK_S = 10.0  # the product's launcher waits for at most 5 s


def part_of(words: Sequence[str]) -> str:
    """The part that a command line of ours serves: ``python -m MODULE VERB [NAME] ...``, of a product's bus the last
    word; empty for a child between fork and exec, which still has its parent's command line."""
    if len(words) < 4 or words[1] != "-m" or words[3] in TOPS:
        return ""
    if words[3] == "bus":
        return words[-1]
    return words[4] if words[3] in ("sim", "hub") and len(words) > 4 else words[3]


class Guard:
    """The children of one top process."""

    def __init__(self, processes: Processes, top: str) -> None:
        self._processes, self._top = processes, top
        self._known: dict[str, Running] = {}
        self._excused: dict[str, float] = {}  # part -> until when it may be missing

    def parts(self) -> dict[str, Running]:
        """Who is there now, by part."""
        return {part: child for child in self._processes.family(self._top) if (part := part_of(child.words))}

    def find(self, part: str) -> Running:
        """The process that serves a part now; RigError tells which parts there are."""
        there = self.parts()
        if part not in there:
            missing = " just now" if part in self._known else ""
            raise RigError(f"no process serves {part!r}{missing}; there are {', '.join(sorted(there)) or 'none'}")
        return there[part]

    def excuse(self, part: str) -> None:
        """This one is about to be killed on purpose."""
        self._excused[part] = time.monotonic() + COMES_BACK_S
        self._known[part] = self.find(part)

    def check(self) -> None:
        """RigError, with its last words, when somebody has ended who should not."""
        if how := self._processes.ended(self._top):
            raise RigError(f"{self._top} {how}; its last words:\n{self._processes.last_words(self._top)}")
        there = self.parts()
        for part, known in self._known.items():
            now = there.get(part)
            if now is not None and now.born == known.born and now.pid == known.pid:
                continue
            if part not in self._excused or (now is None and time.monotonic() > self._excused[part]):
                back = "did not come back" if part in self._excused else "has ended by itself"
                raise RigError(f"{part} {back}; its last words:\n{self.last_words(part)}")
            if now is not None:
                self._known[part] = now
                del self._excused[part]
        self._known = there | self._known

    def last_words(self, part: str) -> str:
        """What it wrote last, in its parent's log, which is told of an end a moment later."""
        until_s = time.monotonic() + TOLD_S
        while part in self.parts() and time.monotonic() < until_s:
            time.sleep(0.02)
        time.sleep(0.05)
        return self._processes.last_words(self._top, part)
