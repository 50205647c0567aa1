"""The changeovers of a site: their positions, flows and times, and the interlocks that follow from them.

Rules
* Which contactors exclude each other is derived from the positions, never typed: two that share no position.
* Exclusive sources need what no program can give: a hard-wired interlock, and for each contactor the proof of a device
  that is not on the contactor's own bus (hazard H01).
* What is closed first is opened last, in whichever position; so all positions have one order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from supervisor.kernel.machine import Table
from supervisor.kernel.plan import Target
from supervisor.kernel.signal import Unit
from supervisor.kernel.switchgear import Changeover, Group, Place
from supervisor.kernel.trip import Narrowing
from supervisor.loader.documents import Item, name_of
from supervisor.loader.flows import read_flows
from supervisor.loader.policies import Vocabulary, contactor, narrowing, why
from supervisor.loader.proofs import onto, position
from supervisor.loader.quantity import duration
from supervisor.loader.sites import Parts

OPEN = "open"
RESERVED = {OPEN: "the position in which all contactors are open", "stop": "what sends it to its safe position"}
PLACES_MAX = 16
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
DRAIN_MS, ONTO_MS = 60_000, 10_000  # where the document says nothing
SPARE_MS = 1_000  # on top of the contactors' own travel times, for one cycle each and a lost frame


@dataclass(frozen=True)
class Announced:
    """One changeover as it stands in the document, its names and its target known, the rest not read yet."""

    name: str
    item: Item
    position: int


def announce(parts: Parts, key: str, item: Item) -> Announced:
    """Give a changeover its target, so that other documents may name it and its positions."""
    name = name_of(key, item)
    if name in parts.core:
        raise item.error(f"'{name}' is already a device")
    listed = item.need("positions", "list its positions: {name: {closed: [contactors]}}")
    positions = listed.fields()
    if not 1 <= len(positions) <= PLACES_MAX:
        raise listed.error(f"write 1 to {PLACES_MAX} positions; all-open ('{OPEN}') is always one more")
    for word in filter(RESERVED.__contains__, positions):
        raise positions[word].error(f"'{word}' is {RESERVED[word]}; give this one another name")
    names = (OPEN, *(name_of(place, given) for place, given in positions.items()))
    safe = item.need("safe", f"where a stop sends it: one of {', '.join(names)}").one_of(names)
    target = Target(
        id=f"{name}.position",
        unit=Unit.CODE,
        lo=0,
        hi=len(names) - 1,
        safe=names.index(safe),
        step=1,
        bands=(),
        hold_ms=0,
        ramp=None,
        readback=None,
        readback_ms=0,
        contactor=None,
        changeover=len(parts.places),
    )
    position = len(parts.targets)
    parts.targets.append(target)
    parts.target_names[target.id] = (position, target)
    parts.places[target.id] = names
    return Announced(name, item, position)


def members_of(written: Announced, words: Vocabulary) -> dict[str, Item]:
    """The contactors that it moves, by name, in the order in which they close, and where each is named first."""
    found: dict[str, Item] = {}
    before: dict[str, set[str]] = {}
    ordered: list[str] = []
    for item in written.item.need("positions", "").fields().values():
        earlier: list[str] = []
        for part in item.need("closed", "list the contactors that are closed in this position"):
            contactor(part, words)
            if part.text() in earlier:
                raise part.error(f"{part.text()} stands here twice; name each contactor once")
            found.setdefault(part.text(), part)
            before.setdefault(part.text(), set()).update(earlier)
            earlier.append(part.text())
        ordered = _in_order(before, item)
    return {name: found[name] for name in ordered}


def _in_order(before: Mapping[str, set[str]], item: Item) -> list[str]:
    """All of them, each behind those that close ``before`` it, else as they were named."""
    ordered: list[str] = []
    while len(ordered) < len(before):
        ready = [name for name, earlier in before.items() if name not in ordered and earlier <= {*ordered}]
        if not ready:
            raise item.error(
                "closes its contactors in another order than the positions above; what closes first opens last, so"
                " write one order in all of them"
            )
        ordered.append(ready[0])
    return ordered


def read_changeover(
    written: Announced, parts: Parts, words: Vocabulary, table: Table, travels: Mapping[int, tuple[int, int | None]]
) -> tuple[Changeover, tuple[Group, ...]]:
    """A changeover and the interlocks that follow from it. ``travels``: of each contactor, the time it needs to move
    (ms), and after what time it breaks its load (None: never)."""
    item = written.item
    reason = why(item)
    exclusive = _exclusive_sources(item)
    places = _places(written, words, parts, exclusive)
    members = tuple(words.targets[name][0] for name in members_of(written, words))
    drains = _drains(item.need("drain", DRAIN_HINT), written, words)
    unrated = [parts.targets[member].id for member in members if travels[member][1] is None]
    if not drains and unrated:
        raise item.need("drain", "").error(
            f"nothing would bring the flow to zero, and {unrated[0]} is not rated to break it; {DRAIN_HINT}"
        )
    dead_ms = duration(item.need("dead_time", "how long all is open, such as 1 s"), 100, HOUR_MS)
    told = {parts.targets[n].id.split(".")[0] for n in (*(drain.target for drain in drains), *members)}
    flows, calm_ms, skew_ms = read_flows(item.need("flow", FLOW_HINT), parts, told, members, words)
    if exclusive:
        for member in _with_precharge(members, parts):
            _second_proof(member, parts)
    within = item.get("drain_within")
    onto_within = item.get("onto_within")
    dwell = item.get("dwell")
    travel_ms = sum(travels[member][0] for member in members) + SPARE_MS
    breaks_ms = sum(travels[member][1] or 0 for member in members)  # one after the other, each with its own wait
    timeouts = {
        "draining": duration(within, 1_000, HOUR_MS) if within else DRAIN_MS,
        "breaking": travel_ms + breaks_ms,
        "waiting": dead_ms,
        "probing": duration(onto_within, 100, HOUR_MS) if onto_within else ONTO_MS,
        "making": travel_ms,
        "settling": duration(item.need("settle", "how long it rests before the flow may begin"), 100, HOUR_MS),
    }
    changeover = Changeover(
        id=written.name,
        why=reason,
        target=written.position,
        members=members,
        places=places,
        drains=drains,
        flows=flows,
        calm_ms=calm_ms,
        skew_ms=skew_ms,
        dwell_ms=duration(dwell, 0, DAY_MS) if dwell else 0,
        timeouts=tuple(timeouts.get(state) for state in table.states),
    )
    item.done()
    return changeover, _exclusions(changeover, dead_ms)


DRAIN_HINT = "say what brings the flow to zero, such as {wallbox.current: stop}"
FLOW_HINT = "say which currents must be zero: {of: [...], below: 500 mA, shown_by: 1 A, for: 5 s}"


def _drains(item: Item, written: Announced, words: Vocabulary) -> tuple[Narrowing, ...]:
    """What brings the flow to zero, and nothing less."""
    drains = []
    for name, part in item.fields().items():
        action = _unmoved(name, part, written, words)
        target = words.targets[name][1]
        if action.hi is None or action.hi > 0 or (target.lo < 0 and action.lo != 0):
            raise part.error(f"leaves a flow through {name}; a drain brings it to zero: write 'stop' or 'at most 0 …'")
        drains.append(action)
    return tuple(drains)


def _unmoved(name: str, item: Item, written: Announced, words: Vocabulary) -> Narrowing:
    """An action on something that no changeover moves, and that is not this one's position either."""
    action = narrowing(name, item, words)
    if (by := words.moved.get(name)) or name == f"{written.name}.position":
        raise item.error(f"{name} is moved by {by or written.name} itself; name what draws or gives the current")
    return action


