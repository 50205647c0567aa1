"""Why a changeover is where it is and does not go on, in the words of its machine (machines/changeover.py)."""

from __future__ import annotations

from supervisor.explain.account import Clearing, Point
from supervisor.explain.asked import Asked
from supervisor.explain.contactors import barred
from supervisor.explain.told import Told
from supervisor.explain.words import Words, lasting
from supervisor.kernel import flow
from supervisor.kernel.members import OPEN, state_of
from supervisor.kernel.question import UNKNOWN
from supervisor.kernel.refusal import refusal
from supervisor.kernel.state import Switch
from supervisor.kernel.switchgear import Changeover
from supervisor.kernel.trip import narrowings

STATES = {
    "looking": "its contactors are looked at before anything is said",
    "resting": "it rests",
    "draining": "what flows is driven to zero; nothing has moved yet",
    "held": "it stays where it is and keeps the flow at zero",
    "breaking": "its contactors open, one after the other",
    "stranded": "its contactors should be open by now and are not all proven so",
    "waiting": "all open; the dead time runs",
    "probing": "what it closes onto has to be proven dead or in step",
    "making": "its contactors close, one after the other",
    "settling": "it has arrived; what hangs on it starts up",
    "faulted": "one of its contactors is welded",
}
TIMED = {"waiting", "settling"}
VOUCH = "or once somebody in the house has made sure that nothing draws there: his reset vouches for the meter"


def points(words: Words, at: Told, index: int) -> list[Point]:
    """Its place and its way, the state of each contactor, and why it does not go on."""
    row, switch = words.plan.changeovers[index], words.moment.state.switches[index]
    name = words.plan.changeover.states[switch.machine.state]
    where, goal = row.places[switch.at].name, row.places[switch.goal].name
    way = f"from {where} to {goal}" if switch.at != switch.goal else f"in {where}"
    text = f"{row.id} is {name} {way} {words.since(switch.machine.since_ms)}: {STATES.get(name, name)}"
    members = tuple(
        f"{words.plan.targets[m].id} is {state_of(words.plan, words.moment.state.targets, m)}" for m in row.members
    )
    found = [Point(text, members)]
    if why := _why(words, at, index, switch):
        found.append(Point(f"it does not move: {why}", flows(words, row, switch)))
    return found


def _why(words: Words, at: Told, index: int, switch: Switch) -> str:
    """Why it is not where it is wanted; "" when it is, or is on its way."""
    if switch.reason:
        return switch.reason
    if by := frozen(words, words.plan.changeovers[index].target):
        return f"{by} cannot be answered, so it stays where it is"
    if at.goal == switch.at:
        return ""
    moment = words.moment
    return refusal(words.plan, index, switch, at.goal, moment.state.targets, moment.image, words.now_ms)


def frozen(words: Words, position: int) -> str:
    """The rule that keeps it where it is because its question is not answered."""
    for rule, trip in zip(words.plan.rules, words.moment.state.trips, strict=True):
        if trip.cause is UNKNOWN and any(action.target == position for action in narrowings(rule, trip)):
            return rule.id
    return ""


def flows(words: Words, row: Changeover, switch: Switch) -> tuple[str, ...]:
    """The currents that must be zero, and why each that is not proven so is not."""
    lines = []
    for one, why in zip(row.flows, _doubts(words, row, switch), strict=True):
        if why:
            bound = words.measured(one.current.signal, one.zero)
            lines.append(f"{words.reading(one.current.signal, one.current.max_age_ms)}: {why}; zero is up to {bound}")
    return tuple(lines)


def _doubts(words: Words, row: Changeover, switch: Switch) -> list[str]:
    """For each of its currents why it is not proven zero; "" for one that is."""
    state, image = words.moment.state, words.moment.image
    return [
        flow.doubt(words.plan, one, sees, state.targets, image, words.now_ms)
        for one, sees in zip(row.flows, switch.sighted, strict=True)
    ]


def clears(words: Words, at: Told, index: int) -> list[Clearing]:
    """What it waits for in this state, and what keeps it from going where it is wanted."""
    row, switch, moment = words.plan.changeovers[index], words.moment.state.switches[index], words.moment
    name = words.plan.changeover.states[switch.machine.state]
    since_ms, limit_ms = switch.machine.since_ms, row.timeouts[switch.machine.state]
    left_ms = max(since_ms + limit_ms - words.now_ms, 0) if limit_ms is not None else None
    if name == "resting":
        return _resting(words, at, row, switch)
    if name in TIMED and left_ms is not None:
        return [
            Clearing(
                name, f"{STATES[name]}, until {words.clock(since_ms + (limit_ms or 0))}", "time", left_ms, limit_ms
            )
        ]
    if name == "faulted":
        return [Clearing(name, "when every contactor is proven open and reset by hand in the house", "hand")]
    left = f"; it gives up {words.until(since_ms + limit_ms)}" if limit_ms is not None and left_ms is not None else ""
    saw = flows(words, row, switch)
    if name in ("draining", "held", "breaking", "stranded", "looking"):
        what = f"nothing flows, proven for {lasting(row.calm_ms)}" if saw or name == "draining" else "its contacts show"
        found = [Clearing(name, f"when {what}{left}", "readings", None, row.calm_ms, saw)]
        if (
            name == "stranded"
            and words.plan.local.reset is not None
            and set(_doubts(words, row, switch)) - {""} == {"blind"}
        ):
            found.append(Clearing(name, VOUCH, "hand"))
        return found
    onto = row.places[switch.goal].onto
    if name == "probing" and onto is not None:
        asked = Asked(words)
        return [Clearing(name, f"when {asked.says(onto)}, for certain{left}", "readings", None, 0, asked.saw(onto))]
    return [Clearing(name, f"{STATES.get(name, name)}{left}", "time", left_ms, limit_ms)] if moment else []


def _resting(words: Words, at: Told, row: Changeover, switch: Switch) -> list[Clearing]:
    """What keeps a changeover that rests from going where it is wanted."""
    if by := frozen(words, row.target):
        return [Clearing(by, f"when {by} can be answered again", "readings")]
    dwell_ms = switch.arrived_ms + row.dwell_ms - words.now_ms
    if dwell_ms > 0 and switch.at != OPEN:
        text = f"it stays for its dwell, until it may move {words.until(words.now_ms + dwell_ms)}"
        text += "; a button in the house does not wait"
        return [Clearing("dwell", text, "time", dwell_ms, dwell_ms)]
    if at.goal == switch.at or not switch.reason:
        return []
    member, kept, interlock = switch.reason.partition(" is kept open by ")
    if kept:
        position = next(i for i, target in enumerate(words.plan.targets) if target.id == member)
        return [barred(words, interlock, position)]
    return [Clearing(row.id, f"when this is over: {switch.reason}", "readings")]
