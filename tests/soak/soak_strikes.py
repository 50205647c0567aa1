"""What can happen to a house: every fault of every simulated device, and what people, processes and the grid do.

The faults come from the devices themselves (hil/sim), so a new one is in the soak as soon as a simulator has it; one
that no row of the matrix names is an error. Rules: a strike has an end, and its end leaves the house as it was.
It must never know what the product thinks of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from hil.house import House
from hil.scenario.faults import Known
from hil.scenario.model import Action, Clock, Flood, PowerCut, ToDevice, ToProcess
from hil.sim.device import Device
from tests.soak.soak_houses import Yard

ROWS: Mapping[str, tuple[str, ...]] = {  # kind of fault -> the simulators' names of it
    "silent": ("silent", "drop"),
    "says the same again": ("frozen", "stuck_counter"),
    "late": ("late",),
    "refuses": ("exception",),
    "damaged or foreign words": (
        *("length", "unknown_id", "extended_id", "wrong_crc", "short_reply", "wrong_tid", "wrong_unit"),
        *("no_marker", "broken_chain", "bad_scale_factor"),
    ),
    "no value": ("nan", "not_available"),
    "a wrong value": ("value", "enum", "wrong_order", "decivolt"),
    "deaf": ("deaf",),
    "contact welds": ("welded",),
    "coil is dead": ("dead_coil",),
    "foreign hand closes": ("foreign",),
    "contact moves badly": ("slow", "bouncing", "chattering"),
    "mirror lies": ("wire_broken", "mirror_stuck", "mirror"),
    "coils starve": ("coil_supply", "sagging"),
    "input lies": ("stuck", "broken_wire", "chatter"),
    "car misbehaves": (
        *("obstinate", "car_never_stops", "car_stays_on_one_phase", "car_takes_more", "car_takes_less"),
        *("car_sleeps", "car_flaps"),
    ),
    "car is unplugged": (),
    "wallbox reports an error": (),
    "vendor app changes a value": (),
    "battery takes its limits back": (),
    "battery raises an alarm": (),
    "inverter trips": (),
    "bad grid voltage": ("overvoltage", "sag", "phase_lost", "neutral_lost"),
    "black-out": (),
    "somebody cooks": (),
    "guardian is killed": (),
    "guardian hangs": (),
    "bus is killed": (),
    "bus hangs": (),
    "gateway is away": (),
    "power cut": (),
    "clock jumps": (),
    "flood of wishes": (),
    "emergency stop": (),
    "maintenance key": (),
    "local button": (),
}
NOT_STRUCK: Mapping[str, str] = {
    "stuck_output": "no example house has a panel with outputs",
    "welded_output": "no example house has a panel with outputs",
    "permit_welded": "no example house has a panel with coils",
    "one_edge": "no example house has a panel with coils",
    "clamps_swapped": "wired wrongly from the first day: that is the walk's to find (docs/walk.md)",
    "clamp_reversed": "wired wrongly from the first day: that is the walk's to find (docs/walk.md)",
    "phases_swapped": "wired wrongly from the first day: that is the walk's to find (docs/walk.md)",
    "wallbox_rotated": "wired wrongly from the first day: that is the walk's to find (docs/walk.md)",
}
ROW_OF = {kind: row for row, kinds in ROWS.items() for kind in kinds}
BRIEF_MS, LONG_MS = 400, 14_000
COILS = ("welded", "dead_coil", "foreign", "slow", "bouncing", "chattering", "coil_supply", "sagging")


@dataclass(frozen=True)
class Strike:
    """One thing that happens, and how it ends (nothing where it is over at once)."""

    row: str
    device: str
    kind: str
    begin: tuple[Action, ...]
    end: tuple[Action, ...] = ()
    for_ms: int = 0
    words: str = ""

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.device}.{self.kind}{f' {self.words}' if self.words else ''}"


@dataclass(frozen=True)
class _Way:
    """A row's member in one house: a device's own fault (its defaults), or a function of its own."""

    row: str
    device: str
    kind: str
    defaults: Mapping[str, object]
    inputs: tuple[str, ...] = ()


class Strikes:
    """All that can happen in one house."""

    def __init__(self, yard: Yard, house: House, parts: tuple[str, ...]) -> None:
        self.yard, self._house = yard, house
        self.buses = tuple(part for part in parts if part not in ("guardian", "gateway"))
        self._devices = dict(Known(house).devices)
        self.devices = tuple(self._devices)
        self._taken: dict[tuple[str, str], tuple[str, ...]] = {}
        found: dict[str, list[_Way]] = {row: [] for row in ROWS}
        for way in (*self._faults(), *self._others()):
            found[way.row].append(way)
        self._ways = {row: tuple(ways) for row, ways in found.items() if ways}

    @property
    def rows(self) -> tuple[str, ...]:
        """The kinds of fault that this house can have."""
        return tuple(self._ways)

    def draw(self, row: str, dice: random.Random, for_ms: int | None = None, device: str = "") -> Strike:
        """One strike of this kind."""
        ways = [way for way in self._ways[row] if not device or way.device == device] or list(self._ways[row])
        way = dice.choice(ways)
        lasts_ms = for_ms if for_ms is not None else dice.randrange(BRIEF_MS, LONG_MS, 50)
        if way.kind in ROW_OF:
            return self._broken(way, dice, lasts_ms)
        return self._other(way, dice, lasts_ms)

    # -- the devices' own faults --

    def _faults(self) -> Iterator[_Way]:
        for name, device in self._devices.items():
            for kind in device.fault_kinds:
                if kind.name in NOT_STRUCK or (name == "panel" and kind.name in COILS):
                    continue
                inputs = tuple(device.settings()) if "input" in kind.defaults else ()
                row = "car misbehaves" if (name, kind.name) == ("wallbox", "welded") else ROW_OF[kind.name]
                yield _Way(row, name, kind.name, kind.defaults, tuple(n for n in inputs if n != "power_cycle"))

    def _broken(self, way: _Way, dice: random.Random, for_ms: int) -> Strike:
        given = self._parameters(way, dice)
        words = ", ".join(f"{key} {value}" for key, value in given.items())
        begin = ToDevice(way.device, {"fault": way.kind, **given})
        end: list[Action] = [ToDevice(way.device, {"clear": way.kind})]
        if way.row == "car misbehaves":
            end.append(ToDevice(way.device, {"set": "replug", "value": 1}))  # some cars wake up only so
        return Strike(way.row, way.device, way.kind, (begin,), tuple(end), for_ms, words)

    def _parameters(self, way: _Way, dice: random.Random) -> dict[str, object]:
        """Where a fault's own defaults say too little, or always the same."""
        given: dict[str, object] = {}
        if "contact" in way.defaults:
            given["contact"] = dice.choice(self.yard.contacts)
        if "input" in way.defaults:
            given["input"] = dice.choice(way.inputs)
        if "signal" in way.defaults:
            given["signal"] = dice.choice(_signals(way.device, way.kind))
        if "register" in way.defaults:
            given["register"] = dice.choice(self._registers(way))
        if way.kind == "slow":
            given |= {"ms": dice.choice((400, 1_500, 5_000)), "when": dice.choice(("both", "closing", "opening"))}
        if way.kind == "mirror":
            given["value"] = dice.randrange(4)
        if way.kind == "late":
            given["ms"] = dice.choice((200, 500, 3_000))
        if way.kind == "car_sleeps":
            given["after_s"] = 5.0
        if "phase" in way.defaults:
            given["phase"] = dice.randrange(1, 4)
        return given

    def _registers(self, way: _Way) -> tuple[str, ...]:
        key = way.device, way.kind
        if key not in self._taken:
            self._taken[key] = _takes(self._devices[way.device], way.kind)
        return self._taken[key]

    # -- everything else --

    def _others(self) -> Iterator[_Way]:
        def one(row: str, device: str, kind: str = "") -> _Way:
            return _Way(row, device, kind or row.replace(" ", "_"), {})

        yield one("car is unplugged", "wallbox")
        yield one("wallbox reports an error", "wallbox")
        yield one("vendor app changes a value", "wallbox")
        yield one("black-out", "plant")
        yield one("somebody cooks", "plant")
        yield one("guardian is killed", "guardian")
        yield one("guardian hangs", "guardian")
        yield one("gateway is away", "gateway")
        yield one("power cut", "house")
        yield one("clock jumps", "house")
        yield one("flood of wishes", "house")
        for bus in self.buses:
            yield one("bus is killed", bus)
            yield one("bus hangs", bus)
        for entry in self._house.entries:
            if entry.family == "pylontech_can":
                yield one("battery takes its limits back", entry.name)
                yield one("battery raises an alarm", entry.name)
            if entry.family == "sunspec_modbus":
                yield one("inverter trips", entry.name)
            if entry.family == "panel_gpio":
                yield one("emergency stop", entry.name)
                yield one("maintenance key", entry.name)
                yield one("local button", entry.name)

    def _other(self, way: _Way, dice: random.Random, for_ms: int) -> Strike:
        begin, end, words = _OTHERS[way.row](self, way.device, dice, for_ms)
        return Strike(way.row, way.device, way.kind, begin, end, for_ms if end else 0, words)


