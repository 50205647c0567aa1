"""The gateway's MQTT side under test: the real one on its own loop in a thread, against the fake guardian's socket."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from pathlib import Path

import uvloop
from fake_guardian import DESCRIBE, FakeGuardian
from msgspec.structs import replace

from supervisor.gateway import mqtt
from supervisor.gateway.denials import Denials, Reason
from supervisor.gateway.door import Door, Rate, Rates
from supervisor.gateway.history import History
from supervisor.gateway.link import Link
from supervisor.wire import Describe, DeviceInfo, GatewayInfo, IdentityInfo, MqttInfo

PLENTY = Rate(100_000, 100_000)
SECONDS_MAX = 20.0
IDENTITIES = (
    IdentityInfo("homeassistant", "orchestrator", "", mqtt=True),
    IdentityInfo("panels", "orchestrator", "", mqtt=True, shared=True),
    IdentityInfo("nodered", "orchestrator", hashlib.sha256(b"x").hexdigest()),
)


def described(port: int, base: str = "powerwarden", ha: str = "") -> Describe:
    """The fake guardian's house, with a broker."""
    broker = MqttInfo("127.0.0.1", port, False, base, ha, "homeassistant" if ha else "", "device" if ha else "")
    devices = tuple(DeviceInfo(name, "toy", "can0", False) for name in ("meter", "wallbox", "battery", "heater"))
    gateway = GatewayInfo("open", broker)
    return replace(DESCRIBE, identities=IDENTITIES, devices=devices, gateway=gateway)


class Side:
    """``side`` and ``denials`` are the real ones; look at them, and let them be."""

    def __init__(self, path: Path, rate: Rate = PLENTY, options: mqtt.Options | None = None) -> None:
        self._path, self._rates = path, Rates(PLENTY, rate, PLENTY)
        self._options = options or mqtt.Options()
        self.log: list[str] = []
        self.denials = Denials(say=self.log.append)
        self.link: Link | None = None
        self.side: mqtt.Mqtt | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self.heartbeats = 0  # of the loop, which nothing may block
        self.longest_s = 0.0
        self._thread = threading.Thread(target=self._run, name="mqtt side")

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.link = Link(str(self._path))
        line = asyncio.create_task(self.link.run())
        self.side, task = mqtt.start(self.link, Door(self._rates), History(self.link), self._options, self.denials)
        self._ready.set()
        self._beat(self._loop.time())
        await self._stop.wait()
        await self.side.stop(task)
        line.cancel()

    def _beat(self, due_s: float) -> None:
        if self._loop is not None:
            now_s = self._loop.time()
            self.heartbeats, self.longest_s = self.heartbeats + 1, max(self.longest_s, now_s - due_s)
            self._loop.call_at(now_s + 0.01, self._beat, now_s + 0.01)

    def __enter__(self) -> Side:
        self._thread.start()
        assert self._ready.wait(SECONDS_MAX)
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(SECONDS_MAX)
        assert not self._thread.is_alive(), "it does not end"

    def denied(self, reason: Reason) -> int:
        return self.denials.totals()[reason]

    @property
    def mistakes(self) -> int:
        return self.side.mistakes if self.side is not None else 0


def guardian_at(path: Path, port: int, **more: str) -> FakeGuardian:
    fake = FakeGuardian(path)
    fake.describe = described(port, **more)
    return fake
