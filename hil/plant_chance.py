"""Chance that follows from a seed: the same number for the same seed, name and slot of time, however often it is asked.

Rules: a number depends on nothing but its three keys, so that any step size gives the same course. Only the newest
number of each name is kept, because making a generator costs more than everything else in a step of the plant.
It must never be asked for a number that the order of the questions decides.
"""

from __future__ import annotations

import random


class Chance:
    """Numbers between -1 and 1, and generators, by name and slot."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._newest: dict[str, tuple[int, float]] = {}

    def swing(self, what: str, slot: int) -> float:
        """Between -1 and 1, the same for the whole slot."""
        kept = self._newest.get(what)
        if kept is None or kept[0] != slot:
            kept = self._newest[what] = slot, self.dice(what, slot).uniform(-1, 1)
        return kept[1]

    def dice(self, what: str, slot: int) -> random.Random:
        """A generator of its own for this slot; whoever asks keeps what he has drawn."""
        return random.Random(f"{self.seed}/{what}/{slot}")
