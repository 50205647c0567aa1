"""``powerwarden run``: starts guardian, buses and gateway as children, keeps them alive, stops them in order.

Rules
* A child that dies is started again with a back-off; one that has lived for STEADY_S starts from the shortest again.
* Every line that a child writes is shown with its name in front and kept in a bounded log file. A terminal that is
  halted (Ctrl-S) misses lines; it holds nobody up.
* All children load the documents; what the others write is held back until the guardian has accepted them. When it
  refuses, its one message is shown, everything ends with code 2, and nothing has been written anywhere.
* Stopping: a bus process says the site's silence image before it ends. Only children of this process are ever
  signalled, by their own handles.
* Children get SIGTERM when this process dies, so no orphan keeps a house half supervised.

This is for a laptop, a demo and the tests; on the appliance each process is a systemd unit of its own.
"""

from __future__ import annotations

import ctypes
import logging
import logging.handlers
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from supervisor.lines import Out

BACKOFF_FIRST_S, BACKOFF_MAX_S, STEADY_S = 0.2, 5.0, 10.0
STOP_S = 5.0  # after this a child is killed
LINES_SHOWN = 6
LINE_MAX = 500
HELD_MAX = 200  # lines
LOG_MAX = 5_000_000  # bytes; three older ones are kept
BAD_DOCUMENT = 2  # the exit code of a child that refuses the documents
PR_SET_PDEATHSIG = 1


class Child:
    """One process and its restarts."""

    def __init__(self, name: str, arguments: list[str]) -> None:
        self.name, self._arguments = name, arguments
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = self.code = 0
        self._started_s = 0.0
        self._backoff_s = BACKOFF_FIRST_S
        self.due_s = 0.0
        self.partial = b""

    def start(self, now_s: float) -> int:
        """Start the process; returns the descriptor of its output."""
        command = [sys.executable, "-m", "supervisor.cli", *self._arguments]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to pass on, in order
            preexec_fn=_die_with_parent(os.getpid()),
        )
        self._started_s = now_s
        if self.process.stdout is None:
            raise RuntimeError("a child without its output")
        os.set_blocking(self.process.stdout.fileno(), False)
        return self.process.stdout.fileno()

    def ended(self, now_s: float) -> str:
        """Called when its output has closed: reap it and plan the restart. Returns how it ended."""
        if self.process is None:
            return "was not running"
        if self.process.stdout:
            self.process.stdout.close()
        code = self.process.wait(timeout=STOP_S)
        self.process, self.code = None, code
        if now_s - self._started_s >= STEADY_S:
            self._backoff_s = BACKOFF_FIRST_S
        self.due_s = now_s + self._backoff_s
        self._backoff_s = min(self._backoff_s * 2, BACKOFF_MAX_S)
        return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"


def _die_with_parent(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)  # loaded before the fork: nothing may be imported after it

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


