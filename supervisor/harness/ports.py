"""The ports of a host whose wires end in a World: what a host writes is handed over, what the World says is heard.

Rules
* As on the appliance: one Modbus request at a time and endpoint, writes first, REPLY_MS for the answer, no answer of
  before is the answer to the next; expiry is judged when something is sent.
* A World may answer at once, from within its method, or later.

Nothing in here waits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

from drivers.contract import (
    Direction,
    Failure,
    Frame,
    ReadRegisters,
    WriteLines,
    WriteRegisters,
)
from supervisor.bus.host import HostCore
from supervisor.bus.modbus_port import PORT, Rest
from supervisor.bus.modbus_queue import Job, Jobs
from supervisor.bus.ports import Order, Question
from supervisor.harness import modbus
from supervisor.site import BusSite, DeviceSite

REPLY_MS = 300
JOBS_PER_TURN = 20


class World(Protocol):
    """The far end of all wires."""

    def on_can(self, bus: str, can_id: int, data: bytes, extended: bool) -> bool:
        """A frame goes out; False: the bus does not take it."""

    def on_modbus(self, endpoint: str, data: bytes) -> bool:
        """An ADU goes to "host:port", or over a serial line; False: there is no connection. The reply comes by
        Harness.modbus."""

    def claim(self, bus: str, number: int, pull: str, level: int | None) -> None:
        """A line is an output at ``level``, or an input (None) with a resistor inside: up, down or none."""

    def levels(self, bus: str, numbers: Sequence[int]) -> Mapping[int, int]:
        """The electrical levels of lines now."""

    def on_lines(self, bus: str, levels: Sequence[tuple[int, int]]) -> None:
        """Lines are driven to these levels."""


class CanPort:
    """A CAN bus."""

    def __init__(self, bus: BusSite, core: HostCore, world: World) -> None:
        self._bus, self._core, self._world = bus, core, world
        self.now_ms = 0

    def ask(self, device: int, question: Question) -> None:
        """Nothing: no question travels by CAN."""

    def write(self, device: int, order: Order, expires_ms: int) -> None:
        """Send a frame now."""
        if self.now_ms > expires_ms:
            self._core.on_unsent(device, order, "expired", self.now_ms)
        elif isinstance(order, Frame) and self._world.on_can(self._bus.name, order.can_id, order.data, order.extended):
            self._core.on_sent(device, order, self.now_ms)
        else:
            self._core.on_unsent(device, order, "unsent", self.now_ms)

    def turn(self, now_ms: int) -> None:
        """Time has passed."""
        self.now_ms = now_ms


class GpioPort:
    """Lines, looked at in each turn."""

    def __init__(self, bus: BusSite, core: HostCore, world: World) -> None:
        self._bus, self._core, self._world = bus, core, world
        self._of = [self._claimed(device) for device in bus.devices]
        self._outputs = [
            {line.number for line in device.family.lines(device.options) if line.direction is Direction.OUT}
            for device in bus.devices
        ]
        self.now_ms = 0

    def _claimed(self, device: DeviceSite) -> tuple[int, ...]:
        lines = device.family.lines(device.options)
        return tuple(line.number for line in lines if line.direction is Direction.IN or not device.observe)

    def begin(self) -> None:
        """Claim the lines; an output of what is in control with the level that its family declares."""
        for device in self._bus.devices:
            claimed = self._claimed(device)
            for line in device.family.lines(device.options):
                if line.number in claimed:
                    self._world.claim(self._bus.name, line.number, line.pull.value, line.initial)

    def ask(self, device: int, question: Question) -> None:
        """Nothing: levels come by themselves."""

    def write(self, device: int, order: Order, expires_ms: int) -> None:
        """Drive lines now."""
        own = self._outputs[device]
        if self.now_ms > expires_ms:
            self._core.on_unsent(device, order, "expired", self.now_ms)
        elif isinstance(order, WriteLines) and own.issuperset(number for number, _ in order.levels):
            self._world.on_lines(self._bus.name, order.levels)
            self._core.on_sent(device, order, self.now_ms)
        else:
            self._core.on_unsent(device, order, "unsent", self.now_ms)

    def turn(self, now_ms: int) -> None:
        """Look at all lines."""
        self.now_ms = now_ms
        for device, numbers in enumerate(self._of):
            levels = self._world.levels(self._bus.name, numbers)
            self._core.on_lines(device, {number: levels[number] for number in numbers}, now_ms)


class Endpoint:
    """One Modbus TCP peer, or one serial line."""

    def __init__(self, name: str, serial: bool, core: HostCore, world: World) -> None:
        self._name, self._core, self._world = name, core, world
        self._framing = modbus.Rtu() if serial else modbus.Tcp()
        self._jobs = Jobs()
        self._rests: defaultdict[int, Rest] = defaultdict(Rest)  # of each unit
        self._asked: Job | None = None
        self._sent_ms = 0
        self._idle = True  # nothing is asked, and nothing waits
        self.now_ms = 0

    def put(self, job: Job) -> None:
        """Queue a job; what has to leave for it is reported."""
        self._idle = False
        left = self._jobs.put(job)
        if left is not None:
            self._never_sent(left, "replaced")

    def turn(self, now_ms: int) -> None:
        """Give up what is not answered, and ask what waits."""
        self.now_ms = now_ms
        if self._idle:
            return
        if self._asked is not None and now_ms - self._sent_ms >= REPLY_MS:
            self._ended(Failure.TIMEOUT)
        for _ in range(JOBS_PER_TURN):
            if self._asked is not None:
                return
            if (job := self._jobs.next()) is None:
                self._idle = True
                return
            self._send(job)

    def _send(self, job: Job) -> None:
        if isinstance(job.ask, WriteRegisters):
            if job.expires_ms is None or self.now_ms > job.expires_ms:
                self._never_sent(job, "expired")
                return
        elif self.now_ms < self._rests[job.ask.unit].until_ms:
            self._core.on_registers(job.device, job.ask, Failure.TIMEOUT, self.now_ms)
            return
        self._asked, self._sent_ms = job, self.now_ms
        if not self._world.on_modbus(self._name, self._framing.request(job.ask)):
            self._asked = None
            self._never_sent(job, "unsent")

    def hear(self, data: bytes, now_ms: int) -> None:
        """Bytes have come from the other end."""
        self.now_ms = now_ms
        reply = None if self._asked is None else self._framing.reply(self._asked.ask, data)
        if self._asked is None or reply is None:
            self._core.on_oddity("late_bytes", len(data))
        else:
            self._ended(modbus.meaning(self._asked.ask, reply))

    def _ended(self, reply: Sequence[int] | Failure) -> None:
        job, self._asked = self._asked, None
        if job is None:
            return
        rest = self._rests[job.ask.unit]
        if reply is Failure.TIMEOUT:
            rest.silent(self.now_ms)
        else:
            rest.answered()
        self._core.on_registers(job.device, job.ask, reply, self.now_ms)

    def _never_sent(self, job: Job, why: str) -> None:
        if isinstance(job.ask, ReadRegisters):
            self._core.on_registers(job.device, job.ask, Failure.NO_CONNECTION, self.now_ms)
        else:
            self._core.on_unsent(job.device, job.ask, why, self.now_ms)


class ModbusPort:
    """All endpoints of a bus."""

    def __init__(self, bus: BusSite, core: HostCore, world: World) -> None:
        serial = bus.settings["transport"] == "rtu"
        names = [str(bus.settings["device"]) if serial else address(device) for device in bus.devices]
        self.endpoints = {name: Endpoint(name, serial, core, world) for name in dict.fromkeys(names)}
        self._of = [self.endpoints[name] for name in names]

    def ask(self, device: int, question: Question) -> None:
        """Queue a read."""
        if isinstance(question, ReadRegisters):
            self._of[device].put(Job(device, question))

    def write(self, device: int, order: Order, expires_ms: int) -> None:
        """Queue a write ahead of all reads."""
        if isinstance(order, WriteRegisters):
            self._of[device].put(Job(device, order, expires_ms))

    def turn(self, now_ms: int) -> None:
        """Time has passed."""
        for endpoint in self.endpoints.values():
            endpoint.turn(now_ms)


def address(device: DeviceSite) -> str:
    """Where a device on Modbus TCP is."""
    return f"{device.options['host']}:{device.options.get('port', PORT)}"
