"""One device inside the host: its driver, fenced in, and the judgement of what the driver says it heard.

Rules
* This is the one place where an exception becomes a value: Defect.DRIVER_ERROR, and every signal of the device is
  MISSING. Broken stays broken until the next sample; the host and the other devices carry on.
* No sample passes unchecked: a value that its signal cannot have is INVALID, whatever the driver thinks of it.
* A name, type or unit that was never declared is the driver's mistake, not the wire's.

Must never: send (host.py does), read a clock, or keep a value for later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeVar

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
T = TypeVar("T")
log = logging.getLogger("bus")


class DeviceHost:
    """Calls one driver. ``out`` takes checked samples, ``count`` counts a defect of this device by its kind."""

    def __init__(
        self, site: DeviceSite, entropy: bytes, out: Callable[[Stamped], None], count: Callable[[str], None]
    ) -> None:
        self.site = site
        self._driver: Driver = site.family.build(site.options, entropy)
        self._places = {place.spec.name: place for place in site.signals}
        self._out, self._count = out, count
        self._broken = False

    # ---- the driver's conversation, fenced in ----
    def poll(self, now_ms: int) -> tuple[Ask, ...]:
        """What the driver wants to send of its own accord."""
        return self._sound(self._fenced(lambda: self._driver.poll(now_ms), now_ms), now_ms) or ()

    def say(self, values: Mapping[str, int], now_ms: int) -> tuple[Ask, ...] | None:
        """How to say these outputs; None when the driver failed, which is not the same as nothing to say."""
        return self._sound(self._fenced(lambda: self._driver.say(values, now_ms), now_ms), now_ms)

    def on_frame(self, frame: Frame, now_ms: int) -> None:
        """A frame that the driver listens for."""
        self._hear(self._fenced(lambda: self._driver.on_frame(frame, now_ms), now_ms), now_ms)

    def on_bytes(self, data: bytes, now_ms: int) -> None:
        """Bytes of a serial line."""
        self._hear(self._fenced(lambda: self._driver.on_bytes(data, now_ms), now_ms), now_ms)

    def on_lines(self, levels: Mapping[int, int], now_ms: int) -> None:
        """Levels of the device's GPIO lines."""
        self._hear(self._fenced(lambda: self._driver.on_lines(levels, now_ms), now_ms), now_ms)

    def on_registers(
        self, ask: ReadRegisters | WriteRegisters, reply: Sequence[int] | Failure, now_ms: int, heard: bool = True
    ) -> None:
        """How a Modbus ask ended. ``heard`` False: it was never sent, so nothing may be concluded about the device."""
        said = self._fenced(lambda: self._driver.on_registers(ask, reply, now_ms), now_ms)
        if heard:
            self._hear(said, now_ms)

    def _fenced(self, call: Callable[[], Iterable[T]], now_ms: int) -> tuple[T, ...] | None:
        try:
            said = call()
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
            for place in self.site.signals:
                self._out(Stamped(place.index, None, now_ms, Quality.MISSING))

    # ---- what it heard ----
    def _hear(self, heard: tuple[Heard, ...] | None, now_ms: int) -> None:
        for thing in heard or ():
            if isinstance(thing, Defect):
                self._count(thing.kind)
                log.debug("%s: %s %s", self.site.name, thing.kind, thing.detail)
            else:
                self._take(thing, now_ms)

    def _take(self, sample: Sample, now_ms: int) -> None:
        """Pass it on with no more value and quality than its signal can have; what is taken from it is counted."""
        place = self._places.get(sample.name)
        if place is None or not (sample.value is None or type(sample.value) is int):
            self._breaks(f"is not a declared signal with an integer: {sample!r}", now_ms)
            return
        self._broken = False
        spec, value, quality = place.spec, sample.value, sample.quality
        if quality >= Quality.INVALID:
            value = None
        elif value is None or not spec.lo <= value <= spec.hi:
            self._count(DefectKind.RANGE)
            value, quality = None, Quality.INVALID
        elif spec.codes and value not in spec.codes:
            self._count(DefectKind.ENUM)
            value, quality = None, Quality.INVALID
        self._out(Stamped(place.index, value, now_ms, quality))
