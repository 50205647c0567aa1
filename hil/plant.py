"""The house around the simulated devices: loads, sun, grid connection, and what flows between them.

Rules: three phases; power in W. What the meter shows is `load + car - sun - battery` on every phase, import positive,
and the energies add up in the same way, because they are sums of the same numbers. The load and the clouds are
functions of the seed and the time since the start: one seed, one course, however often somebody looks.
The plant is told what the devices do and tells each of them its surroundings; a device that has stopped talking keeps
its last word here, as a car goes on charging when its wallbox's network is down.
It must never decide for the product: the battery's inverter simply covers the house, within the limits of the pack.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar, Literal

import msgspec

from hil.sim.device import Device, FaultKind, Json, number

SLOT_MS = 60_000  # loads and clouds change once a minute
VOLT, HERTZ, LINE_OHM = 230.0, 50.0, 0.15
Element = Literal["load", "pv", "battery", "wallbox"]
Three = list[float]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a house file may say about the plant.

    `contacts` puts an element behind a contact of the relay node: it is connected while that contact is closed.
    """

    load_w: tuple[float, float, float] = (400.0, 250.0, 150.0)
    load_swing: float = 0.3  # of the load, either way
    pv_w: float = 0.0
    pv_swing: float = 0.2
    battery_phases: tuple[int, ...] = (1, 2, 3)
    battery_w_max: float = 5000.0
    contacts: Mapping[int, Element] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.battery_phases or not set(self.battery_phases) <= {1, 2, 3}:
            raise ValueError("battery_phases must be some of 1, 2 and 3")


