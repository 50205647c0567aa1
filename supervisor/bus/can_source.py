"""How frames get out of a python-can bus and into the loop: by file descriptor, or by a thread where there is none.

Rules
* ``drain`` never waits, and returns at most DRAIN_MAX frames, so that a babbling bus cannot keep the loop.
* The thread's queue is bounded; the oldest frame goes first.
* A byte that an adapter cannot decode is garbage to be counted, not a reason to lose the wire.

Must never: judge a frame, or write one.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import can

DRAIN_MAX = 512
THREAD_WAIT_S = 0.2  # how long the thread takes to notice that it should end
# Whatever python-can's interfaces raise because of a wire; some let bare ValueErrors of their parsers through.
FAILURES = (can.CanError, OSError, ValueError, NotImplementedError)


class Source(Protocol):
    """Where frames come from. ``ready`` is called in the loop when some wait, between ``watch`` and ``unwatch``."""

    garbage: int

    def watch(self) -> None: ...
    def unwatch(self) -> None: ...
    def drain(self) -> list[can.Message]: ...
    def close(self) -> None: ...


def source_of(bus: can.BusABC, ready: Callable[[], None]) -> Source:
    """The source that fits the interface. Must be called in the loop."""
    try:
        fileno = bus.fileno()
    except NotImplementedError:
        fileno = -1
    return FdSource(bus, fileno, ready) if fileno >= 0 else ThreadSource(bus, ready)


async def open_in_thread(arguments: dict[str, object]) -> can.BusABC:
    """Open a bus without holding up the loop (some adapters sleep for seconds). Raises can.CanInitializationError,
    whatever it was that went wrong.

    A daemon thread and not the loop's executor: the process must be able to end while an adapter still sleeps.
    """
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[can.BusABC] = loop.create_future()

    def settle(bus: can.BusABC | None, error: Exception | None) -> None:
        if opened.cancelled():
            if bus is not None:
                bus.shutdown()
        elif bus is not None:
            opened.set_result(bus)
        else:
            opened.set_exception(can.CanInitializationError(f"{type(error).__name__}: {error}"))

    def work() -> None:
        bus, failure = None, None
        try:
            bus = can.Bus(ignore_config=True, **arguments)  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 -- raised again in the loop, see settle
            failure = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, bus, failure)

    threading.Thread(target=work, name="can-open", daemon=True).start()
    return await opened


class FdSource:
    """An interface with a file descriptor: no thread, no queue of ours."""

    def __init__(self, bus: can.BusABC, fileno: int, ready: Callable[[], None]) -> None:
        self._bus, self._fileno, self._ready = bus, fileno, ready
        self._loop = asyncio.get_running_loop()
        self._watching = False
        self.garbage = 0

    def watch(self) -> None:
        if not self._watching:
            self._watching = True
            self._loop.add_reader(self._fileno, self._ready)

    def unwatch(self) -> None:
        if self._watching:
            self._watching = False
            self._loop.remove_reader(self._fileno)

    def drain(self) -> list[can.Message]:
        messages: list[can.Message] = []
        try:
            while len(messages) < DRAIN_MAX and (message := self._bus.recv(0)) is not None:
                messages.append(message)
        except ValueError:
            self._resynchronise()
        return messages

    def _resynchronise(self) -> None:
        """A serial adapter stays wedged on an undecodable byte until its buffer is flushed."""
        self.garbage += 1
        flush = getattr(self._bus, "flush", None)
        if flush is not None:
            flush()

    def close(self) -> None:
        self.unwatch()
        with suppress(*FAILURES):
            self._bus.shutdown()


class ThreadSource:
    """An interface without a file descriptor: a thread waits for it."""

    def __init__(self, bus: can.BusABC, ready: Callable[[], None]) -> None:
        self._bus, self._ready = bus, ready
        self._loop = asyncio.get_running_loop()
        self._queue: deque[can.Message] = deque(maxlen=4 * DRAIN_MAX)
        self._told = self._closed = False
        self._failure: Exception | None = None
        self.garbage = 0
        self._thread = threading.Thread(target=self._work, name="can-read", daemon=True)

    def watch(self) -> None:
        if not self._thread.is_alive() and self._failure is None and not self._closed:
            self._thread.start()

    def unwatch(self) -> None:
        """The thread goes on; its notices come at most once for each drain anyway."""

    def drain(self) -> list[can.Message]:
        self._told = False
        if self._failure is not None:
            raise self._failure
        return [self._queue.popleft() for _ in range(min(len(self._queue), DRAIN_MAX))]

    def close(self) -> None:
        self._closed = True  # the thread closes the bus: nobody else knows when its recv is over

    def _work(self) -> None:
        while not self._closed and self._failure is None:
            try:
                message = self._bus.recv(THREAD_WAIT_S)
            except FAILURES as error:
                self._failure = error
                message = None
            if message is not None:
                self._queue.append(message)
            if message is not None or self._failure is not None:
                self._tell()
        with suppress(*FAILURES):
            self._bus.shutdown()

    def _tell(self) -> None:
        if not self._told and not self._closed:
            self._told = True
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._ready)
