"""The compiled house: everything that was declared, numbered, checked and frozen at load.

The loader builds one plan from the site and policy documents; the cycle reads it and nothing writes it. Whatever is
named here by index (signal, target, device, identity) keeps its number for the life of the plan.
All amounts are integers in the unit of the signal or target; all times are ms.
"""

from __future__ import annotations

import msgspec

from supervisor.kernel.lease import Kind
from supervisor.kernel.machine import Table
from supervisor.kernel.mains import Circuit, Grid
from supervisor.kernel.question import Question
from supervisor.kernel.signal import Signal, Source, Unit
from supervisor.kernel.span import Bands, Span
from supervisor.kernel.switchgear import Changeover, Contactor, Group, Local, Need
from supervisor.kernel.trip import Rule

MODES = ("starting", "observe", "normal", "degraded", "orchestrator_lost", "fault", "maintenance")


class Device(msgspec.Struct, frozen=True):
    """A device and its machine. ``facts``: (bit in its table's word, question). ``seen``: core signals are fresh.
    ``grace_ms``: how long it may take to appear, None for as long as the house gives everybody."""

    id: str
    table: Table
    facts: tuple[tuple[int, Question], ...]
    seen: Question
    optional: bool = False
    grace_ms: int | None = None


class Target(msgspec.Struct, frozen=True):
    """An actuator. ``bands``: what it cannot do; ``step``: its smallest difference; ``ramp``: units per second when
    relaxing, None for at once; ``hold_ms``: how long a relaxation waits after a rule has tightened; ``hunting``: None
    where nobody looks for it. ``changeover``: it is the position of that changeover, and no wire carries it."""

    id: str
    unit: Unit
    lo: int
    hi: int
    safe: int
    step: int
    bands: Bands
    hold_ms: int
    ramp: int | None
    readback: Source | None
    readback_ms: int
    contactor: Contactor | None
    observe: bool = False
    changeover: int | None = None
    hunting: Hunting | None = None

    @property
    def rating(self) -> Span:
        """What it can do at all."""
        return Span(self.lo, self.hi, "rating", "rating")


class Hunting(msgspec.Struct, frozen=True, gc=False):
    """When a level counts as hunting: more than ``reversals`` of its direction in ``within_ms``, each by at least
    ``swing`` permille of its range. It then relaxes ``slower`` times more slowly, and not before ``dwell_ms`` after it
    was last tightened. (Who follows the sun changes a little twice a minute; that is no oscillation.)"""

    reversals: int = 12
    within_ms: int = 600_000
    dwell_ms: int = 120_000
    slower: int = 4
    swing: int = 250


class Cap(msgspec.Struct, frozen=True):
    """A limit that a device itself tells: ``target`` at most the signal's value, ``blind`` when it is not known."""

    id: str
    why: str
    target: int
    source: Source
    blind: int


class ModeRule(msgspec.Struct, frozen=True):
    """While the house is in one of ``modes``, keep ``target`` within ``lo``..``hi``."""

    id: str
    why: str
    modes: frozenset[int]
    target: int
    lo: int | None
    hi: int | None


class Permission(msgspec.Struct, frozen=True):
    """Who may ask for what. Default is refusal, so what no permission names cannot be asked.

    ``layer``: the document that it stands in; what several documents say about one identity and one target must all
    agree, so a later one only narrows. ``per_min``: wishes in a minute, for each identity (None: no bound of its own).
    ``only_while``: it permits while this is proven."""

    id: str
    why: str
    identities: frozenset[int]
    target: int
    lo: int
    hi: int
    modes: frozenset[int]
    kinds: frozenset[Kind]
    max_ms: int
    layer: int = 0
    per_min: int | None = None
    only_while: Question | None = None


class Ban(msgspec.Struct, frozen=True):
    """Who may not ask for what, whatever permits it: values from ``lo`` to ``hi``, in ``modes``, while ``question`` is
    not answered with NO (None: always). The safe value is never banned."""

    id: str
    why: str
    identities: frozenset[int]
    target: int
    lo: int
    hi: int
    modes: frozenset[int]
    question: Question | None = None


class Reach(msgspec.Struct, frozen=True):
    """What all identities of the network together may do with ``target``: values from ``lo`` to ``hi``, of a changeover
    only ``places``; no longer than ``longest_ms`` off its program before it was back on it for ``rest_ms``; and
    ``per_hour`` changes that widen. None: no bound of this row."""

    target: int
    lo: int
    hi: int
    places: frozenset[int] | None = None
    longest_ms: int | None = None
    rest_ms: int = 0
    per_hour: int | None = None


class Network(msgspec.Struct, frozen=True):
    """What the network may ask at most, in whoever's name (network.py). ``per_min``: wishes for more, of all identities
    together. ``closed``: what ``reaches`` does not name, the network cannot raise."""

    id: str
    why: str
    per_min: int | None
    reaches: tuple[Reach, ...]
    closed: bool


class Program(msgspec.Struct, frozen=True):
    """What ``target`` does in ``modes`` when nobody holds a lease on it."""

    id: str
    why: str
    target: int
    modes: frozenset[int]
    value: int


class Identity(msgspec.Struct, frozen=True, gc=False):
    """An orchestrator. ``expected``: its loss is the mode orchestrator_lost. Higher ``priority`` takes a lease over.
    ``numbered``: it counts its messages, and one without a number is not from it. ``shared``: several clients speak in
    its name, so nobody knows which of them did."""

    name: str
    role: str
    priority: int
    expected: bool
    late_ms: int
    lost_ms: int
    numbered: bool = False
    shared: bool = False


class Plan(msgspec.Struct, frozen=True):
    """The whole house."""

    site: str
    digest: str
    cycle_ms: int
    grace_ms: int
    observe: bool
    signals: tuple[Signal, ...]
    devices: tuple[Device, ...]
    targets: tuple[Target, ...]
    rules: tuple[Rule, ...]
    caps: tuple[Cap, ...]
    circuits: tuple[Circuit, ...]
    mode_rules: tuple[ModeRule, ...]
    permissions: tuple[Permission, ...]
    programs: tuple[Program, ...]
    identities: tuple[Identity, ...]
    house: Table
    contactor: Table
    orchestrator: Table
    changeover: Table
    coils: tuple[int | None, ...]  # per contactor state: what the coil is told, None for "say nothing yet"
    ages: tuple[Source, ...]  # every age that any question or source asks about
    watched: tuple[tuple[Question, ...], ...]  # per signal: questions whose change of answer makes a cycle come early
    groups: tuple[Group, ...] = ()
    needs: tuple[Need, ...] = ()
    changeovers: tuple[Changeover, ...] = ()
    local: Local = Local()
    bans: tuple[Ban, ...] = ()
    grid: Grid | None = None
    network: tuple[Network, ...] = ()
