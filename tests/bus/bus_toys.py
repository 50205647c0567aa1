"""Small drivers with behaviour, sites to put them in, a port that only remembers, and a guardian on a real socket."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drivers.contract import (
    Ask,
    BusKind,
    Defect,
    DefectKind,
    Failure,
    Family,
    Frame,
    Heard,
    Options,
    OutputSpec,
    ReadRegisters,
    RegisterTable,
    Sample,
    SendBytes,
    Shape,
    SignalSpec,
    Silence,
    SilenceKind,
    WriteCost,
    WriteRegisters,
)
from supervisor import wire
from supervisor.bus.ports import Order, Question
from supervisor.kernel.signal import Unit
from supervisor.site import BusSite, DeviceSite, OutputPlace, SignalPlace

PATIENCE_S = 5.0  # how long a test waits for an event that should come within milliseconds
LEVEL = SignalSpec("level", Unit.CURRENT, 0, 1_000, 5_000)
MODE = SignalSpec("mode", Unit.CODE, 0, 9, 5_000, codes={0: "off", 1: "on"})
LIMIT = OutputSpec(
    "limit",
    Unit.CURRENT,
    0,
    32_000,
    0,
    500,
    WriteCost.VOLATILE,
    Silence(SilenceKind.NONE),
    forbidden=((0, 6_000),),
    step=1_000,
)


@dataclass
class CanToy:
    """Hears 0x100 (level, mode) and says its limit in 0x200. Byte 0xEE is a bug in it, 0xDD bytes it complains of."""

    said: list[int] = field(default_factory=list)

    def poll(self, now_ms: int) -> Iterable[Ask]:
        return ()

    def on_frame(self, frame: Frame, now_ms: int) -> Iterable[Heard]:
        if frame.data[0] == 0xEE:
            raise ZeroDivisionError("a bug")
        if frame.data[0] == 0xDD:
            return [Defect(DefectKind.CRC, "complaint")]
        return [Sample("level", frame.data[0] * 10), Sample("mode", frame.data[1])]

    def on_registers(self, ask: object, reply: object, now_ms: int) -> Iterable[Heard]:
        return ()

    def on_bytes(self, data: bytes, now_ms: int) -> Iterable[Heard]:
        return ()

    def say(self, outputs: Mapping[str, int], now_ms: int) -> Iterable[Ask]:
        self.said.append(outputs["limit"])
        return [Frame(0x200, outputs["limit"].to_bytes(2, "big"))]


@dataclass
class ModbusToy:
    """Reads register ``read`` every 100 ms and writes its limit to ``write`` when it differs from what was accepted."""

    unit: int = 1
    read: int = 0
    count: int = 1
    write: int = 100
    replies: list[tuple[object, object]] = field(default_factory=list)
    _next_ms: int = 0
    _accepted: int | None = None

    def poll(self, now_ms: int) -> Iterable[Ask]:
        if now_ms < self._next_ms:
            return ()
        self._next_ms = now_ms + 100
        return [ReadRegisters(self.unit, RegisterTable.HOLDING, self.read, self.count)]

    def on_frame(self, frame: Frame, now_ms: int) -> Iterable[Heard]:
        return ()

    def on_registers(
        self, ask: ReadRegisters | WriteRegisters, reply: Sequence[int] | Failure, now_ms: int
    ) -> Iterable[Heard]:
        self.replies.append((ask, reply))
        if isinstance(reply, Failure):
            return [Defect(DefectKind.TIMEOUT, reply.value)]
        if isinstance(ask, WriteRegisters):
            self._accepted = ask.words[0]
            return ()
        return [Sample("level", reply[0])]

    def on_bytes(self, data: bytes, now_ms: int) -> Iterable[Heard]:
        return ()

    def say(self, outputs: Mapping[str, int], now_ms: int) -> Iterable[Ask]:
        if outputs["limit"] == self._accepted:
            return ()
        return [WriteRegisters(self.unit, self.write, (outputs["limit"],))]


@dataclass
class SerialToy:
    """Asks "?" once, hears "L" and a digit, says its limit as text."""

    asked: bool = False

    def poll(self, now_ms: int) -> Iterable[Ask]:
        if self.asked:
            return ()
        self.asked = True
        return [SendBytes(b"?\n")]

    def on_frame(self, frame: Frame, now_ms: int) -> Iterable[Heard]:
        return ()

    def on_registers(self, ask: object, reply: object, now_ms: int) -> Iterable[Heard]:
        return ()

    def on_bytes(self, data: bytes, now_ms: int) -> Iterable[Heard]:
        return [Sample("level", data[-1] - ord("0"))]

    def say(self, outputs: Mapping[str, int], now_ms: int) -> Iterable[Ask]:
        return [SendBytes(b"limit %d\n" % outputs["limit"])]


TOYS = {BusKind.CAN: CanToy, BusKind.MODBUS: ModbusToy, BusKind.SERIAL: SerialToy}


def device(
    kind: BusKind,
    name: str = "toy",
    number: int = 0,
    silence: int | None = 6_000,
    observe: bool = False,
    options: Options | None = None,
    toy: object = None,
) -> DeviceSite:
    """The device with this number has signals 2n and 2n+1 and target n; ``silence`` None: no silence image."""
    made = toy if toy is not None else TOYS[kind]()
    family = Family(
        "toy",
        "a toy",
        kind,
        "none",
        lambda _options: Shape((LEVEL, MODE), (LIMIT,)),
        lambda _options, _entropy: made,  # type: ignore[arg-type,return-value]
        listens=lambda _options: frozenset({0x100}),
    )
    signals = (SignalPlace(2 * number, LEVEL), SignalPlace(2 * number + 1, MODE))
    image = None if silence is None else {"limit": silence}
    return DeviceSite(name, family, options or {}, signals, (OutputPlace(number, LIMIT),), image, 1_000, observe)


def bus(kind: BusKind, *devices: DeviceSite, observe: bool = False, **settings: int | str) -> BusSite:
    return BusSite("bus0", kind, settings, devices, observe, simulated=True)


class Rememberer:
    """A port that remembers what it was given and confirms nothing by itself."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.written: list[tuple[Order, int]] = []

    def ask(self, device: int, question: Question) -> None:
        self.asked.append(question)

    def write(self, device: int, order: Order, expires_ms: int) -> None:
        self.written.append((order, expires_ms))


