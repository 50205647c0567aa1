"""What has been done to a house until now, for whoever judges it: a wish that no supervisor could keep is excused.

It must never ask the product anything.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tests.soak.soak_strikes import Strike

LIES = ("says the same again", "a wrong value", "late")  # a witness that is believed and should not be
MUTE = ("silent", "refuses", "damaged or foreign words", "no value")
FEEDBACK = ("mirror lies", "input lies", *LIES, *MUTE)


@dataclass
class Struck:
    """``to_ms``: None while it lasts."""

    strike: Strike
    from_ms: int
    to_ms: int | None


class Trouble:
    """All strikes of a run."""

    def __init__(self) -> None:
        self.all: list[Struck] = []

    def begin(self, strike: Strike, at_ms: int) -> Struck:
        """Something happens."""
        self.all.append(Struck(strike, at_ms, None if strike.end else at_ms))
        return self.all[-1]

    @property
    def active(self) -> list[Struck]:
        """What lasts now."""
        return [struck for struck in self.all if struck.to_ms is None]

    def count(
        self, now_ms: int, within_ms: int, devices: Collection[str] = (), rows: Collection[str] = (), kind: str = ""
    ) -> int:
        """How many strikes of these devices and rows there were in the last ``within_ms``; none given: any."""
        return sum(
            (not devices or each.strike.device in devices)
            and (not rows or each.strike.row in rows)
            and (not kind or each.strike.kind == kind)
            and (each.to_ms is None or now_ms - each.to_ms <= within_ms)
            for each in self.all
        )

    def has(
        self, now_ms: int, within_ms: int, devices: Collection[str] = (), rows: Collection[str] = (), kind: str = ""
    ) -> bool:
        """Was there any?"""
        return self.count(now_ms, within_ms, devices, rows, kind) > 0
