"""What one device is being told, and what it is told when the guardian falls silent.

Theory of operation
    Before the first image:  nothing is ever said.
    Speaking:                each whole, timely image is said once; its arrival restarts the silence clock.
    Silent:                  no such image for ``silence_after_ms``. Old values are never said again, so device-side
                             dead-mans run out. A device with a silence image is told it once, and again each
                             second until all of it has left (or the driver has nothing more to ask for).
    A new whole, timely image ends the silence.

Must never: say anything looser than what was said last, or read a clock (``now_ms`` is an argument).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from supervisor.bus.outputs import tighter
from supervisor.bus.ports import Order
from supervisor.site import DeviceSite

REPEAT_MS = 1_000  # between two attempts to say a silence image; also how long its orders are valid


class Voice:
    """The state of saying for one device. The host asks what to say and reports what became of it."""

    def __init__(self, site: DeviceSite) -> None:
        self._site = site
        self._said: Mapping[str, int] | None = None
        self._image_ms = 0
        self._next_ms = 0
        self._unsaid: list[Order] = []  # of the silence image, not yet known to have left
        self.silent = False
        self.settled = False

    def image(self, said: Mapping[str, int], now_ms: int) -> None:
        """A timely image has come that is whole for this device: this is what it says."""
        self._said, self._image_ms = said, now_ms
        self.silent = self.settled = False
        self._unsaid.clear()

    def falls_silent(self, now_ms: int) -> bool:
        """True once, when the images have been missing for too long."""
        if self._said is None or self.silent or now_ms - self._image_ms < self._site.silence_after_ms:
            return False
        self._begin(now_ms)
        return True

    def farewell(self, now_ms: int) -> None:
        """The process is about to end: silence begins now, if anything was ever said."""
        if self._said is not None and not self.silent:
            self._begin(now_ms)

    def _begin(self, now_ms: int) -> None:
        self.silent, self._next_ms = True, now_ms
        self.settled = self._site.silence_image is None

    def due(self, now_ms: int) -> dict[str, int] | None:
        """The values to say now because of silence; None when there is nothing to say (yet)."""
        image, said = self._site.silence_image, self._said
        if not self.silent or self.settled or image is None or said is None or now_ms < self._next_ms:
            return None
        self._next_ms = now_ms + REPEAT_MS
        specs = (place.spec for place in self._site.outputs)
        return {spec.name: tighter(spec, said[spec.name], image.get(spec.name, said[spec.name])) for spec in specs}

    def saying(self, orders: Iterable[Order]) -> None:
        """These orders are the silence image; none at all means that the device has it already."""
        self._unsaid = list(orders)
        self.settled = not self._unsaid

    def left(self, order: Order) -> None:
        """An order is known to have left (CAN, serial) or to have been accepted (Modbus)."""
        if self.silent and order in self._unsaid:
            self._unsaid.remove(order)
            self.settled = not self._unsaid
