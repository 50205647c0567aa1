"""One seed: a house that runs on the virtual bench while things happen to it, and the two phases that it is judged in.

Safety phase: faults come and go, people and programs ask for things; soak_safety judges every moment. Recovery phase:
everything is mended, nobody asks for anything, and soak_recovery judges whether the house gets well.
Rules: everything that decides is drawn from the seed; nothing is drawn from a clock, a hash or the order of a set.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter
from dataclasses import dataclass, field

from hil.bench.virtual import VirtualBench
from hil.scenario.model import Action, Facts, Flood, Moment, ToDevice, Wish
from hil.unix_socket import RigError
from tests.soak.soak_fill import Fill
from tests.soak.soak_houses import YARDS, scenario
from tests.soak.soak_plan import BREAK_MS, SAFETY_MS, Plan, plan, yard_of
from tests.soak.soak_recovery import RECOVERY_MS, Recovery
from tests.soak.soak_safety import SEEN_MS, SHOW, Safety, Violation
from tests.soak.soak_stages import Scene
from tests.soak.soak_states import now as states_now
from tests.soak.soak_strikes import ROWS, Strike, Strikes
from tests.soak.soak_trouble import Struck, Trouble

LENGTH_MS = SAFETY_MS + RECOVERY_MS
WHOLE_MS = 1_000  # every fact goes into the digest so often, those that change fast at every moment
AIMED_MS = (400, 3_000)
LAST_MS = 3_000
LEASE_MS = 30_000  # of a live wish that names no time


@dataclass
class Outcome:
    """What became of one seed. ``cells``: (row, column) -> how often; ``struck``: device.kind -> how often."""

    seed: int
    house: str
    words: str
    repeat: str = ""
    digest: str = ""
    violations: list[Violation] = field(default_factory=list)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Nothing was found."""
        return not self.violations


def rows_of_houses() -> dict[str, tuple[str, ...]]:
    """What can strike in each house."""
    return {yard.name: Course(0, yard.name).strikes.rows for yard in YARDS}


