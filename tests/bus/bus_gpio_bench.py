"""What the tests of the GPIO bus stand on: a loop and a clock held in the hand, ears, a port alone, a whole house."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from bus_pins import Board

from drivers.contract import BusKind, WriteLines
from drivers.panel_gpio import FAMILY
from supervisor.bus import gpio_port
from supervisor.bus.gpio_port import GpioListener, GpioPort
from supervisor.bus.host import HostCore
from supervisor.bus.ports import Pulse
from supervisor.kernel.signal import Quality
from supervisor.site import BusSite, DeviceSite, OutputPlace, SignalPlace
from supervisor.wire import Image

INPUTS = "estop=5 stop nc, key=6 key active_high, aux_1=19 contact nc"
OUTPUTS = "permit=17 pulse, lamp=22 lamp active_low, k1=23 coil active_low proof=aux_1"
REST = {5: 0, 6: 0, 19: 0}


class Loop:
    """The part of an event loop that a port uses. ``advance``: time passes, and what is due is called."""

    def __init__(self) -> None:
        self.now_ms = 1_000
        self._waiting: list[tuple[float, Handle]] = []

    def clock(self) -> int:
        return self.now_ms

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Handle:
        handle = Handle(call)
        self._waiting.append((self.now_ms + round(delay_s * 1000), handle))
        return handle

    def advance(self, by_ms: int) -> None:
        end_ms = self.now_ms + by_ms
        while due := [entry for entry in self._waiting if entry[0] <= end_ms]:
            entry = min(due, key=lambda entry: entry[0])
            self._waiting.remove(entry)
            self.now_ms = max(self.now_ms, int(entry[0]))
            if not entry[1].cancelled:
                entry[1].call()
        self.now_ms = end_ms


class Handle:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call, self.cancelled = call, False

    def cancel(self) -> None:
        self.cancelled = True


class Ears:
    """Remembers what a port tells."""

    def __init__(self) -> None:
        self.levels: list[tuple[int, int, dict[int, int]]] = []
        self.links: list[tuple[bool, str]] = []
        self.orders: list[str] = []
        self.oddities: list[str] = []

    def on_lines(self, device: int, levels: Mapping[int, int], now_ms: int) -> None:
        self.levels.append((device, now_ms, dict(levels)))

    def on_sent(self, device: int, order: object, now_ms: int) -> None:
        self.orders.append("sent")

    def on_unsent(self, device: int, order: object, why: str, now_ms: int) -> None:
        self.orders.append(why)

    def on_link(self, up: bool, detail: str, now_ms: int) -> None:
        self.links.append((up, detail))

    def on_oddity(self, kind: str, count: int = 1) -> None:
        self.oddities.append(str(kind))


def panel(
    inputs: str = INPUTS,
    outputs: str = OUTPUTS,
    observe: bool = False,
    silence: Mapping[str, int] | None = None,
    name: str = "panel",
) -> DeviceSite:
    options = {"inputs": inputs, "outputs": outputs, "debounce_ms": 30, "permit_ms": 400 if "pulse" in outputs else 0}
    shape = FAMILY.shape(options)
    signals = tuple(SignalPlace(index, spec) for index, spec in enumerate(shape.signals))
    targets = tuple(OutputPlace(index, spec) for index, spec in enumerate(shape.outputs))
    return DeviceSite(name, FAMILY, options, signals, targets, silence, 500, observe)


def site(*devices: DeviceSite, observe: bool = False, **settings: int | str) -> BusSite:
    return BusSite("gpio0", BusKind.GPIO, {"factory": "mock", **settings}, devices, observe, simulated=True)


class Bench:
    """A board, a port and its ears. ``boards``: what each opening of the factory gives; the last one for ever."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *devices: DeviceSite, kind: Any = GpioPort, **pins: Any
    ) -> None:
        self.loop, self.ears = Loop(), Ears()
        self.boards: list[Board] = []
        self.pins = pins
        self.unwilling = 0
        monkeypatch.setattr(asyncio, "get_running_loop", lambda: self.loop)
        monkeypatch.setattr(gpio_port, "make_factory", self._make)
        bus = site(*(devices or (panel(),)))
        self.port = kind(bus, self.ears, self.loop.clock, Pulse())

    def _make(self, settings: object) -> Board:
        if self.unwilling:
            self.unwilling -= 1
            raise OSError("no such chip")
        self.boards.append(Board(**self.pins))
        return self.boards[-1]

    def pin(self, number: int) -> Any:
        return self.boards[-1].pin(number)

    def levels(self) -> dict[int, int]:
        return self.ears.levels[-1][2]

    def write(self, *levels: tuple[int, int], device: int = 0, within_ms: int = 100) -> str:
        self.port.write(device, WriteLines(levels), self.loop.now_ms + within_ms)
        return self.ears.orders[-1]


class House:
    """Host, driver, port and pins, one behind the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, device: DeviceSite, observe: bool = False, **pins: Any) -> None:
        self.loop, self.board = Loop(), Board(**pins)
        monkeypatch.setattr(asyncio, "get_running_loop", lambda: self.loop)
        monkeypatch.setattr(gpio_port, "make_factory", lambda settings: self.board)
        bus = site(device, observe=observe)
        self.core = HostCore(bus, bytes, lambda: None)
        listening = observe or device.observe
        self.port: Any = (GpioListener if listening else GpioPort)(bus, self.core, self.loop.clock, Pulse())
        self.core.attach(self.port, None if listening else self.port)
        self.cycle = 0
        self.port.start()

    def live(self, for_ms: int, image: Mapping[int, int] | None = None) -> None:
        """Cycles of 50 ms; without an image the guardian is gone."""
        for _ in range(for_ms // 50):
            if image is not None:
                self.cycle += 1
                self.core.on_image(Image(self.cycle, self.loop.now_ms + 150, tuple(image.items())), self.loop.now_ms)
            self.core.poll(self.loop.now_ms)
            self.loop.advance(50)

    def driven(self, number: int) -> list[int]:
        return [level for what, level in self.board.pin(number).history if what == "driven"]

    def seen(self) -> dict[int, tuple[int | None, Quality]]:
        return {item.signal: (item.value, item.quality) for item in self.core.take(10_000)}
