"""Pages of what is there: the buses and their devices, the circuits as a tree, and what each device does in silence."""

from __future__ import annotations

from supervisor.draw.mermaid import Flow, cell, table
from supervisor.explain.words import COIL
from supervisor.kernel.mains import Circuit
from supervisor.kernel.plan import Plan
from supervisor.kernel.signal import Unit, shown
from supervisor.loader.load import Loaded
from supervisor.site import BusSite, DeviceSite, OutputPlace


def buses(loaded: Loaded) -> str:
    """Who speaks to whom: guardian, buses, devices."""
    flow = Flow("LR")
    flow.node("guardian", ["guardian", f"a cycle each {shown(loaded.site.cycle_ms, Unit.TIME)}"], "hex")
    plan = loaded.plan
    for bus in loaded.site.buses:
        marks = [word for said, word in ((bus.simulated, "SIMULATED"), (bus.observe, "observe only")) if said]
        flow.node(f"bus {bus.name}", [bus.name, bus.kind.value, *marks], "round")
        flow.edge("guardian", f"bus {bus.name}", dotted=bus.observe)
        for device in bus.devices:
            row = next(row for row in plan.devices if row.id == device.name)
            notes = [word for said, word in ((row.optional, "may be absent"), (device.observe, "observe only")) if said]
            told = [place.spec.name for place in device.outputs]
            can = f"told: {', '.join(told)}" if told else "only listened to"
            flow.node(f"device {device.name}", [device.name, device.family.stem, can, *notes])
            flow.edge(f"bus {bus.name}", f"device {device.name}", dotted=not told)
    rows = [
        (device.name, device.family.stem, bus.name, _many(len(device.signals), "signal"), _targets(plan, device))
        for bus in loaded.site.buses
        for device in bus.devices
    ]
    head = ("device", "family", "bus", "tells", "may be told")
    return "\n\n".join([flow.text(), table(head, rows)])


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _targets(plan: Plan, device: DeviceSite) -> str:
    said = []
    for place in device.outputs:
        target = plan.targets[place.index]
        if target.contactor is not None:
            said.append(f"{target.id} (contactor)")
        else:
            gaps = "".join(
                f", nothing between {shown(a, target.unit)} and {shown(b, target.unit)}" for a, b in target.bands
            )
            said.append(f"{target.id} ({shown(target.lo, target.unit)} to {shown(target.hi, target.unit)}{gaps})")
    return "; ".join(said) or "nothing"


def circuits(loaded: Loaded) -> str:
    """The fuses as a tree, each with its meter and what draws from it."""
    plan = loaded.plan
    if not plan.circuits:
        return "This site declares no circuit: no fuse is watched."
    flow = Flow("TD")
    for circuit in plan.circuits:
        flow.node(circuit.id, [circuit.id, f"fuse {_amps(circuit.fuse)}", *_limits(circuit)], "hex")
        for phase in circuit.phases:
            meter = plan.signals[phase.current.signal].id.partition(".")[0]
            flow.node(f"meter {meter}", [f"meter {meter}" if "meter" not in meter else meter], "store")
    for circuit in plan.circuits:
        parent = getattr(circuit, "parent", None)
        if parent is not None:
            flow.edge(plan.circuits[parent].id, circuit.id)
        for meter in dict.fromkeys(plan.signals[p.current.signal].id.partition(".")[0] for p in circuit.phases):
            flow.edge(f"meter {meter}", circuit.id, "measures", dotted=True)
        for feed in circuit.feeds:
            if not _within(plan, circuit, feed.target):
                phases = [f"L{at + 1}" for at in range(len(feed.own)) if at not in feed.absent]
                flow.node(plan.targets[feed.target].id, [plan.targets[feed.target].id])
                flow.edge(circuit.id, plan.targets[feed.target].id, " ".join(phases))
    rows = [(c.id, _amps(c.fuse), _amps(c.margin), _amps(c.blind), c.why) for c in plan.circuits]
    head = ("circuit", "fuse", "margin", "left while its meter is silent", "why")
    return "\n\n".join([flow.text(), table(head, rows)])


def _within(plan: Plan, circuit: Circuit, target: int) -> bool:
    """Does a circuit below this one feed the target? Then its own line shows it."""
    number = plan.circuits.index(circuit)
    below = [other for other in plan.circuits if getattr(other, "parent", None) == number]
    return any(feed.target == target for other in below for feed in other.feeds)


def _limits(circuit: Circuit) -> list[str]:
    said = [f"margin {_amps(circuit.margin)}"]
    if circuit.asymmetry is not None:
        said.append(f"asymmetry at most {_amps(circuit.asymmetry)}")
    if getattr(circuit, "curve", None) is not None:
        said.append("with its curve")
    return said


def _amps(milliamps: int) -> str:
    return shown(milliamps, Unit.CURRENT)


def silence(loaded: Loaded) -> str:
    """What each device does when nobody of ours speaks to it any more."""
    rows = [
        _silent(loaded.plan, bus, device, p)
        for bus in loaded.site.buses
        for device in bus.devices
        for p in device.outputs
    ]
    head = ("target", "safe value", "by itself", "the bus process writes", "after")
    text = "When guardian and bus processes fall silent, this is what each device that can be told something does."
    return "\n\n".join([text, table(head, rows) or "No device of this site can be told anything."])


def _silent(plan: Plan, bus: BusSite, device: DeviceSite, place: OutputPlace) -> tuple[str, ...]:
    target, silent, written = plan.targets[place.index], place.spec.silence, device.silence_image
    by_itself = silent.kind.value + (
        f" after {shown(silent.after_ms, Unit.TIME)}" if silent.after_ms is not None else ""
    )
    value = written.get(place.spec.name) if written is not None else None
    said = "nothing" if value is None else shown(value, place.spec.unit)
    after = "" if value is None else f"{shown(device.silence_after_ms, Unit.TIME)} without a word from the guardian"
    if bus.observe or device.observe:
        said, after = "nothing: it only observes", ""
    safe = shown(target.safe, target.unit) if target.contactor is None else COIL[target.safe]
    return target.id, safe, by_itself, said, after


__all__ = ["buses", "cell", "circuits", "silence"]
