"""What a house file says about contacts in the plant: which of them stand between what, and who is joined when.

Rules: a contact is a number of the house's relay node (of the first one by name, where there are several). All
contacts of a path must be closed for it to conduct; only the older `contacts` is content with any one of them. What
is not mentioned is wired without a contact. Everything here follows from the closed contacts alone.
It must never know a power, a voltage or a time, and never judge whether a position is a good one.

    contacts: {1: battery}                        an element behind one contact, all phases at once
    supply: {wallbox: [[1], [2], [2]]}            the contacts of an element on L1, L2, L3
    inverters:                                    strings and phases of each inverter, and the contacts to them
      inverter4: {strings: {b: [8], c: [8]}, ac: {1: [7]}}
    bus: {grid: 1, island: 2, bond: 3, inverter: islander}
    meters: {feed: [wallbox]}                     what a meter sees; one that is not mentioned sees the grid connection
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, get_args

import msgspec

from hil.plant_phases import PHASES

CONTACT_MAX = 8
Element = Literal["load", "pv", "battery", "wallbox"]
Contacts = tuple[int, ...]
Closed = frozenset[int]  # the contacts that are closed
CONSUMERS = frozenset({"load", "wallbox", "house"})


class InverterWires(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One inverter: the contacts to each of its strings, and to the phases that its own L1, L2, L3 are wired to."""

    strings: Mapping[str, Contacts]
    ac: Mapping[int, Contacts]

    def __post_init__(self) -> None:
        if not self.strings:
            raise ValueError("an inverter needs at least one string")
        if not self.ac or not set(self.ac) <= set(PHASES):
            raise ValueError("ac must be some of the phases 1, 2 and 3, each with its contacts")


class Bus(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A house that can leave the grid: three contacts, and the inverter that makes the island."""

    grid: int
    island: int
    bond: int  # neutral to earth
    inverter: str


class Path(NamedTuple):
    """Contacts and what flows through them, in A of the one wire that they interrupt."""

    contacts: Contacts
    ampere: float
    any_one: bool = False  # side by side: one closed contact is enough

    def conducts(self, closed: Closed) -> bool:
        """Whether something can flow."""
        return not closed.isdisjoint(self.contacts) if self.any_one else closed.issuperset(self.contacts)


class Wires(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """See the head of this file."""

    contacts: Mapping[int, Element] = msgspec.field(default_factory=dict)
    supply: Mapping[Element, tuple[Contacts, Contacts, Contacts]] = msgspec.field(default_factory=dict)
    inverters: Mapping[str, InverterWires] = msgspec.field(default_factory=dict)
    bus: Bus | None = None
    meters: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = sorted(set(self._all_contacts()) - set(range(1, CONTACT_MAX + 1)))
        if numbers:
            raise ValueError(f"contacts are 1 to {CONTACT_MAX}, not {', '.join(map(str, numbers))}")
        if self.inverters and ("pv" in self.supply or "pv" in self.contacts.values()):
            raise ValueError("the inverters say themselves which contacts lead to them; leave pv out")
        if self.bus is not None and len({self.bus.grid, self.bus.island, self.bus.bond}) < 3:
            raise ValueError("grid, island and bond of the bus must be three different contacts")
        if self.bus is not None and self.bus.inverter in self.inverters:
            raise ValueError(f"{self.bus.inverter} makes the island; it cannot be one of `inverters` as well")
        known = {*get_args(Element), "house", *self.inverters, *([self.bus.inverter] if self.bus else [])}
        for meter, seen in self.meters.items():
            if not seen or not set(seen) <= known:
                raise ValueError(f"meter {meter} must see some of {', '.join(sorted(known))}")
            if not (CONSUMERS.issuperset(seen) or CONSUMERS.isdisjoint(seen)):
                raise ValueError(f"meter {meter} sees consumers and sources: its sign would mean nothing")

    def _all_contacts(self) -> Iterator[int]:
        yield from self.contacts
        for phases in self.supply.values():
            yield from (contact for contacts in phases for contact in contacts)
        for inverter in self.inverters.values():
            for contacts in (*inverter.strings.values(), *inverter.ac.values()):
                yield from contacts
        if self.bus is not None:
            yield from (self.bus.grid, self.bus.island, self.bus.bond)

    def joined(self, element: Element, closed: Closed) -> list[bool]:
        """Whether an element is connected to the house, on L1, L2 and L3."""
        behind = self.behind(element)
        whole = not behind or not closed.isdisjoint(behind)
        return [whole and closed.issuperset(contacts) for contacts in self.supply.get(element, ((), (), ()))]

    def behind(self, element: Element) -> Contacts:
        """The contacts of the older kind: any one of them joins the element."""
        return tuple(contact for contact, name in self.contacts.items() if name == element)

    def users(self, closed: Closed) -> dict[str, list[str]]:
        """Each string with the inverters that it is connected to."""
        found: dict[str, list[str]] = {}
        for name, inverter in self.inverters.items():
            for string, contacts in inverter.strings.items():
                found.setdefault(string, []).extend([name] if closed.issuperset(contacts) else [])
        return found

    def shorted(self, closed: Closed) -> list[str]:
        """The strings with more than one inverter on them."""
        return sorted(string for string, names in self.users(closed).items() if len(names) > 1)

    def ways(self, element: Element) -> list[tuple[int, Contacts, bool]]:
        """The contacts in the way of an element: the place of its phase, contacts, and whether any one is enough."""
        behind, phases = self.behind(element), self.supply.get(element, ((), (), ()))
        series = [(at, contacts, False) for at, contacts in enumerate(phases) if contacts]
        return series + [(at, behind, True) for at in range(3) if behind]

    def highest(self) -> int:
        """The highest number of all contacts; 0 without any."""
        return max(self._all_contacts(), default=0)
