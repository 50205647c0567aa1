"""Three wallboxes behind one fuse of 35 A, loaded from documents as a person writes them, and the plant around them.

The plant knows nothing of the supervisor: conductors carry what flows, cars follow late, the kitchen does what it
likes, and the meter tells it late. What was right is judged from the conductors, never from what the meter said.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kernel_toys import START_MS, ask, replace

from supervisor.kernel.cycle import Result, step
from supervisor.kernel.event import Event
from supervisor.kernel.image import absorb, blank
from supervisor.kernel.lease import Request
from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.signal import Quality, Sample
from supervisor.kernel.state import State, boot
from supervisor.loader.load import load

SITE = """\
site: Three wallboxes on one fuse
cycle: 100 ms
start_grace: 10 s
buses:
  lan: {kind: modbus, transport: tcp, simulated: true}
devices:
  meter: {driver: sdm630_modbus, bus: lan, options: {host: 127.0.0.1, port: 1}}
  pv:
    driver: sunspec_modbus
    bus: lan
    optional: true
    options: {host: 127.0.0.1, port: 2, rating_w: 10000}
    targets: {power_limit: {silence: 0 W, hold: 5 s, ramp: 1 kW/s}}
  box1:
    driver: goe_modbus
    bus: lan
    options: {host: 127.0.0.1, port: 3, max_ampere: 16}
    targets: {current: {silence: 0 A, hold: 5 s, ramp: 2 A/s}}
  box2:
    driver: goe_modbus
    bus: lan
    options: {host: 127.0.0.1, port: 4, max_ampere: 16}
    targets: {current: {silence: 0 A, hold: 5 s, ramp: 2 A/s}}
  box3:
    driver: goe_modbus
    bus: lan
    options: {host: 127.0.0.1, port: 5, max_ampere: 16}
    targets: {current: {silence: 0 A, hold: 5 s, ramp: 2 A/s}}
circuits:
  house:
    why: the service fuse of the house is 35 A on each phase
    fuse: 35 A
    margin: 2 A
    blind: 6 A
    curve: gG
    meter:
      current: [meter.current_l1, meter.current_l2, meter.current_l3]
      power: [meter.power_l1, meter.power_l2, meter.power_l3]
    check:
      sources: [pv.power]
      loads: [box1.power, box2.power, box3.power]
      within: 1500 W
      for: 5 s
    feeds:
      box1.current: [box1.current_l1, box1.current_l2, box1.current_l3]
  garage:
    why: the sub-distribution in the garage has breakers of 20 A and no meter
    within: house
    fuse: 20 A
    margin: 1 A
    unmeasured: 1 A
    curve: B
    feeds:
      box2.current: [box2.current_l1, box2.current_l2, box2.current_l3]
      box3.current: [box3.current_l1, box3.current_l2, box3.current_l3]
orchestrators:
  anna: {role: orchestrator, token_sha256: d30c2e15d5801ff8f788a306c7e49fc6e59ee840930c81c1f9491591e3b48ddb}
"""

PERMISSIONS = "permissions:\n" + "".join(
    f"""\
  box{n}:
    why: whoever lives here may charge
    who: [anna]
    target: box{n}.current
    from: 0 A
    to: 16 A
    in: [normal, degraded]
    kinds: [setting]
    longest: 12 h
"""
    for n in (1, 2, 3)
)
BOXES = ("box1", "box2", "box3")
VOLTS = 230


def plan_of(folder: Path, site: str = SITE, policies: str = PERMISSIONS) -> Plan:
    """The plan of a site in these words."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.yaml").write_text(site, "utf-8")
    (folder / "10-house.yaml").write_text(policies, "utf-8")
    return load(folder).plan


