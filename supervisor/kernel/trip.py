"""Trips: limit and interlock rows, their buckets, and what acts.

Theory of operation
* A row asks its question every cycle. YES fills its bucket, NO drains it ``drain`` times more slowly, so a fault
  that flickers still trips. A full bucket under YES acts and, where the row says so, latches.
* UNKNOWN acts after the row's grace as well, because unknown is the strict side; but it never latches (unless the
  row says ``latch_unknown``), and a bucket that YES has begun to fill goes on filling under UNKNOWN and acts as unknown
  when it is full, so losing the sensor never delays a trip.
* An action ends when the answer has been NO for ``clear_ms``, and a latched one only by a reset after that.
  What only not knowing had caused recovers sooner, after the row's hold: nothing had happened.
* A nuisance latch also ends by itself after ``recovers_ms`` of NO without a break, where the row says so, or by an
  acknowledgement (latch.py). A danger latch ends by neither: somebody in the house resets it.
* A row that begins to act on a YES for the ``repeats``-th time within ``repeats_ms`` becomes a danger latch (hazard
  H19). A reset by somebody in the house begins the count anew; nothing else does.
* Levels are kept as (level, since when), in ms times ``drain``, never in cycles: skipping quiet cycles changes nothing.

This file must never know a device, a volt or a reason: rows are data.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec

from supervisor.kernel.question import NO, UNKNOWN, YES, Answer, Question

replace = msgspec.structs.replace


class Latch(StrEnum):
    """What keeps an action after its cause has gone, and who may end it."""

    NONE = "none"
    NUISANCE = "nuisance"  # recovers by itself, or is acknowledged, also remotely with a signature
    DANGER = "danger"  # reset locally only


class Severity(IntEnum):
    """What a row means for the house; the worst wins."""

    NONE = 0
    DEGRADED = 1
    FAULT = 2


class Narrowing(msgspec.Struct, frozen=True, gc=False):
    """What an acting row does to one target: keep it within ``lo``..``hi`` (None leaves a side open)."""

    target: int
    lo: int | None
    hi: int | None


class Rule(msgspec.Struct, frozen=True):
    """One row. Times in ms. ``drain``: how many times more slowly NO drains than YES fills. ``recovers_ms``: after how
    much NO a nuisance latch ends by itself (None: it does not). ``repeats``: how many trips within ``repeats_ms`` are
    one too many (None: any number is borne)."""

    id: str
    why: str
    question: Question
    hold_ms: int
    unknown_ms: int
    clear_ms: int
    actions: tuple[Narrowing, ...]
    unknown_actions: tuple[Narrowing, ...]
    drain: int = 4
    latch: Latch = Latch.NONE
    latch_unknown: bool = False
    severity: Severity = Severity.NONE
    unknown_severity: Severity = Severity.NONE
    recovers_ms: int | None = None
    repeats: int | None = None
    repeats_ms: int = 0


class Trip(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where one row stands. ``level`` at ``since_ms``, when ``answer`` was first given; ``cause`` is NO while the row
    does not act, else the answer that made it act. ``recent``: when each of its last trips will be forgotten, oldest
    first; ``repeated``: they were too many, so it is a danger latch."""

    level: int
    answer: Answer
    since_ms: int
    cause: Answer
    cause_ms: int
    latched: bool
    recent: tuple[int, ...] = ()
    repeated: bool = False


def fresh(now_ms: int) -> Trip:
    """A row before its first question: not known, and not acting yet."""
    return Trip(0, UNKNOWN, now_ms, NO, now_ms, False)


def level_at(rule: Rule, trip: Trip, now_ms: int) -> int:
    """The bucket's level now; full is ``hold_ms * drain``."""
    passed = now_ms - trip.since_ms
    if trip.answer is YES or (trip.answer is UNKNOWN and trip.level > 0):
        return min(trip.level + passed * rule.drain, rule.hold_ms * rule.drain)
    if trip.answer is NO:
        return max(trip.level - passed, 0)
    return trip.level


def advance(rule: Rule, trip: Trip, answer: Answer, reset: bool, now_ms: int) -> Trip:
    """The row after this cycle's answer. ``reset``: somebody entitled to it has reset this row's latch."""
    if answer is NO and trip.answer is NO and trip.cause is NO:
        return trip  # most rows, most of the time
    if answer is not trip.answer:
        trip = replace(trip, level=level_at(rule, trip, now_ms), answer=answer, since_ms=now_ms)
    cause = _cause(rule, trip, now_ms)
    begins = cause is YES and trip.cause is not YES
    recent, repeated = _counted(rule, trip, now_ms) if begins else (trip.recent, trip.repeated)
    wanted = rule.latch is not Latch.NONE and (cause is YES or (cause is UNKNOWN and rule.latch_unknown))
    latched = trip.latched or wanted or repeated
    if latched and cause is NO:  # its cause has gone; now only a reset ends it, or its time if it may recover
        if reset or _recovers(rule, trip, now_ms):
            return ended(replace(trip, recent=()) if reset else trip, now_ms)
        cause = trip.cause
    if cause is trip.cause and latched == trip.latched:
        return trip
    return Trip(trip.level, answer, trip.since_ms, cause, now_ms, latched, recent, repeated)


