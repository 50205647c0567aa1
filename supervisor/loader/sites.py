"""The site document: buses, devices and orchestrators, turned into the shared shape and the plan's parts.

Signals and targets are numbered here, once, in the order of the document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from drivers.contract import BusKind, Family, Options, OptionSpec, OutputSpec, Shape, SignalSpec, Silence, SilenceKind
from supervisor.kernel.plan import Hunting, Identity, Target
from supervisor.kernel.signal import Signal, Source, Unit
from supervisor.loader.documents import Item, name_of, nearest
from supervisor.loader.gateway import read_login
from supervisor.loader.quantity import BIT_RATES, amount, duration, rate, scaled
from supervisor.loader.questions import Named, Names
from supervisor.site import BusSite, DeviceSite, OutputPlace, SignalPlace

ROLES = ("observer", "orchestrator", "installer")
BUS_SETTINGS = {
    BusKind.CAN: ("interface", "channel", "bitrate"),
    BusKind.MODBUS: ("transport", "device", "baudrate", "parity", "stopbits"),
    BusKind.SERIAL: ("device", "baudrate", "parity", "stopbits"),
    BusKind.GPIO: ("factory", "channel"),
}
COIL_SETTINGS = ("breaks_load", "zero_flow", "travel", "min_on", "min_off", "per_hour", "precharge", "proof")
SILENCE_DEFAULT_MS = 500
HOLD_DEFAULT_MS = 5_000


@dataclass
class Parts:
    """What the site document says, numbered."""

    buses: dict[str, tuple[BusKind, dict[str, int | str], bool, bool]] = field(default_factory=dict)
    devices: list[DeviceSite] = field(default_factory=list)
    bus_of: dict[str, str] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)
    graces: dict[str, int] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    signals: list[Signal] = field(default_factory=list)
    named: dict[str, Named] = field(default_factory=dict)
    core: dict[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)
    target_names: dict[str, tuple[int, Target]] = field(default_factory=dict)
    coils: dict[str, dict[str, Item]] = field(default_factory=dict)
    places: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> Names:
        return Names(self.named, self.core)

    @property
    def coil_names(self) -> frozenset[str]:
        """The targets that are contactors' coils."""
        return frozenset(self.targets[p.index].id for d in self.devices for p in d.outputs if p.spec.contactor)

    def bus_sites(self) -> tuple[BusSite, ...]:
        """The buses with their devices, in the order of the document."""
        return tuple(
            BusSite(
                name, kind, settings, tuple(d for d in self.devices if self.bus_of[d.name] == name), observe, simulated
            )
            for name, (kind, settings, observe, simulated) in self.buses.items()
        )


# ---- buses ---------------------------------------------------------------------------------------------------------
def read_bus(parts: Parts, key: str, item: Item, observe: bool, run_dir: str) -> None:
    kind = BusKind(item.need("kind", "can, modbus, serial or gpio").one_of([kind.value for kind in BusKind]))
    settings: dict[str, int | str] = {}
    for setting in BUS_SETTINGS[kind]:
        given = item.get(setting)
        if given is not None:
            settings[setting] = _setting(setting, given, run_dir)
    _complete(kind, settings, item)
    simulated = (given := item.get("simulated")) is not None and given.flag()
    watch_only = (given := item.get("observe")) is not None and given.flag()
    item.done()
    parts.buses[name_of(key, item)] = (kind, settings, observe or watch_only, simulated)


def _setting(setting: str, item: Item, run_dir: str) -> int | str:
    if setting == "bitrate":
        return _within(item, scaled(item, BIT_RATES), 10_000, 1_000_000, "bit/s")
    if setting == "baudrate":
        return item.whole(300, 4_000_000)
    if setting == "stopbits":
        return item.whole(1, 2)
    if setting == "parity":
        return item.one_of(("N", "E", "O"))
    if setting == "transport":
        return item.one_of(("tcp", "rtu"))
    return item.text().replace("{run}", run_dir)


def _within(item: Item, value: int, lo: int, hi: int, unit: str) -> int:
    if not lo <= value <= hi:
        raise item.error(f"{value} {unit} is not within {lo}..{hi} {unit}")
    return value


def _complete(kind: BusKind, settings: dict[str, int | str], item: Item) -> None:
    """Fill in what has one right default, and ask for what has none."""
    if kind is BusKind.CAN:
        settings.setdefault("bitrate", 500_000)
        needed = ["interface", "channel"]
    elif kind is BusKind.MODBUS and settings.get("transport") == "tcp":
        needed = []
    elif kind is BusKind.GPIO:
        needed = ["factory"]
    else:
        settings.setdefault("parity", "N")
        settings.setdefault("stopbits", 1)
        needed = ["device", "baudrate"] if kind is BusKind.SERIAL or "transport" in settings else ["transport"]
    for setting in needed:
        if setting not in settings:
            raise item.error(f"'{setting}' is missing for a {kind.value} bus")


