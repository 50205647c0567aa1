"""A line hub in a thread of its own, so that a pin factory, which waits for its answers, can be used in a test."""

from __future__ import annotations

import os
import queue
import select
import threading
from collections.abc import Callable
from typing import TypeVar

from hil.line_hub import HubFactory
from hil.lines import Board, LineHub

PATIENCE_S = 20.0
_T = TypeVar("_T")


class HubThread:
    """Serves a hub; `do` runs something between two polls, when everything that was sent before has been done."""

    def __init__(self, path: str, board: Board) -> None:
        self.path, self.now_ms = path, 0
        self.hub = LineHub(path, board, lambda: self.now_ms)
        self._calls: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._wake, self._waker = os.pipe()
        self._factories: list[HubFactory] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def factory(self) -> HubFactory:
        made = HubFactory(self.path)
        self._factories.append(made)
        return made

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self.hub.fileno(), self._wake], [], [])
            for _ in range(4):  # a client may have sent several packets, or come and gone
                self.hub.poll()
            if self._wake in ready:
                os.read(self._wake, 1)
                if (call := self._calls.get()) is None:
                    return
                call()

    def do(self, call: Callable[[], _T]) -> _T:
        done: queue.Queue[_T] = queue.Queue()

        def run() -> None:
            result = call()
            self.hub.publish()
            done.put(result)

        self._calls.put(run)
        os.write(self._waker, b".")
        return done.get(timeout=PATIENCE_S)

    def stop(self) -> None:
        """End the hub as the end of its process would."""
        if self._thread.is_alive():
            self._calls.put(None)
            os.write(self._waker, b".")
            self._thread.join(PATIENCE_S)
            self.hub.close()

    def close(self) -> None:
        for factory in self._factories:
            factory.close()
        self.stop()
        os.close(self._wake)
        os.close(self._waker)
