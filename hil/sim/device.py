"""What every simulated device is: a core without I/O that is told the time, can be broken, and keeps account.

Rules: a core opens, waits and reads no clock; `now_ms` is monotonic milliseconds and an argument. Faults and physical
settings come as one request and get one reply (a dict each), whatever carries them. Every write or command that
reaches the device is recorded, accepted or not, because tests judge from the wire and from nothing else.
It must never repair itself: a fault lasts until somebody clears it.

The requests, as JSON lines on RUNDIR/<device>.ctl:
    {"fault": "length", "bytes": 5}     break it; parameters that are left out take the fault's defaults
    {"clear": true} {"clear": "length"} repair everything, or one fault
    {"get": "state"}                    what the device believes and does
    {"get": "writes"}                   count, and the last 1000, of the writes and commands that reached it
    {"get": "faults"}                   what can be broken, and what is
    {"set": "soc", "value": 12}         change a physical fact; "set" with a wrong name tells the right ones
The reply is {"ok": true, ...} or {"ok": false, "error": "what, where, and what to do"}.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from hil.can_frame import Frame
from hil.lines import Level, Request

WRITES_KEPT = 1000
NEVER_MS = 1 << 62  # later than any clock gets

Json = dict[str, object]
Value = int | float | str
TraceSink = Callable[[Json], None]


class ControlError(Exception):
    """A request that cannot be done; its text goes back to whoever asked."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One way to be broken. `defaults` names its parameters; the type of a default is the type of the parameter."""

    name: str
    meaning: str
    defaults: Mapping[str, Value] = field(default_factory=dict)

    def complete(self, given: Mapping[str, object]) -> dict[str, Value]:
        """All parameters, those given in the right type; ControlError for a stranger or an unreadable value."""
        strangers = set(given) - set(self.defaults)
        if strangers:
            known = ", ".join(self.defaults) or "none"
            raise ControlError(f"fault {self.name} has no parameter {', '.join(sorted(strangers))} (it has: {known})")
        return {
            name: _coerce(self.name, name, given.get(name, default), type(default))
            for name, default in self.defaults.items()
        }


def _coerce(where: str, name: str, value: object, wanted: type[Value]) -> Value:
    try:
        if wanted is int:
            return int(str(value), 0)  # "0x351" as well as 849
        return float(str(value)) if wanted is float else str(value)
    except ValueError:
        raise ControlError(f"{where}: {name} must be {wanted.__name__}, not {value!r}") from None


class Faults:
    """What is broken now. One kind may be active several times with different parameters (two welded contacts)."""

    def __init__(self, kinds: tuple[FaultKind, ...]) -> None:
        self.kinds = {kind.name: kind for kind in kinds}
        self._active: list[tuple[str, dict[str, Value]]] = []

    def add(self, name: str, given: Mapping[str, object]) -> dict[str, Value]:
        """Break something; returns the complete parameters."""
        if name not in self.kinds:
            raise ControlError(f"unknown fault {name!r}: this device has {', '.join(self.kinds)}")
        params = self.kinds[name].complete(given)
        if (name, params) not in self._active:
            self._active.append((name, params))
        return params

    def clear(self, name: str | None = None) -> None:
        """Repair one kind, or everything."""
        if name is not None and name not in self.kinds:
            raise ControlError(f"unknown fault {name!r}: this device has {', '.join(self.kinds)}")
        self._active = [entry for entry in self._active if name is not None and entry[0] != name]

    def take_back(self, name: str, params: Mapping[str, Value]) -> None:
        """Repair exactly this fault; others of its kind stay."""
        self._active = [entry for entry in self._active if entry != (name, params)]

    def all(self, name: str) -> list[dict[str, Value]]:
        """The parameters of every active fault of this kind, in the order of their injection."""
        return [params for active, params in self._active if active == name]

    def get(self, name: str) -> dict[str, Value] | None:
        """The parameters of the newest fault of this kind; None when there is none."""
        found = self.all(name)
        return found[-1] if found else None

    def any(self) -> bool:
        """Whether anything is broken at all; far quicker than to ask for each kind."""
        return bool(self._active)

    def has(self, name: str) -> bool:
        """Whether a fault of this kind is active."""
        return bool(self._active) and any(active == name for active, _ in self._active)

    def active(self) -> list[Json]:
        """For people and traces."""
        return [{"fault": name, **params} for name, params in self._active]


