"""Puts the parts of a site and its policies together into the plan that the kernel runs.

Here the machines are compiled, the families' facts become questions, coils get their contactor, and everything that
the kernel must be able to look up quickly (ages, watched questions) is collected.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from drivers.contract import OutputSpec
from drivers.contract import Question as Written
from supervisor.kernel.machine import Table
from supervisor.kernel.machines.battery import Battery
from supervisor.kernel.machines.charger import Charger
from supervisor.kernel.machines.contactor import Contactor as ContactorMachine
from supervisor.kernel.machines.house import House
from supervisor.kernel.machines.inverter import Inverter
from supervisor.kernel.machines.meter import Meter
from supervisor.kernel.machines.orchestrator import Orchestrator
from supervisor.kernel.machines.presence import Presence
from supervisor.kernel.plan import MODES, Circuit, Contactor, Device, Identity, Plan, Source, Target
from supervisor.kernel.question import AllOf, AnyOf, Disagree, Fresh, Is, Outside, Question, TooOld
from supervisor.loader.compiler import MachineError, compile_machine
from supervisor.loader.documents import Item
from supervisor.loader.policies import Policies
from supervisor.loader.questions import Names, question
from supervisor.loader.sites import Parts
from supervisor.site import DeviceSite, Site

MACHINES = {"battery": Battery, "charger": Charger, "inverter": Inverter, "meter": Meter, "none": Presence}
COILS: dict[str, int | None] = {"looking": None, "closing": 1, "closed": 1}
LOOK_MS = 3_000  # how long a contact may take to show itself after a start
REST_MS = 5_000  # how long a contactor that failed to close is left alone
LOOK_EARLY_MS = 500  # a node may have heard its last command this long before it was last heard
DOUBT_MS = 200  # how long an open contact may fail to show itself (a bouncing contact, one lost frame)


def assemble(
    site: Site,
    grace_ms: int,
    parts: Parts,
    circuits: tuple[Circuit, ...],
    identities: tuple[Identity, ...],
    policies: Policies,
) -> Plan:
    """The plan. Raises MachineError only for a mistake in this program's own declarations."""
    tables = {kind: compile_machine(declaration) for kind, declaration in MACHINES.items()}
    house = compile_machine(House)
    if house.states != MODES:
        raise MachineError(f"the house machine's states {house.states} are not the modes {MODES}")
    contactor = compile_machine(ContactorMachine)
    devices = tuple(_device(device, tables, parts) for bus in site.buses for device in bus.devices)
    targets = _targets(parts, contactor)
    questions = [rule.question for rule in policies.rules]
    questions += [q for d in devices for q in (d.seen, *(fact for _, fact in d.facts))]
    for target in targets:
        if target.contactor:
            c = target.contactor
            questions += [q for q in (c.shown_open, c.shown_closed, c.seen, c.gone, c.zero_flow) if q is not None]
    return Plan(
        site=site.name,
        digest=site.digest,
        cycle_ms=site.cycle_ms,
        grace_ms=grace_ms,
        observe=site.observe,
        signals=tuple(parts.signals),
        devices=devices,
        targets=targets,
        rules=tuple(policies.rules),
        caps=tuple(policies.caps),
        circuits=circuits,
        mode_rules=tuple(policies.mode_rules),
        permissions=tuple(policies.permissions),
        programs=tuple(policies.programs),
        identities=identities,
        house=house,
        contactor=contactor,
        orchestrator=compile_machine(Orchestrator),
        coils=tuple(COILS.get(state, 0) for state in contactor.states),
        ages=_ages(parts, questions),
        watched=tuple(tuple(q for q in questions if index in q.signals()) for index in range(len(parts.signals))),
    )


def _device(device: DeviceSite, tables: dict[str, Table], parts: Parts) -> Device:
    """A device's machine with the facts that its family tells."""
    table = tables[device.family.machine]
    names = Names(parts.named, parts.core, prefix=f"{device.name}.")
    facts = []
    for fact, written in device.family.facts.items():
        bit = table.bit(fact)
        if not bit:
            raise MachineError(f"{device.family.stem}: the machine {device.family.machine} has no fact '{fact}'")
        facts.append((bit, question(_item(device.family.stem, fact, written), names)))
    return Device(device.name, table, tuple(facts), Fresh(parts.core[device.name]), device.name in parts.optional)


def _item(stem: str, fact: str, written: Written | Sequence[Written]) -> Item:
    """A family's own words in the form in which documents are read, so that both have one grammar."""
    if isinstance(written, str):
        return Item(f"drivers/{stem}.py", 1, f"facts.{fact}", written)
    if isinstance(written, Sequence):
        return Item(f"drivers/{stem}.py", 1, f"facts.{fact}", [_item(stem, fact, part) for part in written])
    return Item(
        f"drivers/{stem}.py", 1, f"facts.{fact}", {key: _item(stem, fact, part) for key, part in written.items()}
    )


def _targets(parts: Parts, table: Table) -> tuple[Target, ...]:
    targets = list(parts.targets)
    for device in parts.devices:
        for place in device.outputs:
            if place.spec.contactor:
                contactor = _contactor(device, place.spec, targets[place.index], table, parts)
                targets[place.index] = msgspec.structs.replace(targets[place.index], contactor=contactor)
    return tuple(targets)


def _contactor(device: DeviceSite, spec: OutputSpec, target: Target, table: Table, parts: Parts) -> Contactor:
    if target.readback is None:
        raise MachineError(f"{target.id} is a contactor without a read-back; its family must name one")
    signal, age_ms = target.readback.signal, target.readback.max_age_ms
    flow = parts.zero_flow.get(target.id)
    core = parts.core[device.name]
    drop_out_ms = (spec.silence.after_ms or 0) - LOOK_EARLY_MS
    timeouts: dict[str, int] = {
        "looking": LOOK_MS,
        "open": DOUBT_MS,
        "closing": spec.travel_ms + spec.enforce_ms,
        "opening": spec.travel_ms + spec.enforce_ms,
        "failed_open": REST_MS,
    }
    return Contactor(
        shown_open=Is(signal, age_ms, 0),
        shown_closed=Is(signal, age_ms, 1),
        seen=Fresh(core),
        gone=AnyOf(tuple(TooOld(s, max(max_age_ms, drop_out_ms)) for s, max_age_ms in core)),
        zero_flow=question(flow, parts.names) if flow is not None else None,
        timeouts=tuple(timeouts.get(state) for state in table.states),
    )


def _ages(parts: Parts, questions: list[Question]) -> tuple[Source, ...]:
    """Every (signal, age) at which some answer changes by time alone."""
    found = {(i, signal.max_age_ms) for i, signal in enumerate(parts.signals)}
    for asked in questions:
        found |= set(_ages_of(asked))
    return tuple(Source(signal, age_ms) for signal, age_ms in sorted(found))


def _ages_of(asked: Question) -> list[tuple[int, int]]:
    match asked:
        case AllOf(parts) | AnyOf(parts):
            return [age for part in parts for age in _ages_of(part)]
        case TooOld(signal, age_ms) | Outside(signal, age_ms) | Is(signal, age_ms):
            return [(signal, age_ms)]
        case Fresh(parts):
            return list(parts)
        case Disagree(first, second):
            return [*_ages_of(first), *_ages_of(second)]
        case _:
            raise MachineError(f"a question of kind {type(asked).__name__} has no ages here")
