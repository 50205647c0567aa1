"""The safety phase: what must hold at every moment, whatever is broken, judged from the plant and the wire alone.

Each invariant says what it measures, its limit with the document that the limit comes from, and what excuses it: faults
after which no supervisor could keep it, with the reason. A single lying sensor excuses nothing.
Not judged here: an export cap and charging of a battery that forbids it, because none of these houses has a setpoint
for either (the scenarios export_cap and bms_* judge them); what a fuse of the plant does stands in hil/plant_fuse.py.
It must never ask the product, and never forgive for good: an excuse ends some time after its fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hil.scenario.model import Facts
from tests.soak.soak_houses import Yard
from tests.soak.soak_trouble import FEEDBACK, LIES, MUTE, Trouble

AFTER_MS = 20_000  # a device that is well again is believed, told and obeyed after so long: trust, ramp and reaction
FUSE_A, OVER_MS = 35.0, 8_000  # limits.fuse: 35 A, hold 1 s; the car follows in 5 s (hil/houses/expect/uc001.yaml)
APART_A = 20.5  # circuits.house: asymmetry 20 A, read within half an ampere (hil/scenarios: empty_battery)
LOAD_A = 1.0  # hil/plant_watch.py: a contact that opens with more breaks a load
SILENT_MS = 10_000  # the guardian's last word, silence image, hold, and a car that follows in 5 s
STOP_MS = 12_000  # emergency stop: panel, unknown_after 2 s, ramp, and a car that follows in 5 s
SEEN_MS = 1_500  # a stop that is held for so long, with panel and guardian well, has been seen
FELL_MS = 1_000  # so long after a contact fell by itself what follows is not an order of the product
UNBONDED_MS = 25_000  # policies/island: drain_within 10 s, breaks_load 5 s, travel; before that the fault is the bond's
SHOW = (
    *("plant.grid_a", "plant.grid_w", "plant.car_a", "plant.fuse_blown", "plant.contact_a"),
    *("plant.short", "plant.backfeed", "plant.bond_on_grid", "plant.island_without_bond", "plant.closed_onto_live"),
    *("relays.closed", "relays.coils_commanded", "relays.drop_reason", "wallbox.offered_a", "battery.alarms"),
)


@dataclass(frozen=True)
class Violation:
    """What did not hold, measured beside its limit."""

    at_ms: int
    rule: str
    measured: str


@dataclass
class Asked:
    """What people and programs have asked for, and what somebody holds: the judge's own account, not the product's."""

    current_until_ms: int = 0  # no wish for the car's current can live longer
    hand: bool = False  # somebody has pressed the button, which holds for hours
    latched: bool = False  # a stop that must have been seen and that nobody has reset
    locked: bool = False  # a key that must have been seen and has not been turned back
    stop_ms: int = 0


class Safety:
    """One run. ``look`` is shown every moment, in order."""

    def __init__(self, yard: Yard, trouble: Trouble) -> None:
        self.asked = Asked()
        self._yard, self._trouble = yard, trouble
        self._since: dict[str, int] = {}  # rule -> since when it has been broken without a break
        self._told: set[str] = set()
        self._before: Facts = {}
        self._closed_ms: dict[int, int] = {}
        self._fell_ms: dict[int, int] = {}  # when a contact last opened although its coil was held
        self._rules: tuple[Callable[[int, Facts], Iterator[Violation]], ...] = (
            self._commands,
            self._openings,
            self._dangers,
            self._fuse,
            self._asymmetry,
            self._lease,
            self._silence,
            self._stops,
            self._alarm,
        )

    def look(self, at_ms: int, facts: Facts) -> list[Violation]:
        """What is broken now and was not told before: each rule once in a run."""
        for contact, closed in enumerate(_list(facts, "relays.closed"), 1):
            was = bool(self._before) and bool(_list(self._before, "relays.closed")[contact - 1])
            if closed and not was:
                self._closed_ms[contact] = at_ms
            if was and not closed and contact in _coils(self._before) and contact in _coils(facts):
                self._fell_ms[contact] = at_ms
        found = [each for rule in self._rules for each in rule(at_ms, facts) if each.rule not in self._told]
        self._told.update(each.rule for each in found)
        self._before = facts
        return found

    # -- commands on the wire: nothing excuses these --

    def _commands(self, at_ms: int, facts: Facts) -> Iterator[Violation]:
        coils = _coils(facts)
        for one, other in self._yard.together:
            if one in coils and other in coils:
                yield Violation(at_ms, "H01 never commanded together", f"coils {one} and {other}, limit: one of them")
        for coil in self._yard.idle:
            if coil in coils:
                yield Violation(at_ms, "H14 nobody may ask for this coil", f"coil {coil} is commanded, limit: never")
        if any(_list(facts, "plant.fuse_blown")):
            yield Violation(at_ms, "H04 no fuse melts", "a link of 35 A gG has molten, limit: none")

    # -- contacts --

    def _openings(self, at_ms: int, facts: Facts) -> Iterator[Violation]:
        if self._yard.rated or not self._before:
            return
        amperes, closed = _list(self._before, "plant.contact_a"), _list(self._before, "relays.closed")
        gone = [coil for coil in _coils(self._before) if coil not in _coils(facts)]
        for coil in gone:
            if not closed[coil - 1] or coil > len(amperes) or amperes[coil - 1] <= LOAD_A:
                continue
            if self._fell(at_ms, coil, facts):
                continue
            ordered = facts["relays.drop_reason"] == "none"
            if not (self._blind(at_ms) if ordered else self._cannot_drain(at_ms)):
                rule = "H02 no order to open under load" if ordered else "H13 flow is zero before the node drops"
                yield Violation(at_ms, rule, f"contact {coil} carries {amperes[coil - 1]:.1f} A, limit {LOAD_A:g} A")

    def _fell(self, at_ms: int, coil: int, facts: Facts) -> bool:
        """It opened by itself, and only then its coil was let go: it chatters, or it fell in this very step."""
        now = not _list(facts, "relays.closed")[coil - 1] and self._trouble.has(
            at_ms, 0, ("relays",), ("coil is dead", "contact moves badly", "coils starve")
        )
        return now or at_ms - self._fell_ms.get(coil, -FELL_MS) < FELL_MS

    def _blind(self, at_ms: int) -> bool:
        """Both witnesses of a zero are wrong; or power has just come back to what stood still without it."""
        has = self._trouble.has
        if has(at_ms, 2_000, rows=("black-out", "bad grid voltage", "power cut")):
            return True
        first, second = self._yard.flow
        return has(at_ms, AFTER_MS, first, LIES) and has(at_ms, AFTER_MS, second, (*LIES, *MUTE))

    def _cannot_drain(self, at_ms: int) -> bool:
        """Whoever should end the flow does not obey or is not reached, or there was no power for anybody, or what holds
        the contact gave way at once and waited for nobody."""
        drained = ("wallbox", "lan", *(device for devices in self._yard.flow for device in devices))
        rows = ("power cut", "coils starve", "deaf", "coil is dead", "contact moves badly")
        return self._trouble.has(at_ms, AFTER_MS, drained) or self._trouble.has(at_ms, AFTER_MS, rows=rows)

    def _dangers(self, at_ms: int, facts: Facts) -> Iterator[Violation]:
        for danger in ("short", "backfeed", "bond_on_grid", "island_without_bond"):
            name = f"plant.{danger}"
            if facts.get(name) and not self._before.get(name) and not self._moved_by_itself(at_ms, facts):
                yield Violation(at_ms, f"H01 H24 {danger}", f"contacts {_closed(facts)} are closed, limit: never")
        before, now = (_list(each, "plant.closed_onto_live") for each in (self._before, facts))
        lies = self._trouble.has(at_ms, AFTER_MS, ("busmeter",), LIES)
        if len(now) > len(before) and not lies and not self._moved_by_itself(at_ms, facts):
            yield Violation(at_ms, "H23 H24 closed onto a live bus", f"{now[-1]}, limit: a dead bus")
        bond = self._yard.name == "island" and {2} <= _closed(facts) and 3 not in _closed(facts)
        rows = ("foreign hand closes", "contact welds", "bus hangs", "bus is killed", "deaf", "guardian hangs")
        broken = bond and not self._feedback_lies(at_ms) and not self._trouble.has(at_ms, AFTER_MS, rows=rows)
        yield from self._lasting(at_ms, "H24 an island without its bond ends", broken, UNBONDED_MS, "the bond is open")

    def _moved_by_itself(self, at_ms: int, facts: Facts) -> bool:
        """The contact that moved last was not told to, or both of its witnesses lie."""
        coils, closed = _coils(facts), _closed(facts)
        newest = max(closed, key=lambda contact: (self._closed_ms.get(contact, 0), contact), default=0)
        bond = self._yard.name == "island" and 3 not in closed  # the plant calls it an island after FELL_MS
        fallen = bond and (3 in coils or at_ms - self._fell_ms.get(3, -FELL_MS) < FELL_MS)
        return newest not in coils or fallen or self._feedback_lies(at_ms)

    def _feedback_lies(self, at_ms: int) -> bool:
        """A contact is proven by the node's mirror and the panel's: both are wrong."""
        has = self._trouble.has
        return has(at_ms, AFTER_MS, ("relays",), FEEDBACK) and has(at_ms, AFTER_MS, ("panel",), FEEDBACK)

    # -- currents --

    def _fuse(self, at_ms: int, facts: Facts) -> Iterator[Violation]:
        over = [
            ampere
            for ampere, car in zip(_list(facts, "plant.grid_a"), _list(facts, "plant.car_a"), strict=True)
            if ampere > FUSE_A and car > LOAD_A
        ]
        measured = f"{max(over, default=0):.1f} A with the car, limit {FUSE_A:g} A"
        broken = bool(over) and not self._disobeyed(at_ms)
        yield from self._lasting(at_ms, "H04 the car leaves before the service fuse", broken, OVER_MS, measured)

    def _asymmetry(self, at_ms: int, facts: Facts) -> Iterator[Violation]:
        if not self._yard.asymmetry:
            return
        drawn = [max(0.0, watt) / 230 for watt in _list(facts, "plant.grid_w")]
        cars = _list(facts, "plant.car_a")
        apart = max(drawn) - min(drawn)
        broken = apart > APART_A and cars[drawn.index(max(drawn))] > LOAD_A and not self._disobeyed(at_ms)
        broken = broken and not self._trouble.has(
            at_ms, AFTER_MS, rows=("bad grid voltage", "black-out", "inverter trips")
        )
        measured = f"{apart:.1f} A between two phases, limit {APART_A:g} A"
        yield from self._lasting(at_ms, "H04 the car keeps the asymmetry", broken, OVER_MS, measured)

    def _disobeyed(self, at_ms: int) -> bool:
        """The wallbox takes no orders, is not reached, or answers for somebody else; or the grid's meter is struck
        twice, and nothing is left to contradict it."""
        has = self._trouble.has
        if has(at_ms, AFTER_MS, ("wallbox", "lan")) or has(at_ms, AFTER_MS, rows=("power cut",)):
            return True
        return self._trouble.count(at_ms, AFTER_MS, self._yard.meters) > 1

    def _lease(self, at_ms: int, facts: Facts) -> Iterator[Violation]:
        offered, allowed = float(str(facts["wallbox.offered_a"])), self._yard.program_a
        over = offered > allowed and at_ms > self.asked.current_until_ms and not self.asked.hand
        broken = over and not self._disobeyed(at_ms)
        broken = broken and not self._trouble.has(
            at_ms, AFTER_MS, rows=("black-out", "bad grid voltage", "guardian hangs")
        )
        measured = f"{offered:g} A are offered and no wish is left, limit {allowed} A"
        yield from self._lasting(at_ms, "H05 no wish outlives its lease", broken, AFTER_MS, measured)

    def _silence(self, at_ms: int, facts: Facts) -> Iterator[Violation]:
        offered = float(str(facts["wallbox.offered_a"]))
        broken = offered > 0 and self._trouble.has(at_ms, -1, ("guardian",), ("guardian hangs",))
        broken = broken and not self._disobeyed(at_ms)
        broken = broken and not self._trouble.has(at_ms, AFTER_MS, rows=("guardian is killed", "black-out"))
        measured = f"{offered:g} A are offered, limit 0 A"
        yield from self._lasting(at_ms, "H13 silence ends the flow", broken, SILENT_MS, measured)

    # -- people --

    def _stops(self, at_ms: int, facts: Facts) -> Iterator[Violation]:
        rising = [coil for coil in _coils(facts) if self._before and coil not in _coils(self._before)]
        if self.asked.latched and rising:
            yield Violation(at_ms, "H23 nothing closes after an emergency stop", f"coil {rising[0]}, limit: none")
        if self.asked.locked and rising:
            yield Violation(at_ms, "H20 nothing closes under maintenance", f"coil {rising[0]}, limit: none")
        drawn = max(_list(facts, "plant.car_a"))
        stopped = self.asked.latched and at_ms - self.asked.stop_ms >= 0
        broken = stopped and drawn > LOAD_A and not self._disobeyed(at_ms)
        measured = f"the car draws {drawn:.1f} A, limit {LOAD_A:g} A"
        yield from self._lasting(at_ms, "H23 an emergency stop ends the flow", broken, STOP_MS, measured)

    def _alarm(self, at_ms: int, facts: Facts) -> Iterator[Violation]:
        offered = float(str(facts["wallbox.offered_a"]))
        raised = self._yard.name == "uc001" and bool(facts.get("battery.alarms"))  # limits.battery_protecting
        measured = f"{offered:g} A are offered while the battery protects itself, limit 0 A"
        broken = raised and offered > 0 and self._trouble.count(at_ms, AFTER_MS, ("battery",)) <= 1
        broken = broken and not self._trouble.has(at_ms, AFTER_MS, ("can0", "guardian")) and not self._disobeyed(at_ms)
        yield from self._lasting(at_ms, "H08 H26 a battery's alarm ends the flow", broken, SILENT_MS, measured)

    # -- details --

    def _lasting(self, at_ms: int, rule: str, broken: bool, for_ms: int, measured: str) -> Iterator[Violation]:
        if not broken:
            self._since.pop(rule, None)
            return
        lasted_ms = at_ms - self._since.setdefault(rule, at_ms)
        if lasted_ms > for_ms:
            yield Violation(at_ms, rule, f"{measured}, for {lasted_ms / 1000:g} s, limit {for_ms / 1000:g} s")


def _list(facts: Facts, name: str) -> list[float]:
    value = facts.get(name, [])
    return value if isinstance(value, list) else []  # type: ignore[return-value]  # a truth counts as a number


def _coils(facts: Facts) -> list[int]:
    """Those that the node was told to hold, from 1."""
    bits = int(float(str(facts["relays.coils_commanded"])))
    return [coil for coil in range(1, 9) if bits >> (coil - 1) & 1]


def _closed(facts: Facts) -> set[int]:
    return {contact for contact, closed in enumerate(_list(facts, "relays.closed"), 1) if closed}
