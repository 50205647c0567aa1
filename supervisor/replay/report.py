"""What the house did in some days, or would have done, and why: read from what was recorded, without replaying.

Works on lean segments too. Times are added up between one record and the next; where nothing was recorded (the guardian
was off, or the journal could not be written) nothing is added, and how much that is stands at the top.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from supervisor.guardian.record import Checkpoint, Head, Record, reason
from supervisor.guardian.tally import BUSY
from supervisor.kernel.event import EventKind
from supervisor.kernel.keep import guarded
from supervisor.kernel.lease import Verb
from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.question import NO
from supervisor.kernel.state import State
from supervisor.replay.player import thawed
from supervisor.replay.reader import Anchor, Reading, anchor, chained
from supervisor.replay.said import value
from supervisor.replay.tracks import NONE
from supervisor.replay.verify import CONTIGUOUS, Documents, Progress, head_of

LATCHED = ("welded", "failed_open", "locked_out")
Lasting = dict[str, timedelta]


def _lasting() -> Lasting:
    return defaultdict(lambda: NONE)


@dataclass
class Acted:
    """One rule. ``since``: it acts from then on."""

    times: int = 0
    lasting: timedelta = NONE
    since: datetime | None = None


@dataclass
class Report:
    """All sums. ``observed``/``controlled``: how long the house only watched, or was in control."""

    since: datetime
    until: datetime
    site: str = ""
    observed: timedelta = NONE
    controlled: timedelta = NONE
    lean: timedelta = NONE
    modes: Lasting = field(default_factory=_lasting)
    targets: dict[str, dict[tuple[str, str], timedelta]] = field(default_factory=dict)
    rules: dict[str, Acted] = field(default_factory=dict)
    whys: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    reasons: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    latches: list[tuple[datetime, str]] = field(default_factory=list)
    latched: dict[str, datetime] = field(default_factory=dict)


class Adder:
    """Reads a journal and adds up what falls between ``since`` and ``until``."""

    def __init__(self, since: datetime, until: datetime) -> None:
        self.report = Report(since, until)
        self.progress: Progress = lambda _path, _done: None
        self._documents = Documents()
        self._clock: Anchor | None = None
        self._last: datetime | None = None
        self._head: Head | None = None
        self._mode = ""
        self._outputs: dict[int, str] = {}
        self._wanted: dict[int, str] = {}

    def all(self, place: Path) -> Report:
        for reading in chained(place, self.report.since):
            self._segment(reading)
        for acted in self.report.rules.values():
            self._cleared(acted, self._last)
        return self.report

    def _segment(self, reading: Reading) -> None:
        lines = reading.lines()
        head = head_of(next(lines))
        plan = guarded(self._documents.of(head).plan)
        self._begin(head, plan, thawed(plan, head)[0])
        for line in lines:
            self.progress(reading.path, reading.bytes)
            item = line.item()
            if isinstance(item, Checkpoint):
                self._clock = anchor(item)
            elif isinstance(item, Record):
                self._cycle(plan, item)  # the cycles folded into it only read something

    def _begin(self, head: Head, plan: Plan, state: State) -> None:
        if head.reason not in CONTIGUOUS:
            for acted in self.report.rules.values():
                self._cleared(acted, self._last)
            self._last = None
        self._clock, self._head = anchor(head), head
        self.report.site = head.site
        self._mode = MODES[state.house.state]
        if self._last is None:
            for rule, trip in zip(plan.rules, state.trips, strict=True):
                if trip.cause is not NO:
                    self.report.rules.setdefault(rule.id, Acted()).since = self._clock.wall
                if trip.latched:
                    self._latch(rule.id, self._clock.wall, "was latched when the recording began")
        parts = (getattr(plan, name) for name in plan.__struct_fields__)
        for row in (one for part in parts if isinstance(part, tuple) for one in part):
            if hasattr(row, "why"):
                self.report.whys[row.id] = row.why
        self._last = self._clock.wall

    def _cycle(self, plan: Plan, one: Record) -> None:
        if self._clock is None:
            return
        when = self._clock.at(one.t)
        self._passed(plan, when)
        for i, number in one.o:
            self._outputs[i] = value(plan.targets[i], plan, number)
        for i, by in one.w:
            self._wanted[i] = by
        for event in one.e:
            self._event(event.kind, event.subject, event.text, when)
        for rule, latched in one.k:
            self._latch(rule, when, "latched") if latched else self.report.latched.pop(rule, None)
        if self.report.since <= when <= self.report.until:
            self._asked(one)

    def _passed(self, plan: Plan, when: datetime) -> None:
        """What held since the last record, up to this one."""
        report, last = self.report, self._last
        if last is None or self._head is None or when <= last:
            self._last = when if last is None else last
            return
        start, end = max(last, report.since), min(when, report.until)
        self._last = when
        if end <= start:
            return
        passed = end - start
        if self._head.would_have:
            report.observed += passed
        else:
            report.controlled += passed
        report.lean += passed if self._head.lean else NONE
        report.modes[self._mode] += passed
        for i, said in self._outputs.items():
            sums = report.targets.setdefault(plan.targets[i].id, {})
            key = (said, self._wanted.get(i, ""))
            sums[key] = sums.get(key, NONE) + passed

    def _event(self, kind: EventKind, subject: str, text: str, when: datetime) -> None:
        if kind is EventKind.HOUSE:
            self._mode = text.rpartition("-> ")[2]
        elif kind is EventKind.TRIP:
            acted = self.report.rules.setdefault(subject, Acted())
            acted.times += self.report.since <= when <= self.report.until
            acted.since = acted.since or when
        elif kind is EventKind.CLEARED:
            self._cleared(self.report.rules.setdefault(subject, Acted()), when)
        elif kind is EventKind.MACHINE:
            was, _, now = text.partition(" -> ")
            if now in LATCHED:
                self._latch(subject, when, now.replace("_", " "))
            elif was in LATCHED:
                self.report.latched.pop(subject, None)

    def _cleared(self, acted: Acted, when: datetime | None) -> None:
        if acted.since is not None and when is not None:
            start, end = max(acted.since, self.report.since), min(when, self.report.until)
            acted.lasting += max(end - start, NONE)
        acted.since = None

    def _latch(self, subject: str, when: datetime, text: str) -> None:
        if subject not in self.report.latched and when <= self.report.until:
            self.report.latched[subject] = when
            if when >= self.report.since:
                self.report.latches.append((when, f"{subject} {text}"))

    def _asked(self, one: Record) -> None:
        for request, decision in zip(one.q, one.d, strict=True):
            name = "sign of life" if request.verb is Verb.HEARTBEAT else decision.verdict.value
            self.report.verdicts[request.identity][name] += 1
            if refused := reason(decision):
                self.report.reasons[request.identity][refused] += 1
        for identity, rule, count in one.x:
            heard = rule == Verb.HEARTBEAT.value
            self.report.verdicts[identity]["sign of life" if heard else "refused"] += count
            if not heard:
                self.report.reasons[identity][rule or BUSY] += count
