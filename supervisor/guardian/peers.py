"""The guardian's socket: buses, the gateway and views, each known by its role, none able to hold up the loop.

Rules
* A peer is another process of the same user (peer credentials); its first word is Hello, and its role bounds what it
  may say afterwards. One word too much closes the connection and is counted.
* Where the gateway has a user of its own, that one may be gateway or view and nothing else, on a few connections: who
  takes the gateway over is no bus, and cannot keep one out.
* Nothing is ever sent blocking. A peer that does not read loses snapshots; an output image that cannot be sent now
  is not sent later, because there will be a newer one.
* Buses are heard first, and all others share a number of words in each turn, however many connections they have:
  between two turns the loop looks at its clock, so a flood from the gateway's side takes no cycle its time.
* A bus that says Hello again (it was restarted) replaces its older connection.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from supervisor import wire

PEERS_MAX = 40
OUTSIDERS_MAX = 4  # connections of the gateway's own user
PACKETS_PER_TURN = 400  # per bus: a flood from one of them must not keep the loop from its deadline
OTHERS_PER_TURN = 100  # of all others together: to turn one away costs more than to take a reading
log = logging.getLogger("guardian")


class Peer:
    """One connection. ``name`` and ``role`` are None until Hello. ``outsider``: of the gateway's own user."""

    def __init__(self, sock: socket.socket, outsider: bool = False) -> None:
        self.sock = sock
        self.outsider = outsider
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


Ready = list[Peer | None]


@dataclass(frozen=True)
class GatewayUser:
    """The user under which the gateway runs, where it is not the guardian's, and the group the socket gets for it."""

    uid: int
    gid: int


class Peers:
    """The listening socket and everybody connected."""

    def __init__(self, path: Path, digest: str, gateway: GatewayUser | None = None) -> None:
        self._path, self._digest, self._gateway = path, digest, gateway
        self._selector = selectors.SelectSelector()  # exact to the microsecond; epoll rounds up to the next ms
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
        if self._gateway is not None:
            os.chown(self._path, -1, self._gateway.gid)
            os.chmod(self._path, 0o660)
        self._listener.listen(PEERS_MAX)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, None)

    def close(self) -> None:
        for peer in list(self.all):
            self.drop(peer, "the guardian stops")
        self._selector.close()
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def wait(self, timeout_s: float) -> Ready:
        """Wait for at most ``timeout_s``: who has something to say, which is not read yet; None for a newcomer."""
        return [key.data for key, _ in self._selector.select(max(timeout_s, 0.0))]

    def receive(self, ready: Ready) -> Iterator[tuple[Peer, wire.Word]]:
        """Yield every word that has come, Hello included once it is accepted."""
        others = [peer for peer in ready if peer is not None and peer.role is not wire.Role.BUS]
        for peer in [peer for peer in ready if peer is not None and peer.role is wire.Role.BUS]:
            yield from self._read(peer, PACKETS_PER_TURN)
        for peer in others:
            yield from self._read(peer, max(OTHERS_PER_TURN // len(others), 1))
        if None in ready:
            self._accept()

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        insider = uid in (0, os.getuid())
        outsider = not insider and self._gateway is not None and uid == self._gateway.uid
        crowded = outsider and sum(peer.outsider for peer in self.all) >= OUTSIDERS_MAX
        if not (insider or outsider) or crowded or not self._room():
            self.refused += 1
            sock.close()
            return
        peer = Peer(sock, outsider)
        self.all.append(peer)
        self._selector.register(sock, selectors.EVENT_READ, peer)

    def _room(self) -> bool:
        """Room for one more. Where there is none, one who has said nothing yet, or only looks, makes it: no crowd keeps
        a bus or the gateway out that comes back."""
        if len(self.all) >= PEERS_MAX:
            idle = [peer for peer in self.all if peer.role in (None, wire.Role.VIEW)]
            for peer in idle[:1]:
                self.drop(peer, "others need its place")
        return len(self.all) < PEERS_MAX

    def _read(self, peer: Peer, most: int) -> Iterator[tuple[Peer, wire.Word]]:
        for _ in range(most):
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
        if word.role is wire.Role.BUS and peer.outsider:
            raise wire.WireError("the gateway's user is no bus")
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
