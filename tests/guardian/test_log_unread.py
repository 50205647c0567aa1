"""Nobody reads what a process logs: a terminal is halted (Ctrl-S), a journal daemon hangs. The process goes on all the
same, and says afterwards what was lost (hazards H13 and H22)."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from supervisor import view, wire
from supervisor.lines import Out

ROOT = Path(__file__).parents[2]
PIPE_LINES = 2_000  # more lines than fit into the pipe of a process, and into that of its reader
PIPE_BYTES = 65_536
END_S = 60.0  # of every wait


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the product whose output goes into a pipe that is not read."""
    command = [sys.executable, "-m", "supervisor.cli", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def cycles(frames: Iterator[tuple[wire.Describe, wire.Snapshot] | str]) -> int:
    """The number of cycles in the next picture of the guardian; it has to come in time."""
    end = time.monotonic() + END_S
    for frame in frames:
        if not isinstance(frame, str):
            return dict(frame[1].counters)["cycles"]
        assert time.monotonic() < end, f"no picture within {END_S} s: {frame}"
    raise AssertionError("the view has ended")


def fill(socket: str) -> None:
    """Make the guardian log: whoever comes and goes is a line each."""
    hello = wire.encode(wire.Hello(wire.Role.VIEW, "somebody", os.getpid(), wire.PROTOCOL, ""))
    end, left = time.monotonic() + END_S, PIPE_LINES
    while left:
        assert time.monotonic() < end, f"the guardian takes nobody in any more; {left} were to come"
        try:
            with wire.connect(socket, END_S) as sock:
                sock.send(hello)
        except BlockingIOError:  # as many as it lets wait are waiting
            continue
        left -= 1


def test_a_guardian_whose_log_nobody_reads_goes_on_and_can_be_stopped(tmp_path: Path) -> None:
    with started("guardian", "policies/uc001", "--run-dir", str(tmp_path)) as process:
        socket = str(tmp_path / "guardian.sock")
        frames = view.frames(socket)
        before = cycles(frames)
        fill(socket)
        while cycles(frames) < before + 100:  # it is asked again: each picture has to come
            pass
        process.terminate()
        assert process.wait(END_S) == 0
        assert process.stdout is not None
        said = process.stdout.read().decode()
    assert said.count("connected (process") < PIPE_LINES, "the pipe took everything: nothing was tested"


def test_a_whole_house_whose_terminal_is_halted_goes_on_and_keeps_its_log(tmp_path: Path) -> None:
    with started("run", "policies/uc001", "--run-dir", str(tmp_path), "--listen", "127.0.0.1:0") as process:
        socket = str(tmp_path / "guardian.sock")
        frames = view.frames(socket)
        before, end = cycles(frames), time.monotonic() + END_S
        while len(kept(tmp_path)) < 3 * PIPE_BYTES:  # a busy launcher misses some; what it gets has to be in its file
            assert time.monotonic() < end, "the log file does not grow"
            fill(socket)
        while cycles(frames) < before + 100:
            pass
        process.terminate()
        assert process.wait(END_S) == 0
        assert process.stdout is not None
        assert len(process.stdout.read()) < len(kept(tmp_path)), "the terminal took everything: nothing was tested"


def kept(run_dir: Path) -> str:
    """The log file of `powerwarden run`, with those before it."""
    return "".join(path.read_text() for path in run_dir.glob("powerwarden.log*"))


def test_what_was_lost_is_said_as_soon_as_somebody_reads_again() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with open(reader, "rb") as heard, open(writer, "w", encoding="utf-8") as stream:
        out = Out(stream)
        while not out.lost:
            out.line("a line")
        out.line("lost as well")
        heard.read()
        out.line("and now?")
        assert heard.read() == b"(2 lines were lost: nobody read them)\nand now?\n"
        assert out.lost == 2
        heard.close()
        out.line("nobody is there any more")


def test_no_line_is_longer_than_a_pipe_takes_whole() -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as heard, open(writer, "w", encoding="utf-8") as stream:
        Out(stream).line("\ud800" + "\U0001f50c" * 10_000)
        said = os.read(heard.fileno(), 65_536)
    assert said.endswith(b"\n")
    assert len(said) <= select.PIPE_BUF
