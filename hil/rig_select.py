"""Which scenarios are meant: names, files, folders and patterns -> scenarios, each once, in the order of their names.

    lease_ends  meter_*  uc001  uc001/*      of those that come with the rig: names, patterns, folders of them
    my/evening.yaml  my                      a file or a folder of one's own
    faults:uc001                             each fault of each device of a house, generated (hil/scenario/library.py)
    faults:uc001:*silent*                    those of them with such a name
    pairs:uc001                              each pair of faults of two devices

Rules: every file is read and judged before anything runs, and two different scenarios never share a page, because
one would be written over the other. A scenario is left out, and it is said, where it was not made for the bench.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise
from os.path import isfile
from pathlib import Path

from hil.report.hazards import HAZARDS
from hil.report.outcome import page_name
from hil.scenario import library
from hil.scenario.model import Scenario
from hil.scenario.read import SCENARIOS, find
from hil.unix_socket import RigError

FAULTS, PAIRS = "faults", "pairs"


def select(names: Sequence[str], hazard: str = "") -> list[Scenario]:
    """Those that the names mean (all that come with the rig when there is none), with this hazard if one is given."""
    meant = {
        (scenario.path.resolve(), scenario.name): scenario
        for name in (names or [str(SCENARIOS)])
        for scenario in _meant(name)
    }
    found = sorted(meant.values(), key=lambda scenario: scenario.name)
    for one, other in pairwise(sorted(found, key=_page)):
        if _page(one) == _page(other):
            raise RigError(f"{one.path} and {other.path} have the same name; rename one of them")
    if hazard:
        known_hazard(hazard)
    chosen = [scenario for scenario in found if not hazard or hazard.upper() in scenario.hazards]
    if not chosen:
        raise RigError(f"none of these {len(found)} scenarios names the hazard {hazard.upper()}; `list` shows them")
    return chosen


def known_hazard(word: str) -> None:
    """RigError when it is none."""
    if word.upper() not in HAZARDS:
        raise RigError(f"--filter {word}: no such hazard; they are {min(HAZARDS)} to {max(HAZARDS)}")


def _page(scenario: Scenario) -> str:
    return page_name(scenario.name, "")


def _meant(name: str) -> Iterator[Scenario]:
    kind, _, rest = name.partition(":")
    if kind not in (FAULTS, PAIRS) or not rest:
        for path in find(name):
            yield from scenarios_in(path)
        return
    house, _, pattern = rest.partition(":")
    path = Path(house) if isfile(house) else library.EXPECT / f"{house}.yaml"
    if not isfile(path):
        raise RigError(f"{name}: no such house; `{FAULTS}:` is there for {', '.join(library.houses()) or 'none'}")
    found = [s for s in scenarios_in(path, kind == PAIRS) if fnmatchcase(s.name, pattern or "*")]
    if not found:
        raise RigError(f"{name}: no scenario of {path} has such a name; try {kind}:{house} alone")
    yield from found


@lru_cache(maxsize=8)
def scenarios_in(path: Path, pairs: bool = False) -> tuple[Scenario, ...]:
    """What a file has in it."""
    return tuple(library.of_file(path, pairs))


def read_again(path: Path, name: str) -> Scenario:
    """The scenario of this name in this file, in a process that may not have read it yet."""
    for pairs in (False, True):
        for scenario in scenarios_in(path, pairs):
            if scenario.name == name:
                return scenario
    raise RigError(f"{path} has no scenario {name!r} any more; it was changed while the rig ran")


def for_bench(scenarios: Sequence[Scenario], bench: str) -> tuple[list[Scenario], list[Scenario]]:
    """Those that were made for this bench, and the others."""
    return [s for s in scenarios if bench in s.benches], [s for s in scenarios if bench not in s.benches]


def spoken_name(scenario: Scenario) -> str:
    """What to type to mean it again: its name where it comes with the rig, else its file."""
    path = scenario.path.resolve()
    if scenario.name != path.stem and path.is_file():
        kind = FAULTS if any(scenario.name == single.name for single in scenarios_in(scenario.path)) else PAIRS
        comes_along = path.is_relative_to(library.EXPECT.resolve())
        return f"{kind}:{path.stem if comes_along else _near(path)}:{scenario.name}"
    return scenario.name if path.is_relative_to(SCENARIOS.resolve()) else _near(path)


def _near(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
