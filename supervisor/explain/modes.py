"""Why the house is in its mode, and what ends it. The facts are the house machine's own (machines/house.py)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from supervisor.explain.asked import Asked, missing
from supervisor.explain.words import Words, lasting, listed
from supervisor.kernel.facts import AILING
from supervisor.kernel.question import YES
from supervisor.kernel.trip import Severity, severity


def rules_behind(words: Words) -> list[str]:
    """The rules whose severity keeps the house in this mode."""
    worth = {"fault": (Severity.FAULT,), "degraded": (Severity.DEGRADED,)}.get(words.mode(), ())
    plan, state = words.plan, words.moment.state
    return [rule.id for rule, trip in zip(plan.rules, state.trips, strict=True) if severity(rule, trip) in worth]


def reasons(words: Words) -> list[str]:
    """Why this mode, one sentence each; never empty."""
    mode = words.mode()
    found = [f"{rule} acts" for rule in rules_behind(words)]
    match mode:
        case "starting":
            found += _starting(words)
        case "observe":
            found += ["this site only observes: nothing is written to any wire"]
        case "degraded":
            found += [*_ailing(words), *(f"{name} {missing(words, name)}" for name in _unseen(words))]
        case "orchestrator_lost":
            found += _lost(words)
        case "fault":
            found += _contactors(words, ("welded",))
        case "maintenance":
            found += ["somebody in the house has turned the maintenance key"]
        case "normal":
            found += ["every device that must be there is heard, and no rule says otherwise"]
    return found or ["what caused it has just ended; the next cycle decides"]


def ends(words: Words) -> str:
    """What ends this mode; "" for normal."""
    match words.mode():
        case "starting":
            missing = _unseen(words)
            until_ms = words.moment.state.house.since_ms + words.plan.grace_ms
            if not missing:
                return "within the next cycles: every device has been heard"
            left = f"it then goes on as degraded {words.until(until_ms)}" if until_ms > words.now_ms else "now"
            return f"when {', '.join(missing)} is heard; if not, {left}"
        case "observe":
            return "only by the site's own documents and a restart: 'observe' in site.yaml, or --observe of the command"
        case "degraded":
            heard = [f"{name} is heard" for name in _unseen(words)]
            return _again([*_none(words), *_well(_ailing(words)), *heard])
        case "orchestrator_lost":
            names = [name for name, _ in _lost_ones(words)]
            return f"with any word from {' or '.join(names)}" if names else ""
        case "fault":
            welded = [
                f"{said}, which takes a local reset by hand in the house"
                for said in _well(_contactors(words, ("welded",)))
            ]
            return _again([*_none(words), *welded])
        case "maintenance":
            key = words.plan.local.maintenance
            turned = f" ({Asked(words).denies(key)})" if key is not None else ""
            return f"when somebody in the house turns the key back{turned}; after that its contactors want a reset"
    return ""


def _again(wanted: list[str]) -> str:
    return f"when {listed(wanted)}" if wanted else "in the next cycles"


def _none(words: Words) -> list[str]:
    behind = rules_behind(words)
    return [f"{listed(behind)} no longer act{'s' if len(behind) == 1 else ''}"] if behind else []


def _well(ailing: Iterable[str]) -> list[str]:
    return [f"{said.partition(' is ')[0]} is no longer {said.partition(' is ')[2]}" for said in ailing]


def _ailing(words: Words) -> list[str]:
    """What switches and is in trouble, as "it is so"."""
    plan, switches = words.plan, words.moment.state.switches
    names = [
        (row.id, plan.changeover.states[at.machine.state]) for row, at in zip(plan.changeovers, switches, strict=True)
    ]
    return [*_contactors(words, AILING), *(f"{name} is stranded" for name, state in names if state == "stranded")]


def _starting(words: Words) -> Iterator[str]:
    since_ms = words.moment.state.house.since_ms
    yield f"it has been starting for {lasting(words.now_ms - since_ms)} of at most {lasting(words.plan.grace_ms)}"
    for name in _unseen(words):
        yield f"{name} {missing(words, name)} yet"


def _unseen(words: Words) -> list[str]:
    """Devices that must be there and are not heard."""
    image, now_ms = words.moment.image, words.now_ms
    return [d.id for d in words.plan.devices if not d.optional and d.seen.ask(image, now_ms) is not YES]


def _contactors(words: Words, names: tuple[str, ...]) -> list[str]:
    plan = words.plan
    pairs = zip(plan.targets, words.moment.state.targets, strict=True)
    named = ((t.id, plan.contactor.states[s.machine.state]) for t, s in pairs if s.machine is not None)
    return [f"{target} is {state}" for target, state in named if state in names]


def _lost_ones(words: Words) -> list[tuple[str, int | None]]:
    plan = words.plan
    lost = plan.orchestrator.state("lost")
    pairs = zip(plan.identities, words.moment.state.orchestrators, strict=True)
    return [(i.name, o.heard_ms) for i, o in pairs if i.expected and o.machine.state == lost]


def _lost(words: Words) -> Iterator[str]:
    for name, heard_ms in _lost_ones(words):
        last = f", last heard {words.clock(heard_ms)}" if heard_ms is not None else ""
        yield f"{name} is expected and has fallen silent{last}"
