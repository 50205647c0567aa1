"""A scenario as it has been read, and what became of it: data that reader, benches, judge and report share.

    Scenario -> a bench lets it happen -> Moments -> the judge -> Findings -> a Run, which the report shows

Rules
* Times are whole ms since the scenario began. Facts are what the rig measured: on wires, in its devices, in its plant.
  What the product says of itself stands apart (``said``) and is shown beside it; nothing is ever judged by it.
* A fact's name is DEVICE.NAME or plant.NAME with its unit in it (``plant.grid_w``); a list of a fact has one value for
  each phase or contact.

Nothing in here does anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hil.house import House
from hil.sim.device import Json

Fact = float | bool | str | list[float] | list[bool]
Facts = Mapping[str, Fact]
BENCHES = ("virtual", "loopback", "bench")


# ---- what happens ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class ToDevice:
    """A request to a device of the house, or to "plant", as its control socket takes it: {"fault": ...}, {"clear": ...}
    or {"set": ..., "value": ...} (hil/sim/device.py)."""

    device: str
    request: Json


@dataclass(frozen=True)
class Wish:
    """Somebody asks the product for something. ``verb``: set, renew, release, stop or heartbeat; ``value`` in ``unit``
    as the product's HTTP interface writes them ("A", "W", "flag"); ``kind``: live or setting."""

    who: str
    verb: str
    target: str = ""
    value: float | None = None
    unit: str = ""
    kind: str = ""
    for_s: float | None = None


@dataclass(frozen=True)
class Flood:
    """An orchestrator that has gone mad: so many wishes a second for so long, ``target`` to ``values`` by turns."""

    who: str
    target: str
    values: tuple[float, ...]
    unit: str
    per_s: float
    for_s: float


@dataclass(frozen=True)
class ToProcess:
    """``what``: kill (it comes back by itself), stop or resume. ``part``: guardian, gateway, or a bus of the site."""

    part: str
    what: str


@dataclass(frozen=True)
class Clock:
    """Somebody puts the wall clock forward (or back) by so much; time itself goes on."""

    jump_s: float


@dataclass(frozen=True)
class PowerCut:
    """Everything is without power for so long: product, devices, contacts."""

    for_s: float


@dataclass(frozen=True)
class Broker:
    """The MQTT broker goes (or comes back)."""

    up: bool


Action = ToDevice | Wish | Flood | ToProcess | Clock | PowerCut | Broker


CANNOT: Mapping[str, tuple[type[Action], ...]] = {  # what happens in no bench of this name
    "virtual": (Broker,),
    "loopback": (Clock,),  # the clock of a whole machine is not moved for a test
    "bench": (ToProcess, Clock, PowerCut, Broker),
}


@dataclass(frozen=True)
class Event:
    """``line``: in the scenario's file. ``text``: for people."""

    at_ms: int
    action: Action
    line: int
    text: str


# ---- what must be seen ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Condition:
    """``text`` as it was written; ``names``: the facts in it; ``holds`` asks it (a fact that is not there is a
    KeyError); ``margin``: for a single comparison of a number with a limit, how far inside it a moment was (negative:
    outside), the measured value and the limit; None for any other condition."""

    text: str
    names: frozenset[str]
    holds: Callable[[Facts], bool]
    margin: Callable[[Facts], tuple[float, float, float] | None]


@dataclass(frozen=True)
class Expectation:
    """``kind``: "within" (becomes true in the window and, where ``for_ms`` is given, stays so for so long), "always"
    and "never" (in the whole window), "eventually" (true at least once in it). The window is from ``from_ms`` to
    ``to_ms``, both included."""

    kind: str
    condition: Condition
    from_ms: int
    to_ms: int
    for_ms: int
    why: str
    line: int


@dataclass(frozen=True)
class Scenario:
    """``site``: the folder of the product's documents; ``edits``: in them, old text -> new text, each of which must be
    there. ``benches``: those that can show it. ``hazards``: such as "H05". ``show``: facts that the report draws, in
    order. ``wall``: local date and time at the start, ISO 8601."""

    name: str
    title: str
    why: str
    path: Path
    house_path: Path
    house: House
    site: Path
    hazards: tuple[str, ...]
    benches: tuple[str, ...]
    seed: int
    wall: str
    length_ms: int
    events: tuple[Event, ...]
    expectations: tuple[Expectation, ...]
    show: tuple[str, ...] = ()
    edits: Mapping[str, str] = field(default_factory=dict)


# ---- what came of it ------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Decision:
    """The product's answer to a wish; shown, not judged."""

    at_ms: int
    who: str
    target: str
    verdict: str
    text: str


@dataclass(frozen=True)
class Moment:
    """One look at everything. ``said``: what the product says of itself: "mode", machines by id, outputs by target."""

    at_ms: int
    facts: Facts
    said: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """How one expectation ended. ``at_ms``: the moment that decided it. ``measured``: in words, with the limit beside
    it, such as "31.2 <= 35 at its nearest, 12.3 s"."""

    expectation: Expectation
    held: bool
    at_ms: int
    measured: str


@dataclass
class Run:
    """One scenario on one bench. ``trouble``: why it could not be run to its end, "" when it was. ``moments`` may be
    thinned out for pictures; ``findings`` were judged from all of them. ``repeat``: the command that runs it again."""

    scenario: Scenario
    bench: str
    seed: int
    wall_s: float = 0.0
    moments: list[Moment] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    trouble: str = ""
    repeat: str = ""

    @property
    def passed(self) -> bool:
        """Everything that was expected was seen, to the end."""
        return not self.trouble and all(finding.held for finding in self.findings)
