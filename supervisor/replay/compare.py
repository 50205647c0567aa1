"""The recording beside what other policies would have decided: requests, rules that act, outputs.

Reads the journal once, from its head to its end. Lean segments have no samples, so they are passed over and said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from supervisor.guardian.record import Checkpoint, Record, unfolded
from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.lease import Decision, Request
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import NO
from supervisor.kernel.state import State
from supervisor.kernel.tell_mains import EXCESS
from supervisor.loader.load import Loaded
from supervisor.replay.other import Other, Stepped, strangers
from supervisor.replay.player import Player
from supervisor.replay.reader import Anchor, Reading, anchor, chained, local
from supervisor.replay.said import value, verdict, wish
from supervisor.replay.tracks import NONE, Stretch, Track, longest, runs, spoken, total
from supervisor.replay.verify import CONTIGUOUS, Documents, Progress, head_of

ROWS_MAX = 40  # of one table; what is more is counted
Change = tuple[str, str, str]


@dataclass
class Same:
    """Requests that differ in the same way."""

    first: datetime
    last: datetime
    count: int = 0


@dataclass
class Comparison:
    """What has been found so far."""

    requests: int = 0
    lean: int = 0
    lasting: timedelta = NONE
    changed: dict[Change, Same] = field(default_factory=dict)
    rules: dict[str, Track] = field(default_factory=dict)
    outputs: dict[str, Track] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)


class Comparer:
    """One journal beside one site."""

    def __init__(self, loaded: Loaded) -> None:
        self.found = Comparison()
        self._loaded = loaded
        self.progress: Progress = lambda _path, _done: None
        self._documents = Documents()
        self._draws: set[str] = set()  # what the events are about that tell who draws too much
        self._player: Player | None = None
        self._other: Other | None = None
        self._clock: Anchor | None = None
        self._last: datetime | None = None
        self._since: datetime | None = None

    def all(self, place: Path) -> Comparison:
        for reading in chained(place):
            self._segment(reading)
        self._pause()
        return self.found

    def _segment(self, reading: Reading) -> None:
        lines = reading.lines()
        head = head_of(next(lines))
        if head.lean or head.reason not in CONTIGUOUS:
            self._pause()
        self._clock = anchor(head)
        if head.lean:
            self.found.lean += 1
            for _ in lines:
                self.progress(reading.path, reading.bytes)
            return
        player = Player(self._documents.of(head), head)
        if self._other is None:
            self._other = Other(self._loaded, player.plan, player.state, player.image)
            self.found.strangers = strangers(player.plan, self._other.plan)
            plans = (player.plan, self._other.plan)
            self._draws = {f"{circuit.id}{EXCESS}" for plan in plans for circuit in plan.circuits}
            self._start(player.plan, player.state, self._other)
        self._player = player
        for line in lines:
            item = line.item()
            self.progress(reading.path, reading.bytes)
            if isinstance(item, Checkpoint):
                self._clock = anchor(item)
            elif isinstance(item, Record):
                for one in unfolded(item):
                    self._cycle(player, self._other, one)

    def _start(self, plan: Plan, state: State, other: Other) -> None:
        for name, track in _acting(plan, state, self.found.rules):
            track.was = name
        for name, track in _acting(other.plan, other.state, self.found.rules):
            track.now = name
        shared = {target.id for target in plan.targets} & {target.id for target in other.plan.targets}
        for target, at in zip(plan.targets, state.targets, strict=True):
            if target.id in shared:
                self.found.outputs.setdefault(target.id, Track()).was = value(target, plan, at.output)
        for target, at in zip(other.plan.targets, other.state.targets, strict=True):
            if target.id in shared:
                self.found.outputs[target.id].now = value(target, other.plan, at.output)

    def _cycle(self, player: Player, other: Other, one: Record) -> None:
        """One recorded cycle in both houses."""
        for stepped in other.line(one, player.image, player.state):
            self._heard(other.plan, stepped)
            if stepped.t < one.t:
                self._settle(stepped.t)
        player.cycle(one)
        for event in one.e:
            if self._of_a_rule(event):
                self.found.rules.setdefault(event.subject, Track(False, False)).was = event.kind is EventKind.TRIP
        for target, state in zip(player.plan.targets, player.state.targets, strict=True):
            if target.id in self.found.outputs:
                self.found.outputs[target.id].was = value(target, player.plan, state.output)
        self._settle(one.t)
        for request, was, now in zip(one.q, one.d, stepped.decisions, strict=True):
            self._judged(player.plan, other.plan, request, was, now)

    def _heard(self, plan: Plan, stepped: Stepped) -> None:
        for event in stepped.result.events:
            if self._of_a_rule(event):
                self.found.rules.setdefault(event.subject, Track(False, False)).now = event.kind is EventKind.TRIP
        for target, number in zip(plan.targets, stepped.result.outputs.values, strict=True):
            if target.id in self.found.outputs:
                self.found.outputs[target.id].now = value(target, plan, number)

    def _of_a_rule(self, event: Event) -> bool:
        """Has a rule begun or ended to act? That somebody draws too much is no rule's: it is as it was recorded."""
        return event.kind in (EventKind.TRIP, EventKind.CLEARED) and event.subject not in self._draws

    def _settle(self, t: int) -> None:
        when = self._wall(t)
        self._since = self._since or when
        for track in (*self.found.rules.values(), *self.found.outputs.values()):
            track.settle(when)
        self._last = when

    def _pause(self) -> None:
        """What follows does not go on from here."""
        if self._last is not None and self._since is not None:
            self.found.lasting += self._last - self._since
            for track in (*self.found.rules.values(), *self.found.outputs.values()):
                track.pause(self._last)
        self._other, self._since, self._last = None, None, None

    def _wall(self, t: int) -> datetime:
        if self._clock is None:
            raise ValueError("no head has been read")
        return self._clock.at(t)

    def _judged(self, mine: Plan, theirs: Plan, request: Request, was: Decision, now: Decision) -> None:
        self.found.requests += 1
        if (was.verdict, was.value) == (now.verdict, now.value) or self._last is None:
            return
        key = (wish(mine, request), verdict(mine, request, was), verdict(theirs, request, now))
        same = self.found.changed.setdefault(key, Same(self._last, self._last))
        same.last, same.count = self._last, same.count + 1


