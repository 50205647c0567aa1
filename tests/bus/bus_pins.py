"""Pins that remember, on MockFactory: each level a pin was ever driven to, each way in which it was claimed.

A line of the outside world (``switch``) is what an input shows. ``drive_high`` of gpiozero's MockPin refuses outputs,
so a welded or floating output is a class of its own.
"""

from __future__ import annotations

from typing import Any

from gpiozero.exc import PinSetInput
from gpiozero.pins.mock import MockFactory, MockPin


class RecordingPin(MockPin):
    """``history``: what was done to it, in order. A direction without a level shows as ("function", ...)."""

    def __init__(self, factory: Any, info: Any) -> None:
        self.history: list[tuple[str, object]] = []
        super().__init__(factory, info)
        self.history.clear()

    def output_with_state(self, state: bool) -> None:
        self.history.append(("claimed", int(state)))
        self._function = "output"
        self._change_state(bool(state))

    def input_with_pull(self, pull: str) -> None:
        self.history.append(("input", pull))
        self._function = "input"
        self._pull = pull
        self._change_state(pull == "up")

    def _set_function(self, value: str) -> None:
        self.history.append(("function", value))
        super()._set_function(value)

    def _set_state(self, value: float) -> None:
        if self._function == "input":
            raise PinSetInput("an input was driven")
        self.history.append(("driven", int(value)))
        super()._set_state(value)

    def close(self) -> None:
        self.history.append(("closed", None))
        super().close()

    def switch(self, level: int) -> None:
        """Somebody outside puts this level on an input."""
        self._change_state(bool(level))


class StuckLowPin(RecordingPin):
    """Something outside holds it low whatever it is driven to, as a welded driver would."""

    def _get_state(self) -> bool:
        return False


class FloatingPin(RecordingPin):
    """Shows another level at each look."""

    _looks = 0

    def _get_state(self) -> bool:
        self._looks += 1
        return bool(self._looks % 2)


class DeadPin(RecordingPin):
    """Can be claimed, then neither read nor driven while ``dead``."""

    dead = False

    def _get_state(self) -> bool:
        if self.dead:
            raise OSError("the chip is gone")
        return bool(super()._get_state())

    def _set_state(self, value: float) -> None:
        if self.dead:
            raise OSError("the chip is gone")
        super()._set_state(value)


class Board(MockFactory):
    """``classes``: line -> pin class, RecordingPin for all others. ``claims_fail``: lines that somebody else has."""

    def __init__(self, **classes: type[MockPin]) -> None:
        super().__init__(pin_class=RecordingPin)
        self._classes = {int(name.removeprefix("line_")): kind for name, kind in classes.items()}
        self.busy: set[int] = set()
        self.closed = False

    def pin(self, name: int, **kwargs: Any) -> Any:
        if name in self.busy:
            raise OSError(f"line {name} is busy")
        return super().pin(name, pin_class=self._classes.get(name, RecordingPin))

    def close(self) -> None:
        self.closed = True
        super().close()
