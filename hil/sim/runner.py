"""Gives a device core what it does not have: a clock, a wire, a control socket, a plant, a trace file.

Rules: one process is one device (or the plant). The core is called with monotonic milliseconds and never waits;
everything that waits is here. A wire that goes away ends the process with a message; a plant that goes away does not.
It must never change a byte or a value on its way: whatever is wrong on the wire was made wrong by a fault.

Files in the run directory: <device>.ctl (control, see sim/device.py), <device>.trace.jsonl (appended to),
<device>.tty (the line of a Modbus RTU device on a pseudo-terminal), plant.sock (the plant's exchange).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import signal
import socket
from collections.abc import Callable

from hil.plant import Plant
from hil.sim.device import Device, Json
from hil.sim.wires import Wire, now_ms
from hil.trace import write_line
from hil.unix_socket import RigError, claim, remove

PLANT_BYTES_MAX = 8192


class ControlPort:
    """The control socket: a JSON line in, a JSON line out."""

    def __init__(self, device: Device, run_dir: str, nudge: Callable[[], None]) -> None:
        self._device, self._nudge = device, nudge
        self._path = os.path.join(run_dir, f"{device.name}.ctl")
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen."""
        claim(self._path, socket.SOCK_STREAM)
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError, asyncio.CancelledError):
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    def _answer(self, line: bytes) -> Json:
        try:
            request = json.loads(line)
        except ValueError as error:
            return {"ok": False, "error": f"{self._device.name}: a request is one JSON object on one line ({error})"}
        reply = self._device.control(request if isinstance(request, dict) else {}, now_ms())
        self._nudge()
        return reply

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            remove(self._path)


class PlantLink:
    """A device's exchange with the plant: tell, and hear when an answer comes. Nobody waits for it."""

    def __init__(self, device: Device, run_dir: str, nudge: Callable[[], None] = lambda: None) -> None:
        """`nudge` is called when the plant has said something: the device may have more to do on its wire."""
        self._device, self._path, self._nudge = device, os.path.join(run_dir, "plant.sock"), nudge
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._sock.bind("")  # Linux gives it an abstract address for the answers
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._sock, self._hear)
        self._timer = self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        told = self._device.to_plant(now_ms())
        if not told:
            return
        with contextlib.suppress(OSError):  # no plant, or a busy one: the last word stays
            self._sock.sendto(json.dumps({**told, "name": self._device.name}).encode(), self._path)
        self._timer = self._loop.call_later(self._device.plant_ms / 1000, self._tell)

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._device.from_plant(json.loads(self._sock.recv(PLANT_BYTES_MAX)), now_ms())
            self._nudge()

    def close(self) -> None:
        """Stop telling."""
        self._timer.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()


class PlantWire(Wire):
    """The other end of every PlantLink."""

    def __init__(self, plant: Plant, run_dir: str) -> None:
        self._plant, self._path = plant, os.path.join(run_dir, "plant.sock")
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    async def open(self) -> None:
        claim(self._path, socket.SOCK_DGRAM)
        self._sock.bind(self._path)
        asyncio.get_running_loop().add_reader(self._sock, self._receive)

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, sender = self._sock.recvfrom(PLANT_BYTES_MAX)
                view = self._plant.exchange(json.loads(data), now_ms())
                with contextlib.suppress(OSError):  # the device has gone in the meantime
                    self._sock.sendto(json.dumps(view).encode(), sender)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._sock)
        self._sock.close()
        remove(self._path)


async def run(
    device: Device, make_wire: Callable[[asyncio.Future[str]], Wire], run_dir: str, ready: Callable[[], None]
) -> None:
    """Serve one device (or the plant) until SIGINT or SIGTERM; RigError when it cannot begin or go on."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[str] = loop.create_future()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: None if ended.done() else ended.set_result(""))
    wire = make_wire(ended)
    port = ControlPort(device, run_dir, wire.nudge)
    with (
        open(os.path.join(run_dir, f"{device.name}.trace.jsonl"), "a", encoding="utf-8", buffering=1) as trace,
        contextlib.ExitStack() as stack,
    ):
        device.trace = functools.partial(write_line, trace)
        await port.open()
        stack.callback(port.close)
        stack.callback(wire.close)
        await wire.open()
        if not isinstance(device, Plant):
            stack.callback(PlantLink(device, run_dir, wire.nudge).close)
        ready()
        if why := await ended:
            raise RigError(why)
