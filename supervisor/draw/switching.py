"""The page of what switches: each changeover's positions and contactors, what it drains, and the interlocks."""

from __future__ import annotations

from supervisor.draw.mermaid import Flow, table
from supervisor.draw.rules import leaves
from supervisor.explain.asked import Asked
from supervisor.explain.words import Words, lasting, listed
from supervisor.kernel.switchgear import Changeover


def changeovers(words: Words) -> str:
    """Every changeover, then the interlocks of all contactors."""
    parts = [_one(words, row) for row in words.plan.changeovers]
    return "\n\n".join([*(parts or ["This site has no changeover."]), "### Interlocks", interlocks(words)])


def _one(words: Words, row: Changeover) -> str:
    plan = words.plan
    facts = [f"zero flow proven for {lasting(row.calm_ms)}", f"dwell {lasting(row.dwell_ms)}"]
    facts += [f"{plan.targets[a.target].id} {leaves(words, a)} while it is on its way" for a in row.drains]
    listed_facts = "\n".join(f"* {fact}" for fact in facts)
    return "\n\n".join(
        [f"### {row.id}\n\n{row.why}", _picture(words, row), _positions(words, row), listed_facts, _flows(words, row)]
    )


def _picture(words: Words, row: Changeover) -> str:
    plan, flow = words.plan, Flow("LR")
    for at, place in enumerate(row.places):
        notes = ["its safe position"] if at == plan.targets[row.target].safe else []
        flow.node(f"place {row.id} {place.name}", [place.name, *notes], "round")
    for member in row.members:
        flow.node(plan.targets[member].id, [plan.targets[member].id])
    for place in row.places:
        for order, member in enumerate(place.members, 1):
            closes = f"closes as number {order}" if len(place.members) > 1 else "closes"
            flow.edge(f"place {row.id} {place.name}", plan.targets[member].id, closes)
    return flow.text()


def _positions(words: Words, row: Changeover) -> str:
    plan, asked = words.plan, Asked(words)
    positions = [
        (
            place.name,
            listed([plan.targets[m].id for m in place.members]) or "every contactor open",
            listed([f"{plan.targets[a.target].id} {leaves(words, a)}" for a in place.allows]) or "everything",
            asked.says(place.onto) if place.onto is not None else "",
        )
        for place in row.places
    ]
    return table(("position", "closed, in this order", "allows", "closes only onto"), positions)


def _flows(words: Words, row: Changeover) -> str:
    """The currents that must be zero before a contact moves."""
    currents = [
        (
            words.signal(one.current.signal),
            words.measured(one.current.signal, one.zero),
            words.measured(one.current.signal, one.shown),
            words.signal(one.against.signal) if one.against is not None else "nobody",
            listed([words.plan.targets[m].id for m in one.through]) or "all",
        )
        for one in row.flows
    ]
    head = ("current", "counts as zero up to", "sensor has shown itself from", "checked against", "through")
    return table(head, currents)


def interlocks(words: Words) -> str:
    """Who excludes whom, and who needs whom."""
    plan, asked = words.plan, Asked(words)
    rows = []
    for group in plan.groups:
        said = f"of {listed([plan.targets[m].id for m in group.members])} at most {group.at_most} closed"
        rows.append((group.id, said + (f", {lasting(group.dead_ms)} in between" if group.dead_ms else ""), group.why))
    for need in plan.needs:
        needs = [f"{plan.targets[need.requires].id} is closed"] if need.requires is not None else []
        needs += [asked.says(need.question)] if need.question is not None else []
        rows.append((need.id, f"{plan.targets[need.target].id} is closed only while {listed(needs)}", need.why))
    return table(("interlock", "what it says", "why"), rows) or "No interlock is declared."