# ---- devices -------------------------------------------------------------------------------------------------------
def read_device(parts: Parts, key: str, item: Item, families: Mapping[str, Family]) -> None:
    """One device: its driver, its bus, its options, and how its targets behave."""
    name = name_of(key, item)
    driver = item.need("driver", "name a driver family")
    family = families.get(driver.text())
    if family is None:
        raise driver.error(f"there is no driver '{driver.text()}'{nearest(driver.text(), families)}")
    bus = item.need("bus", "name the bus it is on")
    if bus.text() not in parts.buses:
        raise bus.error(f"there is no bus '{bus.text()}'{nearest(bus.text(), parts.buses)}")
    kind, _, bus_observe, _ = parts.buses[bus.text()]
    if kind is not family.bus:
        raise bus.error(f"{family.stem} speaks {family.bus.value}, but {bus.text()} is a {kind.value} bus")
    options = _options(family, item.get("options"), item)
    shape = _shape(parts, family, options, bus.text(), item)
    observe = bus_observe or ((given := item.get("observe")) is not None and given.flag())
    if (given := item.get("optional")) is not None and given.flag():
        parts.optional.add(name)
    if (given := item.get("grace")) is not None:
        parts.graces[name] = duration(given, 1_000, 600_000)
    signals = tuple(_signal(parts, name, spec) for spec in shape.signals)
    parts.core[name] = tuple((place.index, place.spec.max_age_ms) for place in signals if place.spec.core)
    outputs, silence, after_ms = _targets(parts, name, shape.outputs, item, observe)
    item.done()
    parts.bus_of[name] = bus.text()
    parts.items[name] = item
    parts.devices.append(DeviceSite(name, family, options, signals, outputs, silence, after_ms, observe))


def _shape(parts: Parts, family: Family, options: Options, bus: str, item: Item) -> Shape:
    """What the family makes of the options; where it can make nothing of them, that is said at the options."""
    place = item.get("options") or item
    try:
        shape, lines = family.shape(options), {line.number for line in family.lines(options)}
    except ValueError as error:
        raise place.error(str(error)) from None
    for other in parts.devices:
        taken = (
            {line.number for line in other.family.lines(other.options)} if parts.bus_of[other.name] == bus else set()
        )
        if both := sorted(lines & taken):
            raise place.error(f"line {both[0]} belongs to {other.name} already; each line of a bus is one thing")
    return shape


def _options(family: Family, item: Item | None, device: Item) -> dict[str, int | bool | str]:
    options = {
        spec.name: _option(family, spec, item.get(spec.name) if item else None, device) for spec in family.options
    }
    if item is not None:
        item.fields() if not family.options else None
        for name, given in (item.value if isinstance(item.value, dict) else {}).items():
            if name not in options:
                raise given.error(f"{family.stem} has no option '{name}'{nearest(name, options)}")
    return options


def _option(family: Family, spec: OptionSpec, item: Item | None, device: Item) -> int | bool | str:
    if item is None:
        if spec.default is None:
            raise device.error(f"{family.stem} needs the option '{spec.name}': {spec.help}")
        return spec.default
    if spec.kind is bool:
        return item.flag()
    if spec.kind is int:
        value = item.whole(-(2**31) if spec.lo is None else spec.lo, 2**31 if spec.hi is None else spec.hi)
        return value if not spec.choices else int(item.one_of(spec.choices))
    return item.one_of(spec.choices) if spec.choices else item.text()


def _signal(parts: Parts, device: str, spec: SignalSpec) -> SignalPlace:
    index = len(parts.signals)
    signal = Signal(f"{device}.{spec.name}", spec.unit, spec.max_age_ms, spec.lo, spec.hi, spec.jump, spec.optional)
    parts.signals.append(signal)
    parts.named[signal.id] = Named(index, signal, spec.codes)
    return SignalPlace(index, spec)


def _targets(
    parts: Parts, device: str, specs: tuple[OutputSpec, ...], item: Item, observe: bool
) -> tuple[tuple[OutputPlace, ...], dict[str, int] | None, int]:
    """The device's targets; its silence image where one is needed, and after how long."""
    given = item.get("targets")
    places: list[OutputPlace] = []
    image: dict[str, int] = {}
    for spec in specs:
        settings = given.get(spec.name) if given is not None else None
        if settings is not None and (silence := settings.get("silence")) is not None:
            image[spec.name] = _silence(silence, spec)
        places.append(_target(parts, device, spec, settings, observe))
        if spec.silence.kind is not SilenceKind.REVERTS_SAFE and spec.name not in image and not observe:
            raise (settings or item).error(
                f"{device}.{spec.name} {_unspoken(spec.silence)}; say what the bus process writes"
                f" then, such as 'targets: {{{spec.name}: {{silence: {spec.safe}}}}}' with its unit"
            )
        if settings is not None:
            settings.done()
    if given is not None:
        given.done()
    after = item.get("silence_after")
    after_ms = duration(after, 100, 60_000) if after is not None else SILENCE_DEFAULT_MS
    if image:
        image = {spec.name: image.get(spec.name, spec.safe) for spec in specs}
    return tuple(places), image or None, after_ms


