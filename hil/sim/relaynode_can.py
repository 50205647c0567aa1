"""The relay node: up to eight contacts with mirror feedback, which fall open by themselves when nobody commands them.

Theory of operation (dbc/relaynode_can.dbc is its specification):
* A command is valid when it has 8 bytes, the right checksum, and an alive counter of 0 to 14 that is not the last
  one again. A counter that skips is taken: a frame was lost, and this one is new. Everything else is rejected and
  counted (the count stays at 255).
* The coils drop when no valid command has come for the drop-out time, and follow the next valid command.
* The permit relay is in series with all coils. Its one-shot of drop-out time + 500 ms is re-armed only by a valid
  command whose permit pulse differs from the pulse of the valid command before it. The first one after power-up
  therefore arms nothing, and a level holds nothing.
* A contact takes its travel time; a mirror contact tells where it is: open, closed, or in between (sim/contactor.py).
It must never close a contact that no valid command asks for, unless a fault (welded, foreign) says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import ClassVar

import msgspec

from hil.can_frame import Frame
from hil.sim.can_table import CAN_FAULTS, broken_frame, broken_signals, check_signal
from hil.sim.contactor import (
    MIRROR_FAULTS,
    MOVEMENT_FAULTS,
    SUPPLY_FAULTS,
    Contactors,
    Supply,
)
from hil.sim.device import NEVER_MS, CanDevice, FaultKind, Json, Value, after
from hil.sim.relaynode_frames import COMMAND, NODE_ID_STEP, STATUS, Status, checksum, command_raw, sealed, status_frame

STATUS_MS = 100
PERMIT_EXTRA_MS = 500
COUNTER_WRAP = 15
REJECTED_MAX = 255


class Drop(IntEnum):
    """Why the coils dropped last: DropReason of the table."""

    NONE = 0
    COMMAND_TIMEOUT = 1
    PERMIT_LOST = 2
    BAD_COMMANDS = 3
    COIL_SUPPLY_LOW = 4


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a house file may say about one node."""

    node: int = 1
    contacts: int = 4
    drop_out_ms: int = 1000
    close_ms: int = 30
    open_ms: int = 20

    def __post_init__(self) -> None:
        if not 1 <= self.node <= 15 or not 1 <= self.contacts <= 8:
            raise ValueError("node must be 1 to 15 and contacts 1 to 8")
        if not 500 <= self.drop_out_ms <= 25000 or self.drop_out_ms % 100:
            raise ValueError("drop_out_ms must be 500 to 25000, in steps of 100, as the switch on the node has")


