"""The server's protocol with the bounds that its parser does not have.

Rules
* A head (request line and headers) has at most HEAD_MAX bytes. A request is whole within REQUEST_S of its beginning,
  and a connection has begun one within REQUEST_S of its own.
* A body says its length: with chunks and trailers there would be no end to what has to be kept. Of a body that was
  refused already at most DISCARD_MAX bytes are listened to.
* A connection has at most PIPELINE_MAX requests in advance, and reads its answers within READ_S.
* How many connections there may be, and who goes, is the seats' to say.
* Whoever breaks a bound loses the connection, with an answer where one can still be understood, and is counted.

This file must never look into a request: what was asked makes no difference here.
"""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from supervisor.gateway import seats
from supervisor.gateway.address import network_of
from supervisor.gateway.denials import Denials, Reason

HEAD_MAX = 16 * 1024  # bytes
REQUEST_S = 10.0
READ_S = 20.0
PIPELINE_MAX = 8
DISCARD_MAX = 1024 * 1024  # bytes

# What is answered: status, message, remedy. The others find nobody who could understand an answer.
ANSWERS = {
    Reason.BOUND_HEAD: (431, f"the head of a request has at most {HEAD_MAX} bytes", "send fewer and shorter headers"),
    Reason.BOUND_BODY: (411, "a body says its length", "send Content-Length instead of Transfer-Encoding"),
    Reason.BOUND_PIPELINE: (400, "too many requests in advance", f"wait for answers after {PIPELINE_MAX} requests"),
    Reason.BOUND_SYNTAX: (400, "this is not HTTP/1.1", "see GET /v1/state; where this port speaks TLS, say https"),
}


class BrokenBound(Exception):
    """Raised inside a parser callback: the server answers and closes."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection, and its seat. ``denials`` is set by :func:`bounded`."""

    denials: Denials
    network = ""
    number = 0
    seat_before: seats.Seat | None = None
    _broken: Reason | None = None
    _patience: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None
    _in_head = False
    _head_bytes = 0
    _partial_bytes = 0
    _discarded = 0

    # ---- its seat --------------------------------------------------------------------------------------------------
    @property
    def idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def leave(self) -> None:
        self.connections.discard(self)  # now, and not when the loop comes to it: the seat is wanted
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.network, self.number = network_of(self.client[0]) if self.client else "?", seats.number()
        self._be_patient()
        self.connections.discard(self.seat_before)
        sit(self, self.connections, self.denials)

    def connection_lost(self, exc: Exception | None) -> None:
        self._done_waiting()
        self._has_read()
        super().connection_lost(exc)

    # ---- heads and bodies ------------------------------------------------------------------------------------------
    def data_received(self, data: bytes) -> None:
        goes_on = self._in_head
        super().data_received(data)
        self._partial_bytes = self._partial_bytes + len(data) if goes_on and self._in_head else 0
        if self._partial_bytes > HEAD_MAX and not self.transport.is_closing():
            self._broken = Reason.BOUND_HEAD
            self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes, self._discarded = True, 0, 0
        self._be_patient()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count_head(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        self._in_head = False
        if any(name == b"transfer-encoding" for name, _value in self.headers):
            self._break(Reason.BOUND_BODY)
        if len(self.pipeline) >= PIPELINE_MAX:
            self._break(Reason.BOUND_PIPELINE)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self.cycle.response_complete:
            self._discarded += len(body)
            if self._discarded > DISCARD_MAX:
                self.transport.abort()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._done_waiting()

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_MAX:
            self._break(Reason.BOUND_HEAD)

    def _break(self, reason: Reason) -> NoReturn:
        self._broken = reason
        raise BrokenBound(reason)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  the server's own words are not ours
        """The server calls this for whatever its parser or a callback of ours did not like."""
        reason = self._broken or Reason.BOUND_SYNTAX
        self.denials.deny(reason, self.network)
        self.transport.write(refusal(reason))
        self.transport.close()

    # ---- patience --------------------------------------------------------------------------------------------------
    def pause_writing(self) -> None:
        super().pause_writing()
        self._has_read()
        self._reading = self.loop.call_later(READ_S, self._too_slow)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._has_read()

    def timeout_keep_alive_handler(self) -> None:
        """Closing waits until everything has been read, so somebody who never reads has to be hung up on."""
        super().timeout_keep_alive_handler()
        self._has_read()
        self._reading = self.loop.call_later(READ_S, self._too_slow)

    def _be_patient(self) -> None:
        self._done_waiting()
        self._patience = self.loop.call_later(REQUEST_S, self._too_slow)

    def _too_slow(self) -> None:
        self.denials.deny(Reason.BOUND_SLOW, self.network)
        self.transport.abort()

    def _done_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _has_read(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None


def sit(newcomer: seats.Seat, connections: set[Any], denials: Denials) -> None:
    """Make room for ``newcomer``, who is among ``connections`` already; or not."""
    goes = seats.one_too_many(connections, newcomer)
    if goes is not None:
        denials.deny(Reason.BOUND_CONNECTIONS, goes.network)
        goes.leave()


def bounded(denials: Denials) -> type[BoundedProtocol]:
    """The protocol as the server wants it, a class, counting into ``denials``."""
    return type("Bounded", (BoundedProtocol,), {"denials": denials})


def refusal(reason: Reason) -> bytes:
    """The whole answer, in the shape of every other problem (problem.py)."""
    status, message, remedy = ANSWERS[reason]
    body = msgspec.json.encode({"error": {"code": reason, "message": message, "remedy": remedy}})
    head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return STATUS_LINE[status] + head.encode() + body
