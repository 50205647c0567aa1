"""One device inside the host: its driver, fenced in, and the judgement of what the driver says it heard.

Rules
* This is the one place where an exception becomes a value: Defect.DRIVER_ERROR, and every signal of the device is
  MISSING. Broken stays broken until the next sample; the host and the other devices carry on.
* No sample passes unchecked: a value that its signal cannot have is INVALID, whatever the driver thinks of it.
* A name, type or unit that was never declared is the driver's mistake, not the wire's.

* A quiet device gives its driver the same answer again and again, and drivers that remember what it means hand in the
  same tuple. What a tuple comes to is found once (``_judge``): only the time, the counts and ``broken`` are new.

Must never: send (host.py does), read a clock, or tell a value that its driver has not just handed in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, repeat
from typing import TypeVar, TypeVarTuple

import msgspec

from drivers.contract import (
    Ask,
    Defect,
    DefectKind,
    Driver,
    Failure,
    Frame,
    Heard,
    ReadRegisters,
    Sample,
    WriteRegisters,
)
from supervisor.bus.ports import sound
from supervisor.kernel.signal import Quality
from supervisor.kernel.signal import Sample as Stamped
from supervisor.site import DeviceSite

LIST_MAX = 1_000  # asks or heard things that one call of a driver may return
ANSWERS_KEPT = 64  # whose judgement is remembered: a relay node says each thing once with every alive counter
INVALID = Quality.INVALID
T = TypeVar("T")
Ts = TypeVarTuple("Ts")
log = logging.getLogger("bus")


class _Judged(msgspec.Struct, frozen=True, gc=False):
    """What an answer comes to at any time: one place, value and quality for each sample, and all that is wrong."""

    heard: tuple[Heard, ...]  # held, so that no other tuple can have its identity
    defects: tuple[Defect, ...]
    taken: tuple[DefectKind, ...]  # why a sample has lost its value
    places: tuple[int, ...]
    values: tuple[int | None, ...]
    qualities: tuple[Quality, ...]


class DeviceHost:
    """Calls one driver. ``out`` takes checked samples, ``count`` counts a defect of this device by its kind."""

    def __init__(
        self, site: DeviceSite, entropy: bytes, out: Callable[[list[Stamped]], None], count: Callable[[str], None]
    ) -> None:
        self.site = site
        self._driver: Driver = site.family.build(site.options, entropy)
        specs = ((place.index, place.spec) for place in site.signals)
        self._places = {spec.name: (index, spec.lo, spec.hi, spec.codes) for index, spec in specs}
        self._judged: dict[int, _Judged] = {}  # by the identity of the answer
        self._out, self._count = out, count
        self._broken = False

    # ---- the driver's conversation, fenced in ----
    def poll(self, now_ms: int) -> tuple[Ask, ...]:
        """What the driver wants to send of its own accord. Mostly nothing, and many times a second."""
        asks = self._fenced(now_ms, self._driver.poll, now_ms)
        return (self._sound(asks, now_ms) or ()) if asks else ()

    def say(self, values: Mapping[str, int], now_ms: int) -> tuple[Ask, ...] | None:
        """How to say these outputs; None when the driver failed, which is not the same as nothing to say."""
        asks = self._fenced(now_ms, self._driver.say, values, now_ms)
        return self._sound(asks, now_ms) if asks else asks

    def on_frame(self, frame: Frame, now_ms: int) -> None:
        """A frame that the driver listens for."""
        self._hear(self._fenced(now_ms, self._driver.on_frame, frame, now_ms), now_ms)

    def on_bytes(self, data: bytes, now_ms: int) -> None:
        """Bytes of a serial line."""
        self._hear(self._fenced(now_ms, self._driver.on_bytes, data, now_ms), now_ms)

    def on_lines(self, levels: Mapping[int, int], now_ms: int) -> None:
        """Levels of the device's GPIO lines."""
        self._hear(self._fenced(now_ms, self._driver.on_lines, levels, now_ms), now_ms)

    def on_registers(
        self, ask: ReadRegisters | WriteRegisters, reply: Sequence[int] | Failure, now_ms: int, heard: bool = True
    ) -> None:
        """How a Modbus ask ended. ``heard`` False: it was never sent, so nothing may be concluded about the device."""
        said = self._fenced(now_ms, self._driver.on_registers, ask, reply, now_ms)
        if heard:
            self._hear(said, now_ms)

    def _fenced(self, now_ms: int, call: Callable[[*Ts], Iterable[T]], *given: *Ts) -> tuple[T, ...] | None:
        try:
            said = call(*given)
            return said if type(said) is tuple and len(said) <= LIST_MAX else tuple(islice(said, LIST_MAX))
        except Exception as error:  # noqa: BLE001 -- whatever a driver does wrong must cost its own device only
            self._breaks(f"{type(error).__name__}: {error}", now_ms)
            return None

    def _sound(self, asks: tuple[Ask, ...] | None, now_ms: int) -> tuple[Ask, ...] | None:
        """The asks, all or none: half of what a driver wanted to say may mean something else."""
        for ask in asks or ():
            if not sound(ask, self.site.family.bus):
                self._breaks(f"asks for what its bus cannot carry: {ask!r}", now_ms)
                return None
        return asks

    def _breaks(self, why: str, now_ms: int) -> None:
        self._count(DefectKind.DRIVER_ERROR)
        log.error("%s: driver %s: %.200s", self.site.name, self.site.family.stem, why)
        if not self._broken:
            self._broken = True
            self._out([Stamped(place.index, None, now_ms, Quality.MISSING) for place in self.site.signals])

    # ---- what it heard ----
    def _hear(self, heard: tuple[Heard, ...] | None, now_ms: int) -> None:
        if not heard:
            return
        judged = self._judged.get(id(heard)) or self._remembered(heard)
        if judged is not None:
            self._tell(judged, now_ms)
            return
        for thing in heard:  # one of them is no signal: whatever stands before and after it counts as it stands
            alone = self._judge((thing,))
            if alone is None:
                self._breaks(f"is not a declared signal with an integer: {thing!r}", now_ms)
            else:
                self._tell(alone, now_ms)

    def _remembered(self, heard: tuple[Heard, ...]) -> _Judged | None:
        """The judgement of an answer that has not been seen, kept for when the same tuple comes again."""
        judged = self._judge(heard)
        if judged is not None:
            if len(self._judged) >= ANSWERS_KEPT:
                self._judged.clear()
            self._judged[id(heard)] = judged
        return judged

    def _tell(self, judged: _Judged, now_ms: int) -> None:
        """Pass it on, and count what is wrong with it: each time that it was said."""
        for defect in judged.defects:
            self._count(defect.kind)
            log.debug("%s: %s %s", self.site.name, defect.kind, defect.detail)
        for kind in judged.taken:
            self._count(kind)
        if judged.places:
            self._broken = False
            self._out(list(map(Stamped, judged.places, judged.values, repeat(now_ms), judged.qualities)))

    def _judge(self, heard: tuple[Heard, ...]) -> _Judged | None:
        """No more value and quality than each signal can have; None where one was never declared, or is no integer."""
        defects: list[Defect] = []
        taken: list[DefectKind] = []
        places: list[int] = []
        values: list[int | None] = []
        qualities: list[Quality] = []
        for thing in heard:
            if isinstance(thing, Defect):
                defects.append(thing)
                continue
            if not isinstance(thing, Sample) or (place := self._places.get(thing.name)) is None:
                return None
            value, quality = thing.value, thing.quality
            if not (value is None or type(value) is int):
                return None
            index, lo, hi, codes = place
            if quality >= INVALID:
                value = None
            elif value is None or not lo <= value <= hi:
                taken.append(DefectKind.RANGE)
                value, quality = None, INVALID
            elif codes and value not in codes:
                taken.append(DefectKind.ENUM)
                value, quality = None, INVALID
            places.append(index)
            values.append(value)
            qualities.append(quality)
        return _Judged(heard, tuple(defects), tuple(taken), tuple(places), tuple(values), tuple(qualities))
