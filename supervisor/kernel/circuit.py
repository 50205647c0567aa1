"""What is remembered of a circuit from cycle to cycle: how its meter is seen, and how warm its fuse is.

Rules
* A fuse has no sign: its heat counts the current alone. So a meter with the wrong sign still finds the fuse hot.
* A doubtful reading may heat a fuse (a real short is also a jump) and never cools it; what is not known does neither.
* A meter that a second source has shown to be wrong counts as silent, without grace.
* What a feed draws beyond what it was told is looked for where its own current is known and it hears us (excess.py).

Amounts in mA, times in ms. What follows from it says headroom.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from supervisor.kernel import excess, heat, sight
from supervisor.kernel.excess import Excess
from supervisor.kernel.headroom import measured, read, summed
from supervisor.kernel.mains import Circuit, Feed, Watched
from supervisor.kernel.plan import Target
from supervisor.kernel.question import YES, Image
from supervisor.kernel.signal import Quality
from supervisor.kernel.state import TargetState
from supervisor.kernel.trip import Trip


def watch(
    circuit: Circuit,
    was: Watched,
    trips: Sequence[Trip],
    image: Image,
    states: Sequence[TargetState],
    targets: Sequence[Target],
    now_ms: int,
) -> Watched:
    """What is remembered after this cycle's look at the meters."""
    lies = distrusted(circuit, trips)
    sights = tuple(
        sight.look(
            at,
            not lies and measured(phase, image, now_ms) is not None,
            0 if lies else circuit.grace_ms,
            circuit.trust_ms,
            now_ms,
        )
        for phase, at in zip(circuit.phases, was.sights, strict=True)
    )
    fears = was.fears and tuple(
        _fear(feed, fear, image, states, now_ms) for feed, fear in zip(circuit.feeds, was.fears, strict=True)
    )
    heats = was.heats
    if circuit.curve is not None:
        carried = Watched((), sights, fears)
        heats = tuple(
            heat.advance(circuit.curve, at, _share(circuit, phase, carried, image, states, now_ms), now_ms)
            for phase, at in enumerate(was.heats)
        )
    excesses = tuple(
        _excess(feed, at, states[feed.target], targets[feed.target], image, now_ms)
        for feed, at in zip(circuit.feeds, was.excesses or (excess.NONE,) * len(circuit.feeds), strict=True)
    )
    return Watched(heats, sights, fears, lies, excesses)


def distrusted(circuit: Circuit, trips: Sequence[Trip]) -> bool:
    """Has a second source shown that this meter is wrong?"""
    return circuit.check is not None and circuit.check < len(trips) and trips[circuit.check].cause is YES


def _fear(feed: Feed, fear: int, image: Image, states: Sequence[TargetState], now_ms: int) -> int:
    """The most that a feed may draw once its measurement falls silent."""
    told = states[feed.target].output or 0
    known = [read(source, image, now_ms) for source in feed.own if source is not None]
    shown = [value for value in known if value is not None]
    return max([told, *shown]) if len(shown) == len(known) else max([fear, told, *shown])


def _excess(feed: Feed, was: Excess, state: TargetState, target: Target, image: Image, now_ms: int) -> Excess:
    """What a feed draws beyond what it was told. Whom we only watch has been told nothing."""
    if target.observe:
        return was
    known = [(read(source, image, now_ms), image[source.signal].at_ms) for source in feed.own if source is not None]
    shown = [(value, read_ms) for value, read_ms in known if value is not None]
    return excess.look(was, state.output, state.changed_ms, target.readback_ms, shown)


def _share(
    circuit: Circuit, phase: int, watched: Watched, image: Image, states: Sequence[TargetState], now_ms: int
) -> int | None:
    """The current in permille of the rating that heats or cools the fuse; None when it is not known."""
    if not circuit.phases:
        return summed(circuit, phase, watched, image, states, now_ms) * 1000 // circuit.fuse
    source = circuit.phases[phase].current
    reading = image[source.signal]
    if reading.value is None or now_ms - reading.at_ms > source.max_age_ms:
        return None
    share = abs(reading.value) * 1000 // circuit.fuse
    heats = circuit.curve is not None and share > circuit.curve.points[0][0]
    return share if heats or reading.quality is Quality.GOOD else None  # a doubtful reading never cools a fuse


def wake(circuit: Circuit, watched: Watched) -> Iterator[int]:
    """When something of it changes by time alone."""
    for at in watched.heats:
        if at.due_ms is not None:
            yield at.due_ms
    for seen in watched.sights:
        yield from sight.wake(seen, circuit.grace_ms, circuit.trust_ms)
