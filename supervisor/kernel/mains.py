"""What is declared of the supply, and what a cycle remembers of it: circuits as a tree, and the grid operator.

Data only; circuit.py and grid.py read it. Currents in mA, powers in mW (import and production positive), times in ms.
"""

from __future__ import annotations

import msgspec

from supervisor.kernel.excess import Excess
from supervisor.kernel.heat import Curve, Heat
from supervisor.kernel.machine import Machine, Table
from supervisor.kernel.question import Question
from supervisor.kernel.sight import Sight
from supervisor.kernel.signal import Source


class Phase(msgspec.Struct, frozen=True, gc=False):
    """The measured current of one conductor, and the power whose sign tells its direction (None: always import)."""

    current: Source
    power: Source | None


class Feed(msgspec.Struct, frozen=True):
    """A target that draws from a circuit; ``own`` is its own measured current on each phase of the circuit (None: it
    draws, and nobody measures it). ``absent``: the phases on which it has no wire."""

    target: int
    own: tuple[Source | None, ...]
    absent: tuple[int, ...] = ()


class Circuit(msgspec.Struct, frozen=True):
    """A fuse and what hangs on it, that of the circuits within it included. ``margin`` covers the skew between meters;
    ``blind``: what each feed may still take while the circuit's meter says nothing. ``asymmetry``: how much more one
    phase may import than another, None for no such limit.

    ``phases`` is empty without a meter: then the load is what the feeds draw, or were promised, and ``unmeasured``.
    ``parent``: the circuit above. ``grace_ms``/``trust_ms``: see sight.py. ``curve``: see heat.py. ``check``: the row
    that finds the meter's sign wrong.
    """

    id: str
    why: str
    fuse: int
    margin: int
    blind: int
    phases: tuple[Phase, ...]
    feeds: tuple[Feed, ...]
    asymmetry: int | None = None
    parent: int | None = None
    unmeasured: int = 0
    grace_ms: int = 0
    trust_ms: int = 0
    curve: Curve | None = None
    check: int | None = None

    @property
    def width(self) -> int:
        """How many conductors it has."""
        return len(self.phases) or max((len(feed.own) for feed in self.feeds), default=0)


class Watched(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is remembered of a circuit. By phase: ``heats`` (none without a curve) and ``sights`` (none without a
    meter). ``fears``: by feed, the most that it may be drawing while its own measurement is silent. ``lies``: a second
    source has shown that the meter is wrong. ``excesses``: by feed, what it draws beyond what it was told."""

    heats: tuple[Heat, ...] = ()
    sights: tuple[Sight, ...] = ()
    fears: tuple[int, ...] = ()
    lies: bool = False
    excesses: tuple[Excess, ...] = ()


# ---- the grid operator -----------------------------------------------------------------------------------------------
class Curtailed(msgspec.Struct, frozen=True, gc=False):
    """A generator's limit (mW), and what it produces now (None: nobody measures it)."""

    target: int
    produced: Source | None


class Export(msgspec.Struct, frozen=True):
    """At most ``limit`` leaves the house at ``meter`` (whose parts are added up); ``margin`` is kept below it.
    ``blind``: what all ``targets`` together may produce while the meter says nothing. ``proportional``: they give way
    by their ratings; otherwise the last of the list gives way first."""

    id: str
    why: str
    limit: int
    margin: int
    blind: int
    trust_ms: int
    meter: tuple[Source, ...]
    targets: tuple[Curtailed, ...]
    proportional: bool = False


class Dimmed(msgspec.Struct, frozen=True, gc=False):
    """A controllable device: its target, on how many ``phases`` (0: it is set in mW), and the power that it draws."""

    target: int
    phases: int
    drawn: Source | None


class Dimming(msgspec.Struct, frozen=True):
    """The operator may dim ``devices``: each to ``limit``, or where ``together`` all of them in sum, with what
    ``meter`` proves to be their own production on top. Never below ``floor``.

    By contact: ``contact`` answers YES. By value: ``value`` is the limit while ``active`` is not NO, and ``beat`` the
    heartbeat (``counted``: a change of its value is a beat, otherwise each time that it comes as 1).
    ``failsafe``: the limit at the start and when the input is lost; for ``failsafe_ms`` (None: until it is back).
    """

    id: str
    why: str
    devices: tuple[Dimmed, ...]
    limit: int
    floor: int
    failsafe: int
    failsafe_ms: int | None
    together: bool = False
    meter: tuple[Source, ...] = ()
    trust_ms: int = 0
    contact: Question | None = None
    value: Source | None = None
    active: Question | None = None
    beat: Source | None = None
    counted: bool = False
    timeout_ms: int = 120_000
    renew_ms: int = 120_000


class Grid(msgspec.Struct, frozen=True):
    """What the grid operator may ask. ``lpc``: the machine of the dimming."""

    lpc: Table
    export: Export | None = None
    dimming: Dimming | None = None


class Input(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The dimming's input. ``beat_ms``: its last beat; ``back_ms``: the first after a loss; ``counter``: the value of
    the last one. ``limit``: the last one that counts."""

    machine: Machine
    beat_ms: int | None = None
    back_ms: int | None = None
    counter: int | None = None
    limit: int | None = None


class GridState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``export`` and ``dimming``: the sight of their meters."""

    export: Sight
    dimming: Sight
    input: Input
