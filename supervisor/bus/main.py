"""The bus process: the shell around the driver host. One process owns one bus.

Rules
* One thread, one loop. Here alone is the clock read; everything else gets it as an argument.
* Only the library of this kind of bus is imported.
* The loop's tick comes at absolute times, and skips what it missed instead of bursting.
* SIGTERM and SIGINT end the process in order: silence images first, FAREWELL_S at most for them to leave, exit code 0.

Must never: end because of a wire, a driver or the guardian. If it ends all the same, the guardian notices.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from drivers.contract import BusKind
from supervisor.bus import logs
from supervisor.bus.host import HostCore
from supervisor.bus.link import GuardianLink
from supervisor.bus.ports import Clock, ControlPort, Ears, Pulse, RunningControlPort, RunningPort
from supervisor.site import BusSite

TICK_MS, IDLE_TICK_MS = 20, 50  # while drivers ask, and while they do not; SIGTERM waits for a tick, too
FAREWELL_S = 1.0
log = logging.getLogger("bus")


def clock() -> int:
    """CLOCK_MONOTONIC in ms, which all processes of a machine share."""
    return time.monotonic_ns() // 1_000_000


def run(bus: BusSite, digest: str, socket_path: str) -> int:
    """Own this bus until SIGTERM or SIGINT. ``digest``: of the documents that ``bus`` was loaded from."""
    logs.set_up(clock)
    asyncio.run(BusProcess(bus, digest, socket_path).serve())
    return 0


def open_port(bus: BusSite, core: HostCore, pulse: Pulse) -> tuple[RunningPort, ControlPort | None]:
    """The port of this kind of bus, and the same again as a way to write; None where nothing may be written."""
    observing: Callable[[BusSite, Ears, Clock, Pulse], RunningPort]
    controlling: Callable[[BusSite, Ears, Clock, Pulse], RunningControlPort]
    match bus.kind:
        case BusKind.CAN:
            from supervisor.bus.can_port import CanListener, CanPort

            observing, controlling = CanListener, CanPort
        case BusKind.MODBUS:
            from supervisor.bus.modbus_port import ModbusPort, ModbusReader

            observing, controlling = ModbusReader, ModbusPort
        case BusKind.SERIAL:
            from supervisor.bus.serial_port import SerialListener, SerialPort

            observing, controlling = SerialListener, SerialPort
        case BusKind.GPIO:
            from supervisor.bus.gpio_port import GpioListener, GpioPort

            observing, controlling = GpioListener, GpioPort
    if bus.observe or all(device.observe for device in bus.devices):
        return observing(bus, core, clock, pulse), None
    port = controlling(bus, core, clock, pulse)
    return port, port


def _in_one_line(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A callback of the loop has failed: said in one line, and the other callbacks go on."""
    log.error("%s: %.200r", context.get("message"), context.get("exception"))


class BusProcess:
    """Ties host, port and link to the loop."""

    def __init__(self, bus: BusSite, digest: str, socket_path: str) -> None:
        self._pulse = Pulse()
        self._core = HostCore(bus, os.urandom, lambda: self._link.wake())
        self._port, control = open_port(bus, self._core, self._pulse)
        self._core.attach(self._port, control)
        self._link = GuardianLink(socket_path, digest, self._core, clock)

    async def serve(self) -> None:
        """Run until told to end."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_in_one_line)
        ending = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._begin_end, ending)
        self._port.start()
        self._link.start()
        gc.collect()
        gc.freeze()
        await self._tick_until(ending)
        await self._say_farewell()
        self._port.stop()

    def _begin_end(self, ending: asyncio.Event) -> None:
        """Hang up at once: no image may break the silence that begins now."""
        self._link.stop()
        ending.set()

    async def _tick_until(self, ending: asyncio.Event) -> None:
        due_ms = clock()
        while not ending.is_set():
            due_ms += TICK_MS if self._tick() else IDLE_TICK_MS
            due_ms = max(due_ms, clock() + 1)
            await asyncio.sleep((due_ms - clock()) / 1000)

    def _tick(self) -> bool:
        now_ms = clock()
        busy = self._core.poll(now_ms)
        self._link.report()
        self._pulse.beat(now_ms)
        return busy

    async def _say_farewell(self) -> None:
        """The silence images leave, or FAREWELL_S passes."""
        self._core.farewell(clock())
        until_ms = clock() + int(FAREWELL_S * 1000)
        while not self._core.farewell_said and clock() < until_ms:
            await asyncio.sleep(TICK_MS / 1000)
