"""rig.yaml: which real wires a bench has, and the list of what it may drive. Reading it and judging it.

Rules
* What is not in `may_drive` is never driven: a CAN identifier that is not listed stays on the rig's side, a relay line
  that is not listed is not even claimed, a serial line that is not listed is an error (a simulator would answer on it).
* A relay switches a lamp or an input of the box under test, at an extra-low voltage. There is no other load.
* All of the file is judged before anything is opened; an error names file, line and remedy.

    title: The bench on the workshop table
    product: http://192.168.50.1:8080       # the gateway of the box under test; a person starts it there
    tokens: {optimiser: demo-optimiser}     # where they are not demo-NAME
    listen: 192.168.50.2                    # where the simulated Modbus TCP devices answer, on their ports of the house
    can:
      can0: {interface: slcan, channel: /dev/ttyACM0, bitrate: 500000}     # the house's bus can0
    serial:
      meter: {port: /dev/ttyUSB0, baud: 9600}                              # a Modbus RTU device of the house
    relays:
      factory: lgpio                        # gpiozero's way to the lines of this computer
      active: low                           # most relay boards pull at 0
      lines: {lamp_1: 5, car_button: 6}
    may_drive:
      - {can: can0, ids: [0x201, 0x351], why: the relay node and the battery of the house}
      - {serial: meter, why: the meter of the house}
      - {relay: lamp_1, follows: "relays.closed[1]", load: lamp, volt: 12, why: contact 1 to look at}
It must never open anything.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from hil.bench.yaml_text import Document
from hil.house import House
from hil.scenario.model import Facts
from hil.unix_socket import RigError

VOLT_MAX = 30.0  # below every limit for extra-low voltage in dry places, AC or DC
LINES_MAX = 27  # of a Raspberry Pi's header
_T = TypeVar("_T")
_FACT = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)(?:\[(\d+)\])?")


class CanAdapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As python-can takes it; ``bitrate`` 0 where the system has set it (socketcan)."""

    interface: str
    channel: str
    bitrate: int = 0


class SerialLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of 8 data bits, no parity, 1 stop bit."""

    port: str
    baud: int = 9600


class Board(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A relay board on the lines of this computer."""

    lines: dict[str, int]
    factory: str = "lgpio"
    channel: str = ""
    active: Literal["low", "high"] = "low"


class Permit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the safety list: exactly one of ``can``, ``serial``, ``relay``."""

    why: str
    can: str = ""
    ids: tuple[int, ...] = ()
    serial: str = ""
    relay: str = ""
    follows: str = ""
    load: Literal["", "lamp", "input"] = ""
    volt: float = 0.0

    def text(self) -> str:
        """For the person who has to agree."""
        if self.can:
            return f"CAN {self.can}: sends {', '.join(f'{number:#x}' for number in self.ids)} ({self.why})"
        if self.serial:
            return f"serial line of {self.serial}: answers as this device ({self.why})"
        return f"relay {self.relay}: switches a {self.load} of {self.volt:g} V as {self.follows} ({self.why})"


class Rig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rig.yaml; see the head of this file."""

    title: str
    product: str
    may_drive: tuple[Permit, ...]
    listen: str = ""
    tokens: dict[str, str] = {}
    can: dict[str, CanAdapter] = {}
    serial: dict[str, SerialLine] = {}
    relays: Board | None = None

    def ids(self, bus: str) -> frozenset[int]:
        """The identifiers that may be sent on a bus; none: it is only listened to."""
        return frozenset(number for permit in self.may_drive if permit.can == bus for number in permit.ids)

    def driven_lines(self) -> dict[str, Permit]:
        """The relays that may be driven, by name."""
        return {permit.relay: permit for permit in self.may_drive if permit.relay}


