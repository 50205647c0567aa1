"""The kernel's own lines: no clock, no I/O, no float, no state of its own; and the check that says so can see."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernel_lint import findings

KERNEL = Path(__file__).resolve().parents[2] / "supervisor" / "kernel"
FILES = sorted(KERNEL.glob("*.py"))
KNOWN: set[tuple[str, str]] = set()
"""What is there today and harms nobody; a new entry needs a reason, and one that is gone must be struck out."""


def found(path: Path) -> set[tuple[str, str]]:
    return {(path.name, words) for _, words in findings(path.read_text("utf-8"))}


def test_the_kernel_is_where_it_is_looked_for() -> None:
    assert {"cycle.py", "trip.py", "span.py", "policy.py"} <= {path.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_the_kernel_does_nothing_but_count(path: Path) -> None:
    assert found(path) - KNOWN == set()


def test_what_is_excused_is_still_there() -> None:
    assert set().union(*map(found, FILES)) >= KNOWN


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("open('x')", "open has no place"),
        ("print(1)", "print has no place"),
        ("input()", "input has no place"),
        ("exec('1')", "exec has no place"),
        ("eval('1')", "eval has no place"),
        ("__import__('time')", "__import__ has no place"),
        ("read = open", "open has no place"),
        ("hash('a')", "hash has no place"),
        ("id(1)", "id has no place"),
        ("().__class__", "behind the curtain"),
        ("HALF = 0.5", "a float"),
        ("HALF = 1 / 2", "a true division"),
        ("x = 4\nx /= 2", "a true division"),
        ("assert True", "assert"),
        ("def f():\n    global x", "state outside"),
        ("def f():\n    x = 1\n    def g():\n        nonlocal x", "state outside"),
        ("CACHE = {}", "mutable and shared"),
        ("CACHE: dict[str, int] = {}", "mutable and shared"),
        ("CACHE = dict()", "mutable and shared"),
        ("CACHE = [i for i in ()]", "mutable and shared"),
        ("class A:\n    seen = set()", "mutable and shared"),
        ("import time", "imports time"),
        ("import collections", "imports collections"),
        ("def f():\n    from time import monotonic", "imports time"),
        ("from . import span", "imports ."),
        ("import supervisor.wire", "imports supervisor.wire"),
        ("from supervisor.kernel.machines.house import House", "imports supervisor.kernel.machines.house"),
        ("async def f(): ...", "waits"),
    ],
)
def test_what_has_no_place_in_the_kernel_is_seen(line: str, words: str) -> None:
    assert any(words in text for _, text in findings(line))


@pytest.mark.parametrize(
    "line",
    [
        "x = 7 // 2",
        "def f(id: int) -> int:\n    return id2",
        "class A:\n    id: str",
        "a.open",
        "LIMITS: Mapping[str, int] = {'a': 1}",
        "MODES = ('a', 'b')",
        "def f():\n    found = {}\n    return found",
        "from collections.abc import Iterable",
        "import msgspec",
        "from supervisor.kernel.span import Span",
        "class Refusal(Exception):\n    def __init__(self):\n        super().__init__('x')",
    ],
)
def test_what_the_kernel_may_do_is_left_alone(line: str) -> None:
    assert findings(line) == []
