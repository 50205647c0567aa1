"""The gateway's only line to authority: the guardian's socket.

Theory of operation
    absent --connect, Hello--> greeted --Describe--> described --Snapshot--> fresh --silence--> stale
    any state --closed, or a word out of place--> absent, and again after 0.1, 0.2 ... 2 s

Rules
* What is older than FRESH_MS is not shown as if it were now: :meth:`Link.view` then answers None.
* At most ASKS_MAX questions are open; the last URGENT_SPARE of them are kept for stop and release.
* A question that finds no answer within ANSWER_S ends in :class:`Absent`. It may still have been carried out, and the
  answer that comes late is dropped: the guardian refuses what is old, except a stop, which is never too late.
* Nothing here waits inside a system call: the socket does not block, and a full socket is an absent guardian.

This file must never repeat a question by itself, and never keep one for a guardian to come.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn

import msgspec

from supervisor.wire import (
    MESSAGE_MAX,
    PROTOCOL,
    Acknowledge,
    Answer,
    Ask,
    Describe,
    Hello,
    Role,
    Snapshot,
    Verb,
    WireError,
    Word,
    connect,
    decode,
    encode,
)

ANSWER_S = 1.0
DESCRIBE_S = 3.0  # a guardian that accepts but does not describe itself is as good as none
FRESH_MS = 2_000
ASKS_MAX = 200
URGENT_SPARE = 20
PAUSE_FIRST_S = 0.1
PAUSE_LAST_S = 2.0

Change = Literal["described", "snapshot", "lost"]


class Absent(Exception):
    """The guardian did not answer. ``code``: guardian_absent, guardian_slow or guardian_busy."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class View:
    """What exists and how it is now. ``age_ms``: of the snapshot; add it to every age, take it from every remainder."""

    describe: Describe
    snapshot: Snapshot
    age_ms: int


def monotonic_ms() -> int:
    """CLOCK_MONOTONIC in ms, the clock that all processes of this machine share."""
    return time.monotonic_ns() // 1_000_000


