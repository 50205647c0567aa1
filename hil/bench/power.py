"""A power cut, as devices and plant of a running house feel it.

Theory of operation: the grid's voltage falls to nothing, coils lose their supply (so contacts fall open, except those
that are welded), and no device says a word. What is physical stays: charge, energy, welds, and whatever else the
scenario has broken. A device that can be switched off and on (`power_cycle`) forgets what it forgets in life. A relay
node that cannot is told once, in a frame of the bench's own, to drop its coils: without supply it would have forgotten
them. That frame is in the traces of bus and node; it is not counted among the writes that reached the node.

It must never mend a fault of the scenario's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from hil.bench.lookout import Lookout
from hil.can_frame import connect, pack_frame
from hil.house import Entry, House
from hil.sim.relaynode_can import Options as RelayOptions
from hil.sim.relaynode_frames import command_frame
from hil.unix_socket import RigError

NO_SUPPLY = {"fault": "coil_supply", "volt": 0.0}
SILENT = {"fault": "silent"}
GRID_V = 230.0
COUNTERS = (14, 13)  # one of two is no repetition of what the node heard last


class DarkHouse:
    """A house without power; `end` gives it back."""

    def __init__(self, house: House, lookout: Lookout, run_dir: Path, grid_v: float) -> None:
        """``grid_v``: what the grid has when the cut is over."""
        self._lookout, self._run_dir = lookout, run_dir
        self._undo: list[Callable[[], object]] = []
        for entry in house.entries:
            self._darken(entry)
        self._set("plant", "grid_v", 0)
        self._undo.append(lambda: self._set("plant", "grid_v", grid_v))

    def _darken(self, entry: Entry) -> None:
        name, knows = entry.name, self._lookout.ask(entry.name, {"get": "faults"})
        known, active, settable = knows["known"], knows["active"], knows["settable"]
        if not isinstance(known, dict) or not isinstance(active, list) or not isinstance(settable, dict):
            raise RigError(f"{name} does not tell its faults")
        broken = {each["fault"] for each in active}
        for fault in (NO_SUPPLY, SILENT):
            what = str(fault["fault"])
            if what in known and what not in broken:
                self._lookout.ask(name, fault)
                self._undo.append(functools.partial(self._lookout.ask, name, {"clear": what}))
        if "power_cycle" in settable:
            self._set(name, "power_cycle", 1)
            self._undo.append(functools.partial(self._set, name, "power_cycle", 1))
        elif isinstance(entry.options, RelayOptions):
            self._drop_coils(entry, entry.options.node)

    def _drop_coils(self, entry: Entry, node: int) -> None:
        with connect(str(self._run_dir / f"{entry.link.place}.sock"), "powercut") as bus:
            for counter in COUNTERS:
                self._lookout.discount(entry.name)
                bus.send(pack_frame(command_frame(node, 0, 0, counter)))

    def _set(self, device: str, name: str, value: object) -> None:
        self._lookout.ask(device, {"set": name, "value": value})

    def end(self) -> None:
        """Power again."""
        for undo in self._undo:
            undo()
        self._undo.clear()
