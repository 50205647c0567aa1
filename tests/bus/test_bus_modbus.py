"""The Modbus port against pymodbus's own server, against servers that misbehave, and on a serial line."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bus_ears import TestEars, clock
from bus_toys import bus, device
from pymodbus.framer import FramerRTU
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.contract import BusKind, Failure, ReadRegisters, RegisterTable, WriteRegisters
from supervisor.bus.modbus_line import WriteLine
from supervisor.bus.modbus_port import ModbusPort, ModbusReader
from supervisor.bus.modbus_queue import QUEUE_MAX, Job, Jobs
from supervisor.bus.ports import Pulse
from supervisor.site import BusSite, DeviceSite

LATER_MS = 2**40
Answer = Callable[[bytes, asyncio.StreamWriter], None]


def read(address: int, count: int = 1, unit: int = 1) -> ReadRegisters:
    return ReadRegisters(unit, RegisterTable.HOLDING, address, count)


def at(name: str, port: int, observe: bool = False) -> DeviceSite:
    return device(BusKind.MODBUS, name, observe=observe, options={"host": "127.0.0.1", "port": port})


@asynccontextmanager
async def simulator() -> AsyncIterator[int]:
    """A well-behaved server with registers 0..2 = 11, 22, 33 and a writable 100; yields its port."""
    registers = [
        SimData(0, values=[11, 22, 33], datatype=DataType.REGISTERS),
        SimData(100, values=[0, 0], datatype=DataType.REGISTERS),
    ]
    server = ModbusTcpServer(SimDevice(1, simdata=registers), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    try:
        yield server.transport.sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


@asynccontextmanager
async def scripted(answer: Answer) -> AsyncIterator[int]:
    """A server that calls ``answer`` with each request; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(300):
            answer(request, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def registers_reply(request: bytes, *words: int) -> bytes:
    """A Modbus TCP answer to a read, with the transaction number and unit of its request."""
    body = request[6:8] + bytes([2 * len(words)]) + b"".join(word.to_bytes(2, "big") for word in words)
    return request[:4] + len(body).to_bytes(2, "big") + body


async def play(site: BusSite, scene: Callable[[ModbusPort, TestEars], Awaitable[None]]) -> None:
    ears = TestEars()
    port = ModbusPort(site, ears, clock, Pulse())
    port.start()
    try:
        await scene(port, ears)
    finally:
        port.stop()


def tcp(*devices: DeviceSite) -> BusSite:
    return bus(BusKind.MODBUS, *devices, transport="tcp")


def test_reads_and_writes_reach_the_device_and_its_refusal_comes_back() -> None:
    async def scene(port: ModbusPort, ears: TestEars) -> None:
        port.ask(0, read(0, 3))
        assert await ears.link(True) == "all endpoints answer"
        assert await ears.reply() == (11, 22, 33)
        port.write(0, WriteRegisters(1, 100, (7, 8)), LATER_MS)
        assert await ears.reply() == ()
        port.ask(0, read(100, 2))
        assert await ears.reply() == (7, 8)
        port.ask(0, read(50))
        assert await ears.reply() is Failure.EXCEPTION

    async def stage() -> None:
        async with simulator() as port:
            await play(tcp(at("toy", port)), scene)

    asyncio.run(stage())


def test_an_expired_write_is_not_sent() -> None:
    async def scene(port: ModbusPort, ears: TestEars) -> None:
        port.write(0, WriteRegisters(1, 100, (7,)), clock() - 1)
        assert await ears.until(lambda thing: thing[0] == "unsent") == ("unsent", "expired")
        port.ask(0, read(100))
        assert await ears.reply() == (0,)

    async def stage() -> None:
        async with simulator() as port:
            await play(tcp(at("toy", port)), scene)

    asyncio.run(stage())


def test_nobody_listens() -> None:
    async def scene(port: ModbusPort, ears: TestEars) -> None:
        port.ask(0, read(0))
        assert "no connection" in await ears.link(False)
        assert await ears.reply() is Failure.NO_CONNECTION
        port.write(0, WriteRegisters(1, 100, (7,)), LATER_MS)
        assert await ears.until(lambda thing: thing[0] == "unsent") == ("unsent", "unsent")

    async def stage() -> None:
        async with scripted(lambda _request, _writer: None) as free:
            pass
        await play(tcp(at("toy", free)), scene)

    asyncio.run(stage())


def test_a_short_reply_is_a_failure() -> None:
    async def scene(port: ModbusPort, ears: TestEars) -> None:
        port.ask(0, read(0, 3))
        assert await ears.reply() is Failure.SHORT

    async def stage() -> None:
        async with scripted(lambda request, writer: writer.write(registers_reply(request, 1, 2))) as port:
            await play(tcp(at("toy", port)), scene)

    asyncio.run(stage())


def test_a_silent_endpoint_does_not_delay_a_healthy_one() -> None:
    async def scene(port: ModbusPort, ears: TestEars) -> None:
        port.ask(0, read(0))
        for _ in range(20):
            port.ask(1, read(1))
            assert await ears.reply(1) == (22,)
        # The first to be told of device 0 comes after all of that: its answer takes a whole time-out.
        assert ("registers", 0, Failure.TIMEOUT) not in ears.told
        assert await ears.reply(0) is Failure.TIMEOUT

    async def stage() -> None:
        async with simulator() as healthy, scripted(lambda _request, _writer: None) as silent:
            await play(tcp(at("silent", silent), at("healthy", healthy)), scene)

    asyncio.run(stage())


def test_a_late_reply_over_tcp_is_never_taken_for_the_next_answer() -> None:
    held: list[tuple[bytes, asyncio.StreamWriter]] = []

    def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        address = int.from_bytes(request[8:10], "big")
        held.append((request, writer))
        if address == 2:  # now the answer to the first request comes as well, before this one's
            held[0][1].write(registers_reply(held[0][0], 111))
            writer.write(registers_reply(request, 222))

    async def scene(port: ModbusPort, ears: TestEars) -> None:
        port.ask(0, read(1))
        assert await ears.reply() is Failure.TIMEOUT
        reply: object = Failure.TIMEOUT
        while reply is Failure.TIMEOUT:  # the silent unit is rested for a moment
            port.ask(0, read(2))
            reply = await ears.reply()
        assert reply == (222,)

    async def stage() -> None:
        async with scripted(answer) as port:
            await play(tcp(at("toy", port)), scene)

    asyncio.run(stage())


def test_lines_and_ports_that_observe_cannot_write() -> None:
    async def stage() -> None:
        ears = TestEars()
        reader = ModbusReader(tcp(at("toy", 1)), ears, clock, Pulse())
        assert not hasattr(reader, "write")
        mixed = ModbusPort(tcp(at("mute", 1, observe=True), at("loud", 2)), ears, clock, Pulse())
        mixed.start()
        assert not hasattr(mixed._of_device[0].line, "write")
        assert isinstance(mixed._of_device[1].line, WriteLine)
        mixed.stop()

    asyncio.run(stage())


# ---- the serial line ----
def rtu_reply(unit: int, *words: int) -> bytes:
    body = bytes([unit, 3, 2 * len(words)]) + b"".join(word.to_bytes(2, "big") for word in words)
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


@asynccontextmanager
async def rtu_line(on_request: Callable[[int, bytes], None]) -> AsyncIterator[tuple[BusSite, int]]:
    """A pseudo-terminal; ``on_request`` gets the far end's descriptor and a request. Yields the site and the former."""
    far, near = os.openpty()
    tty.setraw(near)
    path = os.ttyname(near)
    loop = asyncio.get_running_loop()
    loop.add_reader(far, lambda: on_request(far, os.read(far, 300)))
    try:
        yield bus(BusKind.MODBUS, device(BusKind.MODBUS), transport="rtu", device=path, baudrate=9600), far
    finally:
        loop.remove_reader(far)
        os.close(far)
        os.close(near)


def test_a_late_reply_on_a_serial_line_is_never_taken_for_the_next_answer() -> None:
    """The trap: without transaction numbers the late answer looks exactly like the one that is awaited."""

    async def stage() -> None:
        loop = asyncio.get_running_loop()

        def on_request(far: int, request: bytes) -> None:
            if request[2:4] == b"\x00\x01":
                loop.call_later(0.4, os.write, far, rtu_reply(1, 111))  # 0.1 s after it was given up
            else:
                os.write(far, rtu_reply(1, 222))

        async def scene(port: ModbusPort, ears: TestEars) -> None:
            port.ask(0, read(1))
            port.ask(0, read(2))
            await ears.until(lambda thing: thing == ("oddity", "late_bytes"))
            assert await ears.reply() is Failure.TIMEOUT
            reply = await ears.reply()
            while reply is Failure.TIMEOUT:
                port.ask(0, read(2))
                reply = await ears.reply()
            assert reply == (222,)

        async with rtu_line(on_request) as (site, _far):
            await play(site, scene)

    asyncio.run(stage())


def test_bytes_that_lie_on_a_serial_line_before_a_request_are_no_answer() -> None:
    async def stage() -> None:
        async def scene(port: ModbusPort, ears: TestEars) -> None:
            port.ask(0, read(2))
            assert await ears.reply() == (222,)
            os.write(far, rtu_reply(1, 111))
            port.ask(0, read(2))
            assert await ears.reply() == (222,)

        def on_request(far: int, _request: bytes) -> None:
            os.write(far, rtu_reply(1, 222))

        async with rtu_line(on_request) as (site, far):
            await play(site, scene)

    asyncio.run(stage())


# ---- the queue ----
def write(word: int, address: int = 100) -> Job:
    return Job(0, WriteRegisters(1, address, (word,)), 0)


def test_writes_go_first_and_a_newer_one_takes_the_place_of_an_older() -> None:
    jobs = Jobs()
    reading = Job(0, read(0))
    assert jobs.put(reading) is None
    assert jobs.put(write(1)) is None
    assert jobs.put(write(5, address=200)) is None
    assert jobs.put(write(2)) == write(1)
    assert [jobs.next() for _ in range(4)] == [write(2), write(5, address=200), reading, None]


def test_a_shorter_write_does_not_replace_a_longer_one() -> None:
    jobs = Jobs()
    longer = Job(0, WriteRegisters(1, 100, (1, 2)), 0)
    jobs.put(longer)
    assert jobs.put(write(3)) is None
    assert jobs.next() == longer


def test_the_queues_are_bounded_and_hand_back_the_oldest() -> None:
    jobs = Jobs()
    assert [jobs.put(Job(0, read(address))) for address in range(QUEUE_MAX)] == [None] * QUEUE_MAX
    assert jobs.put(Job(0, read(3))) is None  # the same device waits for it already
    assert jobs.put(Job(0, read(999))) == Job(0, read(0))
    assert len(jobs) == QUEUE_MAX
