"""The Pi's own registers through gpiozero's native factory. Imported only when a site names the factory ``native``.

Theory of operation
    GPSET and GPCLR also reach a line that is an input; the level shows when the line becomes an output (BCM2835 ARM
    Peripherals, section 6.1). So the level is written first and the direction afterwards, and the line never shows
    another one. gpiozero's default is the other way round, and its ``_set_state`` refuses to write to an input.

Must never: call ``close`` of a pin or of the factory, which makes floating inputs of outputs.
"""

from __future__ import annotations

from typing import Any

from gpiozero.pins.native import (  # type: ignore[import-untyped] # the package has no types
    Native2711Pin,
    Native2835Pin,
    NativeFactory,
)


class _LevelFirst:
    """Goes in front of one of gpiozero's pin classes."""

    def output_with_state(self: Any, state: bool) -> None:
        """The level into its register, then the direction."""
        if state:
            self.factory.mem[self._set_offset] = 1 << self._set_shift
        else:
            self.factory.mem[self._clear_offset] = 1 << self._clear_shift
        self.function = "output"


class LevelFirst2835Pin(_LevelFirst, Native2835Pin):  # type: ignore[misc] # its base has no types
    """Up to the Pi 3."""


class LevelFirst2711Pin(_LevelFirst, Native2711Pin):  # type: ignore[misc] # its base has no types
    """The Pi 4."""


class LevelFirstFactory(NativeFactory):  # type: ignore[misc] # its base has no types
    """Makes such pins, and remembers them for itself, not together with all other local factories."""

    pins: dict[object, object]
    pin_class: type[object]

    def __init__(self) -> None:
        super().__init__()
        self.pins = {}
        self.pin_class = LevelFirst2711Pin if issubclass(self.pin_class, Native2711Pin) else LevelFirst2835Pin
