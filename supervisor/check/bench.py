"""A house that stands still: the real kernel, on virtual time, in front of readings that never change.

Rules
* ``step`` decides, nothing here does. Time is a number that is counted up to the kernel's own next wake.
* A device that says nothing has dropped its contactors if it does so by itself.
* Readings are said again in every cycle, so none of them ever grows old; contacts and read-backs follow their orders.
* A house has come to rest when nothing but new input could change anything for a day.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import msgspec

from supervisor.check.situations import Situation, nearest_to_zero
from supervisor.check.survey import Survey, codes_of, reverts
from supervisor.kernel.cycle import Result, step
from supervisor.kernel.lease import Kind, Request, Verb
from supervisor.kernel.question import Image
from supervisor.kernel.signal import MISSING, Quality, Reading
from supervisor.kernel.state import State, boot
from supervisor.kernel.wake import next_wake

START_MS, DAY_MS = 1_000, 86_400_000
AGELESS_MS = 10**12
"""A time stamp that no bench ever reaches: its readings never grow old."""
CYCLES_MAX = 6_000  # five minutes of uninterrupted motion, or days of a house in which little happens
replace = msgspec.structs.replace


class Restless(Exception):
    """The house never comes to rest. The text says what keeps changing."""


class Bench:
    """One house in one situation."""

    def __init__(self, survey: Survey, situation: Situation) -> None:
        self._survey, self._plan, self._situation = survey, survey.plan, situation
        out_of_sight = (at for at in survey.contactors if self._owner(at) in situation.unseen)
        dropped = {at for at in out_of_sight if reverts(survey.specs[at])}
        self._closed = set(situation.closed - dropped)
        signals = range(len(self._plan.signals))
        unseen = {index for index in signals if survey.owner(index) in situation.unseen}
        self._fixed = unseen | set(situation.readings)  # what follows no order
        self._still = [self._stands(index) for index in signals]
        self._quiet: frozenset[str] = frozenset()
        self._count = 0
        self.now_ms = START_MS
        self.state: State = boot(self._plan, START_MS)
        beats = [self._plan.identities[at].late_ms for at in survey.remote]
        self._beat_ms = min(beats, default=DAY_MS) // 2
        self._beats_at_ms = START_MS

    def fork(self) -> Bench:
        """Another house in the same state, so that one wish does not lead to the next."""
        other = copy.copy(self)
        other._closed = set(self._closed)
        return other

    # ---- what the devices say ----------------------------------------------------------------------------------
    def image(self) -> Image:
        """All readings, as young as they can be however long the next step takes."""
        readings = list(self._still)
        for index, value in self._followed():
            if index not in self._fixed:
                readings[index] = Reading(value, AGELESS_MS, Quality.GOOD)
        return tuple(readings)

    def _stands(self, index: int) -> Reading:
        """What a signal says that follows nothing."""
        if self._survey.owner(index) in self._situation.unseen:
            return MISSING
        value = self._situation.readings.get(index)
        if index not in self._situation.readings and self._situation.zero:
            value = nearest_to_zero(self._survey, index)
        return MISSING if value is None else Reading(value, AGELESS_MS, Quality.GOOD)

    def _followed(self) -> Iterator[tuple[int, int]]:
        """What shows the orders: the contacts of contactors, the read-backs of levels."""
        for position, target in enumerate(self._plan.targets):
            if target.contactor is not None:
                contactor = target.contactor
                yield from codes_of(contactor.shown_closed if position in self._closed else contactor.shown_open)
            elif target.readback is not None:
                yield target.readback.signal, self.state.targets[position].output or 0

    def _owner(self, position: int) -> str:
        return self._plan.targets[position].id.partition(".")[0]

    def followed(self) -> frozenset[int]:
        """The signals that need not be said."""
        return frozenset(index for index, _ in self._followed())

    # ---- time --------------------------------------------------------------------------------------------------
    def cycle(self, *inbox: Request) -> Result:
        """One cycle, everybody who is there giving a sign of life."""
        beats = [self._ask(Verb.HEARTBEAT, name) for name in self._speaking()]
        result = step(self._plan, self.state, self.image(), (*beats, *inbox), self.now_ms)
        self.state = result.state
        for position, target in enumerate(self._plan.targets):
            output = self.state.targets[position].output
            if target.contactor is not None and output is not None:
                (self._closed.add if output == 1 else self._closed.discard)(position)
        return result

    def rest(self) -> None:
        """Until nothing changes any more. Raises Restless."""
        restless: set[str] = set()
        for count in range(CYCLES_MAX):
            before = self.state
            wake_ms = self.cycle().wake_ms
            if count >= CYCLES_MAX // 2:
                restless |= self._changed(before)
            soon = wake_ms <= self.now_ms + self._plan.cycle_ms
            if not soon and self._next_ms() - self.now_ms >= DAY_MS and _same(before, self.state):
                return
            self.now_ms = min(max(wake_ms, self.now_ms + self._plan.cycle_ms), self._beats_at_ms)
        raise Restless(", ".join(sorted(restless)) or "the house")

    def lose(self, names: frozenset[str]) -> None:
        """These orchestrators say nothing any more."""
        self._quiet = names
        lost_ms = max((i.lost_ms for i in self._plan.identities if i.name in names), default=0)
        until_ms = self.now_ms + lost_ms + self._plan.cycle_ms
        while self.now_ms < until_ms:
            self.now_ms = min(self.now_ms + self._beat_ms, until_ms)
            self.cycle()
        self.rest()

    def _next_ms(self) -> int:
        """When something changes by time alone, signs of life aside."""
        plan, state = replace(self._plan, identities=()), replace(self.state, orchestrators=())
        return next_wake(plan, state, state, self.image(), self.now_ms)

    def _changed(self, before: State) -> set[str]:
        """What has another output, or acts otherwise, than before."""
        told = zip(self._plan.targets, before.targets, self.state.targets, strict=True)
        acting = zip(self._plan.rules, before.trips, self.state.trips, strict=True)
        names = {target.id for target, was, now in told if was.output != now.output}
        return names | {rule.id for rule, was, now in acting if was.cause is not now.cause}

    # ---- words -------------------------------------------------------------------------------------------------
    def _speaking(self) -> list[str]:
        """Those who give a sign of life now: seldom enough that a quiet house stays quiet."""
        if self.now_ms < self._beats_at_ms:
            return []
        self._beats_at_ms = self.now_ms + self._beat_ms
        names = (self._plan.identities[at].name for at in self._survey.remote)
        return [name for name in names if name not in self._quiet]

    def wish(self, who: str, target: str, value: int, unit: str, kind: Kind) -> Request:
        return replace(self._ask(Verb.SET, who), target=target, value=value, unit=unit, kind=kind.value)

    def _ask(self, verb: Verb, who: str) -> Request:
        self._count += 1
        return Request(
            seq=self._count,
            verb=verb,
            identity=who,
            target="",
            value=None,
            unit="",
            kind="",
            duration_ms=None,
            request_id="",
            received_ms=self.now_ms,
            dry_run=False,
            number=self._count,
        )


def _same(before: State, after: State) -> bool:
    """Has nothing but time and signs of life gone on?"""
    old = replace(before, now_ms=after.now_ms, cycle=after.cycle, orchestrators=after.orchestrators)
    return old == after
