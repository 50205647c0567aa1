"""The circuits of a site: a tree of fuses, their meters, and what hangs on them.

Rules
* ``within`` names the circuit above. What hangs on a circuit hangs on all above it and is written once, at the lowest.
* A circuit without a meter says what else may draw there (``unmeasured``).
* Whether the numbers make sense together (``blind`` of many feeds, a fuse that never binds) is said by ``check``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from supervisor.kernel.heat import Curve, Points
from supervisor.kernel.mains import Circuit, Feed, Phase
from supervisor.kernel.signal import Source, Unit
from supervisor.kernel.sums import Sum
from supervisor.kernel.trip import Rule, Severity
from supervisor.loader.documents import Item, name_of, nearest
from supervisor.loader.quantity import amount, duration
from supervisor.loader.sites import Parts

UNMEASURED = ("none", "absent")  # it draws there, and nobody measures it; it has no wire there
CURRENT_MAX = 10_000_000  # mA; no fuse of a house is larger
PHASES = ("l1", "l2", "l3")
GRACE_DEFAULT_MS = 1_000
TRUST_DEFAULT_MS = 30_000
HOUR_MS = 3_600_000
NEVER_MS = 2**52
"""A row that says nothing when it cannot be answered: a roof that sleeps is no contradiction."""

CURVES: Mapping[str, Points] = {
    "gG": ((1_250, HOUR_MS), (1_600, 60_000), (2_000, 10_000), (5_000, 100)),
    "B": ((1_130, HOUR_MS), (1_450, 40_000), (2_000, 8_000), (2_550, 1_000), (3_000, 100)),
    "C": ((1_130, HOUR_MS), (1_450, 40_000), (2_000, 8_000), (2_550, 1_000), (5_000, 100)),
}
"""So long each fuse carries that multiple (permille) of its rating at least: (permille, ms), the first point for ever.

