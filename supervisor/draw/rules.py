"""The pages of the rules: per target the ladder of what can narrow it, first voice first; who may ask; programs.

The questions are said in the documents' own words (supervisor/explain/asked.py); nothing here is typed twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.draw.mermaid import table
from supervisor.explain.asked import Asked
from supervisor.explain.known import KINDS
from supervisor.explain.words import Words, lasting, listed
from supervisor.kernel.network import rate
from supervisor.kernel.plan import MODES, Reach
from supervisor.kernel.signal import Unit, shown
from supervisor.kernel.trip import Latch, Narrowing, Rule, Severity

HEAD = ("step", "rule", "when", "leaves", "ends", "why")
DRAWN_ELSEWHERE = {
    "permissions",
    "programs",
    "needs",
    "groups",
    "rules",
    "caps",
    "circuits",
    "changeovers",
    "mode_rules",
    "bans",
    "network",
}


def ladders(words: Words) -> str:
    """One table per target, first voice first."""
    text = (
        "For each target the voices that may narrow it, in the order in which they are heard; the order decides only"
        " who is named. What is left is the envelope. In it permissions, leases and programs speak."
    )
    parts, free = [text], []
    for position, target in enumerate(words.plan.targets):
        rows = list(_ladder(words, position))
        if rows:
            parts += [f"### {target.id}", table(HEAD, [(str(step), *row) for step, row in enumerate(rows, 1)])]
        else:
            free.append(target.id)
    if free:
        parts += ["### Everything else", f"Nothing but its device narrows {listed(free)}."]
    return "\n\n".join(parts)


def _ladder(words: Words, position: int) -> Iterator[tuple[str, ...]]:
    """Limits, what the device tells, circuits, changeovers, the house mode, and what else names the target."""
    plan, target = words.plan, words.plan.targets[position]
    for rule in plan.rules:
        yield from _limit(words, rule, position)
    for cap in plan.caps:
        if cap.target == position:
            blind = words.amount(target, cap.blind)
            yield cap.id, "always", f"at most {words.signal(cap.source.signal)}; {blind} while unknown", "", cap.why
    for circuit in plan.circuits:
        if any(feed.target == position for feed in circuit.feeds):
            yield circuit.id, "always", "what its fuse has left on each phase", "", circuit.why
        if circuit.curve is not None and any(feed.target == position for feed in circuit.feeds):
            yield (
                circuit.curve.id,
                "while its fuse is warm or hot",
                "less, then nothing",
                "when it cools",
                circuit.curve.why,
            )
    yield from _operator(words, position)
    for changeover in plan.changeovers:
        if left := _left(words, changeover.drains, position):
            yield changeover.id, "while it is on its way", left, "when it rests", changeover.why
        for place in changeover.places:
            if left := _left(words, place.allows, position):
                yield changeover.id, f"while it rests in {place.name}", left, "in another position", changeover.why
    for row in plan.mode_rules:
        if row.target == position:
            modes = listed([MODES[mode] for mode in sorted(row.modes)], "or")
            left = leaves(words, Narrowing(position, row.lo, row.hi))
            yield row.id, f"mode {modes}", left, "with the mode", row.why


def _operator(words: Words, position: int) -> Iterator[tuple[str, ...]]:
    """What the grid operator may ask of this target."""
    grid = words.plan.grid
    if grid is not None and grid.export is not None and any(p.target == position for p in grid.export.targets):
        most = shown(grid.export.limit, Unit.POWER)
        yield grid.export.id, "always", f"at most {most} leaves the house", "", grid.export.why
    if grid is not None and grid.dimming is not None and any(d.target == position for d in grid.dimming.devices):
        least = f"never below {shown(grid.dimming.floor, Unit.POWER)}"
        yield (
            grid.dimming.id,
            "while the operator limits, or his word is lost",
            least,
            "with his word",
            grid.dimming.why,
        )


def _limit(words: Words, rule: Rule, position: int) -> Iterator[tuple[str, ...]]:
    acting, blind = _left(words, rule.actions, position), _left(words, rule.unknown_actions, position)
    if not acting and not blind:
        return
    when = Asked(words).says(rule.question) + (f", for {lasting(rule.hold_ms)}" if rule.hold_ms else "")
    parts = [acting] if acting else []
    if blind and blind != acting:
        parts.append(f"{blind} while unknown for {lasting(rule.unknown_ms)}")
    if rule.severity is not Severity.NONE:
        parts.append(f"the house becomes {'faulty' if rule.severity is Severity.FAULT else 'degraded'}")
    ends = f"after {lasting(rule.clear_ms)} of no"
    if rule.latch is not Latch.NONE:
        by = "a local reset" if rule.latch is Latch.DANGER else "an acknowledgement or its time"
        ends += f", then {by} ({rule.latch.value})"
    yield rule.id, when, "; ".join(parts), ends, rule.why


def _left(words: Words, actions: tuple[Narrowing, ...], position: int) -> str:
    return ", ".join(leaves(words, action) for action in actions if action.target == position)


def leaves(words: Words, action: Narrowing) -> str:
    """What a narrowing leaves, as it is written."""
    target = words.plan.targets[action.target]
    if action.lo == action.hi == target.safe:
        return f"stop ({words.amount(target, target.safe)})"
    said = [f"at least {words.amount(target, action.lo)}"] if action.lo is not None else []
    said += [f"at most {words.amount(target, action.hi)}"] if action.hi is not None else []
    return " and ".join(said)


def permissions(words: Words) -> str:
    """Who may ask for what, in which modes, and for how long."""
    plan = words.plan
    rows = []
    for row in plan.permissions:
        target = plan.targets[row.target]
        band = words.amount(target, row.lo)
        if row.hi != row.lo:
            band += f" to {words.amount(target, row.hi)}"
        who = listed([plan.identities[i].name for i in sorted(row.identities)])
        modes = [("yes" if mode in row.modes else "") for mode in range(len(MODES))]
        said = [f"{row.id}: {row.why}"]
        said += [f"at most {row.per_min} a minute"] if row.per_min is not None else []
        said += [f"only while {Asked(words).says(row.only_while)}"] if row.only_while is not None else []
        rows.append((who, target.id, band, *modes, ", ".join(sorted(row.kinds)), lasting(row.max_ms), "; ".join(said)))
    head = ("who", "target", "band", *(mode.replace("_", " ") for mode in MODES), "kinds", "longest", "rule")
    text = "What no permission names cannot be asked. Stop and release always pass."
    matrix = table(head, rows) or "Nobody may ask for anything."
    return "\n\n".join(part for part in (text, matrix, bans(words), network(words)) if part)


def bans(words: Words) -> str:
    """Who may not ask for what, whatever permits it."""
    plan = words.plan
    rows = [
        (
            listed([plan.identities[i].name for i in sorted(row.identities)]),
            plan.targets[row.target].id,
            f"{words.amount(plan.targets[row.target], row.lo)} to {words.amount(plan.targets[row.target], row.hi)}",
            listed([MODES[mode] for mode in sorted(row.modes)]),
            f"unless it is known that not: {Asked(words).says(row.question)}" if row.question is not None else "always",
            f"{row.id}: {row.why}",
        )
        for row in plan.bans
    ]
    said = table(("who", "target", "band", "modes", "while", "rule"), rows)
    return f"Whatever permits it, these may not:\n\n{said}" if said else ""


def network(words: Words) -> str:
    """What all identities of the network get together, whatever permits it."""
    most = rate(words.plan)
    text = f"All on the network together: at most {most.most} wishes for more a minute ({most.by})."
    rows = [
        (
            words.plan.targets[reach.target].id,
            _reach(words, reach),
            lasting(reach.longest_ms) if reach.longest_ms is not None else "",
            lasting(reach.rest_ms) if reach.longest_ms is not None else "",
            f"{reach.per_hour} an hour" if reach.per_hour is not None else "",
            f"{row.id}: {row.why}",
        )
        for row in words.plan.network
        for reach in row.reaches
    ]
    whys = [f"{row.id}: {row.why}." for row in words.plan.network if not row.reaches]
    said = table(("target", "band", "longest off its program", "then back for", "changes", "rule"), rows)
    return "\n\n".join(part for part in (text, *whys, said) if part)


def _reach(words: Words, reach: Reach) -> str:
    target = words.plan.targets[reach.target]
    if reach.places is not None:
        return listed([words.amount(target, place) for place in sorted(reach.places)], "or")
    return f"{words.amount(target, reach.lo)} to {words.amount(target, reach.hi)}"


def programs(words: Words) -> str:
    """What each target does in each mode when nobody holds a lease."""
    plan = words.plan
    rows = []
    for position, target in enumerate(plan.targets):
        cells = [_program(words, position, mode) for mode in range(len(MODES))]
        rows.append((target.id, *cells))
    head = ("target", *(mode.replace("_", " ") for mode in MODES))
    whys = table(("program", "why"), dict.fromkeys((row.id, row.why) for row in plan.programs))
    return "\n\n".join(part for part in (table(head, rows), whys) if part)


def _program(words: Words, position: int, mode: int) -> str:
    target = words.plan.targets[position]
    for row in words.plan.programs:
        if row.target == position and mode in row.modes:
            return words.amount(target, row.value)
    if target.contactor is not None and target.contactor.changeover is not None:
        return f"as {words.plan.changeovers[target.contactor.changeover].id} has it"
    if target.changeover is not None and MODES[mode] == "starting":
        return "as found"
    return f"({words.amount(target, target.safe)})"


def others(words: Words) -> str:
    """Rows of every other kind that the plan has, so that no rule is ever left out of these pages."""
    rows = []
    for name in words.plan.__struct_fields__:
        listed_rows = getattr(words.plan, name)
        if name in DRAWN_ELSEWHERE or name in ("signals", "devices", "targets") or not isinstance(listed_rows, tuple):
            continue
        kind = KINDS.get(name, name.replace("_", " "))
        rows += [(kind, row.id, row.why) for row in listed_rows if hasattr(row, "id") and hasattr(row, "why")]
    rows += [("hand in the house", hand.id, hand.why) for hand in words.plan.local.hands]
    rows += [("limit without a target", rule.id, rule.why) for rule in words.plan.rules
             if not rule.actions and not rule.unknown_actions]  # fmt: skip
    return table(("kind", "rule", "why"), rows) or "There are no others."