# ---- the kernel, driven when something comes or is due ---------------------------------------------------------------
class Driven:
    """A plan that is stepped when samples come or when it asked to be, as the guardian does."""

    def __init__(self, plan: Plan, now_ms: int = START_MS) -> None:
        self.plan, self.now_ms, self.wake_ms = plan, now_ms, now_ms
        self.state: State = boot(plan, now_ms)
        self.image = blank(plan.signals)
        self.index = {signal.id: i for i, signal in enumerate(plan.signals)}
        self.numbers = {target.id: i for i, target in enumerate(plan.targets)}
        self.events: list[Event] = []
        self.last: Result | None = None

    def hear(self, said: Mapping[str, int | None], quality: Quality = Quality.GOOD, at_ms: int | None = None) -> None:
        at_ms = self.now_ms if at_ms is None else at_ms
        samples = [Sample(self.index[name], value, at_ms, quality) for name, value in said.items()]
        self.image = absorb(self.plan.signals, self.image, samples, self.now_ms)
        self.wake_ms = self.now_ms if samples else self.wake_ms

    def cycle(self, *inbox: Request) -> None:
        if inbox or self.now_ms >= self.wake_ms:
            self.last = step(self.plan, self.state, self.image, inbox, self.now_ms)
            self.state, self.wake_ms = self.last.state, self.last.wake_ms
            self.events += self.last.events

    def output(self, name: str) -> int:
        return self.state.targets[self.numbers[name]].output or 0

    def hi(self, name: str) -> tuple[int, str]:
        """The upper edge of a target's envelope, and who set it."""
        assert self.last is not None
        span = self.last.outputs.envelopes[self.numbers[name]]
        return span.hi, span.hi_by

    @property
    def mode(self) -> str:
        return MODES[self.state.house.state]

    def wish(self, name: str, value: int, unit: str = "mA") -> None:
        """A person's slider, for twelve hours."""
        self.cycle(ask(identity="anna", value=value, now_ms=self.now_ms, target=name, unit=unit, kind="setting",
                       duration_ms=43_200_000))  # fmt: skip


# ---- the plant --------------------------------------------------------------------------------------------------
@dataclass
class Car:
    """A car that takes what its wallbox offers, late: the order travels for ``bus_ms``, the car thinks ``lag_ms``."""

    bus_ms: int
    lag_ms: int
    most: float = 16.0
    phases: int = 3
    amps: float = 0.0
    told: list[tuple[int, float]] = field(default_factory=list)
    starts: int = 0

    def follow(self, now_ms: int, order: int, tick_ms: int) -> None:
        if not self.told or self.told[-1][1] != order / 1000:
            self.told.append((now_ms, order / 1000))
        due = [amps for at_ms, amps in self.told if now_ms - at_ms >= self.bus_ms + self.lag_ms]
        goal = min(due[-1] if due else 0.0, self.most)
        reach = tick_ms / 1000 * (4 if goal > self.amps else 8)
        was, self.amps = self.amps, max(min(goal, self.amps + reach), self.amps - reach)
        self.starts += was < 1 <= self.amps


Mood = Callable[[int], str]
"""At this time: "alive", "silent" or "wrong" (its sign)."""


