"""The house as metrics: its mode, machines, rules, readings, targets, contactors and buses, from one picture.

Rules
* A value that is not known is left out: a gap is honest, a zero is not.
* Of a thing with states one series says 1 and the others 0; how long it was in each is a counter beside them.
* Labels come from the description, or from the guardian's words about it (a rule that binds, the holder of a lease).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import Metric

from supervisor.gateway.link import View
from supervisor.gateway.metrics_base import Labels, base, base_unit, counter, gauge
from supervisor.gateway.metrics_counted import able, parted
from supervisor.wire import Describe, TargetState

HOUSE_MODES = ("starting", "observe", "normal", "degraded", "orchestrator_lost", "fault", "maintenance")
TRAFFIC = ("frames_in", "frames_out", "asks", "writes", "would_write")  # kinds of a bus's counters that are no defect


def house(view: View) -> Iterator[Metric]:
    """What the whole house does."""
    told, now = view.describe, view.snapshot
    yield gauge("site_info", "1, with the site's name and its documents' digest.", ("site", "digest"), _site(told))
    modes = HOUSE_MODES if now.mode in HOUSE_MODES else (*HOUSE_MODES, now.mode)
    rows = [((mode,), float(mode == now.mode)) for mode in modes]
    yield gauge("house_mode", "1 for the mode the house is in.", ("mode",), rows)
    stays = dict.fromkeys(modes, 0) | parted(view).get("mode_ms", {})
    stays[now.mode] += now.mode_for_ms
    text = "Time in each mode, since the guardian started."
    yield counter("house_mode_seconds", text, ("mode",), [((mode,), ms / 1_000) for mode, ms in stays.items()])
    flags = [(("observe",), float(told.observe)), (("simulated",), float(told.simulated))]
    yield gauge("site", "1 where the site only observes, or is simulated.", ("property",), flags)


def _site(told: Describe) -> list[tuple[Labels, float]]:
    return [((told.site, told.digest[:12]), 1.0)]


def machines(view: View) -> Iterator[Metric]:
    """Every state machine: devices, contactors, changeovers, identities."""
    names = machine_names(view.describe)
    infos, now = view.describe.machines, view.snapshot.machines
    kinds = [((name, info.kind.lower()), 1.0) for name, info in zip(names, infos, strict=True)]
    yield gauge("machine_info", "1, with the kind of a machine.", ("machine", "kind"), kinds)
    states = [
        ((name, state), float(index == at.state))
        for name, info, at in zip(names, infos, now, strict=True)
        for index, state in enumerate(info.states)
    ]
    yield gauge("machine_state", "1 for the state a machine is in.", ("machine", "state"), states)
    stays = {(i, at.state): at.for_ms for i, at in enumerate(now)}
    for part, ms in parted(view).get("stay_ms", {}).items():
        machine, state = map(int, part.split(":"))
        stays[machine, state] = stays.get((machine, state), 0) + ms
    rows = [((names[i], infos[i].states[state]), ms / 1_000) for (i, state), ms in stays.items()]
    yield counter("machine_state_seconds", "Time in the states a machine was in.", ("machine", "state"), rows)


def machine_names(told: Describe) -> list[str]:
    """Each machine's label: its id, and its kind behind it where two share an id (a device and an orchestrator may)."""
    often = Counter(info.id for info in told.machines)
    return [info.id if often[info.id] == 1 else f"{info.id}.{info.kind.lower()}" for info in told.machines]


def rules(view: View) -> Iterator[Metric]:
    """What acts, and since when."""
    now = view.snapshot
    acting = {trip.rule for trip in now.trips}
    known = sorted(set(able(view.describe)) | acting)
    yield gauge("trip_active", "1 while a rule acts.", ("rule",), [((r,), float(r in acting)) for r in known])
    rows = [((t.rule, t.answer, t.latched or "no"), (t.for_ms + view.age_ms) / 1_000) for t in now.trips]
    text = "For how long a rule has acted; answer: yes or unknown; latched: no, nuisance or danger."
    yield gauge("trip_acting_seconds", text, ("rule", "answer", "latched"), rows)


def signals(view: View) -> Iterator[Metric]:
    pairs = list(zip(view.describe.signals, view.snapshot.readings, strict=True))
    values = [((i.id, base_unit(i.unit)), base(s.value, i.unit)) for i, s in pairs if s.value is not None]
    yield gauge("signal_value", "Newest value, whatever its quality.", ("signal", "unit"), values)
    ages = [((i.id,), (s.age_ms + view.age_ms) / 1_000) for i, s in pairs if s.age_ms is not None]
    yield gauge("signal_age_seconds", "Time since the value was received.", ("signal",), ages)
    qualities = [
        ((info.id, quality.name.lower()), float(quality is seen.quality))
        for info, seen in pairs
        for quality in type(seen.quality)
    ]
    yield gauge("signal_quality", "1 for the quality a signal has.", ("signal", "quality"), qualities)


