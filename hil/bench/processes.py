"""The processes of a bench: started here, each with a log of its own, killed or halted by name, and ended for certain.

Rules
* A process is ours when we started it, or when it descends from one that we did. Nothing else is ever signalled: a
  process is known by its id together with the time of its start, because ids come again.
* What each of them writes goes to NAME.out in the run directory; its last words are in every error about it.
* `close` leaves nothing over: children that a dying parent left behind, and halted ones, too. Should this process be
  killed itself, the kernel ends those that it started (and they end theirs).
* Start processes from a thread that lives as long as they shall: the kernel takes that thread's end for ours.

It must never look for a process by its name in the whole machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hil.unix_socket import RigError

STOP_S = 15.0  # the product stops its buses and its guardian one after the other, at 5 s each
GONE_S = 3.0
LAST_WORDS = 12  # lines
LOG_TAIL_BYTES = 16_000
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_TCP_LISTEN = "0A"  # linux/net/tcp_states.h, in hexadecimal


@dataclass(frozen=True, slots=True)
class Running:
    """One process: its id, the kernel's time of its start, and the words of its command line."""

    pid: int
    born: int
    words: tuple[str, ...]


def running(pid: int) -> Running | None:
    """What /proc says of a process; None when it has ended (also when nobody has buried it yet)."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if after_name[0] in "ZX" else Running(pid, int(after_name[19]), tuple(words))


def children(pid: int) -> list[Running]:
    """The processes that this one started and that are still there, in the order of their ids."""
    numbers: set[int] = set()
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            numbers |= {int(word) for word in Path(f"/proc/{pid}/task/{thread}/children").read_text().split()}
    except OSError:
        return []
    return [found for number in sorted(numbers) if (found := running(number)) is not None]


def descendants(pid: int) -> list[Running]:
    """The whole family below a process."""
    found = children(pid)
    return found + [below for child in found for below in descendants(child.pid)]


def send(target: Running, number: signal.Signals) -> bool:
    """Signal exactly this process; False when it has ended, whoever has its id now."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(target.pid)  # held while we look: who comes to have the id later is not meant by it
        try:
            if _same(target):
                signal.pidfd_send_signal(handle, number)
                return True
        finally:
            os.close(handle)
    return False


