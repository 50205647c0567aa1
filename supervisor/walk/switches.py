"""Contacts: move one contactor, or a changeover to another position, and look at every contact. Sans I/O.

Rules
* A contactor is moved by itself only where the documents say that it may break its load and a person has said yes; a
  changeover is asked for another position, and its own sequence drains, proves and moves. Sources are never moved.
* All contacts are looked at, not only the one that was meant: one that answers for another coil is a finding.
* A contact is judged only when the product has told its contactor to move: a granted wish may be held back by a rule.
* What was moved is given back, whatever happened. A contact that opens by a fault of its own is the kernel's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from supervisor.walk import amounts
from supervisor.walk.look import Look
from supervisor.walk.step import ONLY_OBSERVES, Step, Wish, binds
from supervisor.walk.survey import Contact, Positions, Survey

_TOLD = ("closing", "closed", "failed_open")  # states of a contactor that has been told to close
Shown = Mapping[str, bool | None]  # by contactor: closed, open, or not proven either way


def shown(house: Survey, look: Look) -> dict[str, bool | None]:
    """What every contactor's own proofs say."""
    return {contact.target: position(contact, look) for contact in house.contacts}


def position(contact: Contact, look: Look) -> bool | None:
    """Closed or open when all of its contacts say so, else None."""
    closed = [look.values.get(name) == code for name, code in contact.closed]
    opened = [look.values.get(name) == code for name, code in contact.open]
    if closed and all(closed):
        return True
    return False if opened and all(opened) else None


class ContactStep(Step):
    """One contactor that moves by its own target: closed for a moment, and open again."""

    def __init__(self, house: Survey, contact: Contact) -> None:
        super().__init__(contact.target, f"{contact.target}: closed and open again")
        self._house, self._contact = house, contact
        self._before: Shown = {}
        self._is_told = False
        self._refused = ""
        self._why = ""

    def told(self, verdict: str, text: str) -> None:
        if verdict in ("refused", "error"):
            self._refused = text

    def turn(self, now_ms: int, look: Look) -> Iterator[Wish]:
        name, now = self._contact.target, shown(self._house, look)
        match self._state:
            case "":
                yield from self._begin(now_ms, look, now)
            case "closing" if self._refused:
                yield from self._back(now_ms, f"the product refuses it: {self._refused}")
            case "closing":
                self._is_told = self._is_told or _is_told(look, name)
                if self._is_told and (now[name] is True and self.waited(now_ms, 2 * amounts.POLL_MS)):
                    yield from self._judged(now_ms, now)
                elif self._overdue(now_ms):
                    yield from self._judged(now_ms, now) if self._is_told else self._held_back(now_ms, look)
            case "opening":
                others = all(now[one] == was for one, was in self._before.items())
                if others and self.waited(now_ms, 2 * amounts.POLL_MS):
                    self.end(self._why)
                elif self._overdue(now_ms):
                    self._still(now)
                    self.end(self._why)

    def _begin(self, now_ms: int, look: Look, now: Shown) -> Iterator[Wish]:
        name = self._contact.target
        if look.mode == "observe":
            self.end(ONLY_OBSERVES)
        elif look.outputs.get(name) != 0:
            self.end("it is told to be closed, or not told anything, already; walk when nobody needs it")
        elif holder := look.holders.get(name):
            self.end(f"{holder} holds it; stop that orchestrator for the walk")
        elif now[name] is not False:
            said = "closed" if now[name] else "neither open nor closed"
            self.wrong.append(f"{name} is told to be open, and its contact says {said}: {_welded(self._contact)}")
            self.end()
        else:
            self._before = now
            self.go("closing", now_ms, "closing it")
            yield Wish(name, 1.0)

    def _judged(self, now_ms: int, now: Shown) -> Iterator[Wish]:
        self.wrong += self._answers(now)
        yield from self._back(now_ms, "")

    def _held_back(self, now_ms: int, look: Look) -> Iterator[Wish]:
        yield from self._back(now_ms, f"the product keeps it open: {binds(look, self._contact.target)}")

    def _answers(self, now: Shown) -> Iterator[str]:
        name = self._contact.target
        others = [one for one, was in self._before.items() if one != name and now[one] != was]
        if now[name] is True and not others:
            return
        if others:
            what = "does not answer" if now[name] is not True else "answers"
            yield (
                f"{name} was closed: its own contact {what}, and the contact of {', '.join(others)} does: exchange the"
                f" feedback wires of the two, or correct 'proof' in site.yaml"
            )
        else:
            yield (
                f"{name} was closed and no contact answers: look at its coil, its contact and the feedback wire"
                f" ({', '.join(name for name, _ in self._contact.closed)})"
            )

    def _still(self, now: Shown) -> None:
        name = self._contact.target
        if now[name] is not False and not self.wrong:
            self.wrong.append(f"{name} was told to open again, and its contact stays closed: {_welded(self._contact)}")

    def _back(self, now_ms: int, why: str) -> Iterator[Wish]:
        self._why = why
        self.go("opening", now_ms, "opening it again")
        yield Wish(self._contact.target, None)

    def _overdue(self, now_ms: int) -> bool:
        return self.waited(now_ms, amounts.CONTACT_MS)