def ended(trip: Trip, now_ms: int) -> Trip:
    """The row without its latch; its trips are remembered."""
    return Trip(trip.level, trip.answer, trip.since_ms, NO, now_ms, False, trip.recent)


def kind(rule: Rule, trip: Trip) -> Latch:
    """What keeps this row acting now, and who may end it. One that was latched before its document took the word back
    waits for somebody in the house."""
    if not trip.latched:
        return Latch.NONE
    return Latch.NUISANCE if rule.latch is Latch.NUISANCE and not trip.repeated else Latch.DANGER


def gone(rule: Rule, trip: Trip, now_ms: int) -> bool:
    """Is a latched row's cause known to have gone, for as long as its row asks?"""
    return trip.answer is NO and now_ms - trip.since_ms >= _clear_ms(rule, trip)


def _counted(rule: Rule, trip: Trip, now_ms: int) -> tuple[tuple[int, ...], bool]:
    """The trips that count, this one included, and whether they are too many. A window begins with its trip and no
    longer holds it when it is over."""
    if rule.repeats is None:
        return trip.recent, trip.repeated
    recent = (*(due_ms for due_ms in trip.recent if due_ms > now_ms), now_ms + rule.repeats_ms)
    return recent[-rule.repeats :], trip.repeated or len(recent) >= rule.repeats


def _recovers(rule: Rule, trip: Trip, now_ms: int) -> bool:
    """Does a latched row, whose cause has gone, end by itself now?"""
    if kind(rule, trip) is not Latch.NUISANCE or rule.recovers_ms is None:
        return False
    return now_ms - trip.since_ms >= rule.recovers_ms


def _cause(rule: Rule, trip: Trip, now_ms: int) -> Answer:
    """Why the row acts now: YES, UNKNOWN, or NO for not at all."""
    full = now_ms >= _full_ms(rule, trip, now_ms)
    if trip.answer is YES and full:
        return YES
    over = gone(rule, trip, now_ms)
    if trip.cause is YES and not over:
        return YES
    if trip.answer is UNKNOWN and (now_ms - trip.since_ms >= rule.unknown_ms or (full and trip.level > 0)):
        return UNKNOWN
    if trip.cause is UNKNOWN and not over:
        return UNKNOWN
    return NO


def _clear_ms(rule: Rule, trip: Trip) -> int:
    """How long the answer must be NO: what only not knowing had caused recovers after the row's hold."""
    return rule.clear_ms if trip.cause is YES else rule.hold_ms


def _full_ms(rule: Rule, trip: Trip, now_ms: int) -> int:
    """When the bucket is full if it goes on filling from now; now where it already is."""
    missing = rule.hold_ms * rule.drain - level_at(rule, trip, now_ms)
    return now_ms - (-missing // rule.drain)


def wake(rule: Rule, trip: Trip, now_ms: int) -> int | None:
    """When this row next changes by time alone (ms); None when only a new answer can change it."""
    if trip.answer is YES:
        return _full_ms(rule, trip, now_ms) if trip.cause is not YES else None
    if trip.answer is UNKNOWN:
        grace_ms = trip.since_ms + rule.unknown_ms
        due_ms = min(grace_ms, _full_ms(rule, trip, now_ms)) if trip.level > 0 else grace_ms
        return due_ms if trip.cause is NO else None
    if trip.cause is NO:
        return None
    if not trip.latched:
        return trip.since_ms + _clear_ms(rule, trip)
    if kind(rule, trip) is Latch.NUISANCE and rule.recovers_ms is not None:
        return trip.since_ms + max(_clear_ms(rule, trip), rule.recovers_ms)
    return None


def narrowings(rule: Rule, trip: Trip) -> tuple[Narrowing, ...]:
    """What this row does to the targets now."""
    if trip.cause is NO:
        return ()
    if trip.cause is UNKNOWN and trip.level > 0:  # a YES had begun; losing its sensor must not make it milder
        return (*rule.actions, *rule.unknown_actions)
    return rule.actions if trip.cause is YES else rule.unknown_actions


def severity(rule: Rule, trip: Trip) -> Severity:
    """What this row means for the house now."""
    if trip.cause is NO:
        return Severity.NONE
    return rule.severity if trip.cause is YES else rule.unknown_severity
