"""gpiozero's way to the rig's lines: a pin factory whose pins talk to the hub of a simulated panel (hil/lines.py).

`HubFactory("/path/gpio0.sock")` stands in for gpiozero's LGPIOFactory; it is also the pin factory `linehub`
(GPIOZERO_PIN_FACTORY=linehub, then POWERWARDEN_LINES names the socket).

Theory of operation, and where it is as gpiozero over lgpio on a Raspberry Pi:
* `output_with_state` and `input_with_pull` are one packet each; `function = "output"` drives low, as there.
* A write returns when the line has its new level. A level is read from what the hub has pushed.
* Lines keep their level when this process ends. Closing a pin or the factory makes floating inputs of them, as there.
* Making a pin claims nothing; lgpio would make an input of the line at once, and a product must not need that.
Edges, `when_changed` and PWM are not supported. A hub that is gone, or is silent for ANSWER_S, is gone for good: every
later call raises `LinesGone`, a PinError, until somebody makes a new factory.
It must never guess a level, nor judge one: that is the panel's and the product's.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from threading import RLock
from typing import Any, Literal

import msgspec
from gpiozero.exc import (  # type: ignore[import-untyped] # gpiozero has no types
    BadPinFactory,
    GPIOPinInUse,
    PinEdgeDetectUnsupported,
    PinError,
    PinFixedPull,
    PinInvalidFunction,
    PinInvalidPull,
    PinInvalidState,
    PinSetInput,
)
from gpiozero.pins.pi import PiFactory, PiPin  # type: ignore[import-untyped]

from hil.lines import PACKET_BYTES, Level, Pull, Request, Word

ANSWER_S = 1.0
CHANNEL_VARIABLE = "POWERWARDEN_LINES"
BOARD_REVISION = 0xA02082  # a Raspberry Pi 3 Model B: the 40-pin header with GPIO0 to GPIO27


class LinesGone(PinError, ConnectionError):  # type: ignore[misc] # gpiozero has no types
    """The hub has gone away, or does not answer: no level of any line is known."""


class HubFactory(PiFactory):  # type: ignore[misc] # gpiozero has no types
    """Makes the pins of one hub."""

    def __init__(self, channel: str | os.PathLike[str] | None = None) -> None:
        """`channel` is the path of the hub's socket; BadPinFactory when nobody listens there."""
        super().__init__()
        self.pin_class = HubPin
        self.channel = os.fspath(channel or os.environ.get(CHANNEL_VARIABLE, ""))
        self._lock = RLock()
        self._levels: dict[int, Level] = {}
        self._gone = ""
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._sock.connect(self.channel)
        except OSError as error:
            self._sock.close()
            raise BadPinFactory(
                f"no line hub listens at {self.channel or CHANNEL_VARIABLE} ({error.strerror}): "
                "start a house that has a panel with `powerwarden-rig house`"
            ) from error
        self._sock.setblocking(False)

    def close(self) -> None:
        """Make floating inputs of all lines that were claimed, and leave; may be called twice."""
        super().close()
        self._sock.close()
        self._gone = self._gone or "this factory is closed"

    def ask(self, request: Request) -> None:
        """One request and its answer; LinesGone, GPIOPinInUse or PinInvalidState say why there is no good one."""
        with self._lock:
            self._check_there()
            try:
                self._sock.send(msgspec.json.encode(request))
            except OSError as error:
                self._fail(f"does not take our words ({error.strerror})")
            word = self._hear_answer()
        if word.busy:
            raise GPIOPinInUse(f"{self.channel}: {word.busy}")
        if word.wrong:
            raise PinInvalidState(f"{self.channel}: {word.wrong}")

    def level(self, line: int) -> Level:
        """The newest level that the hub has told."""
        with self._lock:
            self._check_there()
            while (word := self._hear()) is not None:
                self._keep(word)
            return self._levels[line]

    def _hear_answer(self) -> Word:
        deadline = time.monotonic() + ANSWER_S
        while True:
            if (word := self._hear()) is None:
                left_s = deadline - time.monotonic()
                if left_s <= 0 or not select.select([self._sock], [], [], left_s)[0]:
                    self._fail(f"has not answered for {ANSWER_S:g} s")
                continue
            self._keep(word)
            if word.answer:
                return word

    def _hear(self) -> Word | None:
        """The next word that has arrived, if there is one."""
        packet = b""
        try:
            packet = self._sock.recv(PACKET_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            self._fail(f"is out of reach ({error.strerror})")
        if not packet:
            self._fail("has gone away")
        return msgspec.json.decode(packet, type=Word)

    def _keep(self, word: Word) -> None:
        if not word.busy and not word.wrong:
            self._levels[word.line] = word.level

    def _fail(self, why: str) -> None:
        self._gone = why
        self._check_there()

    def _check_there(self) -> None:
        if self._gone:
            raise LinesGone(f"{self.channel}: the line hub {self._gone}")

    def _get_revision(self) -> int:
        return BOARD_REVISION

    @staticmethod
    def ticks() -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    @staticmethod
    def ticks_diff(later: float, earlier: float) -> float:
        """Seconds between two `ticks`."""
        return later - earlier


class HubPin(PiPin):  # type: ignore[misc] # gpiozero has no types
    """One line of the hub."""

    def __init__(self, factory: HubFactory, info: Any) -> None:
        super().__init__(factory, info)
        self._function: Literal["", "input", "output"] = ""  # empty until it is claimed
        self._pull_now: str = info.pull or "floating"

    def close(self) -> None:
        """Make a floating input of a line that was claimed; nothing when the hub has gone."""
        if self._function:
            with contextlib.suppress(LinesGone):
                self._claim_input(self.info.pull or "floating")
        self._function = ""

    def output_with_state(self, state: object) -> None:
        """Claim the line as an output that begins with this level; one packet."""
        self.factory.ask(Request("output", self._number, level=self._checked(state)))
        self._function = "output"

    def input_with_pull(self, pull: str) -> None:
        """Claim the line as an input with this pull; one packet."""
        if pull not in ("up", "down", "floating"):
            raise PinInvalidPull(f'invalid pull "{pull}" for pin {self!r}')
        if self.info.pull not in (pull, ""):
            raise PinFixedPull(f"{self!r} has a physical pull-{self.info.pull} resistor")
        self._claim_input(pull)

    def _claim_input(self, pull: str) -> None:
        self.factory.ask(Request("input", self._number, pull=msgspec.convert(pull, Pull)))
        self._function, self._pull_now = "input", pull

    def _checked(self, state: object) -> Level:
        if state not in (0, 1):
            raise PinInvalidState(f'invalid state "{state}" for pin {self!r}: a line is 0 or 1')
        return 1 if state else 0

    def _get_function(self) -> str:
        return self._function or "input"

    def _set_function(self, value: str) -> None:
        if value == "output":
            self.output_with_state(0)
        elif value == "input":
            self._claim_input(self.info.pull or "floating")
        else:
            raise PinInvalidFunction(f'invalid function "{value}" for pin {self!r}')

    def _get_state(self) -> bool:
        if not self._function:
            raise PinInvalidState(f"{self!r} has been claimed neither as an input nor as an output")
        return bool(self.factory.level(self._number))

    def _set_state(self, value: object) -> None:
        if self._function != "output":
            raise PinSetInput(f"cannot set state of pin {self!r}: it is not an output")
        self.factory.ask(Request("write", self._number, level=self._checked(value)))

    def _get_pull(self) -> str:
        return self._pull_now if self._function != "output" else "floating"

    def _set_pull(self, value: str) -> None:
        if self._function == "output":
            raise PinFixedPull(f"cannot set pull on non-input pin {self!r}")
        self.input_with_pull(value)

    def _enable_event_detect(self) -> None:
        raise PinEdgeDetectUnsupported(f"edge detection is not supported on pin {self!r}: read its state")

    def _disable_event_detect(self) -> None:
        """Nothing was enabled."""
