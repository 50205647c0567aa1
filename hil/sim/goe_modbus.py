"""A go-e Charger (hardware V3 and later) on Modbus TCP, with or without a car.

Source: go-e "Modbus TCP" API description, firmware 60.4; dbc/goe_modbus.yaml for the registers.
Rules: function codes 3, 4 and 16 only, 5 and 6 are refused. Register 299 is volatile, 300 wears the flash (counted).
There is no watchdog: the last order stays in force for ever, whoever dies. A power cycle forgets 299 and 337.
When the offer ends the station gives the car 5 s to stop and then opens its contactor by itself.
It must never take 0 A for an offer: below 6 A it refuses the write, and only force_state stops charging.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from functools import partial
from typing import ClassVar, Literal

import msgspec

from hil.sim.car import POLITE, Car, Manners
from hil.sim.device import ControlError, FaultKind, Json, number
from hil.sim.modbus import (
    MODBUS_FAULTS,
    READ_HOLDING,
    READ_INPUT,
    WRITE_MULTIPLE,
    ModbusDevice,
    Refusal,
    RefusedError,
)
from hil.sim.register_block import Cell, Image
from hil.sim.register_table import Register, load

TABLE = load("goe_modbus.yaml")
AMPERE_VOLATILE, AMPERE_EEPROM, PHASE_MODE, FORCE_STATE = 299, 300, 332, 337
AMPERE_MIN, AMPERE_MAX = 6, 32
CUT_OFF_MS = 5000
LOAD_A = 1.0  # a contactor that opens with more than this breaks a load
PHASE_SWITCH_MS = 10_000  # psmd: the pause that the charger makes for a phase switch
MAPPED = {"input": range(100, 340), "holding": range(200, 340)}
BLANK: Image = {(table, at): 0 for table, addresses in MAPPED.items() for at in addresses}  # what nobody explains
FLASH = Register("ampere_flash", "holding", AMPERE_EEPROM, "u16", 1.0)  # in no table: no driver has any business there


CAR_FAULTS = (  # what an ill-mannered car does, hil/sim/car.py
    FaultKind("obstinate", "the car keeps its current whatever it is offered, until the contactor opens"),
    FaultKind("car_never_stops", "the car keeps its current when the offer ends, until the contactor opens"),
    FaultKind("car_stays_on_one_phase", "once it has charged on one phase it stays there until it is replugged"),
    FaultKind(
        "car_takes_more",
        "the car takes so many percent more than it is offered, and at the beginning so many A for so many ms",
        {"percent": 10.0, "rush_a": 20.0, "rush_ms": 400},
    ),
    FaultKind("car_takes_less", "the car takes so many A less than it is offered: 5.5 A of 6 A", {"ampere": 0.5}),
    FaultKind(
        "car_sleeps", "after so many s without an offer it wakes up only when it is replugged", {"after_s": 60.0}
    ),
    FaultKind("car_flaps", "the car falls from C to B and back once every so many ms", {"ms": 6000}),
)


class CarState(IntEnum):
    """CAR_STATE of the table."""

    NO_CAR = 1
    CHARGING = 2
    WAITING = 3
    COMPLETE = 4
    ERROR = 5


class Force(IntEnum):
    """FORCE_STATE of the table."""

    NEUTRAL = 0
    OFF = 1
    ON = 2


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a house file may say about one wallbox and its car."""

    unit: int = 1
    car: Literal["none", "plugged", "full"] = "plugged"
    car_phases: Literal[1, 2, 3] = 3
    car_ampere_max: float = 16.0
    ampere: int = 16  # what the flash says, and the charger starts with
    cable_ampere: int = 32

    def __post_init__(self) -> None:
        if not 1 <= self.unit <= 247:
            raise ValueError("unit must be 1 to 247")
        if not AMPERE_MIN <= self.ampere <= AMPERE_MAX:
            raise ValueError(f"ampere must be {AMPERE_MIN} to {AMPERE_MAX}")


