"""The guardian's socket: buses, the gateway and views, each known by its role, none able to hold up the loop.

Rules
* A peer is another process of the same user (peer credentials); its first word is Hello, and its role bounds what it
  may say afterwards. One word too much closes the connection and is counted.
* Nothing is ever sent blocking. A peer that does not read loses snapshots; an output image that cannot be sent now
  is not sent later, because there will be a newer one.
* A bus that says Hello again (it was restarted) replaces its older connection.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from supervisor import wire

PEERS_MAX = 40
PACKETS_PER_TURN = 400  # per peer: a flood from one of them must not keep the loop from its deadline
log = logging.getLogger("guardian")


class Peer:
    """One connection. ``name`` and ``role`` are None until Hello."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.role: wire.Role | None = None
        self.name = ""
        self.lost_packets = 0

    def send(self, word: wire.Word) -> bool:
        """Send without waiting; False when it could not be sent."""
        try:
            self.sock.send(wire.encode(word))
        except (BlockingIOError, InterruptedError):
            self.lost_packets += 1
            return False
        except OSError:
            return False
        return True


class Peers:
    """The listening socket and everybody connected."""

    def __init__(self, path: Path, digest: str) -> None:
        self._path, self._digest = path, digest
        self._selector = selectors.SelectSelector()  # waits to the microsecond; epoll's way rounds up to the next ms
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.all: list[Peer] = []
        self.refused = 0

    def open(self) -> None:
        """Bind and listen. Raises OSError when another guardian already answers on the same path."""
        if self._path.exists():
            if _answers(self._path):
                raise OSError(f"{self._path}: another guardian is already serving here")
            self._path.unlink()
        old_mask = os.umask(0o177)
        try:
            self._listener.bind(str(self._path))
        finally:
            os.umask(old_mask)
        self._listener.listen(PEERS_MAX)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, None)

    def close(self) -> None:
        for peer in list(self.all):
            self.drop(peer, "the guardian stops")
        self._selector.close()
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def wait(self, timeout_s: float) -> list[selectors.SelectorKey]:
        """Wait for at most ``timeout_s``; what has come is not read yet."""
        return [key for key, _ in self._selector.select(max(timeout_s, 0.0))]

    def receive(self, ready: Iterable[selectors.SelectorKey]) -> Iterator[tuple[Peer, wire.Word]]:
        """Every word that has come, Hello included once it is accepted."""
        for key in ready:
            if key.data is None:
                self._accept()
            else:
                yield from self._read(key.data)

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid not in (0, os.getuid()) or len(self.all) >= PEERS_MAX:
            self.refused += 1
            sock.close()
            return
        peer = Peer(sock)
        self.all.append(peer)
        self._selector.register(sock, selectors.EVENT_READ, peer)

    def _read(self, peer: Peer) -> Iterator[tuple[Peer, wire.Word]]:
        for _ in range(PACKETS_PER_TURN):
            try:
                packet = peer.sock.recv(wire.MESSAGE_MAX)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self.drop(peer, str(error))
                return
            if not packet:
                self.drop(peer, "it has closed the connection")
                return
            word = self._word(peer, packet)
            if word is None:
                return
            yield peer, word

    def _word(self, peer: Peer, packet: bytes) -> wire.Word | None:
        """The word in a packet if this peer may say it; else the peer is dropped."""
        try:
            word = wire.decode(packet)
            _allowed(peer, word, self._digest)
        except wire.WireError as error:
            self.refused += 1
            self.drop(peer, str(error))
            return None
        if isinstance(word, wire.Hello):
            self._greet(peer, word)
        return word

    def _greet(self, peer: Peer, hello: wire.Hello) -> None:
        for other in [p for p in self.all if p is not peer and p.role is wire.Role.BUS and p.name == hello.name]:
            if hello.role is wire.Role.BUS:
                self.drop(other, "a newer process serves this bus")
        peer.role, peer.name = hello.role, hello.name
        log.info("%s %s connected (process %d)", hello.role.value, hello.name, hello.pid)

    def drop(self, peer: Peer, why: str) -> None:
        """Close a connection; safe to call twice."""
        if peer not in self.all:
            return
        self.all.remove(peer)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(peer.sock)
        peer.sock.close()
        if peer.role is not None:
            log.info("%s %s left: %s", peer.role.value, peer.name, why)

    def of(self, role: wire.Role) -> list[Peer]:
        return [peer for peer in self.all if peer.role is role]


def _answers(path: Path) -> bool:
    try:
        wire.connect(str(path), 0.5).close()
    except OSError:
        return False
    return True


def _allowed(peer: Peer, word: wire.Word, digest: str) -> None:
    """Raises WireError when ``peer`` may not say ``word``."""
    if isinstance(word, wire.Hello):
        if peer.role is not None:
            raise wire.WireError("said Hello twice")
        if word.protocol != wire.PROTOCOL:
            raise wire.WireError(f"speaks protocol {word.protocol}, not {wire.PROTOCOL}")
        if word.role is wire.Role.BUS and word.digest != digest:
            raise wire.WireError(f"bus {word.name} has loaded other documents than the guardian")
        return
    may = {
        wire.Role.BUS: (wire.Samples, wire.Report),
        wire.Role.GATEWAY: (wire.Ask, wire.Acknowledge),
        wire.Role.VIEW: (),
    }
    if peer.role is None or not isinstance(word, may[peer.role]):
        raise wire.WireError(
            f"a {type(word).__name__} is not for {peer.role.value if peer.role else 'a stranger'} to say"
        )