class Plant(Device):
    """The plant as a thing that can be asked and set like a device; its faults are those of the devices."""

    fault_kinds: ClassVar[tuple[FaultKind, ...]] = ()
    settable: ClassVar[Mapping[str, str]] = {
        "load_w": "W on each phase, without swing",
        "pv_w": "W at its best",
        "voltage_v": "V at the grid connection",
        "battery_w": "W, discharge positive, instead of covering the house; 'auto' ends that",
        "load_l1_w": "W on one phase",
        "load_l2_w": "W on one phase",
        "load_l3_w": "W on one phase",
    }

    def __init__(self, options: Options, seed: int, now_ms: int) -> None:
        super().__init__("plant")
        self.options, self.seed = options, seed
        self._start_ms = self._stepped_ms = now_ms
        self._load, self._load_swing, self._pv_peak = list(options.load_w), options.load_swing, options.pv_w
        self._battery_w: float | None = None
        self._volt = VOLT
        self._heard: dict[str, Json] = {}  # kind of device -> its last word
        self.sun_w = 0.0  # what the roof could give
        self.load: Three = [0.0] * 3
        self.pv: Three = [0.0] * 3
        self.car: Three = [0.0] * 3
        self.battery: Three = [0.0] * 3
        self.energy_wh = dict.fromkeys(("load", "pv", "car", "battery", "import", "export"), 0.0)
        self.step(now_ms)

    # -- physics --

    def grid(self) -> Three:
        """W through the meter, per phase, import positive."""
        return [
            load + car - pv - battery
            for load, car, pv, battery in zip(self.load, self.car, self.pv, self.battery, strict=True)
        ]

    def step(self, now_ms: int) -> None:
        """Count the energy of the time that has passed at the powers of before, then find the powers of now."""
        hours = (now_ms - self._stepped_ms) / 3_600_000
        self._stepped_ms = now_ms
        for name, powers in (("load", self.load), ("pv", self.pv), ("car", self.car), ("battery", self.battery)):
            self.energy_wh[name] += sum(powers) * hours
        self.energy_wh["import" if sum(self.grid()) > 0 else "export"] += abs(sum(self.grid())) * hours
        self._find_powers(now_ms)

    def _find_powers(self, now_ms: int) -> None:
        volts = self.voltages()
        swings = [1 + self._load_swing * self._chance(f"load{phase}", now_ms) for phase in range(3)]
        self.load = [watt * swing * self._connected("load") for watt, swing in zip(self._load, swings, strict=True)]
        self.sun_w = self._pv_peak * (1 - self.options.pv_swing * abs(self._chance("pv", now_ms)))
        produced = self._heard.get("inverter", {}).get("power_w")  # without an inverter all of the sun arrives
        suns = produced if isinstance(produced, list) else [self.sun_w / 3] * 3
        self.pv = [watt * self._connected("pv") for watt in suns]
        currents = self._heard.get("wallbox", {}).get("current_a", [0.0] * 3)
        amperes = currents if isinstance(currents, list) else [0.0] * 3
        self.car = [ampere * volt * self._connected("wallbox") for ampere, volt in zip(amperes, volts, strict=True)]
        self.battery = self._share_battery()

    def _share_battery(self) -> Three:
        pack = self._heard.get("battery", {})
        volt = float(str(pack.get("voltage_v", 0.0)))
        charge_max = float(str(pack.get("charge_a", 0.0))) * volt
        discharge_max = float(str(pack.get("discharge_a", 0.0))) * volt
        wanted = sum(self.load) + sum(self.car) - sum(self.pv) if self._battery_w is None else self._battery_w
        limit = self.options.battery_w_max
        watt = max(-min(charge_max, limit), min(discharge_max, limit, wanted)) * self._connected("battery")
        phases = set(self.options.battery_phases)
        return [watt / len(phases) if phase in phases else 0.0 for phase in (1, 2, 3)]

    def _chance(self, what: str, now_ms: int) -> float:
        """Between -1 and 1, the same for the whole minute, the same for the same seed."""
        slot = (now_ms - self._start_ms) // SLOT_MS
        return random.Random(f"{self.seed}/{what}/{slot}").uniform(-1, 1)

    def _connected(self, element: Element) -> bool:
        closed = self._heard.get("relays", {}).get("contacts", [])
        states = closed if isinstance(closed, list) else []
        behind = [contact for contact, name in self.options.contacts.items() if name == element]
        return not behind or any(states[contact - 1 : contact] == [True] for contact in behind)

    def voltages(self) -> Three:
        """V per phase: the grid's, less the drop on the line."""
        return [self._volt - LINE_OHM * watt / self._volt if self._volt else 0.0 for watt in self.grid()]

    # -- devices --

    def exchange(self, told: Json, now_ms: int) -> Json:
        """One device has told what it does; the reply is what it sees around itself."""
        kind = str(told.get("kind", ""))
        self._heard[kind] = told
        self.step(now_ms)
        match kind:
            case "battery":
                volt = float(str(told.get("voltage_v", 0.0)))
                charge_w = 0.0 - sum(self.battery)  # the pack counts charging as positive
                return {"current_a": charge_w / volt if volt else 0.0}
            case "meter":
                return {**self._meter()}
            case "wallbox":
                return {"voltage_v": self.voltages(), "supplied": self._connected("wallbox")}
            case "inverter":
                return {"voltage_v": self.voltages(), "supplied": self._connected("pv"), "pv_w": self.sun_w}
        return {}

    def _meter(self) -> dict[str, float]:
        volts, watts = self.voltages(), self.grid()
        view = {
            "frequency": HERTZ,
            "power": sum(watts),
            "energy_import": self.energy_wh["import"] / 1000,
            "energy_export": self.energy_wh["export"] / 1000,
        }
        for phase, (volt, watt) in enumerate(zip(volts, watts, strict=True), 1):
            view |= {f"voltage_l{phase}": volt, f"power_l{phase}": watt}
            view[f"current_l{phase}"] = abs(watt) / volt if volt else 0.0
        return view

    # -- control --

    def set_physical(self, name: str, value: object, now_ms: int) -> None:
        match name:
            case "load_w":
                self._load, self._load_swing = [number(value, name, 0, 1e6)] * 3, 0.0
            case "load_l1_w" | "load_l2_w" | "load_l3_w":
                self._load[int(name[6]) - 1], self._load_swing = number(value, name, 0, 1e6), 0.0
            case "pv_w":
                self._pv_peak = number(value, name, 0, 1e6)
            case "voltage_v":
                self._volt = number(value, name, 0, 500)
            case "battery_w":
                self._battery_w = None if value == "auto" else number(value, name, -1e6, 1e6)
        self.step(now_ms)

    def state(self, now_ms: int) -> Json:
        self.step(now_ms)
        return {
            "load_w": self.load,
            "pv_w": self.pv,
            "car_w": self.car,
            "battery_w": self.battery,
            "grid_w": self.grid(),
            "voltage_v": self.voltages(),
            "energy_wh": dict(self.energy_wh),
        }