class GoeCharger(ModbusDevice):
    """The charger; its car is a `Car`."""

    table = TABLE
    codes = (READ_HOLDING, READ_INPUT, WRITE_MULTIPLE)
    fault_kinds = (
        *MODBUS_FAULTS,
        *CAR_FAULTS,
        FaultKind("welded", "the charger's contactor does not open"),
        FaultKind("deaf", "acknowledges writes and does nothing"),
    )
    settable: ClassVar[Mapping[str, str]] = {
        "car": "none, plugged or full",
        "replug": "any value: the car's plug out and in again",
        "error": "code of register 107; 0 is none",
        "voltage": "V on every phase; the plant overwrites it",
        "ampere": "A, as if the vendor's app had set it",
        "force_state": "0, 1 or 2, likewise",
        "power_cycle": "any value: off and on again",
    }

    def __init__(self, name: str, options: Options, now_ms: int) -> None:
        super().__init__(name, options.unit)
        self.options = options
        self.car: Car | None = None
        self.ampere_flash, self.flash_writes = options.ampere, 0
        self.ampere, self.force, self.phase_mode, self.error = options.ampere, Force.NEUTRAL, 0, 0
        self.voltages, self.energy_kwh, self.supplied = [230.0] * 3, 0.0, True
        self._stepped_ms = self._offer_ended_ms = now_ms
        self._paused_until_ms, self.phases_used = now_ms, 3
        self.contactor = False
        self.broken_under_load_count, self.broken_a = 0, 0.0  # by its contactor; the most of all times
        self._plug(options.car)
        cells = [Cell(register, partial(SHOWS[name], self)) for name, register in TABLE.registers.items()]
        self.lay_out(BLANK, (*cells, Cell(FLASH, lambda _: self.ampere_flash)))

    # -- charging --

    def offer(self, now_ms: int) -> float:
        """A per phase on the pilot; 0 when nothing is offered."""
        allowed = self.force is not Force.OFF and not self.error and self.supplied and now_ms >= self._paused_until_ms
        return float(min(self.ampere, self.options.cable_ampere)) if allowed and self.car is not None else 0.0

    def advance(self, now_ms: int) -> None:
        if now_ms != self._stepped_ms:
            elapsed_h = (now_ms - self._stepped_ms) / 3_600_000
            self._stepped_ms = now_ms
            self.energy_kwh += self.power() / 1000 * elapsed_h
        if self.car is None:
            self.contactor = self.faults.has("welded") and self.contactor
            return
        offer = self.offer(now_ms)
        if offer > 0:
            self._offer_ended_ms = now_ms
        broken = self.faults.any()
        self.car.manners = self._manners() if broken else POLITE
        current = self.car.step(offer, now_ms, obstinate=broken and self.faults.has("obstinate"))
        if offer > 0 and self.car.state == "C":
            self.contactor = True
        late = now_ms - self._offer_ended_ms >= CUT_OFF_MS
        done = current < 0.5 or late if offer == 0 else self.car.state == "B"
        if done and not self.faults.has("welded"):
            self._open(current)
        if not self.contactor or not self.supplied:
            self.car.cut_off()
            self.phases_used = 1 if self.phase_mode == 1 else 3  # phases change only while no current can flow

    def _open(self, current: float) -> None:
        if self.contactor and current > LOAD_A:
            self.broken_under_load_count += 1
            self.broken_a = max(self.broken_a, current)
        self.contactor = False

    def _manners(self) -> Manners:
        """What the faults make of the car."""
        more, less = self.faults.get("car_takes_more"), self.faults.get("car_takes_less")
        sleeps, flaps = self.faults.get("car_sleeps"), self.faults.get("car_flaps")
        return Manners(
            never_stops=self.faults.has("car_never_stops"),
            one_phase=self.faults.has("car_stays_on_one_phase"),
            more_percent=float(more["percent"]) if more else 0.0,
            rush_a=float(more["rush_a"]) if more else 0.0,
            rush_ms=int(more["rush_ms"]) if more else 0,
            less_a=float(less["ampere"]) if less else 0.0,
            sleeps_after_ms=round(1000 * float(sleeps["after_s"])) if sleeps else None,
            flaps_ms=int(flaps["ms"]) if flaps else 0,
        )

    def pilot(self, now_ms: int) -> str:
        """The control pilot: A, B or C, with 2 when amperes are offered and 1 when not."""
        return f"{self.car.state if self.car is not None else 'A'}{2 if self.offer(now_ms) > 0 else 1}"

    def currents(self) -> list[float]:
        """A on L1, L2, L3; none where there is no voltage."""
        if self.car is None or not self.car.ampere:
            return [0.0] * 3
        used = self.car.uses(self.phases_used)
        return [self.car.ampere * (at < used and volt > 0) for at, volt in enumerate(self.voltages)]

    def power(self) -> float:
        """W."""
        return sum([ampere * volt for ampere, volt in zip(self.currents(), self.voltages, strict=True)])

    def car_state(self, now_ms: int) -> CarState:
        """As register 100 tells it."""
        if self.error:
            return CarState.ERROR
        if self.car is None:
            return CarState.NO_CAR
        if sum(self.currents()) > 0.1:
            return CarState.CHARGING
        return CarState.COMPLETE if self.car.full and self.offer(now_ms) > 0 else CarState.WAITING

    def _plug(self, what: str) -> None:
        if what not in ("none", "plugged", "full"):
            raise ControlError(f"car must be none, plugged or full, not {what!r}")
        if what == "none":
            self.car = None
            return
        self.car = self.car or Car(self.options.car_phases, self.options.car_ampere_max)
        self.car.full = what == "full"

    # -- wire --

    def reachable(self) -> bool:
        return self.supplied

    def write(self, address: int, words: Sequence[int], now_ms: int) -> None:
        orders = dict(enumerate(words, address))
        for at, word in orders.items():
            self._judge(at, word)  # all of them first: a write is done as a whole or not at all
        if not self.faults.has("deaf"):
            for at, word in orders.items():
                self._order(at, word, now_ms)
            self.advance(now_ms)

    def _judge(self, address: int, word: int) -> None:
        allowed = {
            AMPERE_VOLATILE: range(AMPERE_MIN, AMPERE_MAX + 1),
            AMPERE_EEPROM: range(AMPERE_MIN, AMPERE_MAX + 1),
            PHASE_MODE: range(3),
            FORCE_STATE: range(3),
        }
        if address not in allowed:
            raise RefusedError(Refusal.ILLEGAL_ADDRESS)
        if word not in allowed[address]:
            raise RefusedError(Refusal.ILLEGAL_VALUE)

    def _order(self, address: int, word: int, now_ms: int) -> None:
        if address == FORCE_STATE:
            self.force = Force(word)
        elif address == PHASE_MODE:
            if (word == 1) != (self.phase_mode == 1):
                self._paused_until_ms = now_ms + PHASE_SWITCH_MS
            self.phase_mode = word
        else:
            self.ampere = word
            if address == AMPERE_EEPROM:
                self.ampere_flash, self.flash_writes = word, self.flash_writes + 1

    # -- plant and control --

    def to_plant(self, now_ms: int) -> Json:
        self.advance(now_ms)
        return {"kind": "wallbox", "current_a": self.currents()}

    def from_plant(self, view: Json, now_ms: int) -> None:
        volts = view.get("voltage_v")
        if isinstance(volts, list):
            self.voltages = [number(volt, "voltage_v", 0, 500) for volt in volts]
        supplied = bool(view.get("supplied", True))
        if self.supplied and not supplied:
            self.set_physical("power_cycle", True, now_ms)
        self.supplied = supplied
        self.advance(now_ms)

    def set_physical(self, name: str, value: object, now_ms: int) -> None:
        self.advance(now_ms)
        match name:
            case "car":
                self._plug(str(value))
            case "replug":
                if self.car is not None:
                    self.car.replug()
                    self.contactor = self.faults.has("welded") and self.contactor
            case "power_cycle":
                self.ampere, self.force, self.contactor = self.ampere_flash, Force.NEUTRAL, False
            case "voltage":
                self.voltages = [number(value, name, 0, 500)] * 3
            case "error":
                self.error = int(number(value, name, 0, 65535))
            case "ampere":
                self.ampere = int(number(value, name, AMPERE_MIN, AMPERE_MAX))
            case "force_state":
                self.force = Force(int(number(value, name, 0, 2)))

    def state(self, now_ms: int) -> Json:
        self.advance(now_ms)
        return {
            "car_state": self.car_state(now_ms).name.lower(),
            "offered_a": self.offer(now_ms),
            "current_a": self.currents(),
            "power_w": self.power(),
            "contactor": self.contactor,
            "pilot": self.pilot(now_ms),
            "broken_under_load_count": self.broken_under_load_count,
            "broken_a": self.broken_a,
            "ampere": self.ampere,
            "ampere_flash": self.ampere_flash,
            "flash_writes": self.flash_writes,
            "force_state": self.force.value,
            "phase_mode": self.phase_mode,
            "phases_used": self.phases_used,
            "error": self.error,
            "energy_kwh": self.energy_kwh,
        }


