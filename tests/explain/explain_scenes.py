"""Real sites, run by hand to the moment that somebody asks about; :class:`Place` steps one with its simplest plant.

Contacts follow their coils, the car draws what it is allowed, the meters see it. ``say`` overrides single readings and
``silent`` devices say nothing, so every situation is made by what the world says and people ask, never by hand.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from kernel_toys import START_MS, Run, ask

from supervisor.explain.account import Account
from supervisor.explain.find import explain
from supervisor.kernel.cycle import Result
from supervisor.kernel.hands import LOCAL
from supervisor.kernel.latch import INSTALLERS
from supervisor.kernel.lease import Request, Verb
from supervisor.kernel.signal import Quality, Unit
from supervisor.loader.load import Loaded, load
from supervisor.replay.moment import Moment

POLICIES = Path(__file__).parents[2] / "policies"
WALL = "2026-11-20T16:05:00"
BOX = "wallbox.current"
TRAVEL_MS = 150
GRID = """
grid:
  dimming:
    why: the operator may dim what charges the car, and it is paid for
    when: battery.request_full_charge is on
    limits: each
    devices: {wallbox.current: {phases: 3}}
"""
MORE = """
limits:
  too_warm:
    why: a warm cell ages
    when: battery.temperature above 45 degC
    hold: 1 s
    unknown_after: 1 h
    clear: 30 s
    latch: nuisance
    recovers_after: 10 min
    then: {wallbox.current: at most 10 A}
"""
CALM = {
    "battery.ccl": 100_000, "battery.dcl": 100_000, "battery.soc": 600, "battery.voltage": 52_000,
    "relays.permit": 1, "relays.drop_out": 8_000, "relays.coil_supply": 24_000, "wallbox.car_state": 2,
}  # fmt: skip


@cache
def site(name: str, observe: bool = False) -> Loaded:
    """A site, loaded once: one that is shipped, or ``mains``, which is UC001 with all that a supply can declare."""
    if name != "mains":
        return load(POLICIES / name, observe=observe)
    with TemporaryDirectory() as made:
        folder = Path(made)
        for document in (POLICIES / "uc001").glob("*.yaml"):
            (folder / document.name).write_text(document.read_text(), "utf-8")
        text = (folder / "site.yaml").read_text()
        if "curve:" not in text:
            text = text.replace("    fuse: 35 A\n", "    fuse: 35 A\n    curve: gG\n")
        text = text.replace("coil_1: {breaks_load: 0 s}", "coil_1: {zero_flow: meter.current_l1 below 200 mA}")
        (folder / "site.yaml").write_text(text + ("" if "\ngrid:" in text else GRID), "utf-8")
        (folder / "30-more.yaml").write_text(MORE, "utf-8")
        return load(folder, observe=observe)


class Place(Run):
    """A site with its plant. ``load_ma``: what the rest of the house draws on each phase. ``stuck``: coils by number
    whose contact does not follow any more. ``broken``: signals that come as no measurement."""

    def __init__(self, name: str, observe: bool = False) -> None:
        self.loaded = site(name, observe)
        super().__init__(self.loaded.plan)
        self.load_ma = 2_000
        self.say: dict[str, int] = {}
        self.silent: set[str] = set()
        self.stuck: set[int] = set()
        self.broken: set[str] = set()
        self.contacts: dict[int, int] = {}

    def cycle(self, *inbox: Request) -> Result:
        readings = {signal.id: self._said(signal.id, signal.unit) for signal in self.plan.signals}
        readings |= self._drawn(readings) | self.say
        self.keep = {name: value for name, value in readings.items() if name.partition(".")[0] not in self.silent}
        self.keep = {name: value for name, value in self.keep.items() if name not in self.broken}
        self.tell(dict.fromkeys(self.broken), Quality.INVALID)
        return super().cycle(*inbox)

    def live(self, ms: int) -> Place:
        """Cycles for ``ms``, with a heartbeat of the optimiser each second."""
        for passed in range(0, ms, self.plan.cycle_ms):
            self.cycle(*([ask(Verb.HEARTBEAT, "optimiser", now_ms=self.now_ms)] if passed % 1_000 == 0 else []))
        return self

    def quiet(self, ms: int) -> Place:
        """Cycles for ``ms`` in which nobody says a word."""
        self.go(ms)
        return self

    def wish(self, value: int, target: str = BOX, who: str = "phone", verb: Verb = Verb.SET, s: int = 3_600) -> Place:
        """One request for a setting, in the target's own unit."""
        unit = next(t.unit.value for t in self.plan.targets if t.id == target)
        self.cycle(
            ask(verb, who, value, self.now_ms, target=target, unit=unit, kind="setting", duration_ms=s * 1_000,
                received_ms=self.now_ms)
        )  # fmt: skip
        return self

    def stop(self, target: str = BOX, who: str = "phone") -> Place:
        self.cycle(ask(Verb.STOP, who, None, self.now_ms, target=target))
        return self

    def acknowledge(self, rule: str) -> Place:
        """What the guardian says once it has verified an installer's signature."""
        self.cycle(ask(Verb.ACKNOWLEDGE, f"{INSTALLERS}anna", None, self.now_ms, target=rule))
        return self

    def moment(self, live: bool = True) -> Moment:
        """This house as explain gets it."""
        assert self.result is not None
        return Moment(
            replace(self.loaded, plan=self.plan),
            self.state,
            self.image,
            self.result.outputs,
            self.state.now_ms,
            WALL,
            tuple(self.events),
            live,
        )

    def explain(self, subject: str = BOX) -> Account:
        return explain(self.moment(), subject)

    def _said(self, name: str, unit: Unit) -> int:
        signal = name.partition(".")[2]
        number = signal.rpartition("_")[2]
        if signal.startswith(("contact_", "aux_")) and number.isdigit():
            return self._contact(int(number))
        if name in CALM:
            return CALM[name]
        if signal.startswith("voltage_l"):
            return 230_000
        if signal == "frequency":
            return 50_000
        return 0

    def _contact(self, number: int) -> int:
        """A contact follows its coil after its travel; a stuck one stays."""
        told = self.state.targets[self.target(f"relays.coil_{number}")]
        if number not in self.stuck and told.output is not None and self.now_ms - told.changed_ms >= TRAVEL_MS:
            self.contacts[number] = told.output
        return self.contacts.get(number, 0)

    def _drawn(self, readings: dict[str, int]) -> dict[str, int]:
        car = self.state.targets[self.target(BOX)].output or 0
        found: dict[str, int] = {}
        for phase in (1, 2, 3):
            found[f"wallbox.current_l{phase}"] = found[f"feed.current_l{phase}"] = car
            found[f"meter.current_l{phase}"] = self.load_ma + car
            found[f"meter.power_l{phase}"] = (self.load_ma + car) * 230
        found["wallbox.current_limit"] = car
        return {name: value for name, value in found.items() if name in readings}


