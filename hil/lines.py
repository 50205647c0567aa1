"""Input and output lines for processes of one machine: what is said about them on a Unix SOCK_SEQPACKET socket, and
the hub that stands in for the kernel of a small computer.

Rules: a line has one owner, the connection that claimed it first; direction and level (or pull) come in one packet.
Every request gets one answer, which carries the level of the line as it is then; later changes are pushed to the
owner. A line keeps direction and level when its owner goes away, as a Raspberry Pi's kernel does, and may then be
claimed anew. The hub waits for nobody: who does not read finds the newest levels later, not all that there were.
It must never decide what level a line has (that is the board's), nor import gpiozero: simulators start fast.
"""

from __future__ import annotations

import selectors
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol

import msgspec

from hil.unix_socket import claim, remove

LINES = 54  # GPIO0 to GPIO53; the header of a board has the first 28
PACKET_BYTES = 1024
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid of SO_PEERCRED

Level = Literal[0, 1]
Pull = Literal["up", "down", "floating"]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a program wants of one line: claim it as input (with a pull) or output (with a level), or write a level."""

    do: Literal["input", "output", "write"]
    line: Annotated[int, msgspec.Meta(ge=0, lt=LINES)]
    level: Level = 0
    pull: Pull = "floating"


class Word(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the hub says: the level of a line, unasked or as the answer to a request, or why there is none."""

    line: int
    level: Level = 0
    answer: bool = False
    busy: str = ""  # the line belongs to somebody else
    wrong: str = ""  # the request makes no sense


class Board(Protocol):
    """What hangs on the lines."""

    def on_line(self, request: Request, now_ms: int) -> None:
        """The owner of a line has done this with it."""

    def on_owner_gone(self, lines: list[int], now_ms: int) -> None:
        """The owner of these lines has gone away; they stay as they are."""

    def level(self, line: int, now_ms: int) -> Level:
        """What whoever reads this line finds."""


@dataclass(slots=True)
class _Client:
    """One connection, what it owns, and what it was told of it."""

    sock: socket.socket
    pid: int
    queue: deque[bytes] = field(default_factory=deque)
    told: dict[int, Level] = field(default_factory=dict)  # its keys are the lines that it owns
    outputs: set[int] = field(default_factory=set)


class LineHub:
    """The server. `poll` does what is there and returns; it never waits, so that an event loop may watch `fileno`."""

    def __init__(self, path: str, board: Board, now_ms: Callable[[], int]) -> None:
        """Listen at `path` (a socket that a dead hub left there is removed); RigError when a live one has it."""
        self.path, self._board, self._now_ms = path, board, now_ms
        self._clients: dict[int, _Client] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        claim(path, socket.SOCK_SEQPACKET)
        self._listener.bind(path)
        self._listener.listen(16)
        self._listener.setblocking(False)
        self._selector = selectors.EpollSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)

    def fileno(self) -> int:
        """Readable when `poll` has something to do."""
        return self._selector.fileno()

    def poll(self) -> None:
        """Accept, answer and flush what is there."""
        for key, mask in self._selector.select(0):
            client = self._clients.get(key.fd)
            if client is None:
                self._accept()
                continue
            if mask & selectors.EVENT_WRITE:
                self._flush(client)
            if mask & selectors.EVENT_READ:
                self._read(client)
        self.publish()

    def publish(self) -> None:
        """Tell every owner which of his lines have another level than he was told."""
        for client in list(self._clients.values()):
            self._publish_to(client)

    def close(self) -> None:
        """Disconnect everybody and remove the socket."""
        for client in list(self._clients.values()):
            self._forget(client)
        self._selector.close()
        self._listener.close()
        remove(self.path)

    # -- clients --

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return  # the client gave up between select and accept
        sock.setblocking(False)
        pid, _, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        self._clients[sock.fileno()] = _Client(sock, pid)
        self._selector.register(sock, selectors.EVENT_READ)

    def _read(self, client: _Client) -> None:
        try:
            packet = client.sock.recv(PACKET_BYTES)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self._forget(client)
            return
        self._send(client, self._do(client, packet))

    def _do(self, client: _Client, packet: bytes) -> Word:
        try:
            request = msgspec.json.decode(packet, type=Request)
        except msgspec.MsgspecError as error:
            return Word(-1, answer=True, wrong=str(error))
        line, now_ms = request.line, self._now_ms()
        for other in self._clients.values():
            if other is not client and line in other.told:
                return Word(line, answer=True, busy=f"line {line} belongs to process {other.pid}")
        if request.do == "write" and line not in client.outputs:
            return Word(line, answer=True, wrong=f"line {line} has not been claimed as an output")
        self._board.on_line(request, now_ms)
        level = self._board.level(line, now_ms)
        client.told[line] = level
        (client.outputs.discard if request.do == "input" else client.outputs.add)(line)
        return Word(line, level, answer=True)

    def _publish_to(self, client: _Client) -> None:
        now_ms = self._now_ms()
        for line, told in list(client.told.items()):
            if client.queue:
                return  # he does not read; what is missing is told when the queue has been emptied
            if (level := self._board.level(line, now_ms)) != told:
                client.told[line] = level
                self._send(client, Word(line, level))

    # -- bytes --

    def _send(self, client: _Client, word: Word) -> None:
        client.queue.append(msgspec.json.encode(word))
        self._flush(client)

    def _flush(self, client: _Client) -> None:
        try:
            while client.queue:
                client.sock.send(client.queue[0])
                client.queue.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self._forget(client)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.queue else 0)
        if self._selector.get_key(client.sock).events != wanted:
            self._selector.modify(client.sock, wanted)

    def _forget(self, client: _Client) -> None:
        # A client can be lost while it is being told something, hence twice.
        if self._clients.pop(client.sock.fileno(), None) is not None:
            self._selector.unregister(client.sock)
            client.sock.close()
            self._board.on_owner_gone(sorted(client.told), self._now_ms())
