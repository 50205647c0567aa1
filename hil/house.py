"""A house file: which buses, which simulated devices on which wire, and which plant. Reading it and judging it.

Rules: what is not known is an error, and an error names file, line and remedy. All of the file is judged before
anything is started. It must never start anything itself.

    title: text
    seed: 1                    # of the plant
    buses: [can0]              # CAN hubs, one socket each: RUNDIR/can0.sock
    lines: [gpio0]             # line hubs, one socket each: RUNDIR/gpio0.sock, and one panel on each
    devices:
      battery: {sim: pylontech_can, bus: can0, soc: 55}         # on a CAN hub
      meter:   {sim: sdm630_modbus, tcp: 127.0.0.1:15020}       # Modbus TCP
      meter2:  {sim: sdm630_modbus, serial: pty}                # Modbus RTU, linked to RUNDIR/meter2.tty
      meter3:  {sim: sdm630_modbus, serial: /dev/ttyUSB0, baud: 9600}
      panel:   {sim: panel_gpio, lines: gpio0, inputs: "estop=5 stop nc", outputs: "lamp=22 lamp"}
    plant: {load_w: [400, 250, 150]}
`serial` beside `tcp` is an option like any other: the serial number of a device that has one.
All further keys of a device are the `Options` of its simulator, those of `plant` the `Options` in hil/plant.py.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec
import yaml

from hil import plant
from hil.sim import FAMILIES
from hil.sim.device import Device
from hil.unix_socket import RigError

HOUSES = Path(__file__).parent / "houses"
RESERVED = ("plant", "house")
WIRES = {"can": ("bus",), "modbus": ("tcp", "serial"), "gpio": ("lines",)}  # by the last word of a simulator's name
KINDS = tuple(kind for kinds in WIRES.values() for kind in kinds)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,14}")
_T = TypeVar("_T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Link:
    """The wire of a device.

    kind is "bus" or "lines" (place: name of a hub), "tcp" (host; port) or "serial" (path; baud).
    """

    kind: str
    place: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One device of a house."""

    name: str
    family: str
    link: Link
    options: msgspec.Struct

    def make(self, now_ms: int) -> Device:
        """The device's core."""
        build: Callable[[str, msgspec.Struct, int], Device] = importlib.import_module(f"hil.sim.{self.family}").make
        return build(self.name, self.options, now_ms)


