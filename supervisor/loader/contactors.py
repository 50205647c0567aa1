"""What a site says about its contactors, made into the kernel's: proofs, times, ratings, precharge.

Rules
* A contactor says how it may open: ``breaks_load`` (it is rated for it), ``zero_flow`` (a question that proves that
  nothing flows), or both; in a changeover the changeover's flows count instead.
* ``proof`` adds the word of a second device: open is proven only when both say so, closed when either does.
* A contactor that precharges is moved by the contactors that it does it for, and by nobody else; it shares their
  interlocks, for it closes the same conductor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from drivers.contract import OutputSpec
from supervisor.kernel.machine import Table
from supervisor.kernel.plan import Target
from supervisor.kernel.question import AllOf, AnyOf, Fresh, Is, Question, TooOld
from supervisor.kernel.switchgear import Contactor, Group, Precharge
from supervisor.loader.compiler import MachineError
from supervisor.loader.documents import Item
from supervisor.loader.policies import Vocabulary, contactor
from supervisor.loader.proofs import charged, positions, zero_flow
from supervisor.loader.quantity import duration
from supervisor.loader.sites import Parts
from supervisor.site import DeviceSite

HOUR_MS = 3_600_000
LOOK_MS = 3_000  # how long a contact may take to show itself after a start
LOOK_EARLY_MS = 500  # a node may have heard its last command this long before it was last heard
DOUBT_MS = 200  # how long a contact may fail to show itself (a bouncing contact, one lost frame)
PER_HOUR_MAX = 60


def read_contactor(
    device: DeviceSite, spec: OutputSpec, target: Target, table: Table, parts: Parts, words: Vocabulary
) -> Contactor:
    """The contactor behind a coil's target. Raises DocumentError for what the site says wrongly."""
    if target.readback is None:
        raise MachineError(f"{target.id} is a contactor without a read-back; its family must name one")
    signal, age_ms = target.readback.signal, target.readback.max_age_ms
    given = parts.coils.get(target.id, {})
    breaks = duration(given["breaks_load"], 0, HOUR_MS) if "breaks_load" in given else None
    flow = zero_flow(given["zero_flow"], parts, target.id) if "zero_flow" in given else None
    _sound(device, target, given, words, parts)
    travel_ms = duration(given["travel"], 10, 60_000) if "travel" in given else spec.travel_ms
    open_, closed = _proof(given.get("proof"), target, parts)
    precharge, precharge_ms = _precharge(given.get("precharge"), words, parts)
    core = parts.core[device.name]
    drop_out_ms = (spec.silence.after_ms or 0) - LOOK_EARLY_MS
    timeouts = {"looking": LOOK_MS, "precharging": precharge_ms, "closing": travel_ms, "opening": travel_ms}
    return Contactor(
        shown_open=_both(AllOf, Is(signal, age_ms, 0), open_),
        shown_closed=_both(AnyOf, Is(signal, age_ms, 1), closed),
        seen=Fresh(core),
        gone=AnyOf(tuple(TooOld(s, max(max_age_ms, drop_out_ms)) for s, max_age_ms in core)),
        zero_flow=flow,
        timeouts=tuple(timeouts.get(state) for state in table.states),
        breaks_ms=breaks,
        calm_ms=max((parts.signals[index].max_age_ms for index in flow.signals()), default=0) if flow else 0,
        doubt_ms=DOUBT_MS,
        min_on_ms=duration(given["min_on"], 0, HOUR_MS) if "min_on" in given else 0,
        min_off_ms=duration(given["min_off"], 0, HOUR_MS) if "min_off" in given else 0,
        per_hour=given["per_hour"].whole(1, PER_HOUR_MAX) if "per_hour" in given else 0,
        precharge=precharge,
    )


