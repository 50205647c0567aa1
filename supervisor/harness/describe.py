"""What a site is, in words that a bench can build a house of simulated devices from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drivers.contract import BusKind
from supervisor.harness.ports import address
from supervisor.kernel.mains import Circuit
from supervisor.kernel.plan import Plan, Target
from supervisor.kernel.signal import Source
from supervisor.kernel.span import Bands
from supervisor.loader.load import load
from supervisor.site import BusSite, DeviceSite


@dataclass(frozen=True)
class AboutDevice:
    """``family``: the stem of its driver; ``bus`` and ``kind`` of bus; ``at``: "host:port" or the path of a serial
    line, "" elsewhere; ``options`` as the documents give them."""

    name: str
    family: str
    bus: str
    kind: str
    at: str
    options: Mapping[str, int | bool | str]


@dataclass(frozen=True)
class AboutTarget:
    """Something that can be asked for, in the kernel's units. ``forbidden``: open intervals that it cannot do;
    ``silent``: what its bus says by itself ``silent_after_ms`` after the guardian's last word, None for nothing."""

    name: str
    unit: str
    lo: int
    hi: int
    forbidden: Bands
    contactor: bool
    silent: int | None
    silent_after_ms: int


@dataclass(frozen=True)
class AboutCircuit:
    """A fuse. ``meter``: the signals that show its current per phase, "" for none; ``feeds``: target -> the signals
    that show its own current per phase."""

    name: str
    fuse_ma: int
    meter: tuple[str, ...]
    feeds: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class About:
    """A site that loads. ``asks``: identities that may set something, by role orchestrator."""

    title: str
    cycle_ms: int
    simulated: bool
    devices: tuple[AboutDevice, ...]
    targets: tuple[AboutTarget, ...]
    circuits: tuple[AboutCircuit, ...]
    asks: tuple[str, ...]


def about(folder: Path) -> About:
    """The site in ``folder``. Raises DocumentError where the product would not take it."""
    loaded = load(folder)
    site, plan = loaded.site, loaded.plan
    silences = {
        f"{device.name}.{place.spec.name}": ((device.silence_image or {}).get(place.spec.name), device.silence_after_ms)
        for bus in site.buses
        for device in bus.devices
        for place in device.outputs
    }
    return About(
        title=site.name,
        cycle_ms=site.cycle_ms,
        simulated=all(bus.simulated for bus in site.buses),
        devices=tuple(_device(bus, device) for bus in site.buses for device in bus.devices),
        targets=tuple(_target(target, silences) for target in plan.targets),
        circuits=tuple(_circuit(plan, circuit) for circuit in plan.circuits),
        asks=tuple(name for name, entry in loaded.entries.items() if entry.token),
    )


def _target(target: Target, silences: Mapping[str, tuple[int | None, int]]) -> AboutTarget:
    silent, after_ms = silences.get(target.id, (None, 0))
    switched = target.contactor is not None
    return AboutTarget(target.id, target.unit, target.lo, target.hi, target.bands, switched, silent, after_ms)


def _device(bus: BusSite, device: DeviceSite) -> AboutDevice:
    at = ""
    if bus.kind is BusKind.MODBUS:
        at = str(bus.settings["device"]) if bus.settings["transport"] == "rtu" else address(device)
    return AboutDevice(device.name, device.family.stem, bus.name, bus.kind.value, at, device.options)


def _circuit(plan: Plan, circuit: Circuit) -> AboutCircuit:
    def shown(source: Source | None) -> str:
        return "" if source is None else plan.signals[source.signal].id

    return AboutCircuit(
        circuit.id,
        circuit.fuse,
        tuple(shown(phase.current) for phase in circuit.phases),
        {plan.targets[feed.target].id: tuple(shown(own) for own in feed.own) for feed in circuit.feeds},
    )
