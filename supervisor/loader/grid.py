"""What the grid operator may ask, as a site writes it: ``grid: {export: …, dimming: …}``; and the circuits with it.

Rules
* An export limit names the meter, the generators that give way and how quickly all of that acts (``react``). A promise
  that the meter, the cycle and the drivers cannot keep together is refused; a device that is known to be quicker than
  its driver promises says so (``acts``).
* Dimming names its input: a contact (``when``), or a value with a heartbeat. A lost input means limit.
* The floor is never below 4.2 kW (BNetzA BK6-22-300): no operator may ask for less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from supervisor.kernel.machines.lpc import Lpc
from supervisor.kernel.mains import Circuit, Curtailed, Dimmed, Dimming, Export, Grid
from supervisor.kernel.question import Outside, Question
from supervisor.kernel.signal import Source, Unit
from supervisor.kernel.sums import Sum
from supervisor.kernel.trip import Narrowing, Rule
from supervisor.loader.circuits import NEVER_MS, TRUST_DEFAULT_MS, read_circuits, source
from supervisor.loader.compiler import compile_machine
from supervisor.loader.documents import Item, nearest
from supervisor.loader.quantity import amount, duration, shown
from supervisor.loader.questions import question
from supervisor.loader.sites import Parts

HOUR_MS = 3_600_000
FLOOR_MW = 4_200_000
POWER_MAX = 10**10  # mW; no house connection is larger
BUS_MS = 1_000
"""What an order may take on its way: one request that is under way on the bus, and the next pause (drivers' tables)."""
LPC = compile_machine(Lpc)


@dataclass(frozen=True)
class Mains:
    """Circuits, the grid operator, and the rows and questions that follow from them. Its rows are the plan's first."""

    circuits: tuple[Circuit, ...]
    grid: Grid | None
    rules: tuple[Rule, ...]
    questions: tuple[Question, ...]


def read_mains(parts: Parts, circuits: Sequence[tuple[str, Item]], item: Item | None, cycle_ms: int) -> Mains:
    """All that the supply asks."""
    tree = read_circuits(parts, circuits)
    rules = list(tree.rules)
    grid, questions = None, list(_asked(tree.circuits))
    if item is not None:
        given, dims = item.get("export"), item.get("dimming")
        if given is None and dims is None:
            raise item.error("says nothing; write 'export' or 'dimming', or remove it")
        export = _export(parts, given, rules, cycle_ms) if given is not None else None
        dimming = _dimming(parts, dims) if dims is not None else None
        item.done()
        grid = Grid(LPC, export, dimming)
        questions += [q for q in (dimming.contact, dimming.active) if q is not None] if dimming is not None else []
    return Mains(tuple(tree.circuits), grid, tuple(rules), tuple(questions))


def _asked(circuits: Sequence[Circuit]) -> list[Question]:
    """The question to each phase whose answer deserves an early cycle: does it carry more than its fuse?"""
    return [
        Outside(phase.current.signal, phase.current.max_age_ms, None, circuit.fuse)
        for circuit in circuits
        for phase in circuit.phases
    ]


# ---- export --------------------------------------------------------------------------------------------------------
def _export(parts: Parts, item: Item, rules: list[Rule], cycle_ms: int) -> Export:
    why = item.need("why", "every rule says why it is there").text()
    limit = _power(item.need("limit", "how much may leave the house, such as 5 kW"), 0)
    meter = tuple(source(parts, part, Unit.POWER) for part in item.need("meter", "the power at the grid connection"))
    react = item.need("react", "how soon it must be back below the limit, such as 5 s")
    react_ms = duration(react, 100, 600_000)
    margin, blind, trust = item.get("margin"), item.need("blind", "what all may produce without the meter"), None
    trust = item.get("trust_after")
    targets, slowest = _generators(parts, item.need("through", "the generators' limits that give way"))
    needed_ms = max(part.max_age_ms for part in meter) + cycle_ms + BUS_MS + max(slowest.values())
    if needed_ms > react_ms:
        name = max(slowest, key=lambda at: slowest[at])
        raise react.error(
            f"meter, cycle, bus and {name} ({slowest[name]} ms) may take {needed_ms} ms; promise that, or say what the"
            f" device was measured to take ('through: {{{name}: {{acts: 2 s}}}}')"
        )
    share = item.get("share")
    export = Export(
        id="grid.export",
        why=why,
        limit=limit,
        margin=_power(margin, 0) if margin is not None else 100_000,
        blind=_power(blind, 0),
        trust_ms=duration(trust, 1_000, HOUR_MS) if trust is not None else TRUST_DEFAULT_MS,
        meter=meter,
        targets=targets,
        proportional=share is not None and share.one_of(("in_order", "in_proportion")) == "in_proportion",
    )
    rules.append(_late(parts, export, react_ms))
    item.done()
    return export


def _late(parts: Parts, export: Export, react_ms: int) -> Rule:
    """Who is still above the limit when the time is over is brought to safe."""
    stops = tuple(
        Narrowing(part.target, parts.targets[part.target].safe, parts.targets[part.target].safe)
        for part in export.targets
    )
    return Rule(
        id="grid.export.late",
        why="more leaves the house than it may, for longer than the generators need to follow their limits",
        question=Sum(export.meter, (), -export.limit, None),
        hold_ms=react_ms,
        unknown_ms=NEVER_MS,
        clear_ms=60_000,
        actions=stops,
        unknown_actions=(),
    )


def _generators(parts: Parts, item: Item) -> tuple[tuple[Curtailed, ...], dict[str, int]]:
    """The generators in their order, and how long each takes to follow (ms)."""
    enforce = {p.index: p.spec.enforce_ms for device in parts.devices for p in device.outputs}
    found, slowest = [], {}
    for name, given in item.fields().items():
        position = _target(parts, name, given)
        target = parts.targets[position]
        if target.unit is not Unit.POWER:
            raise given.error(f"{name} is set in {target.unit.value}; a generator's limit is set as a power")
        if target.lo < 0 or target.safe != target.lo:
            raise given.error(f"{name} is no limit of a generator: its safe value is not its smallest")
        produced, acts = given.get("produces"), given.get("acts")
        found.append(Curtailed(position, source(parts, produced, Unit.POWER) if produced is not None else None))
        slowest[name] = duration(acts, 100, 600_000) if acts is not None else enforce[position]
        given.done()
    if not found:
        raise item.error("nobody gives way; name the generators' limits")
    return tuple(found), slowest


# ---- dimming -------------------------------------------------------------------------------------------------------
def _dimming(parts: Parts, item: Item) -> Dimming:
    when, value, beat = item.get("when"), item.get("value"), item.get("heartbeat")
    if (when is None) == (value is None):
        raise item.error("write its input: a contact ('when: panel.aux_1 is closed'), or a 'value' with a 'heartbeat'")
    if (value is None) != (beat is None):
        raise (value or beat or item).error("a 'value' and its 'heartbeat' belong together; without a heartbeat a dead"
                                            " operator's last word would stay for ever")  # fmt: skip
    active, failsafe, lasts = item.get("active"), item.get("failsafe"), item.get("failsafe_for")
    if when is not None and (part := active or lasts) is not None:
        raise part.error("a contact says all by itself; remove this")
    floor, limit, meter = item.get("floor"), item.get("limit"), item.get("meter")
    if value is not None and limit is not None:
        raise limit.error("the limit is what 'value' says; remove this")
    each = item.need("limits", "'each' device by itself, or all 'together'").one_of(("each", "together")) == "each"
    if each and meter is not None:
        raise meter.error("a device that is limited by itself has no share in the house's own production; remove this")
    floor_mw = _power(floor, FLOOR_MW) if floor is not None else FLOOR_MW
    trust, renew, timeout = item.get("trust_after"), item.get("renew_within"), item.get("timeout")
    counter = parts.names.find(beat.text(), beat) if beat is not None else None
    if beat is not None and counter is not None and counter.signal.unit not in (Unit.COUNT, Unit.FLAG):
        raise beat.error(f"{counter.signal.id} is in {counter.signal.unit}; a heartbeat is a count or a flag")
    limit_mw = _power(limit, FLOOR_MW) if limit is not None else FLOOR_MW
    dimming = Dimming(
        id="grid.dimming",
        why=item.need("why", "every rule says why it is there").text(),
        devices=_devices(parts, item.need("devices", "the controllable devices: {wallbox.current: {phases: 3}}")),
        limit=limit_mw,
        floor=floor_mw,
        failsafe=_power(failsafe, FLOOR_MW) if failsafe is not None else limit_mw,
        failsafe_ms=None if when is not None else duration(lasts, 2 * HOUR_MS, 24 * HOUR_MS) if lasts else 2 * HOUR_MS,
        together=not each,
        meter=tuple(source(parts, part, Unit.POWER) for part in meter) if meter is not None else (),
        trust_ms=duration(trust, 1_000, HOUR_MS) if trust is not None else TRUST_DEFAULT_MS,
        contact=question(when, parts.names) if when is not None else None,
        value=source(parts, value, Unit.POWER) if value is not None else None,
        active=question(active, parts.names) if active is not None else None,
        beat=Source(counter.index, counter.signal.max_age_ms) if counter is not None else None,
        counted=counter is not None and counter.signal.unit is Unit.COUNT,
        timeout_ms=duration(timeout, 1_000, 120_000) if timeout is not None else 120_000,
        renew_ms=duration(renew, 1_000, 120_000) if renew is not None else 120_000,
    )
    item.done()
    return dimming


def _devices(parts: Parts, item: Item) -> tuple[Dimmed, ...]:
    found = []
    for name, given in item.fields().items():
        position = _target(parts, name, given)
        unit = parts.targets[position].unit
        phases, draws = given.get("phases"), given.get("draws")
        if unit is Unit.CURRENT and phases is None:
            raise given.error("says how many 'phases' it has at most: 1 to 3; a limit in watts is more amperes on one")
        if unit is Unit.POWER and phases is not None:
            raise phases.error(f"{name} is set as a power; remove this")
        if unit not in (Unit.CURRENT, Unit.POWER):
            raise given.error(f"{name} is set in {unit.value}; only a current or a power can be dimmed")
        drawn = source(parts, draws, Unit.POWER) if draws is not None else None
        found.append(Dimmed(position, phases.whole(1, 3) if phases is not None else 0, drawn))
        given.done()
    if not found:
        raise item.error("nothing is dimmed; name the controllable devices")
    return tuple(found)


def _target(parts: Parts, name: str, item: Item) -> int:
    if name not in parts.target_names:
        raise item.error(f"there is no target '{name}'{nearest(name, parts.target_names)}")
    return parts.target_names[name][0]


def _power(item: Item, lo: int) -> int:
    value = amount(item, Unit.POWER)
    if not lo <= value <= POWER_MAX:
        least, most = shown(lo, Unit.POWER), shown(POWER_MAX, Unit.POWER)
        raise item.error(f"{shown(value, Unit.POWER)} is not within {least}..{most}")
    return value
