"""Ears that remember, and let a test wait for what it expects to be told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from bus_toys import PATIENCE_S

from drivers.contract import Failure, Frame, ReadRegisters, WriteRegisters
from supervisor.bus.ports import Order


def clock() -> int:
    return time.monotonic_ns() // 1_000_000


class TestEars:
    __test__ = False

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self._news = asyncio.Event()

    def _note(self, *what: object) -> None:
        self.told.append(what)
        self._news.set()

    def on_frame(self, frame: Frame, now_ms: int) -> None:
        self._note("frame", frame)

    def on_registers(
        self, device: int, ask: ReadRegisters | WriteRegisters, reply: Sequence[int] | Failure, now_ms: int
    ) -> None:
        self._note("registers", device, reply if isinstance(reply, Failure) else tuple(reply))

    def on_bytes(self, data: bytes, now_ms: int) -> None:
        self._note("bytes", data)

    def on_sent(self, device: int, order: Order, now_ms: int) -> None:
        self._note("sent", order)

    def on_unsent(self, device: int, order: Order, why: str, now_ms: int) -> None:
        self._note("unsent", why)

    def on_link(self, up: bool, detail: str, now_ms: int) -> None:
        self._note("link", up, detail)

    def on_oddity(self, kind: str, count: int = 1) -> None:
        self._note("oddity", str(kind))

    async def until(self, wanted: Callable[[tuple[object, ...]], bool]) -> tuple[object, ...]:
        """The first thing told, from now or before, that is wanted; it and what came before are forgotten."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for place, thing in enumerate(self.told):
                    if wanted(thing):
                        del self.told[: place + 1]
                        return thing
                self._news.clear()
                await self._news.wait()

    async def link(self, up: bool) -> str:
        return str((await self.until(lambda thing: thing[:2] == ("link", up)))[2])

    async def reply(self, device: int = 0) -> object:
        return (await self.until(lambda thing: thing[:2] == ("registers", device)))[2]
