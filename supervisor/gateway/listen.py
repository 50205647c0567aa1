"""The port: how it is written, how it is had, and why it cannot be had.

This file must never open more than one socket for an address: which one it was has to be sayable in one line.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

BACKLOG = 512  # who connects behind a crowd should not have to wait for a second try


@dataclass(frozen=True)
class Address:
    """Where to listen. ``host`` without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def address(text: str) -> Address:
    """HOST:PORT or [HOST]:PORT. Raises ValueError, which argparse turns into a usage message."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(text)
    return Address(host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port))


def bind(where: Address) -> socket.socket:
    """A bound socket, so that a port in use is found before anything is started. Raises OSError."""
    family, kind, protocol, _name, to = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(to)
        sock.listen(BACKLOG)  # here already: two processes may bind the same port, only one may listen
    except OSError:
        sock.close()
        raise
    return sock


def why_not(where: Address, error: OSError) -> str:
    """One sentence about a port that cannot be had."""
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use by another program: end that one, or choose another --listen"
    return f"cannot listen on {where}: {error.strerror or error}"
