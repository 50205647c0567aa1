"""A CAN bus for processes of one machine: a hub on a Unix SOCK_SEQPACKET socket, and python-can's way to it.

`can.Bus(interface="canhub", channel="/path/can0.sock")` opens a `HubBus`; `Hub` is the other end of the socket.

Rules: every frame of one client goes to all the others, in order; nobody hears himself. The hub waits for nobody:
what a slow or stopped client does not take is queued up to a bound, then its oldest frame is dropped and counted.
It must never change a frame, make one up, or judge one: arbitration, bit rates and bus-off are not simulated
(a client may send error frames, which travel like any other).
"""

from __future__ import annotations

import select
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

import can
from can.typechecking import CanFilters

from hil.can_frame import FRAME_BYTES, NAME_BYTES_MAX, Frame, connect, pack_frame, unpack_frame
from hil.trace import write_line
from hil.unix_socket import claim, remove

QUEUE_FRAMES_MAX = 4096  # about one second of a full 500 kbit/s bus
READ_FRAMES_PER_TURN = 64  # so that one babbling client cannot keep the others from being heard


class HubBus(can.BusABC):
    """python-can's view of the hub.

    Errors: CanInitializationError when nobody listens at `channel`; CanOperationError when the hub has gone away
    or does not take a frame within the time-out (without one: at once, as SocketCAN does). Other keyword arguments,
    such as `bitrate`, are accepted and mean nothing here.
    """

    def __init__(self, channel: str, can_filters: CanFilters | None = None, name: str = "", **_ignored: object) -> None:
        """`channel` is the path of the hub's socket; `name` (15 ASCII characters) marks our frames in its trace."""
        try:
            self._sock = connect(channel, name)
        except OSError as error:
            raise can.CanInitializationError(
                f"no CAN hub listens at {channel} ({error.strerror}): start one with `powerwarden-rig hub` or `house`"
            ) from error
        self.channel_info = f"canhub {channel}"
        super().__init__(channel, can_filters)

    def fileno(self) -> int:
        """The socket's descriptor, for select, poll and asyncio."""
        return self._sock.fileno()

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        try:
            readable, _, _ = select.select([self._sock], [], [], timeout)
            packet = self._sock.recv(FRAME_BYTES) if readable else None
        except BlockingIOError:
            packet = None  # somebody else read it: the same as a time-out
        except (OSError, ValueError) as error:
            raise can.CanOperationError(f"{self.channel_info}: {error}") from error
        if packet == b"":
            raise can.CanOperationError(f"{self.channel_info}: the hub has gone away")
        return (None if packet is None else _to_message(unpack_frame(packet), self.channel_info)), False

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        """Hand one frame to the hub; `timeout` in seconds."""
        if msg.is_fd:
            raise can.CanOperationError(f"{self.channel_info}: carries classic CAN only, not CAN FD")
        try:
            packet = pack_frame(_from_message(msg))
            select.select([], [self._sock], [], timeout or 0)
            self._sock.send(packet)
        except BlockingIOError as error:
            raise can.CanOperationError(f"{self.channel_info}: the hub does not take our frames") from error
        except (OSError, ValueError) as error:
            raise can.CanOperationError(f"{self.channel_info}: {error}") from error

    def shutdown(self) -> None:
        """Leave the bus; may be called twice."""
        super().shutdown()
        self._sock.close()


def _from_message(msg: can.Message) -> Frame:
    data = b"" if msg.is_remote_frame else bytes(msg.data)
    return Frame(msg.arbitration_id, data, msg.is_extended_id, msg.is_error_frame, msg.is_remote_frame, msg.dlc)


def _to_message(frame: Frame, channel: str) -> can.Message:
    # python-can stamps with the wall clock; whoever judges ages takes the monotonic clock when he receives.
    return can.Message(
        timestamp=time.time(),
        arbitration_id=frame.can_id,
        is_extended_id=frame.extended,
        channel=channel,
        is_error_frame=frame.error,
        is_remote_frame=frame.remote,
        dlc=frame.length,
        data=frame.data or None,
        is_rx=True,
    )


