"""What switches: contactors, the changeovers that move them, the interlocks between them, and the hands in the house.

Declared in the site and policy documents, frozen at load. Targets and signals are named by their numbers in the plan.
"""

from __future__ import annotations

import msgspec

from supervisor.kernel.question import Question
from supervisor.kernel.signal import Source
from supervisor.kernel.trip import Narrowing


class Precharge(msgspec.Struct, frozen=True, gc=False):
    """``by``: the target of the coil that charges through a resistor; ``until``: the voltage criterion."""

    by: int
    until: Question


class Contactor(msgspec.Struct, frozen=True):
    """What a coil's target needs besides: proofs of the main contact, and the times of its machine.

    ``gone``: has it been out of sight for as long as it takes to drop its coils by itself?
    ``zero_flow``: proves that nothing flows through it; None where no current is measured. ``calm_ms``: for how
    long it must have been known that it shall open before that counts, so that no reading of before says so.
    ``breaks_ms``: it is rated to break its load and does so after this time of waiting for zero flow; None: never.
    ``timeouts``: per state of the contactor table, None where the state does not wait.
    ``doubt_ms``: how long its position may fail to show itself. ``min_on_ms``/``min_off_ms``: between movements that
    are only wished for. ``per_hour``: how often it may close within an hour, 0 for as often as it likes.
    ``changeover``: the index of the changeover that moves it, None where it moves by its own target.
    ``charges``: the contactors whose precharge it is.
    """

    shown_open: Question
    shown_closed: Question
    seen: Question
    gone: Question
    zero_flow: Question | None
    timeouts: tuple[int | None, ...]
    breaks_ms: int | None = None
    calm_ms: int = 0
    doubt_ms: int = 200
    min_on_ms: int = 0
    min_off_ms: int = 0
    per_hour: int = 0
    precharge: Precharge | None = None
    changeover: int | None = None
    charges: tuple[int, ...] = ()


class Group(msgspec.Struct, frozen=True, gc=False):
    """An interlock: of ``members`` (targets) at most ``at_most`` are closed at any time; one that is not proven open
    counts as closed. After one has been proven open the next waits for ``dead_ms``."""

    id: str
    why: str
    members: tuple[int, ...]
    at_most: int
    dead_ms: int = 0


class Need(msgspec.Struct, frozen=True):
    """An interlock: ``target`` is closed only while the contactor ``requires`` is proven closed, and only while
    ``question`` is answered with YES (None: not asked). Not knowing keeps it from closing and opens nothing."""

    id: str
    why: str
    target: int
    requires: int | None
    question: Question | None


class Place(msgspec.Struct, frozen=True):
    """A position of a changeover: its contactors (targets) in the order in which they close; what else holds while it
    rests there; and ``onto``, which must be answered with YES before the first of them closes (None: nothing)."""

    name: str
    members: tuple[int, ...]
    allows: tuple[Narrowing, ...] = ()
    onto: Question | None = None


class Flow(msgspec.Struct, frozen=True, gc=False):
    """A current that must be zero before contacts move (mA, either sign). ``against`` is somebody else's idea of the
    same current. Beyond ``shown`` the sensor has proven that it can see; without that its zero proves nothing.
    ``through``: the contactors (targets) that carry it; while all of them are proven open it needs no other proof."""

    current: Source
    against: Source | None
    zero: int
    shown: int
    through: tuple[int, ...]


class Changeover(msgspec.Struct, frozen=True):
    """``target`` is its own target, whose value is the number of a place; place 0 is all-open.

    ``members``: all its contactors (targets), in the order in which they close. ``drains``: what brings the flow to
    zero. ``calm_ms``: how long zero flow must last; ``skew_ms``: how long two sensors may contradict each other.
    ``dwell_ms``: how long it stays in a place before a wish may move it. ``timeouts``: per state of its table.
    """

    id: str
    why: str
    target: int
    members: tuple[int, ...]
    places: tuple[Place, ...]
    drains: tuple[Narrowing, ...]
    flows: tuple[Flow, ...]
    calm_ms: int
    skew_ms: int
    dwell_ms: int
    timeouts: tuple[int | None, ...]


class Hand(msgspec.Struct, frozen=True):
    """A button or switch in the house that speaks like an orchestrator, but goes before all. ``orders``:
    (target, value). Pressed again while it holds one of them, it lets go of all."""

    id: str
    why: str
    identity: int
    question: Question
    orders: tuple[tuple[int, int], ...]
    for_ms: int


class Local(msgspec.Struct, frozen=True):
    """What only somebody in the house can do. ``reset``: pressed, it resets what may be reset. ``maintenance``: while
    it is on (and not known counts as before), ``locks`` stay open."""

    hands: tuple[Hand, ...] = ()
    reset: Question | None = None
    maintenance: Question | None = None
    locks: tuple[int, ...] = ()
