"""The gateway process: one loop with the HTTP server and the line to the guardian.

    powerwarden gateway --socket /run/powerwarden/guardian.sock --listen 127.0.0.1:8080
    powerwarden gateway ... --tls-cert gateway.pem --tls-key gateway.key

Rules
* It starts without a guardian and says so; it never waits for one.
* It ends on SIGTERM and SIGINT with 0, after at most STOP_S; a port or a certificate that cannot be had ends it with 2
  and one sentence. SIGHUP reads the certificate again, and nobody's connection is dropped for that.
* If the line's task ever dies, the process ends with 1: a gateway that can only show old pictures must not linger.

This file must never hold an opinion about a request.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvloop
from uvicorn.config import Config
from uvicorn.server import Server

from supervisor.gateway import mqtt
from supervisor.gateway.bounds import BoundedProtocol, bounded
from supervisor.gateway.confine import confine
from supervisor.gateway.denials import Denials
from supervisor.gateway.denials import to_stderr as say
from supervisor.gateway.door import Door, Rate, Rates
from supervisor.gateway.history import History
from supervisor.gateway.http import build, end_streams
from supervisor.gateway.link import Change, Link
from supervisor.gateway.listen import BACKLOG, Address, address, bind, why_not
from supervisor.gateway.seats import SEATS_MAX
from supervisor.gateway.tls import Certificate, Entrance, TlsError

KEEP_ALIVE_S = 30
STOP_S = 2
LOOK_AGAIN_S = 24 * 3_600  # at the certificate's dates


class GatewayServer(Server):
    """uvicorn's server; signals are ours (see :func:`serve`), so that a stop that was asked for ends with 0."""

    def __init__(self, config: Config, certificate: Certificate | None = None) -> None:
        super().__init__(config)
        self._certificate = certificate

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        end_streams(self.config.app)  # they do not end by themselves, and a stop must not wait for them
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._certificate is None:
            await super().startup(sockets)
        else:
            self._startup_tls(self._certificate, sockets or [])
        for sock in sockets or []:
            host, port = sock.getsockname()[:2]
            say(f"serving on http{'s' if self._certificate else ''}://{Address(host, port)}")

    def _startup_tls(self, certificate: Certificate, sockets: list[socket.socket]) -> None:
        """uvicorn would begin to count connections after their handshake, and wait a minute for each of those."""
        loop, kind = asyncio.get_running_loop(), self.config.http_protocol_class
        if not (isinstance(kind, type) and issubclass(kind, BoundedProtocol)):
            raise TypeError("the server's protocol is ours")

        def made() -> BoundedProtocol:
            return kind(self.config, self.server_state, self.lifespan.state, loop)

        entrance = Entrance(certificate, self.server_state.connections, kind.denials, made)
        for sock in sockets:
            entrance.open(sock)
        self.servers = [entrance]  # type: ignore[list-item]  # it closes like one
        self.started = True


def positive(text: str) -> int:
    """A whole number from 1 to 100,000. Raises ValueError."""
    value = int(text)
    if not 1 <= value <= 100_000:
        raise ValueError(text)
    return value


def options(argv: Sequence[str]) -> argparse.Namespace:
    """The command line. Exits with 2 and a usage message when it is wrong."""
    parser = argparse.ArgumentParser(prog="powerwarden gateway", description="HTTP, metrics and the local page.")
    parser.add_argument("--socket", required=True, metavar="PATH", help="the guardian's socket")
    parser.add_argument("--listen", type=address, default="127.0.0.1:8080", metavar="HOST:PORT")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="serve HTTPS with this certificate (PEM)")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="and this key (PEM, without a password)")
    parser.add_argument("--mqtt-login", type=Path, metavar="FILE", help="user:password at the site's MQTT broker")
    parser.add_argument("--mqtt-ca", type=Path, metavar="FILE", help="the authority of the broker's certificate (PEM)")
    rates = Rates()
    per_identity, per_address = "writes a second per identity", "requests a second per address"
    parser.add_argument("--identity-rate", type=positive, default=rates.identity.per_s, metavar="N", help=per_identity)
    parser.add_argument("--address-rate", type=positive, default=rates.address.per_s, metavar="N", help=per_address)
    chosen = parser.parse_args(argv)
    if (chosen.tls_cert is None) != (chosen.tls_key is None):
        parser.error("--tls-cert and --tls-key go together")
    return chosen


