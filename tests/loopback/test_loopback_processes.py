"""The processes of a bench: nobody else is ever signalled, failures are told, and everybody may say goodbye."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from hil.bench import processes as module
from hil.bench.processes import Processes, Running, listens, running, send
from hil.unix_socket import RigError

# A parent that passes SIGTERM on and waits; both write down that they were asked, and not killed.
FAMILY = """
import os, pathlib, signal, subprocess, sys, time
here = pathlib.Path(sys.argv[1])
name = sys.argv[2]
child = None
def leave(*_):
    if child is not None:
        child.terminate()
        child.wait()
    (here / f"{name}.left").write_text("yes")
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
if name == "parent":
    child = subprocess.Popen([sys.executable, "-c", sys.orig_argv[2], str(here), "child"])
    while not (here / "child.up").exists():
        time.sleep(0.01)
    os.write(int(sys.argv[-1]), b"ready\\n")
(here / f"{name}.up").write_text("yes")
while True:
    signal.pause()
"""


def family(folder: Path) -> Processes:
    """A parent with one child, started."""
    ours = Processes(folder)
    ours.start("parent", [sys.executable, "-c", FAMILY, str(folder), "parent", "--ready-fd"], 20.0)
    return ours


def halted(process: Running) -> None:
    assert send(process, signal.SIGSTOP)
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        pass


def test_a_halted_child_is_woken_so_that_it_can_say_goodbye(tmp_path: Path) -> None:
    ours = family(tmp_path)
    (child,) = ours.family("parent")
    halted(child)
    ours.close()
    assert (tmp_path / "child.left").exists(), "it was killed, or never woke up"
    assert (tmp_path / "parent.left").exists()


def test_a_halted_parent_is_woken_so_that_it_can_end_its_own(tmp_path: Path) -> None:
    ours = family(tmp_path)
    (child,) = ours.family("parent")
    parent = running(psutil.Process(child.pid).ppid())
    assert parent is not None
    halted(parent)
    ours.close()
    assert (tmp_path / "parent.left").exists(), "it was killed, or never woke up"
    assert (tmp_path / "child.left").exists()


def stranger() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)


def test_a_process_that_has_the_number_of_another_is_never_signalled() -> None:
    process = stranger()
    try:
        found = running(process.pid)
        assert found is not None
        assert not send(replace(found, born=found.born - 1), signal.SIGKILL)
        assert process.poll() is None
    finally:
        process.communicate()
    assert not send(found, signal.SIGKILL), "it has ended"


def test_who_ends_between_the_look_and_the_signal_is_missed_and_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    process = stranger()
    found = running(process.pid)
    assert found is not None
    killed: list[int] = []

    def ends_while_looked_at(pid: int) -> Running | None:
        process.communicate()  # it ends, and its number is free for anybody
        return found

    monkeypatch.setattr(module, "running", ends_while_looked_at)
    monkeypatch.setattr(module.os, "kill", lambda pid, _: killed.append(pid))
    assert not send(found, signal.SIGKILL)
    assert killed == [], "a number says nothing of who has it"


def test_a_kill_that_comes_too_late_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = family(tmp_path)
    (child,) = ours.family("parent")
    ours.look_round()
    monkeypatch.setattr(module, "send", lambda *_: False)
    with pytest.raises(RigError, match="ended before it could be signalled"):
        ours.signal(child, signal.SIGKILL)
    monkeypatch.undo()
    ours.close()


STUBBORN = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(int(sys.argv[-1]), b"ready\\n")
while True:
    signal.pause()
"""


def test_an_impatient_second_ctrl_c_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Processes(tmp_path)
    ours.start("stubborn", [sys.executable, "-c", STUBBORN, "--ready-fd"], 20.0)
    (process,) = [child for child in psutil.Process().children() if STUBBORN in child.cmdline()]
    waited: list[object] = []
    wait = subprocess.Popen.wait

    def impatient(popen: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        waited.append(popen)
        if len(waited) == 1:
            raise KeyboardInterrupt
        return wait(popen, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", impatient)
    try:
        with pytest.raises(KeyboardInterrupt):
            ours.close()
        assert not process.is_running()
    finally:
        process.kill() if process.is_running() else None


def test_a_port_belongs_to_who_listens_on_it() -> None:
    code = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        found = running(process.pid)
        assert found is not None
        with socket.create_server(("127.0.0.1", 0)) as mine:
            assert listens([found], port)
            assert not listens([found], mine.getsockname()[1]), "that is the test's own"
            assert not listens([], port)
        process.communicate(b"\n")
