"""The contactors of a relay node: coils that pull, armatures that travel, mirror contacts that tell where they are.

Theory of operation (small contactors close in 12 to 35 ms and open in 4 to 30 ms, and bounce for up to 10 ms):
* A contact follows its coil after its travel time; until it arrives it counts as being at the end that it left.
* The mirror says open, closed, or moving in between. After an arrival it may bounce; the main contact does not.
* The coils' supply is stiff, sags for good, or collapses under the coils that it should hold: then they drop, it
  recovers, they are pulled again, and so on (the collapse and the recovery take their time).
Every fault is a function of the time since it began to matter: the same calls give the same course.
It must never close a contact whose coil is not energised, unless a fault (welded, foreign) says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hil.sim.device import NEVER_MS, ControlError, FaultKind, Faults, Value

SUPPLY_V = 24.0
SUPPLY_MIN_V = 18.0  # of nominally 24 V: below it a coil does not hold
OPEN, CLOSED, MOVING, NOT_AVAILABLE = 0, 1, 2, 3
WHEN = ("both", "closing", "opening")

MOVEMENT_FAULTS = (
    FaultKind("welded", "this contact stays closed once it is closed", {"contact": 1}),
    FaultKind("dead_coil", "this coil pulls no longer", {"contact": 1}),
    FaultKind("foreign", "somebody else closes this contact", {"contact": 1}),
    FaultKind(
        "slow",
        "this contact travels for so many ms; when: both, closing or opening",
        {"contact": 1, "ms": 5000, "when": "both"},
    ),
    FaultKind(
        "bouncing",
        "this mirror runs through closed, moving and open for so many ms after each arrival, a step every `step` ms",
        {"contact": 1, "ms": 10, "step": 2},
    ),
    FaultKind(
        "chattering",
        "this contact falls and is pulled again once every so many ms while its coil is energised",
        {"contact": 1, "ms": 200},
    ),
)
MIRROR_FAULTS = (
    FaultKind("wire_broken", "this mirror's wire is broken: not available from now on", {"contact": 1}),
    FaultKind("mirror_stuck", "this mirror keeps saying what it says now", {"contact": 1}),
    FaultKind(
        "mirror",
        "this mirror contact says: 0 open, 1 closed, 2 moving, 3 not available",
        {"contact": 1, "value": 3},
    ),
)
SUPPLY_FAULTS = (
    FaultKind("coil_supply", "the coils' supply sags to so many volts", {"volt": 12.0}),
    FaultKind(
        "sagging",
        "the coils' supply falls to so many volts `ms` after `coils` of them are pulled, and recovers as late",
        {"volt": 12.0, "coils": 2, "ms": 100},
    ),
)


@dataclass(slots=True)
class Contact:
    """One contact: where it is (the last end it has reached) and, while it moves, when it arrives."""

    closed: bool = False
    target: bool = False
    arrives_ms: int | None = None
    arrived_ms: int = -NEVER_MS
    chatter_ms: int | None = None  # since when its coil has been chattering
    next_ms: int = NEVER_MS  # when bounce or chatter take their next step
    stuck_mirror: int = NOT_AVAILABLE  # what it said when `mirror_stuck` began


class Supply:
    """The voltage at the coils, as the faults have it."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._collapsed = False
        self.next_ms = NEVER_MS  # when it collapses or recovers

    def volt(self) -> float:
        """Volts at the coils."""
        if not self._faults.any():
            return SUPPLY_V
        levels = [float(params["volt"]) for params in self._faults.all("coil_supply")[-1:]]
        if (sagging := self._faults.get("sagging")) is not None and self._collapsed:
            levels.append(float(sagging["volt"]))
        return min(levels, default=SUPPLY_V)

    def holds(self) -> bool:
        """Whether a coil holds at this voltage."""
        return self.volt() >= SUPPLY_MIN_V

    def step(self, pulled: int, now_ms: int) -> None:
        """So many coils are pulled now."""
        sagging = self._faults.get("sagging")
        if sagging is None:
            self._collapsed, self.next_ms = False, NEVER_MS
            return
        if now_ms >= self.next_ms:
            self._collapsed, self.next_ms = not self._collapsed, NEVER_MS
        overloaded = pulled >= int(sagging["coils"])
        if overloaded == self._collapsed:
            self.next_ms = NEVER_MS
        elif self.next_ms == NEVER_MS:
            self.next_ms = now_ms + int(sagging["ms"])


