"""One Modbus connection: pymodbus behind two small classes, one that reads and one that also writes.

Rules
* One request at a time, no retries, REPLY_S for the answer. The port decides what comes next.
* A late reply is never the answer to the next request. On TCP a time-out costs the connection. On a serial line,
  which has no transaction numbers, it costs a listening pause: the line must have been quiet for QUIET_S, and what
  arrives in between is thrown away and counted. An answer that does not fit its request is treated like a time-out.
* What has not left this machine when a connection is given up never leaves it (no lingering socket, flushed line).

Must never: write from :class:`ReadLine`, or raise because of what a device answers.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ModbusPDU

from drivers.contract import Failure, ReadRegisters, RegisterTable, WriteRegisters

REPLY_S = 0.3
QUIET_S = 0.3
QUIET_ROUNDS = 6  # a line that babbles for longer than this many pauses is used all the same
WRITE_MULTIPLE = 16  # function code
Client = AsyncModbusTcpClient | AsyncModbusSerialClient
log = logging.getLogger("bus")
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it repeats in prose what the counters say


class TcpWire:
    """A host and port."""

    def __init__(self, host: str, port: int) -> None:
        self.name = f"{host}:{port}"
        self._host, self._port = host, port
        self._client: AsyncModbusTcpClient | None = None

    async def open(self) -> Client | None:
        """A connected client, or None within about REPLY_S."""
        client = AsyncModbusTcpClient(self._host, port=self._port, timeout=REPLY_S, retries=0, reconnect_delay=0)
        if not await client.connect():
            client.close()
            return None
        sock = client.ctx.transport.get_extra_info("socket")
        # Closing then discards what the peer has not taken: no old order arrives when a network comes back.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        return client

    def clean(self) -> None:
        """Transaction numbers make this needless."""

    async def recover(self) -> bool:
        """After a time-out: False, the connection must be given up."""
        return False


class RtuWire:
    """A serial line. ``late`` is called with the number of bytes that came when nobody had asked."""

    def __init__(self, settings: Mapping[str, int | str], late: Callable[[int], None]) -> None:
        self.name = str(settings["device"])
        self._settings, self._late = settings, late
        self._client: AsyncModbusSerialClient | None = None
        self._deaf = False
        self._noise = 0

    async def open(self) -> Client | None:
        """A client on the open line, or None."""
        settings = self._settings
        client = AsyncModbusSerialClient(
            self.name,
            baudrate=int(settings["baudrate"]),
            parity=str(settings.get("parity", "N")),
            stopbits=int(settings.get("stopbits", 1)),
            timeout=REPLY_S,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._trace,
        )
        if not await client.connect():
            client.close()
            return None
        self._client = client
        return client

    def clean(self) -> None:
        """Whatever arrived before a request is not its answer."""
        if self._client is not None and self._client.ctx.transport is not None:
            self._client.ctx.transport.sync_serial.reset_input_buffer()  # type: ignore[attr-defined]

    async def recover(self) -> bool:
        """Listen until the line has been quiet for QUIET_S; True: it can be used again."""
        self._deaf = True
        try:
            for _ in range(QUIET_ROUNDS):
                self._noise = 0
                await asyncio.sleep(QUIET_S)
                if not self._noise:
                    break
                self._late(self._noise)
        finally:
            self._deaf = False
        return True

    def _trace(self, sending: bool, data: bytes) -> bytes:
        if sending or not self._deaf:
            return data
        self._noise = len(data)
        return b""


class ReadLine:
    """Reads registers over one wire. Every outcome is a value."""

    def __init__(self, wire: TcpWire | RtuWire) -> None:
        self._wire = wire
        self.name = wire.name
        self._client: Client | None = None

    @property
    def connected(self) -> bool:
        """True while the connection stands, as far as we know."""
        return self._client is not None and self._client.connected

    async def connect(self) -> bool:
        """Try once, for about REPLY_S; name resolution is bounded too."""
        self.close()
        try:
            self._client = await asyncio.wait_for(self._wire.open(), 3 * REPLY_S)
        except (OSError, ValueError, TimeoutError, ModbusException):
            self._client = None
        return self.connected

    def close(self) -> None:
        """Give the connection up at once."""
        if self._client is not None:
            self._client.close()
        self._client = None

    async def read(self, ask: ReadRegisters) -> Sequence[int] | Failure:
        """The registers, exactly as many as were asked for, or why there are none."""
        client = self._client
        if client is None:
            return Failure.NO_CONNECTION
        read = client.read_holding_registers if ask.table is RegisterTable.HOLDING else client.read_input_registers
        reply = await self._exchange(lambda: read(ask.address, count=ask.count, device_id=ask.unit), ask.table.value)
        if isinstance(reply, Failure):
            return reply
        if len(reply.registers) != ask.count:
            await self._recover()
            return Failure.SHORT
        return tuple(reply.registers)

    async def _exchange(self, request: Callable[[], object], function: int) -> ModbusPDU | Failure:
        """One request and its answer. An answer that is too old (this process was stopped) or of another function
        counts as none."""
        sent_s = time.monotonic()
        try:
            self._wire.clean()
            reply = await request()  # type: ignore[misc]
        except (ConnectionException, OSError):
            self.close()
            return Failure.NO_CONNECTION
        except ModbusException:
            await self._recover()
            return Failure.TIMEOUT
        except Exception as error:  # noqa: BLE001 -- a mistake of the library costs one answer, not the endpoint
            log.error("Modbus %s: %s: %.200s", self.name, type(error).__name__, error)
            self.close()
            return Failure.TIMEOUT
        late = time.monotonic() - sent_s > 2 * REPLY_S
        if late or reply.function_code & 0x7F != function:
            await self._recover()
            return Failure.TIMEOUT
        return Failure.EXCEPTION if reply.isError() else reply

    async def _recover(self) -> None:
        if not await self._wire.recover():
            self.close()


class WriteLine(ReadLine):
    """Reads and writes."""

    async def write(self, ask: WriteRegisters) -> Sequence[int] | Failure:
        """An empty sequence when the device has accepted exactly this write."""
        client = self._client
        if client is None:
            return Failure.NO_CONNECTION
        words = list(ask.words)
        reply = await self._exchange(
            lambda: client.write_registers(ask.address, words, device_id=ask.unit), WRITE_MULTIPLE
        )
        if isinstance(reply, Failure):
            return reply
        if (reply.address, reply.count) != (ask.address, len(words)):
            await self._recover()
            return Failure.TIMEOUT
        return ()
