"""The rig shares tables with the product and no code; and its simulators share no protocol library with it either."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from hil import cli

ROOT = Path(cli.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The top-level names that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_of_the_rig_imports_the_product(path: Path) -> None:
    if path == ROOT / "bench" / "virtual.py":  # the one door, to the one room that is made for it
        assert re.findall(r"(?:from|import) (supervisor[.\w]*)", path.read_text("utf-8")) == ["supervisor.harness"] * 2
    else:
        assert not imported(path) & {"supervisor", "drivers", "policies"}


@pytest.mark.parametrize("path", sorted((ROOT / "sim").glob("*.py")), ids=lambda path: path.name)
def test_a_simulator_reads_the_standard_and_no_library(path: Path) -> None:
    assert not imported(path) & {"cantools", "pymodbus", "can", "serial"}


def test_the_cores_read_no_clock_and_open_nothing() -> None:
    with_io = {"runner.py", "wires.py"}
    for path in (ROOT / "sim").glob("*.py"):
        if path.name not in with_io:
            assert not imported(path) & {"time", "socket", "asyncio", "os", "threading", "datetime"}, path.name
