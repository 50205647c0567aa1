"""A SunSpec inverter (models 1, 103 and 123) with a roof that may be in the sun.

Source: SunSpec Alliance model definitions 1, 103 and 123; dbc/sunspec_modbus.yaml for the offsets.
Rules: function code 3 reads, 16 writes model 123 from Conn to WMaxLim_Ena; a write is done as a whole or not at all.
When WMaxLimPct_RvrtTms has passed without a new limit, the limit is LIFTED: Ena is 0 again and the roof gives what it
has. RvrtTms 0 never reverts, and `honours_revert: false` is a maker that keeps the limit whatever RvrtTms says.
WinTms and RmpTms are kept and shown, and change nothing: the ramp is that of the options.
Outside the grid's limits of voltage and frequency it is off, and starts anew when they are good again.
It must never produce more than the sun gives: a cloud is felt at once, only the limit and the way up have a ramp.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum
from functools import partial
from typing import ClassVar, Literal

import msgspec

from hil.sim.device import NEVER_MS, ControlError, FaultKind, Json, Value, number
from hil.sim.modbus import (
    MODBUS_FAULTS,
    READ_HOLDING,
    WRITE_MULTIPLE,
    ModbusDevice,
    Refusal,
    RefusedError,
)
from hil.sim.register_block import Cell, Image, place
from hil.sim.register_table import Register, RegisterTable, to_words
from hil.sim.sunspec_points import DOCUMENT, NOT_IMPLEMENTED, POWER_RAW_MAX, Point

MARKER = to_words(b"SunS")
COMMON, VENDOR, INVERTER, CONTROLS = 1, 64_110, 103, 123
HEADER_WORDS = 2  # identifier and length
SCALES = {(INVERTER, 6): -2, (INVERTER, 13): -1, (INVERTER, 17): -2, (INVERTER, 26): 0, (INVERTER, 37): -1}
POWER_SCALE, PERCENT_SCALE = (INVERTER, 15), (CONTROLS, 23)
TOTAL_CURRENT, VENDOR_STATE = 2, 39
CONNECTED, LIMIT, WINDOW, REVERT, RAMP, ENABLED = 4, 5, 6, 7, 8, 9  # offsets in model 123
GRID_V, GRID_HZ = (184.0, 264.5), (47.5, 51.5)  # of VDE-AR-N 4105:2011, at once; its ten-minute mean is left out
WAKE_W = 20.0  # less sun than this leaves the inverter asleep
PHASES = (1, 2, 3)

# What model 103 has and this inverter has not, by type; the scale factors of such values are missing too.
BLANKS: Mapping[str, Sequence[int]] = {
    "u16": (7, 8, 9, 27, 29),
    "i16": (18, 20, 22, 31, 34, 35, 36),
    "sf": (19, 21, 23, 28, 30, 32),
}


class State(IntEnum):
    """St of model 103."""

    SLEEPING = 2
    STARTING = 3
    MPPT = 4
    THROTTLED = 5
    FAULT = 7
    STANDBY = 8


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a house file may say about one inverter. Without `pv_w` its sun is that of the plant."""

    unit: int = 1
    base: Literal[0, 40000, 50000] = 40000
    common_words: Literal[65, 66] = 66
    vendor_words: int = 0  # length of a vendor's model between 1 and 103; 0 is none
    manufacturer: str = "Rig"
    model: str = "Simulated inverter"
    version: str = "1.0"
    serial: str = "SIM0001"
    phases: Literal[1, 3] = 3
    rated_w: float = 10_000.0
    pv_w: float | None = None
    start_s: float = 5.0
    ramp_percent_per_s: float = 20.0  # of rated_w
    honours_revert: bool = True
    power_exponent: Literal[-1, 0, 1, 2] = 0
    dynamic_scale: bool = False  # the power's scale factor is the finest that holds it
    percent_exponent: Literal[-2, -1, 0] = -2

    def __post_init__(self) -> None:
        if not 1 <= self.unit <= 247:
            raise ValueError("unit must be 1 to 247")
        if not 0 <= self.vendor_words <= 1000:
            raise ValueError("vendor_words must be 0 to 1000")
        if self.start_s < 0 or self.ramp_percent_per_s <= 0:
            raise ValueError("start_s must not be negative, and ramp_percent_per_s must be more than 0")
        if not 0 < self.rated_w <= 100_000:
            raise ValueError("rated_w must be more than 0 and at most 100000")
        if not self.dynamic_scale and self.rated_w > POWER_RAW_MAX * 10.0**self.power_exponent:
            raise ValueError("rated_w does not fit power_exponent; take a larger exponent or dynamic_scale")


