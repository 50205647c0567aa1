"""A bench whose house is a few lines of arithmetic: a car that follows wishes, a meter that can fall silent, contacts.

It drives time by hand, in steps of 100 ms. The car takes what was asked for a second after it was asked; it goes back
to 6 A when the meter has been silent for 1.2 s. A wish above 16 A is clipped, one of a stranger refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hil.bench.contract import Bench
from hil.house import find, load
from hil.rig_run import Settings
from hil.scenario.model import (
    Action,
    Condition,
    Decision,
    Event,
    Expectation,
    Fact,
    Facts,
    Moment,
    Scenario,
    ToDevice,
    Wish,
)
from hil.unix_socket import RigError

STEP_MS = 100
HOUSE = find("uc001")
SPIKE_MS = 33_300  # one moment in which a kettle, an oven and the car meet


class ScriptedBench:
    """See the head of this file. ``breaks``: "open", "middle", "bug" or "ctrl-c"; what went wrong where."""

    def __init__(self, breaks: str = "", name: str = "virtual") -> None:
        self.name, self.breaks = name, breaks
        self.decisions: list[Decision] = []
        self.opened: tuple[str, int] | None = None
        self.closed = 0
        self.done: list[tuple[int, Action]] = []
        self.now_ms = 0

        self._car_a, self._wish = 0.0, (0, 0.0)
        self._silent_ms: int | None = None
        self._shut = [True, False, False, False]

    def open(self, scenario: Scenario, seed: int) -> None:
        if self.breaks == "open":
            raise RigError("the product refuses the site: site.yaml:3: no such bus")
        self.opened = (scenario.name, seed)

    def advance(self, to_ms: int) -> Iterator[Moment]:
        while self.now_ms < to_ms:
            self.now_ms = min(self.now_ms + STEP_MS, to_ms)
            if self.now_ms >= 15_000 and self.breaks:
                self._break()
            yield Moment(self.now_ms, self._facts(), self._said())

    def _break(self) -> None:
        match self.breaks:
            case "middle":
                raise RigError("guardian has ended: Killed")
            case "bug":
                raise ZeroDivisionError("a product's mistake")
            case "ctrl-c":
                raise KeyboardInterrupt

    def _facts(self) -> Facts:
        asked_ms, ampere = self._wish
        if self.now_ms >= asked_ms + 1000:
            self._car_a = ampere
        if self._silent_ms is not None and self.now_ms >= self._silent_ms + 1200:
            self._car_a = min(self._car_a, 6.0)
        car_w = [230.0 * self._car_a] * 3
        load_w = [400.0 + 40.0 * ((self.now_ms // 700) % 3), 250.0, 150.0]
        if self.now_ms == SPIKE_MS:
            load_w[0] = 5000.0
        grid_w = [load + car for load, car in zip(load_w, car_w, strict=True)]
        facts: dict[str, Fact] = {
            "plant.load_w": load_w,
            "plant.car_w": car_w,
            "plant.pv_w": [0.0, 0.0, 0.0],
            "plant.battery_w": [-50.0, -50.0, -50.0],
            "plant.grid_w": grid_w,
            "plant.grid_a": [watt / 230.0 for watt in grid_w],
            "wallbox.ampere": self._car_a,
            "wallbox.car_state": "charging" if self._car_a else "waiting",
            "relays.closed": self._shut,  # its own list, as devices do
        }
        return facts

    def _said(self) -> dict[str, object]:
        silent = self._silent_ms is not None and self.now_ms > self._silent_ms + 800
        return {
            "mode": "degraded" if silent else "normal",
            "meter": "unseen" if silent else "ready",
            "wallbox.current": self._car_a,
        }

    def do(self, action: Action) -> None:
        self.done.append((self.now_ms, action))
        match action:
            case Wish(who=who, verb="set", target=target, value=float() | int() as value):
                verdict = "refused" if who == "stranger" else "clipped" if value > 16 else "granted"
                self.decisions.append(Decision(self.now_ms, who, target, verdict, f"permission <car> & {who}"))
                if verdict != "refused":
                    self._wish = (self.now_ms, min(value, 16.0))
            case ToDevice(device="meter", request={"fault": "silent"}):
                self._silent_ms = self.now_ms
            case ToDevice(device="meter", request={"clear": _}):
                self._silent_ms = None
            case ToDevice(device="relays", request={"fault": "foreign", "contact": int() as contact}):
                self._shut[contact - 1] = True

    def close(self) -> None:
        self.closed += 1


def scripted(settings: Settings) -> Bench:
    """For Settings.make, also in another process."""
    return ScriptedBench(name=settings.bench)


def at_most(fact: str, limit: float) -> Condition:
    """``max(FACT) <= LIMIT``."""
    return Condition(
        f"max({fact}) <= {limit:g}",
        frozenset({fact}),
        lambda facts: max(_list(facts[fact])) <= limit,
        lambda facts: (limit - max(_list(facts[fact])), max(_list(facts[fact])), limit),
    )


def at_least(fact: str, limit: float) -> Condition:
    """``FACT >= LIMIT``."""
    return Condition(
        f"{fact} >= {limit:g}",
        frozenset({fact}),
        lambda facts: max(_list(facts[fact])) >= limit,
        lambda facts: (max(_list(facts[fact])) - limit, max(_list(facts[fact])), limit),
    )


def both_closed() -> Condition:
    """Two contacts at once."""
    return Condition(
        "relays.closed[1] and relays.closed[2]",
        frozenset({"relays.closed"}),
        lambda facts: all(_list(facts["relays.closed"])[:2]),
        lambda _facts: None,
    )


def _list(fact: Fact) -> list[float]:
    return list(fact) if isinstance(fact, list) else [float(fact)]


def expect(kind: str, condition: Condition, from_ms: int, to_ms: int, for_ms: int = 0, why: str = "") -> Expectation:
    """On line 20 of a file that is nowhere."""
    return Expectation(kind, condition, from_ms, to_ms, for_ms, why, 20)


def wish(at_ms: int, ampere: float, who: str = "optimiser") -> Event:
    """Somebody wants so much for the car."""
    action = Wish(who, "set", "wallbox.current", ampere, "A", "live", 60.0)
    return Event(at_ms, action, 10, f"{who} asks {ampere:g} A of wallbox.current")


def to_device(at_ms: int, device: str, **request: object) -> Event:
    """A fault, its end, or a setting."""
    return Event(at_ms, ToDevice(device, dict(request)), 11, f"{device}: {request}")


EVENTS = (
    wish(3000, 10),
    wish(4000, 40),
    wish(5000, 16, "stranger"),
    to_device(10_000, "meter", fault="silent"),
    to_device(20_000, "meter", clear=True),
    wish(24_000, 10),
    to_device(36_000, "relays", fault="foreign", contact=2),
)
EXPECTED = (
    expect("within", at_least("wallbox.ampere", 9.5), 3000, 8000, 2000, "the wish is granted"),
    expect("within", at_most("wallbox.ampere", 6), 10_000, 15_000, 4000, "the car drops to what can be proven"),
    expect("always", at_most("plant.grid_a", 35), 0, 40_000, why="the service fuse"),
    expect("never", both_closed(), 0, 30_000, why="they exclude each other"),
)


def scenario(name: str = "meter_silent", **changes: object) -> Scenario:
    """Forty seconds of that house; everything in it held."""
    whole = Scenario(
        name=name,
        title="The meter falls silent while the car charges",
        why="a silent meter counts as its circuit's full load; the car makes room",
        path=Path(f"my/{name}.yaml"),
        house_path=HOUSE,
        house=load(HOUSE),
        site=Path("my_site"),
        hazards=("H04", "H07"),
        benches=("virtual", "loopback"),
        seed=1,
        wall="2026-06-21T16:00:00",
        length_ms=40_000,
        events=EVENTS,
        expectations=EXPECTED,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # named by the caller
