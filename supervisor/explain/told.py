"""What a target is told, in whose name, and what still lies between that and what was wished: envelope, hold, ramp."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from supervisor.explain.account import Clearing, Point
from supervisor.explain.asked import Asked, devices, silent
from supervisor.explain.known import known
from supervisor.explain.words import Words, lasting, listed
from supervisor.kernel.event import EventKind
from supervisor.kernel.hunting import calm_ms, slower
from supervisor.kernel.lease import Kind, Lease
from supervisor.kernel.outputs import rounded, wish
from supervisor.kernel.plan import Target
from supervisor.kernel.question import UNKNOWN
from supervisor.kernel.span import Span, clip, tighter
from supervisor.kernel.state import TargetState
from supervisor.kernel.trip import kind as latch_of
from supervisor.kernel.trip import narrowings

replace = msgspec.structs.replace

LIVES = {
    Kind.LIVE: "live: it also ends when its sender falls silent",
    Kind.SETTING: "a setting: it outlives its sender",
    Kind.PROGRAM: "a program: it runs on this box",
}


class Told(NamedTuple):
    """``wanted`` in the name of ``by``; ``goal`` is what the envelope leaves of it; ``output`` what is said."""

    target: Target
    state: TargetState
    span: Span
    output: int | None
    wanted: int
    by: str
    goal: int


def told(words: Words, position: int) -> Told:
    """Where target ``position`` stands."""
    plan, moment = words.plan, words.moment
    target, state, span = plan.targets[position], moment.state.targets[position], moment.outputs.envelopes[position]
    wanted, by = wish(plan, position, state, moment.state.house.state)
    goal = rounded(target, clip(wanted, span, target.safe, target.bands))
    return Told(target, state, span, state.output, wanted, by, goal)


def in_the_name(words: Words, at: Told) -> str:
    """Who wants what it is told, as a clause."""
    wanted = words.amount(at.target, at.wanted)
    if at.state.stopped_by:
        return f"{at.state.stopped_by} has said stop, and nobody has been granted anything since"
    if at.state.lease is not None:
        return f"{words.plan.identities[at.state.lease.holder].name} has asked for {wanted}"
    if at.by == "default":
        return f"nobody holds a lease and no program of this mode names it, so it keeps its safe value {wanted}"
    return f"nobody holds a lease, so {at.by} says {wanted}: {known(words, at.by).why}"


def points(words: Words, position: int, at: Told) -> list[Point]:
    """What it is told and since when, and who has the word."""
    said = words.amount(at.target, at.output)
    when = words.since(at.state.changed_ms) if at.output is not None else "; its contact is looked at first"
    found = [Point(f"{_would(words)}told {said} {when}".replace(" ;", ";"), (in_the_name(words, at),))]
    if (lease := at.state.lease) is not None:
        found.append(_lease(words, position, at.target, lease))
    if (planned := at.state.planned) is not None:
        name, value = words.plan.identities[planned.holder].name, words.amount(at.target, planned.asked)
        found.append(Point(f"a program of {name} for {value} begins {words.until(planned.starts_ms)}"))
    if at.state.swings is not None and at.state.swings.hunting:
        found.append(Point("it goes up and down too often, so it relaxes late and slowly until it is calm"))
    if at.state.astray and at.target.readback is not None:
        shown = words.reading(at.target.readback.signal, at.target.readback.max_age_ms)
        found.append(Point("its device does not show what it was told", (shown, "somebody else may have set it")))
    return found


def _would(words: Words) -> str:
    return "it only observes; it would be " if words.plan.observe else "it is "


def _lease(words: Words, position: int, target: Target, lease: Lease) -> Point:
    name = words.plan.identities[lease.holder].name
    asked, value = words.amount(target, lease.asked), words.amount(target, lease.value)
    clipped = "" if lease.asked == lease.value else f", granted {value}"
    text = (
        f"{name} holds it for {asked}{clipped}, {words.since(lease.granted_ms)}, until {words.clock(lease.expires_ms)}"
    )
    life = LIVES.get(lease.kind, f"of kind {lease.kind.value}")
    named = [
        f"{p.id}: {p.why}" for p in words.plan.permissions if p.target == position and lease.holder in p.identities
    ]
    return Point(text, (life, *(f"permitted by {said}" for said in dict.fromkeys(named))))


def clears(words: Words, at: Told) -> list[Clearing]:
    """What ends the stop, the lease, the hold and the ramp."""
    found = []
    if at.state.stopped_by:
        text = (
            f"the stop of {at.state.stopped_by} ends with the next request that is granted; it does not end by itself"
        )
        found.append(Clearing("stop", text, "request"))
    if (lease := at.state.lease) is not None:
        name, left_ms = words.plan.identities[lease.holder].name, max(lease.expires_ms - words.now_ms, 0)
        text = f"the lease of {name} ends {words.until(lease.expires_ms)} unless it is renewed"
        found.append(Clearing("lease", text, "time", left_ms, left_ms))
    if at.target.contactor is None and at.target.changeover is None:
        found += relaxing(words, at)
    return found


def relaxing(words: Words, at: Told) -> list[Clearing]:
    """The hold and the ramp that are still between the output and what the envelope leaves."""
    target, state = at.target, at.state
    current = target.safe if at.output is None else at.output
    if current == at.goal or tighter(at.goal, current, target.safe):
        return []
    held_until_ms = max(state.hold_until_ms, calm_ms(target, state))
    held_ms = max(held_until_ms - words.now_ms, 0)
    ramp_ms = _ramp_ms(target, state, current, at.goal, words.now_ms)
    goal = words.amount(target, at.goal)
    if target.ramp is None:
        way = f"at once to {goal}"
    else:
        speed = words.amount(target, target.ramp // slower(target, state))
        way = f"{speed}/s, about {lasting(ramp_ms)} to {goal}"
    wait = f"it waits until {words.clock(held_until_ms)} ({lasting(held_ms)}), then " if held_ms else ""
    text = f"{wait}{way}" if wait else f"it is on its way up: {way}"
    return [Clearing("hold" if held_ms else "ramp", text, "time", held_ms + ramp_ms, held_ms + ramp_ms)]


def then(words: Words, at: Told) -> list[Clearing]:
    """How it would go up once no rule binds any more; empty where no rule does, or where nothing more is wanted."""
    target = at.target
    free = rounded(target, clip(at.wanted, Span(target.lo, target.hi, "", ""), target.safe, target.bands))
    current = target.safe if at.output is None else at.output
    if free == at.goal or target.contactor is not None or target.changeover is not None:
        return []
    ramp_ms = _ramp_ms(target, replace(at.state, ramp_value=None), current, free, words.now_ms)
    goal = words.amount(target, free)
    way = (
        f"at {words.amount(target, target.ramp)}/s, about {lasting(ramp_ms)} to {goal}" if target.ramp else f"to {goal}"
    )
    held_ms = max(at.state.hold_until_ms - words.now_ms, 0)
    hold = f", not before {words.clock(at.state.hold_until_ms)}" if held_ms else ""
    return [Clearing("then", f"when no rule binds any more it goes up{hold}: {way}", "rules", None, ramp_ms)]


def _ramp_ms(target: Target, state: TargetState, current: int, goal: int, now_ms: int) -> int:
    """How long the ramp still takes once it runs; a device that cannot do small values starts at the smallest."""
    if target.ramp is None:
        return 0
    start = current
    for low, high in target.bands:
        if low <= current < high <= goal:
            start = high
    if state.ramp_value is not None:
        gone_ms = now_ms - state.ramp_ms
        return max(_way_ms(target, state, abs(goal - state.ramp_value)) - gone_ms, 0)
    return _way_ms(target, state, abs(goal - start))


def _way_ms(target: Target, state: TargetState, way: int) -> int:
    return -(-way * 1000 * slower(target, state) // (target.ramp or 1))


def narrowed(words: Words, position: int, rule: str) -> str:
    """What a limit leaves of a target, and whether it acts because it knows or because it does not."""
    for row, trip in zip(words.plan.rules, words.moment.state.trips, strict=True):
        if row.id == rule and any(action.target == position for action in narrowings(row, trip)):
            reason = "it cannot be known" if trip.cause is UNKNOWN else "its condition holds"
            latched = f", and it is latched ({latch_of(row, trip).value})" if trip.latched else ""
            return f"acts {words.since(trip.cause_ms)} because {reason}{latched}"
    return ""


def because(words: Words, position: int, rule: str) -> str:
    """Why a rule binds: its own reason; or, where it acts because something is not known, that first."""
    for row, trip in zip(words.plan.rules, words.moment.state.trips, strict=True):
        if row.id == rule and trip.cause is UNKNOWN and any(a.target == position for a in narrowings(row, trip)):
            lost = [name for name in devices(words, row.question.signals()) if silent(words, name)]
            heard = f"{listed(lost)} {'is' if len(lost) == 1 else 'are'} not heard; " if lost else ""
            asked = Asked(words).says(row.question)
            return f"{heard}nobody can know whether {asked}, so the strict side counts ({row.why})"
    for changeover, switch in zip(words.plan.changeovers, words.moment.state.switches, strict=True):
        if changeover.id == rule and words.plan.changeover.states[switch.machine.state] != "resting":
            return f"it is on its way, and nothing may flow meanwhile ({changeover.why})"
    return known(words, rule).why


def refusals(words: Words, name: str, most: int = 3) -> list[Point]:
    """Who was refused or clipped lately on this target, newest first, and by which clause."""
    found: list[Point] = []
    for event in reversed(words.moment.events):
        if event.kind is not EventKind.DECISION or event.subject != name or len(found) == most:
            continue
        if ": refused (" in event.text or ": clipped (" in event.text:
            found.append(Point(f"{words.clock(event.at_ms)} {event.text}", _clauses(words, event.text)))
    return found


def _clauses(words: Words, text: str) -> tuple[str, ...]:
    """The reasons of the clauses that refused or clipped, from the decision's own text."""
    inside = text.rpartition(" (")[2].rstrip(")")
    named = [part.rpartition(" ") for part in inside.split("; ")]
    return tuple(f"{rule}: {known(words, rule).why}" for rule, _, effect in named if effect in ("refuses", "clips"))