def _is_told(look: Look, target: str) -> bool:
    """Does, or did, its coil get the order? One that has failed is told to be open again, before anybody can look."""
    return look.outputs.get(target) == 1 or look.machines.get(target) in _TOLD


def _welded(contact: Contact) -> str:
    wires = ", ".join(name for name, _ in contact.open)
    return f"the contactor is welded, or its feedback ({wires}) is wired to another one or as its opposite"


class PlaceStep(Step):
    """A changeover in one of its positions: every contact must say what the documents say of it."""

    def __init__(self, house: Survey, changeover: Positions, number: int, moved: bool) -> None:
        name, self._closed = changeover.places[number]
        super().__init__(changeover.target, f"{changeover.id} in position {name}")
        self._house, self._changeover, self._number, self._moved = house, changeover, number, moved
        self._name, self._refused, self._asked_ms = name, "", 0

    def told(self, verdict: str, text: str) -> None:
        if verdict in ("refused", "error"):
            self._refused = text

    def turn(self, now_ms: int, look: Look) -> Iterator[Wish]:
        wait_ms = amounts.PLACE_MS + (self._changeover.dwell_ms if self._moved else 0)
        if self._state == "" and self._moved and look.mode == "observe":
            self.end(ONLY_OBSERVES)
        elif self._state == "":
            self.go("there", now_ms, f"waiting until it rests in position {self._name}")
            if self._moved:
                self._asked_ms = now_ms
                yield Wish(self._changeover.target, float(self._number))
        elif self._refused and (not self._waits_for_dwell() or self.waited(now_ms, wait_ms)):
            self.end(f"the product refuses it: {self._refused}")
        elif self._refused:
            if now_ms - self._asked_ms >= amounts.RENEW_MS:
                self._refused, self._asked_ms = "", now_ms
                yield Wish(self._changeover.target, float(self._number))
        elif self._rests(look) and self.waited(now_ms, 2 * amounts.POLL_MS):
            self.wrong += self._compare(look)
            self.end()
        elif self.waited(now_ms, wait_ms if self._moved else amounts.CONTACT_MS):
            state = look.machines.get(self._changeover.id, "away")
            self.end(f"it does not come to rest there (it is {state}); ask `powerwarden explain {self.subject}`")

    def _waits_for_dwell(self) -> bool:
        """It is the changeover itself that refuses, and it has a dwell: then it is asked again until that is over."""
        return self._changeover.dwell_ms > 0 and f"{self._changeover.id} refuses:" in self._refused

    def _rests(self, look: Look) -> bool:
        return (
            look.outputs.get(self._changeover.target) == self._number
            and look.machines.get(self._changeover.id) == "resting"
        )

    def _compare(self, look: Look) -> Iterator[str]:
        now = shown(self._house, look)
        for member in self._changeover.members:
            want = member in self._closed
            if now[member] is not want:
                said = {True: "closed", False: "open", None: "not the same on all its contacts"}[now[member]]
                wires = _wires(self._house, member)
                yield (
                    f"{member} is {'closed' if want else 'open'} in position {self._name} of {self._changeover.id}, and"
                    f" its contacts say {said}: look at the coil and the feedback ({wires})"
                )


class BackStep(Step):
    """The changeover is given back; where its program wants it, it goes after its dwell, and nobody waits for that."""

    def __init__(self, changeover: Positions) -> None:
        super().__init__(changeover.target, f"{changeover.id} given back")

    def turn(self, now_ms: int, look: Look) -> Iterator[Wish]:  # noqa: ARG002  one signature for all
        self.end()
        yield Wish(self.subject, None)


def _wires(house: Survey, target: str) -> str:
    contact = next(contact for contact in house.contacts if contact.target == target)
    return ", ".join(name for name, _ in contact.closed)
