"""One cycle of a changeover and its contactors, cut into micro-steps, with everything that the world may do in each.

Theory of operation
* A state is where the changeover's machine stands, from which place and to which it goes, and where each contactor's
  machine stands (and whether it has failed too often). No time is part of it: whatever waits may be over or not.
* A contact may be anywhere in any cycle: it obeys, welds, drops, is slow, or is pushed by somebody. So its position is
  no part of the state either. Feedback shows it or says nothing; where a rule must hold against lies, too, it says
  anything. What is shown open and does not lie *is* open, in that cycle.
* Everything is computed by the kernel's own functions, once for each distinct situation; the outcomes are kept.

States are packed into an integer: a byte for the changeover, then one for each contactor (5 bits of machine, 2 of
proof while a cycle runs, 1 for being wanted). This file must never decide anything that the kernel decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product

from supervisor.kernel import changeover, interlock, sequence
from supervisor.kernel.around import Around
from supervisor.kernel.machine import Machine, Table
from supervisor.kernel.question import Image
from supervisor.kernel.signal import MISSING, Quality, Reading
from supervisor.kernel.state import Proven, Switch, TargetState, Wear
from supervisor.loader.assemble import CHANGEOVER, CONTACTOR
from tests.prove.moves import LONG_AGO_MS, NOW_MS, Inputs, Outcome, Push, did, said
from tests.prove.shapes import AGE_MS, GONE_MS, Shape, mates, plan_of

STATE, SPENT, PROOF, WANTED = 0x0F, 0x10, 5, 0x80
UNPROVEN, PROVEN, BELIEVED, NOT_YET = range(4)
"""What is known in this cycle of a contact being open (or closed, where its machine stands there): not shown; shown;
not shown, but the kernel takes it for open nevertheless; and that its contactor's turn has not come."""
PURE = ("late", "dead", "calm")
"""Facts of the changeover that the world decides, and that no row vetoes."""
LATCHES = ("welded", "locked_out")
KEPT = ("welded", "failed_open", "locked_out")
"""What survives a restart."""


