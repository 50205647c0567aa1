"""What a feed may draw so that no fuse above it carries more than it can, on any phase: the headroom of its circuits.

Theory of operation
* A circuit's feeds include those of the circuits within it, so walking all circuits walks every ancestor of a feed,
  and each can only lower what is left.
* With a meter: what the fuse bears, less what flows, plus what the feed itself draws of it. What other feeds have been
  promised and do not draw yet counts as drawn, so two chargers never share one gap.
* Without a meter: the feeds' own currents, or what they were promised where that is more or nobody measures, and the
  declared rest. A feed whose measurement is silent counts as the most that it was told or drew since it was last heard.
* Both suppose that a feed draws what it was told. Where one draws more for good (excess.py), that much less is left for
  it; and for the others, as long as it does not draw yet what it was told and that much more.
* A silent meter counts as full load for permitting more. During its grace nobody gets more than he has; after that
  ``blind`` is left, never more than was proven last, and no more until the meter is trusted again (sight.py).
* A warm fuse is run at :data:`WARM_SHARE` of its rating until it has cooled; a hot one stops all its feeds, unless a
  trusted meter shows that the phase exports (stopping them would make it worse).

Amounts in mA, times in ms. Must never start, open or latch anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from supervisor.kernel import heat
from supervisor.kernel.mains import Circuit, Feed, Phase, Watched
from supervisor.kernel.question import Image
from supervisor.kernel.signal import Quality, Source
from supervisor.kernel.state import TargetState

WARM_SHARE = 800
"""Permille of its rating at which a warm fuse is run; our choice: at 80 % every fuse cools."""
BARE = Watched()


def read(source: Source, image: Image, now_ms: int) -> int | None:
    """A value that may be relied on to permit something: good and young enough; None otherwise."""
    reading = image[source.signal]
    if reading.quality is not Quality.GOOD or now_ms - reading.at_ms > source.max_age_ms:
        return None
    return reading.value


class Room(NamedTuple):
    """``most`` may be drawn (mA), and ``by`` says so; ``last``: what was proven, to be remembered; ``proven``: now."""

    most: int
    proven: bool
    last: int | None
    by: str


def headroom(
    circuit: Circuit,
    feed: Feed,
    image: Image,
    states: Sequence[TargetState],
    last: int | None,
    now_ms: int,
    watched: Watched = BARE,
) -> Room:
    """What ``feed`` may draw on each of its phases (mA) so that no conductor of the circuit exceeds its fuse."""
    phases = [phase for phase in range(circuit.width) if phase not in feed.absent]
    flows = [measured(phase, image, now_ms) for phase in circuit.phases]
    rooms = [
        None if watched.lies else _room(circuit, feed, phase, flows, watched, image, states, now_ms) for phase in phases
    ]
    known = [room for room in rooms if room is not None]
    cuts = [_cut(circuit, phase, flows, watched, room) for phase, room in zip(phases, rooms, strict=True)]
    cut = min((cut for cut in cuts if cut is not None), default=None)
    asked = phases if circuit.asymmetry is None else range(circuit.width)  # whose words a room is made of
    trusted = all(watched.sights[phase].trusted for phase in asked) if watched.sights else len(known) == len(rooms)
    if trusted and len(known) == len(rooms):
        return _cooled(circuit, Room(min(known), True, min(known), circuit.id), cut)
    blind = max(circuit.blind - excess_of(circuit, feed.target, watched), 0)
    least = blind if last is None else min(blind, last)
    if trusted and last is not None:  # in its grace
        least = max(least, min(last, states[feed.target].output or 0))
    elif len(known) == len(rooms) and last is not None:
        last = min([last, *known])  # seen, and not trusted yet: it may only lower what was proven
    by = f"{circuit.id}.sign" if watched.lies else circuit.id
    return _cooled(circuit, Room(min([least, *known]), False, last, by), cut)


def _cooled(circuit: Circuit, room: Room, cut: int | None) -> Room:
    """A room within what heat leaves; what was proven stays what it was."""
    if cut is None or cut >= room.most or circuit.curve is None:
        return room
    return room._replace(most=cut, by=circuit.curve.id)


def _room(
    circuit: Circuit,
    feed: Feed,
    phase: int,
    flows: Sequence[int | None],
    watched: Watched,
    image: Image,
    states: Sequence[TargetState],
    now_ms: int,
) -> int | None:
    """What is left on one phase without regard to heat; None when it cannot be known. ``flows``: what each conductor
    carries (None: not known), empty without a meter."""
    if not circuit.phases:
        others = summed(circuit, phase, watched, image, states, now_ms, but=feed.target)
        return circuit.fuse - circuit.margin - others - excess_of(circuit, feed.target, watched)
    flow = flows[phase]
    if flow is None:
        return None
    own = drawn(feed, phase, image, now_ms) - excess_of(circuit, feed.target, watched)
    promised = sum(
        max(_taken(states[other.target].output, more) - drawn(other, phase, image, now_ms), 0)
        for other, more in zip(circuit.feeds, _excesses(circuit, watched), strict=True)
        if other.target != feed.target and phase not in other.absent
    )
    room = circuit.fuse - circuit.margin - flow + own - promised
    if circuit.asymmetry is None:
        return room
    if None in flows:
        return None
    least = min((other for at, other in enumerate(flows) if at != phase and other is not None), default=flow)
    return min(room, circuit.asymmetry - (flow - least) + own - promised)


def _cut(circuit: Circuit, phase: int, flows: Sequence[int | None], watched: Watched, room: int | None) -> int | None:
    """What heat leaves of a phase; None where it takes nothing."""
    stage = watched.heats[phase].stage if watched.heats else heat.COOL
    if stage == heat.COOL:
        return None
    if room is not None and flows and (flows[phase] or 0) < 0:
        return None
    if stage == heat.HOT:
        return 0
    lost = circuit.fuse - circuit.fuse * WARM_SHARE // 1000
    return circuit.blind if room is None else max(room - lost, 0)


def summed(
    circuit: Circuit,
    phase: int,
    watched: Watched,
    image: Image,
    states: Sequence[TargetState],
    now_ms: int,
    but: int | None = None,
) -> int:
    """The load of a phase of a circuit without a meter, ``but`` one feed's."""
    total = circuit.unmeasured
    fears, excesses = watched.fears or (0,) * len(circuit.feeds), _excesses(circuit, watched)
    for feed, fear, more in zip(circuit.feeds, fears, excesses, strict=True):
        if feed.target == but or phase in feed.absent:
            continue
        source, taken = feed.own[phase], _taken(states[feed.target].output, more)
        shown = read(source, image, now_ms) if source is not None else 0
        total += max(taken, fear if shown is None else shown)
    return total


def excess_of(circuit: Circuit, target: int, watched: Watched) -> int:
    """What this target's feed draws beyond what it was told (mA)."""
    for feed, at in zip(circuit.feeds, watched.excesses, strict=False):  # none where nobody has looked yet
        if feed.target == target:
            return at.amount
    return 0


def _excesses(circuit: Circuit, watched: Watched) -> tuple[int, ...]:
    return tuple(at.amount for at in watched.excesses) or (0,) * len(circuit.feeds)


def _taken(told: int | None, more: int) -> int:
    """What a feed takes of what it was told; of nothing it takes nothing."""
    return told + more if told else 0


def measured(phase: Phase, image: Image, now_ms: int) -> int | None:
    """The current of a conductor (mA), import positive; None when it is not known."""
    current = read(phase.current, image, now_ms)
    if current is None or phase.power is None:
        return current
    power = read(phase.power, image, now_ms)
    if power is None:
        return None
    return -current if power < 0 else current


def drawn(feed: Feed, phase: int, image: Image, now_ms: int) -> int:
    """What a feed is known to draw on a phase (mA); what is not known counts as nothing, which leaves less room."""
    source = feed.own[phase]
    return (read(source, image, now_ms) or 0) if source else 0
