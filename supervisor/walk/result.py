"""What a finished walk comes to: a row for everything that has to be proven, and the exit code that follows.

Rules
* Something is proven when no mistake is left that would touch it. Wrong is only what a step has contradicted.
* With something wrong, what else the walk has seen is not proven: one mistake may hide another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from supervisor.walk import words
from supervisor.walk.course import Walk
from supervisor.walk.mistakes import NOTHING, Mistake
from supervisor.walk.step import LoadStep
from supervisor.walk.switches import BackStep


class Status(StrEnum):
    """Worst first."""

    WRONG = "wrong"
    OPEN = "not proven"
    PROVEN = "proven"
    LEFT = "left out"  # nothing may ever move it, so there is nothing to prove


@dataclass(frozen=True)
class Row:
    subject: str
    status: Status
    text: str


EXIT = {Status.WRONG: 1, Status.OPEN: 3, Status.PROVEN: 0}


def verdict(rows: tuple[Row, ...]) -> Status:
    """The worst of all; a walk without anything to prove has proven nothing."""
    there = {row.status for row in rows} - {Status.LEFT}
    return next((status for status in (Status.WRONG, Status.OPEN, Status.PROVEN) if status in there), Status.OPEN)


def rows(walk: Walk) -> tuple[Row, ...]:
    """Everything, in the order of the documents; what is wrong first."""
    remaining = walk.remaining()
    found = list(_wrong(walk, remaining))
    for group in walk.house.groups:
        names = ", ".join(place.current for place in group.places)
        found += [_row(walk, remaining, group.id, f"{names} answer as the documents say")]
    for load in walk.house.loads:
        found += [_row(walk, remaining, load.target, "moved, and answered as the documents say")]
    found += _steps(walk)
    found += [Row(left.subject, Status.OPEN if left.counts else Status.LEFT, left.why) for left in walk.left]
    return tuple(sorted(found, key=lambda row: row.status is not Status.WRONG))


def _wrong(walk: Walk, remaining: tuple[Mistake, ...]) -> Iterator[Row]:
    if NOTHING not in remaining:
        texts = list(dict.fromkeys(words.finding(one, walk.house, walk.evidence) for one in remaining))
        if texts:
            yield Row("the wiring", Status.WRONG, ", OR ".join(texts))
        else:
            shown = "; ".join(words.figures(walk.house, walk.evidence))
            yield Row(
                "the wiring", Status.WRONG, f"no single mistake explains what was seen, so look for several: {shown}"
            )
    for step in walk.steps:
        yield from (Row(step.subject, Status.WRONG, text) for text in step.wrong)


def _row(walk: Walk, remaining: tuple[Mistake, ...], subject: str, proven: str) -> Row:
    undone = [f"{step.title}: {step.unproven}" for step in walk.steps if step.subject == subject and step.unproven]
    if NOTHING not in remaining:
        return Row(subject, Status.OPEN, "; ".join([*undone, "walk again when this is put right"]))
    why = [*undone, *_unseen(walk, subject), *words.open_points(remaining, walk.house, subject)]
    why += _restless(walk, subject) if why else []
    return Row(subject, Status.OPEN, "; ".join(why)) if why else Row(subject, Status.PROVEN, proven)


def _unseen(walk: Walk, subject: str) -> Iterator[str]:
    """A load that has moved, and no meter stood still enough to see it, or none is there."""
    load = next((load for load in walk.house.loads if load.target == subject), None)
    if load is None:
        return
    names = {row.group for row in load.rows} | (set() if load.draws else set(walk.house.houses))
    judges = [group for group in walk.house.groups if group.id in names]
    moved = [seen for seen in walk.evidence if seen.target == subject]
    if not judges:
        yield "no meter that the documents name sees it"
    elif moved and not any(seen.judged(group) for seen in moved for group in judges):
        yield "it has moved, and every meter that could see it was too restless"


def _restless(walk: Walk, subject: str) -> Iterator[str]:
    """A group that was too restless says nothing; that is why something above may be open."""
    for seen in walk.evidence:
        if subject in seen.restless:
            yield f"too restless to tell during '{seen.title}'; walk when nobody cooks and no cloud passes"


def _steps(walk: Walk) -> Iterator[Row]:
    """Contacts and changeovers: each step speaks for itself."""
    known = {load.target for load in walk.house.loads} | {group.id for group in walk.house.groups}
    for step in walk.steps:
        if isinstance(step, LoadStep | BackStep) or step.subject in known or step.subject == "house":
            continue
        if step.unproven:
            yield Row(step.subject, Status.OPEN, f"{step.title}: {step.unproven}")
        elif not step.wrong:
            yield Row(step.subject, Status.PROVEN, f"{step.title}: its contacts answer")
