"""What current and switching do to the contacts of the relay node: they warm up, wear, and weld.

Rules: a contact's heat goes to the square of its current over its rating, with the time of a small contactor; 1 is
where its rating takes it for good. A contact that is closed onto more than its rating welds there and then, one that
is opened under more is ruined and welds when it is closed next; both only where the house says `contact_welds`.
The weld itself is in the relay node, which hears of it; it lasts until somebody clears the fault there.
Invented: the time of 300 s, and that the rating is where welding begins.
It must never move a contact.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from hil.plant_watch import Note
from hil.plant_wiring import Closed, Path
from hil.sim.device import Json

WARMING_S = 300.0


def carried(paths: Iterable[Path], closed: Closed, count: int) -> list[float]:
    """A through each contact, from 1 to `count`: the most of all its ways; side by side they share it."""
    found = [0.0] * count
    for path in paths:
        contacts, ampere, any_one = path
        if ampere and path.conducts(closed):
            used = closed.intersection(contacts) if any_one else contacts
            part = ampere / len(used) if any_one else ampere
            for contact in used:
                if part > found[contact - 1]:
                    found[contact - 1] = part
    return found


class Contacts:
    """All contacts that the house's wiring names; none of this is there in a house without any."""

    def __init__(self, count: int, rating_a: float, welds: bool, note: Note) -> None:
        self.count, self._rating_a, self._welds, self._note = count, rating_a, welds, note
        self._heats = [0.0] * count
        self._switched, self._broken = [0] * count, [0] * count
        self._ruined: set[int] = set()
        self.welded: list[int] = []

    def step(self, amperes: list[float], elapsed_ms: int) -> None:
        """These currents have flowed for so long."""
        decay = math.exp(-elapsed_ms / 1000 / WARMING_S)
        for at, ampere in enumerate(amperes):
            target = (ampere / self._rating_a) ** 2
            self._heats[at] = target + (self._heats[at] - target) * decay

    def move(self, before: Closed, closed: Closed, broken: dict[int, float]) -> None:
        """Contacts have moved; `broken`: those that opened under load, with their A."""
        for contact in sorted(before ^ closed):
            if contact <= self.count:
                self._switched[contact - 1] += 1
        for contact, ampere in broken.items():
            self._broken[contact - 1] += 1
            if self._welds and ampere > self._rating_a:
                self._ruined.add(contact)

    def settle(self, amperes: list[float], just_closed: Closed, now_ms: int) -> None:
        """These contacts have closed, and `amperes` is what flows since then."""
        for contact in sorted(just_closed):
            onto = amperes[contact - 1] if contact <= self.count else 0.0
            if self._welds and (onto > self._rating_a or contact in self._ruined) and contact not in self.welded:
                self.welded.append(contact)
                self._note(now_ms, "contact_welded", contact=contact, ampere=onto)

    def hand_over(self) -> Json:
        """What the relay node must hear: each weld once, for from then on it is the node's own fault."""
        if not self.welded:
            return {}
        told, self.welded = self.welded, []
        self._ruined.difference_update(told)
        return {"welded": told}

    def state(self, amperes: list[float]) -> Json:
        """Lists with one value for each contact, from 1."""
        if not self.count:
            return {}
        return {
            "contact_a": amperes,
            "contact_heat": list(self._heats),
            "contact_switched_count": list(self._switched),
            "contact_broken_count": list(self._broken),
        }
