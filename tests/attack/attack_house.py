"""A whole house under attack, an honest client in it, and the figures before and after.

The attackers speak from other loopback addresses (127.x.y.z), so to the gateway they are other machines of the LAN.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "e2e")]

from running_house import RunningHouse  # noqa: E402  the path above comes first

TARGET, TOKEN = "wallbox.current", "demo-optimiser"
HONEST_EVERY_S = 0.25
PATIENCE_S = 25.0  # for one answer or the end of a connection

Answers = Counter[str]  # "401 who_are_you", "200", or "closed"


@dataclass
class Figures:
    """Of the moment."""

    denials: Counter[str]
    late: int
    skipped: int
    cycles: int
    rss: int


@dataclass
class Honest:
    """What the honest client was answered while the attack went on; ``slowest_s`` of one answer."""

    answers: Answers = field(default_factory=Counter)
    slowest_s: float = 0.0


class AttackedHouse(RunningHouse):
    """A house and where its gateway is attacked: ``front`` is the port of it."""

    def figures(self) -> Figures:
        counters = dict(self.until_seen(lambda _describe, _snapshot: True, "a picture").counters)
        return Figures(
            self.denials(),
            counters["late_cycles"],
            counters["skipped_cycles"],
            counters["cycles"],
            int(self.process("gateway").memory_info().rss),
        )

    def denials(self) -> Counter[str]:
        return denials_in(self.metrics())

    @property
    def real_time(self) -> bool:
        return "real-time priority granted" in self.log("product")

    @contextmanager
    def honest(self) -> Iterator[Honest]:
        """Somebody who sets 10 A now and then, each time on a new connection, until the end of the block."""
        seen, over = Honest(), threading.Event()

        def ask() -> None:
            while not over.wait(HONEST_EVERY_S):
                began = time.monotonic()
                try:
                    body = {"value": 10, "unit": "A", "kind": "live", "duration_s": 30}
                    code, answer = self.http("PUT", f"/v1/targets/{TARGET}/setpoint", body)
                    seen.answers[str(code) if code == 200 else f"{code} {answer}"] += 1
                except OSError as error:
                    seen.answers[repr(error)] += 1
                seen.slowest_s = max(seen.slowest_s, time.monotonic() - began)

        thread = threading.Thread(target=ask, name="honest")
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            thread.join()


def denials_in(metrics: Mapping[str, float]) -> Counter[str]:
    """The totals by reason among the samples of /metrics."""
    found = {name: value for name, value in metrics.items() if name.partition("{")[0].endswith("denials_total")}
    return Counter({name.split('"')[1]: int(value) for name, value in found.items()})


class Connection:
    """A bare connection from an address of the attacker's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, *parts: bytes) -> None:
        """All of it, or until the other side has had enough."""
        try:
            for part in parts:
                self.writer.write(part)
                await self.writer.drain()
        except OSError:
            return

    async def answer(self) -> str:
        """One answer as "STATUS CODE", "closed" where none comes."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
                body = await self.reader.readexactly(length)
        except (OSError, EOFError):
            return "closed"
        status = head.split(b" ", 2)[1].decode()
        return status if status == "200" else f"{status} {json.loads(body)['error']['code']}"

    async def end(self) -> str:
        """Until the other side hangs up: the last answer that it gave, "closed" where it gave none."""
        last = "closed"
        while (said := await self.answer()) != "closed":
            last = said
        return last

    async def closed(self) -> bool:
        """Has the other side hung up by now, without waiting?"""
        try:
            async with asyncio.timeout(0.001):
                return await self.reader.read(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


@contextmanager
def connections() -> Iterator[Callable[[str, int], Awaitable[Connection]]]:
    """A way to make connections from an address to a port; all of them are hung up at the end of the block."""
    made: list[Connection] = []

    async def connect(source: str, port: int) -> Connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        made.append(Connection(reader, writer))
        return made[-1]

    try:
        yield connect
    finally:
        for connection in made:
            connection.writer.transport.abort()


def request(method: str, path: str, *headers: str, body: bytes = b"", length: int | None = None) -> bytes:
    """``length``: what is said of the body, where that is not the truth."""
    said = [
        f"{method} {path} HTTP/1.1",
        "host: x",
        *headers,
        f"content-length: {len(body) if length is None else length}",
    ]
    return "\r\n".join([*said, "", ""]).encode() + body


def bearer(token: str) -> str:
    return f"authorization: Bearer {token}"
