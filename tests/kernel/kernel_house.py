"""The example house for the kernel's tests: its plan, a plant that answers what it is told, and traces of bad luck.

The plant is as dumb as it can be: contacts follow their coils, the car draws what it is allowed, the meter sees both.
A trace is what a plant with random faults said and what random people asked, so that it can be played again.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from kernel_toys import START_MS, Run, ask

from supervisor.kernel.cycle import Result, step
from supervisor.kernel.image import absorb, blank
from supervisor.kernel.lease import Request, Verb
from supervisor.kernel.plan import Plan
from supervisor.kernel.signal import Quality, Sample
from supervisor.kernel.state import State, boot
from supervisor.loader.load import load

PLAN = load(Path(__file__).parents[2] / "policies" / "uc001").plan
INDEX = {signal.id: i for i, signal in enumerate(PLAN.signals)}
COILS = [f"relays.coil_{number}" for number in range(1, 5)]
CONTACTS = [f"relays.contact_{number}" for number in range(1, 5)]
PERIODS_MS = {"battery": 1_000, "relays": 100, "meter": 500, "wallbox": 1_000}
TRAVEL_MS = 100
LOAD_MA = 8_000

CALM: dict[str, int] = {
    **dict.fromkeys(INDEX, 0),
    "battery.ccl": 100_000, "battery.dcl": 100_000, "battery.soc": 600, "battery.voltage": 52_000,
    "relays.permit": 1, "relays.drop_out": 8_000, "meter.frequency": 50_000, "wallbox.car_state": 4,
    **{f"{device}.voltage_l{phase}": 230_000 for device in ("meter", "wallbox") for phase in (1, 2, 3)},
    **{f"meter.current_l{phase}": LOAD_MA for phase in (1, 2, 3)},
    **{f"meter.power_l{phase}": LOAD_MA * 230 for phase in (1, 2, 3)},
}  # fmt: skip


@dataclass
class Plant:
    """``stuck``: contacts by number that no longer follow their coil. ``closed``: where they all are.
    ``foreign``: somebody else has set the wallbox. ``greedy``: the car takes so many thousandths more than it may."""

    closed: list[bool] = field(default_factory=lambda: [False] * 4)
    since_ms: list[int] = field(default_factory=lambda: [0] * 4)
    stuck: set[int] = field(default_factory=set)
    load_ma: int = LOAD_MA
    foreign: bool = False
    greedy: int = 0

    def readings(self, state: State, now_ms: int) -> dict[str, int]:
        """What all devices would say now, after the coils have had their travel time."""
        for number in set(range(4)) - self.stuck:
            coil = state.targets[number]
            if coil.output is not None and now_ms - coil.changed_ms >= TRAVEL_MS:
                self.closed[number] = coil.output == 1
        told = state.targets[4].output or 0
        car = told * (1000 + self.greedy) // 1000
        said = dict(CALM)
        said.update(zip(CONTACTS, map(int, self.closed), strict=True))
        for phase in (1, 2, 3):
            said[f"wallbox.current_l{phase}"] = car
            said[f"meter.current_l{phase}"] = abs(self.load_ma + car)
            said[f"meter.power_l{phase}"] = (self.load_ma + car) * 230
        return said | {"wallbox.current_limit": 13_000 if self.foreign else told}


class House(Run):
    """The example house with its plant. Devices in ``silent`` say nothing; ``say`` overrides readings."""

    def __init__(self, about: Plan = PLAN) -> None:
        super().__init__(about)
        self.plant = Plant()
        self.silent: set[str] = set()
        self.say: dict[str, int] = {}

    def cycle(self, *inbox: Request) -> Result:
        readings = self.plant.readings(self.state, self.now_ms) | self.say
        self.keep = {name: value for name, value in readings.items() if name.split(".")[0] not in self.silent}
        return super().cycle(*inbox)

    def live(self, ms: int) -> None:
        """Cycles for ``ms``, with a heartbeat of the optimiser each second."""
        for passed in range(0, ms, self.plan.cycle_ms):
            self.cycle(*([ask(Verb.HEARTBEAT, "optimiser", now_ms=self.now_ms)] if passed % 1_000 == 0 else []))


# ---- traces ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Input:
    """What one cycle of the grid found in front of it."""

    now_ms: int
    samples: tuple[Sample, ...]
    inbox: tuple[Request, ...]


MOODS = ("fine",) * 6 + ("silent", "silent", "suspect", "stale", "invalid", "wild", "late")


def trace(about: Plan, seed: int, ms: int) -> tuple[list[Input], list[Result]]:
    """A random course of ``ms``, and what stepping every cycle of it came to."""
    dice, plant = random.Random(seed), Plant()
    state, image = boot(about, START_MS), blank(about.signals)
    moods: dict[str, str] = dict.fromkeys(PERIODS_MS, "silent" if dice.random() < 0.5 else "fine")
    inputs, results = [], []
    talkative = dice.random()
    for now_ms in range(START_MS, START_MS + ms, about.cycle_ms):
        calm = seed % 2 == 1 and 40_000 < now_ms - START_MS < 110_000  # long enough for everybody to be lost
        if calm:
            moods, plant.stuck = dict.fromkeys(PERIODS_MS, "fine"), set()
        else:
            _worsen(dice, moods, plant)
        readings = plant.readings(state, now_ms)
        samples = tuple(s for device in PERIODS_MS for s in _heard(dice, device, moods[device], readings, now_ms))
        inbox = tuple(_wish(dice, now_ms) for _ in range(2) if dice.random() < 0.04 * talkative)
        inbox = () if calm else inbox
        image = absorb(about.signals, image, samples, now_ms)
        results.append(step(about, state, image, inbox, now_ms))
        inputs.append(Input(now_ms, samples, inbox))
        state = results[-1].state
    return inputs, results


def _worsen(dice: random.Random, moods: dict[str, str], plant: Plant) -> None:
    if dice.random() < 0.01:
        moods[dice.choice(list(moods))] = dice.choice(MOODS)
    if dice.random() < 0.002:
        plant.stuck ^= {dice.randrange(4)}
    if dice.random() < 0.005:
        plant.foreign = dice.random() < 0.4
        plant.load_ma = dice.choice((-12_000, 2_000, 8_000, 20_000, 28_000, 36_000))


def _heard(dice: random.Random, device: str, mood: str, readings: Mapping[str, int], now_ms: int) -> list[Sample]:
    if mood == "silent" or now_ms % PERIODS_MS[device] or dice.random() < 0.02:
        return []
    quality = {"suspect": Quality.SUSPECT, "stale": Quality.STALE, "invalid": Quality.INVALID}.get(mood, Quality.GOOD)
    at_ms = now_ms - (dice.randrange(3_000) if mood == "late" else dice.randrange(20))
    samples = []
    for name, value in readings.items():
        if name.startswith(device + "."):
            said = dice.choice((value, value * 2, PLAN.signals[INDEX[name]].hi + 1)) if mood == "wild" else value
            samples.append(Sample(INDEX[name], None if mood == "invalid" else said, at_ms, quality))
    return samples


def _wish(dice: random.Random, now_ms: int) -> Request:
    target, unit, values = dice.choice(
        (
            ("wallbox.current", "mA", (0, 4_000, 6_000, 8_000, 16_000)),
            *((name, "flag", (0, 1, 1)) for name in COILS[:2]),
        )
    )
    verb = dice.choice((Verb.SET,) * 7 + (Verb.HEARTBEAT,) * 3 + (Verb.RENEW, Verb.RELEASE, Verb.STOP))
    return ask(
        verb, dice.choice(("optimiser", "optimiser", "phone")), dice.choice(values), now_ms,
        target="" if verb is Verb.STOP and dice.random() < 0.5 else target, unit=unit,
        kind=dice.choice(("live", "setting")), duration_ms=dice.choice((None, 1_000, 7_777, 20_000)),
        request_id=dice.choice(("", "", "a", "b")), received_ms=now_ms - dice.choice((0, 30, 30, 2_000)),
    )  # fmt: skip


def packed(value: object) -> bytes:
    """The bytes that decide whether two results are the same."""
    return msgspec.msgpack.encode(value)
