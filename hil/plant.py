"""The house around the simulated devices: loads, sun, grid connection, and what flows between them.

Rules: three phases; power in W. What the meter shows is `load + car - sun - battery` on every phase, import positive,
and the energies add up in the same way, because they are sums of the same numbers. What the house would take and the
sun would give are functions of the seed and the time since the start: one seed, one course, however often somebody
looks. The plant is told what the devices do, each by its name, and tells each of them its surroundings; a device that
has stopped talking keeps its last word here, as a car goes on charging when its wallbox's network is down.
Options stand in hil/plant_options.py, sun and loads in hil/plant_day.py, contacts in hil/plant_wiring.py, what their
movements did in hil/plant_watch.py and hil/plant_contacts.py, the grid and its fuses in hil/plant_grid.py, energies
in hil/plant_account.py, packs in hil/plant_packs.py, meters that are connected wrongly in hil/plant_meters.py.
It must never decide for the product: the battery's inverter simply covers the house, within the limits of the pack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, get_args

from hil import plant_day, plant_grid, plant_meters
from hil.plant_account import Account
from hil.plant_chance import Chance
from hil.plant_contacts import Contacts, carried
from hil.plant_day import Day
from hil.plant_grid import HERTZ, VOLT, Connection
from hil.plant_options import Options
from hil.plant_packs import Packs
from hil.plant_phases import PHASES, Three, amperes, three, total
from hil.plant_strings import Strings
from hil.plant_watch import Watch
from hil.plant_wiring import Closed, Element, Path
from hil.sim.device import ControlError, Device, FaultKind, Json, Value, number

__all__ = ["Options", "Plant"]
EVERYWHERE = [True] * 3
ELEMENTS: tuple[Element, ...] = get_args(Element)
METER_NAMES = [f"{what}_l{phase}" for what in ("voltage", "power", "current") for phase in PHASES]


class Plant(Device):
    """The plant as a thing that can be asked, set and broken like a device."""

    fault_kinds: ClassVar[tuple[FaultKind, ...]] = (*plant_grid.GRID_FAULTS, *plant_meters.WIRING_FAULTS)
    settable: ClassVar[Mapping[str, str]] = {
        **plant_day.SETTABLE,
        **plant_grid.SETTABLE,
        "battery_w": "W, discharge positive, instead of covering the house; 'auto' ends that",
        "string_w": "W at its best, of each string",
        "car_phases": "1, 2 or 3: how many phases the car uses, whatever it is given",
        "stubborn_car_a": "A on each connected phase, whatever the wallbox says; 0 is a polite car",
    }

    def __init__(self, options: Options, seed: int, now_ms: int) -> None:
        super().__init__("plant")
        self.options, self.seed = options, seed
        self._start_ms = self._stepped_ms = now_ms
        self._day = Day(options, Chance(seed))
        self.connection = Connection(options.fuse_a, self.faults)
        self._battery_w: float | None = None
        self._car_phases, self._stubborn_a = int(options.car_phases), 0.0
        self._heard: dict[str, Json] = {}  # name of a device -> its last word
        self._told_a, self._packs = [0.0] * 3, Packs()
        self._battery_at = [phase in options.battery_phases for phase in PHASES]
        self._battery_phases = len(set(options.battery_phases))
        self._inverter_w: Three | None = None
        self._closed: Closed = frozenset()
        self._ways = {element: options.ways(element) for element in ELEMENTS}
        self._joined_to = {element: options.joined(element, self._closed) for element in ELEMENTS}
        self._watch = Watch(options, self.note)
        self._contacts = Contacts(options.highest(), options.contact_rating_a, options.contact_welds, self.note)
        self._strings = Strings(options)
        self.account = Account(options.meters, options.bus is not None)
        self.sun_w = 0.0  # what the roof could give
        self.load, self.pv, self.car, self.battery, self.island = ([0.0] * 3 for _ in range(5))
        self._grid_w, self._volts, self._house_volts = [0.0] * 3, [VOLT] * 3, [VOLT] * 3
        self._grid_a: Three = [0.0] * 3
        self.step(now_ms)

    # -- physics --

    @property
    def energy_wh(self) -> dict[str, float]:
        """Energies of the whole house since the start."""
        return self.account.total_wh

    def taken(self) -> Three:
        """W that the house takes from grid or island, per phase."""
        load, car, pv, battery = self.load, self.car, self.pv, self.battery
        return [load[at] + car[at] - pv[at] - battery[at] for at in (0, 1, 2)]

    def grid(self) -> Three:
        """W through the connection to the grid, per phase, import positive."""
        return list(self._grid_w)

    def voltages(self) -> Three:
        """V per phase at the connection: the grid's, less the drop on the line."""
        return list(self._volts)

    def house_voltages(self) -> Three:
        """V per phase in the house: those of the grid, of the island's inverter, or none."""
        return list(self._house_volts)

    def step(self, now_ms: int) -> None:
        """Count what has flowed since the last time at the powers of then, then find the powers of now."""
        self._watch.pass_time(now_ms)
        elapsed_ms = now_ms - self._stepped_ms
        if elapsed_ms > 0:
            self._stepped_ms = now_ms
            hours = elapsed_ms / 3_600_000
            self.account.add(hours, self._flows(), self._grid_w)
            for name in self.options.meters:
                self.account.count(name, self._seen(name), hours)
            for phase in self.connection.fuses.step(self._grid_a, elapsed_ms):
                self.note(now_ms, "fuse_blown", phase=phase, ampere=self._grid_a[phase - 1])
            if self._contacts.count:
                self._contacts.step(self._contact_a(), elapsed_ms)
        self._find_powers(now_ms - self._start_ms)

    def _flows(self) -> dict[str, Three]:
        flows = {"load": self.load, "pv": self.pv, "car": self.car, "battery": self.battery}
        return flows if self.options.bus is None else {**flows, "island": self.island}

    def _find_powers(self, elapsed_ms: int) -> None:
        self.connection.look()
        alive = self._alive()
        self._find_voltages(alive)  # of the powers before: what takes by its amperes has that voltage
        volts = self._house_volts
        loads, self.sun_w = self._day.now(elapsed_ms)
        at_grid = self.options.bus is None or self.options.bus.grid in self._closed
        fed = self.connection.take(loads if at_grid else [0.0] * 3)  # also while nobody is there: what it was is over
        loads = fed if at_grid else loads
        self.load = self._where_joined("load", loads, alive)
        self._find_production(alive)
        self.car = self._where_joined("wallbox", [a * v for a, v in zip(self._car_a(), volts, strict=True)], alive)
        self.battery = self._where_joined("battery", self._share_battery(), alive)
        taken = self.taken()
        if self.options.bus is not None and self.options.bus.island in self._closed:
            self.island, self._grid_w = taken, [0.0] * 3
        else:
            self.island, self._grid_w = [0.0] * 3, taken
        self._find_voltages(alive)
        self._grid_a = amperes(self._grid_w, self._volts)

    def _alive(self) -> list[bool]:
        """Which phases of the house have a voltage."""
        bus = self.options.bus
        if bus is not None and bus.island in self._closed:
            return [True] * 3
        return self.connection.alive if bus is None or bus.grid in self._closed else [False] * 3

    def _find_voltages(self, alive: list[bool]) -> None:
        bus = self.options.bus
        self._volts = self._house_volts = self.connection.voltages(self._grid_w)
        if bus is not None and not (bus.grid in self._closed and any(self._volts)):
            self._house_volts = [VOLT * phase for phase in alive]

    def _find_production(self, alive: list[bool]) -> None:
        """What arrives of the sun: by the strings, by inverters that just say it, or all of it without any inverter."""
        if self.options.inverters:
            self._strings.step(self._heard, self.sun_w, self._closed, alive)
            self.pv = self._strings.all_watts()
            return
        self.pv = self._where_joined("pv", self._inverter_w or [self.sun_w / 3] * 3, alive)

    def _car_a(self) -> Three:
        """A on each phase of the house, if there is a voltage on it."""
        told = [self._stubborn_a] * 3 if self._stubborn_a else self._told_a
        drawn = [ampere * (phase <= self._car_phases) for phase, ampere in zip(PHASES, told, strict=True)]
        turned = plant_meters.rotation(self.faults) if self.faults.any() else 0
        return drawn[-turned:] + drawn[:-turned] if turned else drawn

    def _share_battery(self) -> Three:
        wanted = sum(self.load) + sum(self.car) - sum(self.pv) if self._battery_w is None else self._battery_w
        watt = self._packs.bounded(wanted, self.options.battery_w_max)
        return [watt / self._battery_phases if there else 0.0 for there in self._battery_at]

    # -- contacts --

    def _where_joined(self, element: Element, powers: Three, alive: list[bool]) -> Three:
        joined = self._joined_to[element]
        if joined == alive == EVERYWHERE:  # nearly always
            return powers
        return [watt if one and two else 0.0 for watt, one, two in zip(powers, joined, alive, strict=True)]

    def _paths(self) -> Iterator[Path]:
        """Every way through contacts with what flows there."""
        volts, bus = self._house_volts, self.options.bus
        flows: dict[Element, Three] = {"load": self.load, "pv": self.pv, "battery": self.battery, "wallbox": self.car}
        for element, powers in flows.items():
            for at, contacts, any_one in self._ways[element]:
                yield Path(contacts, abs(powers[at]) / volts[at] if volts[at] else 0.0, any_one)
        yield from self._strings.paths(volts)
        if bus is not None:
            yield Path((bus.grid,), max(self._grid_a))
            yield Path((bus.island,), max(amperes(self.island, volts)))

    def _contact_a(self) -> list[float]:
        """A through each contact."""
        return carried(self._paths(), self._closed, self._contacts.count) if self._contacts.count else []

    def _move(self, now_ms: int) -> None:
        """Contacts may have moved; what flowed until now is what they broke."""
        states = self._one("relays").get("contacts")
        closed = frozenset(
            at for at, state in enumerate(states if isinstance(states, list) else [], 1) if state is True
        )
        if closed == self._closed:
            return
        before, paths, was_live = self._closed, list(self._paths()), any(self._alive())
        self._closed = closed
        self._joined_to = {element: self.options.joined(element, closed) for element in ELEMENTS}
        self._contacts.move(before, closed, self._watch.move(closed, paths, was_live, now_ms))
        self.step(now_ms)
        self._contacts.settle(self._contact_a(), closed - before, now_ms)

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
        name = self.hear(told, now_ms)
        if now_ms > self._stepped_ms or kind in ("wallbox", "battery", "inverter"):
            self.step(now_ms)  # a meter that asks changes nothing
        return self.answer(name)

    def hear(self, told: Json, now_ms: int) -> str:
        """One device tells what it does, and its name comes back. What follows of it is found by the next step."""
        kind = str(told.get("kind", ""))
        name = str(told.get("name", kind))
        self._watch.pass_time(now_ms)
        if told != self._heard.get(name):
            self._heard[name] = {**told, "kind": kind}
            self._understand(name, kind, now_ms)
        return name

    def _understand(self, name: str, kind: str, now_ms: int) -> None:
        """What somebody has just said, as numbers."""
        match kind:
            case "relays":
                self._move(now_ms)
            case "wallbox":
                self._told_a = total(three(told, "current_a") for told in self._of("wallbox"))
            case "battery":
                self._packs.hear(name, self._heard[name])
            case "inverter" if not self.options.inverters:  # else the strings know them
                heard = [told for told in self._of("inverter") if isinstance(told.get("power_w"), list)]
                self._inverter_w = total(three(told, "power_w") for told in heard) or None

    def answer(self, name: str) -> Json:
        """What a device that has been heard sees around itself since the newest step."""
        kind = self._heard[name]["kind"]
        match kind:
            case "battery":
                volt = float(str(self._heard[name].get("voltage_v", 0.0)))
                charge_w = 0.0 - self._packs.share(name, sum(self.battery))  # the pack counts charging as positive
                return {"current_a": charge_w / volt if volt else 0.0}
            case "meter":
                return self._meter(name)
            case "wallbox":
                return self._around("wallbox", plant_meters.rotation(self.faults))
            case "inverter":
                return self._inverter(name)
            case "relays":
                return self._contacts.hand_over()
            case "panel":
                nodes = {
                    node: word.get("contacts", []) for node, word in self._heard.items() if word["kind"] == "relays"
                }
                return {"contacts": nodes}
        return {}

    def _around(self, element: Element, turned: int = 0) -> Json:
        """Voltage and supply of an element in the order of its own phases; its electronics are on its L1."""
        volts, alive = self._house_volts, self._alive()
        joined = [one and two for one, two in zip(self._joined_to[element], alive, strict=True)]
        if element in self.options.supply:
            volts = [volt * phase for volt, phase in zip(volts, joined, strict=True)]
        return {
            "voltage_v": volts[turned:] + volts[:turned],
            "supplied": joined[turned],
            "frequency_hz": self._hertz(),
        }

    def _hertz(self) -> float:
        """Hz in the house: an island makes its own."""
        bus = self.options.bus
        on_grid = bus is None or (bus.grid in self._closed and any(self._volts))
        return self.connection.hertz if on_grid else HERTZ

    def _inverter(self, name: str) -> Json:
        bus, wires = self.options.bus, self.options.inverters.get(name)
        if bus is not None and name == bus.inverter:  # it makes its own voltage, and what it gives is what is taken
            return {"voltage_v": [VOLT] * 3, "supplied": bus.island in self._closed, "pv_w": max(0.0, sum(self.island))}
        if wires is None:
            share = 0.0 if self.options.inverters else self.sun_w / len(self._of("inverter"))
            return {**self._around("pv"), "pv_w": share}
        around = self._strings.around(name, self._house_volts, self._closed)
        return {**around, "frequency_hz": self._hertz()}

    def _seen(self, meter: str) -> Three:
        """W that flows where a meter sits, on each phase."""
        seen, bus = self.options.meters.get(meter), self.options.bus
        if seen is None:
            return self._grid_w
        flows = {"house": self.taken(), "wallbox": self.car, **self._flows(), **self._strings.watts}
        if bus is not None:
            flows[bus.inverter] = self.island
        return total([flows[name] for name in seen])

    def _meter(self, name: str) -> Json:
        at_grid = name not in self.options.meters
        volts = self._volts if at_grid else self._house_volts
        total_wh = self.account.total_wh
        counts = [total_wh["import"], total_wh["export"]] if at_grid else self.account.meters_wh[name]
        hertz = self.connection.hertz if at_grid else self._hertz()
        volts, watts, shown_a = plant_meters.measured(name, volts, self._seen(name), self.faults)
        return {
            "frequency": hertz if any(volts) else 0.0,
            "power": sum(watts),
            "energy_import": counts[0] / 1000,
            "energy_export": counts[1] / 1000,
            **dict(zip(METER_NAMES, (*volts, *watts, *shown_a), strict=True)),
        }

    # -- control --

    def control(self, request: Mapping[str, object], now_ms: int) -> Json:
        reply = super().control(request, now_ms)
        self.step(now_ms)  # at the powers of before until now, and then with what is set and broken from now on
        return reply

    def on_fault(self, name: str, params: dict[str, Value], now_ms: int) -> None:  # noqa: ARG002
        if name in plant_grid.NAMES:
            plant_grid.check(name, params)
            return
        meters = sorted(meter for meter, word in self._heard.items() if word["kind"] == "meter")
        plant_meters.check(name, params, meters)

    def set_physical(self, name: str, value: object, now_ms: int) -> None:
        match name:
            case "string_w":
                strings = len(self.options.users(self._closed))
                if not strings:
                    raise ControlError("this house has no strings; set pv_w")
                self._day.set_physical("pv_w", strings * number(value, name, 0, 1e6), 0)
            case "car_phases":
                self._car_phases = int(number(value, name, 1, 3))
            case "stubborn_car_a":
                self._stubborn_a = number(value, name, 0, 100)
            case "battery_w":
                self._battery_w = None if value == "auto" else number(value, name, -1e6, 1e6)
            case _ if name in plant_grid.SETTABLE:
                self.connection.set_physical(name, value)
            case _:
                self._day.set_physical(name, value, now_ms - self._start_ms)

    def state(self, now_ms: int) -> Json:
        self.step(now_ms)
        view: Json = {
            "load_w": self.load,
            "pv_w": self.pv,
            "car_w": self.car,
            "battery_w": self.battery,
            "grid_w": self.grid(),
            "grid_a": self._grid_a,
            "car_a": amperes(self.car, self._house_volts),
            "neutral_a": self.connection.neutral_a(self._grid_w),
            "voltage_v": self.voltages(),
            "grid_hz": self.connection.hertz,
            "fuse_blown": list(self.connection.fuses.blown),
            "fuse_heat": self.connection.fuses.heats(),
            "sun_w": self.sun_w,
            **self._day.state(now_ms - self._start_ms),
            **self.account.state(),
            **self._contacts.state(self._contact_a()),
            **self._watch.state(),
        }
        if self.options.inverters:
            view |= {"inverters_w": self._strings.watts, "suns_w": self._strings.suns}
        if self.options.bus is not None:
            view |= {"island_w": self.island, "house_v": self.house_voltages()}
        return view