class _Client:
    """One connected socket, its name, and what it has not taken yet."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        self.sock, self.name = sock, name
        self.queue: deque[bytes] = deque()
        self.dropped = 0
        self.introduced = False


class Hub:
    """The server. `poll` does what is due and returns, so a test needs no thread; `serve` polls until told to stop."""

    def __init__(
        self,
        path: str,
        trace: TextIO | None = None,
        queue_max: int = QUEUE_FRAMES_MAX,
        now_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        """Listen at `path` (a socket that a dead hub left there is removed); RigError when a live one has it."""
        self.path, self._trace, self._queue_max, self._now_ms = path, trace, queue_max, now_ms
        self._clients: dict[int, _Client] = {}
        self._born = 0
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        claim(path, socket.SOCK_SEQPACKET)
        self._listener.bind(path)
        self._listener.listen(64)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)

    def serve(self, stopped: Callable[[], bool]) -> None:
        """Poll until `stopped()`; a signal or a frame ends the wait early, otherwise it is asked twice a second."""
        while not stopped():
            self.poll(0.5)

    def poll(self, timeout_s: float = 0.0) -> int:
        """Wait at most that long, then accept, forward and flush what is there; returns the frames forwarded."""
        forwarded = 0
        for key, mask in self._selector.select(timeout_s):
            client = self._clients.get(key.fd)
            if client is None:
                self._accept()
                continue
            if mask & selectors.EVENT_WRITE:
                self._flush(client)
            if mask & selectors.EVENT_READ:
                forwarded += self._read(client)
        return forwarded

    def dropped(self) -> dict[str, int]:
        """How many frames each connected client has lost because it did not take them."""
        return {client.name: client.dropped for client in self._clients.values()}

    def close(self) -> None:
        """Disconnect everybody and remove the socket."""
        for client in list(self._clients.values()):
            self._forget(client)
        self._selector.close()
        self._listener.close()
        remove(self.path)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return  # the client gave up between select and accept
        sock.setblocking(False)
        self._born += 1
        self._clients[sock.fileno()] = _Client(sock, f"client{self._born}")
        self._selector.register(sock, selectors.EVENT_READ)

    def _read(self, client: _Client) -> int:
        frames = 0
        for _ in range(READ_FRAMES_PER_TURN):
            try:
                packet = client.sock.recv(FRAME_BYTES + 1)
            except BlockingIOError:
                break
            except OSError:
                packet = b""
            if not packet:
                self._forget(client)
                break
            frames += self._on_packet(client, packet)
        return frames

    def _on_packet(self, sender: _Client, packet: bytes) -> bool:
        """Whether the packet was a frame, which has then been spread."""
        if not sender.introduced and len(packet) <= NAME_BYTES_MAX:
            sender.name, sender.introduced = packet.decode("ascii", "replace"), True
            return False
        try:
            frame = unpack_frame(packet)
        except ValueError:
            return False  # no controller would have put it on the wire
        self._write_trace(
            t=self._now_ms(),
            sender=sender.name,
            id=frame.can_id,
            data=frame.data.hex(),
            **{flag: True for flag in ("extended", "error", "remote") if getattr(frame, flag)},
        )
        for client in list(self._clients.values()):
            if client is not sender:
                self._hand_over(client, packet)
        return True

    def _hand_over(self, client: _Client, packet: bytes) -> None:
        client.queue.append(packet)
        if len(client.queue) > self._queue_max:
            client.queue.popleft()
            client.dropped += 1
            if client.dropped == 1:
                self._write_trace(t=self._now_ms(), dropping_for=client.name)
        if len(client.queue) == 1:  # otherwise the selector already waits for room, and order is kept
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
        # A client can be lost while its own frame is being spread, hence twice.
        if self._clients.pop(client.sock.fileno(), None) is not None:
            self._selector.unregister(client.sock)
            client.sock.close()

    def _write_trace(self, **line: object) -> None:
        if self._trace is not None:
            write_line(self._trace, line)
