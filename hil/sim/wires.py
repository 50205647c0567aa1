"""The wires of simulated devices: a CAN hub, Modbus TCP, a serial line (or a pseudo-terminal), a computer's pins.

Rules: a wire hands bytes to a core together with the monotonic time, and sends what the core gives back. A wire that
fails later tells it once, through `failed`; one that cannot begin raises RigError.
It must never change a byte on its way: whatever is wrong on the wire was made wrong by a fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import termios
import time
import tty
from abc import ABC, abstractmethod
from collections.abc import Callable

from hil.can_frame import FRAME_BYTES, Frame, connect, pack_frame, unpack_frame
from hil.house import Link
from hil.lines import LineHub
from hil.sim.device import CanDevice, Device, LineDevice
from hil.sim.modbus import ModbusDevice
from hil.sim.modbus_wire import Reply, RtuSession, TcpSession
from hil.unix_socket import RigError, remove


def now_ms() -> int:
    """The machine's monotonic clock, the same in every process."""
    return time.monotonic_ns() // 1_000_000


class Wire(ABC):
    """The transport of one device."""

    @abstractmethod
    async def open(self) -> None:
        """Begin to listen; RigError when it cannot."""

    def nudge(self) -> None:  # noqa: B027 - only a wire with dates of its own needs it
        """Something was changed from outside: what is due now may be due earlier than thought."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything."""


class CanWire(Wire):
    """A CAN device on a hub."""

    def __init__(self, device: CanDevice, path: str, failed: asyncio.Future[str]) -> None:
        self._device, self._path, self._failed = device, path, failed
        self._timer: asyncio.TimerHandle | None = None
        self._sock: socket.socket | None = None

    async def open(self) -> None:
        try:
            self._sock = connect(self._path, self._device.name)
        except OSError as error:
            raise RigError(
                f"{self._path}: no CAN hub listens here ({error.strerror}); start the house, or `powerwarden-rig hub`"
            ) from None
        asyncio.get_running_loop().add_reader(self._sock, self._receive)
        self.nudge()

    def nudge(self) -> None:
        self._send(self._device.poll(now_ms()))
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # Half a millisecond late, so that the clock in whole milliseconds has certainly arrived.
        self._timer = asyncio.get_running_loop().call_at(self._device.next_ms() / 1000 + 0.0005, self.nudge)

    def _receive(self) -> None:
        assert self._sock is not None
        with contextlib.suppress(BlockingIOError):
            while packet := self._sock.recv(FRAME_BYTES):
                self._send(self._device.on_frame(unpack_frame(packet), now_ms()))
            self._fail("the CAN hub has gone away")
            return
        self._schedule()

    def _send(self, frames: list[Frame]) -> None:
        assert self._sock is not None
        for frame in frames:
            try:
                self._sock.send(pack_frame(frame))
            except BlockingIOError:
                self._device.note(now_ms(), "lost", id=frame.can_id)  # as on a bus that nobody empties
            except OSError as error:
                self._fail(f"the CAN hub does not take frames ({error.strerror})")

    def _fail(self, why: str) -> None:
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock)
        if not self._failed.done():
            self._failed.set_result(f"{self._path}: {why}")

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()


class PinWire(Wire):
    """A panel on the lines of a small computer; the hub that stands in for that computer lives here."""

    def __init__(self, device: LineDevice, path: str) -> None:
        self._device, self._path = device, path
        self._timer: asyncio.TimerHandle | None = None
        self._hub: LineHub | None = None

    async def open(self) -> None:
        self._hub = LineHub(self._path, self._device, now_ms)
        asyncio.get_running_loop().add_reader(self._hub.fileno(), self._receive)
        self.nudge()

    def nudge(self) -> None:
        assert self._hub is not None
        self._device.poll(now_ms())
        self._hub.publish()
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # Half a millisecond late, so that the clock in whole milliseconds has certainly arrived.
        self._timer = asyncio.get_running_loop().call_at(self._device.next_ms() / 1000 + 0.0005, self.nudge)

    def _receive(self) -> None:
        assert self._hub is not None
        self._hub.poll()
        self._schedule()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._hub is not None:
            asyncio.get_running_loop().remove_reader(self._hub.fileno())
            self._hub.close()


