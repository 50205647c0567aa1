"""The driver host without its wires: what comes in goes to drivers, what drivers want goes to a port.

Rules
* Sans-IO: time is an argument, the port and the guardian's link are objects that it is given. ``main.py`` is the shell.
* A whole, timely image is said once per cycle token and device; the image's ``valid_until_ms`` is the expiry of each
  order that follows from it. Nothing is said before the first image, and no old image is said again.
* A device or bus in observe has no control port: what it would have written is counted, and cannot be sent.
* Every Modbus ask of a driver is answered exactly once. One that was never sent is answered with NO_CONNECTION, and
  nothing that the driver concludes from that is believed, since nothing came from the wire.
* A GPIO line is moved by an image or by silence and by nothing else: there is no handshake on a line, so levels that a
  driver wants of its own accord are its mistake, and would keep a permit alive for which nobody vouches.

Must never: read a clock, wait, or write because of something that came from the wire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from drivers.contract import Ask, DefectKind, Failure, Frame, ReadRegisters, SendBytes, WriteLines, WriteRegisters
from supervisor.bus.device import DeviceHost
from supervisor.bus.outputs import whole
from supervisor.bus.ports import ControlPort, ObservePort, Order, QuestionsOnly
from supervisor.bus.tally import Tally
from supervisor.bus.voice import REPEAT_MS, Voice
from supervisor.kernel.signal import Sample
from supervisor.site import BusSite, DeviceSite
from supervisor.wire import Image, Report

SAMPLES_MAX = 4_096  # kept while the guardian is away; the oldest go first
POLL_ORDER_MS = 200  # validity of what a driver writes of its own accord, such as a handshake


class _Seat:
    """A device with its voice and what it may use of the port; ``control`` None: no write path."""

    def __init__(self, device: DeviceHost) -> None:
        self.device, self.name = device, device.site.name
        self.voice = Voice(device.site)
        self.questions: ObservePort | None = None
        self.control: ControlPort | None = None


class HostCore:
    """The drivers of one bus. ``entropy(n)``: n random bytes. ``wake()`` is called when samples begin to wait."""

    def __init__(self, bus: BusSite, entropy: Callable[[int], bytes], wake: Callable[[], None]) -> None:
        self.bus = bus
        self.tally = Tally(bus.name, bus.observe)
        self._wake = wake
        self._samples: deque[Sample] = deque()
        self._cycle = -1
        self._values: tuple[tuple[int, int], ...] = ()  # of the newest image, and what each device is told of them
        self._whole: list[Mapping[str, int] | None] = [None] * len(bus.devices)
        self._seats = [self._seat(site, entropy(32)) for site in bus.devices]
        self._told = [index for index, site in enumerate(bus.devices) if site.outputs]
        self._ears: dict[int, list[DeviceHost]] = {}
        for seat in self._seats:
            for can_id in seat.device.site.family.listens(seat.device.site.options):
                self._ears.setdefault(can_id, []).append(seat.device)

    def _seat(self, site: DeviceSite, entropy: bytes) -> _Seat:
        return _Seat(DeviceHost(site, entropy, self._out, partial(self.tally.count, site.name)))

    def attach(self, port: ObservePort, control: ControlPort | None) -> None:
        """Give the drivers their port; ``control`` is None on a bus in observe."""
        for seat in self._seats:
            writes = control is not None and not seat.device.site.observe
            seat.questions = port if writes else QuestionsOnly(port)
            seat.control = control if writes else None

    # ---- tempo ----
    def poll(self, now_ms: int) -> bool:
        """Let each driver ask, and notice silence. True when a driver asked: look again in 20 ms, otherwise in 50."""
        busy = False
        for index, seat in enumerate(self._seats):
            for ask in seat.device.poll(now_ms):
                busy = True
                self._send(index, ask, now_ms + POLL_ORDER_MS, now_ms, own_accord=True)
            if seat.voice.falls_silent(now_ms):
                self.tally.count(seat.name, "silence")
            if seat.voice.silent:
                self._say_silence(index, now_ms)
        return busy

    def farewell(self, now_ms: int) -> None:
        """The process has been told to end: say the silence images now."""
        for index, seat in enumerate(self._seats):
            seat.voice.farewell(now_ms)
            self._say_silence(index, now_ms)

    @property
    def farewell_said(self) -> bool:
        """True when nothing of a silence image is still on its way."""
        return all(seat.voice.settled or not seat.voice.silent for seat in self._seats)

    def _say_silence(self, index: int, now_ms: int) -> None:
        seat = self._seats[index]
        values = seat.voice.due(now_ms)
        asks = None if values is None else seat.device.say(values, now_ms)
        if asks is None:
            return
        # What observes has said all it can; its orders are counted below and never leave.
        seat.voice.saying([ask for ask in asks if not isinstance(ask, ReadRegisters)] if seat.control else [])
        for ask in asks:
            self._send(index, ask, now_ms + REPEAT_MS, now_ms)

    # ---- the guardian ----
    def on_image(self, image: Image, now_ms: int) -> None:
        """The newest image: said at once, or dropped when it has expired or brings no new cycle."""
        if now_ms > image.valid_until_ms or image.cycle <= self._cycle:
            self.tally.count(self.bus.name, "expired" if now_ms > image.valid_until_ms else "repeated")
            return
        self._cycle = image.cycle
        if image.values != self._values:  # mostly the same again: what was whole then is whole now
            values = dict(image.values)
            self._whole = [whole(seat.device.site.outputs, values) for seat in self._seats]
            self._values = image.values
        for index in self._told:
            self._say(index, image.valid_until_ms, now_ms)

    def on_guardian(self, connected: bool) -> None:
        """The guardian came or went; a new one counts its cycles from the start and wants a report at once."""
        self._cycle = -1
        if connected:
            self.tally.hurry()

    def _say(self, index: int, valid_until_ms: int, now_ms: int) -> None:
        seat, said = self._seats[index], self._whole[index]
        if said is None:
            self.tally.count(seat.name, "partial")
            return
        seat.voice.image(said, now_ms)
        for ask in seat.device.say(said, now_ms) or ():
            self._send(index, ask, valid_until_ms, now_ms)

    def _send(self, index: int, ask: Ask, expires_ms: int, now_ms: int, own_accord: bool = False) -> None:
        seat = self._seats[index]
        if own_accord and isinstance(ask, WriteLines):
            self.tally.count(seat.name, DefectKind.DRIVER_ERROR)
        elif isinstance(ask, ReadRegisters) or (own_accord and isinstance(ask, SendBytes)):
            self.tally.count(seat.name, "asks")
            if seat.questions is not None:
                seat.questions.ask(index, ask)
        elif seat.control is not None:
            seat.control.write(index, ask, expires_ms)
        else:
            self.on_unsent(index, ask, "would_write", now_ms)

    # ---- the port (Ears) ----
    def on_frame(self, frame: Frame, now_ms: int) -> None:
        self.tally.count(self.bus.name, "frames_in")
        devices = None if frame.extended else self._ears.get(frame.can_id)
        if devices is None:
            self.tally.count(self.bus.name, DefectKind.UNKNOWN_ID)
            return
        for device in devices:
            device.on_frame(frame, now_ms)

    def on_registers(
        self, device: int, ask: ReadRegisters | WriteRegisters, reply: Sequence[int] | Failure, now_ms: int
    ) -> None:
        seat = self._seats[device]
        if isinstance(ask, WriteRegisters):
            self.tally.count(seat.name, "writes")
            if not isinstance(reply, Failure):
                seat.voice.left(ask)
        seat.device.on_registers(ask, reply, now_ms)

    def on_bytes(self, data: bytes, now_ms: int) -> None:
        for seat in self._seats:
            seat.device.on_bytes(data, now_ms)

    def on_lines(self, device: int, levels: Mapping[int, int], now_ms: int) -> None:
        self._seats[device].device.on_lines(levels, now_ms)

    def on_sent(self, device: int, order: Order, now_ms: int) -> None:  # noqa: ARG002 -- Ears tell the time of all
        seat = self._seats[device]
        self.tally.count(seat.name, "frames_out" if isinstance(order, Frame) else "writes")
        seat.voice.left(order)

    def on_unsent(self, device: int, order: Order, why: str, now_ms: int) -> None:
        seat = self._seats[device]
        self.tally.count(seat.name, why)
        if isinstance(order, WriteRegisters):
            seat.device.on_registers(order, Failure.NO_CONNECTION, now_ms, heard=False)

    def on_link(self, up: bool, detail: str, now_ms: int) -> None:  # noqa: ARG002
        self.tally.link(up, detail)

    def on_oddity(self, kind: str, count: int = 1) -> None:
        self.tally.count(self.bus.name, kind, count)

    # ---- out ----
    def _out(self, said: list[Sample]) -> None:
        """Samples that a device has just told of, in their order."""
        samples = self._samples
        if said and not samples:
            self._wake()
        samples.extend(said)
        while len(samples) > SAMPLES_MAX:
            samples.popleft()
            self.tally.count(self.bus.name, "dropped")

    def take(self, most: int) -> tuple[Sample, ...]:
        """The oldest waiting samples, at most that many; they leave the host."""
        samples = self._samples
        if not samples:
            return ()
        if len(samples) <= most:
            taken = tuple(samples)
            samples.clear()
            return taken
        return tuple(samples.popleft() for _ in range(most))

    def put_back(self, samples: Sequence[Sample]) -> None:
        """The guardian's socket was full: these are the oldest again."""
        self._samples.extendleft(reversed(samples))

    def report(self, now_ms: int) -> Report | None:
        """The report, when one is due."""
        return self.tally.report(now_ms)
