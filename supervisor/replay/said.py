"""Records of a journal in words for people. Reads only."""

from __future__ import annotations

from supervisor.guardian.record import Record, reason
from supervisor.kernel.lease import Decision, Request, Verdict
from supervisor.kernel.plan import Plan, Target
from supervisor.kernel.signal import Unit, shown


def value(target: Target, plan: Plan, number: int | None) -> str:
    """What a target is told: a coil is open or closed, a changeover at a place by its name."""
    if number is None:
        return "nothing yet"
    if target.contactor is not None:
        return "closed" if number else "open"
    if target.changeover is not None:
        places = plan.changeovers[target.changeover].places
        return places[number].name if 0 <= number < len(places) else str(number)
    return shown(number, target.unit)


def amount(plan: Plan, name: str, number: int | None, unit: str) -> str:
    """A wish, by its target's id; a unit that does not exist is shown as it came."""
    if number is None:
        return ""
    target = next((target for target in plan.targets if target.id == name), None)
    if target is not None and target.unit.value == unit:
        return value(target, plan, number)
    return shown(number, Unit(unit)) if unit in tuple(Unit) else f"{number} {unit}"


def wish(plan: Plan, request: Request) -> str:
    """Who asked for what."""
    of = f" {request.target}" if request.target else " everything"
    asked = amount(plan, request.target, request.value, request.unit)
    return f"{request.identity}: {request.verb.value}{of}{' ' if asked else ''}{asked}"


def verdict(plan: Plan, request: Request, decision: Decision) -> str:
    """What came of it."""
    if decision.verdict is Verdict.REFUSED:
        return f"refused by {reason(decision)}"
    if decision.verdict is Verdict.CLIPPED:
        by = next((clause.rule for clause in decision.clauses if clause.effect == "clips"), "a rule")
        return f"clipped to {amount(plan, request.target, decision.value, request.unit)} by {by}"
    return decision.verdict.value


def difference(plan: Plan, was: Record, now: Record) -> str:
    """The first thing that two records of the same cycle do not share."""
    for words in (_decisions, _events, _outputs, _wanted):
        mine, theirs = words(plan, was), words(plan, now)
        if mine != theirs:
            return f"recorded {_first(mine, theirs)}; now {_first(theirs, mine)}"
    return "recorded other latches than come out now" if was.k != now.k else "the records differ"


def _first(of: list[str], but: list[str]) -> str:
    return next((one for one in of if one not in but), "nothing of the kind")


def _decisions(plan: Plan, one: Record) -> list[str]:
    pairs = zip(one.q, one.d, strict=False)
    return [f"{wish(plan, q)}: {verdict(plan, q, d)} {_clauses(d)}" for q, d in pairs]


def _clauses(decision: Decision) -> str:
    """All that was said, values and lease included."""
    said = "; ".join(f"{clause.rule} {clause.effect}: {clause.text}" for clause in decision.clauses)
    held = f", until {decision.lease.expires_ms} ms" if decision.lease is not None else ""
    return f"({said}{held})"


def _events(_plan: Plan, one: Record) -> list[str]:
    return [f"{event.subject} {event.text}" for event in one.e]


def _outputs(plan: Plan, one: Record) -> list[str]:
    return [f"{plan.targets[i].id} told {value(plan.targets[i], plan, number)}" for i, number in one.o]


def _wanted(plan: Plan, one: Record) -> list[str]:
    return [f"{plan.targets[i].id} as wanted by {by}" for i, by in one.w]