def run(argv: Sequence[str]) -> int:
    """Serve until told to stop. Returns the exit code."""
    chosen = options(argv)
    try:
        certificate = Certificate(chosen.tls_cert, chosen.tls_key) if chosen.tls_cert else None
        login = mqtt.options(chosen.mqtt_login, chosen.mqtt_ca)
        sock = bind(chosen.listen)
    except (TlsError, mqtt.LoginError) as error:
        say(str(error))
        return 2
    except OSError as error:
        say(why_not(chosen.listen, error))
        return 2
    if certificate is None and not chosen.listen.is_loopback:
        say(
            "tokens travel in clear text beyond this machine: give --tls-cert and --tls-key (powerwarden certificate "
            "makes both), or put a TLS proxy in front"
        )
    for trouble in confine():
        say(trouble)
    identity, of_address = chosen.identity_rate, chosen.address_rate
    rates = Rates(Rate(of_address, 2 * of_address), Rate(identity, 2 * identity))
    gc.collect()
    gc.freeze()  # what start-up made stays: no later collection has to look at it
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(chosen.socket, sock, rates, certificate, login))


async def serve(
    path: str,
    sock: socket.socket,
    rates: Rates,
    certificate: Certificate | None = None,
    login: mqtt.Options = mqtt.Options(),  # noqa: B008  frozen
) -> int:
    """The line and the server side by side. Returns the exit code."""
    link = Link(path, on_change=lambda change: tell(link, change))
    denials, door, history = Denials(), Door(rates), History(link)
    side, broker = mqtt.start(link, door, history, login, denials)
    server = GatewayServer(configure(link, rates, denials, door, history, side.reached), certificate)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, read_again, certificate)
    look(certificate)
    line = asyncio.create_task(link.run())
    line.add_done_callback(lambda _task: stop())
    broker.add_done_callback(lambda _task: stop())
    await server.serve(sockets=[sock])
    for task, what in ((line, "the line to the guardian"), (broker, "the MQTT side")):
        if task.done():
            say(f"{what} broke by a mistake of ours: {task.exception()!r}")
            return 1
    await side.stop(broker)
    line.cancel()
    await asyncio.wait([line])
    return 0


def read_again(certificate: Certificate | None) -> None:
    """SIGHUP."""
    if certificate is None:
        say("there is no certificate to read again")
        return
    try:
        certificate.reload()
    except TlsError as error:
        say(f"{error}; the old certificate stays in use")
        return
    say("new connections get the certificate that was read again")
    warn(certificate)


def look(certificate: Certificate | None) -> None:
    """At the certificate's dates, now and every day: a house runs for years without anybody looking."""
    if certificate is not None:
        warn(certificate)
        asyncio.get_running_loop().call_later(LOOK_AGAIN_S, look, certificate)


def warn(certificate: Certificate) -> None:
    if warning := certificate.warning(datetime.datetime.now(datetime.UTC)):
        say(warning)


def configure(
    link: Link,
    rates: Rates,
    denials: Denials | None = None,
    door: Door | None = None,
    history: History | None = None,
    broker: Callable[[], bool | None] | None = None,
) -> Config:
    """The server's bounds. No proxy headers: an address that the caller may invent limits nobody."""
    denials = denials or Denials()
    app = build(link, door or Door(rates), history, broker)
    app.state.denials = denials  # where problem.py counts what it answers
    return Config(
        app,
        http=bounded(denials),
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=2 * SEATS_MAX,  # tasks whose caller has gone count here; connections have their seats
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
        backlog=BACKLOG,
    )


def tell(link: Link, change: Change) -> None:
    """The two changes of the line that a log should have."""
    if change == "described":
        say(f"connected to the guardian at {link.path}")
    elif change == "lost":
        say(f"lost the guardian: {link.trouble}")


def main() -> None:
    """``python -m supervisor.gateway.main``."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