class Guardian:
    """The other end of the socket, and a patient one."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(self.path)
        self._listener.listen(4)
        self._listener.settimeout(PATIENCE_S)
        self.sock: socket.socket | None = None
        self.cycle = 0

    def accept(self) -> wire.Hello:
        self.sock, _ = self._listener.accept()
        self.sock.settimeout(PATIENCE_S)
        hello = self.receive()
        assert isinstance(hello, wire.Hello)
        return hello

    def receive(self) -> wire.Word:
        assert self.sock is not None
        return wire.decode(self.sock.recv(wire.MESSAGE_MAX))

    def samples(self, signal: int) -> wire.Sample:
        """The next sample of this signal."""
        return self.until(
            lambda word: (
                next((item for item in word.items if item.signal == signal), None)
                if isinstance(word, wire.Samples)
                else None
            )
        )

    def report(self, wanted) -> wire.Report:  # type: ignore[no-untyped-def]
        """The next report for which ``wanted`` is true."""
        return self.until(lambda word: word if isinstance(word, wire.Report) and wanted(word) else None)

    def until(self, pick):  # type: ignore[no-untyped-def]
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            if (picked := pick(self.receive())) is not None:
                return picked
        raise AssertionError("it did not come in time")

    def say(self, values: Mapping[int, int], valid_ms: int = 500) -> None:
        assert self.sock is not None
        self.cycle += 1
        now_ms = time.monotonic_ns() // 1_000_000
        self.sock.send(wire.encode(wire.Image(self.cycle, now_ms + valid_ms, tuple(values.items()))))

    def hang_up(self) -> None:
        assert self.sock is not None
        self.sock.close()

    def close(self) -> None:
        self._listener.close()
        if self.sock is not None:
            self.sock.close()


def readable(fd: int, within_s: float = PATIENCE_S) -> bool:
    return bool(select.select([fd], [], [], within_s)[0])


def count(report: wire.Report, name: str, kind: str) -> int:
    return next((total for who, what, total in report.counters if (who, what) == (name, kind)), 0)
