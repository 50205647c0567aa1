"""Random courses of a house on the virtual bench, and all that reached its devices in them."""

from __future__ import annotations

import hashlib
import json
import random
import sys
from pathlib import Path

from hil.bench.virtual import VirtualBench
from hil.house import find, load
from hil.scenario.model import Action, Decision, Event, Moment, Scenario, ToDevice, ToProcess, Wish
from hil.sim.device import Json
from hil.unix_socket import RigError

POLICIES = Path(__file__).parents[2] / "policies"
HOUSES = ("uc001", "rebundling", "wallbox_phases", "island")
EVENTS = 12
SETTLED_MS = 3_000  # a house that has just started is left alone for so long


def scenario(house: str, length_ms: int, events: tuple[Event, ...] = (), seed: int = 1) -> Scenario:
    """A scenario in memory, without expectations."""
    path = find(house)
    return Scenario(
        name=house,
        title=house,
        why="",
        path=path,
        house_path=path,
        house=load(path),
        site=POLICIES / house,
        hazards=(),
        benches=("virtual",),
        seed=seed,
        wall="2026-06-21T12:00",
        length_ms=length_ms,
        events=events,
        expectations=(),
    )


def random_scenario(house: str, seed: int, length_ms: int = 20_000) -> Scenario:
    """Faults, repairs, wishes, kills and changes of load at random, the same for the same seed."""
    dice = random.Random(f"{house}/{seed}")
    calm = scenario(house, length_ms, seed=seed)
    times = sorted(dice.randrange(SETTLED_MS, length_ms, 10) for _ in range(EVENTS))
    return scenario(house, length_ms, tuple(Event(at, _action(dice, calm), 0, "") for at in times), seed)


def _action(dice: random.Random, calm: Scenario) -> Action:
    devices = {entry.name: entry.make(0) for entry in calm.house.entries}
    name = dice.choice(list(devices))
    kind = dice.choice(devices[name].fault_kinds)
    actions: list[Action] = [
        ToDevice(name, {"fault": kind.name}),
        ToDevice(name, {"clear": True}),
        ToDevice("plant", {"set": "load_w", "value": dice.choice((0, 500, 3_000, 9_000))}),
        ToDevice("plant", {"set": "pv_w", "value": dice.choice((0, 2_000, 9_000))}),
        Wish("optimiser", "set", "wallbox.current", dice.choice((0, 6, 10, 16)), "A", "live", dice.choice((2.0, 8.0))),
        Wish("optimiser", "stop", "wallbox.current"),
        Wish("optimiser", "heartbeat"),
        Wish("optimiser", "set", f"relays.coil_{dice.randrange(1, 4)}", dice.choice((0, 1)), "flag", "live", 5.0),
        ToProcess(dice.choice(("guardian", "can0", "lan")), dice.choice(("kill", "stop", "resume", "resume"))),
    ]
    return dice.choice(actions)


class Course:
    """What became of a scenario: every write and every movement of a contact, decisions, and what all was like."""

    def __init__(self, scenario: Scenario, skip: bool, every_moment: bool = True, coarse_ms: int | None = None) -> None:
        self.reached: list[Json] = []
        self.moments: list[Moment] = []
        self.bench = VirtualBench(skip=skip, coarse_ms=coarse_ms)
        self.bench.open(scenario, scenario.seed)
        for device in self.bench.world.devices.values():
            device.trace = self.reached.append
        for event in scenario.events:
            self._see(event.at_ms, every_moment)
            try:
                self.bench.do(event.action)
            except RigError as error:  # a fault that this house's device cannot have without parameters
                self.reached.append({"refused": str(error)})
        self._see(scenario.length_ms, every_moment)
        self.decisions: list[Decision] = self.bench.decisions
        self.bench.close()

    def _see(self, to_ms: int, every_moment: bool) -> None:
        for moment in self.bench.advance(to_ms):
            if every_moment:
                self.moments.append(moment)

    def digest(self) -> str:
        """Of everything that was seen."""
        moments = [(m.at_ms, m.facts, m.said) for m in self.moments]
        decisions = [(d.at_ms, d.who, d.target, d.verdict, d.text) for d in self.decisions]
        whole = json.dumps([moments, decisions, self.reached], default=str)
        return hashlib.sha256(whole.encode()).hexdigest()


if __name__ == "__main__":
    for each in HOUSES:
        sys.stdout.write(f"{each} {Course(random_scenario(each, int(sys.argv[1])), skip=True).digest()}\n")
