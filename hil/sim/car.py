"""A car on a charging cable, as IEC 61851-1 wants it to behave.

Source: IEC 61851-1, annex A: a car follows a new pilot duty cycle within 5 s, and stops within 3 s when the pilot's
oscillator stops. Below 6 A there is no valid offer. Times here are shorter than the limits, as with real cars.
Rules: the car never takes more than it is offered, unless a fault makes it obstinate.
It must never know who offers: it sees amperes on a pilot, and nothing of Modbus.
"""

from __future__ import annotations

from dataclasses import dataclass

OFFER_MIN_A = 6.0
REACTION_MS = 800  # from a new offer to the first change
RAMP_A_PER_S = 8.0


@dataclass(slots=True)
class Car:
    """One car: how many phases its charger has, what it takes at most, and what it takes now (A per phase)."""

    phases: int = 3
    ampere_max: float = 16.0
    full: bool = False
    ampere: float = 0.0
    _offer: float = 0.0
    _obeys_from_ms: int = 0
    _stepped_ms: int | None = None

    def step(self, offer: float, now_ms: int, *, obstinate: bool = False) -> float:
        """The current per phase after the time since the last step, with this offer on the pilot."""
        elapsed_ms = 0 if self._stepped_ms is None else now_ms - self._stepped_ms
        if offer != self._offer:
            self._offer, self._obeys_from_ms = offer, now_ms + REACTION_MS
        self._stepped_ms = now_ms
        moving_ms = min(elapsed_ms, max(0, now_ms - self._obeys_from_ms))
        if not obstinate:
            self._ramp(0.0 if self.full or offer < OFFER_MIN_A else min(offer, self.ampere_max), moving_ms)
        return self.ampere

    def _ramp(self, target: float, moving_ms: int) -> None:
        reach = RAMP_A_PER_S * moving_ms / 1000
        self.ampere += max(-reach, min(reach, target - self.ampere))

    def cut_off(self) -> None:
        """The station's contactor has opened."""
        self.ampere = 0.0
