"""Does a mistake explain what a step has shown? The readings are put right as if it had been made, and compared.

Rules
* A meter that did not stand still, and a reading that was not known, rule nothing out.
* What the documents leave open is not compared.

It must never know which mistake is likelier than another.
"""

from __future__ import annotations

from collections.abc import Sequence

from supervisor.walk import amounts
from supervisor.walk.evidence import Evidence, Seen
from supervisor.walk.mistakes import Kind, Mistake
from supervisor.walk.survey import Group, Load, Place, Survey

FAR = 1e6  # A; nothing expects so much
DISPLACED = -2.0  # one over cos 120 degrees: what puts a power right whose clamp is a third of a turn away


def explains(mistake: Mistake, house: Survey, evidence: Evidence) -> bool:
    """Put right like that, do all meters that stood still show what the documents expect?"""
    return all(fits(mistake, house, evidence, group) for group in house.groups if evidence.judged(group))


def fits(mistake: Mistake, house: Survey, evidence: Evidence, group: Group) -> bool:
    """The same of one group."""
    seen = [evidence.seen(place, mistake.rename) for place in _renamed(mistake, group)]
    shown = [one for one in seen if one is not None]
    if len(shown) != len(seen):
        return True  # what nobody saw rules nothing out
    expected = expectation(mistake, house, evidence, group)
    right = _put_right(mistake, group, shown, expected, evidence)
    if group.absolute and not _levels_agree(mistake, house, evidence, group, right):
        return False
    if evidence.kind == "rest":
        return True
    if isinstance(expected, float):
        return _agrees(sum(one.current for one in right), _sum_power(right), expected, evidence.amount)
    return all(
        want is None or _agrees(one.current, one.power, want, evidence.amount)
        for one, want in zip(right, expected, strict=True)
    )


def _renamed(mistake: Mistake, group: Group) -> list[Place]:
    """The places with the currents that the documents should have named."""
    places = list(group.places)
    if mistake.kind is Kind.CURRENTS and mistake.subject == group.id:
        for at, of in enumerate(mistake.order):
            places[of] = Place(places[of].conductor, group.places[at].current, places[of].power)
    return places


def _agrees(current: float, power: float | None, want: float, scale: float) -> bool:
    scale = max(scale, abs(want))
    near = abs(current - want) <= max(amounts.AGREE_A, amounts.AGREE_SHARE * scale)
    return near and (power is None or abs(power - want) <= max(amounts.AGREE_A, amounts.POWER_SHARE * scale))


def _sum_power(seen: Sequence[Seen]) -> float | None:
    powers = [one.power for one in seen if one.power is not None]
    return sum(powers) if len(powers) == len(seen) else None


def _put_right(
    mistake: Mistake, group: Group, seen: Sequence[Seen], expected: Sequence[float | None] | float, evidence: Evidence
) -> list[Seen]:
    """The readings as they would be without the mistake."""
    if mistake.subject != group.id:
        return list(seen)
    right = list(seen)
    for at, of in enumerate(mistake.order):
        match mistake.kind:
            case Kind.CLAMPS:
                power = seen[at].power
                right[of] = Seen(-seen[at].current, None if power is None else power * DISPLACED, seen[at].level)
                if of == at:
                    right[of] = seen[at]
            case Kind.PHASES:
                right[of] = seen[at]
            case _:
                break
    if mistake.kind is Kind.REVERSED:
        at = mistake.order[0]
        right[at] = Seen(-seen[at].current, -(seen[at].power or 0.0), seen[at].level)
    if mistake.kind in (Kind.SILENT, Kind.DEAF):
        _let_speak(range(len(right)) if mistake.kind is Kind.DEAF else mistake.order, right, expected, evidence)
    return right


def _let_speak(
    silent: Sequence[int], right: list[Seen], expected: Sequence[float | None] | float, evidence: Evidence
) -> None:
    """A place that has shown no change could have been meant to show any; one that has moved is not silent."""
    if not all(_agrees(right[at].current, right[at].power, 0.0, evidence.amount) for at in silent):
        for at in silent:
            right[at] = Seen(FAR, FAR, right[at].level)
    elif isinstance(expected, float):
        lacks = expected - sum(one.current for one in right)
        right[silent[0]] = Seen(right[silent[0]].current + lacks, None, right[silent[0]].level)
    else:
        for at in silent:
            if (want := expected[at]) is not None:
                right[at] = Seen(want, want, right[at].level)


# ---- what the documents expect ---------------------------------------------------------------------------------------
def expectation(mistake: Mistake, house: Survey, evidence: Evidence, group: Group) -> list[float | None] | float:
    """By place the change of its current, None where the documents leave it open; or, of a generator whose phase in
    the house no document names, the change of all together."""
    count = len(group.places)
    if evidence.kind == "hand":
        if evidence.group != group.id:
            return [None] * count  # a socket may be below a circuit that is measured by itself
        return [evidence.amount if at == evidence.conductor else 0.0 for at in range(count)]
    rows = [(load, row) for load in house.loads for row in load.rows if row.group == group.id]
    if evidence.kind == "reduce" and not group.absolute:
        return evidence.amount if group.id in house.houses else [None] * count
    wanted: list[float | None] = [None if group.absolute else 0.0] * count
    for load, row in rows:
        for at, name in enumerate(row.own):
            if name == "":
                continue
            there = (
                mistake.order[at] if mistake.kind is Kind.LOAD and mistake.subject == load.target and count == 3 else at
            )
            wires = sum(one != "" for one in row.own)
            drawn = _drawn(mistake, house, evidence, load, name, wires)
            wanted[there] = None if drawn is None else (wanted[there] or 0.0) + drawn
    return wanted


def _drawn(
    mistake: Mistake, house: Survey, evidence: Evidence, load: Load, name: str | None, wires: int
) -> float | None:
    """The change of a load's own current. Of one that nobody measures it is known only where it has one wire: a car
    with one phase takes one of three, and nobody has said which."""
    if mistake.kind is Kind.TARGETS and load.target in (mistake.subject, mistake.other):
        other = mistake.other if load.target == mistake.subject else mistake.subject
        load = next(one for one in house.loads if one.target == other)
        name = load.own[0] if load.own else None
    if name is None:
        if load.target != evidence.target:
            return 0.0
        return evidence.amount if wires == 1 else None
    return evidence.delta(name)


def _levels_agree(mistake: Mistake, house: Survey, evidence: Evidence, group: Group, right: Sequence[Seen]) -> bool:
    """A sensor of a flow shows the device's own current at rest, too: so it is known from the meter of the house."""
    for row in (row for load in house.loads for row in load.rows if row.group == group.id):
        for at, name in enumerate(row.own):
            own = evidence.before.means.get(name) if name else None
            if own is None or mistake.kind is Kind.LOAD or mistake.kind is Kind.TARGETS:
                continue
            silent = mistake.kind is Kind.DEAF or (mistake.kind is Kind.SILENT and at in mistake.order)
            if silent and mistake.subject == group.id:
                own = 0.0  # what hears nothing shows nothing
            if abs(right[at].level - abs(own)) > max(amounts.AGREE_A, amounts.AGREE_SHARE * abs(own)):
                return False
    return True