SHOWS: Mapping[str, Callable[[GoeCharger, int], float]] = {
    "car_state": GoeCharger.car_state,
    "cable_ampere": lambda box, _: box.options.cable_ampere if box.car is not None else 0,
    "error": lambda box, _: box.error,
    "voltage_l1": lambda box, _: box.voltages[0],
    "voltage_l2": lambda box, _: box.voltages[1],
    "voltage_l3": lambda box, _: box.voltages[2],
    "current_l1": lambda box, _: box.currents()[0],
    "current_l2": lambda box, _: box.currents()[1],
    "current_l3": lambda box, _: box.currents()[2],
    "power": lambda box, _: box.power(),
    "energy_total": lambda box, _: box.energy_kwh,
    "allow": lambda box, now_ms: box.offer(now_ms) > 0,
    "phases": lambda box, _: 0b111_000 | ((1 << box.phases_used) - 1) * box.contactor,  # before | after the contactor
    "ampere": lambda box, _: box.ampere,
    "phase_mode": lambda box, _: box.phase_mode,
    "force_state": lambda box, _: box.force,
}
"""What each register of the table shows at a time, in the table's unit."""


def make(name: str, options: Options, now_ms: int) -> GoeCharger:
    """The device that a house file describes."""
    return GoeCharger(name, options, now_ms)
