"""A car on a charging cable, as IEC 61851-1 wants it to behave, and as some cars do.

Theory of operation: the car is connected (B) or closes its switch and charges (C); without a car the pilot says A. It
goes to C when amperes are offered that it wants, and back to B when its own current has come down to nothing after
the offer ended. Below 6 A there is no valid offer.
What it follows is the pilot of a moment ago: offers that change again and again, as on a ramp, are each obeyed in turn.
Source: IEC 61851-1, annex A: a car follows a new pilot duty cycle within 5 s, and stops within 3 s when the pilot's
oscillator stops. Times here are shorter than the limits, as with real cars; after a long pause it must wake up first.
Ill manners (all seen in the field, sheet on phase switching): never stops without an offer, stays on the one phase
that it began on until it is replugged, takes more than is offered and a rush of it at the beginning, takes less,
sleeps for good after a pause until it is replugged, falls from C to B and back.

Rules: the car never takes more than it is offered, unless it has such manners or a fault makes it obstinate. The same
offers at the same times give the same course, and steps in between change nothing.
It must never know who offers: it sees amperes on a pilot, and nothing of Modbus.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

OFFER_MIN_A = 6.0
REACTION_MS = 800  # from a new offer to when it is obeyed
WAKE_MS, NAP_MS = 2000, 300_000  # the reaction of a car that has had no offer for so long
RAMP_A_PER_S, STOP_A_PER_S = 8.0, 16.0


@dataclass(frozen=True, slots=True)
class Manners:
    """How a car misbehaves; the defaults are a polite one."""

    never_stops: bool = False
    one_phase: bool = False
    more_percent: float = 0.0
    rush_a: float = 0.0
    rush_ms: int = 0
    less_a: float = 0.0
    sleeps_after_ms: int | None = None
    flaps_ms: int = 0


POLITE = Manners()


@dataclass(slots=True)
class Car:
    """One car: how many phases its charger has, what it takes at most, and what it takes now (A per phase)."""

    phases: int = 3
    ampere_max: float = 16.0
    full: bool = False
    ampere: float = 0.0
    charging: bool = False  # its switch is closed: state C
    manners: Manners = field(default=POLITE)
    _pilot: float = 0.0  # what is offered
    _offer: float = 0.0  # what it obeys
    _obeys_from_ms: int = 0
    _heard: deque[tuple[int, float]] = field(default_factory=deque)  # offers, and from when it will obey each
    _stepped_ms: int | None = None
    _unoffered_ms: int = 0  # since when there has been no offer
    _began_ms: int = 0  # when it went to C
    _asleep: bool = False
    _rushing: bool = False
    _stuck_phases: int = 3  # that it will use until it is replugged

    @property
    def state(self) -> str:
        """B or C."""
        return "C" if self.charging else "B"

    def step(self, offer: float, now_ms: int, *, obstinate: bool = False) -> float:
        """The current per phase after the time since the last step, with this offer on the pilot."""
        if self._stepped_ms is None:
            self._unoffered_ms = self._stepped_ms = now_ms
        if offer != self._pilot:
            self._hear(offer, now_ms)
        while self._heard and self._heard[0][0] <= now_ms:
            obeys_ms, heard = self._heard.popleft()
            self._pass(obeys_ms, obstinate)
            self._offer, self._obeys_from_ms = heard, obeys_ms
        self._pass(now_ms, obstinate)
        return self.ampere

    def _pass(self, to_ms: int, obstinate: bool) -> None:
        """Time passes while it obeys one offer."""
        moving_ms = to_ms - (to_ms if self._stepped_ms is None else self._stepped_ms)
        self._stepped_ms = to_ms
        if not obstinate:
            self._follow(to_ms, moving_ms)

    def _hear(self, offer: float, now_ms: int) -> None:
        """Another offer: it will be obeyed after the reaction time."""
        pause_ms = now_ms - self._unoffered_ms if self._pilot < OFFER_MIN_A <= offer else 0
        sleeps_ms = self.manners.sleeps_after_ms
        self._asleep = self._asleep or (sleeps_ms is not None and pause_ms >= sleeps_ms)
        if offer < OFFER_MIN_A <= self._pilot:
            self._unoffered_ms = now_ms
        obeys_ms = now_ms + (WAKE_MS if pause_ms >= NAP_MS else REACTION_MS)
        self._heard.append((max(obeys_ms, self._heard[-1][0]) if self._heard else obeys_ms, offer))
        self._pilot = offer

    def _follow(self, now_ms: int, moving_ms: int) -> None:
        wanted = self._wanted(now_ms)
        stopped = self._offer < OFFER_MIN_A
        if wanted > 0 and not self.charging:
            self.charging, self._began_ms = True, max(self._obeys_from_ms, now_ms - moving_ms)
        reach = (STOP_A_PER_S if stopped else RAMP_A_PER_S) * moving_ms / 1000
        self.ampere += max(-reach, min(reach, wanted - self.ampere))
        self._rush(wanted, self.charging and not stopped and now_ms - self._began_ms < self.manners.rush_ms)
        if wanted <= 0 and self.ampere <= 0:
            self.charging = False

    def _rush(self, wanted: float, rushing: bool) -> None:
        """More than it wants for a moment, and then at once no more than that."""
        if rushing:
            self.ampere = max(self.ampere, self.manners.rush_a)
        elif self._rushing:
            self.ampere = min(self.ampere, wanted)
        self._rushing = rushing

    def _wanted(self, now_ms: int) -> float:
        """A per phase that it aims at."""
        manners = self.manners
        if self._offer < OFFER_MIN_A:
            return self.ampere if manners.never_stops else 0.0
        if self.full or self._asleep:
            return 0.0
        if manners.flaps_ms and (now_ms - self._obeys_from_ms) % manners.flaps_ms >= manners.flaps_ms // 2:
            self.ampere, self.charging = 0.0, False  # it opens its switch without coming down first
            return 0.0
        offered = self._offer * (1 + manners.more_percent / 100) - manners.less_a
        return max(0.0, min(offered, self.ampere_max * (1 + manners.more_percent / 100)))

    def uses(self, offered_phases: int) -> int:
        """How many phases it takes from, of those that it is given."""
        if self.manners.one_phase and self.ampere > 0 and offered_phases == 1:
            self._stuck_phases = 1
        return min(self.phases, offered_phases, self._stuck_phases if self.manners.one_phase else 3)

    def replug(self) -> None:
        """Out and in again: it has forgotten everything but itself."""
        self.ampere, self.charging, self._asleep, self._stuck_phases = 0.0, False, False, 3
        self._pilot = self._offer = 0.0
        self._heard.clear()
        self._stepped_ms = None

    def cut_off(self) -> None:
        """The station's contactor has opened."""
        self.ampere = 0.0