class SunspecInverter(ModbusDevice):
    """The inverter and its roof."""

    codes = (READ_HOLDING, WRITE_MULTIPLE)
    fault_kinds = (
        *(kind for kind in MODBUS_FAULTS if kind.name not in ("nan", "not_available")),
        FaultKind("not_available", "one point (or all of them) says that it is not implemented", {"register": ""}),
        FaultKind(
            "bad_scale_factor", "a point's scale factor (or all) is this raw value", {"register": "", "raw": 0x8000}
        ),
        FaultKind("no_marker", "`SunS` does not stand where it should"),
        FaultKind("broken_chain", "a model claims this length", {"model": INVERTER, "length": 999}),
        FaultKind("deaf", "acknowledges writes and does nothing"),
    )
    settable: ClassVar[Mapping[str, str]] = {
        "pv_w": "W that the roof could give; 'plant' leaves it to the plant",
        "fault": "code for StVnd, with state fault; 0 is none",
        "voltage": "V on every phase; the plant overwrites it",
        "temperature": "degC in the cabinet",
    }

    def __init__(self, name: str, options: Options, now_ms: int) -> None:
        super().__init__(name, options.unit)
        self.options = options
        self.starts = dict(_layout(options))
        self._scales = SCALES | {POWER_SCALE: options.power_exponent, PERCENT_SCALE: options.percent_exponent}
        self.table = RegisterTable({point.name: point for point in self._points()}, 125)
        self.controls = {CONNECTED: 1, LIMIT: round(100 / 10.0**options.percent_exponent)}
        self.controls |= dict.fromkeys((WINDOW, REVERT, RAMP, ENABLED), 0)
        self.power, self.energy_wh, self.fault, self.temperature = 0.0, 0.0, 0, 25.0
        self.voltages, self.hertz, self.supplied = [230.0] * 3, 50.0, True
        self._own_sun_w, self._plant_sun_w = options.pv_w, 0.0
        self._stepped_ms, self._revert_at_ms = now_ms, NEVER_MS
        self._produces_from_ms: int | None = None  # None while it does not run at all
        self._fixed: Image = {
            ("holding", at + step): word for at, words in self._fixed_words() for step, word in enumerate(words)
        }
        self.prepares = not options.dynamic_scale
        self._lay_out()
        self._settle(now_ms)

    def _points(self) -> Iterator[Point]:
        for model in (INVERTER, CONTROLS):
            start = self.starts[model]
            for name, entry in DOCUMENT["models"][model]["points"].items():
                offset, scale = int(entry["offset"]), entry.get("sf")
                factor = 1.0 if scale is None else 10.0 ** self._scales[model, scale]
                at_scale = None if scale is None else start + int(scale)
                yield Point(name, "holding", start + offset, str(entry["type"]), factor, at_scale)

    # -- production --

    def sun_w(self) -> float:
        """W that the roof could give now, within the inverter's rating."""
        sun = self._plant_sun_w if self._own_sun_w is None else self._own_sun_w
        return min(sun, self.options.rated_w)

    def limit_w(self) -> float:
        """W that the limit allows; the rating without one."""
        percent = self.controls[LIMIT] * 10.0**self.options.percent_exponent if self.controls[ENABLED] else 100.0
        return self.options.rated_w * percent / 100

    def _on_grid(self) -> bool:
        volts = self.voltages[: self.options.phases]
        good = GRID_V[0] <= min(volts) and max(volts) <= GRID_V[1] and GRID_HZ[0] <= self.hertz <= GRID_HZ[1]
        return bool(self.controls[CONNECTED]) and self.supplied and good

    def state_code(self, now_ms: int) -> State:
        """St, as register 38 of the model tells it."""
        if self.fault:
            return State.FAULT
        if self._produces_from_ms is None:
            return State.SLEEPING if self._on_grid() else State.STANDBY
        if now_ms < self._produces_from_ms:
            return State.STARTING
        return State.THROTTLED if self.limit_w() < self.sun_w() else State.MPPT

    def advance(self, now_ms: int) -> None:
        if self._revert_at_ms <= now_ms:
            self._produce(self._revert_at_ms)
            self.note(self._revert_at_ms, "revert", limit_percent=100.0 * self.limit_w() / self.options.rated_w)
            self.controls[ENABLED], self._revert_at_ms = 0, NEVER_MS
        self._produce(now_ms)

    def _produce(self, now_ms: int) -> None:
        """Move the power along its ramp, and count the energy below it."""
        begin_ms = max(self._stepped_ms, NEVER_MS if self._produces_from_ms is None else self._produces_from_ms)
        self._stepped_ms = max(now_ms, self._stepped_ms)
        if begin_ms >= now_ms:
            return
        elapsed_s = (now_ms - begin_ms) / 1000
        before, target = self.power, min(self.sun_w(), self.limit_w())
        slope = self.options.rated_w * self.options.ramp_percent_per_s / 100
        ramp_s = min(elapsed_s, abs(target - before) / slope)
        step = slope * ramp_s
        self.power = target if ramp_s < elapsed_s else before + (step if target > before else -step)
        self.energy_wh += ((before + self.power) / 2 * ramp_s + self.power * (elapsed_s - ramp_s)) / 3600

    def _settle(self, now_ms: int) -> None:
        """Something around the inverter has changed: it begins, or ends, or feels a cloud."""
        if not self._on_grid() or self.fault or self.sun_w() < WAKE_W:
            self._produces_from_ms = None
        elif self._produces_from_ms is None:
            self._produces_from_ms = now_ms + round(1000 * self.options.start_s)
        self.power = 0.0 if self._produces_from_ms is None else min(self.power, self.sun_w())

    def powers(self) -> list[float]:
        """W on L1, L2, L3."""
        return [self.power / self.options.phases if phase <= self.options.phases else 0.0 for phase in PHASES]

    def currents(self) -> list[float]:
        """A on L1, L2, L3."""
        return [watt / volt if volt else 0.0 for watt, volt in zip(self.powers(), self.voltages, strict=True)]

    # -- wire --

    def image(self, now_ms: int) -> Image:
        self._scale_power()
        return super().image(now_ms)

    def _lay_out(self) -> None:
        """What stands where, with the scale factors of now."""
        still = dict(self._fixed)
        still |= {("holding", self.starts[model] + at): scale & 0xFFFF for (model, at), scale in self._scales.items()}
        shown = [point for point in self._registers() if point.name in SHOWS]  # those of model 123 are words already
        unused = tuple(f"_l{phase}" for phase in PHASES if phase > self.options.phases)
        for point in shown:
            if point.name.endswith(unused):
                place(still, point, point.sentinel())
        cells = [Cell(point, partial(SHOWS[point.name], self)) for point in shown if not point.name.endswith(unused)]
        cells.append(self._word(INVERTER, TOTAL_CURRENT, lambda _: sum(self.currents()), 10.0 ** SCALES[INVERTER, 6]))
        cells.append(self._word(INVERTER, VENDOR_STATE, lambda _: self.fault))
        cells += [self._word(CONTROLS, offset, partial(self._control, offset)) for offset in self.controls]
        self.lay_out(still, cells)

    def _word(self, model: int, offset: int, shows: Callable[[int], float], factor: float = 1.0) -> Cell:
        """A register that no driver's table names."""
        return Cell(Register(f"{model}.{offset}", "holding", self.starts[model] + offset, "u16", factor), shows)

    def _control(self, offset: int, now_ms: int) -> int:  # noqa: ARG002 - as every cell is asked
        return self.controls[offset]

    def _fixed_words(self) -> Iterator[tuple[int, list[int]]]:
        """Where what stands that never changes: marker, headers, names, and everything that is not there."""
        yield self.options.base, MARKER
        models = list(self.starts)
        for model, following in itertools.pairwise(models):
            start = self.starts[model]
            length = self.starts[following] - start - HEADER_WORDS
            blank = NOT_IMPLEMENTED["u16"] if model == CONTROLS else 0
            yield start, [model, length, *[blank] * length]
        yield self.starts[models[-1]], [models[-1], 0]
        for name, entry in DOCUMENT["models"][COMMON]["points"].items():
            size = 2 * int(entry["registers"])
            text = getattr(self.options, name).encode()[:size].ljust(size, b"\0")
            yield self.starts[COMMON] + int(entry["offset"]), to_words(text)
        for kind, offsets in BLANKS.items():
            yield from ((self.starts[INVERTER] + offset, [NOT_IMPLEMENTED[kind]]) for offset in offsets)
        yield self.starts[CONTROLS] + 24, [NOT_IMPLEMENTED["sf"]] * 2  # of OutPFSet and VArPct

    def _scale_power(self) -> None:
        """With a dynamic scale factor: the finest one whose register holds the power."""
        if self.options.dynamic_scale:
            exponent = next(found for found in (-1, 0, 1) if self.power <= POWER_RAW_MAX * 10.0**found)
            self._scales[POWER_SCALE] = exponent
            power = replace(self.table.registers["power"], factor=10.0**exponent)
            self.table = RegisterTable({**self.table.registers, "power": power}, self.table.max_registers)
            self._lay_out()

    def _registers(self) -> list[Point]:
        return [point for point in self.table.registers.values() if isinstance(point, Point)]

    def write(self, address: int, words: Sequence[int], now_ms: int) -> None:
        orders = dict(enumerate(words, address - self.starts[CONTROLS]))
        for offset, word in orders.items():
            self._judge(offset, word)  # all of them first
        if self.faults.has("deaf"):
            return
        self.controls |= orders
        if orders.keys() & {LIMIT, REVERT, ENABLED}:
            armed = self.options.honours_revert and self.controls[ENABLED] and self.controls[REVERT]
            self._revert_at_ms = now_ms + 1000 * self.controls[REVERT] if armed else NEVER_MS
        self._settle(now_ms)

    def _judge(self, offset: int, word: int) -> None:
        full = round(100 / 10.0**self.options.percent_exponent)
        highest = {CONNECTED: 1, LIMIT: full, WINDOW: 0xFFFF, REVERT: 0xFFFE, RAMP: 0xFFFF, ENABLED: 1}
        if word > highest.get(offset, -1):
            raise RefusedError(Refusal.ILLEGAL_VALUE if offset in highest else Refusal.ILLEGAL_ADDRESS)

    # -- faults --

    def on_fault(self, name: str, params: dict[str, Value], now_ms: int) -> None:
        super().on_fault(name, params, now_ms)
        scaled = {point.name for point in self._registers() if point.scale is not None}
        if name == "bad_scale_factor" and params["register"] not in ("", *scaled):
            raise ControlError(
                f"fault {name}: {params['register']} has no scale factor; {', '.join(sorted(scaled))} have"
            )
        if name == "broken_chain" and params["model"] not in self.starts:
            raise ControlError(
                f"fault {name}: no model {params['model']}; there are {', '.join(map(str, self.starts))}"
            )

    def _broken_image(self, now_ms: int) -> Image:
        image = super()._broken_image(now_ms)
        missing = {register.name for register in self._hit("not_available")}
        for point in self._registers():
            if point.name in missing:
                place(image, point, point.sentinel())
            for params in self.faults.all("bad_scale_factor"):
                if point.scale is not None and params["register"] in ("", point.name):
                    image["holding", point.scale] = int(params["raw"]) & 0xFFFF
        for params in self.faults.all("broken_chain"):
            image["holding", self.starts[int(params["model"])] + 1] = int(params["length"]) & 0xFFFF
        if self.faults.has("no_marker"):
            image |= {("holding", self.options.base + at): 0 for at in range(len(MARKER))}
        return image

    # -- plant and control --

    def to_plant(self, now_ms: int) -> Json:
        self.advance(now_ms)
        return {"kind": "inverter", "power_w": self.powers()}

    def from_plant(self, view: Json, now_ms: int) -> None:
        self.advance(now_ms)
        volts = view.get("voltage_v")
        if isinstance(volts, list):
            self.voltages = [number(volt, "voltage_v", 0, 500) for volt in volts]
        self.hertz = number(view.get("frequency_hz", self.hertz), "frequency_hz", 0, 100)
        if "pv_w" in view:
            self._plant_sun_w = number(view["pv_w"], "pv_w", 0, 1e6)
        self.supplied = bool(view.get("supplied", True))
        self._settle(now_ms)

    def set_physical(self, name: str, value: object, now_ms: int) -> None:
        self.advance(now_ms)
        match name:
            case "pv_w":
                self._own_sun_w = None if value == "plant" else number(value, name, 0, 1e6)
            case "fault":
                self.fault = int(number(value, name, 0, 0xFFFE))
            case "voltage":
                self.voltages = [number(value, name, 0, 500)] * 3
            case "temperature":
                self.temperature = number(value, name, -50, 150)
        self._settle(now_ms)

    def state(self, now_ms: int) -> Json:
        self.advance(now_ms)
        left_ms = self._revert_at_ms - now_ms if self._revert_at_ms != NEVER_MS else None
        return {
            "state": self.state_code(now_ms).name.lower(),
            "power_w": self.power,
            "sun_w": self.sun_w(),
            "limit_w": self.limit_w(),
            "limit_enabled": bool(self.controls[ENABLED]),
            "revert_in_ms": left_ms,
            "current_a": self.currents(),
            "energy_wh": self.energy_wh,
            "fault": self.fault,
        }


