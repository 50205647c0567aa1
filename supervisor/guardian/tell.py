"""The kernel's state in the words that the gateway and the views understand. Reads only; nothing here decides."""

from __future__ import annotations

from collections.abc import Sequence

from supervisor import wire
from supervisor.kernel.event import Event
from supervisor.kernel.lease import Clause, Decision, Lease
from supervisor.kernel.machine import Machine
from supervisor.kernel.mains import Dimming, Export
from supervisor.kernel.outputs import Outputs
from supervisor.kernel.plan import MODES, Identity, Plan, Target
from supervisor.kernel.question import NO, Image
from supervisor.kernel.signal import Quality, Reading
from supervisor.kernel.state import State, Wear
from supervisor.kernel.trip import kind
from supervisor.kernel.until import relaxes_ms, until_ms
from supervisor.loader.load import Loaded
from supervisor.loader.quantity import shown
from supervisor.site import OutputPlace


def describe(loaded: Loaded) -> wire.Describe:
    """Everything that exists, said once to each peer."""
    plan, site = loaded.plan, loaded.site
    silence = {
        place.index: _silence(place, device.silence_image)
        for bus in site.buses
        for device in bus.devices
        for place in device.outputs
    }
    codes = {p.index: tuple(p.spec.codes.items()) for bus in site.buses for d in bus.devices for p in d.signals}
    machines = [wire.MachineInfo(d.id, d.table.name, d.table.states) for d in plan.devices]
    machines += [
        wire.MachineInfo(t.id, plan.contactor.name, plan.contactor.states) for t in plan.targets if t.contactor
    ]
    machines += [wire.MachineInfo(c.id, plan.changeover.name, plan.changeover.states) for c in plan.changeovers]
    machines += [wire.MachineInfo(i.name, plan.orchestrator.name, plan.orchestrator.states) for i in plan.identities]
    if plan.grid is not None and plan.grid.dimming is not None:
        machines.append(wire.MachineInfo(plan.grid.dimming.id, plan.grid.lpc.name, plan.grid.lpc.states))
    rules = [
        (rule.id, rule.why)
        for rows in (
            *(plan.rules, plan.caps, plan.circuits, plan.mode_rules, plan.permissions, plan.programs),
            *(plan.changeovers, plan.needs, plan.groups, plan.local.hands, plan.bans, plan.network),
            *([circuit.curve for circuit in plan.circuits if circuit.curve is not None], _operator(plan)),
        )
        for rule in rows
    ]
    return wire.Describe(
        site=site.name,
        digest=site.digest,
        observe=site.observe,
        simulated=any(bus.simulated for bus in site.buses),
        cycle_ms=site.cycle_ms,
        signals=tuple(
            wire.SignalInfo(s.id, s.unit.value, s.max_age_ms, codes.get(i, ())) for i, s in enumerate(plan.signals)
        ),
        targets=tuple(
            wire.TargetInfo(
                t.id,
                t.unit.value,
                t.lo,
                t.hi,
                t.safe,
                t.step,
                t.bands,
                t.contactor is not None,
                silence.get(i, ""),
                _places(plan, t),
            )
            for i, t in enumerate(plan.targets)
        ),
        machines=tuple(machines),
        identities=tuple(_identity(loaded, i) for i in plan.identities),
        rules=tuple(rules),
        devices=tuple(wire.DeviceInfo(d.name, d.family.stem, b.name, d.observe) for b in site.buses for d in b.devices),
        gateway=_gateway(loaded),
    )


def _identity(loaded: Loaded, identity: Identity) -> wire.IdentityInfo:
    entry = loaded.entries.get(identity.name)
    if entry is None:  # of the house: nobody on the network can speak in its name
        return wire.IdentityInfo(identity.name, identity.role, "")
    return wire.IdentityInfo(identity.name, identity.role, entry.token, bool(entry.login), entry.shared)


def _gateway(loaded: Loaded) -> wire.GatewayInfo:
    said, broker = loaded.gateway, loaded.gateway.mqtt
    if broker is None:
        return wire.GatewayInfo(said.reads, None)
    home = broker.homeassistant
    announced = (home.identity, home.prefix, home.format) if home is not None else ()
    return wire.GatewayInfo(said.reads, wire.MqttInfo(broker.host, broker.port, broker.tls, broker.base, *announced))


def _operator(plan: Plan) -> list[Export | Dimming]:
    """What the grid operator may ask here."""
    return [row for row in (plan.grid.export, plan.grid.dimming) if row is not None] if plan.grid is not None else []


def _places(plan: Plan, target: Target) -> tuple[tuple[int, str], ...]:
    """The positions of a changeover's target, by name."""
    if target.changeover is None:
        return ()
    return tuple((i, place.name) for i, place in enumerate(plan.changeovers[target.changeover].places))


def _silence(place: OutputPlace, image: object) -> str:
    spec = place.spec
    after = f" after {shown_ms(spec.silence.after_ms)}" if spec.silence.after_ms is not None else ""
    written = f"; the bus process writes {shown(image[spec.name], spec.unit)}" if isinstance(image, dict) else ""
    return f"{spec.silence.kind.value}{after}{written}"