class Model:
    """A shape in motion. ``contactors`` and ``change``: the machines' tables."""

    def __init__(self, shape: Shape, contactors: Table = CONTACTOR, change: Table = CHANGEOVER) -> None:
        self.shape, self.plan = shape, plan_of(shape, contactors, change)
        self.size, self.mates = shape.size, mates(shape)
        self.places = self.plan.changeovers[0].places
        self.contactors, self.change = contactors, change
        self.coils = self.plan.coils
        self._leads = [any(m in p.members[:-1] for p in self.places) for m in range(self.size)]
        self._closed = contactors.state("closed")
        self._keeps = ("", *(["a rule"] if shape.rules else []), *(["maintenance"] if shape.locks else []))
        self._asks = [_asked(contactors, state) for state in range(len(contactors.states))]
        vetoes = sum(change.bit(fact) for fact in PURE)
        if any(row.veto & vetoes for rows in change.rows for row in rows):
            raise ValueError(f"a row of {change.name} vetoes one of {', '.join(PURE)}")
        self._asks_change = [_asked(change, state) for state in range(len(change.states))]
        self.switches: list[tuple[int, int, int]] = []
        self._ids: dict[tuple[int, int, int], int] = {}
        self._turns: dict[tuple[object, ...], dict[int, Outcome]] = {}
        self.standing = lru_cache(None)(self._standing)
        self.taken: set[tuple[str, str]] = set()  # (state, next state) of the changeover

    # ---- packing -------------------------------------------------------------------------------------------------
    def switch_id(self, machine: int, at: int, goal: int) -> int:
        """The byte of a changeover's state."""
        key = (machine, at, goal)
        if key not in self._ids:
            self._ids[key] = len(self.switches)
            self.switches.append(key)
        return self._ids[key]

    def start(self) -> int:
        """A house that has just been switched on."""
        x = self.switch_id(self.change.initial, 0, 0)
        for member in range(self.size):
            x |= self.contactors.initial << shift(member)
        return x

    def restarted(self, x: int) -> int:
        """After a restart everything is looked at, and latches are what they were."""
        after = self.start()
        for member in range(self.size):
            cid = x >> shift(member) & (STATE | SPENT)
            kept = cid if self.contactors.states[cid & STATE] in KEPT else cid & SPENT
            after |= kept << shift(member)
        return after

    def name(self, x: int) -> str:
        """The changeover's state."""
        return self.change.states[self.switches[x & 0xFF][0]]

    def names(self, x: int) -> list[str]:
        """The contactors' states."""
        return [self.contactors.states[x >> shift(member) & STATE] for member in range(self.size)]

    def coil(self, x: int, member: int) -> int | None:
        """What a coil is told."""
        return self.coils[x >> shift(member) & STATE]

    def _standing(self, cid: int, proven: bool, since_ms: int) -> TargetState:
        state = cid & STATE
        worn = Wear(failures=3 if cid & SPENT else 0, failed_ms=NOW_MS, unproven_ms=None if proven else NOW_MS)
        machine = Machine(state, since_ms)
        return TargetState(self.coils[state], None, machine, None, 0, 0, LONG_AGO_MS, "", False, worn)

    def _others(self, x: int, since_ms: int) -> list[TargetState]:
        """All targets, as the kernel sees them in the middle of the cycle."""
        own = [
            self.standing(byte & (STATE | SPENT), byte >> PROOF & 3 in (PROVEN, BELIEVED), since_ms)
            for byte in (x >> shift(member) & 0xFF for member in range(self.size))
        ]
        rest = TargetState(0, None, None, None, 0, 0, LONG_AGO_MS, "", False, None)
        return [*own, rest, rest]

    # ---- the changeover ------------------------------------------------------------------------------------------
    def changes(self, x: int) -> dict[int, Outcome]:
        """All that the changeover may do: its new byte, and the bits of the contactors that shall be closed."""
        machine, _, goal = self.switches[x & 0xFF]
        asks = self._asks_change[machine]
        wishes = [(wish, False) for wish in range(len(self.places))]
        if not asks & {"move", "back"}:  # then it only matters whether the wish is still the same
            wishes = [(goal, False), ((goal + 1) % len(self.places), False)]
        elif self.shape.counts:
            wishes += [(wish, True) for wish in range(len(self.places))]
        outcomes: dict[int, Outcome] = {}
        pure = [_either(fact in asks) for fact in PURE]
        for wish, urgent in wishes:
            for fresh in _either(bool(asks & {"move", "found"})):
                for number, (late, dead, calm) in enumerate(product(*(reversed(one) for one in pure))):
                    push = Push(wish, urgent, fresh, late, dead)
                    low = self.pushed(x, calm, push)
                    judged = self._judged(x, low, calm, push)
                    if low not in outcomes or judged.wrong:
                        outcomes[low] = judged
                    if number == 0 and self.switches[low & 0xFF][0] == machine:
                        break  # what only ever permits was all there, and with less of it no more moves
        return outcomes

    def heeds(self, x: int) -> int:
        """What a step of the changeover depends on, as a mask over the state. How contacts show themselves in this
        cycle only counts after a restart, for a refusal, and for the next one to close."""
        asks = self._asks_change[self.switches[x & 0xFF][0]]
        spare = SPENT | WANTED | (0 if "move" in asks or self.name(x) in ("looking", "making") else 3 << PROOF)
        return ~sum(spare << shift(member) for member in range(self.size))

    def pushed(self, x: int, calm: bool, push: Push) -> int:
        """One cycle of the changeover in one situation."""
        machine, at, goal = self.switches[x & 0xFF]
        proofs = [x >> shift(member) + PROOF & 3 for member in range(self.size)]
        states = [
            self.standing(
                x >> shift(member) & STATE, proof == PROVEN or (proof == NOT_YET and not push.fresh), LONG_AGO_MS
            )
            for member, proof in enumerate(proofs)
        ]
        rest = TargetState(0, None, None, None, 0, 0, LONG_AGO_MS, "", False, None)
        switch = Switch(
            Machine(machine, LONG_AGO_MS if push.late else NOW_MS), at, goal, LONG_AGO_MS if calm else None, (), (),
            NOW_MS if push.fresh else LONG_AGO_MS, "",
        )  # fmt: skip
        image = (MISSING,) * (2 * self.size) + (_reading(int(push.dead)), MISSING)
        states += [rest, rest]
        after = changeover.step(self.plan, 0, switch, states, push.wish, push.urgent, image, NOW_MS)
        low = self.switch_id(after.machine.state, after.at, after.goal)
        for member, closed in changeover.wants(self.plan, 0, after, states).items():
            low |= (WANTED if closed else 0) << shift(member)
        return low

    def _judged(self, x: int, low: int, calm: bool, push: Push) -> Outcome:
        """What the changeover did, and whether it may have."""
        before, after = self.name(x), self.name(low)
        names = self.names(x)
        wrong = []
        if before != after:
            self.taken.add((before, after))
            if after == "making" and not (before == "probing" and self._dead(low, push)):
                wrong.append("I3 it begins to close although the bus is not proven dead")
            if after == "probing" and not (before == "waiting" and push.late):
                wrong.append("I3 it goes on before the dead time is over")
            if after == "waiting" and not all(name in interlock.SHOWN_OPEN for name in names):
                wrong.append("I3 it waits although not all are proven open")
            if before == "faulted" and "welded" in names:
                wrong.append("I4 it leaves its fault while a contactor is welded")
        _, at, _ = self.switches[low & 0xFF]
        if after in ("resting", "draining", "held", "settling"):
            place = set(self.places[at].members)
            if place != {member for member in range(self.size) if low >> shift(member) & WANTED}:
                wrong.append(f"I6 it is {after} and moves contactors")
        return Outcome(said(push, calm, self.places[push.wish].name), tuple(wrong))

    def _dead(self, low: int, push: Push) -> bool:
        _, _, goal = self.switches[low & 0xFF]
        return self.places[goal].onto is None or push.dead

    # ---- a contactor ---------------------------------------------------------------------------------------------
    def proofs(self, x: int) -> list[int]:
        """The proofs of this cycle that others look at before its contactor's turn: for each that counts as open, or as
        closed before another one of its place, shown or not; for all others, not yet."""
        choices = []
        for member in range(self.size):
            state = self.standing(x >> shift(member) & (STATE | SPENT), True, LONG_AGO_MS)
            early = any(mate < member for mate in self.mates[member]) and interlock.proven_open(self.plan, state)
            first = self._leads[member] and interlock.proven_closed(self.plan, state)
            known = (UNPROVEN, PROVEN) if early or first else (NOT_YET,)
            choices.append([p << shift(member) + PROOF for p in known])
        return [sum(chosen) for chosen in product(*choices)]

    def turns(self, x: int, member: int) -> dict[int, Outcome]:
        """All that one contactor may do when its turn comes: its new byte. Each may find zero flow proven and a reset
        pressed on its own, which is more than the world can do."""
        own = x >> shift(member) & 0xFF
        states = self._others(x, LONG_AGO_MS)
        alone = interlock.alone(self.plan, member, states)
        bars = interlock.bars(self.plan, member, states, self._image(member, Inputs()), NOW_MS) != ""
        soon = interlock.bars(self.plan, member, self._others(x, NOW_MS), self._image(member, Inputs()), NOW_MS) != ""
        key = (member, own, alone, bars, soon)
        if key not in self._turns:
            outcomes: dict[int, Outcome] = {}
            for inputs in self._inputs(member, own):
                after, fails = self.turned(x, member, inputs)
                judged = self._acted(member, own, after, inputs, fails)
                if after not in outcomes or judged.wrong:
                    outcomes[after] = judged
            self._turns[key] = outcomes
        return self._turns[key]

    def _inputs(self, member: int, own: int) -> Iterator[Inputs]:
        state, proof = own & STATE, own >> PROOF & 3
        asks = self._asks[state]
        own_way, other_way = ("closed", "open") if state == self._closed else ("open", "closed")
        shows = {PROVEN: (own_way,), UNPROVEN: (other_way, "nothing")}.get(proof, ("open", "closed", "nothing"))
        may_fail = any(self.contactors.states[row.target] in ("failed_open", "doubted")
                       for row in self.contactors.rows[state])  # fmt: skip
        failed = [(0, NOW_MS)]
        if self.shape.counts:
            failed = [(3, NOW_MS), (3, LONG_AGO_MS)] if own & SPENT else [(0, NOW_MS), (2, NOW_MS)][: 1 + may_fail]
        elif "spent" in asks:
            failed.append((3, NOW_MS))
        return map(
            Inputs._make,
            product(
                shows,
                _either("doubtful" in asks),
                ("", "cut off", "gone") if asks & {"cut_off", "gone"} else ("",),
                _either("late" in asks),
                (False, True) if self.mates[member] and "admitted" in asks else (True,),
                _either("may_open" in asks and member in self.shape.rated),
                self._keeps if own & WANTED or "locked" in asks else ("",),
                failed,
                _either("charged" in asks and member in self.shape.precharged),
                _either("may_open" in asks),
                _either("reset" in asks),
                (False, True) if "travelled" in asks else (True,),
            ),
        )

    def turned(self, x: int, member: int, inputs: Inputs) -> tuple[int, bool]:
        """One cycle of a contactor in one situation: its new byte, and whether a failure has been counted."""
        own = x >> shift(member) & 0xFF
        states = self._others(x, LONG_AGO_MS if inputs.rested else NOW_MS)
        failures, failed_ms = inputs.failed
        worn = Wear(
            failures=failures, failed_ms=failed_ms,
            unproven_ms=LONG_AGO_MS if inputs.unshown else None, unwanted_ms=LONG_AGO_MS if inputs.waited else None,
        )  # fmt: skip
        machine = Machine(own & STATE, LONG_AGO_MS if inputs.late else NOW_MS)
        target, contactor = self.plan.targets[member], self.plan.targets[member].contactor
        if contactor is None:
            raise TypeError(target.id)
        around = Around(
            self._image(member, inputs), NOW_MS, 0, [], Proven((), ()), frozenset(), inputs.reset,
            inputs.keeps == "maintenance",
        )  # fmt: skip
        changed_ms = LONG_AGO_MS if inputs.travelled else NOW_MS
        state = TargetState(self.coils[machine.state], None, machine, None, 0, 0, changed_ms, "", False, worn)
        states[member] = state = sequence._looked_at(self.plan, target, state, around)
        switch = Switch(Machine(0, NOW_MS), 0, 0, LONG_AGO_MS if inputs.calm else None, (), (), NOW_MS, "")
        wanted = bool(own & WANTED) and not inputs.keeps
        after = sequence._switch(self.plan, member, contactor, states, (switch,), wanted, True, around)
        if after.machine is None or after.wear is None:
            raise TypeError(target.id)
        cid = after.machine.state
        if self.shape.counts and after.wear.failures >= 3:
            cid |= SPENT
        shown = PROVEN if inputs.shows == "open" else BELIEVED if interlock.proven_open(self.plan, after) else UNPROVEN
        later = any(mate > member for mate in self.mates[member])
        return cid | (shown << PROOF if later else 0), after.wear.failures > failures

    def _image(self, member: int, inputs: Inputs) -> Image:
        image = [MISSING] * (2 * self.size + 2)
        if inputs.shows != "nothing":
            image[2 * member] = _reading(int(inputs.shows == "closed"))
        age_ms = {"": 0, "cut off": AGE_MS + 1, "gone": GONE_MS + 1}[inputs.sight]
        image[2 * member + 1] = Reading(1, NOW_MS - age_ms, Quality.GOOD)
        image[2 * self.size + 1] = _reading(int(inputs.charged))
        return tuple(image)

    def _acted(self, member: int, own: int, after: int, inputs: Inputs, fails: bool) -> Outcome:
        """What a contactor did, and whether it may have, whatever the others do."""
        was, now = self.coils[own & STATE], self.coils[after & STATE]
        name, later = self.contactors.states[own & STATE], self.contactors.states[after & STATE]
        letter, wrong = self.shape.letters[member], []
        opens, closes = was != 0 and now == 0, was != 1 and now == 1
        if opens and inputs.shows != "open" and not inputs.calm and not (member in self.shape.rated and inputs.waited):
            wrong.append(f"I3 {letter} is told to open although its current is not proven zero")
        if was == 1 and opens and inputs.shows != "open" and own & WANTED and not inputs.keeps:
            wrong.append(f"I6 {letter} is told to open although it shall be closed")
        if was == 0 and closes and not inputs.rested:
            wrong.append(f"I3 {letter} is told to close within the dead time")
        latched = name in LATCHES or own & SPENT
        if latched and not (later in LATCHES or after & SPENT) and not inputs.reset:
            wrong.append(f"I4 {letter} leaves {name} without a local reset")
        if closes and latched and was is not None:  # what is found closed is kept as found
            wrong.append(f"I4 {letter} closes out of its latch")
        return Outcome(did(letter, inputs), tuple(wrong), closes, fails, closes and was is None)

    def closed(self, x: int, member: int, found: bool) -> list[str]:
        """What is wrong with a coil having just gone to 1, in view of all others. ``found``: it had been told nothing
        before, and is now told what it is."""
        letter, wrong = self.shape.letters[member], []
        for mate in self.mates[member]:
            other = self.shape.letters[mate]
            if self.coil(x, mate) == 1:
                wrong.append(f"I1 {letter} and {other} are commanded together")
            if x >> shift(mate) + PROOF & 3 != PROVEN or x >> shift(mate) & STATE == self._closed:
                wrong.append(f"I2 {letter} is told to close while {other} is not shown open")
        if not found:
            _, _, goal = self.switches[x & 0xFF]
            members: Sequence[int] = self.places[goal].members
            earlier = members[: members.index(member)] if member in members else ()
            names = self.names(x)
            if self.name(x) != "making" or member not in members:
                wrong.append(f"I3 {letter} is told to close while the changeover is {self.name(x)}")
            # Those before it were proven closed when the cycle began; what befalls them within it is for needs.
            if any(names[one] not in ("closed", "looking", "opening") for one in earlier):
                wrong.append(f"I3 {letter} is told to close before those that stand before it")
        return wrong


def shift(member: int) -> int:
    """Where a contactor's byte begins."""
    return 8 * (member + 1)


def _either(matters: bool) -> tuple[bool, ...]:
    return (False, True) if matters else (False,)


def _asked(table: Table, state: int) -> set[str]:
    """The facts that a state's rows ask for."""
    bits = 0
    for row in table.rows[state]:
        bits |= row.need | row.veto
    return {fact for i, fact in enumerate(table.facts) if bits >> i & 1}


def _reading(value: int) -> Reading:
    return Reading(value, NOW_MS, Quality.GOOD)