@dataclass
class Plant:
    """Currents in A, import positive. ``base``: what the kitchen draws on each phase; ``sun``: what the roof gives."""

    seed: int
    mood: Mood = lambda _ms: "alive"
    wild: bool = True
    sunny: bool = True
    cars: dict[str, Car] = field(default_factory=dict)
    base: list[float] = field(default_factory=lambda: [3.0, 3.0, 3.0])
    sun: float = 0.0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.cars = {
            name: Car(self.dice.randrange(100, 1_000), self.dice.randrange(500, 5_000), self.dice.choice((16.0, 13.0)))
            for name in BOXES
        }
        self.skew_ms = self.dice.randrange(0, 500)  # the meter tells what was so long ago
        self.period_ms = self.dice.choice((500, 1_000))
        self.past: list[tuple[list[float], dict[str, float], float]] = []

    def flows(self) -> list[float]:
        """What the fuse of each phase carries now."""
        return [base + sum(car.amps for car in self.cars.values() if car.phases > phase) - self.sun
                for phase, base in enumerate(self.base)]  # fmt: skip

    def tick(self, now_ms: int, orders: Mapping[str, int], tick_ms: int) -> None:
        if self.wild and self.dice.random() < 0.005:  # somebody cooks, or stops
            self.base[self.dice.randrange(3)] = self.dice.uniform(0, 22)
        if self.sunny and self.dice.random() < 0.003:
            self.sun = self.dice.choice((0.0, 2.0, 6.0, 14.0))
        for name, car in self.cars.items():
            car.follow(now_ms, orders[name], tick_ms)
        self.past.append((self.flows(), {name: car.amps for name, car in self.cars.items()}, self.sun))

    def said(self, now_ms: int, tick_ms: int) -> dict[str, int]:
        """What the devices tell in this tick."""
        words: dict[str, int] = {}
        mood = self.mood(now_ms)
        if now_ms % self.period_ms < tick_ms and mood != "silent":
            flows = self.past[-1 - min(self.skew_ms // tick_ms, len(self.past) - 1)][0]
            words |= meter_words(flows, -1 if mood == "wrong" else 1)
        if now_ms % 500 < tick_ms:
            for name, amps in self.past[-1][1].items():
                words |= box_words(name, amps, self.cars[name].phases)
        if now_ms % 1_000 < tick_ms:
            words["pv.power"] = int(self.sun * 3 * VOLTS * 1000)
        return words


def meter_words(flows: list[float], sign: int = 1) -> dict[str, int]:
    words = {"meter.power": sign * int(sum(flows) * VOLTS * 1000)}
    for phase, flow in enumerate(flows, 1):
        words[f"meter.voltage_l{phase}"] = VOLTS * 1000
        words[f"meter.current_l{phase}"] = int(abs(flow) * 1000)
        words[f"meter.power_l{phase}"] = sign * int(flow * VOLTS * 1000)
    return words


def box_words(name: str, amps: float, phases: int = 3) -> dict[str, int]:
    words = {f"{name}.car_state": 4, f"{name}.error": 0, f"{name}.power": int(amps * phases * VOLTS * 1000)}
    return words | {f"{name}.current_l{n}": int(amps * 1000) if n <= phases else 0 for n in (1, 2, 3)}


# ---- the judge --------------------------------------------------------------------------------------------------
@dataclass
class Fuse:
    """The weakest fuse that a standard still allows: it melts as soon as it may. One body with one time constant.

    ``carries``: the multiple of its rating that it must bear for ever; ``point``: (multiple, seconds) that it must bear
    from cold. The time constant follows from the two: theta' = (m^2 - theta) / tau, gone at theta = carries^2.
    """

    rating: float
    carries: float
    tau_s: float
    theta: float = 0.0
    worst: float = 0.0

    def carry(self, amps: float, tick_ms: int) -> None:
        self.theta += ((amps / self.rating) ** 2 - self.theta) * (tick_ms / 1000) / self.tau_s
        self.worst = max(self.worst, self.theta / self.carries**2)

    @property
    def held(self) -> bool:
        return self.worst < 1


def gg(rating: float) -> Fuse:
    """IEC 60269-1 gG: 1.25 for ever; 2 times for 10 s: tau = 10 s / ln(4 / (4 - 1.5625))."""
    return Fuse(rating, 1.25, 20.2, theta=0.5)


def breaker(rating: float) -> Fuse:
    """IEC 60898-1: 1.13 for ever; 2.55 times for 1 s: tau = 1 s / ln(6.5025 / (6.5025 - 1.2769))."""
    return Fuse(rating, 1.13, 4.57, theta=0.5)


@dataclass
class Course:
    """What happened: the fuses, the cars' starts, and the highest current of a phase."""

    house: list[Fuse]
    garage: Fuse
    starts: dict[str, int]
    kernel: Driven
    energy: float = 0.0


def live(plan: Plan, plant: Plant, seconds: int, tick_ms: int = 100) -> Course:
    """The house for so long; after three seconds all three cars are asked to take 16 A, at once."""
    kernel = Driven(replace(plan))
    course = Course([gg(35) for _ in range(3)], breaker(20), {}, kernel)
    for passed in range(0, seconds * 1000, tick_ms):
        kernel.now_ms = START_MS + passed
        plant.tick(kernel.now_ms, {name: kernel.output(f"{name}.current") for name in BOXES}, tick_ms)
        kernel.hear(plant.said(kernel.now_ms, tick_ms))
        kernel.cycle()
        if passed == 3_000:
            for name in BOXES:
                kernel.wish(f"{name}.current", 16_000)
        for fuse, flow in zip(course.house, plant.flows(), strict=True):
            fuse.carry(flow, tick_ms)
        course.garage.carry(plant.cars["box2"].amps + plant.cars["box3"].amps + 1.0, tick_ms)
        course.energy += sum(car.amps for car in plant.cars.values()) * tick_ms / 1000
    course.starts = {name: car.starts for name, car in plant.cars.items()}
    return course
