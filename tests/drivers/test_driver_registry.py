"""Walls around the drivers: an unlisted one fails, families stay apart, nothing reads a clock or opens a wire."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import drivers
from drivers.registry import FAMILIES, UnknownDriver, family

FOLDER = Path(drivers.__file__).parent
MODBUS = {"modbus_table", "modbus_load", "modbus_poll", "modbus_still", "sunspec_discovery", "sunspec_table"}
SHARED = {"__init__", "contract", "registry", "base", "units", "can_table", "panel_lines"} | MODBUS
FORBIDDEN = {
    "time", "datetime", "asyncio", "socket", "random", "secrets", "threading", "os", "subprocess", "select",
    "uuid", "logging", "serial", "can", "pymodbus",
}  # fmt: skip
LIBRARIES = {
    "__future__", "collections", "dataclasses", "enum", "fractions", "functools", "importlib", "math", "re", "struct",
    "typing", "difflib", "types", "yaml", "cantools", "msgspec",
}  # fmt: skip
FILES = sorted(FOLDER.glob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Full names of the modules a file imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            yield node.module or ""
            if node.module == "drivers":
                yield from (f"drivers.{alias.name}" for alias in node.names)


def test_an_unlisted_driver_fails_the_build() -> None:
    assert {path.stem for path in FILES} - SHARED == {*FAMILIES, "blueprint"}


@pytest.mark.parametrize("stem", sorted(FAMILIES))
def test_the_stem_is_the_same_everywhere(stem: str) -> None:
    assert FAMILIES[stem].stem == stem
    dbc = FOLDER.parent / "dbc"
    assert (dbc / f"{stem}.dbc").exists() != (dbc / f"{stem}.yaml").exists()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_driver_can_read_a_clock_open_a_wire_or_draw_a_number(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & FORBIDDEN
    assert roots <= LIBRARIES | {"drivers", "supervisor"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_families_are_independent_and_know_of_the_product_only_what_a_reading_is(path: Path) -> None:
    allowed = {f"drivers.{name}" for name in SHARED - {"registry"}}
    for name in imports(path):
        if name.startswith("supervisor"):
            assert name == "supervisor.kernel.signal"
        if name.startswith("drivers.") and path.stem != "registry":
            assert name in allowed, f"{path.stem} imports {name}"


def test_an_unknown_driver_is_told_what_it_may_have_meant() -> None:
    assert family("goe_modbus") is FAMILIES["goe_modbus"]
    with pytest.raises(UnknownDriver, match=r"'pylontec_can'.*pylontech_can"):
        family("pylontec_can")
    with pytest.raises(
        UnknownDriver, match="goe_modbus or panel_gpio or pylontech_can or relaynode_can or sdm630_modbus"
    ):
        family("zzz")


def test_the_registry_cannot_be_changed_behind_our_back() -> None:
    with pytest.raises(TypeError):
        FAMILIES["mine"] = FAMILIES["goe_modbus"]  # type: ignore[index]