def targets(view: View) -> Iterator[Metric]:
    """What is said on the wire, what may be asked, and what binds."""
    pairs = list(zip(view.describe.targets, view.snapshot.targets, strict=True))
    labels = ("target", "unit")
    keys = {info.id: (info.id, base_unit(info.unit)) for info, _now in pairs}
    outputs = [(keys[i.id], base(t.output, i.unit)) for i, t in pairs if t.output is not None]
    yield gauge("target_output", "What is said on the wire.", labels, outputs)
    lows = [(keys[i.id], base(t.lo, i.unit)) for i, t in pairs if not t.empty_by]
    yield gauge("envelope_lo", "Least that may be asked for; absent where nothing is left.", labels, lows)
    highs = [(keys[i.id], base(t.hi, i.unit)) for i, t in pairs if not t.empty_by]
    yield gauge("envelope_hi", "Most that may be asked for; absent where nothing is left.", labels, highs)
    bound = [((info.id, edge, by), 1.0) for info, now in pairs for edge, by in _edges(now)]
    text = "1 for the rule that binds at an edge of the envelope: lo, hi, or empty where it leaves nothing."
    yield gauge("envelope_bound_by", text, ("target", "edge", "rule"), bound)
    wanted = [((info.id, now.wanted_by), 1.0) for info, now in pairs if now.wanted_by]
    yield gauge("target_wanted_by", "1 for who or what the output comes from.", ("target", "by"), wanted)
    hunting = [((info.id,), float(now.hunting)) for info, now in pairs]
    yield gauge("target_hunting", "1 while a level goes up and down too often.", ("target",), hunting)


def _edges(now: TargetState) -> Iterator[tuple[str, str]]:
    if now.empty_by:
        yield "empty", now.empty_by
    else:
        yield from ((edge, by) for edge, by in (("lo", now.lo_by), ("hi", now.hi_by)) if by)


def leases(view: View) -> Iterator[Metric]:
    pairs = list(zip(view.describe.targets, view.snapshot.targets, strict=True))
    left = [((i.id,), max(0, t.lease.expires_in_ms - view.age_ms) / 1_000 if t.lease else 0.0) for i, t in pairs]
    yield gauge("lease_remaining_seconds", "Time until the lease ends, 0 without one.", ("target",), left)
    held = [((i.id, t.lease.holder, t.lease.kind), 1.0) for i, t in pairs if t.lease]
    yield gauge("lease_held", "1, with the holder of a lease and its kind.", ("target", "holder", "kind"), held)
    values = [((i.id, base_unit(i.unit)), base(t.lease.value, i.unit)) for i, t in pairs if t.lease]
    yield gauge("lease_value", "What the holder of the lease was granted.", ("target", "unit"), values)
    ages = parted(view).get("lease_age_ms", {}).items()
    rows = [((view.describe.targets[int(i)].id,), (ms + view.age_ms) / 1_000) for i, ms in ages]
    yield gauge("lease_age_seconds", "Time since a lease was granted or renewed.", ("target",), rows)


def wear(view: View) -> Iterator[Metric]:
    """What wears a contactor out; the counts survive restarts of the guardian."""
    pairs = zip(view.describe.machines, view.snapshot.machines, strict=True)
    worn = [(info.id, at.wear) for info, at in pairs if at.wear]
    closings = [((name,), float(counts[0])) for name, counts in worn]
    yield counter("contactor_closings", "Times a contactor was told to close.", ("contactor",), closings)
    broken = [((name,), float(counts[1])) for name, counts in worn]
    text = "Times it opened under current, or where none was measured."
    yield counter("contactor_openings_under_current", text, ("contactor",), broken)


def buses(view: View) -> Iterator[Metric]:
    told = view.snapshot.buses
    up = [((bus.name,), float(bus.connected)) for bus in told]
    yield gauge("bus_connected", "1 while the bus process talks to the guardian.", ("bus",), up)
    links = [((bus.name,), float(bus.connected and bus.link != "down")) for bus in told]
    yield gauge("bus_link_up", "1 while the bus process reaches its wires.", ("bus",), links)
    totals: dict[Labels, float] = {(bus.name, of, kind): total for bus in told for of, kind, total in bus.counters}
    labels = ("bus", "device", "kind")
    moved = [(key, total) for key, total in totals.items() if key[2] in TRAFFIC]
    yield counter("bus_traffic", "Frames, questions and writes, by device.", labels, moved)
    defects = [(key, total) for key, total in totals.items() if key[2] not in TRAFFIC]
    yield counter("bus_defects", "What went wrong on a bus, by device and kind.", labels, defects)
