"""Puts the parts of a site and its policies together into the plan that the kernel runs.

Here the machines are compiled, the families' facts become questions, coils get their contactor, and everything that
the kernel must be able to look up quickly (ages, watched questions) is collected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from drivers.contract import Question as Written
from supervisor.kernel.machine import Table
from supervisor.kernel.machines.battery import Battery
from supervisor.kernel.machines.changeover import Changeover as ChangeoverMachine
from supervisor.kernel.machines.charger import Charger
from supervisor.kernel.machines.contactor import Contactor as ContactorMachine
from supervisor.kernel.machines.house import House
from supervisor.kernel.machines.inverter import Inverter
from supervisor.kernel.machines.meter import Meter
from supervisor.kernel.machines.orchestrator import Orchestrator
from supervisor.kernel.machines.presence import Presence
from supervisor.kernel.plan import MODES, Device, Identity, Plan, Target
from supervisor.kernel.question import AllOf, AnyOf, Disagree, Fresh, Is, Outside, Question, TooOld, Within
from supervisor.kernel.signal import Source
from supervisor.kernel.sums import Sum
from supervisor.kernel.switchgear import Changeover, Contactor, Group, Local
from supervisor.loader.changeovers import Announced, read_changeover
from supervisor.loader.compiler import MachineError, compile_machine
from supervisor.loader.contactors import apart, read_contactor
from supervisor.loader.documents import Item
from supervisor.loader.grid import Mains
from supervisor.loader.policies import Policies, Vocabulary
from supervisor.loader.questions import Names, question
from supervisor.loader.sites import Parts
from supervisor.site import DeviceSite, Site

MACHINES = {"battery": Battery, "charger": Charger, "inverter": Inverter, "meter": Meter, "none": Presence}
COILS: dict[str, int | None] = {"looking": None, "closing": 1, "closed": 1, "doubted": 1}
CONTACTOR = compile_machine(ContactorMachine)
CHANGEOVER = compile_machine(ChangeoverMachine)


class Switching(NamedTuple):
    """Everything that switches: contactors by their target, changeovers with the interlocks that follow from them."""

    contactors: Mapping[int, Contactor]
    changeovers: tuple[tuple[Changeover, tuple[Group, ...]], ...]
    local: Local


def read_contactors(parts: Parts, words: Vocabulary) -> dict[int, Contactor]:
    """All contactors of the site, each with those that it precharges."""
    found = {
        place.index: read_contactor(device, place.spec, parts.targets[place.index], CONTACTOR, parts, words)
        for device in parts.devices
        for place in device.outputs
        if place.spec.contactor
    }
    for main, contactor in list(found.items()):
        if contactor.precharge is not None:
            helper = found[contactor.precharge.by]
            found[contactor.precharge.by] = msgspec.structs.replace(helper, charges=(*helper.charges, main))
    return found


def read_changeovers(
    written: Sequence[Announced], parts: Parts, words: Vocabulary, contactors: Mapping[int, Contactor]
) -> tuple[tuple[Changeover, tuple[Group, ...]], ...]:
    """All changeovers of the site."""
    closing, charging = CONTACTOR.state("closing"), CONTACTOR.state("precharging")
    travels = {
        position: ((c.timeouts[closing] or 0) + (c.timeouts[charging] or 0), c.breaks_ms)
        for position, c in contactors.items()
    }
    return tuple(read_changeover(one, parts, words, CHANGEOVER, travels) for one in written)


def assemble(
    site: Site,
    grace_ms: int,
    parts: Parts,
    mains: Mains,
    identities: tuple[Identity, ...],
    policies: Policies,
    switching: Switching,
) -> Plan:
    """The plan. Raises MachineError only for a mistake in this program's own declarations."""
    tables = {kind: compile_machine(declaration) for kind, declaration in MACHINES.items()}
    house = compile_machine(House)
    if house.states != MODES:
        raise MachineError(f"the house machine's states {house.states} are not the modes {MODES}")
    devices = tuple(_device(device, tables, parts) for bus in site.buses for device in bus.devices)
    changeovers = tuple(changeover for changeover, _ in switching.changeovers)
    targets = _targets(parts, switching.contactors, changeovers)
    groups = (*(group for _, derived in switching.changeovers for group in derived), *policies.groups)
    questions = [*(rule.question for rule in (*policies.rules, *mains.rules)), *mains.questions]
    questions += [q for d in devices for q in (d.seen, *(fact for _, fact in d.facts))]
    questions += list(_asked(targets, changeovers, policies, switching.local))
    return Plan(
        site=site.name,
        digest=site.digest,
        cycle_ms=site.cycle_ms,
        grace_ms=grace_ms,
        observe=site.observe,
        signals=tuple(parts.signals),
        devices=devices,
        targets=targets,
        rules=(*mains.rules, *policies.rules),
        caps=tuple(policies.caps),
        circuits=mains.circuits,
        grid=mains.grid,
        mode_rules=tuple(policies.mode_rules),
        permissions=tuple(policies.permissions),
        bans=tuple(policies.bans),
        network=tuple(policies.network),
        programs=tuple(policies.programs),
        identities=identities,
        house=house,
        contactor=CONTACTOR,
        orchestrator=compile_machine(Orchestrator),
        changeover=CHANGEOVER,
        coils=tuple(COILS.get(state, 0) for state in CONTACTOR.states),
        ages=_ages(parts, questions),
        watched=tuple(tuple(q for q in questions if index in q.signals()) for index in range(len(parts.signals))),
        groups=(*groups, *apart(groups, switching.contactors)),
        needs=tuple(policies.needs),
        changeovers=changeovers,
        local=switching.local,
    )