class Processes:
    """Everything that one bench has started."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self._tops: dict[str, subprocess.Popen[bytes]] = {}  # in the order of their start
        self._seen: dict[int, Running] = {}  # the family, as long as it could be asked for

    def start(self, name: str, command: Sequence[str], ready_s: float = 0.0) -> None:
        """Start a process; with ``ready_s`` wait for the word "ready" on the descriptor that the command's last word,
        ``--ready-fd``, asks for. RigError with its last words when that does not come."""
        read_end, write_end = os.pipe()
        try:
            told = [str(write_end)] if ready_s else []
            with self._log(name).open("ab") as log:
                self._tops[name] = subprocess.Popen(
                    [*command, *told],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=[write_end] if ready_s else [],
                    start_new_session=True,  # Ctrl-C is ours: `close` ends them in order
                    preexec_fn=_end_with_us(os.getpid()),
                )
            os.close(write_end)
            write_end = -1
            if ready_s:
                self._hear_ready(name, read_end, ready_s)
        except OSError as error:
            raise RigError(f"{name}: cannot be started ({error.strerror}): {' '.join(command)}") from None
        finally:
            os.close(read_end)
            if write_end >= 0:
                os.close(write_end)

    def _hear_ready(self, name: str, descriptor: int, ready_s: float) -> None:
        readable, _, _ = select.select([descriptor], [], [], ready_s)
        if not readable or os.read(descriptor, 6) != b"ready\n":
            what = "did not start" if readable else f"is not ready after {ready_s:g} s"
            raise RigError(f"{name} {what}; its last words:\n{self.last_words(name)}")
        self.look_round()

    def _log(self, name: str) -> Path:
        return self.run_dir / f"{name}.out"

    def last_words(self, name: str, about: str = "") -> str:
        """The last lines of a log; with ``about`` those that begin with it (a child's own, in its parent's log)."""
        with contextlib.suppress(OSError), self._log(name).open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
            own = [line for line in lines if line.strip().startswith(about)]
            return "\n".join(f"    {line}" for line in (own or lines)[-LAST_WORDS:]) or "    (it said nothing)"
        return "    (it said nothing)"

    # ---- who is there ----------------------------------------------------------------------------------------------
    def ended(self, name: str) -> str:
        """How a top process has ended; empty while it runs, and for one that was never started here."""
        if name not in self._tops or (code := self._tops[name].poll()) is None:
            return ""
        return f"ended with code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"

    def family(self, name: str) -> list[Running]:
        """The children of a top process."""
        return children(self._tops[name].pid) if name in self._tops and not self.ended(name) else []

    def look_round(self) -> None:
        """Remember who descends from us, so that `close` knows those whose parent dies before it can be asked."""
        for name, top in self._tops.items():
            if not self.ended(name):
                self._seen |= {child.pid: child for child in descendants(top.pid)}

    # ---- signals ---------------------------------------------------------------------------------------------------
    def signal(self, target: Running, number: signal.Signals) -> None:
        """Kill, halt or resume one of ours; RigError for anybody else, and for one that has ended by itself."""
        self.look_round()
        if self._seen.get(target.pid) != target:
            raise RigError(f"process {target.pid} is none of this bench; it is left alone")
        if not send(target, number):
            raise RigError(f"process {target.pid} ({' '.join(target.words)}) ended before it could be signalled")

    def kill_family(self, name: str) -> None:
        """kill -9 for a top process and all below it, as a power cut does: nobody may say goodbye."""
        if (top := self._tops.get(name)) is None or (own := running(top.pid)) is None:
            return
        send(own, signal.SIGSTOP)  # or it would start the next child while we kill this one
        for child in descendants(top.pid):
            send(child, signal.SIGKILL)
        send(own, signal.SIGKILL)
        top.wait(GONE_S)

    def end(self, name: str) -> None:
        """Ask a top process to end, which ends its children; what is left of it after STOP_S is killed."""
        if (top := self._tops.get(name)) is None:
            return
        family = descendants(top.pid) if top.poll() is None else []
        for child in family:
            send(child, signal.SIGCONT)  # a halted process ends only once it runs again
        if top.poll() is None:
            top.send_signal(signal.SIGCONT)
            top.terminate()
        try:
            top.wait(STOP_S)
        except subprocess.TimeoutExpired:
            top.kill()
            top.wait()
        del self._tops[name]  # not before: whoever is impatient with us must still know it
        self._bury(family)

    def close(self) -> None:
        """End everything, the last one that was started first."""
        self.look_round()
        try:
            for name in reversed(list(self._tops)):
                self.end(name)
        finally:  # a second Ctrl-C must not leave anything behind either
            for top in self._tops.values():
                top.kill()
                top.wait()
            self._bury(list(self._seen.values()))
            self._tops.clear()
            self._seen.clear()

    def _bury(self, family: Sequence[Running]) -> None:
        """See to it that all of these are gone: they had their chance."""
        left = [child for child in family if send(child, signal.SIGKILL)]
        until_s = time.monotonic() + GONE_S
        while any(map(_same, left)) and time.monotonic() < until_s:
            time.sleep(0.01)


def _same(child: Running) -> bool:
    now = running(child.pid)
    return now is not None and now.born == child.born


class Ends:
    """Who ends this process by SIGTERM, or by closing its terminal, ends what it has begun, as Ctrl-C does. What
    somebody else has already arranged for these signals stays."""

    def __init__(self) -> None:
        self._heard: list[signal.Signals] = []

    def hear(self) -> None:
        """From now on; only a main thread may."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, signal.default_int_handler)
                    self._heard.append(number)

    def forget(self) -> None:
        """No longer."""
        for number in self._heard:
            signal.signal(number, signal.SIG_DFL)
        self._heard.clear()


def _end_with_us(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)  # loaded before the fork: nothing may be imported after it

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def python(module: str, *words: str) -> list[str]:
    """The command of one of our own programs, with this interpreter."""
    return [sys.executable, "-m", module, *words]


def listens(family: Sequence[Running], port: int) -> bool:
    """Does one of these processes listen on this port of 127.0.0.1? Somebody else may have taken it before them."""
    address = f"{int.from_bytes(bytes((127, 0, 0, 1)), sys.byteorder):08X}:{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    wanted = {f"socket:[{row[9]}]" for row in rows if row[1] == address and row[3] == _TCP_LISTEN}
    return any(file in wanted for member in family for file in _open_files(member.pid))


def _open_files(pid: int) -> Iterator[str]:
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):  # it has ended
        for number in os.listdir(folder):
            with contextlib.suppress(OSError):  # it has been closed in the meantime
                yield os.readlink(f"{folder}/{number}")


def free_ports(count: int) -> Iterator[int]:
    """So many loopback ports that are free now, below those that the kernel hands out by itself."""
    import socket  # only a bench that has Modbus TCP devices needs it

    first = 20_000 + os.getpid() * 16 % 10_000
    found = 0
    for port in range(first, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port
        found += 1
        if found == count:
            return
    raise RigError(f"no {count} free loopback ports between {first} and 32000; end what holds them")
