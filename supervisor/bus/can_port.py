"""The CAN port: one python-can bus, opened, read, written and re-opened.

Rules
* The wire may be absent, unplugged or in bus-off at any time: the link goes down with a clear detail, and the port
  keeps trying with back-off. Nothing that a wire does raises out of here.
* In bus-off a send "succeeds" and never reaches the wire, so the bus is closed then: down and up again is what
  brings an adapter back, and a SocketCAN interface without carrier is not opened.
* Under load frames are read in batches, at most BATCH_S late, so that 4,000 frames a second do not cost 4,000 turns
  of the loop.
* What waited while this process was stopped has no known time of receipt: it is thrown away and counted.

Must never: send from :class:`CanListener`, which is what a bus in observe gets, or let the loop wait for a bus.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

import can

from drivers.contract import DefectKind, Frame
from supervisor.bus.can_source import FAILURES, Source, open_in_thread, source_of
from supervisor.bus.ports import Backoff, Clock, Ears, Order, Pulse, Question
from supervisor.site import BusSite

BUS_OFF = 0x40  # bit in the identifier of a SocketCAN error frame (linux/can/error.h)
BATCH_S = 0.002  # the port's share of the reaction time under load
BUSY_MS = 2  # two wake-ups that are no further apart than this are load
SEND_S = 0.01  # the longest that a send may hold up the loop
SILENT_MODE: Mapping[str, Mapping[str, object]] = {  # how each interface is told to listen only
    "slcan": {"listen_only": True},
    "vector": {"listen_only": True},
    "nixnet": {"listen_only": True},
    "cantact": {"monitor": True},
    "pcan": {"state": can.BusState.PASSIVE},
    "systec": {"state": can.BusState.PASSIVE},
}
log = logging.getLogger("bus")


class CanListener:
    """Hears everything on one bus and has no way to send."""

    def __init__(self, bus: BusSite, ears: Ears, clock: Clock, pulse: Pulse) -> None:
        self._settings, self._ears, self._clock, self._pulse = bus.settings, ears, clock, pulse
        self._interface, self._channel = str(bus.settings["interface"]), str(bus.settings["channel"])
        self._backoff = Backoff()
        self._bus: can.BusABC | None = None
        self._source: Source | None = None
        self._lost: asyncio.Event = asyncio.Event()
        self._last_ms = 0
        self._task: asyncio.Task[None] | None = None
        self._batch: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Open in the background and keep open; must be called in the loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Close for good."""
        if self._task is not None:
            self._task.cancel()
        self._close()

    def ask(self, device: int, question: Question) -> None:
        """Nothing: no question travels by CAN (ports.CARRIES)."""

    # ---- opening and losing ----
    def _arguments(self) -> dict[str, object]:
        """As the site says, and listening only where the interface can."""
        return {**self._settings, **SILENT_MODE.get(self._interface, {})}

    async def _run(self) -> None:
        while True:
            try:
                if self._interface == "socketcan" and _no_carrier(self._channel):
                    raise can.CanInitializationError("no carrier: bus-off or no cable")
                self._begin(await open_in_thread(self._arguments()))
                await self._lost.wait()
            except FAILURES as error:
                self._lose(f"cannot open: {error}")
            await asyncio.sleep(self._backoff.fail() / 1000)

    def _begin(self, bus: can.BusABC) -> None:
        self._lost.clear()
        self._bus, self._source = bus, source_of(bus, self._readable)
        self._ears.on_link(True, str(bus.channel_info), self._clock())
        self._source.watch()

    def _lose(self, why: str) -> None:
        self._close()
        self._lost.set()
        self._ears.on_link(False, why, self._clock())
        log.warning("CAN %s: %.200s", self._channel, why)

    def _close(self) -> None:
        if self._batch is not None:
            self._batch.cancel()
        if self._source is not None:
            self._source.close()
        self._bus = self._source = self._batch = None

    # ---- reading ----
    def _readable(self) -> None:
        """Frames wait. When they come fast, look again after BATCH_S instead of waking for each."""
        source, now_ms = self._source, self._clock()
        if source is None:
            return
        try:
            messages = source.drain()
        except FAILURES as error:
            self._lose(f"lost: {error}")
            return
        self._hear_all(messages, now_ms)
        if source.garbage:
            self._ears.on_oddity(DefectKind.GARBAGE, source.garbage)
            source.garbage = 0
        self._rest(busy=bool(messages) and now_ms - self._last_ms <= BUSY_MS)
        self._last_ms = now_ms

    def _rest(self, busy: bool) -> None:
        if self._batch is not None:
            self._batch.cancel()
            self._batch = None
        if self._source is None:
            return
        if busy:
            self._source.unwatch()
            self._batch = asyncio.get_running_loop().call_later(BATCH_S, self._readable)
        else:
            self._source.watch()

    def _hear_all(self, messages: list[can.Message], now_ms: int) -> None:
        if messages and self._pulse.stalled(now_ms):
            self._ears.on_oddity("stalled", len(messages))
            return
        for message in messages:
            self._hear(message, now_ms)

    def _hear(self, message: can.Message, now_ms: int) -> None:
        if message.is_error_frame:
            self._ears.on_oddity("error_frames")
            if message.arbitration_id & BUS_OFF:
                self._lose("bus-off: the controller has left the bus")
        elif message.is_remote_frame:
            self._ears.on_oddity(DefectKind.GARBAGE)
        elif message.is_fd or message.dlc > 8 or message.dlc != len(message.data):
            self._ears.on_oddity(DefectKind.LENGTH)
        else:
            self._backoff.succeed()  # a bus that only opens, without a frame, has not proven anything
            self._ears.on_frame(Frame(message.arbitration_id, bytes(message.data), message.is_extended_id), now_ms)


class CanPort(CanListener):
    """Hears, and sends what the guardian's images (or a driver's handshake) ask for."""

    def _arguments(self) -> dict[str, object]:
        return dict(self._settings)

    def write(self, device: int, order: Order, expires_ms: int) -> None:
        """Send a frame now, or say why not. A send that fails costs the link: it is re-opened."""
        now_ms = self._clock()
        if self._bus is None or not isinstance(order, Frame):
            self._ears.on_unsent(device, order, "unsent", now_ms)
            return
        message = can.Message(arbitration_id=order.can_id, data=order.data, is_extended_id=order.extended)
        if (now_ms := self._clock()) > expires_ms:
            self._ears.on_unsent(device, order, "expired", now_ms)
            return
        try:
            self._bus.send(message, timeout=SEND_S)
        except FAILURES as error:
            self._ears.on_unsent(device, order, "unsent", now_ms)
            self._lose(f"cannot send: {error}")
        else:
            self._ears.on_sent(device, order, now_ms)


def _no_carrier(channel: str) -> bool:
    """True when the kernel says that a CAN controller is off the bus; False too where it cannot be asked."""
    try:
        return Path("/sys/class/net", channel, "carrier").read_text().strip() == "0"
    except OSError:
        return False
