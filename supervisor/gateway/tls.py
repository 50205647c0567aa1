"""TLS with the house's own certificate: reading it, reading it again, and the handshake with its bounds.

Theory of operation
    connection --seat taken--> handshake --HANDSHAKE_S, an error, or hung up--> counted and gone
                                         --done--> an HTTP connection (bounds.py)

Rules
* TLS 1.2 or newer, with forward secrecy and authenticated encryption only.
* A certificate that cannot be used is one sentence. At start it ends the process; on a reload the old one stays.
* A reload concerns new connections; those that exist go on with what they agreed upon.
* A handshake is a connection like any other: it has a seat, and one that does not come to an end loses it.

This file must never fall back to clear text.
"""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supervisor.gateway import seats
from supervisor.gateway.address import network_of
from supervisor.gateway.bounds import BoundedProtocol, sit
from supervisor.gateway.denials import Denials, Reason

HANDSHAKE_S = 5.0
GOODBYE_S = 2.0  # for the other side to say that it has heard everything
ACCEPT_AGAIN_S = 0.05
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; all of 1.3's are of this kind
WARN_DAYS = 14


class TlsError(Exception):
    """Certificate and key cannot be used. The text is one sentence for people."""


class Certificate:
    """A certificate with its key, as two files. ``context`` serves whichever pair was read last without error."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._cert, self._key = cert, key
        self._newest = _context(cert, key)
        self.context = _context(cert, key)
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Called in every handshake, whether or not the client named a host."""
        connection.context = self._newest

    def reload(self) -> None:
        """Read both files again. Raises TlsError, and then nothing has changed."""
        self._newest = _context(self._cert, self._key)

    def warning(self, now: datetime.datetime) -> str:
        """What should be said about its dates, "" when there is nothing to say."""
        from cryptography import x509  # late: who serves clear text does not need it

        found = x509.load_pem_x509_certificate(self._cert.read_bytes())
        ends = found.not_valid_after_utc
        if now >= ends:
            return f"the certificate {self._cert} expired on {ends:%Y-%m-%d}: clients will refuse it, make a new one"
        if now < found.not_valid_before_utc:
            begins = found.not_valid_before_utc
            return f"the certificate {self._cert} begins on {begins:%Y-%m-%d}, and this clock says {now:%Y-%m-%d}"
        days = (ends - now).days
        return f"the certificate {self._cert} expires in {days} days" if days < WARN_DAYS else ""


def _context(cert: Path, key: Path) -> ssl.SSLContext:
    """Raises TlsError."""
    for path, what in ((cert, "certificate"), (key, "key")):
        try:
            path.read_bytes()
        except OSError as error:
            raise TlsError(f"the {what} {path} cannot be read: {error.strerror or error}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
            raise TlsError(f"the key {key} does not belong to the certificate {cert}") from None
        raise TlsError(f"{cert} and {key} are not a certificate and its key in PEM: {error.reason or error}") from None
    except ValueError:
        raise TlsError(f"the key {key} has a password: store it without one, readable only by this user") from None
    return context


def _no_password() -> str:
    """Nobody is there to type one when a house restarts at night."""
    raise ValueError


class Handshake:
    """A connection that has not become one yet, and its seat."""

    idle = True

    def __init__(self, network: str, connections: set[Any]) -> None:
        self.network, self.number = network, seats.number()
        self._connections = connections
        self.task: asyncio.Task[None] | None = None

    def leave(self) -> None:
        self._connections.discard(self)
        if self.task is not None:
            self.task.cancel()

    def shutdown(self) -> None:
        """The server stops."""
        self.leave()


class Entrance:
    """Accepts connections and shakes hands. ``connections`` is the server's own set, so everybody has a seat in it;
    ``made`` makes the protocol of one that got so far. It closes like a server."""

    def __init__(
        self, certificate: Certificate, connections: set[Any], denials: Denials, made: Callable[[], BoundedProtocol]
    ) -> None:
        self._certificate, self._connections, self._denials, self._made = certificate, connections, denials, made
        self._accepting: asyncio.Task[None] | None = None

    def open(self, sock: socket.socket) -> None:
        """Accept from a listening socket until closed."""
        sock.setblocking(False)
        self._accepting = asyncio.get_running_loop().create_task(self._accept(sock))

    def close(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()

    async def wait_closed(self) -> None:
        if self._accepting is not None:
            await asyncio.wait([self._accepting])

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, peer = await loop.sock_accept(listener)
            except OSError:  # no descriptor is free, or the caller has gone already
                await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            guest = Handshake(network_of(peer[0]), self._connections)
            self._connections.add(guest)
            sit(guest, self._connections, self._denials)
            if guest in self._connections:
                guest.task = loop.create_task(self._shake(sock, guest))
            else:
                sock.close()

    async def _shake(self, sock: socket.socket, guest: Handshake) -> None:
        def protocol() -> BoundedProtocol:
            made = self._made()
            made.seat_before = guest  # given up when the handshake is done and the connection takes its own
            return made

        bounds = {"ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": GOODBYE_S}
        loop, context = asyncio.get_running_loop(), self._certificate.context
        try:
            await loop.connect_accepted_socket(protocol, sock, ssl=context, **bounds)
        except OSError:  # ssl.SSLError and time-outs among them
            self._denials.deny(Reason.TLS_HANDSHAKE, guest.network)
        finally:
            self._connections.discard(guest)