def _layout(options: Options) -> Iterator[tuple[int, int]]:
    """Each model's identifier and where it starts, in the order of the chain; the end of the chain comes last."""
    lengths = {COMMON: options.common_words, VENDOR: options.vendor_words, INVERTER: 50, CONTROLS: 24}
    at = options.base + len(MARKER)
    for model, length in lengths.items():
        if length:
            yield model, at
            at += HEADER_WORDS + length
    yield int(DOCUMENT["end"]), at


SHOWS: Mapping[str, Callable[[SunspecInverter, int], float]] = {
    "power": lambda box, _: box.power,
    "frequency": lambda box, _: box.hertz,
    "energy": lambda box, _: box.energy_wh,
    "temperature": lambda box, _: box.temperature,
    "state": SunspecInverter.state_code,
    "voltage_l1": lambda box, _: box.voltages[0],
    "voltage_l2": lambda box, _: box.voltages[1],
    "voltage_l3": lambda box, _: box.voltages[2],
    "current_l1": lambda box, _: box.currents()[0],
    "current_l2": lambda box, _: box.currents()[1],
    "current_l3": lambda box, _: box.currents()[2],
}
"""What each point of model 103 shows at a time, in the table's unit."""


def make(name: str, options: Options, now_ms: int) -> SunspecInverter:
    """The device that a house file describes."""
    return SunspecInverter(name, options, now_ms)
