"""The connection to the guardian: samples and reports out, output images in.

Rules
* Nothing here waits. A full socket stops the sending until it drains; meanwhile the host keeps the newest samples.
* Of the images that wait only the newest counts. What is no word of the protocol ends the connection.
* The guardian may go and come back at any time: we reconnect with back-off, say who we are again, and carry on.
  A guardian that hangs up at once (another digest, say) is told of in the log and asked again.

Must never: judge an image (host.py does), or speak to the guardian before Hello.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket

from supervisor import wire
from supervisor.bus.host import HostCore
from supervisor.bus.ports import Backoff, Clock

SAMPLES_PER_PACKET = 512
PATIENCE_MS = 2_000
PACKETS_PER_TURN = 64  # read at most, so that a babbling guardian cannot keep the wires from being served
log = logging.getLogger("bus")


class GuardianLink:
    """One connection at a time to the socket at ``path``."""

    def __init__(self, path: str, digest: str, core: HostCore, clock: Clock) -> None:
        self._path, self._core, self._clock = path, core, clock
        self._hello = wire.Hello(wire.Role.BUS, core.bus.name, os.getpid(), wire.PROTOCOL, digest)
        self._backoff = Backoff(first=100, most=1_000)
        self._sock: socket.socket | None = None
        self._apart_ms: int | None = None  # since when there has been no guardian
        self._full = False
        self._flush_soon: asyncio.Handle | None = None
        self._retry: asyncio.TimerHandle | None = None

    # ---- coming and going ----
    def start(self) -> None:
        """Connect, now or later; must be called in the loop."""
        try:
            # Time-out 0: a guardian that hangs, with its queue of connections full, must not hang us.
            self._sock = wire.connect(self._path, timeout_s=0.0)
            self._sock.send(wire.encode(self._hello))
        except OSError as error:
            self._lose(f"cannot connect: {error}")
            return
        asyncio.get_running_loop().add_reader(self._sock.fileno(), self._readable)
        self._apart_ms = None
        self._core.on_guardian(connected=True)
        self.flush()

    def stop(self) -> None:
        """Hang up for good."""
        self._close()
        for handle in (self._retry, self._flush_soon):
            if handle is not None:
                handle.cancel()

    def _lose(self, why: str) -> None:
        met = self._sock is not None
        self._close()
        self._core.on_guardian(connected=False)
        now_ms = self._clock()
        self._apart_ms = now_ms if self._apart_ms is None else self._apart_ms
        if met or now_ms - self._apart_ms >= PATIENCE_MS:  # at a common start we may be here before the guardian
            log.warning("guardian: %s", why)
        self._retry = asyncio.get_running_loop().call_later(self._backoff.fail() / 1000, self.start)

    def _close(self) -> None:
        if self._sock is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._sock.fileno())
            loop.remove_writer(self._sock.fileno())
            self._sock.close()
        self._sock, self._full = None, False

    # ---- in ----
    def _readable(self) -> None:
        newest: wire.Image | None = None
        try:
            for _ in range(PACKETS_PER_TURN):
                newest = self._receive() or newest
        except BlockingIOError:
            pass
        except (OSError, wire.WireError) as error:
            self._lose(f"{error}")
            return
        if newest is not None:
            self._backoff.succeed()  # only now: a guardian that hangs up at once has not taken us
            self._core.on_image(newest, self._clock())

    def _receive(self) -> wire.Image | None:
        """One packet. Raises BlockingIOError when there is none, OSError or WireError when there will be no more."""
        if self._sock is None:
            raise BlockingIOError
        packet = self._sock.recv(wire.MESSAGE_MAX)
        if not packet:
            raise ConnectionResetError("it has hung up (gone, or its documents differ from ours)")
        word = wire.decode(packet)
        if not isinstance(word, wire.Image):
            raise wire.WireError(f"a bus expects no {type(word).__name__}")
        return word

    # ---- out ----
    def wake(self) -> None:
        """Samples have begun to wait: send them at the end of this turn of the loop."""
        if self._flush_soon is None:
            self._flush_soon = asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Send what waits, as far as the socket takes it."""
        self._flush_soon = None
        while self._sock is not None and not self._full:
            samples = self._core.take(SAMPLES_PER_PACKET)
            if not samples:
                return
            if not self._send(wire.Samples(samples)):
                self._core.put_back(samples)

    def report(self) -> None:
        """Send the report when one is due; while the socket is full it stays due."""
        if self._sock is not None and not self._full:
            report = self._core.report(self._clock())
            if report is not None:
                self._send(report)

    def _send(self, message: wire.Samples | wire.Report) -> bool:
        """True when the socket took it."""
        if self._sock is None:
            return False
        try:
            self._sock.send(wire.encode(message))
        except BlockingIOError:
            self._full = True
            asyncio.get_running_loop().add_writer(self._sock.fileno(), self._writable)
            return False
        except OSError as error:
            self._lose(f"{error}")
            return False
        return True

    def _writable(self) -> None:
        if self._sock is not None:
            asyncio.get_running_loop().remove_writer(self._sock.fileno())
        self._full = False
        self.flush()