def calm(name: str = "uc001", observe: bool = False) -> Place:
    """The house after a start in which everything was heard."""
    place = Place(name, observe).live(3_000)
    assert place.now_ms > START_MS
    return place


def course(name: str, seed: int, ms: int) -> Iterator[Place]:
    """A random course of ``ms`` of a site, given out each second: devices fall silent, contacts stick, people ask."""
    dice, place = random.Random(seed), Place(name)
    names = sorted({signal.id.partition(".")[0] for signal in place.plan.signals})
    for second in range(ms // 1_000):
        _upset(dice, place, names)
        inbox = tuple(_wish(dice, place) for _ in range(2) if dice.random() < 0.3)
        place.cycle(*inbox)
        for _ in range(1_000 // place.plan.cycle_ms - 1):
            place.cycle()
        if second % 2 == 0:
            place.cycle(ask(Verb.HEARTBEAT, "optimiser", now_ms=place.now_ms))
        yield place


def _upset(dice: random.Random, place: Place, names: list[str]) -> None:
    """Something goes wrong, or right again; now and then all is well for a while."""
    luck = dice.random()
    if luck < 0.15:
        place.silent ^= {dice.choice(names)}
    elif luck < 0.25:
        place.load_ma = dice.choice((-15_000, 2_000, 20_000, 30_000, 37_000))
    elif luck < 0.35:
        name = dice.choice([signal.id for signal in place.plan.signals])
        place.say = {name: dice.choice((0, 1, 3_000, 150, 15_000))}
    elif luck < 0.4:
        place.broken ^= {dice.choice([signal.id for signal in place.plan.signals])}
    elif luck < 0.43:
        place.stuck ^= {dice.randint(1, 3)}
    elif luck < 0.6:
        place.silent, place.say, place.broken, place.load_ma = set(), {}, set(), 2_000


def _wish(dice: random.Random, place: Place) -> Request:
    target = dice.choice(place.plan.targets)
    verb = dice.choice((Verb.SET,) * 6 + (Verb.STOP, Verb.RELEASE, Verb.RENEW))
    value = dice.choice((target.lo, target.hi, (target.lo + target.hi) // 2, 4_000, 6_000))
    who = dice.choice([i.name for i in place.plan.identities if i.role != LOCAL])
    return ask(
        verb, who, value, place.now_ms, target=target.id, unit=target.unit.value, received_ms=place.now_ms,
        kind=dice.choice(("live", "setting")), duration_ms=dice.choice((9_000, 60_000)),
    )  # fmt: skip