class Launcher:
    """Runs children until Ctrl-C or SIGTERM."""

    def __init__(self, children: Iterable[Child], run_dir: Path) -> None:
        self._children = list(children)
        self._selector = selectors.DefaultSelector()
        self._run_dir, self._socket_path = run_dir, run_dir / "guardian.sock"
        self._held: list[tuple[str, str]] | None = []  # None: the guardian has accepted the documents
        self._refused = False
        self._stopping = False
        self._wake_r, self._wake_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lines: deque[str] = deque(maxlen=LINES_SHOWN)
        self._live, self._out = sys.stdout.isatty(), Out(sys.stdout)
        self._log = logging.getLogger("run")
        self._log.propagate = False
        self._log.setLevel(logging.INFO)

    def run(self) -> int:
        """Returns 0 when everything has stopped cleanly, 1 when a child had to be killed, 2 for bad documents."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        self._selector.register(self._wake_r, selectors.EVENT_READ, None)
        while not self._stopping:
            self._turn()
        return self._end()

    def _stop(self, *_: object) -> None:
        self._stopping = True
        os.write(self._wake_w, b"x")

    # ---- keeping them alive ----------------------------------------------------------------------------------------
    def _turn(self) -> None:
        """Start what is due, and pass on what the children write."""
        now_s = time.monotonic()
        for child in self._children:
            if child.process is None and child.due_s <= now_s:
                self._selector.register(child.start(now_s), selectors.EVENT_READ, child)
        due = [child.due_s - now_s for child in self._children if child.process is None]
        self._read(max(min(due, default=10.0), 0.01))

    def _read(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            child: Child | None = key.data
            if child is None:
                os.read(self._wake_r, 100)
                continue
            data = os.read(key.fd, 65_536)
            if data:
                self._pass_on(child, data)
                continue
            self._selector.unregister(key.fd)
            how = child.ended(time.monotonic())
            if self._held is not None and child.name == "guardian" and child.code == BAD_DOCUMENT:
                self._refused = self._stopping = True
            elif not self._stopping:
                child.restarts += 1
                self._line("run", f"{child.name} {how}; it is started again")

    def _pass_on(self, child: Child, data: bytes) -> None:
        *lines, child.partial = (child.partial + data).split(b"\n")
        child.partial = child.partial[-LINE_MAX:]
        for line in lines:
            self._line(child.name, line[:LINE_MAX].decode("utf-8", "replace"))

    def _line(self, name: str, text: str) -> None:
        if self._held is not None:
            if name != "guardian":
                self._held = [*self._held[-HELD_MAX:], (name, text)]
                return
            if text.startswith("powerwarden:"):
                sys.stderr.write(text + "\n")
                return
            self._accepted()
        line = f"{name:>10} | {text}"
        self._log.info("%s", line)
        self._lines.append(line)
        if not self._live:
            self._out.line(line)

    def _accepted(self) -> None:
        """The documents are good: open the log, start showing, and let out what was held back."""
        held, self._held = self._held or [], None
        self._run_dir.mkdir(parents=True, exist_ok=True)
        kept = logging.handlers.RotatingFileHandler(self._run_dir / "powerwarden.log", maxBytes=LOG_MAX, backupCount=3)
        kept.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self._log.addHandler(kept)
        threading.Thread(target=self._show if self._live else self._tell_changes, name="view", daemon=True).start()
        for name, text in held:
            self._line(name, text)

    # ---- the end ---------------------------------------------------------------------------------------------------
    def _end(self) -> int:
        """Buses and gateway first: each bus says its silence image, and nobody has to complain of a guardian that is
        gone already. Who does not go is killed."""
        killed = 0
        guardian = [child for child in self._children if child.name == "guardian"]
        for group in ([child for child in self._children if child not in guardian], guardian):
            for child in group:
                if child.process is not None:
                    child.process.terminate()
            killed += self._wait(group)
        return BAD_DOCUMENT if self._refused else int(killed > 0)

    def _wait(self, group: list[Child]) -> int:
        """Wait for a group while passing on its last words; returns how many had to be killed."""
        until_s = time.monotonic() + STOP_S
        while any(child.process for child in group) and time.monotonic() < until_s:
            self._read(0.1)
        late = [child for child in group if child.process is not None]
        for child in late:
            if child.process is not None:
                child.process.kill()
                self._line("run", f"{child.name} did not stop within {STOP_S:g} s and was killed")
        return len(late)

    # ---- what people see -------------------------------------------------------------------------------------------
    def _show(self) -> None:
        from rich.console import Group  # late: the children are already starting
        from rich.live import Live
        from rich.text import Text

        from supervisor import view

        with Live(Text("starting"), refresh_per_second=view.FRAMES_PER_S, screen=True) as live:
            for frame in view.frames(str(self._socket_path)):
                picture = Text(f"waiting for the guardian: {frame}") if isinstance(frame, str) else view.render(*frame)
                log = [view.plain(line, "dim") for line in self._lines]
                live.update(Group(picture, Text("Log", "bold"), *log, Text("Ctrl-C stops everything", "dim")))

    def _tell_changes(self) -> None:
        from supervisor import view

        for line in view.lines(str(self._socket_path)):
            self._line("house", line)
