"""P4 over MQTT: from a message to its answer, policy, lease and journal included.

The floor is a bare echo: the same broker, and a client of its own that answers as many bytes at once, with QoS 1 and
TCP_NODELAY. Both are asked by the same client, over one connection, each wish at its own time whether or not the one
before has been answered; an answer finds its wish by the request_id.

    python -m tests.bench P4M
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench_requests import (
    CALM_PER_S,
    CALM_S,
    FAST_PER_S,
    FAST_S,
    TARGET,
    _counters,
    _part,
    _process,
    _reachable,
    _until,
)
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from running_house import RunningHouse, free_ports

ME = "optimiser"
ECHO = """
import json, socket, sys
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
ANSWER = b'{"request_id":"%s","verdict":"granted","value":10,"unit":"A","clauses":["' + b"x" * 600 + b'"]}'
def heard(client, _userdata, message):
    client.publish("echo/answer", ANSWER % json.loads(message.payload)["request_id"].encode(), qos=1)
client = Client(CallbackAPIVersion.VERSION2, "echo", protocol=5)
client.on_message = heard
client.on_connect = lambda *_: client.subscribe("echo/ask", qos=1)
client.on_socket_open = lambda _c, _u, sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
client.connect("127.0.0.1", int(sys.argv[1]))
client.loop_forever()
"""


class Asker:
    """One connection on the loop; the time of each answer by the number of its question."""

    def __init__(self, port: int, answers: str) -> None:
        self.began: dict[int, float] = {}
        self.times: list[float] = []
        self.verdicts: dict[str, int] = {}
        self._loop = asyncio.get_running_loop()
        self.client = client = Client(CallbackAPIVersion.VERSION2, "asker", protocol=MQTTProtocolVersion.MQTTv5)
        client.max_inflight_messages_set(1_000)
        client.on_message = self._on_message
        self.ready = asyncio.Event()
        client.on_subscribe = lambda *_: self.ready.set()
        client.on_connect = lambda *_: client.subscribe(answers, qos=1)
        client.connect("127.0.0.1", port, 60)
        sock = client.socket()
        assert isinstance(sock, socket.socket)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(sock.fileno(), self._read)
        self._fd = sock.fileno()

    def _on_message(self, _client: Client, _userdata: object, message: object) -> None:
        at_s = time.perf_counter()
        said = json.loads(message.payload)  # type: ignore[attr-defined]
        self.times.append((at_s - self.began.pop(int(said["request_id"]))) * 1_000)
        verdict = said.get("verdict") or said["error"]["code"]
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1

    def _read(self) -> None:
        self.client.loop_read()
        while self.client.want_write():  # what was said inside a callback waits until here
            self.client.loop_write()

    def ask(self, topic: str, number: int) -> None:
        wish = {"value": 6 + number % 8, "unit": "A", "kind": "live", "duration_s": 30, "request_id": str(number)}
        body = json.dumps(wish)
        self.began[number] = time.perf_counter()
        self.client.publish(topic, body, qos=1)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        self.client.disconnect()


async def asked(port: int, topic: str, answers: str, per_s: int, seconds: int) -> tuple[list[float], dict[str, int]]:
    """Milliseconds of each answer, and how many there were of each verdict."""
    asker = Asker(port, answers)
    await asyncio.wait_for(asker.ready.wait(), 10)

    async def one(number: int, due_s: float) -> None:
        await _until(due_s)
        asker.ask(topic, number)

    start_s = time.monotonic() + 0.2
    dice = random.Random(1)  # each in its own phase of the guardian's cycle, and not all in the same
    dues = [start_s + (n + dice.random()) / per_s for n in range(per_s * seconds)]
    await asyncio.gather(*(one(n, due_s) for n, due_s in enumerate(dues)))
    end = time.monotonic() + 2
    while asker.began and time.monotonic() < end:
        await _until(time.monotonic() + 0.01)
    asker.close()
    if asker.began:
        asker.verdicts["no answer"] = len(asker.began)
    return sorted(asker.times), asker.verdicts


@contextmanager
def broker(folder: Path, port: int) -> Iterator[None]:
    conf = folder / "mosquitto.conf"
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "set_tcp_nodelay true", "user root"]
    conf.write_text("\n".join([*lines, f"log_dest file {folder}/log", "max_inflight_messages 1000", ""]))
    with _process(shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", str(conf)):
        _reachable(port)
        yield


@contextmanager
def house(port: int) -> Iterator[RunningHouse]:
    """The example house with a broker, and without the rates that the policies set."""
    running = RunningHouse(start_product=False)
    policy = running.site / "20-house.yaml"
    policy.write_text(policy.read_text().replace("    longest: 4 h\n", "    longest: 4 h\n    rate: 60000 per min\n"))
    network = running.site / "30-network.yaml"
    network.write_text(network.read_text().replace("rate: 240 per min", "rate: 60000 per min"))
    site = running.site / "site.yaml"
    text = site.read_text().replace("demo-optimiser\n    role:", "demo-optimiser\n    mqtt: optimiser\n    role:", 1)
    site.write_text(f"{text}\ngateway:\n  mqtt: {{host: 127.0.0.1, port: {port}}}\n")
    try:
        running.start_product()
        running.until_mode("normal")
        yield running
    finally:
        running.close()


@contextmanager
def _suspended(running: RunningHouse) -> Iterator[None]:
    """The house's own gateway stands still: one at a time speaks at a broker, and the one we ask has other rates."""
    own = running.process("gateway")
    own.suspend()
    try:
        yield
    finally:
        own.resume()


def mqtt_requests() -> list[dict[str, object]]:
    """P4 over MQTT, at ten and at five hundred wishes a second."""
    rows: list[dict[str, object]] = []
    port = free_ports(2)
    with tempfile.TemporaryDirectory() as folder, broker(Path(folder), port), house(port) as running:
        gateway = [sys.executable, "-m", "supervisor.gateway.main", "--socket", str(running.dir / "guardian.sock")]
        gateway += ["--identity-rate", "5000", "--listen", f"127.0.0.1:{port + 1}"]
        with _process(sys.executable, "-c", ECHO, str(port)), _suspended(running), _process(*gateway):
            _reachable(port + 1)
            topic, answers = f"powerwarden/ask/{ME}/set/{TARGET}", f"powerwarden/answer/{ME}"
            for per_s, seconds, must in (
                (CALM_PER_S, CALM_S, "p50 ≤ 2.5 ms, p99 ≤ 8 ms"),
                (FAST_PER_S, FAST_S, "p50 ≤ 5 ms, no late cycle"),
            ):
                floor, _ = asyncio.run(asked(port, "echo/ask", "echo/answer", per_s, seconds))
                before = _counters(running)
                times, verdicts = asyncio.run(asked(port, topic, answers, per_s, seconds))
                late = _counters(running)["skipped_cycles"] - before["skipped_cycles"]
                said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
                rows.append(
                    {
                        "id": "P4",
                        "what": f"setpoint over MQTT, {per_s} a second ({said}; {late} cycles skipped)",
                        "measured": f"p50 {_part(times, 50):.2f} ms, p99 {_part(times, 99):.2f} ms",
                        "must": must,
                        "floor": f"echo p50 {_part(floor, 50):.2f} ms, p99 {_part(floor, 99):.2f} ms",
                        "ratio": f"{_part(times, 50) / _part(floor, 50):.1f}",
                    }
                )
    return rows


if __name__ == "__main__":
    for row in mqtt_requests():
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