class RelayNode(CanDevice):
    """The node; see the head of this file."""

    fault_kinds = (
        *CAN_FAULTS,
        FaultKind("stuck_counter", "the status repeats its alive counter"),
        FaultKind("wrong_crc", "the status carries a wrong checksum"),
        *MOVEMENT_FAULTS,
        *MIRROR_FAULTS,
        *SUPPLY_FAULTS,
        FaultKind("deaf", "receives nothing"),
    )

    plant_ms = 20  # what hangs behind a contact is off within milliseconds
    settable: ClassVar[Mapping[str, str]] = {"power_cycle": "any value: off and on again; what is welded stays"}

    def __init__(self, name: str, options: Options, now_ms: int) -> None:
        super().__init__(name)
        self.options = options
        self.command_id = COMMAND.can_id + NODE_ID_STEP * (options.node - 1)
        self.status_id = STATUS.can_id + NODE_ID_STEP * (options.node - 1)
        self._supply = Supply(self.faults)
        self._contactors = Contactors(options.contacts, options.close_ms, options.open_ms, self.faults, self._moved)
        self._shown = self._contactors.mirrors(now_ms)  # by the last status
        self._coil_bits = [(f"Coil{index + 1}", 1 << index) for index in range(options.contacts)]
        self.coils = 0  # as last commanded, 0 after a drop
        self.drop_reason = Drop.NONE
        self.rejected = 0
        self._counter_seen: int | None = None
        self._pulse_seen: int | None = None
        self._rejected_since_valid = False
        self._drop_ms = self._permit_until_ms = NEVER_MS
        self.permit = False
        self._status_ms, self._status_counter = now_ms, 0
        self._frozen: Status | None = None

    # -- commands --

    def on_frame(self, frame: Frame, now_ms: int) -> list[Frame]:
        if frame.can_id != self.command_id or frame.extended or frame.error or self.faults.has("deaf"):
            return []
        why = self._why_rejected(frame)
        self.record_write(now_ms, id=frame.can_id, data=frame.data.hex(), accepted=not why, why=why)
        self._expire(now_ms)
        if why:
            self.rejected = min(self.rejected + 1, REJECTED_MAX)
            self._rejected_since_valid = True
        else:
            self._obey(command_raw(frame.data), now_ms)
        return self._move(now_ms)

    def _why_rejected(self, frame: Frame) -> str:
        """Empty for a valid command."""
        if len(frame.data) != COMMAND.length or frame.remote:
            return "length"
        if frame.data[7] != checksum(frame.can_id, frame.data):
            return "checksum"
        counter = command_raw(frame.data)["AliveCounter"]
        if counter >= COUNTER_WRAP:
            return "counter invalid"
        return "counter repeated" if counter == self._counter_seen else ""

    def _obey(self, raw: Mapping[str, int], now_ms: int) -> None:
        self._counter_seen = raw["AliveCounter"]
        self._rejected_since_valid = False
        self.coils = sum([bit for name, bit in self._coil_bits if raw[name]])
        self._drop_ms = now_ms + self.options.drop_out_ms
        if self._pulse_seen is not None and raw["PermitPulse"] != self._pulse_seen:
            self.permit = True
            self._permit_until_ms = now_ms + self.options.drop_out_ms + PERMIT_EXTRA_MS
        self._pulse_seen = raw["PermitPulse"]
        if self.permit and self._supply.holds():
            self.drop_reason = Drop.NONE

    # -- time --

    def next_ms(self) -> int:
        return min(
            self._status_ms, self._drop_ms, self._permit_until_ms, self._contactors.next_ms(), self._supply.next_ms
        )

    def poll(self, now_ms: int) -> list[Frame]:
        self._expire(now_ms)
        frames = self._move(now_ms)
        if now_ms >= self._status_ms:
            self._status_ms = after(self._status_ms, STATUS_MS, now_ms)
            frames += self._status(now_ms)
        return frames

    def _expire(self, now_ms: int) -> None:
        """Let go what nobody has renewed."""
        if now_ms >= self._drop_ms:
            self._drop(Drop.BAD_COMMANDS if self._rejected_since_valid else Drop.COMMAND_TIMEOUT, now_ms)
            self.coils, self._drop_ms = 0, NEVER_MS
        if now_ms >= self._permit_until_ms:
            if self.drop_reason is Drop.NONE:
                self._drop(Drop.PERMIT_LOST, now_ms)
            self.permit, self._permit_until_ms = False, NEVER_MS

    def _drop(self, reason: Drop, now_ms: int) -> None:
        self.drop_reason = reason
        self.note(now_ms, "drop", reason=reason.name.lower())

    # -- contacts --

    def supply_v(self) -> float:
        """Volts at the coils."""
        return self._supply.volt()

    def driven(self) -> int:
        """The coils that the node drives: what was commanded, in series with permit and supply."""
        return self.coils if self.permit and self._supply.holds() else 0

    def _moved(self, now_ms: int, contact: int, closed: bool) -> None:
        self.note(now_ms, "contact", contact=contact, closed=closed)

    def _move(self, now_ms: int) -> list[Frame]:
        """Let coils and contacts do what is due; a status goes out at once when a mirror says something else."""
        self._supply.step(self._contactors.pulled(self.driven()), now_ms)
        if not self._supply.holds() and self.drop_reason is Drop.NONE:
            self._drop(Drop.COIL_SUPPLY_LOW, now_ms)
        self._contactors.step(self.driven(), now_ms)
        # The coils that have just changed are a different load.
        self._supply.step(self._contactors.pulled(self.driven()), now_ms)
        return self._status(now_ms) if self._shown != self._contactors.mirrors(now_ms) else []

    # -- status --

    def _status(self, now_ms: int) -> list[Frame]:
        self._shown = self._contactors.mirrors(now_ms)
        if self.faults.any():
            return self._broken_status(now_ms)
        self._frozen, counter = None, self._status_counter
        self._status_counter = (counter + 1) % COUNTER_WRAP
        return [status_frame(self.status_id, self._told(self._shown), counter)]

    def _broken_status(self, now_ms: int) -> list[Frame]:
        if self.faults.has("silent"):
            return []
        if not self.faults.has("frozen"):
            self._frozen = None
        told = self._frozen or self._told(self._contactors.mirrors(now_ms))
        raw = broken_signals(STATUS, {**told.raw(), "AliveCounter": self._status_counter}, self.faults)
        if not self.faults.has("stuck_counter"):
            self._status_counter = (self._status_counter + 1) % COUNTER_WRAP
        frame = sealed(self.status_id, STATUS.pack(raw))
        if self.faults.has("wrong_crc"):
            frame = Frame(frame.can_id, frame.data[:7] + bytes([frame.data[7] ^ 0x55]))
        return [broken_frame(frame, self.faults)]

    def _told(self, mirrors: list[int]) -> Status:
        driven, volt, drop_out_ms = self.driven(), self.supply_v(), self.options.drop_out_ms
        return Status(tuple(mirrors), driven, self.permit, self.drop_reason, self.rejected, volt, drop_out_ms)

    # -- control --

    def set_physical(self, name: str, value: object, now_ms: int) -> None:  # noqa: ARG002 - there is one, of any value
        """Without supply it forgets what it was told."""
        self.coils, self.permit = 0, False
        self._counter_seen = self._pulse_seen = None
        self._drop_ms = self._permit_until_ms = NEVER_MS
        self._contactors.step(self.driven(), now_ms)

    def on_fault(self, name: str, params: dict[str, Value], now_ms: int) -> None:
        check_signal({"RELAY_STATUS": STATUS}, name, params)
        self._contactors.check(name, params, now_ms)
        if name == "frozen":
            self._frozen = self._told(self._contactors.mirrors(now_ms))

    def state(self, now_ms: int) -> Json:
        return {
            "closed": self._contactors.closed(),
            "moving": self._contactors.moving(),
            "mirrors": self._contactors.mirrors(now_ms),
            "coils_commanded": self.coils,
            "coils_driven": self.driven(),
            "permit": self.permit,
            "drop_reason": self.drop_reason.name.lower(),
            "rejected": self.rejected,
            "supply_v": self.supply_v(),
            "drop_out_ms": self.options.drop_out_ms,
        }

    def to_plant(self, now_ms: int) -> Json:  # noqa: ARG002
        return {"kind": "relays", "contacts": self._contactors.closed()}

    def from_plant(self, view: Json, now_ms: int) -> None:
        """What flowed has welded contacts (hil/plant_contacts.py): from now on that is a fault like any other."""
        welded = view.get("welded")
        for contact in welded if isinstance(welded, list) else []:
            self.faults.add("welded", {"contact": contact})
            self.note(now_ms, "welded", contact=contact)


def make(name: str, options: Options, now_ms: int) -> RelayNode:
    """The device that a house file describes."""
    return RelayNode(name, options, now_ms)
