"""A gateway under test: its real server on a real port, in a thread, against the fake guardian's real socket."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvloop
from fake_guardian import SECONDS_MAX, TOKENS, FakeGuardian

from supervisor.gateway.denials import Denials
from supervisor.gateway.door import Rate, Rates
from supervisor.gateway.link import Link, monotonic_ms
from supervisor.gateway.main import Address, GatewayServer, bind, configure
from supervisor.gateway.tls import Certificate

PLENTY = Rates(Rate(100_000, 100_000), Rate(100_000, 100_000), Rate(100_000, 100_000), wrong_max=100_000)


class Gateway:
    """``changes``: what the link said has happened. ``ahead_ms``: how far the gateway's clock is put forward."""

    def __init__(self, path: Path, rates: Rates = PLENTY, certificate: Certificate | None = None) -> None:
        self.changes: queue.Queue[str] = queue.Queue()
        self.ahead_ms = 0
        self.link = Link(str(path), lambda: monotonic_ms() + self.ahead_ms, self.changes.put)
        self._sock = bind(Address("127.0.0.1", 0))
        self.port = self._sock.getsockname()[1]
        self.denials = Denials()
        self._server = GatewayServer(configure(self.link, rates, self.denials), certificate)
        self._thread = threading.Thread(target=self._run, name="gateway")

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        line = asyncio.create_task(self.link.run())
        await self._server.serve(sockets=[self._sock])
        line.cancel()

    def __enter__(self) -> Gateway:
        self._thread.start()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=SECONDS_MAX)
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self._server.should_exit = True
        self._thread.join(SECONDS_MAX)

    def until(self, change: str) -> None:
        """Wait until the link has said that ``change`` happened."""
        while self.changes.get(timeout=SECONDS_MAX) != change:
            pass

    def put(self, target: str, body: object, who: str | None = "homeassistant", **params: str) -> httpx.Response:
        """PUT a setpoint: ``body`` as JSON, or as it is when it is bytes."""
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        path = f"/v1/targets/{target}/setpoint"
        return self.http.put(path, headers=bearer(who), params=params, **content)  # type: ignore[arg-type]

    def post(self, path: str, who: str | None = "homeassistant", content: bytes = b"") -> httpx.Response:
        return self.http.post(path, headers=bearer(who), content=content)


def bearer(who: str | None) -> dict[str, str]:
    return {} if who is None else {"authorization": f"Bearer {TOKENS.get(who, who)}"}


@pytest.fixture(scope="module")
def guardian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGuardian]:
    with FakeGuardian(tmp_path_factory.mktemp("g") / "g.sock") as fake:
        yield fake


@pytest.fixture(scope="module")
def shared(guardian: FakeGuardian) -> Iterator[Gateway]:
    with Gateway(guardian.path) as running:
        running.until("snapshot")
        yield running


@pytest.fixture
def gateway(shared: Gateway, guardian: FakeGuardian) -> Gateway:
    """The module's gateway, with nothing left over from the test before."""
    guardian.held_by = {}
    while not guardian.asks.empty():
        guardian.asks.get_nowait()
    return shared
