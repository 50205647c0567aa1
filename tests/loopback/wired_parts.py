"""Stand-ins for what a bench of real hardware has: lines between two machines, and the lines of a small computer."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hil.unix_socket import ask

ROOT = Path(__file__).resolve().parents[2]


class Cable:
    """Two pseudo-terminals, joined: what is written into one end comes out of the other."""

    def __init__(self) -> None:
        pairs = [os.openpty() for _ in range(2)]
        self.masters, self._slaves = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        for slave in self._slaves:
            tty.setraw(slave)
        self.ends = [os.ttyname(slave) for slave in self._slaves]
        self.carried = b""
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        other = {self.masters[0]: self.masters[1], self.masters[1]: self.masters[0]}
        while True:
            ready, _, _ = select.select([*self.masters, self._stop_r], [], [])
            if self._stop_r in ready:
                return
            for master in ready:
                data = os.read(master, 4096)
                self.carried += data
                os.write(other[master], data)

    def close(self) -> None:
        os.write(self._stop_w, b".")
        self._thread.join()
        for descriptor in (*self.masters, *self._slaves, self._stop_r, self._stop_w):
            os.close(descriptor)


@contextmanager
def cable() -> Iterator[Cable]:
    made = Cable()
    try:
        yield made
    finally:
        made.close()


PI = """\
lines: [header]
devices:
  hat: {sim: panel_gpio, lines: header, outputs: "lamp_1=5 lamp, lamp_2=6 lamp, button=13 lamp"}
"""


@contextmanager
def small_computer(folder: Path) -> Iterator[str]:
    """A computer whose lines lead to three lamps; yields the channel of its lines. They shine at 1."""
    (folder / "pi.yaml").write_text(PI)
    command = [sys.executable, "-m", "hil.cli", "house", str(folder / "pi.yaml"), "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield str(folder / "header.sock")
        finally:
            process.terminate()
            process.wait(20)


def lamps(folder: Path) -> dict[str, bool]:
    """Which lamps shine, as the hat itself knows it."""
    state = ask(str(folder), "hat", {"get": "state"})["state"]
    assert isinstance(state, dict)
    return {name: output["on"] for name, output in state["outputs"].items()}


def touched(folder: Path) -> set[object]:
    """The lines with which anybody did anything."""
    writes = ask(str(folder), "hat", {"get": "writes"})["writes"]
    assert isinstance(writes, list)
    return {write["line"] for write in writes}


def driven(folder: Path, line: int = 5) -> list[tuple[object, object]]:
    """What was done with a line, in order: the word and its level."""
    writes = ask(str(folder), "hat", {"get": "writes"})["writes"]
    assert isinstance(writes, list)
    return [(write["do"], write.get("level")) for write in writes if write["line"] == line]
