"""Scenarios in memory for the tests of the loopback bench, and an independent eye on which processes there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from hil.bench.contract import Bench
from hil.bench.loopback import LoopbackBench
from hil.house import find, load
from hil.scenario.model import Action, Moment, Scenario, Wish

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = 20_000  # on a machine that does other things as well
CHARGE = Wish("optimiser", "set", "wallbox.current", 10.0, "A", "live", 3.0)


def scene(edits: Mapping[str, str] | None = None, house: str = "uc001", site: str = "uc001") -> Scenario:
    """A scenario without events: the tests say them by hand."""
    path = find(house)
    return Scenario(
        name="a_scene",
        title="A scene",
        why="a test",
        path=Path("a_scene.yaml"),
        house_path=path,
        house=load(path),
        site=ROOT / "policies" / site,
        hazards=(),
        benches=("loopback",),
        seed=1,
        wall="2026-06-21T12:00",
        length_ms=0,
        events=(),
        expectations=(),
        edits=edits or {},
    )


def ours() -> list[psutil.Process]:
    """Everything that descends from this process, except pytest's own."""
    return [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]


def part(name: str) -> psutil.Process:
    """A process of a running bench by the verb or the name in its command line, found without the bench's help."""
    found = [child for child in ours() if name in child.cmdline()[3:5] or child.cmdline()[-1:] == [name]]
    assert len(found) == 1, (name, [child.cmdline() for child in ours()])
    return found[0]


@contextmanager
def opened(scenario: Scenario, seed: int = 1) -> Iterator[LoopbackBench]:
    """An open bench; at the end nothing is left of it: no process and no folder."""
    bench = LoopbackBench()
    before = {child.pid for child in ours()}
    bench.open(scenario, seed)
    family = [child for child in ours() if child.pid not in before]
    try:
        yield bench
        family += [child for child in ours() if child.pid not in before]
    finally:
        bench.close()
    bench.close()  # safe to call twice
    assert not [child for child in ours() if child.pid not in before]
    assert not [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def let(bench: Bench, to_ms: int, *actions: Action) -> list[Moment]:
    """Do these things now, and look until then."""
    for action in actions:
        bench.do(action)
    return list(bench.advance(to_ms))


def until(bench: Bench, since_ms: int, seen: Callable[[Moment], bool], *actions: Action) -> list[Moment]:
    """Do these things now, and look until this has been seen, for at most PATIENCE_MS."""
    found = let(bench, since_ms + 100, *actions)
    while not seen(found[-1]):
        assert found[-1].at_ms < since_ms + PATIENCE_MS, found[-1]
        found += let(bench, found[-1].at_ms + 100)
    return found


def normal(moment: Moment) -> bool:
    """Does the product say that all is well?"""
    return moment.said.get("mode") == "normal"


def numbers(moments: Sequence[Moment], name: str) -> list[float]:
    """A fact over time."""
    found = [moment.facts[name] for moment in moments]
    assert all(isinstance(value, int | float) for value in found)
    return [float(str(value)) for value in found]


def until_gone(family: Sequence[psutil.Process], within_s: float) -> list[int]:
    """Those of these processes that are still there after so long; returns as soon as there is none."""
    _, left = psutil.wait_procs(family, timeout=within_s)
    return [process.pid for process in left if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
