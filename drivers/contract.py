"""What a driver is: a small conversation without I/O.

A driver MUST
* translate only: it never opens, waits, sleeps, reads a clock or keeps a timer of its own; ``now_ms`` is an argument;
* convert at the edge to the kernel's integer units and to the sign convention of the house
  (positive = into the house: import, production, battery discharge; a load's own consumption is positive);
* return what is wrong with the bytes as a :class:`Defect` and, where a signal is affected, as a :class:`Sample`
  whose quality is not GOOD; it never raises because of bytes that came from a wire;
* renew a device-side dead-man only from :meth:`Driver.say`, which the host calls once for each whole and timely
  cycle of the guardian. A driver may thin such renewals out; it never originates them from :meth:`Driver.poll`.

A driver MIGHT
* hold a conversation (challenge and answer): ``poll`` starts it, ``on_bytes`` goes on with it. Randomness, where a
  protocol wants it, arrives as the ``entropy`` argument of the family's ``build``.

The host (supervisor/bus/host.py) is the only caller. It turns an exception of a driver into Defect.DRIVER_ERROR
and marks the device's signals as MISSING: broken stays broken until the next good byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Protocol

import msgspec

from supervisor.kernel.signal import Quality, Unit


# ---- what a family declares -------------------------------------------------------------------------------------
class BusKind(StrEnum):
    """The kinds of wire; each has one port in supervisor/bus."""

    CAN = "can"
    MODBUS = "modbus"  # TCP and RTU alike: the port knows the difference, the driver does not
    SERIAL = "serial"
    GPIO = "gpio"  # single lines of this machine, sampled and driven


class WriteCost(StrEnum):
    """What one write costs the device."""

    VOLATILE = "volatile"
    NON_VOLATILE = "non-volatile"  # wears a flash or EEPROM out: written only when the value differs


class SilenceKind(StrEnum):
    """What the device does by itself when nobody speaks to it any more (design §3)."""

    REVERTS_SAFE = "reverts-safe"  # a time-out of its own that ends in a safe value
    REVERTS_UNSAFE = "reverts-unsafe"  # a time-out that lifts a limit
    NONE = "none"  # keeps the last order for ever: the site must declare a silence image


@dataclass(frozen=True)
class Silence:
    """``after_ms``: the device's own time-out in ms, None exactly where there is none."""

    kind: SilenceKind
    after_ms: int | None = None


@dataclass(frozen=True)
class SignalSpec:
    """One thing the device tells. ``lo``/``hi``/``jump`` in ``unit``; see supervisor.kernel.signal.Signal.

    ``core`` signals make the device "seen"; when one of them is too old the device is not.
    ``codes`` names the values of a CODE signal; a value without a name is Defect.ENUM and never GOOD.
    """

    name: str
    unit: Unit
    lo: int
    hi: int
    max_age_ms: int
    jump: int | None = None
    optional: bool = False
    core: bool = False
    codes: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OutputSpec:
    """One thing the device can be told. All amounts in ``unit``.

    ``forbidden``: open intervals that the device cannot do, e.g. ((0, 6000),) for a wallbox's "0 or at least 6 A".
    ``safe``: the value that is right when in doubt; never an implied zero.
    ``enforce_ms``: worst time from the write to the effect, as the sheet says.
    ``readback``: the name of the signal that shows the value in force, expected within ``readback_ms``.
    ``step``: the smallest difference the device can express; the host rounds towards ``safe``.
    ``contactor``: the output is a coil (0 open, 1 closed) and gets a contactor machine. Its ``readback`` is the
    proof of the main contact: 0 proven open, 1 closed; anything else is no proof. ``travel_ms`` bounds its travel.
    """

    name: str
    unit: Unit
    lo: int
    hi: int
    safe: int
    enforce_ms: int
    write_cost: WriteCost
    silence: Silence
    readback: str | None = None
    readback_ms: int | None = None
    forbidden: tuple[tuple[int, int], ...] = ()
    step: int = 1
    contactor: bool = False
    travel_ms: int = 0


