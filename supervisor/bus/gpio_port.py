"""The GPIO port: a few lines of this machine, looked at every 10 ms and driven when the guardian's images say so.

Rules
* All lines of a device are read together and handed over with the time of that moment. Nothing waits in a buffer, so a
  process that was stopped has nothing old to tell; its drivers see the gap in the times.
* The outputs of a device in control are claimed at once, with the level that the family declares. Those of a device in
  observe are not claimed at all: somebody else may be driving them.
* An output that reads another level than was written, twice in a row, is counted; the driver is told what was read.
* A failure costs the link: all is claimed anew, with back-off, and outputs begin at their declared level again.
* At the end lines stay as they are. The host's farewell has driven the silence levels before; a line that is let go
  would float.

Must never: drive from :class:`GpioListener`, know what a level means, or wait.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from drivers.contract import DefectKind, Direction, Line, WriteLines
from supervisor.bus.gpio_lines import DrivenLines, Lines, make_factory
from supervisor.bus.ports import Backoff, Clock, Ears, Order, Pulse, Question
from supervisor.site import BusSite, DeviceSite

SAMPLE_MS = 10
log = logging.getLogger("bus")


class GpioListener:
    """Looks at the inputs of its devices and has no way to drive anything."""

    def __init__(self, bus: BusSite, ears: Ears, clock: Clock, pulse: Pulse) -> None:
        del pulse  # what is read is of this moment, however long we were stopped before
        self._name, self._ears, self._clock = bus.name, ears, clock
        self._of = [self._claimed(device) for device in bus.devices]
        self._lines = self._lines_of(bus)
        self._backoff = Backoff()
        self._next: asyncio.TimerHandle | None = None
        self._due_ms = 0

    def _claimed(self, device: DeviceSite) -> tuple[Line, ...]:
        return tuple(line for line in device.family.lines(device.options) if line.direction is Direction.IN)

    def _lines_of(self, bus: BusSite) -> Lines:
        return Lines(partial(make_factory, bus.settings), (line for lines in self._of for line in lines))

    def start(self) -> None:
        """Claim the lines, now or later; must be called in the loop."""
        try:
            what = self._lines.open()
        except Exception as error:  # noqa: BLE001 -- any pin library may be behind this, with errors of its own
            self._lose(f"cannot open: {type(error).__name__}: {error}")
            return
        self._ears.on_link(True, what, self._clock())
        self._due_ms = self._clock()
        self._look()

    def stop(self) -> None:
        """Look no more. Lines are left as they are."""
        if self._next is not None:
            self._next.cancel()
        self._next = None

    def ask(self, device: int, question: Question) -> None:
        """Nothing: levels come by themselves (ports.CARRIES)."""

    def _lose(self, why: str) -> None:
        self.stop()
        self._lines.forget()
        self._ears.on_link(False, why, self._clock())
        log.warning("GPIO %s: %.200s", self._name, why)
        self._next = asyncio.get_running_loop().call_later(self._backoff.fail() / 1000, self.start)

    def _look(self) -> None:
        """Read everything, hand it over, and come again; turns that were missed are not made up for."""
        try:
            levels = self._lines.read()
        except Exception as error:  # noqa: BLE001 -- any pin library may be behind this, with errors of its own
            self._lose(f"lost: {type(error).__name__}: {error}")
            return
        now_ms = self._clock()
        self._backoff.succeed()
        self._check(levels)
        for device, lines in enumerate(self._of):
            self._ears.on_lines(device, {line.number: levels[line.number] for line in lines}, now_ms)
        self._due_ms = max(self._due_ms + SAMPLE_MS, now_ms + 1)
        self._next = asyncio.get_running_loop().call_later((self._due_ms - now_ms) / 1000, self._look)

    def _check(self, levels: dict[int, int]) -> None:
        """Nothing was written, so nothing can contradict it."""


class GpioPort(GpioListener):
    """Also drives the outputs of devices that are in control."""

    _lines: DrivenLines

    def _claimed(self, device: DeviceSite) -> tuple[Line, ...]:
        return super()._claimed(device) if device.observe else device.family.lines(device.options)

    def _lines_of(self, bus: BusSite) -> Lines:
        self._wrong: dict[int, int] = {}  # line -> how often in a row it read another level than was written
        claimed = (line for lines in self._of for line in lines)
        return DrivenLines(partial(make_factory, bus.settings), claimed, self._two_steps)

    def _two_steps(self) -> None:
        self._ears.on_oddity("two_step_claim")

    def _check(self, levels: dict[int, int]) -> None:
        for number, level in self._lines.written.items():
            self._wrong[number] = self._wrong.get(number, 0) + 1 if levels[number] != level else 0
            if self._wrong[number] == 2:
                self._ears.on_oddity(DefectKind.READBACK)
                log.warning("GPIO %s: line %d was driven to %d and reads %d", self._name, number, level, levels[number])

    def write(self, device: int, order: Order, expires_ms: int) -> None:
        """Drive the lines of an order now, or say why not."""
        now_ms = self._clock()
        if now_ms > expires_ms:
            self._ears.on_unsent(device, order, "expired", now_ms)
        elif isinstance(order, WriteLines) and self._drive(device, order):
            self._ears.on_sent(device, order, now_ms)
        else:
            self._ears.on_unsent(device, order, "unsent", now_ms)

    def _drive(self, device: int, order: WriteLines) -> bool:
        """True when all levels of the order are at its device's own outputs."""
        own = {line.number for line in self._of[device] if line.direction is Direction.OUT}
        if not self._lines.is_open or not own.issuperset(number for number, _ in order.levels):
            return False
        try:
            self._lines.write(order.levels)
        except Exception as error:  # noqa: BLE001 -- any pin library may be behind this, with errors of its own
            self._lose(f"cannot drive: {type(error).__name__}: {error}")
            return False
        return True
