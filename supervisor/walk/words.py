"""What a walk has found, in words for the person beside the switchboard: what is wrong or open, and what to do.

Data in, text out. It must never soften "not proven" into anything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from supervisor.walk.evidence import Evidence, Seen
from supervisor.walk.judge import expectation, fits
from supervisor.walk.mistakes import NOTHING, Kind, Mistake
from supervisor.walk.survey import Group, Survey


def driven(house: Survey, evidence: Sequence[Evidence], name: str) -> tuple[int, ...]:
    """The conductors of a group, or of a load, that were ever loaded: only of these anything is known."""
    found: set[int] = set()
    for seen in evidence:
        for group in house.groups:
            if group.id != name and not (seen.target == name and _hangs_on(house, name, group)):
                continue
            expected = expectation(NOTHING, house, seen, group)
            if not isinstance(expected, float):
                found |= {at for at, want in enumerate(expected) if want is not None and abs(want) > 1.0}
    return tuple(sorted(found))


def _hangs_on(house: Survey, target: str, group: Group) -> bool:
    return any(row.group == group.id for load in house.loads if load.target == target for row in load.rows)


# ---- what is wrong ---------------------------------------------------------------------------------------------------
def finding(mistake: Mistake, house: Survey, evidence: Sequence[Evidence]) -> str:
    """One mistake that explains everything, and its remedy."""
    match mistake.kind:
        case Kind.LOAD:
            return _load(mistake, driven(house, evidence, mistake.subject))
        case Kind.ADDRESSES:
            one, two = mistake.subject, mistake.other
            return (
                f"{one} shows what {two} should show, and {two} what {one} should: their addresses are exchanged;"
                f" exchange the options of {one} and {two} in site.yaml, or the addresses on the devices"
            )
        case Kind.TARGETS:
            one, two = mistake.subject.partition(".")[0], mistake.other.partition(".")[0]
            return (
                f"where {one} is moved, {two} should be, and the other way round: exchange their addresses in"
                f" site.yaml, or their wires"
            )
        case Kind.NONE:
            return "nothing is wrong"
        case _:
            group = house.group(mistake.subject)
            return _of_group(mistake, group, driven(house, evidence, mistake.subject))


def _load(mistake: Mistake, known: Sequence[int]) -> str:
    pairs = [(at, on) for at, on in enumerate(mistake.order) if at != on and (not known or at in known)]
    hangs = ", ".join(f"its L{at + 1} hangs on L{on + 1} of the house" for at, on in pairs)
    return (
        f"{mistake.subject}: {hangs}: exchange its phases at its terminals, or name them as they are under 'feeds' in"
        f" site.yaml"
    )


def _of_group(mistake: Mistake, group: Group, known: Sequence[int]) -> str:
    names = [place.conductor for place in group.places]
    match mistake.kind:
        case Kind.REVERSED:
            place = group.places[mistake.order[0]]
            return (
                f"{group.device}: the clamp of {place.conductor} sits the wrong way round ({place.power} falls when the"
                f" load rises): turn the clamp, or exchange its two wires"
            )
        case Kind.SILENT:
            place = group.places[mistake.order[0]]
            return (
                f"{group.device}: {place.current} does not answer when {place.conductor} is loaded: look whether its"
                f" clamp is closed around the conductor, and plugged in"
            )
        case Kind.DEAF:
            return (
                f"{group.section}: {group.device} does not answer at all: it measures something else, or a battery"
                f" gives what the load takes; stop the battery and walk again, then look at its clamps and address"
            )
        case _:
            pairs = [(at, of) for at, of in enumerate(mistake.order) if at != of and (not known or of in known)]
            return _exchanged(mistake.kind, group, names, pairs)


def _exchanged(kind: Kind, group: Group, names: Sequence[str], pairs: Sequence[tuple[int, int]]) -> str:
    both = ", ".join(group.places[at].current for at in sorted({at for pair in pairs for at in pair}))
    match kind:
        case Kind.CURRENTS:
            calls = ", ".join(
                f"the current that the documents call {names[at]} answers when {names[of]} is loaded"
                for at, of in pairs
            )
            return (
                f"{group.section}: {calls}, and the powers are right: exchange {both} in 'meter: current' of site.yaml"
            )
        case Kind.CLAMPS:
            calls = ", ".join(f"the clamp of {names[at]} sits on {names[of]}" for at, of in pairs)
            half = "the power of a clamp on a foreign phase is minus one half"
            return f"{group.device}: {calls} ({half}): exchange the clamps, with {both} the names stay as they are"
        case _:
            calls = ", ".join(
                f"what the documents call {names[at]} answers when {names[of]} is loaded" for at, of in pairs
            )
            tail = "" if group.absolute else " with their powers"
            return f"{group.section}: {calls}: exchange {both}{tail} in site.yaml, or the wires of {group.device}"


def figures(house: Survey, evidence: Sequence[Evidence]) -> Iterator[str]:
    """What did not fit, as numbers: for whoever has made two mistakes at once."""
    for seen in evidence:
        for group in house.groups:
            if seen.judged(group) and not fits(NOTHING, house, seen, group):
                shown = [seen.seen(place) for place in group.places]
                parts = [f"{place.conductor} {_figure(one)}" for place, one in zip(group.places, shown, strict=True)]
                wanted = _wanted(house, seen, group)
                yield f"{seen.title}: {group.section} changed on {', '.join(parts)}; expected {wanted}"


def _figure(seen: Seen | None) -> str:
    if seen is None:
        return "?"
    return f"by {seen.current:+.1f} A" + ("" if seen.power is None else f" ({seen.power * 230:+.0f} W)")


def _wanted(house: Survey, seen: Evidence, group: Group) -> str:
    if seen.kind == "rest":
        return "what the devices say of themselves"
    expected = expectation(NOTHING, house, seen, group)
    if isinstance(expected, float):
        return f"{expected:+.1f} A on all together"
    return ", ".join("anything" if want is None else f"{want:+.1f} A" for want in expected)


# ---- what is open ----------------------------------------------------------------------------------------------------
def open_points(remaining: Sequence[Mistake], house: Survey, subject: str) -> Iterator[str]:
    """Why a group or load is not proven although nothing speaks against it."""
    mine = [one for one in remaining if subject in (one.subject, one.other) and one.kind is not Kind.ADDRESSES]
    if any(one.kind is Kind.LOAD for one in mine):
        yield "its L1 was never loaded alone; plug in a car, or a test plug, that charges on one phase"
    if any(one.kind is Kind.TARGETS for one in mine):
        twins = [name for one in mine if one.kind is Kind.TARGETS for name in (one.subject, one.other)]
        others = ", ".join(dict.fromkeys(name for name in twins if name != subject))
        yield f"it was never told from {others}; move one of them alone"
    groups = [group for group in house.groups if group.id == subject]
    for group in groups:
        yield from _open_places(mine, group)
        for one in remaining:
            if one.kind is Kind.ADDRESSES and {one.subject, one.other} & set(group.devices):
                yield f"{one.subject} and {one.other} were never told apart"


def _open_places(mine: Sequence[Mistake], group: Group) -> Iterator[str]:
    names = [place.conductor for place in group.places]
    quiet = [at for at in range(len(names)) if any(one.kind is Kind.SILENT and one.order == (at,) for one in mine)]
    if quiet:
        which = " and ".join(names[at] for at in quiet)
        yield f"{which} never had to answer; load it, with --by-hand where nothing else does"
    mixed = {
        at for one in mine if one.kind in _ORDERS for at, of in enumerate(one.order) if at != of and at not in quiet
    }
    if mixed:
        which = " and ".join(names[at] for at in sorted(mixed))
        yield f"{which} were never loaded apart; use --by-hand, or a car on one phase"


_ORDERS = (Kind.PHASES, Kind.CURRENTS, Kind.CLAMPS)
