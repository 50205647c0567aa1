"""lgpio's lines, each claimed in one call. Imported only when a site names the factory ``lgpio``.

Theory of operation
    gpiozero's LGPIOPin claims every line as a floating input when it is made (gpiozero/pins/lgpio.py,
    ``LGPIOPin.__init__``), turns it into an output that is low (``_set_function`` calls ``gpio_claim_output(handle,
    number)``, whose level is 0 unless told), and then writes the level. Here a pin claims nothing when it is made;
    ``output_with_state`` is the one call ``lgpio.gpio_claim_output(handle, number, level)``, which the kernel carries
    out with the level before the direction.

Must never: call ``close`` of a pin or of the factory, which makes floating inputs of outputs.
"""

from __future__ import annotations

import lgpio  # type: ignore[import-not-found] # not everywhere: there are no lines on other machines
from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin  # type: ignore[import-untyped] # the package has no types
from gpiozero.pins.local import LocalPiPin  # type: ignore[import-untyped] # the package has no types

FLAGS = {"up": lgpio.SET_PULL_UP, "down": lgpio.SET_PULL_DOWN, "floating": lgpio.SET_PULL_NONE}


class OneStepPin(LGPIOPin):  # type: ignore[misc] # its base has no types
    """A pin that is claimed when it is known for what, and not before."""

    def __init__(self, factory: OneStepFactory, info: object) -> None:
        LocalPiPin.__init__(self, factory, info)  # past LGPIOPin, which would claim a floating input
        self._pwm = self._bounce = self._callback = None
        self._edges = lgpio.BOTH_EDGES

    def output_with_state(self, state: bool) -> None:
        """Direction and level in one call."""
        lgpio.gpio_claim_output(self.factory._handle, self._number, int(state))

    def input_with_pull(self, pull: str) -> None:
        """Direction and pull in one call. A line with a resistor on the board takes no other."""
        if self.info.pull not in (pull, ""):
            raise ValueError(
                f"{self!r} has a pull-{self.info.pull} resistor on the board; wire the switch to the other rail"
            )
        lgpio.gpio_claim_input(self.factory._handle, self._number, FLAGS[pull])


class OneStepFactory(LGPIOFactory):  # type: ignore[misc] # its base has no types
    """Makes such pins, and remembers them for itself: gpiozero's local factories share one memory of pins, so a factory
    that is opened anew would get pins that belong to the handle of the last one."""

    pins: dict[object, OneStepPin]
    pin_class: type[OneStepPin]
    _handle: int | None

    def __init__(self, chip: int | None = None) -> None:
        super().__init__(chip)
        self.pins = {}
        self.pin_class = OneStepPin

    def let_go(self) -> None:
        """Give the chip back, without closing a pin: the kernel lets each line keep its level."""
        if self._handle is not None:
            lgpio.gpiochip_close(self._handle)
            self._handle = None