def _asked(
    targets: Sequence[Target], changeovers: Sequence[Changeover], policies: Policies, local: Local
) -> Iterator[Question]:
    """Every question that switching asks."""
    for target in targets:
        if c := target.contactor:
            yield from (c.shown_open, c.shown_closed, c.seen, c.gone)
            if c.zero_flow is not None:
                yield c.zero_flow
            if c.precharge is not None:
                yield c.precharge.until
    for changeover in changeovers:
        yield from (place.onto for place in changeover.places if place.onto is not None)
        for flow in changeover.flows:
            yield Within(flow.current.signal, flow.current.max_age_ms, -flow.zero, flow.zero)
            if flow.against is not None:
                yield Within(flow.against.signal, flow.against.max_age_ms, -flow.zero, flow.zero)
    yield from (need.question for need in policies.needs if need.question is not None)
    yield from (said.only_while for said in policies.permissions if said.only_while is not None)
    yield from (ban.question for ban in policies.bans if ban.question is not None)
    yield from (q for q in (local.reset, local.maintenance) if q is not None)
    yield from (hand.question for hand in local.hands)


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
    optional, grace_ms = device.name in parts.optional, parts.graces.get(device.name)
    return Device(device.name, table, tuple(facts), Fresh(parts.core[device.name]), optional, grace_ms)


def _item(stem: str, fact: str, written: Written | Sequence[Written]) -> Item:
    """A family's own words in the form in which documents are read, so that both have one grammar."""
    if isinstance(written, str):
        return Item(f"drivers/{stem}.py", 1, f"facts.{fact}", written)
    if isinstance(written, Sequence):
        return Item(f"drivers/{stem}.py", 1, f"facts.{fact}", [_item(stem, fact, part) for part in written])
    return Item(
        f"drivers/{stem}.py", 1, f"facts.{fact}", {key: _item(stem, fact, part) for key, part in written.items()}
    )


def _targets(
    parts: Parts, contactors: Mapping[int, Contactor], changeovers: Sequence[Changeover]
) -> tuple[Target, ...]:
    moved = {member: index for index, changeover in enumerate(changeovers) for member in changeover.members}
    return tuple(
        msgspec.structs.replace(
            target, contactor=msgspec.structs.replace(contactors[position], changeover=moved.get(position))
        )
        if position in contactors
        else target
        for position, target in enumerate(parts.targets)
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
        case TooOld(signal, age_ms) | Outside(signal, age_ms) | Within(signal, age_ms) | Is(signal, age_ms):
            return [(signal, age_ms)]
        case Fresh(parts):
            return list(parts)
        case Sum(plus, minus):
            return [(source.signal, source.max_age_ms) for source in (*plus, *minus)]
        case Disagree(first, second):
            return [*_ages_of(first), *_ages_of(second)]
        case _:
            raise MachineError(f"a question of kind {type(asked).__name__} has no ages here")
