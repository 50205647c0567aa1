"""Starts a house: a process for each hub, the plant and each device; prefixes their logs; stops them all.

Rules: hubs and plant first, then the devices together; "ready" means that all of them listen. Nothing is restarted:
a device that dies stays dead until the house is stopped, and a line in the log says so. The children die with this
process, however it dies (see `die_with_parent`). Only processes that were started here are ever signalled.
It must never talk to a device: that is what the control sockets are for.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.house import House
from hil.unix_socket import RigError, remove

READY_S = 20.0
STOP_S = 3.0
COMMAND_STOP_S = 15.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

Say = Callable[[str], None]


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, also when the parent could not say goodbye.

    SIGKILL, because a stopped process would not take anything milder. The parent may have died before we asked.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise RigError(f"the house that started this process (pid {parent}) has ended already")


@dataclass(frozen=True, slots=True)
class Child:
    """One started process and the task that prints its log."""

    name: str
    process: asyncio.subprocess.Process
    log: asyncio.Task[None]
    ready: asyncio.Task[bool]


class Launcher:
    """The processes of one house."""

    def __init__(self, house: House, house_path: Path, run_dir: str, port_base: int | None, say: Say) -> None:
        self._house, self._run_dir, self._say = house, run_dir, say
        self._common = ["--dir", run_dir, "--parent", str(os.getpid())]
        self._of_house = [*self._common, "--house", str(house_path)]
        if port_base is not None:
            self._of_house += ["--port-base", str(port_base)]
        self._groups: list[list[Child]] = []  # in the order of their start
        self._stopping = False

    async def run(self, ready: Callable[[], None], command: Sequence[str] = ()) -> int:
        """Start everything, call `ready`, and wait for SIGINT or SIGTERM, or for `command` to end where one is given.

        Returns the command's exit code, 0 without one. RigError when something does not start.
        """
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        try:
            hubs = [(bus, ["hub", bus, *self._common]) for bus in self._house.buses]
            await self._start([*hubs, ("plant", ["plant", *self._of_house])], stop)
            await self._start(
                [(entry.name, ["sim", entry.name, *self._of_house]) for entry in self._house.entries], stop
            )
            if not stop.is_set():
                ready()
            return await self._beside(command, stop) if command else int(not await stop.wait())
        finally:
            await self._stop()

    async def _beside(self, command: Sequence[str], stop: asyncio.Event) -> int:
        """Run a command in this house, on our own terminal; it is told to stop before any device is."""
        process = await asyncio.create_subprocess_exec(*command)
        ended, stopped = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
        await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            process.terminate()
            await asyncio.wait([ended], timeout=COMMAND_STOP_S)
        if not ended.done():
            process.kill()
        stopped.cancel()
        return await ended

    async def _start(self, what: Iterable[tuple[str, list[str]]], stop: asyncio.Event) -> None:
        started: list[Child] = []
        self._groups.append(started)
        for name, arguments in what:
            started.append(await self._spawn(name, arguments))
        stopped = asyncio.create_task(stop.wait())
        all_ready = asyncio.gather(*(child.ready for child in started))
        waits: list[asyncio.Future[Any]] = [stopped, all_ready]
        await asyncio.wait(waits, timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not stop.is_set():
            self._check_ready(started)

    def _check_ready(self, started: Sequence[Child]) -> None:
        for child in started:
            if not child.ready.done():
                raise RigError(f"{child.name} is not ready after {READY_S:g} s; its lines above say how far it came")
            if not child.ready.result():
                raise RigError(f"{child.name} did not start; its last lines above say why")

    async def _spawn(self, name: str, arguments: list[str]) -> Child:
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "hil.cli",
                *arguments,
                "--ready-fd",
                str(write_end),
                pass_fds=(write_end,),
                start_new_session=True,  # Ctrl-C is ours alone: the children stop in our order
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        finally:
            os.close(write_end)
        Path(self._run_dir, f"{name}.pid").write_text(f"{process.pid}\n", "ascii")
        return Child(
            name,
            process,
            asyncio.create_task(self._copy_log(name, process)),
            asyncio.create_task(_hear_ready(read_end)),
        )

    async def _copy_log(self, name: str, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self._say(f"{name}| {line.decode('utf-8', 'replace').rstrip()}")
        code = await process.wait()
        if not self._stopping:
            self._say(f"{name}| has ended ({_ending(code)}); nothing is restarted")

    async def _stop(self) -> None:
        self._stopping = True
        for group in reversed(self._groups):  # devices before their hubs, so that none complains of a lost bus
            await self._stop_group(group)

    async def _stop_group(self, group: Sequence[Child]) -> None:
        for child in group:
            self._signal(child, signal.SIGTERM)
            self._signal(child, signal.SIGCONT)  # a stopped process ends only once it runs again
        waits = [asyncio.create_task(child.process.wait()) for child in group]
        if waits:
            await asyncio.wait(waits, timeout=STOP_S)
        for child in group:
            self._signal(child, signal.SIGKILL)
        await asyncio.gather(*waits, *(child.log for child in group), return_exceptions=True)
        for child in group:
            child.ready.cancel()
            remove(os.path.join(self._run_dir, f"{child.name}.pid"))

    def _signal(self, child: Child, number: signal.Signals) -> None:
        if child.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(number)


async def _hear_ready(fd: int) -> bool:
    """True when the child said so, False when it closed the pipe without a word."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb"))
    try:
        return await reader.readline() == b"ready\n"
    finally:
        transport.close()


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