def shown_ms(ms: int) -> str:
    return f"{ms / 1000:g} s"


def snapshot(
    plan: Plan,
    state: State,
    image: Image,
    outputs: Outputs,
    buses: tuple[wire.BusInfo, ...],
    events: Sequence[Event],
    events_total: int,
    counters: dict[str, int],
) -> wire.Snapshot:
    """The house as it is after this cycle. ``events``: the last ones of ``events_total``."""
    now_ms = state.now_ms
    ages = plan.signals
    machines = [wire.MachineState(m.state, now_ms - m.since_ms) for m in state.devices]
    machines += [_contactor(t.machine, t.wear, now_ms) for t in state.targets if t.machine]
    machines += [
        wire.MachineState(s.machine.state, now_ms - s.machine.since_ms, s.reason[: wire.TEXT_MAX])
        for s in state.switches
    ]
    machines += [wire.MachineState(o.machine.state, now_ms - o.machine.since_ms) for o in state.orchestrators]
    if plan.grid is not None and plan.grid.dimming is not None and state.proven.grid is not None:
        lpc = state.proven.grid.input.machine
        machines.append(wire.MachineState(lpc.state, now_ms - lpc.since_ms))
    return wire.Snapshot(
        at_ms=now_ms,
        cycle=state.cycle,
        mode=MODES[state.house.state],
        mode_for_ms=now_ms - state.house.since_ms,
        readings=tuple(_seen(reading, signal.max_age_ms, now_ms) for reading, signal in zip(image, ages, strict=True)),
        targets=tuple(_target(plan, i, state, outputs) for i in range(len(plan.targets))),
        machines=tuple(machines),
        trips=tuple(
            wire.TripInfo(
                rule.id, trip.cause.name.lower(), kind(rule, trip).value if trip.latched else "", now_ms - trip.cause_ms
            )
            for rule, trip in zip(plan.rules, state.trips, strict=True)
            if trip.cause is not NO
        ),
        buses=buses,
        events=tuple(
            wire.Event(e.at_ms, e.kind.value, e.subject, e.text[: wire.TEXT_MAX], events_total - len(events) + n)
            for n, e in enumerate(events, start=1)
        ),
        counters=tuple(counters.items()),
    )


def _contactor(machine: Machine, wear: Wear | None, now_ms: int) -> wire.MachineState:
    worn = (wear.closings, wear.broken) if wear is not None else None
    return wire.MachineState(machine.state, now_ms - machine.since_ms, wear=worn)


def _seen(reading: Reading, max_age_ms: int, now_ms: int) -> wire.Seen:
    if reading.quality is Quality.MISSING:
        return wire.Seen(None, None, reading.quality)
    age_ms = now_ms - reading.at_ms
    quality = max(reading.quality, Quality.STALE) if age_ms > max_age_ms else reading.quality
    return wire.Seen(reading.value, age_ms, quality)


def _target(plan: Plan, position: int, house: State, outputs: Outputs) -> wire.TargetState:
    state, now_ms = house.targets[position], house.now_ms
    span = outputs.envelopes[position]

    def left(at_ms: int | None) -> int | None:
        return None if at_ms is None else max(at_ms - now_ms, 0)

    return wire.TargetState(
        output=state.output,
        wanted_by=outputs.wanted_by[position],
        lo=span.lo,
        hi=span.hi,
        lo_by=span.lo_by,
        hi_by=span.hi_by,
        empty_by=span.empty_by,
        lease=lease(plan, position, state.lease, now_ms),
        lo_for_ms=left(until_ms(plan, house, span.lo_by)),
        hi_for_ms=left(until_ms(plan, house, span.hi_by)),
        holds_ms=left(relaxes_ms(state, now_ms)),
        planned=lease(plan, position, state.planned, now_ms),
        hunting=state.swings is not None and state.swings.hunting,
    )


def lease(plan: Plan, position: int, held: Lease | None, now_ms: int) -> wire.LeaseInfo | None:
    if held is None:
        return None
    holder = plan.identities[held.holder].name
    left_ms, starts_ms = max(held.expires_ms - now_ms, 0), max(held.starts_ms - now_ms, 0)
    target = plan.targets[position].id
    return wire.LeaseInfo(target, holder, held.kind.value, held.value, left_ms, held.request_id, starts_ms)


def answer(plan: Plan, decision: Decision, now_ms: int) -> wire.Answer:
    """A decision for the gateway."""
    held = lease(plan, decision.target, decision.lease, now_ms) if decision.lease is not None else None
    return wire.Answer(
        decision.seq, decision.verdict.value, decision.value, tuple(clause(c) for c in decision.clauses), held
    )


def clause(said: Clause) -> wire.Clause:
    return wire.Clause(said.rule, said.effect, said.text[: wire.TEXT_MAX], said.saw)
