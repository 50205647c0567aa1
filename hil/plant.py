"""The house around the simulated devices: loads, sun, grid connection, and what flows between them.

Rules: three phases; power in W. What the meter shows is `load + car - sun - battery` on every phase, import positive,
and the energies add up in the same way, because they are sums of the same numbers. The load and the clouds are
functions of the seed and the time since the start: one seed, one course, however often somebody looks.
The plant is told what the devices do, each by its name, and tells each of them its surroundings; a device that has
stopped talking keeps its last word here, as a car goes on charging when its wallbox's network is down.
Contacts stand in hil/plant_wiring.py, and what their movements did is remembered in hil/plant_watch.py.
It must never decide for the product: the battery's inverter simply covers the house, within the limits of the pack.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from hil.plant_phases import PHASES, Three, amperes, three, total
from hil.plant_strings import Strings
from hil.plant_watch import Watch
from hil.plant_wiring import Closed, Element, Path, Wires
from hil.sim.device import ControlError, Device, FaultKind, Json, number

SLOT_MS = 60_000  # loads and clouds change once a minute
VOLT, HERTZ, LINE_OHM = 230.0, 50.0, 0.15


class Options(Wires, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a house file may say about the plant; `Wires` has what it may say about contacts."""

    load_w: tuple[float, float, float] = (400.0, 250.0, 150.0)
    load_swing: float = 0.3  # of the load, either way
    pv_w: float = 0.0
    pv_swing: float = 0.2
    battery_phases: tuple[int, ...] = (1, 2, 3)
    battery_w_max: float = 5000.0
    car_phases: Literal[1, 2, 3] = 3  # of the car; fewer than the wallbox offers it is a car that stays on them

    def __post_init__(self) -> None:
        super().__post_init__()
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
        "grid_v": "the same as voltage_v; 0 is an outage",
        "string_w": "W at its best, of each string",
        "car_phases": "1, 2 or 3: how many phases the car uses, whatever it is given",
        "stubborn_car_a": "A on each connected phase, whatever the wallbox says; 0 is a polite car",
    }

    def __init__(self, options: Options, seed: int, now_ms: int) -> None:
        super().__init__("plant")
        self.options, self.seed = options, seed
        self._start_ms = self._stepped_ms = now_ms
        self._load, self._load_swing, self._pv_peak = list(options.load_w), options.load_swing, options.pv_w
        self._battery_w: float | None = None
        self._volt = VOLT
        self._car_phases, self._stubborn_a = int(options.car_phases), 0.0
        self._heard: dict[str, Json] = {}  # name of a device -> its last word
        self._closed: Closed = frozenset()
        self._watch = Watch(options, self.note)
        self._strings = Strings(options)
        self.sun_w = 0.0  # what the roof could give
        self.load: Three = [0.0] * 3
        self.pv: Three = [0.0] * 3
        self.car: Three = [0.0] * 3
        self.battery: Three = [0.0] * 3
        self.island: Three = [0.0] * 3
        self.energy_wh = dict.fromkeys(("load", "pv", "car", "battery", "import", "export"), 0.0)
        if options.bus is not None:
            self.energy_wh["island"] = 0.0
        self._meter_wh = {name: [0.0, 0.0] for name in options.meters}  # import, export
        self.step(now_ms)

    # -- physics --

    def taken(self) -> Three:
        """W that the house takes from grid or island, per phase."""
        return [
            load + car - pv - battery
            for load, car, pv, battery in zip(self.load, self.car, self.pv, self.battery, strict=True)
        ]

    def grid(self) -> Three:
        """W through the connection to the grid, per phase, import positive."""
        return [taken - island for taken, island in zip(self.taken(), self.island, strict=True)]

    def step(self, now_ms: int) -> None:
        """Count the energy of the time that has passed at the powers of before, then find the powers of now."""
        self._watch.pass_time(now_ms)
        hours = (now_ms - self._stepped_ms) / 3_600_000
        self._stepped_ms = now_ms
        for name, powers in self._flows().items():
            self.energy_wh[name] += sum(powers) * hours
        self.energy_wh["import" if sum(self.grid()) > 0 else "export"] += abs(sum(self.grid())) * hours
        for name, counts in self._meter_wh.items():
            watt = sum(self._seen(name))
            counts[0 if watt > 0 else 1] += abs(watt) * hours
        self._find_powers(now_ms)

    def _flows(self) -> dict[str, Three]:
        flows = {"load": self.load, "pv": self.pv, "car": self.car, "battery": self.battery}
        return flows if self.options.bus is None else {**flows, "island": self.island}

    def _find_powers(self, now_ms: int) -> None:
        volts = self.house_voltages()
        swings = [1 + self._load_swing * self._chance(f"load{phase}", now_ms) for phase in range(3)]
        loads = [watt * swing for watt, swing in zip(self._load, swings, strict=True)]
        self.load = self._where_joined("load", loads)
        self.sun_w = self._pv_peak * (1 - self.options.pv_swing * abs(self._chance("pv", now_ms)))
        self._find_production()
        self.car = self._where_joined("wallbox", [a * volt for a, volt in zip(self._car_a(), volts, strict=True)])
        self.battery = self._where_joined("battery", self._share_battery())
        islanded = self.options.bus is not None and self.options.bus.island in self._closed
        self.island = self.taken() if islanded else [0.0] * 3

    def _find_production(self) -> None:
        """What arrives of the sun: by the strings, by inverters that just say it, or all of it without any inverter."""
        self._strings.step(self._heard, self.sun_w, self._closed, self._live())
        if self.options.inverters:
            self.pv = self._strings.all_watts()
            return
        heard = [told for told in self._of("inverter") if isinstance(told.get("power_w"), list)]
        suns = total(three(told, "power_w") for told in heard) or [self.sun_w / 3] * 3
        self.pv = self._where_joined("pv", suns)

    def _car_a(self) -> Three:
        """A on each phase, if there is a voltage on it."""
        told = [self._stubborn_a] * 3 if self._stubborn_a else three(self._one("wallbox"), "current_a")
        return [ampere * (phase <= self._car_phases) for phase, ampere in zip(PHASES, told, strict=True)]

    def _share_battery(self) -> Three:
        pack = self._one("battery")
        volt = float(str(pack.get("voltage_v", 0.0)))
        charge_max = float(str(pack.get("charge_a", 0.0))) * volt
        discharge_max = float(str(pack.get("discharge_a", 0.0))) * volt
        wanted = sum(self.load) + sum(self.car) - sum(self.pv) if self._battery_w is None else self._battery_w
        limit = self.options.battery_w_max
        watt = max(-min(charge_max, limit), min(discharge_max, limit, wanted))
        phases = set(self.options.battery_phases)
        return [watt / len(phases) if phase in phases else 0.0 for phase in PHASES]

    def _chance(self, what: str, now_ms: int) -> float:
        """Between -1 and 1, the same for the whole minute, the same for the same seed."""
        slot = (now_ms - self._start_ms) // SLOT_MS
        return random.Random(f"{self.seed}/{what}/{slot}").uniform(-1, 1)

    # -- contacts --

    def _joined(self, element: Element) -> list[bool]:
        """Whether an element is connected to a house that has a voltage, on each phase."""
        return [self._live() and joined for joined in self.options.joined(element, self._closed)]

    def _where_joined(self, element: Element, powers: Three) -> Three:
        return [watt * joined for watt, joined in zip(powers, self._joined(element), strict=True)]

    def _live(self) -> bool:
        """Only a house that can leave the grid can be without a voltage here."""
        bus = self.options.bus
        return bus is None or bus.island in self._closed or (bus.grid in self._closed and self._volt > 0)

    def voltages(self) -> Three:
        """V per phase: the grid's, less the drop on the line."""
        return [max(0.0, self._volt - LINE_OHM * watt / self._volt) if self._volt else 0.0 for watt in self.grid()]

    def house_voltages(self) -> Three:
        """V per phase in the house: those of the grid, of the island's inverter, or none."""
        bus = self.options.bus
        if bus is None or (self._volt > 0 and bus.grid in self._closed):
            return self.voltages()
        return [VOLT if self._live() else 0.0] * 3

    def _paths(self) -> Iterator[Path]:
        """Every way through contacts with what flows there."""
        volts, bus = self.house_voltages(), self.options.bus
        flows: dict[Element, Three] = {"load": self.load, "pv": self.pv, "battery": self.battery, "wallbox": self.car}
        for element, powers in flows.items():
            yield from self.options.paths(element, amperes(powers, volts))
        yield from self._strings.paths(volts)
        if bus is not None:
            yield Path((bus.grid,), max(amperes(self.grid(), self.voltages())))
            yield Path((bus.island,), max(amperes(self.island, volts)))

    # -- devices --

    def _of(self, kind: str) -> list[Json]:
        """The last words of all devices of a kind, in the order of their names; but not of the one of the island."""
        island = None if self.options.bus is None else self.options.bus.inverter
        return [told for name, told in sorted(self._heard.items()) if told["kind"] == kind and name != island]

    def _one(self, kind: str) -> Json:
        """The last word of the first device of a kind."""
        return next(iter(self._of(kind)), {})

    def exchange(self, told: Json, now_ms: int) -> Json:
        """One device has told what it does; the reply is what it sees around itself."""
        kind = str(told.get("kind", ""))
        name = str(told.get("name", kind))
        self._watch.pass_time(now_ms)
        self._heard[name] = {**told, "kind": kind}
        if kind == "relays":
            self._move(now_ms)
        self.step(now_ms)
        match kind:
            case "battery":
                volt = float(str(told.get("voltage_v", 0.0)))
                charge_w = 0.0 - sum(self.battery)  # the pack counts charging as positive
                return {"current_a": charge_w / volt if volt else 0.0}
            case "meter":
                return {**self._meter(name)}
            case "wallbox":
                return self._around("wallbox")
            case "inverter":
                return self._inverter(name)
            case "panel":
                nodes = {
                    node: word.get("contacts", []) for node, word in self._heard.items() if word["kind"] == "relays"
                }
                return {"contacts": nodes}
        return {}

    def _move(self, now_ms: int) -> None:
        """Contacts may have moved; what flowed until now is what they broke."""
        paths, was_live = list(self._paths()), self._live()
        states = self._one("relays").get("contacts")
        self._closed = frozenset(
            at for at, state in enumerate(states if isinstance(states, list) else [], 1) if state is True
        )
        self._watch.move(self._closed, paths, was_live, now_ms)

    def _around(self, element: Element) -> Json:
        """Voltage and supply of an element; its electronics are on L1."""
        volts, joined = self.house_voltages(), self._joined(element)
        if element in self.options.supply:
            volts = [volt * phase for volt, phase in zip(volts, joined, strict=True)]
        return {"voltage_v": volts, "supplied": joined[0]}

    def _inverter(self, name: str) -> Json:
        bus, wires = self.options.bus, self.options.inverters.get(name)
        if bus is not None and name == bus.inverter:  # it makes its own voltage, and what it gives is what is taken
            return {"voltage_v": [VOLT] * 3, "supplied": bus.island in self._closed, "pv_w": max(0.0, sum(self.island))}
        if wires is None:
            share = 0.0 if self.options.inverters else self.sun_w / len(self._of("inverter"))
            return {**self._around("pv"), "pv_w": share}
        return self._strings.around(name, self.house_voltages(), self._closed)

    def _seen(self, meter: str) -> Three:
        """W that a meter sees on each phase."""
        bus = self.options.bus
        flows = {"house": self.taken(), "wallbox": self.car, **self._flows(), **self._strings.watts}
        if bus is not None:
            flows[bus.inverter] = self.island
        seen = self.options.meters.get(meter)
        return self.grid() if seen is None else total(flows[name] for name in seen)

    def _meter(self, name: str) -> dict[str, float]:
        at_grid, watts = name not in self.options.meters, self._seen(name)
        volts = self.voltages() if at_grid else self.house_voltages()
        counts = [self.energy_wh["import"], self.energy_wh["export"]] if at_grid else self._meter_wh[name]
        view = {
            "frequency": HERTZ if any(volts) or self.options.bus is None else 0.0,
            "power": sum(watts),
            "energy_import": counts[0] / 1000,
            "energy_export": counts[1] / 1000,
        }
        for phase, watt, volt, ampere in zip(PHASES, watts, volts, amperes(watts, volts), strict=True):
            view |= {f"voltage_l{phase}": volt, f"power_l{phase}": watt, f"current_l{phase}": ampere}
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
            case "string_w":
                strings = len(self.options.users(self._closed))
                if not strings:
                    raise ControlError("this house has no strings; set pv_w")
                self._pv_peak = strings * number(value, name, 0, 1e6)
            case "car_phases":
                self._car_phases = int(number(value, name, 1, 3))
            case "stubborn_car_a":
                self._stubborn_a = number(value, name, 0, 100)
            case "voltage_v" | "grid_v":
                self._volt = number(value, name, 0, 500)
            case "battery_w":
                self._battery_w = None if value == "auto" else number(value, name, -1e6, 1e6)
        self.step(now_ms)

    def state(self, now_ms: int) -> Json:
        self.step(now_ms)
        view: Json = {
            "load_w": self.load,
            "pv_w": self.pv,
            "car_w": self.car,
            "battery_w": self.battery,
            "grid_w": self.grid(),
            "voltage_v": self.voltages(),
            "energy_wh": dict(self.energy_wh),
            **self._watch.state(),
        }
        if self.options.inverters:
            view |= {"inverters_w": self._strings.watts, "suns_w": self._strings.suns}
        if self.options.bus is not None:
            view |= {"island_w": self.island, "house_v": self.house_voltages()}
        return view
