"""The server's protocol with the bounds that its parser does not have.

Rules
* A head (request line and headers) has at most HEAD_MAX bytes. A request is whole within REQUEST_S of its beginning,
  and a connection has begun one within REQUEST_S of its own.
* A body says its length: with chunks and trailers there would be no end to what has to be kept.
* One address has at most ADDRESS_CONNECTIONS connections, all together CONNECTIONS_MAX, and a connection PIPELINE_MAX
  requests in advance.

This file must never look into a request: whoever breaks a bound loses the connection, whatever was asked.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_MAX = 16 * 1024  # bytes
REQUEST_S = 10.0
CONNECTIONS_MAX = 200
ADDRESS_CONNECTIONS = 64
PIPELINE_MAX = 8


class BrokenBound(Exception):
    """Raised inside a parser callback: the server answers 400 and closes."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    _patience: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        host = self.client[0] if self.client else ""
        addresses = [
            other.client[0] for other in self.connections if isinstance(other, HttpToolsProtocol) and other.client
        ]
        if addresses.count(host) > ADDRESS_CONNECTIONS or len(self.connections) > CONNECTIONS_MAX:
            transport.abort()
        else:
            self._be_patient()

    def connection_lost(self, exc: Exception | None) -> None:
        self._done_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._in_head else 0
        if self._head_bytes > HEAD_MAX:
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._be_patient()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if any(name == b"transfer-encoding" for name, _value in self.headers):
            raise BrokenBound("a body says its length")
        if len(self.pipeline) >= PIPELINE_MAX:
            raise BrokenBound("too many requests in advance")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._done_waiting()

    def _be_patient(self) -> None:
        self._done_waiting()
        self._patience = self.loop.call_later(REQUEST_S, self.transport.abort)

    def _done_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
