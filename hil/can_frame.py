"""A CAN frame and the 16 bytes that carry it over the rig's Unix-socket bus.

Rules: one packet is one frame, in the layout that Linux uses for SocketCAN (`struct can_frame`, linux/can.h):
a 32-bit identifier with flags in its top three bits, a length byte, three bytes of padding, eight bytes of data.
A packet of any other length is not a frame; the first packet of a client is its name (1 to 15 bytes).

This file must never import python-can: simulators talk to the hub without it, so they start fast and stay small.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from dataclasses import dataclass

FRAME_BYTES = 16
NAME_BYTES_MAX = 15
DATA_BYTES_MAX = 8

_LAYOUT = struct.Struct("<IB3x8s")
_EXTENDED, _REMOTE, _ERROR = 0x8000_0000, 0x4000_0000, 0x2000_0000
_ID_STANDARD, _ID_EXTENDED = 0x7FF, 0x1FFF_FFFF


@dataclass(frozen=True, slots=True)
class Frame:
    """One classic CAN frame; `can_id` is 11 bits wide, or 29 when `extended` (or an error mask when `error`).

    `length` matters for a remote frame only, which asks for that many bytes and carries none.
    """

    can_id: int
    data: bytes = b""
    extended: bool = False
    error: bool = False
    remote: bool = False
    length: int = 0


def pack_frame(frame: Frame) -> bytes:
    """The 16 bytes of a frame; ValueError for an identifier or a length that no CAN controller could send."""
    widest = _ID_EXTENDED if frame.extended or frame.error else _ID_STANDARD
    if not 0 <= frame.can_id <= widest:
        raise ValueError(f"CAN identifier {frame.can_id:#x} does not fit: at most {widest:#x}")
    length = frame.length if frame.remote else len(frame.data)
    if length > DATA_BYTES_MAX or (frame.remote and frame.data):
        raise ValueError(f"CAN identifier {frame.can_id:#x}: {length} bytes; a classic frame has at most 8, a remote 0")
    flags = _EXTENDED * frame.extended | _REMOTE * frame.remote | _ERROR * frame.error
    return _LAYOUT.pack(frame.can_id | flags, length, frame.data)


def unpack_frame(packet: bytes) -> Frame:
    """The frame in a packet of 16 bytes; ValueError for a packet that is none."""
    if len(packet) != FRAME_BYTES:
        raise ValueError(f"a frame has {FRAME_BYTES} bytes, this packet {len(packet)}")
    word, length, data = _LAYOUT.unpack(packet)
    if length > DATA_BYTES_MAX:
        raise ValueError(f"a classic frame has at most 8 data bytes, this packet says {length}")
    extended, remote, error = bool(word & _EXTENDED), bool(word & _REMOTE), bool(word & _ERROR)
    can_id = word & (_ID_EXTENDED if extended or error else _ID_STANDARD)
    return Frame(can_id, b"" if remote else data[:length], extended, error, remote, length)


def connect(path: str | os.PathLike[str], name: str = "") -> socket.socket:
    """A non-blocking socket to the hub at `path`, introduced by `name`; OSError says why there is none."""
    text = os.fspath(path)
    if not os.path.exists(text):
        raise OSError(errno.ENOENT, "there is no such socket", text)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.connect(text)
        sock.send((name or f"pid{os.getpid()}").encode("ascii", "replace")[:NAME_BYTES_MAX])
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
