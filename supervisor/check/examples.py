"""The policies' own examples, tried out with the real kernel: situation, wish, expected verdict (design, documents).

    examples:
      the_last_fifth_stays:
        why: the battery is nearly empty
        in: battery_empty
        who: phone
        ask: {wallbox.current: 10 A}
        expect: clipped to 6 A by limits.battery_low
      leaves_in_the_morning:
        in: optimiser_dead
        does: {wallbox.current: 6 A}

``expect``: ``granted``, ``clipped to VALUE``, ``refused``; the last two may name the rule with ``by``. ``kind`` is
``setting`` where nothing is said. Without a wish, ``does`` says what a target is told when the house has come to rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from supervisor.check.bench import Bench, Restless
from supervisor.check.finding import Finding, Spot, found
from supervisor.check.situations import read_situation, unsaid, wished
from supervisor.check.survey import Survey
from supervisor.check.table import BY_ID
from supervisor.kernel.lease import Decision, Kind, Verdict
from supervisor.kernel.plan import MODES
from supervisor.loader.documents import DocumentError, Item, nearest

KEYS = ("why", "in", "who", "ask", "kind", "expect", "does")
EXPECTED = re.compile(r"(granted)|clipped to (.+?)(?: by (\S+))?|refused(?: by (\S+))?")
HINT = "write 'granted', 'clipped to 6 A' or 'refused', with 'by RULE' behind the last two if you like"


@dataclass(frozen=True)
class Tried:
    """One example and how it came out. ``finding`` is None where it came out as expected, or was ``skipped`` because
    its situation cannot be reached."""

    name: str
    words: str
    finding: Finding | None
    skipped: bool = False


class Examples:
    """All examples of a site. Each situation is brought to rest once, however many examples begin in it."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._rested: dict[str, Bench] = {}
        self._failed: dict[str, Finding] = {}

    def try_all(self) -> tuple[list[Tried], list[Finding]]:
        """Every example, and what is wrong with situations."""
        policies = self._survey.loaded.policies
        if not policies.examples and not policies.situations:
            return [], [found(BY_ID["no_examples"], Spot(self._survey.at(), "nothing here can be tried out"))]
        for name, item in policies.situations.items():
            self._bring_to_rest(name, item)
        tried = [self._try(name, item) for name, item in policies.examples.items()]
        return tried, list(self._failed.values())

    # ---- situations --------------------------------------------------------------------------------------------
    def _bring_to_rest(self, name: str, item: Item) -> None:
        try:
            situation = read_situation(self._survey, name, item)
            bench = Bench(self._survey, situation)
            unsaid(self._survey, situation, bench.followed())
            bench.rest()
            bench.lose(situation.lost)
        except DocumentError as error:
            self._failed[name] = Finding(error.file, error.line, BY_ID["example_unreadable"], error.message)
            return
        except Restless as restless:
            self._fails(name, item, f"the house never comes to rest: {restless} keeps changing")
            return
        mode = bench.state.house.state
        if situation.mode is not None and mode != situation.mode:
            words = f"the house is in mode {MODES[mode]}, not in {MODES[situation.mode]}"
            self._fails(name, item, f"{words}{self._acting(bench)}")
        self._rested[name] = bench

    def _fails(self, name: str, item: Item, what: str) -> None:
        self._failed[name] = found(BY_ID["situation_unreached"], Spot(item, f"situations.{name}: {what}"))

    def _acting(self, bench: Bench) -> str:
        """Which limits act, in words."""
        rules = zip(self._survey.plan.rules, bench.state.trips, strict=True)
        names = [rule.id for rule, trip in rules if trip.cause.value]
        return f"; {', '.join(names)} {'acts' if len(names) == 1 else 'act'}" if names else ""

    # ---- examples ----------------------------------------------------------------------------------------------
    def _try(self, name: str, item: Item) -> Tried:
        try:
            for key, part in item.fields().items():
                if key not in KEYS:
                    raise part.error(f"nobody knows '{key}' here{nearest(key, KEYS)}")
            given = item.need("in", "name the situation in which this is asked")
            known = self._survey.loaded.policies.situations
            if given.text() not in known:
                raise given.error(f"there is no situation '{given.text()}'{nearest(given.text(), known)}")
            if given.text() not in self._rested:
                return Tried(name, "not tried, its situation cannot be reached", None, skipped=True)
            bench = self._rested[given.text()].fork()
            words, wrong = self._does(item, bench) if item.get("ask") is None else self._asked(item, bench)
        except DocumentError as error:
            finding = Finding(error.file, error.line, BY_ID["example_unreadable"], error.message)
            return Tried(name, error.message, finding)
        what = f"examples.{name}: {wrong}"
        return Tried(name, words, found(BY_ID["example_wrong"], Spot(item, what)) if wrong else None)

    def _does(self, item: Item, bench: Bench) -> tuple[str, str]:
        """What the house does by itself: (in words, what is wrong about it)."""
        does = item.need("does", "say what is asked ('who', 'ask', 'expect') or what the house 'does' by itself")
        said, wrong = [], []
        for name, part in does.fields().items():
            position, value = wished(self._survey, name, part)
            target, state = self._survey.plan.targets[position], bench.state.targets[position]
            shows = "nothing" if state.output is None else self._survey.said(state.output, target)
            said.append(f"{name} is told {shows}")
            if state.output != value:
                wrong.append(f"{name} is told {shows}, not {part.text()}{self._why_not(bench)}")
        return ", ".join(said), "; ".join(wrong)

    def _why_not(self, bench: Bench) -> str:
        return f" (house mode {MODES[bench.state.house.state]}{self._acting(bench)})"

    def _asked(self, item: Item, bench: Bench) -> tuple[str, str]:
        """What becomes of a wish: (in words, what is wrong about it)."""
        who, kind = item.need("who", "name the orchestrator that asks"), item.get("kind")
        names = [self._survey.plan.identities[at].name for at in self._survey.remote]
        if who.text() not in names:
            raise who.error(f"there is no orchestrator '{who.text()}'{nearest(who.text(), names)}")
        asks = list(item.need("ask", "").fields().items())
        if len(asks) != 1:
            raise item.need("ask", "").error("ask for one target; write one example for each")
        (name, part), expect = asks[0], item.need("expect", HINT)
        position, value = wished(self._survey, name, part)
        match = EXPECTED.fullmatch(expect.text())
        if match is None:
            raise expect.error(f"'{expect.text()}' is no verdict; {HINT}")
        meant = Kind(kind.one_of(("live", "setting"))) if kind is not None else Kind.SETTING
        bench.now_ms += self._survey.plan.cycle_ms
        unit = self._survey.plan.targets[position].unit.value
        decision = bench.cycle(bench.wish(who.text(), name, value, unit, meant)).decisions[-1]
        clauses = "".join(f"; {clause.rule} {clause.effect}: {clause.text}" for clause in decision.clauses)
        words = f"{who.text()} asks {name} {part.text()}: {self._verdict(decision, position)}"
        right = self._as_expected(match, decision, position, expect)
        mode = MODES[bench.state.house.state]
        wrong = f"{words}, not {expect.text()} (house mode {mode}{self._acting(bench)}{clauses})"
        return words, "" if right else wrong

    def _as_expected(self, match: re.Match[str], decision: Decision, position: int, item: Item) -> bool:
        granted, clipped, clipped_by, refused_by = match.groups()
        if granted:
            return decision.verdict is Verdict.GRANTED
        by = clipped_by or refused_by
        effects = [clause.rule for clause in decision.clauses if clause.effect in ("clips", "refuses")]
        if by is not None and by not in effects:
            return False
        if clipped:
            target = self._survey.plan.targets[position]
            part = Item(item.file, item.line, item.path, clipped)
            return decision.verdict is Verdict.CLIPPED and decision.value == wished(self._survey, target.id, part)[1]
        return decision.verdict is Verdict.REFUSED

    def _verdict(self, decision: Decision, position: int) -> str:
        if decision.verdict is Verdict.CLIPPED and decision.value is not None:
            by = [clause.rule for clause in decision.clauses if clause.effect == "clips"]
            value = self._survey.said(decision.value, self._survey.plan.targets[position])
            return f"clipped to {value} by {', '.join(by)}"
        if decision.verdict is Verdict.REFUSED:
            return f"refused by {', '.join(c.rule for c in decision.clauses if c.effect == 'refuses')}"
        return decision.verdict.value


def findings(tried: list[Tried], situations: list[Finding]) -> Iterator[Finding]:
    yield from situations
    yield from (one.finding for one in tried if one.finding is not None)
