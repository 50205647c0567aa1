"""The rig's own reading of a DBC file, its own packing of signals, and the checksum of the relay node.

Rules: only little-endian, unmultiplexed signals, because the tables here have no others; anything else is refused
when the table is loaded. Signals are handled as raw integers, so that a simulator can say what no scaling could:
a value out of range, or "not available".
It must never use the product's way to read these tables (cantools): two readings that agree are worth more than one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from hil.can_frame import Frame
from hil.sim.device import ControlError, FaultKind, Faults

_MESSAGE = re.compile(r"BO_ (\d+) (\w+): (\d+) ")
_SIGNAL = re.compile(r" SG_ (\w+) ([^:]*): (\d+)\|(\d+)@([01])([+-]) \(([^,]+),([^)]+)\)")


@dataclass(frozen=True, slots=True)
class Signal:
    """Where a signal lies, in bits, and what one count means."""

    name: str
    start: int
    width: int
    signed: bool
    scale: float
    mask: int = field(init=False)  # the signal's bits, not shifted

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", (1 << self.width) - 1)

    @property
    def not_available(self) -> int:
        """The mark of "not available" (SMA FSS-ConnectingBat): 0x8000 for a signed word, else all ones."""
        return 1 << (self.width - 1) if self.signed else self.mask


@dataclass(frozen=True, slots=True)
class Message:
    """One frame of the table."""

    name: str
    can_id: int
    length: int
    signals: Mapping[str, Signal]

    def raw(self, **physical: float) -> dict[str, int]:
        """Physical values in the table's units as raw counts, rounded to the nearest."""
        return {name: round(value / self.signals[name].scale) for name, value in physical.items()}

    def pack(self, raw: Mapping[str, int]) -> bytes:
        """The frame's bytes; a signal that is not mentioned is 0, one that is too wide loses its upper bits."""
        word = 0
        for name, value in raw.items():
            signal = self.signals[name]
            word |= (value & signal.mask) << signal.start
        return word.to_bytes(self.length, "little")

    def unpack(self, data: bytes) -> dict[str, int]:
        """The raw counts in `data`, unsigned; bytes that are missing read as 0."""
        word = int.from_bytes(data, "little")
        return {signal.name: word >> signal.start & signal.mask for signal in self.signals.values()}


def load(file_name: str) -> dict[str, Message]:
    """The messages of `dbc/file_name` by name; ValueError names the line that this reader cannot take."""
    messages: dict[str, Message] = {}
    signals: dict[str, Signal] = {}
    for number, line in enumerate((files("dbc") / file_name).read_text("utf-8").splitlines(), 1):
        if head := _MESSAGE.match(line):
            signals = {}
            messages[head[2]] = Message(head[2], int(head[1]), int(head[3]), signals)
        elif line.startswith(" SG_ "):
            signal = _read_signal(line, f"dbc/{file_name}:{number}")
            signals[signal.name] = signal
    return messages


def _read_signal(line: str, where: str) -> Signal:
    found = _SIGNAL.match(line)
    if found is None or found[2] or found[5] != "1" or float(found[8]) != 0.0:
        raise ValueError(f"{where}: the rig reads little-endian signals without multiplexing and offset only: {line}")
    return Signal(found[1], int(found[3]), int(found[4]), found[6] == "-", float(found[7]))


def _divided(byte: int) -> int:
    for _ in range(8):
        byte = (byte << 1 ^ 0x1D if byte & 0x80 else byte << 1) & 0xFF
    return byte


_DIVIDED = bytes(_divided(byte) for byte in range(256))


def crc8_j1850(data: bytes) -> int:
    """CRC-8 SAE J1850: polynomial 0x1D, start 0xFF, final xor 0xFF; of b"123456789" it is 0x4B."""
    crc = 0xFF
    for byte in data:
        crc = _DIVIDED[crc ^ byte]
    return crc ^ 0xFF


CAN_FAULTS = (
    FaultKind("silent", "sends nothing"),
    FaultKind("frozen", "keeps sending the values of the moment when it froze"),
    FaultKind(
        "length",
        "sends frames cut to (or filled with zero up to) so many bytes; id 0 means every frame",
        {"bytes": 5, "id": 0},
    ),
    FaultKind("unknown_id", "sends its frames with identifiers shifted by this much", {"shift": 0x400}),
    FaultKind("extended_id", "sends its frames with 29-bit identifiers of the same number"),
    FaultKind("enum", "one signal carries this raw value, sense or not", {"signal": "", "value": 255}),
    FaultKind("not_available", "one signal carries its mark for 'not available'", {"signal": ""}),
)


def check_signal(table: Mapping[str, Message], name: str, params: Mapping[str, object]) -> None:
    """ControlError when a fault names a signal that the table does not have."""
    known = [signal for message in table.values() for signal in message.signals]
    if name in ("enum", "not_available") and params["signal"] not in known:
        raise ControlError(f"fault {name}: no signal {params['signal']!r}; the table has {', '.join(known)}")


def broken_signals(message: Message, raw: dict[str, int], faults: Faults) -> dict[str, int]:
    """`raw` with the signals that faults have overwritten."""
    if not faults.any():
        return raw
    for params in faults.all("enum"):
        if (name := str(params["signal"])) in message.signals:
            raw = {**raw, name: int(params["value"])}
    for params in faults.all("not_available"):
        if (name := str(params["signal"])) in message.signals:
            raw = {**raw, name: message.signals[name].not_available}
    return raw


def broken_frame(frame: Frame, faults: Faults) -> Frame:
    """`frame` with the faults that hit the frame as a whole."""
    if not faults.any():
        return frame
    data, can_id = frame.data, frame.can_id
    for params in faults.all("length"):
        if params["id"] in (0, frame.can_id):
            size = min(int(params["bytes"]), 8)
            data = data[:size].ljust(size, b"\0")
    if (shift := faults.get("unknown_id")) is not None:
        can_id = (can_id + int(shift["shift"])) & 0x7FF
    return Frame(can_id, data, extended=faults.has("extended_id"))
