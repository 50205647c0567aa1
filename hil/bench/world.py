"""A house of simulated devices in this process: their wires are lists of bytes, their clock is a number.

Theory of operation
    run(until) lets time pass: each device is polled at the ms that it wants, what it sends reaches everybody on its
    bus in the same ms, and devices and plant tell each other what they do every TELL_MS and when a contact has moved.
    With ``coarse`` everything is polled once, at the end: for quiet time, in which nobody would notice.

Rules
* The devices are the cores of hil/sim and nothing else: here, too, what is wrong on a wire was made wrong by a fault.
* Everything happens in the order of the time, then of the names in the house file: no two runs differ.

It must never know the product: whoever supervises is a ``Listener``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Protocol

from hil.bench.facts import facts_of
from hil.bench.power import sets_grid
from hil.can_frame import Frame
from hil.house import Entry, House
from hil.lines import Request
from hil.plant import Plant
from hil.scenario.model import Fact
from hil.sim.device import CanDevice, Device, Json, LineDevice
from hil.sim.modbus import ModbusDevice
from hil.sim.modbus_wire import RtuSession, TcpSession
from hil.unix_socket import RigError

TELL_MS = 100
FRAMES_MAX = 10_000  # answers to answers within one ms: then something shouts without end
SETTLED_BY_POWER = "power_cycle"  # what a device with a supply of its own calls it


class Listener(Protocol):
    """Who hears the wires."""

    def can(self, bus: str, can_id: int, data: bytes, extended: bool, now_ms: int) -> None:
        """A frame."""

    def modbus(self, endpoint: str, data: bytes, now_ms: int) -> None:
        """A reply."""


class Nobody:
    """Nobody hears."""

    def can(self, bus: str, can_id: int, data: bytes, extended: bool, now_ms: int) -> None:
        """Lost."""

    def modbus(self, endpoint: str, data: bytes, now_ms: int) -> None:
        """Lost."""


class World:
    """All devices of a house and its plant. ``listener`` may be set later."""

    def __init__(self, house: House, seed: int, now_ms: int) -> None:
        self.house, self.now_ms = house, now_ms
        self.listener: Listener = Nobody()
        self.plant = Plant(house.plant, seed, now_ms)
        self.devices = {entry.name: entry.make(now_ms) for entry in house.entries}
        self._entries = {entry.name: entry for entry in house.entries}
        self._sessions = {name: _session(entry, self.devices[name]) for name, entry in self._entries.items()}
        self._timed = [(n, d) for n, d in self.devices.items() if isinstance(d, CanDevice | LineDevice)]
        self._on_bus: dict[str, list[tuple[str, CanDevice]]] = {}  # by its name, in the order of the house file
        self._panels: dict[str, LineDevice] = {}  # by the name of their lines
        for name, device in self._timed:
            place = self._entries[name].link.place
            if isinstance(device, CanDevice):
                self._on_bus.setdefault(place, []).append((name, device))
            else:
                self._panels.setdefault(place, device)
        self._behind: dict[str, list[TcpSession | RtuSession | None]] = {}  # each endpoint that was asked
        self._late: list[tuple[int, int, str, bytes]] = []  # replies on their way: when, in which order, where, what
        self._number = 0
        self._dark = False
        self._volts = [0.0] * 3  # of the grid, for the other state of the power
        self._contacts: dict[str, object] = {}  # of each relay node, as the plant knows them
        self._tell_ms = now_ms
        self._tell_all()

    # ---- time ------------------------------------------------------------------------------------------------------
    def run(self, until_ms: int, coarse: bool = False) -> None:
        """Let time pass."""
        if coarse:
            self._at(until_ms, everybody=True)
            self.now_ms = until_ms
            return
        while (at_ms := self._next_ms()) <= until_ms:
            self._at(max(at_ms, self.now_ms), everybody=False)
        self.now_ms = until_ms

    def _next_ms(self) -> int:
        next_ms = min(self._tell_ms, self._late[0][0]) if self._late else self._tell_ms
        for _, device in self._timed:
            if (device_ms := device.next_ms()) < next_ms:
                next_ms = device_ms
        return next_ms

    def _at(self, now_ms: int, everybody: bool) -> None:
        self.now_ms = now_ms
        while self._late and self._late[0][0] <= now_ms:
            _, _, endpoint, data = self._late.pop(0)
            self.listener.modbus(endpoint, data, now_ms)
        for name, device in self._timed:
            if not everybody and device.next_ms() > now_ms:
                continue
            if isinstance(device, CanDevice):
                frames = device.poll(now_ms)  # without power contacts fall all the same, and nobody hears of it
                self._spread(self._entries[name].link.place, name, [] if self._dark else frames)
                self._tell_if_moved(name, device)
            else:
                device.poll(now_ms)
        if everybody or now_ms >= self._tell_ms:
            self._tell_all()
            self._tell_ms = now_ms + TELL_MS

    # ---- CAN -------------------------------------------------------------------------------------------------------
    def on_can(self, bus: str, can_id: int, data: bytes, extended: bool) -> bool:
        """The product sends a frame."""
        if self._dark:
            return False
        self._spread(bus, "", [Frame(can_id, data, extended)])
        return True

    def _spread(self, bus: str, sender: str, frames: list[Frame]) -> None:
        """Frames reach everybody on the bus, and so do the answers; the product hears what it has not sent itself."""
        waiting = deque((sender, frame) for frame in frames)
        count = 0
        while waiting:
            origin, frame = waiting.popleft()
            if (count := count + 1) > FRAMES_MAX:
                raise RigError(f"bus {bus}: more than {FRAMES_MAX} frames within one ms; who answers to answers?")
            if origin and not frame.error:
                self.listener.can(bus, frame.can_id, frame.data, frame.extended, self.now_ms)
            for name, device in self._on_bus.get(bus, ()):
                if name != origin:
                    if answers := device.on_frame(frame, self.now_ms):
                        waiting.extend((name, answer) for answer in answers)
                    self._tell_if_moved(name, device)

    # ---- Modbus ----------------------------------------------------------------------------------------------------
    def on_modbus(self, endpoint: str, data: bytes) -> bool:
        """The product asks."""
        if (there := self._behind.get(endpoint)) is None:
            there = [self._sessions[name] for name, entry in self._entries.items() if is_at(entry, endpoint)]
            self._behind[endpoint] = there
        if not there or self._dark:
            return False
        for session in there:
            if session is None:
                continue
            for reply in session.feed(data, self.now_ms):
                self._number += 1
                if reply.delay_ms:
                    self._late.append((self.now_ms + reply.delay_ms, self._number, endpoint, reply.data))
                    self._late.sort()
                else:
                    self.listener.modbus(endpoint, reply.data, self.now_ms)
        return True

    # ---- lines -----------------------------------------------------------------------------------------------------
    def claim(self, bus: str, number: int, pull: str, level: int | None) -> None:
        """The product claims a line."""
        resistor = {"up": "up", "down": "down"}.get(pull, "floating")
        if level is None:
            request = Request("input", number, pull=resistor)  # type: ignore[arg-type]  # one of the three
        else:
            request = Request("output", number, level=1 if level else 0)
        self._panel(bus).on_line(request, self.now_ms)

    def levels(self, bus: str, numbers: Sequence[int]) -> Mapping[int, int]:
        """The levels now."""
        panel = self._panel(bus)
        return {number: panel.level(number, self.now_ms) for number in numbers}

    def on_lines(self, bus: str, levels: Sequence[tuple[int, int]]) -> None:
        """The product drives lines."""
        panel = self._panel(bus)
        for number, level in levels:
            panel.on_line(Request("write", number, level=1 if level else 0), self.now_ms)
        panel.poll(self.now_ms)

    def _panel(self, bus: str) -> LineDevice:
        if bus not in self._panels:
            raise RigError(f"the house has no panel on {bus!r}, which the site's documents name")
        return self._panels[bus]

    # ---- plant -----------------------------------------------------------------------------------------------------
    def _tell_all(self) -> None:
        """All devices say what they do, the plant finds what follows of it, and all see what is around them."""
        heard = []
        for name, device in self.devices.items():
            if told := device.to_plant(self.now_ms):
                if told["kind"] == "relays":
                    self._contacts[name] = told["contacts"]
                heard.append((self.plant.hear({**told, "name": name}, self.now_ms), device))
        self.plant.step(self.now_ms)
        for name, device in heard:
            device.from_plant(self.plant.answer(name), self.now_ms)

    def _tell_if_moved(self, name: str, device: Device) -> None:
        """A contact that has moved changes the house in the same ms."""
        if name in self._contacts and device.to_plant(self.now_ms).get("contacts") != self._contacts[name]:
            self._tell_all()

    # ---- what happens ----------------------------------------------------------------------------------------------
    def control(self, device: str, request: Json) -> None:
        """A request as over a control socket. RigError when it cannot be done."""
        there: Device | None = self.plant if device == "plant" else self.devices.get(device)
        if there is None:
            raise RigError(f"the house has no device {device!r}; it has {', '.join(self.devices)}")
        later = self._dark and sets_grid(device, request)  # it counts when the power is back
        if later:
            self._exchange_volts()
        reply = there.control(request, self.now_ms)
        if later:
            self._exchange_volts()
        if not reply.get("ok"):
            raise RigError(str(reply.get("error")))
        self._tell_all()

    def power(self, on: bool) -> None:
        """Without power coils let go (what is welded stays), pilots end, nobody says a word; what has a memory keeps
        it, and whatever the scenario has broken stays broken."""
        self._dark = not on
        for device in self.devices.values():
            if SETTLED_BY_POWER in device.settings():
                device.control({"set": SETTLED_BY_POWER, "value": 1}, self.now_ms)
        self._exchange_volts()
        self._tell_all()

    def _exchange_volts(self) -> None:
        """The grid's voltages for those of the other state of the power."""
        self._volts, self.plant.connection.volts = self.plant.connection.volts, self._volts

    # ---- looking ---------------------------------------------------------------------------------------------------
    def facts(self, names: Iterable[str], only: Container[str] | None = None) -> dict[str, Fact]:
        """The facts of these devices (and "plant") now. ``only``: those under these keys of the states (``keys``)."""
        found: dict[str, Fact] = {}
        for name in names:
            there: Device = self.plant if name == "plant" else self.devices[name]
            state = there.state(self.now_ms)
            if only is not None:
                state = {key: value for key, value in state.items() if f"{name}.{key}" in only}
            found |= facts_of(name, state)
            if there is not self.plant:
                found[f"{name}.writes"] = float(there.write_count)
        return found

    def keys(self, facts: Iterable[str]) -> frozenset[str]:
        """The keys of the states, "DEVICE.KEY", under which these facts are."""
        found = set()
        for fact in facts:
            name, _, rest = fact.partition(".")
            there: Device | None = self.plant if name == "plant" else self.devices.get(name)
            for key in () if there is None else there.state(self.now_ms):
                if rest == key or rest.startswith(f"{key}_"):
                    found.add(f"{name}.{key}")
        return frozenset(found)


def is_at(entry: Entry, endpoint: str) -> bool:
    """Is this Modbus device behind "host:port", or on this serial line?"""
    link = entry.link
    if link.kind == "tcp":
        return endpoint == f"{link.place}:{link.number}"
    if link.kind != "serial":
        return False
    return PurePath(endpoint).stem == entry.name if link.place == "pty" else endpoint == link.place


def _session(entry: Entry, device: Device) -> TcpSession | RtuSession | None:
    if not isinstance(device, ModbusDevice):
        return None
    return TcpSession(device) if entry.link.kind == "tcp" else RtuSession(device)
