"""A rig house for somebody's own site: for each of its devices a simulated one of the same family, at the same address.

What the documents do not say, nobody can know: which wire goes where, how much the house takes, how large the roof is.
So the house that is made here is plain (one grid meter for all that is one, a load of 3 x 400 W, a car at each
wallbox), and is written out for its owner to correct: a ``rig-house.yaml`` beside site.yaml is taken instead of it.

It must never guess what a contact switches: contacts move, prove themselves, and interrupt nothing.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from hil.bench.virtual import About, AboutDevice
from hil.sim import FAMILIES

OWN = "rig-house.yaml"
LOAD_W = [400, 400, 400]
HEAD = """\
# The house that `powerwarden-rig rehearse` made for this site, from its documents alone. Correct it, save it as
# {own} beside site.yaml, and the next rehearsal takes it: loads, the sun, what a contact switches, which meter sees
# what. `powerwarden-rig list` shows what a device can be told, hil/houses has examples.
"""
_PROOF = re.compile(r"^(\w+)\.(\w+) is (?:not )?\w+$")


def house_text(about: About, site: Path) -> tuple[str, list[str]]:
    """The house as YAML, and what it lacks, in words."""
    proofs = dict(_proofs(site))
    devices, lacks = {}, []
    for device in about.devices:
        if device.family not in FAMILIES:
            lacks.append(f"{device.name}: the rig has no {device.family}; it stays silent, as if it were switched off")
            continue
        devices[device.name] = _device(device, proofs)
    document = {
        "title": f"A house for {about.title}",
        "seed": 1,
        "buses": sorted({device.bus for device in about.devices if device.kind == "can"}),
        "lines": sorted({device.bus for device in about.devices if device.kind == "gpio"}),
        "devices": devices,
        "plant": {"load_w": LOAD_W} | ({"fuse_a": fuse_a(about)} if fuse_a(about) else {}) | _meters(about, lacks),
    }
    return HEAD.format(own=OWN) + yaml.safe_dump(document, sort_keys=False, allow_unicode=True), lacks


def fuse_a(about: About) -> float:
    """The service fuse: the largest of the circuits with a meter on each phase; 0 where there is none."""
    return max((circuit.fuse_ma / 1_000 for circuit in about.circuits if len(circuit.meter) == 3), default=0.0)


def _device(device: AboutDevice, proofs: Mapping[str, str]) -> dict[str, Any]:
    """One simulated device: its wire, and those options that simulator and documents both have."""
    options_type: type[msgspec.Struct] = importlib.import_module(f"hil.sim.{device.family}").Options
    wires = {"can": {"bus": device.bus}, "gpio": {"lines": device.bus}, "modbus": _modbus(device)}
    given = {name: _as_number(value) for name, value in device.options.items()}
    options = {name: value for name, value in given.items() if _is_taken(options_type, name, value)}
    if "inputs" in options:
        options["inputs"] = ", ".join(_input(device.name, part, proofs) for part in str(options["inputs"]).split(","))
    if "rating_w" in device.options:
        options["rated_w"] = device.options["rating_w"]
    if device.family == "goe_modbus":
        options |= {"car": "plugged", "car_ampere_max": int(device.options["max_ampere"])}
    return {"sim": device.family, **wires[device.kind], **options}


def _as_number(value: int | bool | str) -> int | bool | str:
    """The documents choose from words, some of which are numbers."""
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _is_taken(options_type: type[msgspec.Struct], name: str, value: object) -> bool:
    """Does the simulator have this option, with this value? ("auto" is a driver's word, and 0 may mean none.)"""
    try:
        msgspec.convert({name: value}, options_type)
    except msgspec.ValidationError:
        return False
    return True


def _modbus(device: AboutDevice) -> dict[str, str]:
    host, colon, port = device.at.rpartition(":")
    return {"tcp": device.at} if colon and host and port.isdigit() else {"serial": device.at}


def _input(panel: str, written: str, proofs: Mapping[str, str]) -> str:
    """An input; one that proves a coil follows its contact."""
    name = written.strip().partition("=")[0]
    follows = proofs.get(f"{panel}.{name}")
    return f"{written.strip()} follows {follows}" if follows else written.strip()


def _proofs(site: Path) -> Iterator[tuple[str, str]]:
    """panel.input -> node.number, for each coil whose proof is an input of a panel."""
    document = yaml.safe_load((site / "site.yaml").read_text("utf-8"))
    for node, device in (document.get("devices") or {}).items():
        for target, told in (device.get("targets") or {}).items():
            proof = told.get("proof") if isinstance(told, dict) else None
            found = _PROOF.match(str(proof.get("open", ""))) if isinstance(proof, dict) else None
            number = str(target).rpartition("_")[2]
            if found and number.isdigit():
                yield f"{found[1]}.{found[2]}", f"{node}.{number}"


def _meters(about: About, lacks: list[str]) -> dict[str, Any]:
    """Each meter sees the grid, unless the documents say that it is the meter of a circuit within another."""
    meters = {}
    for circuit in about.circuits[1:]:
        names = {signal.partition(".")[0] for signal in circuit.meter if signal}
        for name in sorted(names):
            if any(device.name == name and device.family == "sdm630_modbus" for device in about.devices):
                meters[name] = ["wallbox"]
                lacks.append(f"{name}: taken as the meter of the wallbox alone")
    return {"meters": meters} if meters else {}
