"""GPIO lines through gpiozero's pin factories: claimed once, read and driven by electrical level.

Rules
* Pins, never gpiozero's devices: ``OutputDevice(active_high=False, initial_value=False)`` drives a line low before it
  drives it high, so an active-low relay pulses; polarity is the driver's business and not this file's.
* An output is claimed once, with its level: ``Pin.output_with_state(level)``. The default of that method sets the
  direction first and the level afterwards (gpiozero/pins/__init__.py, ``Pin.output_with_state``); for ``lgpio`` and
  ``native`` there are pin classes here beside that do it in one step, and any other that does not is told of.
* Nothing is ever closed: ``Pin.close`` and ``Factory.close`` turn an output into a floating input
  (gpiozero/pins/lgpio.py, ``LGPIOPin.close``). A line keeps its last level when this process ends.
* The factory never becomes ``Device.pin_factory``, which gpiozero closes when the interpreter ends.
* Only the factory that the site names is imported.

Must never: know a clock, a polarity or a device family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any

from drivers.contract import Direction, Line, Pull

GROUP = "gpiozero_pin_factories"
PULLS = {Pull.UP: "up", Pull.DOWN: "down", Pull.NONE: "floating"}


def make_factory(settings: Mapping[str, int | str]) -> Any:
    """The pin factory that the bus's settings name. Raises whatever that factory raises, or LookupError."""
    name, channel = str(settings["factory"]), settings.get("channel")
    arguments = () if channel is None else (channel,)
    if name == "lgpio":
        from supervisor.bus.gpio_lgpio import OneStepFactory

        return OneStepFactory(*(int(argument) for argument in arguments))
    if name == "native":
        from supervisor.bus.gpio_native import LevelFirstFactory

        return LevelFirstFactory(*arguments)
    for point in entry_points(group=GROUP, name=name):
        return point.load()(*arguments)
    raise LookupError(f"no pin factory {name!r} is installed: there are {', '.join(sorted(_installed()))}")


def _installed() -> set[str]:
    return {point.name for point in entry_points(group=GROUP)}


class Lines:
    """Inputs, claimed and read. There is no way to drive anything."""

    def __init__(self, make: Callable[[], Any], lines: Iterable[Line]) -> None:
        self._make, self._lines = make, tuple(lines)
        self._factory: Any = None
        self._pins: dict[int, Any] = {}

    @property
    def is_open(self) -> bool:
        return self._factory is not None

    def open(self) -> str:
        """Claim everything; from what, in words. Raises what gpiozero raises; then ``forget`` what was claimed."""
        self._pins = {}
        self._factory = self._make()
        for line in self._lines:
            self._pins[line.number] = self._claim(self._factory.pin(line.number), line)
        return type(self._factory).__name__

    def forget(self) -> None:
        """Let go after a failure, so that all can be claimed anew. No pin is closed."""
        factory, self._factory, self._pins = self._factory, None, {}
        if (let_go := getattr(factory, "let_go", None)) is not None:
            let_go()

    def read(self) -> dict[int, int]:
        """The level at each pin now. Raises what gpiozero raises."""
        return {number: 1 if pin.state else 0 for number, pin in self._pins.items()}

    def _claim(self, pin: Any, line: Line) -> Any:
        if line.direction is not Direction.IN:
            raise PermissionError(f"line {line.number} is an output, and nothing here may drive one")
        pin.input_with_pull(PULLS[line.pull])
        return pin


class DrivenLines(Lines):
    """Inputs and outputs. ``two_steps``: tells of an output whose pin class cannot claim it with its level."""

    def __init__(self, make: Callable[[], Any], lines: Iterable[Line], two_steps: Callable[[], None]) -> None:
        super().__init__(make, lines)
        self._two_steps = two_steps
        self.written: dict[int, int] = {}

    def open(self) -> str:
        self.written = {}
        return super().open()

    def _claim(self, pin: Any, line: Line) -> Any:
        if line.direction is not Direction.OUT or line.initial is None:
            return super()._claim(pin, line)
        from gpiozero import Pin  # type: ignore[import-untyped] # the package has no types

        if type(pin).output_with_state is Pin.output_with_state:
            self._two_steps()
        pin.output_with_state(bool(line.initial))
        self.written[line.number] = line.initial
        return pin

    def write(self, levels: Iterable[tuple[int, int]]) -> None:
        """Drive these lines, which are outputs of ours. Raises what gpiozero raises."""
        for number, level in levels:
            self._pins[number].state = bool(level)
            self.written[number] = level