@dataclass(frozen=True)
class OptionSpec:
    """One option of a device in site.yaml. ``kind`` is int, bool or str; ``lo``/``hi`` bound an int."""

    name: str
    kind: type
    default: int | bool | str | None  # None: must be given
    help: str
    lo: int | None = None
    hi: int | None = None
    choices: tuple[str, ...] = ()


class Direction(StrEnum):
    """Who drives a line."""

    IN = "in"
    OUT = "out"


class Pull(StrEnum):
    """The resistor inside the chip that holds an input when nothing else does."""

    UP = "up"
    DOWN = "down"
    NONE = "none"


@dataclass(frozen=True)
class Line:
    """One GPIO line that a device claims. ``number`` is the GPIO (BCM) number, 0 to 53.

    ``initial``: for an output the ELECTRICAL level (0 low, 1 high) that is claimed together with the direction, in one
    step, before anything is said; None for an input. ``pull`` is an input's; an output has none.
    """

    number: int
    direction: Direction
    pull: Pull = Pull.NONE
    initial: int | None = None

    def __post_init__(self) -> None:
        output = self.direction is Direction.OUT
        if not 0 <= self.number <= 53 or (self.initial in (0, 1)) != output or (output and self.pull is not Pull.NONE):
            raise ValueError(f"this is no line: {self}")


# ---- what passes between a driver and its host ------------------------------------------------------------------
# Structs and no dataclasses, as what the kernel is given: they are made and compared many times in every cycle. Each
# holds nothing that could lead back to it, so the garbage collector need not look at them.
class DefectKind(StrEnum):
    """What can be wrong with bytes; a bounded set, because it becomes a metric's label."""

    CRC = "crc"
    COUNTER = "counter"  # alive counter stuck or repeated
    FROZEN = "frozen"  # to the last bit what it said before, for too long
    LENGTH = "length"
    UNKNOWN_ID = "unknown_id"
    ENUM = "enum"
    NOT_AVAILABLE = "not_available"
    NAN = "nan"
    RANGE = "range"
    SHORT_REPLY = "short_reply"
    DEVICE_EXCEPTION = "device_exception"
    TIMEOUT = "timeout"
    GARBAGE = "garbage"  # bytes that are no message of this protocol, a line that keeps no level
    READBACK = "readback"  # the device does not show what it was told
    AUTH = "auth"
    DRIVER_ERROR = "driver_error"  # a mistake of ours: counted, logged, never fatal


class Sample(msgspec.Struct, frozen=True, gc=False):
    """A value for the signal ``name``, in its declared unit; None unless the quality says that there is one."""

    name: str
    value: int | None
    quality: Quality = Quality.GOOD


class Defect(msgspec.Struct, frozen=True, gc=False):
    """Something wrong with what came. ``detail`` is for the log, short and without secrets."""

    kind: DefectKind
    detail: str = ""


