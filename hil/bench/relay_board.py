"""A relay board on the lines of this computer: lamps and inputs that follow what the simulated devices do.

Rules
* Only the lines of `may_drive` are claimed. A line begins released and ends released, whatever happens between; one
  that could not be released is told.
* A fact that is not there releases its relay.
It must never drive a line that the safety list does not name, and never decide what a relay shall do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from hil.bench.rig_file import Board, Permit, fact_at
from hil.scenario.model import Facts
from hil.unix_socket import RigError

FACTORIES = "gpiozero_pin_factories"


class RelayBoard:
    """The relays that may be driven."""

    def __init__(self, board: Board, permits: dict[str, Permit]) -> None:
        """RigError when a line cannot be had; none is left claimed then."""
        self._permits, self._relays = permits, dict[str, Any]()
        self._factory = _factory(board)
        from gpiozero import OutputDevice  # type: ignore[import-untyped] # gpiozero has no types

        try:
            for name in permits:
                self._relays[name] = OutputDevice(
                    board.lines[name], active_high=board.active == "high", pin_factory=self._factory
                )
        except Exception as error:  # noqa: BLE001 - each pin library has errors of its own
            with contextlib.suppress(RigError):  # the first trouble is the one to tell
                self.close()
            raise RigError(f"relay {name} (line {board.lines[name]}) cannot be driven: {error}") from None

    def follow(self, facts: Facts) -> None:
        """Pull the relays whose fact is true, release the others."""
        for name, relay in self._relays.items():
            wanted = fact_at(facts, self._permits[name].follows)
            if wanted != bool(relay.value):
                relay.value = wanted

    def close(self) -> None:
        """Release all, and let go of the lines; RigError names those that may still be pulled."""
        stuck = []
        for name, relay in list(self._relays.items()):
            try:
                relay.off()
            except Exception as error:  # noqa: BLE001 - the others must be released, too
                stuck.append(f"{name} ({error})")
            with contextlib.suppress(Exception):
                relay.close()
            del self._relays[name]  # not before: an impatient hand may interrupt this, and then it is done again
        self._factory.close()
        if stuck:
            raise RigError(f"not released: {', '.join(stuck)}; press the bench's emergency stop, then look")


def _factory(board: Board) -> Any:
    found = [each for each in entry_points(group=FACTORIES) if each.name == board.factory]
    if not found:
        known = ", ".join(sorted(each.name for each in entry_points(group=FACTORIES)))
        raise RigError(f"relays: there is no pin factory {board.factory!r} here; there are {known}")
    make: Callable[..., Any] = found[0].load()
    try:
        return make(board.channel) if board.channel else make()
    except Exception as error:  # noqa: BLE001 - each pin library has errors of its own
        raise RigError(f"relays: the lines of this computer cannot be had: {error}") from None