class Link:
    """One client of the guardian. ``path``: of its socket; ``on_change`` is told, on the loop, what just happened."""

    def __init__(
        self,
        path: str,
        clock_ms: Callable[[], int] = monotonic_ms,
        on_change: Callable[[Change], None] = lambda _change: None,
    ) -> None:
        self.path = path
        self.describe: Describe | None = None
        self.snapshot: Snapshot | None = None
        self.trouble = "not connected yet"
        self.connections = 0
        self.timeouts = 0
        self._clock_ms = clock_ms
        self._listeners = [on_change]
        self._sock: socket.socket | None = None
        self._seq = 0
        self._open: dict[int, asyncio.Future[Answer]] = {}

    @property
    def connected(self) -> bool:
        """True between a Describe and the end of that connection."""
        return self.describe is not None

    def age_ms(self) -> int | None:
        """Age of the newest snapshot of this connection, None when there was none."""
        return None if self.snapshot is None else max(0, self._clock_ms() - self.snapshot.at_ms)

    def view(self) -> View | None:
        """The newest picture, or None when there is none that is fresh."""
        age_ms = self.age_ms()
        if self.describe is None or self.snapshot is None or age_ms is None or age_ms > FRESH_MS:
            return None
        return View(self.describe, self.snapshot, age_ms)

    def listen(self, told: Callable[[Change], None]) -> None:
        """``told``, too, is told on the loop what just happened, after those who came before it."""
        self._listeners.append(told)

    async def run(self) -> NoReturn:
        """Keep the line up until cancelled."""
        pause_s = PAUSE_FIRST_S
        while True:
            before = self.connections
            try:
                await self._conversation()
            except (OSError, WireError) as error:
                self.trouble = str(error) or type(error).__name__
            finally:
                self._hang_up()
            pause_s = PAUSE_FIRST_S if self.connections > before else min(pause_s * 2, PAUSE_LAST_S)
            await asyncio.sleep(pause_s)

    async def ask(self, ask: Ask | Acknowledge) -> Answer:
        """The guardian's answer to ``ask``, whose ``seq`` is given here. Raises Absent."""
        return await self.answer(self.begin(ask))

    def begin(self, ask: Ask | Acknowledge) -> int:
        """Send ``ask`` now; returns its ``seq``, for which :meth:`answer` is to be awaited. Raises Absent."""
        sock = self._admit(isinstance(ask, Ask) and ask.verb in (Verb.STOP, Verb.RELEASE))
        self._seq += 1
        try:
            sock.send(encode(msgspec.structs.replace(ask, seq=self._seq)))
        except OSError:
            raise Absent("guardian_slow", "the guardian does not take questions at the moment") from None
        self._open[self._seq] = asyncio.get_running_loop().create_future()
        return self._seq

    async def answer(self, seq: int) -> Answer:
        """What the guardian says to what was begun. Raises Absent."""
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._open[seq]
        except TimeoutError:
            self.timeouts += 1
            raise Absent("guardian_slow", f"the guardian did not answer within {ANSWER_S:g} s") from None
        finally:
            self._open.pop(seq, None)

    def _admit(self, urgent: bool) -> socket.socket:
        if self._sock is None or self.describe is None:
            raise Absent("guardian_absent", f"the guardian is not there: {self.trouble}")
        if len(self._open) >= ASKS_MAX - (0 if urgent else URGENT_SPARE):
            raise Absent("guardian_busy", "too many questions wait for the guardian")
        return self._sock

    async def _conversation(self) -> NoReturn:
        """One connection from Hello to its end. Raises OSError or WireError when it is over."""
        self._sock = connect(self.path, timeout_s=0.0)  # zero: a full backlog is an error, not a wait
        self._sock.send(encode(Hello(Role.GATEWAY, "gateway", os.getpid(), PROTOCOL, "")))
        room = bytearray(MESSAGE_MAX + 1)
        async with asyncio.timeout(DESCRIBE_S):
            first = await self._receive(self._sock, room)
        if not isinstance(first, Describe):
            raise WireError(f"the guardian began with a {type(first).__name__}")
        self.describe = first
        self.connections += 1
        self._tell("described")
        while True:
            self._hear(await self._receive(self._sock, room))
            await asyncio.sleep(0)  # whoever waits for this answer goes on before the next packet is read

    async def _receive(self, sock: socket.socket, room: bytearray) -> Word:
        size = await asyncio.get_running_loop().sock_recv_into(sock, room)
        if size == 0:
            raise ConnectionResetError("the guardian hung up")
        if size > MESSAGE_MAX:
            raise WireError("a packet longer than any word")
        return decode(bytes(memoryview(room)[:size]))

    def _hear(self, word: Word) -> None:
        if isinstance(word, Answer):
            waiting = self._open.get(word.seq)
            if waiting is not None and not waiting.done():
                waiting.set_result(word)
        elif isinstance(word, Snapshot) and self.describe is not None:
            check_fits(self.describe, word)
            self.snapshot = word
            self._tell("snapshot")
        else:
            raise WireError(f"a guardian does not say {type(word).__name__} here")

    def _tell(self, change: Change) -> None:
        for told in self._listeners:
            told(change)

    def _hang_up(self) -> None:
        """Forget everything that the connection said: the last good value is not a value."""
        if self._sock is not None:
            self._sock.close()
        was_connected, self._sock, self.describe, self.snapshot = self.connected, None, None, None
        for waiting in self._open.values():
            if not waiting.done():
                waiting.set_exception(Absent("guardian_absent", "the guardian went away before it answered"))
        if was_connected:
            self._tell("lost")


def check_fits(describe: Describe, snapshot: Snapshot) -> None:
    """Raises WireError unless the snapshot's lists run parallel to the description's."""
    pairs = (
        (describe.signals, snapshot.readings),
        (describe.targets, snapshot.targets),
        (describe.machines, snapshot.machines),
    )
    if any(len(told) != len(seen) for told, seen in pairs):
        raise WireError("a snapshot of another site than the one described")
    for info, machine in zip(describe.machines, snapshot.machines, strict=True):
        if not 0 <= machine.state < len(info.states):
            raise WireError(f"{info.id} is in a state that it does not have")