Heard = Sample | Defect


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One CAN frame, in either direction."""

    can_id: int
    data: bytes
    extended: bool = False


class RegisterTable(Enum):
    """Which Modbus table: the function code follows from it (input 4, holding 3 and 16)."""

    INPUT = 4
    HOLDING = 3


class ReadRegisters(msgspec.Struct, frozen=True, gc=False):
    """Read ``count`` registers (1 to 125) from 0-based protocol address ``address`` of Modbus unit ``unit``."""

    unit: int
    table: RegisterTable
    address: int
    count: int


class WriteRegisters(msgspec.Struct, frozen=True, gc=False):
    """Write holding registers with function code 16."""

    unit: int
    address: int
    words: tuple[int, ...]


class SendBytes(msgspec.Struct, frozen=True, gc=False):
    """Raw bytes for a serial line; what comes back goes to ``on_bytes``."""

    data: bytes


class WriteLines(msgspec.Struct, frozen=True, gc=False):
    """Drive these lines of the device to these ELECTRICAL levels: (number, 0 or 1) each, in this order."""

    levels: tuple[tuple[int, int], ...]


Ask = Frame | ReadRegisters | WriteRegisters | SendBytes | WriteLines
"""What a driver wants to have sent. The host gives each write an expiry and drops it when that has passed."""


class Failure(Enum):
    """Why a Modbus ask has no registers."""

    TIMEOUT = "timeout"  # no answer in time; the port has drained the line or reopened the connection
    EXCEPTION = "exception"  # the device answered with an exception code
    SHORT = "short"  # the answer has not the asked number of registers
    NO_CONNECTION = "no_connection"


class Driver(Protocol):
    """One device. Methods are called from one thread, in order; ``now_ms`` never goes back."""

    def poll(self, now_ms: int) -> Iterable[Ask]:
        """What to send next of the driver's own accord (reads, handshakes); called about every 20 ms."""

    def on_frame(self, frame: Frame, now_ms: int) -> Iterable[Heard]:
        """A CAN frame whose id is in the family's ``listens`` has come. Other kinds of bus return ()."""

    def on_registers(
        self, ask: ReadRegisters | WriteRegisters, reply: Sequence[int] | Failure, now_ms: int
    ) -> Iterable[Heard]:
        """The answer to an ask of this driver (empty sequence for an accepted write)."""

    def on_bytes(self, data: bytes, now_ms: int) -> Iterable[Heard]:
        """Bytes in whatever pieces the line delivered them."""

    def on_lines(self, levels: Mapping[int, int], now_ms: int) -> Iterable[Heard]:
        """The ELECTRICAL levels (0 or 1) of this device's lines, all looked at just now; called every 10 to 20 ms.

        Outputs are as read back from the pin, and are absent where the device is only observed. Other kinds of bus
        return ().
        """

    def say(self, outputs: Mapping[str, int], now_ms: int) -> Iterable[Ask]:
        """How to say these outputs (every declared one is present), called once per whole, timely guardian cycle.

        Also called once with the site's silence image when the guardian falls silent. Returns () when the device
        is known to have the values already and needs no renewal.
        """


Options = Mapping[str, int | bool | str]
"""A device's options from site.yaml: complete (defaults filled in) and checked against the OptionSpecs."""

Build = Callable[[Options, bytes], Driver]
"""``build(options, entropy)``: a fresh driver; entropy = 32 random bytes."""


@dataclass(frozen=True)
class Shape:
    """What a device of the family tells and can be told, for given options."""

    signals: tuple[SignalSpec, ...]
    outputs: tuple[OutputSpec, ...] = ()


Question = str | Mapping[str, Sequence["Question"]]
"""A question in the words of the policy documents, or {"any of": [...]} / {"all of": [...]} over such questions."""


@dataclass(frozen=True)
class Family:
    """The one table a family file ends in.

    ``machine``: which state machine of supervisor/kernel/machines follows the device (battery, charger, meter …;
    "none" for a mere carrier such as a relay node, whose coils have contactor machines).
    ``facts``: for that machine, name -> question over the device's own signals, in the words of the policy
    documents, e.g. {"protecting": "protection above 0"}; see ``Question``. ``seen`` follows from the core signals.
    ``listens``: CAN identifiers (11 bit) the driver wants to hear for given options; empty on other buses.
    ``lines``: the GPIO lines the device claims for given options; empty on other buses.
    ``shape`` and ``lines`` raise ValueError when options contradict each other or are no words of the family; its text
    names the piece and the remedy, for the person who wrote them.
    """

    stem: str
    title: str
    bus: BusKind
    machine: str
    shape: Callable[[Options], Shape]
    build: Build
    options: tuple[OptionSpec, ...] = ()
    facts: Mapping[str, Question] = field(default_factory=dict)
    listens: Callable[[Options], frozenset[int]] = lambda _options: frozenset()
    lines: Callable[[Options], tuple[Line, ...]] = lambda _options: ()
    source: str = ""