def _places(written: Announced, words: Vocabulary, parts: Parts, exclusive: bool) -> tuple[Place, ...]:
    places = [Place(OPEN, ())]
    seen: dict[frozenset[int], str] = {frozenset(): OPEN}
    for name, part in written.item.need("positions", "").fields().items():
        closed = tuple(contactor(coil, words) for coil in part.need("closed", "list its contactors"))
        if twin := seen.get(frozenset(closed)):
            raise part.error(f"closes the same contactors as '{twin}'; nobody could tell the two apart")
        seen[frozenset(closed)] = name
        allows, given = part.get("allows"), part.get("onto")
        if given is None and exclusive:
            raise part.error(
                f"position '{name}' closes a source; say what proves its bus dead, such as 'onto: bus.voltage_l1 below"
                " 20 V', or a synchronism relay's contact"
            )
        proof = onto(given, parts, exclusive) if given is not None else None
        if given is not None and proof is not None and exclusive:
            for coil in closed:
                _on_another_bus(given, proof.signals(), parts.targets[coil].id, parts)
        actions = allows.fields().items() if allows is not None else ()
        places.append(Place(name, closed, tuple(_unmoved(n, i, written, words) for n, i in actions), proof))
        part.done()
    return tuple(places)


def _exclusive_sources(item: Item) -> bool:
    """Does it switch sources of which only one may feed? Then something besides this program keeps them apart."""
    given, wired = item.get("sources"), item.get("hard_wired")
    if given is None or not given.flag():
        return False
    if wired is None or len(wired.text().strip()) < 5:
        raise (wired or given).error(
            "exclusive sources need a hard-wired interlock besides this program; install one, then describe it in"
            " 'hard_wired: …'"
        )
    return True


def _with_precharge(members: Sequence[int], parts: Parts) -> tuple[int, ...]:
    """The contactors, and those that close the same conductor through a resistor."""
    given = [parts.coils.get(parts.targets[member].id, {}).get("precharge") for member in members]
    helpers = [parts.target_names[item.need("by", "").text()][0] for item in given if item is not None]
    return (*members, *dict.fromkeys(helpers))


def _second_proof(member: int, parts: Parts) -> None:
    """A contactor's proof comes from a device on another bus."""
    target = parts.targets[member].id
    device = target.split(".")[0]
    proof = parts.coils.get(target, {}).get("proof")
    if proof is None:
        raise parts.items[device].error(
            f"{target} switches a source, so a device on another bus than {parts.bus_of[device]} must prove that it is"
            f" open; write 'proof: {{open: …, closed: …}}' at its target"
        )
    for part in proof.fields().values():
        _on_another_bus(part, position(part, parts, target).signals(), target, parts)


def _on_another_bus(item: Item, signals: Sequence[int], coil: str, parts: Parts) -> None:
    bus = parts.bus_of[coil.split(".")[0]]
    for signal in signals:
        device = parts.signals[signal].id.split(".")[0]
        if parts.bus_of[device] == bus:
            raise item.error(
                f"{device} is on {bus}, as {coil} itself: one broken bus could close two sources; take the proof from"
                " another bus"
            )


def _exclusions(changeover: Changeover, dead_ms: int) -> tuple[Group, ...]:
    """Two contactors that share no position are never closed together, with the dead time between them."""
    shared = {pair for place in changeover.places for pair in combinations(sorted(place.members), 2)}
    return tuple(
        Group(changeover.id, changeover.why, pair, 1, dead_ms)
        for pair in combinations(sorted(changeover.members), 2)
        if pair not in shared
    )
