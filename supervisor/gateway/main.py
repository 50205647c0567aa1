"""The gateway process: one loop with the HTTP server and the line to the guardian.

    powerwarden gateway --socket /run/powerwarden/guardian.sock --listen 127.0.0.1:8080

Rules
* It starts without a guardian and says so; it never waits for one.
* It ends on SIGTERM and SIGINT with 0, after at most STOP_S; a port that cannot be had ends it with 2 and one sentence.
* If the line's task ever dies, the process ends with 1: a gateway that can only show old pictures must not linger.

This file must never hold an opinion about a request.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import gc
import ipaddress
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import uvloop
from uvicorn.config import Config
from uvicorn.server import Server

from supervisor.gateway.bounds import CONNECTIONS_MAX, BoundedProtocol
from supervisor.gateway.door import Door, Rate, Rates
from supervisor.gateway.http import build
from supervisor.gateway.link import Change, Link

KEEP_ALIVE_S = 30
STOP_S = 2


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


class GatewayServer(Server):
    """uvicorn's server; signals are ours (see :func:`serve`), so that a stop that was asked for ends with 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for sock in sockets or []:
            host, port = sock.getsockname()[:2]
            say(f"serving on http://{Address(host, port)}")


def address(text: str) -> Address:
    """HOST:PORT or [HOST]:PORT. Raises ValueError, which argparse turns into a usage message."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(text)
    return Address(host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port))


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
    rates = Rates()
    per_identity, per_address = "writes a second per identity", "requests a second per address"
    parser.add_argument("--identity-rate", type=positive, default=rates.identity.per_s, metavar="N", help=per_identity)
    parser.add_argument("--address-rate", type=positive, default=rates.address.per_s, metavar="N", help=per_address)
    return parser.parse_args(argv)


def run(argv: Sequence[str]) -> int:
    """Serve until told to stop. Returns the exit code."""
    chosen = options(argv)
    try:
        sock = bind(chosen.listen)
    except OSError as error:
        say(why_not(chosen.listen, error))
        return 2
    if not chosen.listen.is_loopback:
        say("tokens travel in clear text beyond this machine: put a TLS proxy in front where others share the network")
    identity, of_address = chosen.identity_rate, chosen.address_rate
    rates = Rates(Rate(of_address, 2 * of_address), Rate(identity, 2 * identity))
    gc.collect()
    gc.freeze()  # what start-up made stays: no later collection has to look at it
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(chosen.socket, sock, rates))


async def serve(path: str, sock: socket.socket, rates: Rates) -> int:
    """The line and the server side by side. Returns the exit code."""
    link = Link(path, on_change=lambda change: tell(link, change))
    server = GatewayServer(configure(link, rates))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    line = asyncio.create_task(link.run())
    line.add_done_callback(lambda _task: stop())
    await server.serve(sockets=[sock])
    if line.done():
        say(f"the line to the guardian broke by a mistake of ours: {line.exception()!r}")
        return 1
    line.cancel()
    await asyncio.wait([line])
    return 0


def configure(link: Link, rates: Rates) -> Config:
    """The server's bounds. No proxy headers: an address that the caller may invent limits nobody."""
    return Config(
        build(link, Door(rates)),
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX + 1,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
        backlog=64,
    )


def bind(where: Address) -> socket.socket:
    """A bound socket, so that a port in use is found before anything is started. Raises OSError."""
    family, kind, protocol, _name, to = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(to)
        sock.listen(64)  # here already: two processes may bind the same port, only one may listen
    except OSError:
        sock.close()
        raise
    return sock


def why_not(where: Address, error: OSError) -> str:
    """One sentence about a port that cannot be had."""
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use by another program: end that one, or choose another --listen"
    return f"cannot listen on {where}: {error.strerror or error}"


def tell(link: Link, change: Change) -> None:
    """The two changes of the line that a log should have."""
    if change == "described":
        say(f"connected to the guardian at {link.path}")
    elif change == "lost":
        say(f"lost the guardian: {link.trouble}")


def say(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"powerwarden gateway: {text}\n")
    sys.stderr.flush()


def main() -> None:
    """``python -m supervisor.gateway.main``."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
