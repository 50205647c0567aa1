"""The little of a WebSocket client that Home Assistant's API needs: text frames, both ways, in order (RFC 6455)."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from typing import Any


class PeerWebSocket:
    """A blocking connection that speaks JSON."""

    def __init__(self, host: str, port: int, path: str, timeout_s: float = 20.0) -> None:
        self._sock = socket.create_connection((host, port), timeout_s)
        self._rest = b""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
        self._sock.sendall("\r\n".join(lines).encode())
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._more()
        head, self._rest = self._rest.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode(errors="replace"))

    def say(self, message: object) -> None:
        self._frame(0x1, json.dumps(message).encode())

    def hear(self) -> Any:
        """The next message. Raises ConnectionError at the end."""
        text = b""
        while True:
            first, second = self._take(2)
            length: int = second & 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", self._take(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self._take(8))
            payload, kind = self._take(length), first & 0x0F
            if kind == 0x9:
                self._frame(0xA, payload)
            elif kind == 0x8:
                raise ConnectionError("closed")
            elif kind in (0x0, 0x1):
                text += payload
                if first & 0x80:
                    return json.loads(text)

    def close(self) -> None:
        self._sock.close()

    def _frame(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        head = bytes([0x80 | kind])
        head += bytes([0x80 | size]) if size < 126 else struct.pack(">BH", 0x80 | 126, size)  # none of ours is longer
        mask = os.urandom(4)
        self._sock.sendall(head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload)))

    def _take(self, count: int) -> bytes:
        while len(self._rest) < count:
            self._rest += self._more()
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def _more(self) -> bytes:
        data = self._sock.recv(65_536)
        if not data:
            raise ConnectionError("the other side hung up")
        return data
