"""What other policies would have decided on the same recording.

Theory of operation
* Recorded samples and requests go to a second house, made of the other documents. Signals, targets, rows and identities
  are the same where they have the same id; what exists on one side only is named.
* The second house begins in the recorded state, as far as the ids go, and from then on has its own.
* Quiet cycles were not recorded because nothing was due in the recorded house; in the other one something may be, so it
  is also stepped at the times for which it asks.
* The plant is a recording: it answered the recorded outputs, not the other ones. What follows from that (a contact that
  does not move, a car that draws what it drew) is no prediction, and the report says so. So nobody is accused of
  drawing more than the other documents would have told him: what he drew beyond his share is as it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from supervisor.guardian.record import Record, unpacked
from supervisor.kernel.cycle import Result, step
from supervisor.kernel.excess import NONE
from supervisor.kernel.image import absorb, blank
from supervisor.kernel.keep import guarded
from supervisor.kernel.lease import Decision, Lease
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Image
from supervisor.kernel.signal import Sample
from supervisor.kernel.state import State, TargetState, boot
from supervisor.loader.load import Loaded

replace = msgspec.structs.replace


def names(rows: Sequence[Any]) -> list[str]:
    """The ids of a plan's rows."""
    return [getattr(row, "id", "") or row.name for row in rows]


def places(of: Sequence[Any], among: Sequence[Any]) -> dict[int, int]:
    """For each row its place on the other side, by id; rows without one are left out."""
    there = {name: i for i, name in enumerate(names(among))}
    return {i: there[name] for i, name in enumerate(names(of)) if name in there}


def strangers(mine: Plan, theirs: Plan) -> list[str]:
    """What exists on one side only, in words."""
    found = []
    for what in ("signals", "targets", "identities"):
        ours, others = set(names(getattr(mine, what))), set(names(getattr(theirs, what)))
        gone, new = sorted(ours - others), sorted(others - ours)
        if gone:
            found.append(f"{what} that only the recording has: {', '.join(gone)}")
        if new:
            found.append(f"{what} that only the other documents have, so nothing is known of them: {', '.join(new)}")
    return found


@dataclass(frozen=True)
class Stepped:
    """One cycle of the other house. ``decisions`` answer the recorded requests."""

    t: int
    result: Result
    decisions: tuple[Decision, ...]


class Other:
    """The house with the other documents."""

    def __init__(self, loaded: Loaded, recorded: Plan, state: State, image: Image) -> None:
        self.plan = guarded(loaded.plan)
        self._signals = places(recorded.signals, self.plan.signals)
        self._feeds = _same_feeds(self.plan, recorded)
        self.state = moved(recorded, self.plan, state)
        readings = list(blank(self.plan.signals))
        for i, j in self._signals.items():
            readings[j] = image[i]
        self.image: Image = tuple(readings)
        self._wake_ms = self.state.now_ms

    def line(self, one: Record, image: Image, recorded: State) -> Iterator[Stepped]:
        """One recorded cycle, and the cycles before it that only the other house would have had. ``image`` and
        ``recorded`` state: those before this cycle."""
        cycle_ms = self.plan.cycle_ms
        while True:
            behind = max(self._wake_ms - self.state.now_ms, cycle_ms)
            due_ms = self.state.now_ms + -(-behind // cycle_ms) * cycle_ms
            if due_ms + cycle_ms > one.t:  # the recorded cycle is the one that comes for it
                break
            yield self._step(due_ms, one, recorded, False)
        samples = unpacked(one.s, image, one.t)
        known = [
            Sample(self._signals[s.signal], s.value, s.at_ms, s.quality) for s in samples if s.signal in self._signals
        ]
        self.image = absorb(self.plan.signals, self.image, known, one.t)
        yield self._step(one.t, one, recorded, True)

    def _step(self, now_ms: int, one: Record, recorded: State, asked: bool) -> Stepped:
        before = self._as_drawn(recorded)
        result = step(self.plan, before, self.image, tuple(one.q) if asked else (), now_ms, one.r or not asked)
        self.state, self._wake_ms = result.state, result.wake_ms
        return Stepped(now_ms, result, result.decisions)

    def _as_drawn(self, recorded: State) -> State:
        """The state, with what each feed drew beyond its share in the recorded house."""
        theirs = recorded.proven.circuits
        circuits = tuple(
            replace(
                watched,
                excesses=tuple(
                    theirs[at[0]].excesses[at[1]] if at is not None and theirs[at[0]].excesses else NONE for at in feeds
                ),
            )
            for watched, feeds in zip(self.state.proven.circuits, self._feeds, strict=True)
        )
        return replace(self.state, proven=replace(self.state.proven, circuits=circuits))


def _same_feeds(mine: Plan, theirs: Plan) -> list[list[tuple[int, int] | None]]:
    """For each feed of each of our circuits its place on the other side, by the ids of circuit and target."""
    there = {
        (circuit.id, theirs.targets[feed.target].id): (at, number)
        for at, circuit in enumerate(theirs.circuits)
        for number, feed in enumerate(circuit.feeds)
    }
    return [
        [there.get((circuit.id, mine.targets[feed.target].id)) for feed in circuit.feeds] for circuit in mine.circuits
    ]


# ---- the recorded state in the other house ---------------------------------------------------------------------------
def moved(mine: Plan, theirs: Plan, state: State) -> State:
    """The recorded state, as far as the other documents know the same things; the rest as after a start."""
    fresh = boot(theirs, state.now_ms)
    holders = places(mine.identities, theirs.identities)
    parts: dict[str, Any] = {"now_ms": state.now_ms, "cycle": state.cycle, "house": state.house}
    for field, rows in (
        ("devices", "devices"),
        ("trips", "rules"),
        ("targets", "targets"),
        ("orchestrators", "identities"),
    ):
        taken = list(getattr(fresh, field))
        for i, j in places(getattr(mine, rows), getattr(theirs, rows)).items():
            taken[j] = getattr(state, field)[i]
        parts[field] = tuple(taken)
    parts["targets"] = tuple(_held(target, holders) for target in parts["targets"])
    if names(mine.permissions) != names(theirs.permissions):  # what is paid for is kept by the permission's place
        parts["orchestrators"] = tuple(replace(one, due_ms=()) for one in parts["orchestrators"])
    if (mine.caps, mine.circuits) == (theirs.caps, theirs.circuits):
        parts["proven"] = state.proven
    if names(mine.local.hands) == names(theirs.local.hands):
        parts["local"] = state.local
    switches = list(fresh.switches)
    for i, j in places(mine.changeovers, theirs.changeovers).items():
        if mine.changeovers[i].places == theirs.changeovers[j].places:
            switches[j] = state.switches[i]
    return replace(fresh, **parts, switches=tuple(switches), acknowledged=state.acknowledged, asked=state.asked)


def _held(target: TargetState, holders: dict[int, int]) -> TargetState:
    """Leases name their holder by its place."""
    held = {}
    for field in target.__struct_fields__:
        lease = getattr(target, field)
        if isinstance(lease, Lease):
            there = holders.get(lease.holder)
            held[field] = None if there is None else replace(lease, holder=there)
    return replace(target, **held)