class Device(ABC):
    """The part that all families share: faults, account, control requests, the exchange with the plant."""

    fault_kinds: ClassVar[tuple[FaultKind, ...]]
    settable: ClassVar[Mapping[str, str]] = {}  # name -> what it means, for {"set": name}
    plant_ms: ClassVar[int] = 100  # how often it tells the plant, and hears

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults = Faults(self.fault_kinds)
        self.trace: TraceSink | None = None
        self._writes: deque[Json] = deque(maxlen=WRITES_KEPT)
        self._write_count = 0

    def control(self, request: Mapping[str, object], now_ms: int) -> Json:
        """Do one request (see the head of this file); never raises for a bad one."""
        try:
            return {"ok": True, "t": now_ms, **self._do(dict(request), now_ms)}
        except ControlError as error:
            return {"ok": False, "t": now_ms, "error": f"{self.name}: {error}"}

    def _do(self, request: Json, now_ms: int) -> Json:
        match request:
            case {"fault": str(name), **params}:
                return self._break(name, params, now_ms)
            case {"clear": (True | str()) as which}:
                self.faults.clear(which if isinstance(which, str) else None)
                self.note(now_ms, "clear", which=which)
                return {"active": self.faults.active()}
            case {"set": str(name), "value": value}:
                if name not in (known := self.settings()):
                    raise ControlError(f"cannot set {name!r}: this device has {', '.join(known) or 'nothing'}")
                self.set_physical(name, value, now_ms)
                self.note(now_ms, "set", name=name, value=value)
                return {}
            case {"get": str(what)}:
                return self._get(what, now_ms)
        raise ControlError(
            'a request is {"fault": NAME, ...}, {"clear": true}, {"get": "state"|"writes"|"faults"} '
            'or {"set": NAME, "value": ...}'
        )

    def _break(self, name: str, params: Json, now_ms: int) -> Json:
        complete = self.faults.add(name, params)
        try:
            self.on_fault(name, complete, now_ms)
        except ControlError:
            self.faults.take_back(name, complete)
            raise
        self.note(now_ms, "fault", name=name, **complete)
        return {"active": self.faults.active()}

    def _get(self, what: str, now_ms: int) -> Json:
        match what:
            case "state":
                return {"state": self.state(now_ms)}
            case "writes":
                return {"count": self._write_count, "writes": list(self._writes)}
            case "faults":
                known = {kind.name: {"meaning": kind.meaning, **kind.defaults} for kind in self.fault_kinds}
                return {"active": self.faults.active(), "known": known, "settable": dict(self.settings())}
        raise ControlError(f"cannot get {what!r}: ask for state, writes or faults")

    @property
    def write_count(self) -> int:
        """How many writes and commands have reached it, accepted or not."""
        return self._write_count

    def record_write(self, now_ms: int, **what: object) -> None:
        """Account for one write or command that arrived on the wire, accepted or not."""
        self._write_count += 1
        line: Json = {"t": now_ms, "device": self.name, "what": "write", **what}
        self._writes.append(line)
        if self.trace is not None:
            self.trace(line)

    def note(self, now_ms: int, what: str, **fields: object) -> None:
        """A line for the trace only: something happened that is no write (a fault, a contact that moved)."""
        if self.trace is not None:
            self.trace({"t": now_ms, "device": self.name, "what": what, **fields})

    def on_fault(self, name: str, params: dict[str, Value], now_ms: int) -> None:  # noqa: B027 - most need nothing
        """A fault begins; ControlError refuses parameters that this device cannot have."""

    def settings(self) -> Mapping[str, str]:
        """What can be set on this device: name -> meaning. `settable`, unless its options name more."""
        return self.settable

    def set_physical(self, name: str, value: object, now_ms: int) -> None:  # noqa: B027
        """Change one of `settable`."""

    @abstractmethod
    def state(self, now_ms: int) -> Json:
        """What the device believes and does, true whatever its faults make it say."""

    def to_plant(self, now_ms: int) -> Json:  # noqa: ARG002 - a device may have nothing to tell
        """What the plant must know of this device."""
        return {}

    def from_plant(self, view: Json, now_ms: int) -> None:  # noqa: B027
        """What the plant says of this device's surroundings; when the plant is gone the last word stays."""


class CanDevice(Device):
    """A device on a CAN bus. `poll` is called at `next_ms` or later; all frames are returned, none is sent here."""

    @abstractmethod
    def on_frame(self, frame: Frame, now_ms: int) -> list[Frame]:
        """A frame was received; returns the frames that go out at once."""

    @abstractmethod
    def poll(self, now_ms: int) -> list[Frame]:
        """Do what is due; returns the frames that go out."""

    @abstractmethod
    def next_ms(self) -> int:
        """When `poll` next matters."""


class LineDevice(Device):
    """A device on the lines of a small computer (hil/lines.py); it says which level each line has."""

    @abstractmethod
    def on_line(self, request: Request, now_ms: int) -> None:
        """The owner of a line has done this with it."""

    @abstractmethod
    def level(self, line: int, now_ms: int) -> Level:
        """What whoever reads this line finds."""

    @abstractmethod
    def poll(self, now_ms: int) -> None:
        """Do what is due."""

    @abstractmethod
    def next_ms(self) -> int:
        """When `poll` next matters."""

    def on_owner_gone(self, lines: list[int], now_ms: int) -> None:
        """The owner of these lines has gone away; they stay as they are."""
        self.note(now_ms, "owner_gone", lines=lines)


def number(value: object, name: str, lowest: float, highest: float) -> float:
    """A value of a request as a number within bounds; ControlError otherwise."""
    if type(value) is float and lowest <= value <= highest:  # the plant's own words, many for each moment
        return value
    found = value if type(value) is float else _coerce("set", name, value, float)
    if not isinstance(found, float) or not lowest <= found <= highest:
        raise ControlError(f"{name} must be between {lowest:g} and {highest:g}, not {value}")
    return found


def after(previous_ms: int, period_ms: int, now_ms: int) -> int:
    """The next date of a periodic thing: on its grid, or one period from now after a pause, never a burst."""
    due = previous_ms + period_ms
    return due if due > now_ms else now_ms + period_ms