def _acting(plan: Plan, state: State, rules: dict[str, Track]) -> Iterator[tuple[bool, Track]]:
    for rule, trip in zip(plan.rules, state.trips, strict=True):
        track = rules.setdefault(rule.id, Track(False, False))
        yield trip.cause is not NO, track


# ---- for people ----------------------------------------------------------------------------------------------------
def table(found: Comparison) -> Iterator[str]:
    """All of it as text."""
    yield from found.strangers
    if found.lean:
        yield f"{found.lean} lean segments have no samples and are left out"
    yield from _section("Requests that would have been answered differently", list(_changed(found)))
    rules = [(name, track.stretches) for name, track in sorted(found.rules.items()) if track.stretches]
    yield from _section("Rules that would (not) have acted", [row for name, s in rules for row in _rule(name, s)])
    outputs = [(name, track.stretches) for name, track in sorted(found.outputs.items()) if track.stretches]
    yield from _section("Outputs that would have been others", [row for name, s in outputs for row in _output(name, s)])
    yield ""
    yield _summary(found, len(rules), [one for _, s in outputs for one in s])
    if found.changed or rules or outputs:
        yield "The recording answered what the recorded policies said; what the house would have answered is not known."


def _section(title: str, rows: list[str]) -> Iterator[str]:
    if rows:
        yield from ("", title, "-" * len(title), *rows[:ROWS_MAX])
        if len(rows) > ROWS_MAX:
            yield f"… and {len(rows) - ROWS_MAX} more"


def _changed(found: Comparison) -> Iterator[str]:
    for (asked, was, now), same in sorted(found.changed.items(), key=lambda row: (row[1].first, row[0])):
        times = f"{same.count} times until {local(same.last)}" if same.count > 1 else "once"
        yield f"{local(same.first)}  {asked}, {times}"
        yield f"    recorded: {was}; with these: {now}"


def _rule(name: str, stretches: list[Stretch]) -> Iterator[str]:
    for one in stretches:
        what = "acted, and would not have" if one.was else "would have acted, and did not"
        yield f"{_when(one.start, one.end)}  {name} {what}"


def _output(name: str, stretches: list[Stretch]) -> Iterator[str]:
    for run in runs(stretches):
        was, now = longest(run)
        mostly = "mostly " if len(run) > 1 else ""
        yield f"{_when(run[0].start, run[-1].end)}  {name}: {mostly}{was}, with these {now}"


def _when(start: datetime, end: datetime) -> str:
    return f"{local(start)} to {local(end)[11:]} ({spoken(end - start)})"


def _summary(found: Comparison, rules: int, outputs: list[Stretch]) -> str:
    acted = f"{rules} rule{'' if rules == 1 else 's'}"
    differ = sum(same.count for same in found.changed.values())
    return (
        f"{found.requests} requests in {spoken(found.lasting)}: {differ} would have been answered differently; "
        f"{acted} would have acted at other times; outputs would have differed for {spoken(total(outputs))}."
    )
