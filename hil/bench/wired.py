"""The bench of real hardware: the same simulators on real wires, and the box under test at their other end.

Theory of operation: this machine runs the house as the loopback bench does. What differs is where its wires end:
rig.yaml (rig_file.py) gives each CAN bus an adapter (can_bridge.py stands between it and the hub), each Modbus RTU
device a serial line, the Modbus TCP devices an address, and lets relays follow facts (relay_board.py), so that lamps
show contacts and buttons are pressed. The product runs on the box under test, where a person has started it.

Rules
* Nothing is opened before a person has read what will be driven and has typed PHRASE. What is driven then is what was
  read, and not what has become of the file since.
* Only what `may_drive` lists is driven. A run that ends releases all relays, also one that Ctrl-C, SIGTERM or a
  terminal that is closed ends. After kill -9 only the emergency stop does (docs/rig-wiring.md), and the wires are
  silent: simulators and bridges end with this process.
* What only the box's own machine can do (its processes, its clock, its power) is refused with what a person can do.
It must never switch mains, and never drive a wire that rig.yaml does not name.

UNTESTED so far, for want of hardware: real serial ports and adapters (tested on pseudo-terminals), lgpio (tested with
the rig's own lines), and the time that a USB adapter adds. Relays follow at the next look, so LOOK_MS late at most.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from hil.bench import copies
from hil.bench.loopback import READY_S, LoopbackBench
from hil.bench.processes import python
from hil.bench.relay_board import RelayBoard
from hil.bench.rig_file import Rig, check_house, read
from hil.house import House, find, load
from hil.scenario.model import Action, Broker, Clock, Moment, PowerCut, Scenario, ToProcess
from hil.unix_socket import RigError

PHRASE = "nothing but lamps"
RIG = "rig.yaml"  # the copy in the run directory
BY_HAND = {
    ToProcess: "the product's processes are on the box under test; do it there, or use the loopback bench",
    Clock: "the clock is that of the box under test; put it there (date -s), or use the virtual bench",
    PowerCut: "pull the plug of the box under test by hand, or use the loopback bench",
    Broker: "the broker is none of this bench's; stop it where it runs, or use the loopback bench",
}


def what_it_drives(rig: Rig) -> list[str]:
    """For the person who has to agree: every wire, and what may happen on it."""
    listened = [f"CAN {bus}: is only listened to" for bus in rig.can if not rig.ids(bus)]
    lines = [*(permit.text() for permit in rig.may_drive), *listened]
    if rig.listen:
        lines.append(f"Modbus TCP: simulated devices answer at {rig.listen}")
    return [f"{rig.title} will drive, and nothing else:", *(f"  * {line}" for line in lines)]


def describe(path: Path, house: str = "") -> list[str]:
    """Judge a rig.yaml, with ``house`` also whether it fits a house; what it would drive, in lines. Opens nothing."""
    rig = read(path)
    if house:
        check_house(path, rig, load(find(house)))
    return what_it_drives(rig)


class WiredBench(LoopbackBench):
    """See the head of this file, and hil/bench/contract.py."""

    name = "bench"

    def __init__(self, rig_path: Path, ask: Callable[[str], str] = input) -> None:
        """``ask`` puts a question to a person and returns what was typed."""
        self._rig_path, self._rig, self._ask = rig_path, read(rig_path), ask
        self._board: RelayBoard | None = None
        super().__init__(self._rig.tokens)

    def _prepare(self, scenario: Scenario, seed: int, run_dir: Path) -> None:
        check_house(self._rig_path, self._rig, scenario.house)
        shutil.copy(self._rig_path, run_dir / RIG)
        if read(run_dir / RIG) != self._rig:
            raise RigError(f"{self._rig_path} has been changed in the meantime; run the scenario again")
        if scenario.edits:
            raise RigError(
                f"{scenario.path}: edits: the documents are on the box under test; change there "
                f"{', '.join(repr(old) for old in scenario.edits)}, and take the edits out of the scenario"
            )
        self._confirm()
        copies.copy_house(scenario, seed, self._wires(scenario.house), run_dir / "house.yaml")
        self.url, self._reader = self._rig.product, next(iter(self._rig.tokens), "")

    def _confirm(self) -> None:
        listed = "\n".join(what_it_drives(self._rig))
        question = f"{listed}\nIs that all that hangs there? Type '{PHRASE}' to go on: "
        try:
            typed = self._ask(question)
        except EOFError:
            typed = ""
        if typed.strip() != PHRASE:
            raise RigError(f"not confirmed, so nothing was opened; a person types: {PHRASE}")

    def _wires(self, house: House) -> dict[str, dict[str, object]]:
        """Where each device's wire ends; CAN devices stay on their hub."""
        wires: dict[str, dict[str, object]] = {}
        for entry in house.entries:
            if entry.link.kind == "tcp":
                wires[entry.name] = {"tcp": f"{self._rig.listen}:{entry.link.number}"}
            elif entry.link.kind == "serial":
                line = self._rig.serial[entry.name]
                wires[entry.name] = {"serial": line.port, "baud": line.baud}
        return wires

    def _start_house(self) -> None:
        super()._start_house()
        run_dir = str(self._ours.run_dir)
        for bus in self._rig.can:
            words = [f"{run_dir}/{RIG}", bus, run_dir, "--ready-fd"]
            self._ours.start(f"bridge_{bus}", python("hil.bench.can_bridge", *words), READY_S)
        if self._rig.relays is not None and (driven := self._rig.driven_lines()):
            self._board = RelayBoard(self._rig.relays, driven)

    def _start_product(self) -> None:
        """A person has started it, on the box."""

    def _check_it_is_ours(self) -> None:
        """It is the box's."""

    def _look_after(self) -> None:
        super()._look_after()
        for bus in self._rig.can:
            if how := self._ours.ended(name := f"bridge_{bus}"):
                raise RigError(f"the bridge to {bus} {how}; its last words:\n{self._ours.last_words(name)}")

    def _look(self) -> Moment:
        moment = super()._look()
        if self._board is not None:
            self._board.follow(moment.facts)
        return moment

    def do(self, action: Action) -> None:
        """Do it now, if it can be done from here."""
        if type(action) in BY_HAND:
            raise RigError(BY_HAND[type(action)])
        super().do(action)

    def close(self) -> None:
        """Release the relays first, then end everything."""
        try:
            if self._board is not None:
                self._board.close()
            self._board = None
        finally:
            super().close()