def _takes(device: Device, kind: str) -> tuple[str, ...]:
    """Registers of this device that the fault can strike, tried out."""
    known = {**device.settings(), **device.state(0)}
    wanted = [name for name in (*_LOOKED_AT, *known) if device.control({"fault": kind, "register": name}, 0)["ok"]]
    device.control({"clear": True}, 0)
    return tuple(dict.fromkeys(wanted))


_LOOKED_AT = ("current_l1", "current_l2", "voltage_l1", "voltage_l3", "power_l1", "car_state", "ampere", "St", "A", "W")
_SIGNALS = {
    ("battery", "enum"): ("ProtectionDischarge",),
    ("battery", "not_available"): ("StateOfCharge",),
    ("relays", "enum"): ("DropReason",),
    ("relays", "not_available"): ("Contact1", "Contact2"),
}


def _signals(device: str, kind: str) -> tuple[str, ...]:
    return _SIGNALS[device, kind]


Parts = tuple[tuple[Action, ...], tuple[Action, ...], str]


def _sets(device: str, name: str, value: object, back: object) -> Parts:
    begin, end = (ToDevice(device, {"set": name, "value": each}) for each in (value, back))
    return (begin,), (end,), f"{name} {value}"


def _vendor(device: str, dice: random.Random) -> Parts:
    name, value = dice.choice((("ampere", 6), ("ampere", 16), ("ampere", 32), ("force_state", 0), ("force_state", 2)))
    return (ToDevice(device, {"set": name, "value": value}),), (), f"{name} {value}"


