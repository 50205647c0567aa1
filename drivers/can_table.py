"""A CAN device as a table: loads dbc/<stem>.dbc and turns raw bits into readings.

Rules
* A frame is judged in this order: identifier, length, checksum, alive counter, then each field. Nothing of a frame
  that failed one of the first three is believed.
* Legal lengths are the family's to declare: a DBC knows one size per message, and real packs send several.
* Every step is a whole number of kernel units (checked at load), so conversions are exact. Ranges are the DBC's.

cantools checks neither ranges nor names of values nor excess bytes; all three are done here.
This file must never know which device it reads for, and never what time it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

import cantools
from cantools.database.can import Database, Message, Signal

from drivers.contract import Defect, DefectKind, Frame, Heard, Sample, SignalSpec
from drivers.units import TableError, exactly, scale_of
from supervisor.kernel.signal import Quality

FRAMES_KEPT = 512
"""Frames whose meaning is remembered: a quiet bus says the same few again and again, up to their counters."""


@dataclass(frozen=True)
class Field:
    """How one DBC signal becomes one signal of ours. ``step``: kernel units per bit, negative where the sign turns.

    ``absent``: the raw value for "not available", None where the field has none.
    """

    message: str
    source: str
    spec: SignalSpec
    step: int
    absent: int | None

    def heard(self, raw: int, quality: Quality = Quality.GOOD) -> tuple[Heard, ...]:
        """What the raw bits mean, in the unit of ``spec``; ``quality`` is the best that the value may have."""
        if raw == self.absent:
            return self._nothing(DefectKind.NOT_AVAILABLE, raw)
        value = raw * self.step
        if self.spec.codes and value not in self.spec.codes:
            return self._nothing(DefectKind.ENUM, raw)
        if not self.spec.lo <= value <= self.spec.hi:
            return self._nothing(DefectKind.RANGE, raw)
        return (Sample(self.spec.name, value, quality),)

    def _nothing(self, kind: DefectKind, raw: int) -> tuple[Heard, ...]:
        return Defect(kind, f"{self.spec.name}: raw {raw}"), Sample(self.spec.name, None, Quality.INVALID)


@dataclass(frozen=True)
class CanTable:
    """The messages of one DBC file, by name."""

    where: str
    database: Database

    def message(self, name: str) -> Message:
        """Raises TableError for a message that the DBC does not have."""
        try:
            return self.database.get_message_by_name(name)
        except KeyError:
            raise TableError(f"{self.where}: no message {name}") from None

    def raw(self, name: str, data: bytes) -> Mapping[str, int]:
        """The raw bits of every DBC signal that ``data`` is long enough to hold; a missing one is simply not there."""
        return _decoded(self.message(name), data)

    def data(self, name: str, raw: Mapping[str, int]) -> bytes:
        """The bytes of a message from the raw bits of all its DBC signals. Raises cantools' error if one is missing."""
        return _encoded(self.message(name), tuple(raw.items()))

    def field(
        self,
        message: str,
        source: str,
        name: str,
        max_age_ms: int,
        *,
        unit: str | None = None,
        turned: bool = False,
        has_absent: bool = False,
        optional: bool = False,
        core: bool = False,
    ) -> Field:
        """The DBC signal ``source`` as our signal ``name``.

        ``unit``: in words of units.SCALES where the DBC has none ("flag", "code", "count").
        ``turned``: the wire's sign is not the house's. ``has_absent``: 0x8000 (signed) or all ones mean nothing.
        Raises TableError when the DBC has no such signal, no range, or a step that is no whole number.
        """
        where = f"{self.where}: {message}.{source}"
        signal = self._signal(message, source, where)
        kernel_unit, scale = scale_of(unit or signal.unit or "", where)
        codes = {int(code): str(text) for code, text in (signal.choices or {}).items()}
        step = exactly(signal.scale, scale, where) * (-1 if turned else 1)
        lo, hi = _range(signal, scale, where)
        if turned:
            lo, hi = -hi, -lo
        spec = SignalSpec(name, kernel_unit, lo, hi, max_age_ms, optional=optional, core=core, codes=codes)
        return Field(message, source, spec, step, _absent(signal) if has_absent else None)

    def _signal(self, message: str, source: str, where: str) -> Signal:
        try:
            signal = self.message(message).get_signal_by_name(source)
        except KeyError:
            raise TableError(f"{where}: no such signal") from None
        if signal.offset != 0 or signal.is_float:
            raise TableError(f"{where}: offsets and floats are not used in these tables")
        return signal


@lru_cache(FRAMES_KEPT)
def _decoded(message: Message, data: bytes) -> Mapping[str, int]:
    decoded = message.decode(data, decode_choices=False, scaling=False, allow_truncated=True)
    if not isinstance(decoded, dict):
        raise TableError(f"{message.name} is a container message")
    return MappingProxyType({signal: raw for signal, raw in decoded.items() if isinstance(raw, int)})


@lru_cache(FRAMES_KEPT)
def _encoded(message: Message, raw: tuple[tuple[str, int], ...]) -> bytes:
    return message.encode(dict(raw), scaling=False)


def _range(signal: Signal, scale: int, where: str) -> tuple[int, int]:
    if signal.minimum is None or signal.maximum is None:
        raise TableError(f"{where}: has no range")
    return exactly(signal.minimum, scale, where), exactly(signal.maximum, scale, where)


def _absent(signal: Signal) -> int:
    return -(1 << (signal.length - 1)) if signal.is_signed else (1 << signal.length) - 1


@lru_cache
def load(stem: str) -> CanTable:
    """The table dbc/<stem>.dbc. Raises cantools' error for overlaps and signals outside their frame."""
    where = f"dbc/{stem}.dbc"
    text = files("dbc").joinpath(f"{stem}.dbc").read_text(encoding="utf-8")
    database = cantools.database.load_string(text, "dbc", strict=True)
    if not isinstance(database, Database):
        raise TableError(f"{where}: is no CAN database")
    return CanTable(where, database)


def wrong_length(frame: Frame, legal: Iterable[int]) -> Defect | None:
    """A Defect when the frame has none of the legal lengths."""
    if len(frame.data) in legal:
        return None
    return Defect(DefectKind.LENGTH, f"0x{frame.can_id:03X}: {len(frame.data)} bytes")


class AliveCounter:
    """Watches a counter that runs 0, 1 … ``last`` and wraps. A jump is a lost frame; a repetition is not alive."""

    def __init__(self, last: int) -> None:
        self._last_legal = last
        self._seen: int | None = None

    def moved(self, value: int) -> bool:
        """Is this the counter of a new message? The first one is; a value above ``last`` never is."""
        if value > self._last_legal or value == self._seen:
            return False
        self._seen = value
        return True


def _crc_table(polynomial: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte << 1) ^ (polynomial if byte & 0x80 else 0)
        table.append(byte & 0xFF)
    return tuple(table)


_J1850 = _crc_table(0x11D)


def crc8_j1850(data: bytes) -> int:
    """CRC-8 SAE J1850: polynomial 0x1D, start 0xFF, final xor 0xFF. Of b"123456789" it is 0x4B."""
    register = 0xFF
    for byte in data:
        register = _J1850[register ^ byte]
    return register ^ 0xFF
