"""Every wall of ``.importlinter`` stands, and every one of them falls when somebody climbs over it.

A wall that is only seen standing may be painted on: so each is tested by planting one forbidden import in a copy.
"""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("supervisor", "drivers", "hil", "dbc", "policies")
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / ".importlinter")
PREFIX = "importlinter:contract:"
NAMES = {CONFIG[s]["name"]: s.removeprefix(PREFIX) for s in CONFIG.sections() if s.startswith(PREFIX)}
LINT = Path(sys.executable).with_name("lint-imports")


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LINT), "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def broken(folder: Path) -> set[str]:
    """The ids of the contracts that are broken in ``folder``; every other one must have been kept."""
    ended = linted(folder)
    fallen = {id_ for name, id_ in NAMES.items() if f"\n{name} BROKEN" in ended.stdout}
    kept = {id_ for name, id_ in NAMES.items() if f"\n{name} KEPT" in ended.stdout}
    assert fallen | kept == set(NAMES.values()), ended.stdout + ended.stderr
    assert ended.returncode == (1 if fallen else 0)
    return fallen


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the packages and of the walls around them."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def plant(tree: Path, module: str, line: str) -> None:
    """Add a line to a module of the copy; a module that is not there is made, with its packages."""
    path = tree / (module.replace(".", "/") + ".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    for package in path.relative_to(tree).parents:
        (tree / package / "__init__.py").touch()
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")


def test_the_walls_stand() -> None:
    assert broken(ROOT) == set()


KERNEL, MACHINES, GATEWAY = "kernel-is-pure", "machines-are-compiled", "gateway-knows-words"
APART, RIG, PRODUCT = "processes-are-apart", "rig-is-independent", "product-ignores-rig"
LAYERS, READINGS, BLUEPRINT = "drivers-in-layers", "drivers-know-readings", "blueprint-is-for-people"
STDLIB = "asyncio socket time datetime random os threading selectors logging pathlib secrets uuid io sys"
THIRD_PARTY = "statemachine can cantools pymodbus serial gpiozero prometheus_client yaml starlette uvicorn rich"
CLIMBS: list[tuple[str, str, set[str]]] = [
    ("supervisor.kernel.span", "def late():\n    from time import monotonic", {KERNEL}),
    ("supervisor.kernel.span", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os.path", {KERNEL}),
    ("supervisor.kernel.trip", "from supervisor.loader import quantity", {KERNEL}),
    ("supervisor.kernel.trip", "from supervisor import wire", {KERNEL}),
    ("supervisor.kernel.trip", "import drivers.contract", {KERNEL}),
    ("supervisor.kernel.brand_new", "import supervisor.site", {KERNEL}),
    ("supervisor.kernel.machine", "from supervisor.kernel.machines import house", {MACHINES}),
    ("supervisor.guardian.scan", "from supervisor.kernel.machines.house import House", {MACHINES}),
    ("supervisor.kernel.machines.house", "import time", {KERNEL}),
    ("supervisor.gateway.http", "import supervisor.kernel.signal", {GATEWAY}),
    ("supervisor.gateway.http", "from supervisor.loader.load import load", {GATEWAY}),
    ("supervisor.gateway.http", "import supervisor.brand_new", {GATEWAY}),
    ("supervisor.gateway.http", "from drivers import contract", {GATEWAY}),
    ("supervisor.gateway.http", "from supervisor.guardian import clock", {GATEWAY, APART}),
    ("supervisor.bus.host", "from supervisor.guardian import clock", {APART}),
    ("supervisor.bus.host", "from supervisor.gateway import units", {APART}),
    ("supervisor.guardian.scan", "from supervisor.bus import tally", {APART}),
    ("supervisor.guardian.scan", "from supervisor.gateway import units", {APART}),
    ("hil.sim.car", "from supervisor.kernel import signal", {RIG}),
    ("hil.sim.car", "from drivers import units", {RIG}),
    ("hil.sim.car", "import policies", {RIG}),
    ("hil.bench.loopback", "import supervisor.harness", {RIG}),
    ("hil.bench.virtual", "import supervisor.wire", {RIG}),
    ("supervisor.cli", "from hil import plant", {PRODUCT}),
    ("drivers.units", "import hil.can_frame", {PRODUCT}),
    ("drivers.goe_modbus", "from drivers import sdm630_modbus", {LAYERS}),
    ("drivers.can_table", "from drivers import pylontech_can", {LAYERS}),
    ("drivers.base", "from drivers.registry import FAMILIES", {LAYERS}),
    ("drivers.unlisted_can", "FAMILY = None", {LAYERS}),
    ("drivers.goe_modbus", "from supervisor.kernel.question import YES", {READINGS}),
    ("drivers.contract", "from supervisor import wire", {READINGS}),
    ("drivers.registry", "from drivers import blueprint", {BLUEPRINT}),
]


@pytest.mark.parametrize(("module", "line", "fallen"), CLIMBS, ids=[f"{m}: {line}" for m, line, _ in CLIMBS])
def test_a_wall_falls_when_it_is_climbed_and_no_other_does(
    module: str, line: str, fallen: set[str], tree: Path
) -> None:
    plant(tree, "supervisor.harness", "from supervisor.guardian import scan")
    plant(tree, "supervisor.brand_new", "")
    plant(tree, module, line)
    assert broken(tree) == fallen


def test_each_impure_library_is_seen_in_the_kernel(tree: Path) -> None:
    names = f"{STDLIB} {THIRD_PARTY}".split()
    plant(tree, "supervisor.kernel.cycle", "\n".join(f"import {name}" for name in names))
    said = linted(tree).stdout
    assert [name for name in names if f"supervisor.kernel.cycle -> {name} " not in said] == []


def test_every_wall_has_been_climbed() -> None:
    assert set().union(*(fallen for _, _, fallen in CLIMBS)) == set(NAMES.values())


def test_the_virtual_bench_may_hold_the_harness(tree: Path) -> None:
    plant(tree, "supervisor.harness", "from supervisor.guardian import scan")
    plant(tree, "hil.bench.virtual", "from supervisor import harness")
    assert broken(tree) == set()


def test_the_walls_know_every_driver_of_the_registry() -> None:
    from drivers.registry import FAMILIES

    families = CONFIG[PREFIX + LAYERS]["layers"].strip().splitlines()[1]
    assert set(map(str.strip, families.split("|"))) == {*FAMILIES, "blueprint"}


def modules(files: Iterable[Path]) -> set[str]:
    return {path.stem for path in files}


def test_a_driver_file_that_is_in_no_registry_fails() -> None:
    from drivers.registry import FAMILIES

    helpers = {"base", "can_table", "contract", "modbus_load", "modbus_poll", "modbus_table", "panel_lines"}
    helpers |= {"modbus_still", "sunspec_discovery", "sunspec_table", "units"}
    assert modules((ROOT / "drivers").glob("*.py")) == helpers | {"__init__", "registry", "blueprint"} | set(FAMILIES)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_the_one_in_this_tree_and_not_a_namesake(package: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"import {package}; print({package}.__file__)"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True)
    assert Path(ended.stdout.strip()) == ROOT / package / "__init__.py"
