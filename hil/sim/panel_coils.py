"""The contactors that a panel's coil outputs pull, with their supply and the permit relay in series.

Theory of operation (dbc/panel_gpio.yaml): the permit relay is a one-shot behind a capacitor. Each change of level on
its line holds it for `permit_ms`, and no steady level does. It carries the supply of all coils: when it drops, they
drop. A panel without a pulse output has no permit relay. Contacts and supply are those of sim/contactor.py.
It must never hold a coil that the permit does not supply, unless a fault (welded, foreign, permit_welded) says so.
"""

from __future__ import annotations

from collections.abc import Callable

from hil.lines import Level
from hil.sim.contactor import MOVEMENT_FAULTS, OPEN, SUPPLY_FAULTS, Contactors, Supply
from hil.sim.device import NEVER_MS, FaultKind, Faults, Json, Value

COIL_FAULTS = (
    *MOVEMENT_FAULTS,
    *SUPPLY_FAULTS,
    FaultKind("permit_welded", "the permit relay stays closed, whatever the pulse line does"),
    FaultKind("one_edge", "the permit relay hears only the rising edges of its line"),
)


class Coils:
    """All coils of one panel; the first is contact 1 of the faults."""

    def __init__(
        self, count: int, permit_ms: int | None, faults: Faults, note: Callable[..., None], close_ms: int, open_ms: int
    ) -> None:
        """`permit_ms` is None where there is no permit relay; `note` takes the time, what happened and fields."""
        self._faults, self._note, self._permit_ms = faults, note, permit_ms
        self._supply = Supply(faults)
        self._contactors = Contactors(count, close_ms, open_ms, faults, self._moved)
        self._permit_until_ms = -NEVER_MS
        self._permitted = permit_ms is None

    def pulse(self, level: Level, now_ms: int) -> None:
        """The level of the pulse line has changed."""
        if self._permit_ms is not None and (level or not self._faults.has("one_edge")):
            self._permit_until_ms = now_ms + self._permit_ms

    def permitted(self, now_ms: int) -> bool:
        """Whether the permit relay supplies the coils."""
        return self._permit_ms is None or now_ms < self._permit_until_ms or self._faults.has("permit_welded")

    def step(self, commanded: int, now_ms: int) -> None:
        """Let supply and contacts do what is due; bit 0 of `commanded` is the first coil's line."""
        if (permitted := self.permitted(now_ms)) != self._permitted:
            self._permitted = permitted
            self._note(now_ms, "permit", held=permitted)
        self._supply.step(self._contactors.pulled(self._driven(commanded, now_ms)), now_ms)
        self._contactors.step(self._driven(commanded, now_ms), now_ms)
        # The coils that have just changed are a different load.
        self._supply.step(self._contactors.pulled(self._driven(commanded, now_ms)), now_ms)

    def _driven(self, commanded: int, now_ms: int) -> int:
        return commanded if self.permitted(now_ms) and self._supply.holds() else 0

    def _moved(self, now_ms: int, contact: int, closed: bool) -> None:
        self._note(now_ms, "contact", contact=contact, closed=closed)

    def next_ms(self, now_ms: int) -> int:
        """When `step` next matters."""
        permit_ms = self._permit_until_ms if self._permit_until_ms > now_ms else NEVER_MS
        return min(self._contactors.next_ms(), self._supply.next_ms, permit_ms)

    def closed(self) -> list[bool]:
        """Where the main contacts truly are."""
        return self._contactors.closed()

    def proven_open(self, index: int, now_ms: int) -> bool:
        """Whether the mirror contact of this coil is closed: never while its main contact is, or is on its way."""
        return self._contactors.mirrors(now_ms)[index] == OPEN

    def check(self, name: str, params: dict[str, Value], now_ms: int) -> None:
        """A fault begins; ControlError for parameters that no contactor can have."""
        self._contactors.check(name, params, now_ms)

    def state(self, now_ms: int) -> Json:
        """For whoever asks the panel."""
        return {"closed": self.closed(), "permit": self.permitted(now_ms), "supply_v": self._supply.volt()}