@dataclass(frozen=True, slots=True)
class House:
    """A house file that has been judged."""

    title: str
    seed: int
    buses: tuple[str, ...]
    entries: tuple[Entry, ...]
    plant: plant.Options

    def entry(self, name: str) -> Entry:
        """The device of this name; RigError tells which there are."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise RigError(f"the house has no device {name!r}; it has {', '.join(entry.name for entry in self.entries)}")


class _Top(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str = ""
    seed: int = 1
    buses: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    devices: dict[str, dict[str, Any]] = {}
    plant: dict[str, Any] = {}


class _Wiring(msgspec.Struct, frozen=True):
    sim: str
    bus: str | None = None
    lines: str | None = None
    tcp: str | None = None
    serial: str | None = None
    baud: int = 9600


def find(name: str) -> Path:
    """A path as it is, or the name of a house that comes with the rig."""
    if os.path.isfile(name):  # it answers no where Path's own raises: for a name that no file could have
        return Path(name)
    if os.path.isfile(HOUSES / f"{name}.yaml"):
        return HOUSES / f"{name}.yaml"
    raise RigError(f"{name}: no such file, and no such house here ({', '.join(built_in())})")


def built_in() -> list[str]:
    """The houses that come with the rig."""
    return sorted(path.stem for path in HOUSES.glob("*.yaml"))


def load(path: Path, port_base: int | None = None) -> House:
    """Read and judge a house; with `port_base` its lowest TCP port becomes that one and the others keep their step."""
    return _Reader(path).read(port_base)


class _Reader:
    """One file with the lines of its keys."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            text = path.read_text("utf-8")
            self._root, self._document = yaml.compose(text, yaml.SafeLoader), yaml.safe_load(text)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise RigError(f"{path}: cannot be read: {error}") from None

    def read(self, port_base: int | None) -> House:
        """The whole house."""
        top = self._convert(self._document, _Top, ())
        if not top.devices:
            self._wrong((), "a house needs `devices`, with at least one in it")
        for kind, hubs in (("buses", top.buses), ("lines", top.lines)):
            for hub in hubs:
                self._check_name(hub, (kind,))
                if (*top.buses, *top.lines).count(hub) > 1:
                    self._wrong((kind,), f"{hub!r} is taken; a hub has a name of its own")
        entries = [self._entry(name, raw, top) for name, raw in top.devices.items()]
        self._check_lines(top.lines, entries)
        plant_options = self._convert(top.plant, plant.Options, ("plant",))
        return House(top.title, top.seed, top.buses, tuple(_shifted(entries, port_base)), plant_options)

    def _check_lines(self, lines: tuple[str, ...], entries: list[Entry]) -> None:
        """A line hub lives in the process of the panel that hangs on it: it has exactly one."""
        for hub in lines:
            panels = [entry.name for entry in entries if entry.link == Link("lines", hub)]
            if len(panels) != 1:
                self._wrong(("lines",), f"{hub} needs exactly one panel, and has {', '.join(panels) or 'none'}")

    def _entry(self, name: str, raw: dict[str, Any], top: _Top) -> Entry:
        place = ("devices", name)
        self._check_name(name, place)
        if name in RESERVED or name in top.buses or name in top.lines:
            self._wrong(place, f"{name!r} is taken; choose another name")
        wiring = self._convert(raw, _Wiring, place)
        if wiring.sim not in FAMILIES:
            self._wrong((*place, "sim"), f"no simulator {wiring.sim!r}; there are {', '.join(FAMILIES)}")
        options_type: type[msgspec.Struct] = importlib.import_module(f"hil.sim.{wiring.sim}").Options
        wires = set(_Wiring.__struct_fields__)
        if wiring.tcp is not None and "serial" in options_type.__struct_fields__:
            # Beside `tcp` it is no second wire: it is what the maker has stamped on the device.
            wiring, wires = msgspec.structs.replace(wiring, serial=None), wires - {"serial"}
        link = self._link(wiring, place, top)
        own = {key: value for key, value in raw.items() if key not in wires}
        return Entry(name, wiring.sim, link, self._convert(own, options_type, place))

    def _link(self, wiring: _Wiring, place: tuple[str, ...], top: _Top) -> Link:
        wanted = WIRES[wiring.sim.rpartition("_")[2]]
        given = [kind for kind in KINDS if getattr(wiring, kind) is not None]
        if len(given) != 1 or given[0] not in wanted:
            self._wrong(place, f"{wiring.sim} needs exactly one of: {', '.join(wanted)}")
        value = str(getattr(wiring, given[0]))
        for kind, key, hubs in (("bus", "buses", top.buses), ("lines", "lines", top.lines)):
            if given[0] == kind and value not in hubs:
                self._wrong((*place, kind), f"no {kind} {value!r}; `{key}` lists {', '.join(hubs) or 'none'}")
            if given[0] == kind:
                return Link(kind, value)
        if given[0] == "serial":
            return Link("serial", value, wiring.baud)
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            self._wrong((*place, "tcp"), f"tcp is HOST:PORT, such as 127.0.0.1:15020, not {value!r}")
        return Link("tcp", host, int(port))

    def _check_name(self, name: str, place: tuple[str, ...]) -> None:
        if not _NAME.fullmatch(name):
            self._wrong(place, f"a name is 1 to 15 of a-z, 0-9 and _, beginning with a letter; not {name!r}")

    def _convert(self, raw: object, wanted: type[_T], place: tuple[str, ...]) -> _T:
        try:
            return msgspec.convert(raw, wanted)
        except msgspec.ValidationError as error:
            named = [key for key in re.findall(r"`\$?\.?([\w.]+)", str(error)) if "." not in key]
            known = f" (known here: {', '.join(wanted.__struct_fields__)})" if "unknown" in str(error) else ""
            self._wrong((*place, *named[-1:]), f"{error}{known}")

    def _wrong(self, place: tuple[str, ...], what: str) -> NoReturn:
        raise RigError(f"{self._path}:{self._line(place)}: {'.'.join(place)}: {what}".replace(": : ", ": "))

    def _line(self, place: tuple[str, ...]) -> int:
        """The line of the key at `place`, or of the nearest one above it that the file has."""
        node, line = self._root, 1
        for key in place:
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            found = [(key_node, value) for key_node, value in pairs if key_node.value == key]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        return line


def _shifted(entries: list[Entry], port_base: int | None) -> list[Entry]:
    ports = [entry.link.number for entry in entries if entry.link.kind == "tcp"]
    if port_base is None or not ports:
        return entries
    shift = port_base - min(ports)
    return [
        entry
        if entry.link.kind != "tcp"
        else Entry(entry.name, entry.family, Link("tcp", entry.link.place, entry.link.number + shift), entry.options)
        for entry in entries
    ]