def _unspoken(silence: Silence) -> str:
    """What a device that needs a silence image does when nobody speaks to it."""
    if silence.kind is SilenceKind.REVERTS_UNSAFE:
        return (
            f"lifts its limit by itself {(silence.after_ms or 0) // 1000} s after the last word; a silence image only"
            " bridges that time, so such a device needs an independent cut-off too, such as a contactor"
        )
    return "keeps its last order when nobody speaks to it"


def _silence(item: Item, spec: OutputSpec) -> int:
    value = amount(item, spec.unit)
    if not spec.lo <= value <= spec.hi or any(low < value < high for low, high in spec.forbidden):
        raise item.error(f"{spec.name} cannot do {item.text()}")
    return value


def _target(parts: Parts, device: str, spec: OutputSpec, settings: Item | None, observe: bool) -> OutputPlace:
    index = len(parts.targets)
    hold = settings.get("hold") if settings else None
    ramp = settings.get("ramp") if settings else None
    readback = parts.named.get(f"{device}.{spec.readback}") if spec.readback else None
    target = Target(
        id=f"{device}.{spec.name}",
        unit=spec.unit,
        lo=spec.lo,
        hi=spec.hi,
        safe=spec.safe,
        step=spec.step,
        bands=tuple(sorted(spec.forbidden)),
        hold_ms=duration(hold, 0, 3_600_000) if hold else HOLD_DEFAULT_MS,
        ramp=rate(ramp, spec.unit) if ramp else None,
        readback=Source(readback.index, readback.signal.max_age_ms) if readback else None,
        readback_ms=(spec.readback_ms or 0) + spec.enforce_ms,
        contactor=None,
        observe=observe,
        hunting=None if spec.contactor else _hunting(settings.get("hunting") if settings else None),
    )
    if settings is not None and spec.contactor:  # read when everything that it may name is known
        parts.coils[target.id] = {key: given for key in COIL_SETTINGS if (given := settings.get(key)) is not None}
    parts.targets.append(target)
    parts.target_names[target.id] = (index, target)
    return OutputPlace(index, spec)


def _hunting(item: Item | None) -> Hunting:
    """When its ups and downs are too many, and how calm it has to be then."""
    usual = Hunting()
    if item is None:
        return usual
    reversals, within, dwell, swing = (item.get(key) for key in ("reversals", "within", "dwell", "swing"))
    hunting = Hunting(
        reversals.whole(2, 100) if reversals else usual.reversals,
        duration(within, 10_000, 3_600_000) if within else usual.within_ms,
        duration(dwell, 1_000, 3_600_000) if dwell else usual.dwell_ms,
        usual.slower,
        amount(swing, Unit.SHARE) if swing else usual.swing,
    )
    item.done()
    return hunting


# ---- orchestrators -------------------------------------------------------------------------------------------------
class Entry(NamedTuple):
    """How an orchestrator comes in: by the token whose SHA-256 this is, and by this login at the broker; "" without
    one. ``shared``: several clients use them, and nobody knows which one spoke."""

    token: str
    login: str
    shared: bool


def read_identity(key: str, item: Item) -> tuple[Identity, Entry]:
    """An orchestrator, and how it comes in."""
    token, login, several = item.get("token_sha256"), item.get("mqtt"), item.get("shared")
    if token is None and login is None:
        raise item.error("'token_sha256' or 'mqtt' is missing; the first is made with: powerwarden token NAME")
    if token is not None and not re.fullmatch(r"[0-9a-f]{64}", token.text()):
        raise token.error("is not a SHA-256 in hex; make one with: powerwarden token NAME")
    late, lost, expected = item.get("late"), item.get("lost"), item.get("expected")
    priority, sequence = item.get("priority"), item.get("sequence")
    late_ms = duration(late, 1_000, 600_000) if late else 10_000
    lost_ms = duration(lost, 1_000, 3_600_000) if lost else 30_000
    if lost_ms <= late_ms:
        place = lost or late or item
        raise place.error(f"it is lost after {lost_ms} ms but late only after {late_ms} ms; lost must be later")
    shared = several.flag() if several else False
    identity = Identity(
        name=name_of(key, item),
        role=item.need("role", f"one of {', '.join(ROLES)}").one_of(ROLES),
        priority=priority.whole(0, 100) if priority else 0,
        expected=expected.flag() if expected else False,
        late_ms=late_ms,
        lost_ms=lost_ms,
        numbered=sequence is not None and sequence.one_of(("required", "optional")) == "required",
        shared=shared,
    )
    if shared and (identity.priority or identity.expected or identity.role == "installer"):
        raise item.error("nobody knows who speaks here, so it has priority 0, is not expected, and is no installer")
    item.done()
    return identity, Entry(token.text() if token else "", read_login(login) if login else "", shared)
