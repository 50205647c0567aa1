"""Every single mistake that a walk can tell from another, and what each of them would have shown.

Theory of operation
    A mistake is a way to read the meters that puts the house right: exchange two clamps, turn one round, exchange two
    addresses. A step rules a mistake out when the readings, put right like that, are still not what the documents
    expect. "Nothing is wrong" is one of them. Whatever no step has ruled out may be so.

    A clamp that sits on another phase than its voltage tap is a third of a turn away from it: its power is minus one
    half of what it would be (cos 120 degrees), and so is told from phases that are exchanged with tap and clamp.

It must never hold two mistakes for true at once: who has made two is told the figures instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from supervisor.walk.survey import Group, Survey


class Kind(StrEnum):
    """``places``: the phases as ``Mistake.order`` says."""

    NONE = "none"
    CURRENTS = "currents_exchanged"  # the documents name the currents in another order than the powers
    CLAMPS = "clamps_exchanged"  # clamps without their taps
    PHASES = "phases_exchanged"  # clamps and taps
    REVERSED = "clamp_reversed"
    SILENT = "phase_silent"
    DEAF = "meter_deaf"
    LOAD = "load_phases"  # the load hangs on other conductors than the documents say
    ADDRESSES = "addresses_exchanged"  # of two meters
    TARGETS = "targets_exchanged"  # the addresses, or the rows, of two devices that are told something


@dataclass(frozen=True)
class Mistake:
    """``subject``: a group, load or device; ``other``: the second device. ``order``: which conductor each place really
    sees (of a load: on which place each of its conductors is); of one place, that place."""

    kind: Kind
    subject: str = ""
    other: str = ""
    order: tuple[int, ...] = ()

    def rename(self, name: str) -> str:
        """The signal that the documents should have named."""
        if self.kind is not Kind.ADDRESSES:
            return name
        device, _, signal = name.partition(".")
        return f"{ {self.subject: self.other, self.other: self.subject}.get(device, device) }.{signal}"


NOTHING = Mistake(Kind.NONE)
_TURNS = ((1, 2, 0), (2, 0, 1))


def all_mistakes(house: Survey) -> tuple[Mistake, ...]:
    """Nothing, and everything that could be wrong in this house."""
    found = [NOTHING]
    for group in house.groups:
        found += _of_group(group)
    for load in house.loads:
        if load.draws and any(len(row.own) == 3 for row in load.rows):
            # L2 for L3 is left out: no load but a two-phase car would ever notice, and no step can
            found += [Mistake(Kind.LOAD, load.target, order=order) for order in (*_TURNS, (1, 0, 2), (2, 1, 0))]
    return (*found, *_addresses(house))


def _of_group(group: Group) -> Iterator[Mistake]:
    count, powers = len(group.places), all(place.power is not None for place in group.places)
    exchanges = [_exchanged(count, pair) for pair in combinations(range(count), 2)]
    turns = list(_TURNS) if count == 3 else []
    kinds = [Kind.PHASES, *([Kind.CURRENTS, Kind.CLAMPS] if powers else [])]
    for kind in kinds:
        yield from (Mistake(kind, group.id, order=order) for order in exchanges + turns if _matters(group, order))
    for at in range(count):
        if powers:
            yield Mistake(Kind.REVERSED, group.id, order=(at,))
        yield Mistake(Kind.SILENT, group.id, order=(at,))
    if count > 1:
        yield Mistake(Kind.DEAF, group.id)


def _matters(group: Group, order: tuple[int, ...]) -> bool:
    """Flows through the same contactors prove the same thing together: it is no mistake to exchange them."""
    return not group.absolute or any(
        group.places[at].through != group.places[of].through for at, of in enumerate(order)
    )


def _exchanged(count: int, pair: tuple[int, int]) -> tuple[int, ...]:
    other = {pair[0]: pair[1], pair[1]: pair[0]}
    return tuple(other.get(at, at) for at in range(count))


def _addresses(house: Survey) -> Iterator[Mistake]:
    """Two of one family can be exchanged without anybody noticing; of two families the drivers would."""
    measured = {device for group in house.groups for device in group.devices}
    for (first, stem), (second, other) in combinations(house.families, 2):
        if stem == other and not {first, second} & house.commanded and {first, second} & measured:
            yield Mistake(Kind.ADDRESSES, first, second)
    for one, two in combinations(house.loads, 2):
        if (
            one.draws == two.draws
            and one.rows
            and two.rows
            and dict(house.families)[one.device] == dict(house.families).get(two.device)
        ):
            yield Mistake(Kind.TARGETS, one.target, two.target)
