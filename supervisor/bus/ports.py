"""What the driver host and the ports (CAN, Modbus, serial, GPIO) know of each other, and nothing more.

Rules
* A port hands in what came and says what became of each order; the host (host.py) is the only listener.
* Authority is a method: an :class:`ObservePort` has no ``write``, so what observes cannot write by mistake. A bus or
  device in observe is never given a :class:`ControlPort`.
* Each order carries its expiry; a port compares it with the clock immediately before it sends and reports the order
  as unsent when it is too late. A process that was stopped and resumed sends nothing old.

Nothing in here may touch a wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from drivers.contract import Ask, BusKind, Failure, Frame, ReadRegisters, SendBytes, WriteLines, WriteRegisters

Question = ReadRegisters | SendBytes
"""An ask that changes nothing in a device. On a serial line both look alike: what a driver sends from ``poll`` is
a question, what it sends from ``say`` an order."""

Order = Frame | WriteRegisters | SendBytes | WriteLines
"""An ask that may change something in a device."""

CARRIES: dict[BusKind, tuple[type, ...]] = {
    BusKind.CAN: (Frame,),
    BusKind.MODBUS: (ReadRegisters, WriteRegisters),
    BusKind.SERIAL: (SendBytes,),
    BusKind.GPIO: (WriteLines,),
}


def sound(ask: Ask, kind: BusKind) -> bool:
    """True when a bus of this kind can carry the ask as it is; anything else is a mistake of the driver."""
    if not isinstance(ask, CARRIES[kind]):
        return False
    if isinstance(ask, Frame):
        return len(ask.data) <= 8 and 0 <= ask.can_id <= (0x1FFFFFFF if ask.extended else 0x7FF)
    if isinstance(ask, ReadRegisters):
        return 1 <= ask.count <= 125 and 0 <= ask.address <= 0x10000 - ask.count and 0 <= ask.unit <= 255
    if isinstance(ask, WriteRegisters):
        fits = 1 <= len(ask.words) <= 123 and 0 <= ask.address <= 0x10000 - len(ask.words)
        return fits and 1 <= ask.unit <= 255 and all(0 <= word <= 0xFFFF for word in ask.words)  # 0 is a broadcast
    if isinstance(ask, WriteLines):
        numbers = {number for number, _ in ask.levels}
        return 0 < len(numbers) == len(ask.levels) and all(level in (0, 1) for _, level in ask.levels)
    return 0 < len(ask.data) <= 1_024


Clock = Callable[[], int]
"""The monotonic clock in ms."""

QUARANTINE_MS = 100  # an adapter that could not deliver empties its own queue within this
STALL_MS = 250  # a turn of the loop later than this means that we were stopped: the loop turns every 50 ms or sooner


class ObservePort(Protocol):
    """All that a device in observe gets: it may ask. ``device`` is the index of the device in its BusSite."""

    def ask(self, device: int, question: Question) -> None:
        """Queue a question; its answer comes to :class:`Ears` once, if only as a Failure."""


class ControlPort(ObservePort, Protocol):
    """What a device in control gets."""

    def write(self, device: int, order: Order, expires_ms: int) -> None:
        """Send an order, unless the clock says more than ``expires_ms`` then. Ears hear what became of it, once."""


class RunningPort(ObservePort, Protocol):
    """A port as the process sees it."""

    def start(self) -> None:
        """Begin to open the wire; keeps trying until ``stop``. Must be called in the loop."""

    def stop(self) -> None:
        """Close the wire at once; nothing is heard afterwards."""


class RunningControlPort(RunningPort, ControlPort, Protocol):
    """A port that the process runs and that can write."""


class Ears(Protocol):
    """Whom a port tells. ``now_ms`` is the time of receipt."""

    def on_frame(self, frame: Frame, now_ms: int) -> None:
        """A CAN frame has come."""

    def on_registers(
        self, device: int, ask: ReadRegisters | WriteRegisters, reply: Sequence[int] | Failure, now_ms: int
    ) -> None:
        """A Modbus ask of this device was sent and has ended."""

    def on_bytes(self, data: bytes, now_ms: int) -> None:
        """Bytes came over the serial line."""

    def on_lines(self, device: int, levels: Mapping[int, int], now_ms: int) -> None:
        """The electrical levels of this device's GPIO lines, all looked at just now."""

    def on_sent(self, device: int, order: Order, now_ms: int) -> None:
        """A frame, bytes or levels left this machine (that a device has heard them is not said)."""

    def on_unsent(self, device: int, order: Order, why: str, now_ms: int) -> None:
        """An order never reached the wire; ``why`` is a counter's kind: expired, replaced or unsent."""

    def on_link(self, up: bool, detail: str, now_ms: int) -> None:
        """The wire was opened or lost; also called when only the detail changes."""

    def on_oddity(self, kind: str, count: int = 1) -> None:
        """The port met something that belongs to no device; ``kind`` becomes a counter of the bus."""


class QuestionsOnly:
    """The view of a port that a device in observe gets on a bus that is otherwise in control."""

    def __init__(self, port: ObservePort) -> None:
        self.ask = port.ask


@dataclass
class Backoff:
    """Waiting times between attempts, in ms: doubling from ``first`` to ``most``."""

    first: int = 200
    most: int = 5_000
    _next: int = 0

    def fail(self) -> int:
        """The time to wait after one more failure."""
        wait = self._next or self.first
        self._next = min(2 * wait, self.most)
        return wait

    def succeed(self) -> None:
        """The next failure waits ``first`` again."""
        self._next = 0


class Pulse:
    """Notices that this process was stopped: its loop's turns are then further apart than it ever lets them be.

    What waited in a buffer meanwhile has no time of receipt that anybody could vouch for; the ports throw it away.
    The loop's tick beats; readers only look. Whichever of them comes first after the pause, and also what an adapter
    still pushes in for QUARANTINE_MS after it, is not believed.
    """

    def __init__(self) -> None:
        self._last_ms: int | None = None
        self._quarantine_ms: int | None = None  # until when nothing is believed

    def beat(self, now_ms: int) -> None:
        """The loop has turned."""
        if self._last_ms is not None and now_ms - self._last_ms > STALL_MS:
            self._quarantine_ms = now_ms + QUARANTINE_MS
        self._last_ms = now_ms

    def stalled(self, now_ms: int) -> bool:
        """True when what waits now may have waited while nobody looked."""
        if self._last_ms is not None and now_ms - self._last_ms > STALL_MS:
            return True
        return self._quarantine_ms is not None and now_ms < self._quarantine_ms
