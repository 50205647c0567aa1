"""The two frames of a relay node and the seal that makes them valid (dbc/relaynode_can.dbc).

Rules: byte 7 is the checksum of the identifier and of bytes 0 to 6. It must never share code with the product's
commander: this is the second opinion on the same table.
"""

from __future__ import annotations

from hil.can_frame import Frame
from hil.sim.can_table import crc8_j1850, load

NODE_ID_STEP = 16
_TABLE = load("relaynode_can.dbc")
COMMAND, STATUS = _TABLE["RELAY_COMMAND"], _TABLE["RELAY_STATUS"]


def command_frame(node: int, coils: int, pulse: int, counter: int) -> Frame:
    """A command as a commander would send it; the simulator's tests and people at a bench use it."""
    raw = {f"Coil{index + 1}": coils >> index & 1 for index in range(8)}
    data = COMMAND.pack({**raw, "PermitPulse": pulse, "AliveCounter": counter})
    return sealed(COMMAND.can_id + NODE_ID_STEP * (node - 1), data)


def checksum(can_id: int, data: bytes) -> int:
    """Over the low and the high byte of the identifier, then bytes 0 to 6."""
    return crc8_j1850(can_id.to_bytes(2, "little") + data[:7])


def sealed(can_id: int, data: bytes) -> Frame:
    """A frame with its checksum in byte 7."""
    return Frame(can_id, data[:7] + bytes([checksum(can_id, data)]))