gG: general knowledge of IEC 60269-1, not compared with its text: check it against the data sheet of the fuse at hand.
1.25 does not melt in the conventional time (1 h up to 63 A), 1.6 does. The gates Imin(10 s) of 16 A to
63 A lie between 2.06 and 2.6 times the rating and Imin(0.1 s) above 5 times, as makers' catalogues print them: rounded
down here. (1.6, 60 s) is ours: the standard gives no earliest time there; makers' mean curves show some minutes.
B and C, IEC 60898-1: 1.13 does not trip within 1 h, 1.45 does (Schneider FAQ FA369327); 2.55 not before 1 s; 3 (B) and
5 (C) not before 0.1 s (IEK VA47-100 manual, table 2). (1.45, 40 s) and (2, 8 s) are ours, below makers' printed bands.
"""


@dataclass
class Tree:
    """The circuits in the order of the document, and the rows that follow from them."""

    circuits: list[Circuit] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)


@dataclass
class Drawn:
    """One circuit as written, on the way to becoming one of the plan."""

    name: str
    item: Item
    parent: str | None
    width: int
    phases: tuple[Phase, ...]
    on: tuple[int, ...]  # the place of each of its phases among those of the circuit above
    own: list[tuple[Feed, Item]]
    unmeasured: int


def read_circuits(parts: Parts, written: Sequence[tuple[str, Item]]) -> Tree:
    """All circuits. Their rows are the first of the plan."""
    names = [name_of(key, item) for key, item in written]
    items = dict(zip(names, (item for _, item in written), strict=True))
    drawn: dict[str, Drawn] = {}
    for name in names:
        _draw(parts, name, items, drawn, ())
    order = [drawn[name] for name in names]
    for one in order:
        _once(parts, one, drawn)
    tree = Tree()
    for one in order:
        tree.circuits.append(_circuit(parts, one, drawn, names, tree.rules))
        one.item.done()
    return tree


# ---- the tree ------------------------------------------------------------------------------------------------------
def _draw(parts: Parts, name: str, items: Mapping[str, Item], drawn: dict[str, Drawn], below: tuple[str, ...]) -> None:
    """One circuit, after the one above it."""
    if name in drawn:
        return
    item = items[name]
    within = item.get("within")
    parent = within.text() if within is not None else None
    if within is not None and parent not in items:
        raise within.error(f"there is no circuit '{parent}'{nearest(within.text(), items)}")
    if within is not None and parent in (*below, name):
        raise within.error(f"{' -> '.join((*below, name, within.text()))} is a circle; a fuse has one above it at most")
    if parent is not None:
        _draw(parts, parent, items, drawn, (*below, name))
    above = drawn.get(parent) if parent is not None else None
    phases = _meter(parts, item)
    given = item.get("phases")
    width = len(phases) or (given.whole(1, 3) if given is not None else above.width if above is not None else 0)
    if given is not None and phases:
        raise given.error("the meter says how many phases there are; remove this")
    if not width:
        raise item.error("without a meter and a circuit above it, say on how many 'phases' it is: 1 to 3")
    rest = item.get("unmeasured")
    if rest is None and not phases:
        raise item.error("without a meter, say what else may draw there: 'unmeasured: 3 A' (or 0 A), or name a 'meter'")
    if rest is not None and phases:
        raise rest.error("the meter sees what else draws there; remove this, or remove the meter")
    if phases and above is not None and not above.phases:
        raise item.error(f"it has a meter, but {parent} above it has none; give {parent} one")
    drawn[name] = Drawn(
        name, item, parent, width, phases, _on(item, width, above), [], _current(rest, 0) if rest is not None else 0
    )
    drawn[name].own = _feeds(parts, drawn[name])


def _on(item: Item, width: int, above: Drawn | None) -> tuple[int, ...]:
    """Where its phases are among those of the circuit above."""
    given = item.get("on")
    if above is None:
        if given is not None:
            raise given.error("'on' names phases of the circuit above, and there is none; remove it, or add 'within'")
        return tuple(range(width))
    if given is None:
        if width != above.width:
            raise item.error(
                f"it has {width} phases and {above.name} has {above.width}; say which, such as 'on: [{PHASES[0]}]'"
            )
        return tuple(range(width))
    listed = [PHASES.index(part.one_of(PHASES[: above.width])) for part in given]
    if len(listed) != width or len(set(listed)) != width:
        raise given.error(f"name {width} different phases of {above.name}")
    return tuple(listed)


def _once(parts: Parts, one: Drawn, drawn: Mapping[str, Drawn]) -> None:
    """Within one tree a feed is written once; whatever is above has it anyway."""
    root = _root(one, drawn)
    for feed, item in one.own:
        for other in drawn.values():
            if other is not one and _root(other, drawn) is root and any(f.target == feed.target for f, _ in other.own):
                name = parts.targets[feed.target].id
                raise item.error(f"{name} also hangs on {other.name} of the same tree; write it once, at the lowest")


def _root(one: Drawn, drawn: Mapping[str, Drawn]) -> Drawn:
    while one.parent is not None:
        one = drawn[one.parent]
    return one


def _all_feeds(one: Drawn, drawn: Mapping[str, Drawn]) -> list[Feed]:
    """What hangs on it and on all within it, on its own phases."""
    feeds = [feed for feed, _ in one.own]
    for child in drawn.values():
        if child.parent == one.name:
            feeds += [_lifted(feed, child, one.width) for feed in _all_feeds(child, drawn)]
    return feeds


def _lifted(feed: Feed, child: Drawn, width: int) -> Feed:
    """A feed of a circuit, as the one above sees it."""
    at = {phase: place for place, phase in enumerate(child.on)}
    own = tuple(feed.own[at[phase]] if phase in at else None for phase in range(width))
    absent = tuple(phase for phase in range(width) if phase not in at or at[phase] in feed.absent)
    return Feed(feed.target, own, absent)


def _unmeasured(one: Drawn, drawn: Mapping[str, Drawn]) -> int:
    """What nobody measures on it and within it."""
    return one.unmeasured + sum(_unmeasured(child, drawn) for child in drawn.values() if child.parent == one.name)


# ---- one circuit ---------------------------------------------------------------------------------------------------
def _circuit(parts: Parts, one: Drawn, drawn: Mapping[str, Drawn], names: Sequence[str], rules: list[Rule]) -> Circuit:
    item = one.item
    feeds = tuple(_all_feeds(one, drawn))
    if not feeds:
        raise item.error("nothing hangs on it; say what: feeds: {wallbox.current: [its own currents per phase]}")
    fuse = _current(item.need("fuse", "its rating per phase, such as 35 A"), 1)
    margin = _current(item.need("margin", "what is kept free for the skew between meters, such as 2 A"), 0)
    blind, uneven = _blind(item, one), item.get("asymmetry")
    if margin >= fuse:
        raise item.need("margin", "").error("it leaves nothing of the fuse; write a smaller one")
    if uneven is not None and not one.phases:
        raise uneven.error("without a meter nobody knows it; remove this, or name a 'meter'")
    check = _check(parts, one, rules)
    grace, trust = item.get("blind_after"), item.get("trust_after")
    return Circuit(
        id=f"circuits.{one.name}",
        why=item.need("why", "every circuit says what it protects").text(),
        fuse=fuse,
        margin=margin,
        blind=blind,
        phases=one.phases,
        feeds=feeds,
        asymmetry=_current(uneven, 1) if uneven is not None else None,
        parent=names.index(one.parent) if one.parent is not None else None,
        unmeasured=_unmeasured(one, drawn) if not one.phases else 0,
        grace_ms=duration(grace, 0, 60_000) if grace is not None else GRACE_DEFAULT_MS,
        trust_ms=duration(trust, 1_000, HOUR_MS) if trust is not None else TRUST_DEFAULT_MS,
        curve=_curve(item, one.name),
        check=check,
    )


def _blind(item: Item, one: Drawn) -> int:
    """What each feed may take while the meter is silent; without a meter there is no such time."""
    given = (
        item.get("blind") if not one.phases else item.need("blind", "what each feed may take while the meter is silent")
    )
    if given is None:
        return 0
    if not one.phases:
        raise given.error("without a meter nothing falls silent; remove this")
    return _current(given, 0)


def _meter(parts: Parts, item: Item) -> tuple[Phase, ...]:
    meter = item.get("meter")
    if meter is None:
        return ()
    listed = meter.need("current", "list a current signal per phase").items()
    currents = [source(parts, part, Unit.CURRENT) for part in listed]
    given = meter.get("power")
    powers = [source(parts, part, Unit.POWER) for part in given] if given else [None] * len(currents)
    if len(powers) != len(currents):
        raise meter.error(f"{len(currents)} currents need {len(currents)} powers, not {len(powers)}")
    meter.done()
    return tuple(Phase(current, power) for current, power in zip(currents, powers, strict=True))


def _feeds(parts: Parts, one: Drawn) -> list[tuple[Feed, Item]]:
    """What hangs on it directly."""
    found: list[tuple[Feed, Item]] = []
    given = one.item.get("feeds")
    for name, own in given.fields().items() if given is not None else ():
        if name not in parts.target_names:
            raise own.error(f"there is no target '{name}'{nearest(name, parts.target_names)}")
        if (unit := parts.target_names[name][1].unit) is not Unit.CURRENT:
            raise own.error(f"{name} is set in {unit.value}; a fuse can only hold back what is set as a current")
        sources = tuple(source(parts, part, Unit.CURRENT) if part.text() not in UNMEASURED else None for part in own)
        if len(sources) != one.width:
            raise own.error(f"one current per phase: {one.width}, not {len(sources)}")
        absent = tuple(phase for phase, part in enumerate(own) if part.text() == "absent")
        if len(absent) == len(sources):
            raise own.error("it is absent from every phase, so it does not hang on this circuit; remove it")
        found.append((Feed(parts.target_names[name][0], sources, absent), own))
    return found


def _curve(item: Item, name: str) -> Curve | None:
    """Its characteristic, one of :data:`CURVES`, or with other thresholds: {type: gG, warm: 50 %, hot: 80 %}."""
    given = item.get("curve")
    if given is None:
        return None
    named = given if isinstance(given.value, str) else given.need("type", f"one of {', '.join(CURVES)}")
    kind = named.one_of(CURVES)
    warm, hot = (given.get(key) for key in ("warm", "hot")) if isinstance(given.value, dict) else (None, None)
    curve = Curve(
        f"circuits.{name}.curve",
        f"a {kind} fuse bears an overload only for so long; what it has borne must cool before it bears more",
        CURVES[kind],
        amount(warm, Unit.SHARE) if warm is not None else 500,
        amount(hot, Unit.SHARE) if hot is not None else 800,
    )
    if not 0 < curve.warm < curve.hot < 1_000:
        raise given.error("warm must be less than hot, and both between 0 % and 100 % of what opens the fuse")
    if isinstance(given.value, dict):
        given.done()
    return curve


def _check(parts: Parts, one: Drawn, rules: list[Rule]) -> int | None:
    """The row that finds the meter's sign wrong; its place among ``rules``."""
    given = one.item.get("check")
    if given is None:
        return None
    powers = tuple(phase.power for phase in one.phases if phase.power is not None)
    if not powers:
        raise given.error("compares powers, and the meter of this circuit tells none; add 'power' to its meter")
    same, sources, loads = (_powers(parts, given.get(key)) for key in ("same", "sources", "loads"))
    if same and (sources or loads):
        raise given.error("either a second meter ('same') or a balance ('sources', 'loads'), not both")
    if not (same or sources or loads):
        raise given.error("name a second meter ('same: [...]'), or a balance: 'sources: [...]' and 'loads: [...]'")
    for part in (*same, *sources, *loads):
        if part in powers:
            raise given.error(f"{parts.signals[part.signal].id} would be compared with itself; name another device's")
    within = amount(given.need("within", "how far they may be apart, such as 1 kW"), Unit.POWER)
    if within <= 0:
        raise given.need("within", "").error("two meters never agree to the last; write a tolerance such as 1 kW")
    hold, clear = given.need("for", "how long they must disagree, such as 10 s"), given.get("clear")
    rules.append(
        Rule(
            id=f"circuits.{one.name}.sign",
            why=f"the meter of {one.name} and a second source contradict each other, so it is not believed",
            question=Sum((*powers, *sources), (*same, *loads), -within, within if same else None),
            hold_ms=duration(hold, 1_000, HOUR_MS),
            unknown_ms=NEVER_MS,
            clear_ms=duration(clear, 1_000, HOUR_MS) if clear is not None else 60_000,
            actions=(),
            unknown_actions=(),
            severity=Severity.DEGRADED,
        )
    )
    given.done()
    return len(rules) - 1


def _powers(parts: Parts, item: Item | None) -> tuple[Source, ...]:
    return tuple(source(parts, part, Unit.POWER) for part in item) if item is not None else ()


def _current(item: Item, lo: int) -> int:
    value = amount(item, Unit.CURRENT)
    if not lo <= value <= CURRENT_MAX:
        raise item.error(f"{value} mA is not within {lo}..{CURRENT_MAX} mA")
    return value


def source(parts: Parts, item: Item, unit: Unit) -> Source:
    """A signal of this unit."""
    named = parts.names.find(item.text(), item)
    if named.signal.unit is not unit:
        raise item.error(f"{named.signal.id} is in {named.signal.unit}, not in {unit}")
    return Source(named.index, named.signal.max_age_ms)
