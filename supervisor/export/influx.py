"""A journal as InfluxDB's lines: readings, outputs, modes, rules and decisions, at the wall time of their segment.

    powerwarden_reading,device=battery,signal=battery.soc,unit=ratio value=0.61,quality="good" 1795260000000000000
    powerwarden_output,target=wallbox.current,unit=A value=10.0,wanted_by="lease of optimiser" ...
    powerwarden_mode mode="normal" ...
    powerwarden_rule,rule=limits.voltage acting=true ...
    powerwarden_decision,identity=phone,target=wallbox.current,verb=set,verdict=clipped,unit=A value=16.0,asked=40.0 ...

Rules
* Values are in base units, as in the metrics; what is not known has no ``value``.
* Of a reading at most one point in ``every_ms`` is told, but each change of its quality, and of a flag or a code.
* Tags come from the documents: a name that they do not know is "unknown".
* The wall clock is that of the segment's head and of the checkpoints in it. Points of one cycle that would share a time
  are told a nanosecond apart, or the database would keep only one of them.
* The journal is verified as it is read: what was altered ends the export with its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from supervisor.export.line import Field, line
from supervisor.guardian.record import Checkpoint, Head, Record, reason, unfolded, unpacked
from supervisor.kernel.event import EventKind
from supervisor.kernel.image import absorb
from supervisor.kernel.keep import guarded
from supervisor.kernel.lease import Decision, Request, Verb
from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.question import NO
from supervisor.kernel.signal import Sample, Unit
from supervisor.kernel.state import State
from supervisor.replay.player import thawed
from supervisor.replay.reader import Reading, anchor, chained
from supervisor.replay.verify import Documents, Progress, head_of

NS = 1_000_000  # in a ms
UNKNOWN = "unknown"
BASE = {  # kernel unit -> base unit, and how many make one
    "mV": ("V", 1_000),
    "mA": ("A", 1_000),
    "mW": ("W", 1_000),
    "mHz": ("Hz", 1_000),
    "mdegC": ("degC", 1_000),
    "permille": ("ratio", 1_000),
    "ms": ("s", 1_000),
}
STEPS = (Unit.FLAG, Unit.CODE)  # each change of such a reading is told


def base(value: int, unit: str) -> float:
    """A kernel value in its base unit."""
    return value / BASE.get(unit, ("", 1))[1]


def base_unit(unit: str) -> str:
    return BASE.get(unit, (unit, 1))[0]


class Exporter:
    """One journal. ``since``: the wall time before which nothing is told (None: all)."""

    def __init__(self, since: datetime | None, every_ms: int) -> None:
        self._since, self._every_ms = since, every_ms
        self.progress: Progress = lambda _path, _done: None
        self._documents = Documents()
        self._told: dict[str, Sample] = {}
        self._last_ns: dict[str, int] = {}

    def all(self, place: Path) -> Iterator[str]:
        """Line by line, without their ends. Raises ReplayError where the journal cannot be believed or read."""
        for reading in chained(place, self._since):
            yield from self._segment(reading)

    def _segment(self, reading: Reading) -> Iterator[str]:
        lines = reading.lines()
        head = head_of(next(lines))
        plan = guarded(self._documents.of(head).plan)
        state, image = thawed(plan, head)
        clock = _Clock(head)
        yield from self._new(_head(plan, state, clock.ns(head.t)), clock.ns(head.t))
        for each in lines:
            self.progress(reading.path, reading.bytes)
            item = each.item()
            if isinstance(item, Checkpoint):
                clock = _Clock(item)
            elif isinstance(item, Record):
                for one in unfolded(item):
                    samples = unpacked(one.s, image, one.t)
                    yield from self._readings(plan, samples, clock)
                    image = absorb(plan.signals, image, samples, one.t)
                    yield from self._new(_cycle(plan, one, clock.ns(one.t)), clock.ns(one.t))

    def _new(self, lines: Iterator[str], at_ns: int) -> Iterator[str]:
        if self._since is None or at_ns >= int(self._since.timestamp() * 1_000) * NS:
            yield from lines

    def _readings(self, plan: Plan, samples: list[Sample], clock: _Clock) -> Iterator[str]:
        for sample in samples:
            signal = plan.signals[sample.signal]
            told = self._told.get(signal.id)
            stepped = signal.unit in STEPS and told is not None and told.value != sample.value
            if told is None or stepped or told.quality is not sample.quality or self._due(told, sample):
                self._told[signal.id] = sample
                at_ns, last_ns = clock.ns(sample.at_ms), self._last_ns.get(signal.id, 0)
                if 0 <= last_ns - at_ns < NS:  # a second one within the millisecond
                    at_ns = last_ns + 1
                self._last_ns[signal.id] = at_ns
                yield from self._new(_reading(plan, sample, at_ns), at_ns)

    def _due(self, told: Sample, sample: Sample) -> bool:
        """After a restart of the machine its clock is younger than what was told before."""
        return not 0 <= sample.at_ms - told.at_ms < self._every_ms


class _Clock:
    """Wall time in ns of a monotonic time in ms."""

    def __init__(self, item: Head | Checkpoint) -> None:
        at = anchor(item)
        self._behind_ms = round(at.wall.timestamp() * 1_000) - at.t

    def ns(self, t: int) -> int:
        return (t + self._behind_ms) * NS


def _head(plan: Plan, state: State, at_ns: int) -> Iterator[str]:
    """What holds where a segment begins."""
    yield line("powerwarden_mode", {}, {"mode": MODES[state.house.state]}, at_ns)
    for rule, trip in zip(plan.rules, state.trips, strict=True):
        yield line("powerwarden_rule", {"rule": rule.id}, {"acting": trip.cause is not NO}, at_ns)


def _reading(plan: Plan, sample: Sample, at_ns: int) -> Iterator[str]:
    signal = plan.signals[sample.signal]
    tags = {"device": signal.id.partition(".")[0], "signal": signal.id, "unit": base_unit(signal.unit.value)}
    fields: dict[str, Field] = {} if sample.value is None else {"value": base(sample.value, signal.unit.value)}
    yield line("powerwarden_reading", tags, fields | {"quality": sample.quality.name.lower()}, at_ns)


def _cycle(plan: Plan, one: Record, at_ns: int) -> Iterator[str]:
    """What a cycle did."""
    wanted = dict(one.w)
    said = dict(one.o)
    for place in sorted({*wanted, *said}):
        target = plan.targets[place]
        fields: dict[str, Field] = {}
        if (value := said.get(place)) is not None:
            fields["value"] = base(value, target.unit.value)
        if place in wanted:
            fields["wanted_by"] = wanted[place]
        if fields:
            tags = {"target": target.id, "unit": base_unit(target.unit.value)}
            yield line("powerwarden_output", tags, fields, at_ns)
    for number, event in enumerate(one.e, 1):  # the head before it has told its own at 0
        if event.kind is EventKind.HOUSE:
            mode = event.text.rpartition("-> ")[2]
            yield line("powerwarden_mode", {}, {"mode": mode}, at_ns + number)
        elif event.kind in (EventKind.TRIP, EventKind.CLEARED):
            acting = event.kind is EventKind.TRIP
            yield line("powerwarden_rule", {"rule": event.subject}, {"acting": acting}, at_ns + number)
    for number, (request, decision) in enumerate(zip(one.q, one.d, strict=True)):
        if request.verb is not Verb.HEARTBEAT:
            yield _decision(plan, request, decision, at_ns + number)


def _decision(plan: Plan, request: Request, decision: Decision, at_ns: int) -> str:
    target = next((target for target in plan.targets if target.id == request.target), None)
    known = any(identity.name == request.identity for identity in plan.identities)
    tags = {"identity": request.identity if known else UNKNOWN, "verb": request.verb.value}
    tags |= {"verdict": decision.verdict.value, "target": target.id if target else (UNKNOWN if request.target else "")}
    fields: dict[str, Field] = {"dry_run": request.dry_run}
    if target is not None:
        unit = target.unit.value
        tags["unit"] = base_unit(unit)
        pairs = (("value", decision.value), ("asked", request.value if request.unit == unit else None))
        fields |= {name: base(value, unit) for name, value in pairs if value is not None}
    clipped = next((clause.rule for clause in decision.clauses if clause.effect == "clips"), "")
    if rule := reason(decision) or clipped:
        fields["rule"] = rule
    return line("powerwarden_decision", tags, fields, at_ns)
