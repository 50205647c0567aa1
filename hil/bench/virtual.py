"""The virtual bench: product and house in one process, on a clock that is a number. Deterministic.

Rules
* In each step the house lets its time pass, then the product turns, then everything is looked at. A step is a cycle of
  the site; with ``coarse_ms`` it is longer while nothing moves. In a longer one the hosts still hear and ask now and
  then, so that nothing is missed for longer than it may be: who is well in short steps is well in long ones.
* ``skip``: cycles that would change nothing are not computed (the same outputs come of it: tests/rig).
* The same scenario, seed and commit give the same moments, to the byte.

It is the one place of the rig that knows the product, and it knows its harness alone.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hil.bench.world import World
from hil.scenario.model import (
    Action,
    Broker,
    Clock,
    Decision,
    Fact,
    Flood,
    Moment,
    PowerCut,
    Scenario,
    ToDevice,
    ToProcess,
    Wish,
)
from hil.unix_socket import RigError
from supervisor.harness import About, AboutDevice, AboutTarget, DocumentError, Harness
from supervisor.harness import about as _about

__all__ = ["About", "AboutDevice", "AboutTarget", "VirtualBench", "about"]
START_MS = 1_000_000  # of the clock that is a number
SAID_MS, SLOW_MS = 500, 1_000
LOOK_MS = 80  # before the end of a coarse step lines are looked at for the first time: their level has to last


def about(site: Path) -> About:
    """What a site has, as the product reads its documents. RigError where it does not take them."""
    try:
        return _about(site)
    except DocumentError as error:
        raise RigError(str(error)) from None


@dataclass
class _Flooding:
    """A flood that runs: its first wish at once, the others at its rate, as hil/bench/asker.py sends them."""

    flood: Flood
    began_ms: int
    said: int = 0

    def due(self, now_ms: int) -> Iterator[Wish]:
        """The wishes that are due now."""
        flood, since_s = self.flood, (now_ms - self.began_ms) / 1_000
        due = min(int(since_s * flood.per_s) + 1, round(flood.per_s * flood.for_s))
        while self.said < due:
            value = flood.values[self.said % len(flood.values)]
            self.said += 1
            yield Wish(flood.who, "set", flood.target, value, flood.unit, "live")

    def over(self, now_ms: int) -> bool:
        """Nothing more comes."""
        return now_ms - self.began_ms >= self.flood.for_s * 1_000


class VirtualBench:
    """One run. ``coarse_ms``: the longest step while nothing moves, None for every cycle."""

    name = "virtual"

    def __init__(self, skip: bool = True, coarse_ms: int | None = None) -> None:
        self.decisions: list[Decision] = []
        self._skip, self._coarse_ms = skip, coarse_ms or 0
        self._folder: Path | None = None
        self._floods: list[_Flooding] = []
        self._power_ms: int | None = None

    # ---- the contract ------------------------------------------------------------------------------------------------
    def open(self, scenario: Scenario, seed: int) -> None:
        """Start house and product at 0 ms."""
        self._scenario = scenario
        self.world = World(scenario.house, seed, START_MS)
        wall = datetime.fromisoformat(scenario.wall)
        wall = wall if wall.tzinfo else wall.replace(tzinfo=UTC)
        try:
            self.harness = Harness(self._site(scenario), self.world, START_MS, wall, seed, self._skip)
        except (DocumentError, ValueError) as error:
            raise RigError(f"the product refuses the site of {scenario.path}: {error}") from None
        self.world.listener = self.harness
        patient = self.harness.debounce_ms < LOOK_MS
        self._far_ms = min(self._coarse_ms, self.harness.patience_ms) if patient else 0
        self.world.control("plant", {"set": "wall", "value": scenario.wall})
        facts = [*(name for e in scenario.expectations for name in sorted(e.condition.names)), *scenario.show]
        names = {name.partition(".")[0] for name in facts}
        there = [*self.world.devices, "plant"]
        self._fast = [name for name in there if name in names]
        self._slow = there
        self._only = self.world.keys(facts)
        self._slow_facts: dict[str, Fact] = {}
        self._slow_ms = self._said_ms = START_MS
        self._said: Mapping[str, object] = {}
        self.harness.turn(START_MS)

    def _site(self, scenario: Scenario) -> Path:
        """The documents, with the scenario's edits in a copy."""
        if not scenario.edits:
            return scenario.site
        self._folder = Path(tempfile.mkdtemp(prefix="rig-"))
        site = self._folder / scenario.site.name
        shutil.copytree(scenario.site, site)
        for old, new in scenario.edits.items():
            edited = [path for path in sorted(site.glob("*.yaml")) if old in path.read_text("utf-8")]
            if not edited:
                raise RigError(f"{scenario.path}: edits: {old!r} is nowhere in {scenario.site}")
            for path in edited:
                path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
        return site

    def advance(self, to_ms: int) -> Iterator[Moment]:
        """Step until then, and look after each step."""
        end_ms = START_MS + to_ms
        while self.world.now_ms < end_ms:
            yield self._step(end_ms)

    def _step(self, end_ms: int) -> Moment:
        now_ms, cycle_ms = self.world.now_ms, self.harness.cycle_ms
        far_ms = min(self._far_ms, end_ms - now_ms) if not self._floods and self.harness.calm else 0
        coarse = far_ms > 2 * LOOK_MS
        next_ms = now_ms + far_ms if coarse else min(now_ms + cycle_ms, end_ms)
        if coarse:
            for at_ms in (now_ms + far_ms // 4, now_ms + far_ms // 2, next_ms - LOOK_MS):
                self.world.now_ms = at_ms
                self.harness.renew(at_ms)
                self.harness.listen(at_ms)
            self.world.now_ms = next_ms
            self.harness.renew(next_ms)
        self.world.run(next_ms, coarse)
        self._flood(next_ms)
        if self._power_ms is not None and next_ms >= self._power_ms:
            self._power_ms = None
            self.world.power(on=True)
        self.harness.turn(next_ms)
        self._collect()
        return self._look(next_ms)

    def do(self, action: Action) -> None:
        """Do it now."""
        match action:
            case ToDevice(device, request):
                self.world.control(device, request)
            case Wish():
                self._wish(action)
            case Flood():
                self._floods.append(_Flooding(action, self.world.now_ms))
            case ToProcess(part, what):
                self._process(part, what)
            case Clock(jump_s):
                self.harness.clock_jumps(round(jump_s * 1_000))
            case PowerCut(for_s):
                if self._power_ms is not None:
                    raise RigError("there is no power that could be cut; let the cut before it end first")
                self.harness.power_cut(round(for_s * 1_000))
                self.world.power(on=False)
                self._power_ms = self.world.now_ms + round(for_s * 1_000)
            case Broker():
                raise RigError("the virtual bench has no MQTT broker: name benches: [loopback] in this scenario")

    def close(self) -> None:
        """Forget everything."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    # ---- details -----------------------------------------------------------------------------------------------------
    def _wish(self, wish: Wish) -> None:
        try:
            self.harness.ask(wish.who, wish.verb, wish.target, wish.value, wish.unit, wish.kind, wish.for_s)
        except ValueError as error:
            raise RigError(f"{wish}: {error}") from None

    def _process(self, part: str, what: str) -> None:
        if self._power_ms is not None:
            raise RigError(f"{part} cannot be told to {what}: there is no power, and so no process")
        does = {"kill": self.harness.kill, "stop": self.harness.stop, "resume": self.harness.resume}
        try:
            does[what](part)
        except ValueError as error:
            raise RigError(str(error)) from None

    def _flood(self, now_ms: int) -> None:
        for flooding in list(self._floods):
            for wish in flooding.due(now_ms):
                self._wish(wish)
            if flooding.over(now_ms):
                self._floods.remove(flooding)

    def _collect(self) -> None:
        for told in self.harness.answers:
            self.decisions.append(Decision(told.at_ms - START_MS, told.who, told.target, told.verdict, told.text))
        self.harness.answers.clear()

    def _look(self, now_ms: int) -> Moment:
        if now_ms >= self._slow_ms:
            self._slow_facts, self._slow_ms = self.world.facts(self._slow), now_ms + SLOW_MS
        if now_ms >= self._said_ms:
            said = self.harness.said()
            self._said, self._said_ms = {"mode": said.mode, **said.machines, **said.outputs}, now_ms + SAID_MS
        return Moment(now_ms - START_MS, self._slow_facts | self.world.facts(self._fast, self._only), self._said)