def _sound(device: DeviceSite, target: Target, given: Mapping[str, Item], words: Vocabulary, parts: Parts) -> None:
    """Is it said how this contactor may open, once?"""
    if target.id in words.moved:
        _unsaid(given, ("zero_flow", "min_on", "min_off"), f"{target.id} belongs to a changeover; {FLOW_THERE}")
        return
    for main in words.charging.get(target.id, ()):
        _unsaid(given, ("min_on", "min_off"), f"{target.id} moves with {main}, which it precharges; write it there")
    if "breaks_load" not in given and "zero_flow" not in given:
        name = target.id.rpartition(".")[2]
        raise parts.items[device.name].error(
            f"{target.id} may carry a current that it cannot break; say 'targets: {{{name}: {{breaks_load: 0 s}}}}' if"
            f" it is rated for its load, or 'zero_flow' with a question that proves that nothing flows"
        )


FLOW_THERE = "write its 'flow' and 'dwell' there instead"


def _unsaid(given: Mapping[str, Item], keys: Sequence[str], reason: str) -> None:
    for key in keys:
        if key in given:
            raise given[key].error(reason)


def _proof(item: Item | None, target: Target, parts: Parts) -> tuple[Question | None, Question | None]:
    """What a second device must say for open, and what it may say for closed."""
    if item is None:
        return None, None
    open_ = item.need("open", "what the second device shows while the main contact is open")
    closed = item.need("closed", "what it shows while the main contact is closed")
    item.done()
    return positions(open_, closed, parts, target.id)


def _both(several: type[AllOf | AnyOf], own: Question, second: Question | None) -> Question:
    return own if second is None else several((own, second))


def _precharge(item: Item | None, words: Vocabulary, parts: Parts) -> tuple[Precharge | None, int | None]:
    if item is None:
        return None, None
    by = contactor(item.need("by", "name the coil that charges through a resistor"), words)
    until = charged(item.need("until", "the voltage criterion, such as 'bus.voltage above 380 V'"), parts)
    within_ms = duration(item.need("within", "how long it may take, such as 5 s"), 100, 600_000)
    item.done()
    return Precharge(by, until), within_ms


def charging(parts: Parts, words: Vocabulary) -> dict[str, tuple[str, ...]]:
    """For each contactor that precharges, those that it does it for."""
    found: dict[str, tuple[str, ...]] = {}
    for main, given in parts.coils.items():
        if "precharge" not in given:
            continue
        by = given["precharge"].need("by", "name the coil that charges through a resistor")
        contactor(by, words)
        helper = by.text()
        if helper == main:
            raise by.error("a contactor cannot precharge itself; name the coil that charges through a resistor")
        if helper in words.moved:
            raise by.error(f"{helper} belongs to {words.moved[helper]}; a contactor that precharges is in no position")
        if "precharge" in parts.coils.get(helper, {}):
            raise by.error(f"{helper} has a precharge itself; name the coil whose current a resistor limits")
        found[helper] = (*found.get(helper, ()), main)
    return found


def apart(groups: Sequence[Group], contactors: Mapping[int, Contactor]) -> Iterator[Group]:
    """The interlocks of those that precharge: what excludes a contactor excludes its precharge, for both close the
    same conductor, and a precharge may weld, too. One that serves several is kept apart from what excludes them all."""
    pairs = [(group, pair) for group in groups if group.at_most == 1 for pair in combinations(group.members, 2)]
    exclusive = {frozenset(pair) for _, pair in pairs}
    seen: set[tuple[str, int, int]] = set()
    for group, (one, other) in pairs:
        for a, b in product(_ways(one, contactors), _ways(other, contactors)):
            key = (group.id, min(a, b), max(a, b))
            mains = product(contactors[a].charges or (a,), contactors[b].charges or (b,))
            if (a, b) != (one, other) and key not in seen and all(frozenset(main) in exclusive for main in mains):
                seen.add(key)
                yield Group(group.id, group.why, (min(a, b), max(a, b)), 1, group.dead_ms)


def _ways(position: int, contactors: Mapping[int, Contactor]) -> tuple[int, ...]:
    """The coils that close the conductor of this contactor: its own, and that of its precharge."""
    precharge = contactors[position].precharge
    return (position,) if precharge is None else (position, precharge.by)
