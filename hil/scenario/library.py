"""The library: a scenario for each fault of each device of a house, generated and not typed; and for pairs of devices.

What a house promises whatever is broken stands in hil/houses/expect/HOUSE.yaml: a scenario file like any other with
    break: 30 s  repair: 60 s      when the fault begins and ends
    devices: [meter, wallbox]      those that are broken by turns; without it all of the house, and not the plant
    parameters: {meter.value: {register: current_l1, value: 0}}    where a fault's own defaults say too little
    expect: - {..., except: [wallbox.deaf], because: ...}          what no supervisor could keep, and why
and its `expect` must hold for every fault of every device. A scenario is named HOUSE_DEVICE_FAULT, and of a pair
HOUSE_DEVICE_FAULT_DEVICE_FAULT; they come in the order of the devices in the house and of the faults in the simulator.
Rules: an exception without a reason, or of a fault that no device has, is an error; so is a fault that cannot be made
with its defaults and has no parameters here: a hole in the library would look like a promise that was kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from hil.house import HOUSES
from hil.scenario.document import Item, near, read
from hil.scenario.faults import PLANT, Known
from hil.scenario.model import Event, Scenario, ToDevice
from hil.scenario.quantity import time_ms
from hil.scenario.read import KEYS, NEEDED, Reader, load
from hil.sim.device import Json
from hil.unix_socket import RigError

EXPECT = HOUSES / "expect"
OWN_KEYS = ("break", "repair", "devices", "parameters")
_EXCEPTION = ("except", "because")


@dataclass(frozen=True)
class Broken:
    """One device with one fault."""

    device: str
    fault: str
    meaning: str
    request: Json

    @property
    def name(self) -> str:
        return f"{self.device}.{self.fault}"


def houses() -> list[str]:
    """The houses that promise something."""
    return sorted(path.stem for path in EXPECT.glob("*.yaml"))


def of_house(name: str, pairs: bool = False) -> list[Scenario]:
    """The library of a house that comes with the rig."""
    path = EXPECT / f"{name}.yaml"
    if not path.is_file():
        raise RigError(f"there is no {path}; houses with a library: {', '.join(houses())}{near(name, houses())}")
    return of_file(path, pairs)


def of_file(path: Path, pairs: bool = False) -> list[Scenario]:
    """All scenarios of a file: those of a library's, or the one of a scenario's. ``pairs``: two devices at once, each
    fault of the one with each fault of the other, instead of each alone."""
    top = read(path)
    if not isinstance(top.value, dict) or "break" not in top.value:
        return [load(path)]
    library = _Library(top)
    return list(library.pairs() if pairs else library.singles())


class _Library:
    """One file."""

    def __init__(self, top: Item) -> None:
        self._top = top
        self._parts = top.entries((*KEYS, *OWN_KEYS))
        for key in (*NEEDED, *OWN_KEYS[:2]):
            if key not in self._parts:
                raise top.wrong(f"a library needs `{key}` (it needs {', '.join((*NEEDED, *OWN_KEYS[:2]))})")
        self._template = self._read_template()
        self._known = Known(self._template.house)
        self._break_ms, self._repair_ms = self._times()
        devices = self._devices()
        self._check_parameters(devices)
        self._broken = [broken for device in devices for broken in self._faults_of(device)]
        self._exceptions = [self._exception(entry) for entry in self._parts["expect"].listed()]

    def singles(self) -> Iterator[Scenario]:
        """Each fault alone."""
        for broken in self._broken:
            yield self._scenario((broken,))

    def pairs(self) -> Iterator[Scenario]:
        """Each fault of a device with each of another device."""
        for one, other in itertools.combinations(self._broken, 2):
            if one.device != other.device:
                yield self._scenario((one, other))

    # -- the file --

    def _read_template(self) -> Scenario:
        """The scenario in which nothing is broken: the keys that a scenario has, without exceptions."""
        plain = [_without(entry, _EXCEPTION) for entry in self._parts["expect"].listed()]
        expect = replace(self._parts["expect"], value=plain)
        entries = {key: item for key, item in self._parts.items() if key in KEYS}
        return Reader(replace(self._top, value={**entries, "expect": expect})).scenario()

    def _times(self) -> tuple[int, int]:
        begin_ms, end_ms = time_ms(self._parts["break"]), time_ms(self._parts["repair"])
        if not begin_ms < end_ms < self._template.length_ms:
            raise self._parts["repair"].wrong("first comes `break`, then `repair`, then the end of the scenario")
        return begin_ms, end_ms

    def _devices(self) -> list[str]:
        item = self._parts.get("devices")
        if item is None:
            return [name for name in self._known.devices if name != PLANT]
        names = [part.text() for part in item.listed()]
        for name in names:
            self._known.device(item, name)
        return names

    def _faults_of(self, device: str) -> Iterator[Broken]:
        for kind in self._known.devices[device].fault_kinds:
            item = self._parameters().get(f"{device}.{kind.name}")
            given = {key: part.plain() for key, part in item.entries().items()} if item is not None else {}
            try:
                request = self._known.fault(item or self._top, device, kind.name, {**given})
            except RigError as error:
                if item is not None:
                    raise
                raise RigError(f"{error}; name its parameters under `parameters: {device}.{kind.name}`") from None
            self._known.devices[device].control({"clear": True}, 0)
            yield Broken(device, kind.name, kind.meaning, request)

    def _parameters(self) -> Mapping[str, Item]:
        return self._parts["parameters"].entries() if "parameters" in self._parts else {}

    def _check_parameters(self, devices: Sequence[str]) -> None:
        kinds = self._known.devices
        names = [f"{device}.{kind.name}" for device in devices for kind in kinds[device].fault_kinds]
        for name, item in self._parameters().items():
            if name not in names:
                raise item.wrong(f"no device that is broken here has the fault {name!r}{near(name, names)}")

    def _exception(self, entry: Item) -> Sequence[str]:
        """The patterns of faults for which an expectation is not kept."""
        parts = entry.entries()
        if "except" not in parts:
            return ()
        if "because" not in parts:
            raise entry.wrong("an exception needs `because`: why could no supervisor keep it?")
        parts["because"].text()
        names = [broken.name for broken in self._broken]
        patterns = [part.text() for part in parts["except"].listed()]
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise parts["except"].wrong(f"no fault is called {pattern!r}{near(pattern, names)}")
        return patterns

    # -- what comes of it --

    def _scenario(self, broken: Sequence[Broken]) -> Scenario:
        template = self._template
        words = "; ".join(f"{one.device}: {one.meaning}" for one in broken)
        kept = tuple(
            expectation
            for expectation, patterns in zip(template.expectations, self._exceptions, strict=True)
            if not any(fnmatchcase(one.name, pattern) for one in broken for pattern in patterns)
        )
        if not kept:
            raise self._top.wrong(f"nothing at all is expected of {' and '.join(one.name for one in broken)}")
        return replace(
            template,
            name="_".join([self._top.file.stem, *(part for one in broken for part in (one.device, one.fault))]),
            title=f"{template.title}: {' and '.join(f'{one.device} {_words(one.fault)}' for one in broken)}",
            why=f"{template.why} Broken: {words}.",
            events=self._events(broken),
            expectations=kept,
        )

    def _events(self, broken: Sequence[Broken]) -> tuple[Event, ...]:
        begin, end = self._parts["break"], self._parts["repair"]
        faults = [
            Event(self._break_ms, ToDevice(one.device, one.request), begin.line, f"{one.device}: {_words(one.fault)}")
            for one in broken
        ]
        repairs = [
            Event(self._repair_ms, ToDevice(one.device, {"clear": one.fault}), end.line, f"{one.device} is repaired")
            for one in broken
        ]
        return tuple(sorted([*self._template.events, *faults, *repairs], key=lambda event: event.at_ms))


def _without(item: Item, keys: Sequence[str]) -> Item:
    if not isinstance(item.value, dict):
        return item
    return replace(item, value={key: inner for key, inner in item.value.items() if key not in keys})


def _words(fault: str) -> str:
    return fault.replace("_", " ")