class Course:
    """One run of one seed."""

    def __init__(self, seed: int, house: str = "", fill: Fill | None = None) -> None:
        yard, _ = yard_of(seed, house)
        self.dice = random.Random(f"soak course/{seed}")
        self.bench = VirtualBench(skip=True)
        self._scenario = scenario(yard, seed, LENGTH_MS, SHOW)
        self.bench.open(self._scenario, seed)
        self.strikes = Strikes(yard, self._scenario.house, self.bench.harness.parts)
        self.plan: Plan = plan(seed, self.strikes.rows, house, fill)
        self.trouble = Trouble()
        self.safety = Safety(yard, self.trouble)
        self.recovery = Recovery(yard, self.bench)
        options = (f"--house {house}" if house else "") + (f' --fill "{fill}"' if fill else "")
        again = f"make soak SEED={seed}" + (f" SOAK='{options}'" if options else "")
        self.outcome = Outcome(seed, yard.name, self.plan.words(), again)
        self._due: list[tuple[int, int, Strike | Struck | Action | str]] = []
        self._number = 0
        self._begun: set[int] = set()
        self._hash = hashlib.sha256()
        self._facts: Facts = {}
        self._mute_until_ms = 0

    def run(self) -> Outcome:
        """From the start to the end of the recovery; a product that raises is a finding."""
        try:
            self._begin()
            for moment in self.bench.advance(LENGTH_MS):
                self._see(moment)
            self._find(self.recovery.end(LENGTH_MS))
        except Exception as error:  # noqa: BLE001  whatever it is, a house has lost its supervisor
            at_ms = self.bench.world.now_ms - 1_000_000
            self._find([Violation(at_ms, "H13 the product runs on", f"{type(error).__name__}: {error}, limit: none")])
        finally:
            self.bench.close()
        for told in self.bench.decisions:
            self._hash.update(repr(told).encode())
        self.outcome.digest = self._hash.hexdigest()
        return self.outcome

    # -- the time table --

    def _begin(self) -> None:
        if self.plan.yard.name == "rebundling":
            self.bench.world.control("plant", {"set": "pv_w", "value": self.plan.sun_w})
        self.bench.world.control("plant", {"set": "battery_w", "value": self.plan.battery_w})
        self._later(1_000, "wish")
        last = Wish(self.plan.yard.who, "set", "wallbox.current", 16, "A", "setting", 20.0)
        self._later(SAFETY_MS - LAST_MS, last)  # and nobody asks after that: the recovery has something to end
        self._later(3_000 if self.plan.plain else 6_000, "strike")
        if not self.plan.plain:
            self._later(BREAK_MS, "break")

    def _later(self, at_ms: int, what: Strike | Struck | Action | str) -> None:
        self._number += 1
        heapq.heappush(self._due, (at_ms, self._number, what))

    def _see(self, moment: Moment) -> None:
        at_ms, self._facts = moment.at_ms, moment.facts
        self._sign(moment)
        if at_ms <= SAFETY_MS:
            self._find(self.safety.look(at_ms, moment.facts))
            self._play(at_ms)
            while self._due and self._due[0][0] <= at_ms < SAFETY_MS:
                self._happen(at_ms, heapq.heappop(self._due)[2])
            if at_ms == SAFETY_MS:
                self.safety.asked.latched = self.safety.asked.locked = False
                self.recovery.mend(self.trouble.active)
        else:
            self.recovery.look(at_ms - SAFETY_MS, moment.facts)

    def _sign(self, moment: Moment) -> None:
        """Every moment is part of the digest."""
        facts = moment.facts
        whole = moment.at_ms % WHOLE_MS == 0
        seen = list(facts.items()) if whole else [facts.get(name) for name in SHOW]
        self._hash.update(repr((moment.at_ms, seen, moment.said if whole else "")).encode())

    def _find(self, found: list[Violation]) -> None:
        self.outcome.violations += found
        self.outcome.story += [f"{each.at_ms / 1000:8.2f} s  *** {each.rule}: {each.measured}" for each in found]

    def _happen(self, at_ms: int, what: Strike | Struck | Action | str) -> None:
        if what == "wish":
            self._ask(at_ms)
        elif what == "strike":
            self._strike_at_random(at_ms)
        elif what == "break":
            self._pause(at_ms)
        elif isinstance(what, Strike):
            self._strike(at_ms, what, states_now(self.bench))
        elif isinstance(what, Struck):
            self._mend(at_ms, what)
        elif isinstance(what, str):
            self._must_be_seen(at_ms, what)
        else:
            self._do(at_ms, what)

    # -- strikes --

    def _strike_at_random(self, at_ms: int) -> None:
        self._later(at_ms + self.dice.randrange(self.plan.gap_ms // 2, self.plan.gap_ms * 3 // 2, 50), "strike")
        if len(self.trouble.active) < self.plan.at_once:
            (row,) = self.dice.choices(list(self.plan.weights), list(self.plan.weights.values()))
            self._strike(at_ms, self.strikes.draw(row, self.dice), states_now(self.bench))

    def _play(self, at_ms: int) -> None:
        for number, aim in enumerate(self.plan.aims):
            if not aim.from_ms <= at_ms < aim.to_ms:
                continue
            if number not in self._begun:
                self._begun.add(number)
                self._set_the_stage(number, at_ms)
            if aim.rests(at_ms):
                continue
            states = states_now(self.bench)
            for row, _ in aim.due(at_ms, states):
                self._strike(at_ms, self.strikes.draw(row, self.dice, self.dice.randrange(*AIMED_MS, 50)), states)

    def _set_the_stage(self, number: int, at_ms: int) -> None:
        aim = self.plan.aims[number]
        closed = self._facts.get("relays.closed", [])
        contacts = tuple(at for at, is_closed in enumerate(closed if isinstance(closed, list) else [], 1) if is_closed)
        self._mute_until_ms = aim.to_ms if aim.stage.mute else 0
        for later_ms, what in aim.stage.play(Scene(self.plan.yard, self.strikes, self.dice, contacts)):
            self._later(at_ms + later_ms, what)
        if aim.stage.mute:  # it was there, and is not heard of any more
            self._later(at_ms, Wish("optimiser", "heartbeat"))

    def _strike(self, at_ms: int, strike: Strike, states: tuple[str, ...]) -> None:
        try:
            for action in strike.begin:
                self._do(at_ms, action)
        except RigError as error:
            self.outcome.story.append(f"{at_ms / 1000:8.2f} s  {strike.name} cannot be now: {error}")
            return
        self.outcome.story.append(f"{at_ms / 1000:8.2f} s  {strike.row}: {strike.name} for {strike.for_ms / 1000:g} s")
        struck = self.trouble.begin(strike, at_ms)
        if strike.end:
            self._later(at_ms + strike.for_ms, struck)
        if strike.row in ROWS:
            self.outcome.struck[f"{strike.device}.{strike.kind}"] += 1
            self.outcome.cells.update((strike.row, column) for column in states)
        self._account(at_ms, strike)

    def _pause(self, at_ms: int) -> None:
        """Between two stages: what is broken is mended, what is latched is reset, or the second would see nothing."""
        for struck in self.trouble.active:
            self._mend(at_ms, struck)
        if self.plan.yard.reset:
            begin, end = (ToDevice("panel", {"set": "reset", "value": value}) for value in (1, 0))
            self._later(at_ms + 1_500, Strike("reset", "panel", "reset", (begin,), (end,), 500))

    def _mend(self, at_ms: int, struck: Struck) -> None:
        if struck.to_ms is not None:
            return
        struck.to_ms = at_ms
        if struck.strike.row == "maintenance key":
            self.safety.asked.locked = False
        for action in struck.strike.end:
            try:
                self.bench.do(action)
            except RigError:  # the power is cut, so there is no process that could go on: it starts with the power
                continue

    def _account(self, at_ms: int, strike: Strike) -> None:
        """What the judge knows of people: who pressed what, and whether it must have been seen."""
        asked = self.safety.asked
        if strike.row == "local button" or (strike.device == "panel" and "car_button" in strike.words):
            asked.hand = True
        if strike.row in ("emergency stop", "maintenance key"):
            watch = "latched" if strike.row == "emergency stop" else "locked"
            if strike.for_ms > SEEN_MS + 500:
                self._later(at_ms + SEEN_MS, watch)
        elif strike.device in ("panel", "gpio0", "house"):
            asked.latched = asked.locked = False  # a liar may have pressed reset

    def _must_be_seen(self, at_ms: int, watch: str) -> None:
        """A stop or a key is held for long enough; it has been seen if nothing stood in between."""
        row = "emergency stop" if watch == "latched" else "maintenance key"
        held = any(each.strike.row == row for each in self.trouble.active)
        between = self.trouble.has(at_ms, 2 * SEEN_MS, ("guardian", "gpio0", "house")) or self.trouble.has(
            at_ms, 2 * SEEN_MS, rows=("input lies",)
        )
        if held and not between:
            setattr(self.safety.asked, watch, True)
            self.safety.asked.stop_ms = at_ms

    # -- wishes --

    def _do(self, at_ms: int, action: Action) -> None:
        asked = self.safety.asked
        if isinstance(action, Wish) and action.verb in ("set", "renew") and action.target == "wallbox.current":
            asked.current_until_ms = max(asked.current_until_ms, at_ms + int(1_000 * (action.for_s or 30)))
        if isinstance(action, Wish) and action.verb == "stop" and action.target == self.plan.yard.switch:
            self.recovery.stopped = True
        if isinstance(action, Flood):
            asked.current_until_ms = max(asked.current_until_ms, at_ms + int(1_000 * action.for_s) + LEASE_MS)
        self.bench.do(action)

    def _ask(self, at_ms: int) -> None:
        if at_ms >= SAFETY_MS - LAST_MS:
            return
        self._later(at_ms + self.dice.randrange(self.plan.wish_ms // 2, self.plan.wish_ms * 3 // 2, 50), "wish")
        who = self.dice.choice(("optimiser", "optimiser", self.plan.yard.who))
        wish = self._wish(who)
        if who != "optimiser" or at_ms >= self._mute_until_ms:
            self._do(at_ms, wish)

    def _wish(self, who: str) -> Wish:
        dice, yard = self.dice, self.plan.yard
        verb = dice.choice(("set", "set", "set", "set", "renew", "release", "stop", "heartbeat"))
        if verb == "heartbeat":
            return Wish(who, verb)
        target = dice.choice(
            ("wallbox.current",) * 4 + ((yard.switch or "relays.coil_1"), f"relays.coil_{1 + dice.randrange(4)}")
        )
        if verb != "set":
            return Wish(who, verb, target, for_s=20.0 if verb == "renew" else None)
        for_s, kind = dice.choice((2.0, 10.0, 30.0)), dice.choice(("live", "live", "setting"))
        if target == "wallbox.current":
            return Wish(who, "set", target, dice.choice((0, 4, 6, 10, 16, 32, 40)), "A", kind, for_s)
        if target == yard.switch:
            return Wish(who, "set", target, dice.choice((0, 1, 2)), "position", kind, for_s)
        return Wish(who, "set", target, dice.choice((0, 1)), "flag", kind, for_s)
