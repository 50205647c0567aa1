"""How long the same takes with Home Assistant, for the figures beside ours (make bench; P4).

    python tests/peers/ha_latency.py [COUNT]

Rows: ``ha_automation`` one numeric comparison in an automation between two topics, ten a second; ``ha_slider`` from
number.set_value over its REST API to our grant at the broker; ``broker`` the broker alone, the floor of both.
"""

from __future__ import annotations

import json
import queue
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS.parent), *(str(TESTS / name) for name in ("peers", "e2e", "mqtt"))]

import paho.mqtt.client as paho  # noqa: E402
import yaml  # noqa: E402
from homeassistant_install import RELEASES  # noqa: E402
from homeassistant_scene import LOGINS, Scene  # noqa: E402
from paho.mqtt.enums import CallbackAPIVersion  # noqa: E402

PERIOD_S = 0.1
RIGHTS = "".join(f"\nuser {user}\ntopic readwrite bench/#\n" for user in LOGINS)
CHECK = {
    "id": "check",
    "alias": "Check",
    "mode": "queued",
    "max": 100,
    "trigger": [{"platform": "mqtt", "topic": "bench/in"}],
    "condition": [{"condition": "template", "value_template": "{{ trigger.payload_json.value | float < 16 }}"}],
    "action": [{"service": "mqtt.publish", "data": {"topic": "bench/out", "payload": "{{ trigger.payload }}"}}],
}


class Line:
    """A client that measures from what it says to what it hears."""

    def __init__(self, port: int, topics: tuple[str, ...]) -> None:
        self.heard: queue.Queue[tuple[float, str, bytes]] = queue.Queue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"bench-{topics[0].replace('/', '-')}")
        self._client.username_pw_set("powerwarden", LOGINS["powerwarden"])
        self._client.on_message = lambda _c, _u, m: self.heard.put((time.perf_counter(), m.topic, m.payload))
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([(topic, 0) for topic in topics])
        self._client.loop_start()
        if not subscribed.wait(10):
            raise AssertionError("the broker did not take the subscription")

    def trip(self, topic: str, payload: str) -> float:
        """Milliseconds from saying ``payload`` to hearing anything."""
        began = time.perf_counter()
        self._client.publish(topic, payload)
        return (self.heard.get(timeout=10)[0] - began) * 1_000

    def warm(self, topic: str, payload: str) -> None:
        """Say it until somebody answers: whoever should has perhaps not subscribed yet."""
        pause = threading.Event()
        for _ in range(40):
            self._client.publish(topic, payload)
            pause.wait(0.5)
            if not self.heard.empty():
                break
        pause.wait(0.5)
        while not self.heard.empty():
            self.heard.get()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def row(name: str, times: list[float], **more: object) -> None:
    """One line as JSON: p50, p99 and the worst in ms."""
    cuts = statistics.quantiles(times, n=100)
    figures = {"p50_ms": round(cuts[49], 2), "p99_ms": round(cuts[98], 2), "max_ms": round(max(times), 2)}
    print(json.dumps({"row": name, "count": len(times)} | figures | more), flush=True)  # noqa: T201


def paced(count: int, one: object) -> list[float]:
    """``one`` ten times a second."""
    assert callable(one)
    pause, times, began = threading.Event(), [], time.monotonic()
    for n in range(count):
        pause.wait(max(0.0, began + n * PERIOD_S - time.monotonic()))
        times.append(float(one(n)))
    return times


def measure(scene: Scene, count: int) -> None:
    """All rows for one release."""
    name, port = scene.release.version, scene.broker.port
    line = Line(port, ("bench/floor",))
    row("broker", paced(count, lambda n: line.trip("bench/floor", str(n))), release=name)
    line.close()
    (scene.home.folder / "automations.yaml").write_text(yaml.safe_dump([CHECK]))
    scene.home.call("POST", "/api/services/automation/reload", {})
    line = Line(port, ("bench/out",))
    line.warm("bench/in", '{"value": 1}')
    row("ha_automation", paced(count, lambda n: line.trip("bench/in", json.dumps({"value": n % 16}))), release=name)
    line.close()
    line = Line(port, ("powerwarden/answer/homeassistant",))

    def slide(n: int) -> float:
        began = time.perf_counter()
        scene.home.do("number.set_value", entity_id="number.wallbox_current", value=6 + n % 2)
        return (line.heard.get(timeout=10)[0] - began) * 1_000

    row("ha_slider", paced(count, slide), release=name)
    line.close()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    for release in RELEASES:
        if not release.installed:
            print(f"Home Assistant {release.version} is not installed", file=sys.stderr)  # noqa: T201
            continue
        with tempfile.TemporaryDirectory() as folder:
            scene = Scene(release, Path(folder) / "broker", RIGHTS)
            try:
                measure(scene, count)
            finally:
                scene.close()


if __name__ == "__main__":
    main()
