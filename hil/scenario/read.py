"""The reader: a scenario's YAML file -> a :class:`~hil.scenario.model.Scenario`, judged whole before anything starts.

docs/rig.md shows the language. What a file says is tried out as far as it can be without running: the house is made in
memory, its faults and settings are tried on its devices, its facts are known by their names, and the texts of `edits`
must be in the site's documents.
Rules: every error is one line, ``file:line: place: what is wrong, and the remedy``; nothing of a wrong file is used.
It must never import the product; the site's documents are texts and plain YAML to it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from os.path import isdir, isfile  # they answer no where Path's own raise: for a name that no file could have
from pathlib import Path

from hil import house
from hil.scenario.document import Item, near, parse, read, text_of
from hil.scenario.events import Timeline
from hil.scenario.expects import expectations
from hil.scenario.faults import Known, Site
from hil.scenario.model import BENCHES, CANNOT, Event, Scenario
from hil.scenario.quantity import time_ms
from hil.unix_socket import RigError

SCENARIOS = Path(__file__).parents[1] / "scenarios"
NEEDED = ("title", "why", "house", "site", "length", "expect")
KEYS = (
    *("title", "why", "hazards", "house", "site", "edits", "benches", "seed", "wall", "length", "show"),
    *("timeline", "expect"),
)
DEFAULT_BENCHES = ("virtual", "loopback")
DEFAULT_WALL = "2026-06-21T12:00"
SEED_MAX = 2**31 - 1
_HAZARD = re.compile(r"H(0[1-9]|[12][0-9]|30)")
_WALL = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?")


def load(path: Path) -> Scenario:
    """Read and judge one file; RigError names file, line and remedy."""
    return Reader(read(path)).scenario()


def built_in() -> list[str]:
    """The names of the scenarios that come with the rig; each is a file of its own name, in whatever folder."""
    return sorted(path.stem for path in SCENARIOS.rglob("*.yaml"))


def find(name: str) -> list[Path]:
    """The files that a name selects: a file, a folder (of one's own, or of those that come with the rig), the name of
    a scenario that comes with the rig, or a pattern of such names (``meter_*``, ``uc001/*``). RigError when none."""
    if isfile(name):
        return [Path(name)]
    folder = Path(name) if isdir(name) else SCENARIOS / name
    if name and isdir(folder):
        found = sorted(folder.rglob("*.yaml"))
        if not found:
            raise RigError(f"{name}: this folder has no scenario; they are files that end in .yaml")
    else:
        found = [path for path in sorted(SCENARIOS.rglob("*.yaml")) if _is_meant(path, name)]
    if not found:
        raise RigError(
            f"{name}: no such file or folder, and no such scenario here{near(name, built_in())} "
            f"(there are {', '.join(built_in())})"
        )
    return found


def _is_meant(path: Path, name: str) -> bool:
    full = path.relative_to(SCENARIOS).with_suffix("").as_posix()
    return fnmatch.fnmatchcase(path.stem, name) or fnmatch.fnmatchcase(full, name)


class Reader:
    """One file. The library of generated scenarios reads the same keys with the same methods."""

    def __init__(self, top: Item) -> None:
        self._top = top
        self._parts = top.entries() if isinstance(top.value, dict) else {}

    def scenario(self) -> Scenario:
        """The whole of it."""
        self._top.entries(KEYS)
        for key in NEEDED:
            if key not in self._parts:
                raise self._top.wrong(f"a scenario needs `{key}` (it needs {', '.join(NEEDED)})")
        length_ms = time_ms(self._parts["length"], 1)
        house_path, whole = self.house()
        site, edits = self.site()
        known, names = Known(whole), self.names(site, edits)
        timeline = self._parts.get("timeline")
        events = Timeline(known, names, length_ms).read(timeline) if timeline is not None else ()
        return Scenario(
            name=self._top.file.stem,
            title=self._parts["title"].text(),
            why=self._parts["why"].text(),
            path=self._top.file,
            house_path=house_path,
            house=whole,
            site=site,
            hazards=self.hazards(),
            benches=self.benches(events),
            seed=self.seed(),
            wall=self.wall(),
            length_ms=length_ms,
            events=events,
            expectations=expectations(self._parts["expect"], length_ms, known.facts),
            show=self.show(known),
            edits=edits,
        )

    def house(self) -> tuple[Path, house.House]:
        """The house file and what it says; a path is relative to this file, a name one of the rig's."""
        item = self._parts["house"]
        beside = self._top.file.parent / item.text()
        try:
            path = beside if isfile(beside) else house.find(item.text())
        except RigError as error:
            raise item.wrong(f"{error}{near(item.text(), house.built_in())}") from None
        return path, house.load(path)

    def site(self) -> tuple[Path, Mapping[str, str]]:
        """The folder of the product's documents, and the edits, each of whose old texts is in one of them."""
        item = self._parts["site"]
        folder = self._top.file.parent / item.text()
        if not isfile(folder / "site.yaml"):
            raise item.wrong(f"{folder} has no site.yaml; name the folder of a site, relative to this file")
        edits: dict[str, str] = {}
        documents = [text_of(path) for path in sorted(folder.glob("*.yaml"))]
        for old, new in self._parts["edits"].entries().items() if "edits" in self._parts else ():
            if not isinstance(new.value, str):
                raise new.wrong("both texts of an edit stand in quotes")
            if not old:
                raise new.wrong("the old text of an edit is empty, and so is everywhere; say which text is replaced")
            if not any(old in text for text in documents):
                raise new.wrong(f"the text {old!r} is in no document of {folder}; copy it exactly as it stands there")
            edits[old] = new.value
        return folder, edits

    def names(self, site: Path, edits: Mapping[str, str]) -> Site:
        """The names in site.yaml, with the edits done."""
        text = text_of(site / "site.yaml")
        for old, new in edits.items():
            text = text.replace(old, new)
        return Site(parse(text, site / "site.yaml"))

    def hazards(self) -> tuple[str, ...]:
        """H01 to H30, those that this is about."""
        item = self._parts.get("hazards")
        listed = item.listed() if item is not None else []
        for part in listed:
            if not _HAZARD.fullmatch(part.text()):
                raise part.wrong(f"{part.value!r} is no hazard; they are H01 to H30")
        return tuple(part.text() for part in listed)

    def benches(self, events: Sequence[Event]) -> tuple[str, ...]:
        """Those that can show it: as named, or of the usual ones those that can do all that happens."""
        item = self._parts.get("benches")
        cannot: dict[str, Event] = {}
        for event in reversed(events):  # what is told is the first of them
            cannot |= {bench: event for bench, actions in CANNOT.items() if isinstance(event.action, actions)}
        if item is None:
            usual = tuple(bench for bench in DEFAULT_BENCHES if bench not in cannot)
            if not usual:
                raise self._top.wrong("a bench that moves the clock and has a broker does not exist; make it two")
            return usual
        found = tuple(part.one_of(BENCHES) for part in item.listed())
        if not found or len(dict.fromkeys(found)) != len(found):
            raise item.wrong(f"name each bench once: some of {', '.join(BENCHES)}")
        for bench in found:
            if bench in cannot:
                what = f"the {bench} bench cannot do what line {cannot[bench].line} wants ({cannot[bench].text})"
                raise item.wrong(f"{what}; name another")
        return found

    def seed(self) -> int:
        """Of everything in the scenario that is left to chance."""
        item = self._parts.get("seed")
        if item is None:
            return 1
        if not isinstance(item.value, int):
            raise item.wrong(f"a seed is a whole number, not {item.shown()}")
        return int(item.number(0, SEED_MAX))

    def wall(self) -> str:
        """Local date and time at the start."""
        item = self._parts.get("wall")
        if item is None:
            return DEFAULT_WALL
        text = item.text()
        try:
            if _WALL.fullmatch(text):
                return datetime.fromisoformat(text).isoformat()
        except ValueError:
            pass  # a 31st of June has the right shape
        raise item.wrong(f"expected a local date and time such as 2026-06-21T16:00, not {text!r}")

    def show(self, known: Known) -> tuple[str, ...]:
        """Facts that the report draws."""
        item = self._parts.get("show")
        listed = item.listed() if item is not None else []
        for part in listed:
            if part.text() not in known.facts:
                raise part.wrong(f"there is no fact {part.text()!r}{near(part.text(), known.facts)}")
        return tuple(part.text() for part in listed)