def _pressed(device: str, name: str) -> Parts:
    return _sets(device, name, 1, 0)


def _process(part: str, what: str) -> Parts:
    return (ToProcess(part, what),), (ToProcess(part, "resume"),) if what == "stop" else (), what


def _flood(strikes: Strikes, dice: random.Random, for_ms: int) -> Parts:
    values = dice.choice(((0.0, 16.0), (6.0, 10.0), (6.0, 40.0)))
    flood = Flood("optimiser", "wallbox.current", values, "A", 100.0, min(for_ms, 3_000) / 1_000)
    return (flood,), (), f"{values}"


_OTHERS: Mapping[str, Callable[[Strikes, str, random.Random, int], Parts]] = {
    "car is unplugged": lambda s, d, dice, ms: _sets(d, "car", dice.choice(("none", "full")), "plugged"),
    "wallbox reports an error": lambda s, d, dice, ms: _sets(d, "error", dice.choice((1, 3, 8)), 0),
    "vendor app changes a value": lambda s, d, dice, ms: _vendor(d, dice),
    "battery takes its limits back": lambda s, d, dice, ms: dice.choice(
        (_sets(d, "charge_limit", 0, 150), _sets(d, "discharge_limit", 0, 150), _sets(d, "temperature", -5, 24))
    ),
    "battery raises an alarm": lambda s, d, dice, ms: (
        (ToDevice(d, {"set": "alarm", "value": "high_current"}),),
        (ToDevice(d, {"set": "clear_alarm", "value": "high_current"}),),
        "high_current",
    ),
    "inverter trips": lambda s, d, dice, ms: _sets(d, "fault", 1, 0),
    "black-out": lambda s, d, dice, ms: _sets(d, "grid_v", 0, 230),
    "somebody cooks": lambda s, d, dice, ms: _sets(d, "load_w", dice.choice((3_000, 5_000, 7_000)), 400),
    "guardian is killed": lambda s, d, dice, ms: _process(d, "kill"),
    "guardian hangs": lambda s, d, dice, ms: _process(d, "stop"),
    "bus is killed": lambda s, d, dice, ms: _process(d, "kill"),
    "bus hangs": lambda s, d, dice, ms: _process(d, "stop"),
    "gateway is away": lambda s, d, dice, ms: _process(d, dice.choice(("kill", "stop"))),
    "power cut": lambda s, d, dice, ms: ((PowerCut(dice.choice((0.2, 1.0, 4.0))),), (), ""),
    "clock jumps": lambda s, d, dice, ms: ((Clock(dice.choice((3_600.0, -3_600.0, 86_400.0, -7.0))),), (), ""),
    "flood of wishes": lambda s, d, dice, ms: _flood(s, dice, ms),
    "emergency stop": lambda s, d, dice, ms: _pressed(d, "estop"),
    "maintenance key": lambda s, d, dice, ms: _pressed(d, "key"),
    "local button": lambda s, d, dice, ms: _sets(d, "car_button", 1, 0),
}
