"""What a site is, in words that a bench can build a house of simulated devices from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drivers.contract import BusKind
from supervisor.harness.ports import address
from supervisor.kernel.mains import Circuit
from supervisor.kernel.plan import Plan
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
    """Something that can be asked for, in the kernel's units. ``forbidden``: open intervals that it cannot do."""

    name: str
    unit: str
    lo: int
    hi: int
    forbidden: Bands
    contactor: bool


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
    return About(
        title=site.name,
        cycle_ms=site.cycle_ms,
        simulated=all(bus.simulated for bus in site.buses),
        devices=tuple(_device(bus, device) for bus in site.buses for device in bus.devices),
        targets=tuple(
            AboutTarget(target.id, target.unit, target.lo, target.hi, target.bands, target.contactor is not None)
            for target in plan.targets
        ),
        circuits=tuple(_circuit(plan, circuit) for circuit in plan.circuits),
        asks=tuple(name for name, entry in loaded.entries.items() if entry.token),
    )


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