class TcpWire(Wire):
    """A Modbus device that listens on TCP."""

    def __init__(self, device: ModbusDevice, host: str, port: int) -> None:
        self._device, self._host, self._port = device, host, port
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        try:
            self._server = await asyncio.start_server(self._serve, self._host, self._port)
        except OSError as error:
            raise RigError(
                f"{self._host}:{self._port}: cannot listen ({error.strerror}); another house has the port: "
                "use --port-base"
            ) from None

    @property
    def port(self) -> int:
        """The port that was taken, useful when 0 was asked for."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = TcpSession(self._device)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while not session.broken and (data := await reader.read(4096)):
                _send_all(session.feed(data, now_ms()), lambda out: None if writer.is_closing() else writer.write(out))
        writer.close()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()


class LineWire(Wire):
    """A Modbus RTU device on a serial line, or on a pseudo-terminal that it makes and links to `link`."""

    def __init__(self, device: ModbusDevice, link: str, serial_path: str = "", baud: int = 9600) -> None:
        self._session = RtuSession(device)
        self._link, self._serial_path, self._baud = link, serial_path, baud
        self._fd = -1
        self._far_end = -1  # of a pseudo-terminal: kept open, or reading would fail whenever nobody has it open

    async def open(self) -> None:
        self._fd = self._open_serial() if self._serial_path else self._open_pty()
        os.set_blocking(self._fd, False)
        asyncio.get_running_loop().add_reader(self._fd, self._receive)

    def _open_pty(self) -> int:
        near, far = os.openpty()
        tty.setraw(far)
        self._far_end = far
        remove(self._link)
        os.symlink(os.ttyname(far), self._link)
        return near

    def _open_serial(self) -> int:
        speed = getattr(termios, f"B{self._baud}", None)
        if speed is None:
            raise RigError(f"{self._serial_path}: no such baud rate: {self._baud}")
        try:
            line = os.open(self._serial_path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            tty.setraw(line)  # 8 data bits, no parity, 1 stop bit
            attributes = termios.tcgetattr(line)
            termios.tcsetattr(line, termios.TCSANOW, [*attributes[:4], speed, speed, attributes[6]])
        except (OSError, termios.error) as error:
            raise RigError(f"{self._serial_path}: cannot open the serial line ({error})") from None
        return line

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            _send_all(self._session.feed(os.read(self._fd, 4096), now_ms()), self._write)

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(BlockingIOError):  # nobody reads the line: the bytes are lost, as on a wire
            os.write(self._fd, data)

    def close(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
        if self._far_end >= 0:
            os.close(self._far_end)
            remove(self._link)


def _send_all(replies: list[Reply], write: Callable[[bytes], object]) -> None:
    for reply in replies:
        if reply.delay_ms:
            asyncio.get_running_loop().call_later(reply.delay_ms / 1000, write, reply.data)
        else:
            write(reply.data)


def make_wire(device: Device, link: Link, run_dir: str, failed: asyncio.Future[str]) -> Wire:
    """The wire that a house file gives to a device."""
    match device:
        case CanDevice():
            return CanWire(device, os.path.join(run_dir, f"{link.place}.sock"), failed)
        case LineDevice():
            return PinWire(device, os.path.join(run_dir, f"{link.place}.sock"))
        case ModbusDevice() if link.kind == "tcp":
            return TcpWire(device, link.place, link.number)
        case ModbusDevice():
            line = os.path.join(run_dir, f"{device.name}.tty")
            return LineWire(device, line, "" if link.place == "pty" else link.place, link.number)
    raise RigError(f"{device.name}: there is no wire of kind {link.kind} for it")
