"""The account of one target: what it is told, what binds, what clears it, what can be done."""

from __future__ import annotations

from supervisor.explain import changeovers, modes
from supervisor.explain.account import Account, Clearing, Edge, Point
from supervisor.explain.advice import advice
from supervisor.explain.asked import Asked
from supervisor.explain.clears import clearing
from supervisor.explain.contactors import Switch
from supervisor.explain.edges import RATING, allowed, binding, edges
from supervisor.explain.known import known
from supervisor.explain.told import Told, because, clears, in_the_name, narrowed, points, refusals, then, told
from supervisor.explain.words import Words, lasting
from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.plan import ModeRule
from supervisor.kernel.trip import Rule

EVENTS_SHOWN = 5
RAMP_STEP_MS = 2_000  # two steps of an output that come closer than this are one way


def account(words: Words, position: int) -> Account:
    """Everything about target ``position`` at this moment."""
    at = told(words, position)
    bound = edges(words, position)
    held = [
        *waits(words, position, at),
        *(clearing(words, rule, position) for rule in binding(bound)),
        *then(words, at),
    ]
    return Account(
        subject=at.target.id,
        kind=kind(at),
        site=words.plan.site,
        at=words.moment.wall,
        live=words.moment.live,
        mode=words.mode(),
        answer=answer(words, at, bound, held),
        happened=tuple(_happened(words, position, at, bound)),
        edges=bound,
        clears=tuple(held),
        now=tuple(advice(words, position, at, held)),
    )


def kind(at: Told) -> str:
    if at.target.changeover is not None:
        return "changeover"
    return "contactor" if at.target.contactor is not None else "level"


def waits(words: Words, position: int, at: Told) -> list[Clearing]:
    """What it waits for besides the rules of its envelope."""
    found = clears(words, at)
    if at.target.contactor is not None:
        found += Switch(words, position, at, at.target.contactor).clears()
    if at.target.changeover is not None:
        found += changeovers.clears(words, at, at.target.changeover)
    return found


def answer(words: Words, at: Told, bound: tuple[Edge, ...], held: list[Clearing]) -> str:
    """The one sentence for who reads no more."""
    target = at.target
    said = f"{target.id} is told {words.amount(target, at.output)}"
    if words.plan.observe:
        said = f"{target.id} is only watched; it would be told {words.amount(target, at.output)}"
    if at.output == at.wanted or (at.output is None and at.goal == at.wanted and not held):
        return f"{said}: {in_the_name(words, at)}.{_no_more(words, at, bound)}"
    if at.goal != at.wanted:
        by = _against(at, bound)
        position = words.plan.targets.index(target)
        reason = f"{by} leaves {allowed(words, position, at.span)}"
        return f"{said}, although {in_the_name(words, at)}: {reason}. {by}: {because(words, position, by)}."
    if first := next((clear for clear in held if clear.rule not in ("lease", "stop")), None):
        return f"{said}, although {in_the_name(words, at)}: {first.text}."
    return f"{said}, although {in_the_name(words, at)}: it is on its way to {words.amount(target, at.goal)}."


def _no_more(words: Words, at: Told, bound: tuple[Edge, ...]) -> str:
    """It has what was wished, and more would not be allowed: that, too, is an answer to "why not more?"."""
    upper = bound[1].line[0].rule
    if upper == RATING or at.span.hi != at.output or at.state.lease is not None:
        return ""
    position = words.plan.targets.index(at.target)
    left = allowed(words, position, at.span)
    return f" More would not be allowed: {upper} leaves {left}. {upper}: {because(words, position, upper)}."


def _against(at: Told, bound: tuple[Edge, ...]) -> str:
    """The rule that stands between the wish and what is left of it."""
    if at.span.empty_by:
        return at.span.empty_by
    side = bound[1] if at.wanted > at.span.hi else bound[0] if at.wanted < at.span.lo else None
    return side.line[0].rule if side is not None else RATING


def _happened(words: Words, position: int, at: Told, bound: tuple[Edge, ...]) -> list[Point]:
    found = points(words, position, at)
    if at.target.contactor is not None:
        found += Switch(words, position, at, at.target.contactor).points()
    if at.target.changeover is not None:
        found += changeovers.points(words, at, at.target.changeover)
    free = all(edge.line[0].rule == RATING for edge in bound)
    nothing = ("nothing narrows it: that is all that the device can do",) if free else ()
    found.append(Point(f"its envelope: {allowed(words, position, at.span)}", nothing))
    found += [_edge(words, position, edge) for edge in bound if edge.line[0].rule != RATING]
    found.append(Point(f"the house is in mode {words.mode()} {words.since(words.moment.state.house.since_ms)}",
                       tuple(modes.reasons(words))))  # fmt: skip
    if refused := refusals(words, at.target.id):
        found.append(Point("lately refused or clipped", tuple(t for p in refused for t in (p.text, *p.under))))
    if course := _course(words, at.target.id, binding(bound)):
        found.append(Point("what happened before", course))
    return found


def _edge(words: Words, position: int, edge: Edge) -> Point:
    """One edge: the rule that binds there, why, what it saw, and what binds after it."""
    first, *rest = edge.line
    place = known(words, first.rule).place
    under = [f"{first.rule}{f' ({place})' if place else ''}: {first.why}"]
    if acts := narrowed(words, position, first.rule):
        under.append(acts)
    under += _saw(words, first.rule, position)
    for link in rest:
        if link.rule == RATING:
            under.append(
                f"without {'it' if len(rest) == 1 else 'all of these'}: {link.shown}, all that the device can do"
            )
        else:
            under.append(f"even then {link.rule} leaves {link.shown}: {because(words, position, link.rule)}")
    return Point(f"{edge.side} {first.shown}, because of {first.rule}", tuple(under))


def _saw(words: Words, rule: str, position: int) -> tuple[str, ...]:
    """The readings that the binding rule looks at."""
    row = known(words, rule).row
    if isinstance(row, Rule):
        return Asked(words).saw(row.question)
    if isinstance(row, ModeRule):
        return tuple(f"the house is in mode {words.mode()}: {reason}" for reason in modes.reasons(words))
    return clearing(words, rule, position).under if row is not None else ()


def _course(words: Words, target: str, rules: list[str]) -> tuple[str, ...]:
    """The last events of this target, of the rules that bind it, and of the house's mode, oldest first."""
    subjects = {target, target.rpartition(".")[0] if target.endswith(".position") else target, "house", *rules}
    found: list[Event] = []
    for event in reversed(words.moment.events):
        if event.subject not in subjects or event.kind is EventKind.DECISION:
            continue
        if found and _goes_on(event, found[-1]):
            way = f"{event.text.partition(' -> ')[0]} -> {found[-1].text.rpartition(' -> ')[2]}"
            found[-1] = Event(event.at_ms, event.kind, event.subject, way)
        elif len(found) == EVENTS_SHOWN:
            break
        else:
            found.append(event)
    lines = (f"{words.clock(e.at_ms)} ({lasting(words.now_ms - e.at_ms)} before) {e.subject}: {e.text}" for e in found)
    return tuple(reversed(list(lines)))


def _goes_on(event: Event, later: Event) -> bool:
    """Are both steps of one ramp? They are told as one way."""
    same = event.kind is later.kind is EventKind.OUTPUT and event.subject == later.subject
    ends, begins = event.text.rpartition(" -> ")[2], later.text.partition(" -> ")[0]
    return same and ends == begins and later.at_ms - event.at_ms <= RAMP_STEP_MS
