"""The verb `list`: scenarios with what they show and where, simulators with their faults and settings, houses."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hil.unix_socket import RigError

Verbs = Any  # argparse has no public name for what add_subparsers returns
PARTS = ("scenarios", "simulators", "houses")


def add(verbs: Verbs) -> None:
    """The verb."""
    listed = verbs.add_parser(
        "list", help="scenarios with their hazards and benches, simulators with their faults and settings, houses"
    )
    listed.set_defaults(verb=_list)
    listed.add_argument("part", nargs="?", choices=PARTS, metavar="PART", help=f"only {', '.join(PARTS)}")
    listed.add_argument("--filter", default="", metavar="HAZARD", help="only scenarios that show it, such as H05")


def _list(arguments: argparse.Namespace) -> int:
    if arguments.filter:
        from hil.rig_select import known_hazard

        known_hazard(arguments.filter)
    parts = {"scenarios": _scenarios(arguments.filter), "simulators": _simulators(), "houses": _houses()}
    for name in [arguments.part] if arguments.part else ["scenarios"] if arguments.filter else PARTS:
        for line in parts[name]:
            sys.stdout.write(f"{line}\n")
    return 0


def _scenarios(hazard: str) -> Iterator[str]:
    """A scenario that cannot be read is told in its place: the list is where one looks for it."""
    from hil.rig_select import scenarios_in
    from hil.scenario.library import houses
    from hil.scenario.read import SCENARIOS

    yield f"scenarios (in {SCENARIOS}):"
    for path in sorted(SCENARIOS.rglob("*.yaml")):
        try:
            found = scenarios_in(path)
        except RigError as error:
            yield f"  {path.stem}: cannot be read: {error}"
            continue
        for scenario in found:
            if not hazard or hazard.upper() in scenario.hazards:
                yield f"  {scenario.name:<34} {scenario.title}"
                yield f"  {'':<34} {' '.join(scenario.hazards) or 'no hazard'} · {', '.join(scenario.benches)}"
    if houses() and not hazard:
        yield f"generated, each fault of each device: {', '.join(f'faults:{house}' for house in houses())}"


def _simulators() -> Iterator[str]:
    from hil.plant import Plant
    from hil.sim import FAMILIES
    from hil.sim.device import Device

    for family in FAMILIES:
        module = importlib.import_module(f"hil.sim.{family}")
        device: type[Device] = module.make("", module.Options(), 0).__class__
        yield f"{family}: {(module.__doc__ or '').splitlines()[0]}"
        yield f"  options   {', '.join(module.Options.__struct_fields__)}"
        for kind in device.fault_kinds:
            parameters = " ".join(f"{key}={value}" for key, value in kind.defaults.items())
            yield f"  fault     {kind.name} {parameters}".rstrip().ljust(44) + f" {kind.meaning}"
        yield from (f"  set       {name}".ljust(44) + f" {meaning}" for name, meaning in device.settable.items())
    yield "plant:"
    yield from (f"  set       {name}".ljust(44) + f" {meaning}" for name, meaning in Plant.settable.items())


def _houses() -> Iterator[str]:
    from hil.house import HOUSES, built_in

    yield f"houses: {', '.join(built_in())} (in {Path(HOUSES)})"
