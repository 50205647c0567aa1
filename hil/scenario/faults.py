"""What a house has and what can be done to it: its devices, their faults and settings, and the facts it begins with.

Rules: everything is tried out on devices made for this alone, without I/O and at 0 ms, so that a fault which a device
does not have, a contact that a node does not have and a value out of range are found when the file is read. Names that
are wrong are told with those that are right.
It must never import the product; of the product's documents it reads site.yaml as plain YAML, for names.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from hil.bench.facts import facts_of
from hil.house import House
from hil.plant import Plant
from hil.scenario.document import Item, near
from hil.scenario.model import Fact
from hil.sim.device import Device, Json

PLANT = "plant"


class Known:
    """One house: every device that can be asked for, and the facts."""

    def __init__(self, house: House) -> None:
        self.house = house

    @cached_property
    def devices(self) -> Mapping[str, Device]:
        """A device of each name, and the plant; for trying out."""
        return {**{entry.name: entry.make(0) for entry in self.house.entries}, PLANT: self._plant()}

    @cached_property
    def facts(self) -> Mapping[str, Fact]:
        """What the house says of itself before anything has happened."""
        found: dict[str, Fact] = {}
        for entry in self.house.entries:
            found |= dict(facts_of(entry.name, entry.make(0).state(0)))
            found[f"{entry.name}.writes"] = 0.0  # nobody writes to the plant
        return found | dict(facts_of(PLANT, self._plant().state(0)))

    def _plant(self) -> Plant:
        return Plant(self.house.plant, self.house.seed, 0)

    def device(self, item: Item, name: str) -> Device:
        """The device of this name; the error is about ``item``."""
        if name not in self.devices:
            names = list(self.devices)
            raise item.wrong(f"this house has no device {name!r}{near(name, names)} (it has {', '.join(names)})")
        return self.devices[name]

    def fault(self, item: Item, name: str, fault: str, given: Json) -> Json:
        """The request that breaks a device so."""
        known = self._kinds(self.device(item, name))
        if fault not in known:
            raise item.wrong(f"{name} has no fault {fault!r}{near(fault, known)} (it has {', '.join(known)})")
        return self._tried(item, name, {"fault": fault, **given})

    def clear(self, item: Item, name: str, fault: str) -> Json:
        """The request that repairs it: one fault, or "all"."""
        known = self._kinds(self.device(item, name))
        if fault != "all" and fault not in known:
            raise item.wrong(f"{name} has no fault {fault!r}{near(fault, known)} (it has all, {', '.join(known)})")
        return {"clear": True if fault == "all" else fault}

    def setting(self, item: Item, dotted: str, value: object) -> tuple[str, Json]:
        """DEVICE.NAME and its value: the device, and the request that sets it."""
        name, dot, key = dotted.partition(".")
        if not dot or not key:
            raise item.wrong(f"{dotted!r} is no DEVICE.NAME, such as plant.load_w{near(dotted, self._settable())}")
        known = list(self.device(item, name).settings())
        if key not in known:
            has = ", ".join(known) or "nothing to set"
            raise item.wrong(f"{name} has no {key!r} that could be set{near(key, known)} (it has {has})")
        return name, self._tried(item, name, {"set": key, "value": value})

    def _tried(self, item: Item, name: str, request: Json) -> Json:
        reply = self.devices[name].control(request, 0)
        if not reply["ok"]:
            raise item.wrong(str(reply["error"]))
        return request

    def _settable(self) -> list[str]:
        return [f"{name}.{key}" for name, device in self.devices.items() for key in device.settings()]

    @staticmethod
    def _kinds(device: Device) -> list[str]:
        return [kind.name for kind in device.fault_kinds]


class Site:
    """The names in a site's documents, with the scenario's edits done."""

    def __init__(self, document: Item) -> None:
        self.orchestrators = _names(document, "orchestrators")
        self.parts = ("guardian", "gateway", *_names(document, "buses"))
        self._devices = _names(document, "devices")
        self._positions = {
            name: tuple(_names(changeover, "positions")) for name, changeover in _inner(document, "changeovers").items()
        }

    def target(self, item: Item) -> str:
        """DEVICE.NAME that somebody asks for; its device must be one of the site's, or a changeover."""
        target = item.text()
        owner, dot, name = target.partition(".")
        known = [*self._devices, *self._positions]
        if not dot or not name or owner not in known:
            raise item.wrong(
                f"{target!r} is no target of this site{near(owner, known)}; a target is DEVICE.NAME, such as "
                f"wallbox.current, of {', '.join(known)}"
            )
        return target

    def positions(self, target: str) -> tuple[str, ...]:
        """Those of a changeover; none for every other target."""
        owner, _, name = target.partition(".")
        return self._positions.get(owner, ()) if name == "position" else ()


def _inner(document: Item, key: str) -> Mapping[str, Item]:
    if not isinstance(document.value, dict) or key not in document.value:
        return {}
    inner = document.value[key].value
    return inner if isinstance(inner, dict) else {}


def _names(document: Item, key: str) -> tuple[str, ...]:
    return tuple(_inner(document, key))