def read(path: Path) -> Rig:
    """Read and judge a rig.yaml; RigError with file:line."""
    try:
        document = Document(str(path), path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RigError(f"{path}: cannot be read ({error})") from None
    rig = _convert(document)
    _check_places(document, rig)
    seen: set[tuple[str, str]] = set()
    for index, permit in enumerate(rig.may_drive):
        _check_permit(document, rig, index, permit)
        what = next((kind, name) for kind in ("can", "serial", "relay") if (name := getattr(permit, kind)))
        if what in seen:
            raise document.wrong(("may_drive", str(index)), f"{' '.join(what)} is listed twice; keep one")
        seen.add(what)
    for name in rig.serial:
        if ("serial", name) not in seen:
            raise document.wrong(("serial", name), f"{_LISTED.format(f'serial: {name}')}, or take the line out here")
    return rig


_LISTED = "a simulator answers on its line, so `may_drive` has to list it as {{{}, why: ...}}"


def _convert(document: Document) -> Rig:
    """The whole file; members of mappings first, because their errors then have a name."""
    for kind, wanted in (("can", CanAdapter), ("serial", SerialLine)):
        members = document.value.get(kind) if isinstance(document.value, dict) else None
        for name, value in (members if isinstance(members, dict) else {}).items():
            _strict(document, (kind, str(name)), value, wanted)
    return _strict(document, (), document.value, Rig)


def _strict(document: Document, place: tuple[str, ...], value: object, wanted: type[_T]) -> _T:
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        named = [word for found in re.findall(r"`([^`]*)`", str(error)) for word in re.findall(r"\w+", found)]
        path = re.search(r"`\$\.?([^`]*)`", str(error))
        deeper = (*place, *(re.findall(r"\w+", path[1]) if path else []))
        where = next((found for word in named if document.at(found := (*deeper, word)) is not None), deeper)
        raise document.wrong(where, f"{error}; the head of hil/bench/rig_file.py shows a whole file") from None


def _check_places(document: Document, rig: Rig) -> None:
    if not re.fullmatch(r"https?://[\w.:\[\]-]+", rig.product):
        raise document.wrong(("product",), f"{rig.product!r} is no address such as http://192.168.50.1:8080")
    if rig.listen in ("0.0.0.0", "::"):
        raise document.wrong(("listen",), "names every network of this machine; name the address on the bench's own")
    for name, number in (rig.relays.lines if rig.relays else {}).items():
        if not 0 <= number <= LINES_MAX:
            raise document.wrong(("relays", "lines", name), f"lines are 0 to {LINES_MAX}, not {number}")
    wires = {
        "can": [adapter.channel for adapter in rig.can.values()],
        "serial": [at.port for at in rig.serial.values()],
    }
    for kind, ends in wires.items():
        if len(set(ends)) != len(ends):
            raise document.wrong((kind,), "two of them are the same wire, and would talk at once; give each its own")
    taken = list(rig.relays.lines.values()) if rig.relays else []
    if len(set(taken)) != len(taken):
        raise document.wrong(("relays", "lines"), "two relays have the same line; give each its own")


def _check_permit(document: Document, rig: Rig, index: int, permit: Permit) -> None:
    place = ("may_drive", str(index))
    given = [kind for kind in ("can", "serial", "relay") if getattr(permit, kind)]
    if len(given) != 1:
        raise document.wrong(place, "name exactly one of can, serial and relay")
    if not permit.why.strip():
        raise document.wrong((*place, "why"), "say why it may be driven")
    places = {"can": list(rig.can), "serial": list(rig.serial), "relay": list(rig.relays.lines if rig.relays else [])}
    known, name = places[given[0]], getattr(permit, given[0])
    if name not in known:
        raise document.wrong((*place, given[0]), f"there is no {name!r}; there are {', '.join(known) or 'none'}")
    if permit.can:
        _check_ids(document, place, permit)
    if permit.relay:
        _check_relay(document, place, permit)


def _check_ids(document: Document, place: tuple[str, ...], permit: Permit) -> None:
    if not permit.ids or not all(0 <= number <= 0x1FFF_FFFF for number in permit.ids):
        raise document.wrong((*place, "ids"), "list the identifiers that may be sent, such as [0x201]")


def _check_relay(document: Document, place: tuple[str, ...], permit: Permit) -> None:
    if not permit.load:
        raise document.wrong((*place, "load"), "say what it switches: lamp or input; nothing else has a place here")
    if not 0 < permit.volt <= VOLT_MAX:
        raise document.wrong(
            (*place, "volt"),
            f"{permit.volt:g} V: only extra-low voltage up to {VOLT_MAX:g} V is switched here, and never mains",
        )
    if not _FACT.fullmatch(permit.follows):
        raise document.wrong((*place, "follows"), 'name a fact that it follows, such as "relays.closed[1]"')


def check_house(path: Path, rig: Rig, house: House) -> None:
    """RigError unless every wire of the house has its place in the rig, and nothing else is named there."""
    document = Document(str(path), path.read_text("utf-8"))
    serial = {entry.name for entry in house.entries if entry.link.kind == "serial"}
    for kind, has, wants in (("can", set(rig.can), set(house.buses)), ("serial", set(rig.serial), serial)):
        if missing := sorted(wants - has):
            raise document.wrong((kind,), f"the house has {', '.join(missing)}, and no wire here is meant for it")
        if strange := sorted(has - wants):
            raise document.wrong(
                (kind, strange[0]), f"the house has no {strange[0]}; it has {', '.join(sorted(wants))}"
            )
    if any(entry.link.kind == "tcp" for entry in house.entries) and not rig.listen:
        raise document.wrong(("title",), "the house has Modbus TCP devices; `listen` names the address for them")
    names = {entry.name for entry in house.entries} | {"plant"}
    for index, permit in enumerate(rig.may_drive):
        if permit.relay and permit.follows.partition(".")[0] not in names:
            raise document.wrong(
                ("may_drive", str(index), "follows"), f"the house has no such device; it has {', '.join(sorted(names))}"
            )


def fact_at(facts: Facts, name: str) -> bool:
    """The truth of a fact such as "relays.closed[1]"; False where it is not there, or is no truth."""
    found = _FACT.fullmatch(name)
    if found is None:
        return False
    value = facts.get(f"{found[1]}.{found[2]}")
    if found[3] is not None:
        number = int(found[3])
        value = value[number - 1] if isinstance(value, list) and 1 <= number <= len(value) else False
    return value is True or value == 1