class Contactors:
    """All contacts of one node."""

    def __init__(
        self, count: int, close_ms: int, open_ms: int, faults: Faults, moved: Callable[[int, int, bool], None]
    ) -> None:
        """`moved` hears every arrival: the time, the contact's number from 1, and whether it is closed now."""
        self.contacts = [Contact() for _ in range(count)]
        self._close_ms, self._open_ms, self._faults, self._moved = close_ms, open_ms, faults, moved
        self._rests: int | None = None  # the coils that are driven while nothing moves and nothing is broken

    def closed(self) -> list[bool]:
        """Where the main contacts truly are."""
        return [contact.closed for contact in self.contacts]

    def moving(self) -> list[bool]:
        """Which are on their way."""
        return [contact.arrives_ms is not None for contact in self.contacts]

    def next_ms(self) -> int:
        """When `step` next matters."""
        if self._rests is not None:
            return NEVER_MS
        arrivals = [contact.arrives_ms for contact in self.contacts if contact.arrives_ms is not None]
        return min([*arrivals, *(contact.next_ms for contact in self.contacts)], default=NEVER_MS)

    def pulled(self, driven: int) -> int:
        """How many of the driven coils draw current."""
        if not self._faults.any():
            return (driven & (1 << self._count) - 1).bit_count()
        return sum(bool(driven >> index & 1) and not self._fault("dead_coil", index) for index in range(self._count))

    @property
    def _count(self) -> int:
        return len(self.contacts)

    def _fault(self, name: str, index: int) -> dict[str, Value] | None:
        """The newest fault of this kind on one contact."""
        if not self._faults.any():
            return None
        found = [params for params in self._faults.all(name) if params["contact"] == index + 1]
        return found[-1] if found else None

    # -- movement --

    def step(self, driven: int, now_ms: int) -> None:
        """Start and end movements; bit 0 of `driven` is the first coil."""
        whole = not self._faults.any()  # nearly always, and several times as quick
        if whole and driven == self._rests:
            return
        for index, contact in enumerate(self.contacts):
            contact.next_ms = NEVER_MS
            if contact.arrives_ms is not None and now_ms >= contact.arrives_ms:
                contact.closed, contact.arrives_ms, contact.arrived_ms = contact.target, None, now_ms
                self._moved(now_ms, index + 1, contact.closed)
            energised = bool(driven >> index & 1)
            if (pulled := energised if whole else self._follows(index, energised, now_ms)) != contact.target:
                contact.target, contact.arrives_ms = pulled, now_ms + self._travel_ms(index, pulled)
            if whole:
                contact.chatter_ms = None
            else:
                self._plan_bounce(index, now_ms)
        self._rests = driven if whole and not any(self.moving()) else None

    def _follows(self, index: int, driven: bool, now_ms: int) -> bool:
        """Which end the contact is drawn to."""
        energised = driven and self._fault("dead_coil", index) is None
        held = self._chatters(index, energised, now_ms)
        welded = self._fault("welded", index) is not None and self.contacts[index].closed
        return held or welded or self._fault("foreign", index) is not None

    def _chatters(self, index: int, energised: bool, now_ms: int) -> bool:
        """Whether the coil holds just now: a chattering one for the first half of each period."""
        contact, chattering = self.contacts[index], self._fault("chattering", index)
        if not energised or chattering is None:
            contact.chatter_ms = None
            return energised
        if contact.chatter_ms is None:
            contact.chatter_ms = now_ms
        period_ms = int(chattering["ms"])
        half_ms = max(period_ms // 2, 1)
        phase_ms = (now_ms - contact.chatter_ms) % period_ms
        contact.next_ms = now_ms - phase_ms + (half_ms if phase_ms < half_ms else period_ms)
        return phase_ms < half_ms

    def _travel_ms(self, index: int, closing: bool) -> int:
        slow = self._fault("slow", index)
        if slow is not None and slow["when"] in ("both", "closing" if closing else "opening"):
            return int(slow["ms"])
        return self._close_ms if closing else self._open_ms

    # -- mirrors --

    def _plan_bounce(self, index: int, now_ms: int) -> None:
        contact, bouncing = self.contacts[index], self._fault("bouncing", index)
        since_ms = now_ms - contact.arrived_ms
        if bouncing is not None and contact.arrives_ms is None and since_ms < int(bouncing["ms"]):
            step_ms = int(bouncing["step"])
            rest_ms = min(step_ms - since_ms % step_ms, int(bouncing["ms"]) - since_ms)
            contact.next_ms = min(contact.next_ms, now_ms + rest_ms)

    def mirrors(self, now_ms: int) -> list[int]:
        """What the mirror contacts say: OPEN, CLOSED, MOVING or NOT_AVAILABLE."""
        if not self._faults.any():
            return [
                MOVING if contact.arrives_ms is not None else CLOSED if contact.closed else OPEN
                for contact in self.contacts
            ]
        return [self._shown(index, now_ms) for index in range(self._count)]

    def _shown(self, index: int, now_ms: int) -> int:
        if self._fault("wire_broken", index) is not None:
            return NOT_AVAILABLE
        if (forced := self._fault("mirror", index)) is not None:
            return int(forced["value"])
        if self._fault("mirror_stuck", index) is not None:
            return self.contacts[index].stuck_mirror
        return self._true_mirror(index, now_ms)

    def _true_mirror(self, index: int, now_ms: int) -> int:
        contact, bouncing = self.contacts[index], self._fault("bouncing", index)
        if contact.arrives_ms is not None:
            return MOVING
        since_ms = now_ms - contact.arrived_ms
        if bouncing is not None and since_ms < int(bouncing["ms"]):
            here, there = (CLOSED, OPEN) if contact.closed else (OPEN, CLOSED)
            return (here, MOVING, there, MOVING)[since_ms // int(bouncing["step"]) % 4]
        return CLOSED if contact.closed else OPEN

    # -- control --

    def check(self, name: str, params: dict[str, Value], now_ms: int) -> None:
        """A fault begins; ControlError for parameters that no contactor can have."""
        if "contact" in params and not 1 <= int(params["contact"]) <= self._count:
            raise ControlError(f"fault {name}: contact must be 1 to {self._count}")
        for key, lowest in (("ms", 2 if name == "chattering" else 1), ("step", 1), ("coils", 1)):
            if key in params and int(params[key]) < lowest:
                raise ControlError(f"fault {name}: {key} must be {lowest} or more")
        if params.get("when", WHEN[0]) not in WHEN:
            raise ControlError(f"fault {name}: when must be {', '.join(WHEN)}, not {params['when']!r}")
        if name == "mirror_stuck":
            index = int(params["contact"]) - 1
            self.contacts[index].stuck_mirror = self._true_mirror(index, now_ms)
