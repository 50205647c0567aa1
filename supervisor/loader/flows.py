"""The currents of a changeover that must be zero before its contacts move, as a site writes them.

Rules
* What is measured decides when contacts move, so the meter is another device than those that move or are drained, and
  another one than that which it is compared with.
* Every contactor is on the way of some current; else nothing would prove that it may open.
"""

from __future__ import annotations

from collections.abc import Collection

from supervisor.kernel.signal import Source, Unit
from supervisor.kernel.switchgear import Flow
from supervisor.loader.documents import Item
from supervisor.loader.policies import Vocabulary, contactor
from supervisor.loader.quantity import amount, duration
from supervisor.loader.sites import Parts

HOUR_MS = 3_600_000
SKEW_MS = 5_000  # where the document says nothing


def read_flows(
    item: Item, parts: Parts, told: Collection[str], members: tuple[int, ...], words: Vocabulary
) -> tuple[tuple[Flow, ...], int, int]:
    """The currents that must be zero, for how long, and how long two sensors may contradict each other. ``told``: the
    devices that move or are drained."""
    listed = list(item.need("of", "list the currents of an independent meter, one per conductor"))
    own = [_current(parts, part) for part in listed]
    for place, (source, part) in enumerate(zip(own, listed, strict=True)):
        if (meter := _device(parts, source)) in told:
            raise part.error(f"{meter} cannot prove its own zero flow; name another device's meter")
        if source in own[:place]:
            raise part.error(f"{part.text()} stands here twice; name one current per conductor")
    given = item.get("against")
    against = [_other(parts, *pair) for pair in zip(given, own, strict=False)] if given else [None] * len(own)
    if given is not None and len(list(given)) != len(own):
        raise given.error(f"one per current: {len(own)}, not {len(list(given))}; write none where there is none")
    through = _through(item.get("through"), len(own), members, parts, words)
    below = amount(item.need("below", "what counts as zero, such as 500 mA"), Unit.CURRENT)
    shown = item.need("shown_by", "the current by which the meter shows that it can see, such as 1 A")
    shown_ma = amount(shown, Unit.CURRENT)
    if below <= 0:
        raise item.need("below", "").error("no meter says exactly zero; write what counts as zero, such as 500 mA")
    if below >= shown_ma:
        raise shown.error("what shows that the meter sees must be more than what counts as zero ('below')")
    calm_ms = duration(item.need("for", "how long zero must last, such as 5 s"), 100, HOUR_MS)
    skew = item.get("skew")
    item.done()
    flows = tuple(Flow(a, b, below, shown_ma, carriers) for a, b, carriers in zip(own, against, through, strict=True))
    return flows, calm_ms, duration(skew, 100, 600_000) if skew else SKEW_MS


def _through(
    item: Item | None, count: int, members: tuple[int, ...], parts: Parts, words: Vocabulary
) -> tuple[tuple[int, ...], ...]:
    """For each current, the contactors that carry it; all of the changeover's where nothing is said."""
    if item is None:
        return (members,) * count
    listed = []
    for carriers in item:
        listed.append(tuple(contactor(part, words) for part in carriers))
        for index, part in zip(listed[-1], carriers, strict=True):
            if index not in members:
                raise part.error(f"{part.text()} does not belong to this changeover")
    if len(listed) != count:
        raise item.error(f"one list of contactors per current: {count}, not {len(listed)}")
    for member in members:
        if not any(member in carriers for carriers in listed):
            raise item.error(f"no current proves that nothing flows through {parts.targets[member].id}; add it")
    return tuple(listed)


def _current(parts: Parts, item: Item) -> Source:
    named = parts.names.find(item.text(), item)
    if named.signal.unit is not Unit.CURRENT:
        raise item.error(f"{named.signal.id} is in {named.signal.unit}; zero flow is proven by a current")
    return Source(named.index, named.signal.max_age_ms)


def _other(parts: Parts, item: Item, own: Source) -> Source | None:
    """Somebody else's idea of the current ``own``; None where there is none."""
    if item.text() == "none":
        return None
    other = _current(parts, item)
    if (meter := _device(parts, other)) == _device(parts, own):
        raise item.error(f"{meter} would be compared with itself; name another device's current, or none")
    return other


def _device(parts: Parts, source: Source) -> str:
    return parts.signals[source.signal].id.split(".")[0]
