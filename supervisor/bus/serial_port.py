"""The serial port: one line, raw bytes in both directions.

Rules
* Non-blocking throughout; the line is re-opened with back-off when it fails, and may be absent at the start.
* What does not fit into the line's buffer at once counts as unsent and is flushed: half an order is worse than none.
* On a bus in observe the questions of a driver (from ``poll``) still leave, since nothing could be observed
  otherwise; there is no ``write``, so what a driver wants to ``say`` does not.

Must never: wait for the line, or read a meaning into bytes.
"""

from __future__ import annotations

import asyncio
import logging

import serial  # type: ignore[import-untyped]

from drivers.contract import SendBytes
from supervisor.bus.ports import Backoff, Clock, Ears, Order, Pulse, Question
from supervisor.site import BusSite

READ_MAX = 4_096  # bytes for one turn of the loop
FAILURES = (serial.SerialException, OSError, ValueError)
log = logging.getLogger("bus")


class SerialListener:
    """Reads and asks."""

    def __init__(self, bus: BusSite, ears: Ears, clock: Clock, pulse: Pulse) -> None:
        self._settings, self._ears, self._clock, self._pulse = bus.settings, ears, clock, pulse
        self._backoff = Backoff()
        self._line: serial.Serial | None = None
        self._retry: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Open the line, now or later; must be called in the loop."""
        try:
            self._line = self._open()
        except FAILURES as error:
            self._lose(f"cannot open: {error}")
            return
        asyncio.get_running_loop().add_reader(self._line.fileno(), self._readable)
        self._ears.on_link(True, str(self._settings["device"]), self._clock())

    def stop(self) -> None:
        """Close for good."""
        self._close()
        if self._retry is not None:
            self._retry.cancel()

    def ask(self, device: int, question: Question) -> None:
        """Send the bytes of a question; a line that is down forgets it, and its driver asks again."""
        del device
        if isinstance(question, SendBytes):
            self._send(question.data)

    def _open(self) -> serial.Serial:
        settings = self._settings
        return serial.Serial(
            str(settings["device"]),
            baudrate=int(settings["baudrate"]),
            parity=str(settings.get("parity", "N")),
            stopbits=int(settings.get("stopbits", 1)),
            timeout=0,
            write_timeout=0,
            exclusive=True,
        )

    def _lose(self, why: str) -> None:
        self._close()
        self._ears.on_link(False, why, self._clock())
        log.warning("serial %s: %.200s", self._settings["device"], why)
        self._retry = asyncio.get_running_loop().call_later(self._backoff.fail() / 1000, self.start)

    def _close(self) -> None:
        if self._line is not None:
            asyncio.get_running_loop().remove_reader(self._line.fileno())
            self._line.close()
        self._line = None

    def _readable(self) -> None:
        if self._line is None:
            return
        try:
            data = self._line.read(READ_MAX)
        except FAILURES as error:
            self._lose(f"lost: {error}")
            return
        now_ms = self._clock()
        self._backoff.succeed()
        if data and self._pulse.stalled(now_ms):
            self._ears.on_oddity("stalled", len(data))
        elif data:
            self._ears.on_bytes(bytes(data), now_ms)

    def _send(self, data: bytes) -> bool:
        """True when all of it has been handed to the line."""
        if self._line is None:
            return False
        try:
            if self._line.write(data) == len(data):
                return True
            self._line.reset_output_buffer()
        except FAILURES as error:
            self._lose(f"cannot send: {error}")
        return False


class SerialPort(SerialListener):
    """Also sends orders."""

    def write(self, device: int, order: Order, expires_ms: int) -> None:
        """Send an order now, or say why not."""
        now_ms = self._clock()
        if now_ms > expires_ms:
            self._ears.on_unsent(device, order, "expired", now_ms)
        elif isinstance(order, SendBytes) and self._send(order.data):
            self._ears.on_sent(device, order, now_ms)
        else:
            self._ears.on_unsent(device, order, "unsent", now_ms)
