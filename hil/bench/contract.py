"""What a bench is: it holds a house and a product, lets time pass, does what happens, and looks.

Rules
* ``open`` begins at 0 ms with devices, plant and product started, and returns when the product is in control (its first
  cycle is done); ``close`` ends everything that was started, whatever happened.
* ``advance`` yields moments in the order of time, the last one at the time that was asked for. A moment is looked at
  at least every LOOK_MS, and on the virtual bench in every step.
* A bench knows nothing of expectations, and judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from hil.scenario.model import Action, Decision, Moment, Scenario

LOOK_MS = 100


class Bench(Protocol):
    """One run of one scenario."""

    name: str
    decisions: list[Decision]

    def open(self, scenario: Scenario, seed: int) -> None:
        """Start everything. RigError when something does not start, with its last words."""

    def advance(self, to_ms: int) -> Iterator[Moment]:
        """Let time pass until ``to_ms`` since the scenario began, and look. RigError when something that should run
        has ended."""

    def do(self, action: Action) -> None:
        """Do it now. RigError for what this bench or house cannot do; the text names the remedy."""

    def close(self) -> None:
        """End it all; safe to call twice, and after a failed ``open``."""
