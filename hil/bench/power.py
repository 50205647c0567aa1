"""A power cut, as devices and plant of a running house feel it.

Theory of operation: the grid's voltage falls to nothing, no device says a word or hears one, and what can be switched
off and on (`power_cycle`) forgets what it forgets in life: a relay node its coils, a panel its lines. What is physical
stays: charge, energy, welds, and whatever else the scenario has broken. What the scenario asks for meanwhile and what
the cut itself would undo at its end (a silence, the grid's voltage) waits until then.

It must never mend a fault of the scenario's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

from hil.bench.lookout import Lookout
from hil.house import House
from hil.unix_socket import RigError

DARK = ("silent", "deaf")  # a frame that was on its way when the power failed closes nothing any more
GRID, ALL_PHASES = ("grid_l1_v", "grid_l2_v", "grid_l3_v"), ("grid_v", "voltage_v")
GRID_V = 230.0


class GridVolts:
    """What the scenario has set at the grid connection, on each phase; the plant tells only what comes of it."""

    def __init__(self) -> None:
        self.now = [GRID_V] * 3

    def hear(self, device: str, request: Mapping[str, object]) -> None:
        """A request that has been done."""
        for at, phase in enumerate(GRID) if sets_grid(device, request) else ():
            if request["set"] in (phase, *ALL_PHASES):
                self.now[at] = float(str(request["value"]))


def sets_grid(device: str, request: Mapping[str, object]) -> bool:
    """Does this set a voltage of the grid?"""
    return device == "plant" and request.get("set") in (*GRID, *ALL_PHASES)


class DarkHouse:
    """A house without power; `end` gives it back."""

    def __init__(self, house: House, lookout: Lookout, grid_v: Sequence[float]) -> None:
        """``grid_v``: what the grid has on each phase when the cut is over."""
        self._lookout = lookout
        self._undo: list[Callable[[], object]] = []
        self._later: list[Callable[[], object]] = []
        for entry in house.entries:
            self._darken(entry.name)
        for phase, volt in zip(GRID, grid_v, strict=True):
            self._set("plant", phase, 0)
            self._undo.append(functools.partial(self._set, "plant", phase, volt))

    def _darken(self, name: str) -> None:
        knows = self._lookout.ask(name, {"get": "faults"})
        known, active, settable = knows["known"], knows["active"], knows["settable"]
        if not isinstance(known, dict) or not isinstance(active, list) or not isinstance(settable, dict):
            raise RigError(f"{name} does not tell its faults")
        broken = {each["fault"] for each in active}
        for what in DARK:
            if what in known and what not in broken:
                self._lookout.ask(name, {"fault": what})
                self._undo.append(functools.partial(self._lookout.ask, name, {"clear": what}))
        if "power_cycle" in settable:
            self._set(name, "power_cycle", 1)
            self._undo.append(functools.partial(self._set, name, "power_cycle", 1))

    def _set(self, device: str, name: str, value: object) -> None:
        self._lookout.ask(device, {"set": name, "value": value})

    def ask(self, device: str, request: Mapping[str, object]) -> None:
        """What the scenario asks for while it is dark: now, or when the light is back."""
        if request.get("clear") is True:
            self._lookout.ask(device, request)
            self._darken(device)  # everything is mended but the darkness
        elif sets_grid(device, request) or request.get("clear") in DARK or request.get("fault") in DARK:
            self._later.append(functools.partial(self._lookout.ask, device, dict(request)))
        else:
            self._lookout.ask(device, request)

    def end(self) -> None:
        """Power again."""
        for undo in (*self._undo, *self._later):
            undo()
        self._undo.clear()
        self._later.clear()
