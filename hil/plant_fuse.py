"""The service fuses of a house, one on each phase: links of class gG that warm up, and melt for good.

Theory of operation: a link is three bodies in series that the square of the current warms, each with its own time: the
necks of the strip (part of a second), the strip (seconds), the body in its holder (a quarter of an hour). Together
they stand at 1 when it melts. The parts are chosen so that the curve passes the gates of a gG link of 32 to 40 A:
1.25 times its rating is borne for ever, 1.6 times melts it within an hour, 2.3 times is borne for 10 s, 5 times melts
it within 5 s and not before 0.1 s, 11 times within 0.1 s.
The gates are general knowledge of IEC 60269-1 and have not been compared with its text; the parts are invented.

Rules: the step is exact for a constant current. A molten link stays molten until somebody replaces it.
It must never judge who caused a current, and never know what a rule of the product's thinks of it.
"""

from __future__ import annotations

import math

from hil.plant_phases import Three

BORNE = 1.45  # times the rating: what the link bears for ever, between 1.25 and 1.6
PARTS = ((0.08, 0.4), (0.25, 12.0), (0.67, 900.0))  # share of the heat, and its time in s


class Fuses:
    """Three links of one rating; a rating of 0 A is a house without fuses."""

    def __init__(self, rating_a: float) -> None:
        self.rating_a = rating_a
        self.blown = [False] * 3
        self._heats = [[0.0] * len(PARTS) for _ in range(3)]
        self._decays: tuple[int, list[tuple[float, float]]] = (0, [])  # share and decay of each part, for a step

    def heats(self) -> Three:
        """How far each link is on its way to melting, 0 to 1."""
        return [1.0 if blown else min(1.0, sum(heat)) for heat, blown in zip(self._heats, self.blown, strict=True)]

    def step(self, amperes: Three, elapsed_ms: int) -> list[int]:
        """Let these currents flow for so long; returns the phases whose links have just melted."""
        if not self.rating_a or elapsed_ms <= 0:
            return []
        if elapsed_ms != self._decays[0]:
            self._decays = elapsed_ms, [(share, math.exp(-elapsed_ms / 1000 / seconds)) for share, seconds in PARTS]
        decays, borne_a, molten = self._decays[1], BORNE * self.rating_a, []
        for at, heats in enumerate(self._heats):
            load = (amperes[at] / borne_a) ** 2
            for part, (share, decay) in enumerate(decays):
                target = share * load
                heats[part] = target + (heats[part] - target) * decay
            if not self.blown[at] and heats[0] + heats[1] + heats[2] >= 1.0:
                self.blown[at] = True
                molten.append(at + 1)
        return molten

    def replace(self) -> None:
        """Three new links, and cold."""
        self.blown = [False] * 3
        self._heats = [[0.0] * len(PARTS) for _ in range(3)]
