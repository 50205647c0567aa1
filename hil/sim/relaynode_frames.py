"""The two frames of a relay node and the seal that makes them valid (dbc/relaynode_can.dbc).

Rules: byte 7 is the checksum of the identifier and of bytes 0 to 6. It must never share code with the product's
commander: this is the second opinion on the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from hil.can_frame import Frame
from hil.sim.can_table import crc8_j1850, load
from hil.sim.contactor import NOT_AVAILABLE

NODE_ID_STEP = 16
FRAMES_KEPT = 512  # whose meaning is remembered: a quiet house says the same few again and again
_TABLE = load("relaynode_can.dbc")
COMMAND, STATUS = _TABLE["RELAY_COMMAND"], _TABLE["RELAY_STATUS"]


def command_frame(node: int, coils: int, pulse: int, counter: int) -> Frame:
    """A command as a commander would send it; the simulator's tests and people at a bench use it."""
    raw = {f"Coil{index + 1}": coils >> index & 1 for index in range(8)}
    data = COMMAND.pack({**raw, "PermitPulse": pulse, "AliveCounter": counter})
    return sealed(COMMAND.can_id + NODE_ID_STEP * (node - 1), data)


@lru_cache(FRAMES_KEPT)
def command_raw(data: bytes) -> Mapping[str, int]:
    """What a command of the right length says."""
    return COMMAND.unpack(data)


class Status(NamedTuple):
    """What a status tells, but its counter; of `mirrors` those that the node has."""

    mirrors: tuple[int, ...]
    driven: int
    permit: bool
    drop_reason: int
    rejected: int
    supply_v: float
    drop_out_ms: int

    def raw(self) -> dict[str, int]:
        """The raw counts of the table's signals."""
        mirrors = dict.fromkeys(range(1, 9), NOT_AVAILABLE) | dict(enumerate(self.mirrors, 1))
        return {
            **{f"Contact{number}": mirror for number, mirror in mirrors.items()},
            "CoilEcho": self.driven,
            "Permit": int(self.permit),
            "DropReason": self.drop_reason,
            "RejectedCommands": self.rejected,
            **STATUS.raw(CoilSupply=self.supply_v, DropOutTime=self.drop_out_ms),
        }


@lru_cache(FRAMES_KEPT)
def status_frame(can_id: int, status: Status, counter: int) -> Frame:
    """The frame of a node that nothing is broken on."""
    return sealed(can_id, STATUS.pack({**status.raw(), "AliveCounter": counter}))


@lru_cache(FRAMES_KEPT)
def checksum(can_id: int, data: bytes) -> int:
    """Over the low and the high byte of the identifier, then bytes 0 to 6."""
    return crc8_j1850(can_id.to_bytes(2, "little") + data[:7])


def sealed(can_id: int, data: bytes) -> Frame:
    """A frame with its checksum in byte 7."""
    return Frame(can_id, data[:7] + bytes([checksum(can_id, data)]))
