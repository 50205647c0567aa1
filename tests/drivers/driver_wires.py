"""How the tests put numbers on a wire: their own encoders, from the tables and from struct, never from a driver."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from importlib.resources import files

import cantools
from cantools.database.can import Database

from drivers.contract import Frame


def database(stem: str) -> Database:
    """The DBC, loaded by the tests themselves."""
    loaded = cantools.database.load_string(files("dbc").joinpath(f"{stem}.dbc").read_text(encoding="utf-8"), "dbc")
    assert isinstance(loaded, Database)
    return loaded


def crc8(data: bytes) -> int:
    """CRC-8 SAE J1850 bit by bit, as the standard draws it."""
    register = 0xFF
    for byte in data:
        for bit in range(7, -1, -1):
            carry = (register >> 7) ^ (byte >> bit & 1)
            register = (register << 1 & 0xFF) ^ (0x1D if carry else 0)
    return register ^ 0xFF


def sealed(can_id: int, body: bytes) -> Frame:
    """Seven bytes and their checksum, as the relay node makes it."""
    return Frame(can_id, body[:7] + bytes((crc8(struct.pack("<H", can_id) + body[:7]),)))


RELAY = database("relaynode_can")


def relay_status(counter: int, node: int = 1, **changes: float) -> Frame:
    """A healthy status of a node, with changes in the DBC's physical values. Contacts open, 24 V, 1000 ms."""
    values: dict[str, float] = {f"Contact{n}": 0 for n in range(1, 9)}
    values |= {"CoilEcho": 0, "AliveCounter": counter, "Permit": 1, "DropReason": 0, "CoilSupply": 24.0}
    values |= {"RejectedCommands": 0, "DropOutTime": 1000, "Checksum": 0} | changes
    message = RELAY.get_message_by_name("RELAY_STATUS")
    return sealed(0x211 + 16 * (node - 1), message.encode(values, strict=False))


def relay_command(frame: Frame) -> Mapping[str, int]:
    """What a command says, after its checksum has been checked here."""
    assert frame == sealed(frame.can_id, frame.data)
    decoded = RELAY.get_message_by_name("RELAY_COMMAND").decode(frame.data, decode_choices=False)
    assert isinstance(decoded, dict)
    return {name: int(value) for name, value in decoded.items()}  # type: ignore[arg-type]


def frame(text: str) -> Frame:
    """``"351 14 02 C0"``: identifier and bytes as a candump prints them."""
    can_id, *data = text.split()
    return Frame(int(can_id, 16), bytes.fromhex("".join(data)))


def float_words(number: float) -> tuple[int, int]:
    """A float32, high word first."""
    high, low = struct.unpack(">HH", struct.pack(">f", number))
    return high, low


def u32_words(number: int) -> tuple[int, int]:
    return number >> 16, number & 0xFFFF


def block(address: int, count: int, values: Mapping[int, tuple[int, ...]]) -> list[int]:
    """``count`` registers from ``address``; ``values``: register address -> words, all others 0."""
    words = [0] * count
    for place, some in values.items():
        words[place - address : place - address + len(some)] = some
    return words
