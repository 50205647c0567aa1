"""A whole walk: which steps in which order, and what they come to. Sans I/O.

Rules
* First nothing is moved, then persons and loads, contacts last: a contact that answers wrongly may stop the house.
* A load behind a changeover is walked in each position that may be asked for.
* Nothing is proven by a step that was not done. What no step has ruled out is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from supervisor.walk.evidence import Evidence
from supervisor.walk.judge import explains
from supervisor.walk.look import Look
from supervisor.walk.mistakes import NOTHING, Mistake, all_mistakes
from supervisor.walk.others import HandStep, RestStep
from supervisor.walk.step import LoadStep, Step, Wish
from supervisor.walk.survey import Load, Positions, Survey
from supervisor.walk.switches import BackStep, ContactStep, PlaceStep


@dataclass(frozen=True)
class Options:
    """``contactors``: a person has said that contactors may move now. ``by_hand``: a person switches loads, too."""

    contactors: bool = False
    by_hand: bool = False


@dataclass(frozen=True)
class Left:
    """What a walk leaves out from the beginning, and why. ``counts``: it keeps the site from being proven."""

    subject: str
    why: str
    counts: bool = True


class Walk:
    """Give it pictures, carry out its wishes, tell it the answers. ``done``: all steps are over."""

    def __init__(self, house: Survey, options: Options, now_place: Callable[[Positions], int | None]) -> None:
        self.house = house
        self.steps, self.left = _steps(house, options, now_place)
        self._at = 0

    @property
    def done(self) -> bool:
        return self._at >= len(self.steps)

    @property
    def step(self) -> Step | None:
        return None if self.done else self.steps[self._at]

    def turn(self, now_ms: int, look: Look) -> Iterator[Wish]:
        """Look, and say what is wished next. After a wish its answer is told before the next turn."""
        step = self.step
        if step is not None:
            yield from step.turn(now_ms, look)
            if step.done:
                self._at += 1

    def told(self, verdict: str, text: str) -> None:
        if (step := self.step) is not None:
            step.told(verdict, text)

    @property
    def evidence(self) -> list[Evidence]:
        return [step.evidence for step in self.steps if step.evidence is not None]

    def remaining(self) -> tuple[Mistake, ...]:
        """What nothing has ruled out; NOTHING is the first, where it is among them."""
        mistakes = all_mistakes(self.house)
        return tuple(one for one in mistakes if all(explains(one, self.house, seen) for seen in self.evidence))

    def contradicts(self) -> bool:
        """Has a step shown what the documents do not expect?"""
        return not all(explains(NOTHING, self.house, seen) for seen in self.evidence)


def _steps(
    house: Survey, options: Options, now_place: Callable[[Positions], int | None]
) -> tuple[list[Step], list[Left]]:
    left: list[Left] = []
    steps: list[Step] = [RestStep(house)]
    if options.by_hand:
        for name in house.houses:
            steps += [HandStep(house, name, at) for at in range(len(house.group(name).places))]
    moved = {changeover.id: list(_other_places(changeover, now_place(changeover))) for changeover in house.changeovers}
    for changeover in house.changeovers:
        if (now := now_place(changeover)) is not None:
            steps.append(PlaceStep(house, changeover, now, moved=False))
        if not moved[changeover.id]:
            left.append(Left(changeover.target, "the documents have no other position for it", counts=False))
    steps += [LoadStep(house, load) for load in house.loads]
    for changeover in house.changeovers:
        if changeover.sources:
            left.append(
                Left(changeover.target, "it switches sources, which a walk never moves; move it as docs/walk.md says")
            )
        elif not options.contactors:
            left.append(Left(changeover.target, "its contactors move only with --contactors"))
        else:
            steps += _walk_places(house, changeover, moved[changeover.id])
    for contact in house.contacts:
        if contact.changeover:
            continue
        if not contact.used:
            left.append(Left(contact.target, "nothing may ever close it", counts=False))
        elif contact.source:
            left.append(Left(contact.target, "it is precharged, so it closes a source, which a walk never moves"))
        elif not contact.breaks:
            left.append(Left(contact.target, "the documents do not say that it may break its load"))
        elif not options.contactors:
            left.append(Left(contact.target, "contactors move only with --contactors"))
        else:
            steps.append(ContactStep(house, contact))
    return steps, left


def _other_places(changeover: Positions, now: int | None) -> Iterator[int]:
    """Every position but this one, and but the one in which all is open."""
    return (at for at in range(1, len(changeover.places)) if at != now)


def _walk_places(house: Survey, changeover: Positions, places: list[int]) -> Iterator[Step]:
    behind = [load for load in house.loads if _is_behind(load, changeover)]
    for number in places:
        yield PlaceStep(house, changeover, number, moved=True)
        for load in behind:
            yield LoadStep(house, load, changeover.places[number][0], (changeover.target, number))
    if places:
        yield BackStep(changeover)


def _is_behind(load: Load, changeover: Positions) -> bool:
    return any(row.group == f"{changeover.id}.flow" for row in load.rows)
