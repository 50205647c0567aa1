"""The Modbus port: every endpoint of one bus, each with its own queue and worker.

Rules
* One endpoint is one (host, port), or the one serial line; one request is in flight at each. A silent endpoint
  delays nobody else's.
* A unit that stays silent behind an endpoint that it shares is rested, longer each time: its reads fail at once
  meanwhile, so that its neighbours keep their tempo. Writes are always tried.
* The expiry of a write is checked when nothing but the send itself remains to be done.

Must never: write for a device that is not in control. An endpoint without such a device has a ReadLine, and the port
of a bus in observe has no ``write``.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from drivers.contract import Failure, ReadRegisters, WriteRegisters
from supervisor.bus.modbus_line import ReadLine, RtuWire, TcpWire, WriteLine
from supervisor.bus.modbus_queue import Job, Jobs
from supervisor.bus.ports import Backoff, Clock, Ears, Order, Pulse, Question
from supervisor.site import BusSite, DeviceSite

PORT = 502  # registered for Modbus TCP


@dataclass
class Rest:
    """How long a silent unit is left alone: not after one lost answer, then longer each time."""

    backoff: Backoff = field(default_factory=lambda: Backoff(first=200, most=2_000))
    until_ms: int = 0
    missed: bool = False

    def silent(self, now_ms: int) -> None:
        """It has not answered."""
        if self.missed:
            self.until_ms = now_ms + self.backoff.fail()
        self.missed = True

    def answered(self) -> None:
        """It is back."""
        self.backoff.succeed()
        self.until_ms, self.missed = 0, False


class Endpoint:
    """A queue, a line, and the task that brings the two together. ``changed()`` is called when the link did."""

    def __init__(self, line: ReadLine, ears: Ears, clock: Clock, changed: Callable[[], None]) -> None:
        self.line = line
        self.trouble = "not asked yet"
        self._ears, self._clock, self._changed = ears, clock, changed
        self._jobs = Jobs()
        self._work = asyncio.Event()
        self._rests: defaultdict[int, Rest] = defaultdict(Rest)  # of each unit
        self._backoff = Backoff()
        self._retry_ms = 0

    def put(self, job: Job) -> None:
        """Queue a job; what has to leave for it is reported."""
        left = self._jobs.put(job)
        if left is not None:
            self._never_sent(left, "replaced")
        self._work.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            job = self._jobs.next()
            if job is None:
                self._work.clear()
                await self._work.wait()
            elif not await self._connected():
                self._never_sent(job, "unsent")
            elif isinstance(job.ask, ReadRegisters):
                await self._read(job, job.ask)
            else:
                await self._write(job, job.ask)

    async def _connected(self) -> bool:
        """True when there is a connection; tries to make one, but not before the back-off is over."""
        if self.line.connected:
            return True
        now_ms = self._clock()
        if now_ms < self._retry_ms:
            return False
        connected = await self.line.connect()
        if connected:
            self._report("")
        else:
            self._retry_ms = self._clock() + self._backoff.fail()
            self._report("no connection")
        return connected

    async def _read(self, job: Job, ask: ReadRegisters) -> None:
        rest = self._rests[ask.unit]
        if self._clock() < rest.until_ms:
            self._ears.on_registers(job.device, ask, Failure.TIMEOUT, self._clock())
        else:
            self._ended(job, await self.line.read(ask))

    async def _write(self, job: Job, ask: WriteRegisters) -> None:
        if job.expires_ms is None or self._clock() > job.expires_ms or not isinstance(self.line, WriteLine):
            self._never_sent(job, "expired" if isinstance(self.line, WriteLine) else "would_write")
        else:
            self._ended(job, await self.line.write(ask))

    def _ended(self, job: Job, reply: Sequence[int] | Failure) -> None:
        rest = self._rests[job.ask.unit]
        if reply is Failure.TIMEOUT:
            rest.silent(self._clock())
            self._report(f"unit {job.ask.unit} is silent")
        elif reply is not Failure.NO_CONNECTION:
            rest.answered()
            self._backoff.succeed()  # an endpoint that only accepts connections has not proven anything
            self._report("")
        self._ears.on_registers(job.device, job.ask, reply, self._clock())

    def _never_sent(self, job: Job, why: str) -> None:
        if isinstance(job.ask, ReadRegisters):
            self._ears.on_registers(job.device, job.ask, Failure.NO_CONNECTION, self._clock())
        else:
            self._ears.on_unsent(job.device, job.ask, why, self._clock())

    def _report(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._changed()


class ModbusReader:
    """The port of a bus in observe: it can ask, and its lines cannot write."""

    def __init__(self, bus: BusSite, ears: Ears, clock: Clock, pulse: Pulse) -> None:
        del pulse  # a reply that comes too late is noticed by its request (modbus_line.py)
        self._bus, self._ears, self._clock = bus, ears, clock
        self._of_device: list[Endpoint] = []
        self._endpoints: dict[str, Endpoint] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Make the endpoints and let them work; must be called in the loop. Connections are made when needed."""
        names = [self._address(device) for device in self._bus.devices]
        for name in dict.fromkeys(names):
            sharing = [device for device, at in zip(self._bus.devices, names, strict=True) if at == name]
            self._endpoints[name] = Endpoint(self._line(sharing), self._ears, self._clock, self._link_changed)
        self._of_device = [self._endpoints[name] for name in names]
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(endpoint.run()) for endpoint in self._endpoints.values()]

    def stop(self) -> None:
        """Give up what is in flight and close."""
        for task in self._tasks:
            task.cancel()
        for endpoint in self._endpoints.values():
            endpoint.line.close()

    def ask(self, device: int, question: Question) -> None:
        """Queue a read."""
        if isinstance(question, ReadRegisters):
            self._of_device[device].put(Job(device, question))

    def _address(self, device: DeviceSite) -> str:
        if self._bus.settings["transport"] == "rtu":
            return str(self._bus.settings["device"])
        return f"{device.options['host']}:{device.options.get('port', PORT)}"

    def _line(self, sharing: Sequence[DeviceSite]) -> ReadLine:
        """The line for the devices that share an endpoint."""
        return ReadLine(self._wire(sharing[0]))

    def _wire(self, device: DeviceSite) -> TcpWire | RtuWire:
        if self._bus.settings["transport"] == "rtu":
            return RtuWire(self._bus.settings, lambda count: self._ears.on_oddity("late_bytes", count))
        return TcpWire(str(device.options["host"]), int(device.options.get("port", PORT)))

    def _link_changed(self) -> None:
        """Up when any endpoint is; the detail names those in trouble."""
        troubled = [f"{name}: {end.trouble}" for name, end in self._endpoints.items() if end.trouble]
        up = any(not end.trouble for end in self._endpoints.values())
        self._ears.on_link(up, "; ".join(troubled) or "all endpoints answer", self._clock())


class ModbusPort(ModbusReader):
    """The port of a bus in control; an endpoint that only observing devices share still gets a ReadLine."""

    def write(self, device: int, order: Order, expires_ms: int) -> None:
        """Queue a write ahead of all reads."""
        if isinstance(order, WriteRegisters):
            self._of_device[device].put(Job(device, order, expires_ms))

    def _line(self, sharing: Sequence[DeviceSite]) -> ReadLine:
        if all(device.observe for device in sharing):
            return super()._line(sharing)
        return WriteLine(self._wire(sharing[0]))
