"""The check that people would write instead: a Node-RED function that compares one number, between two MQTT topics.

    python tests/nodered/nodered_latency.py [--json FILE]

Prints rows like those of ``make bench``: at QoS 0 and QoS 1, ten messages a second, beside the same message through the
broker alone in the same run. mosquitto has ``set_tcp_nodelay true`` and the asking client TCP_NODELAY; Node-RED's own
client has not and cannot be told to, so its packets may wait for an acknowledgement of the one before.

Nothing here is a test, and nothing fails because of a time.
"""

from __future__ import annotations

import argparse
import json
import queue
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ("nodered", "peers", "mqtt", "e2e")] + [str(HERE.parents[1])]

import nodered_install  # noqa: E402  the paths above come first
from mosquitto_process import MISSING, MOSQUITTO, Mosquitto  # noqa: E402
from nodered_rig import NodeRed  # noqa: E402
from paho.mqtt.client import Client, MQTTMessage  # noqa: E402
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion  # noqa: E402

PER_S, COUNT, WARM = 10, 200, 20
LOST_S = 5.0
CHECK = "msg.payload.value = Math.min(Math.max(msg.payload.value, 0), 16); return msg;"


def flows(port: int) -> list[dict[str, Any]]:
    """For each QoS one line: in, compare, out."""
    found: list[dict[str, Any]] = [
        {"id": "tab", "type": "tab", "label": "check"},
        {"id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(port), "protocolVersion": "5"},
    ]
    for qos in ("0", "1"):
        place = {"z": "tab", "x": 0, "y": 0}
        told = {"broker": "broker", "qos": qos}
        names = [f"{part}{qos}" for part in ("in", "check", "out")]
        found += [
            {"id": names[0], "type": "mqtt in", "topic": f"wish/{qos}", "datatype": "json", "wires": [[names[1]]]}
            | place
            | told,
            {"id": names[1], "type": "function", "func": CHECK, "outputs": 1, "wires": [[names[2]]]} | place,
            {"id": names[2], "type": "mqtt out", "topic": f"given/{qos}", "retain": "false", "wires": []}
            | place
            | told,
        ]
    return found


class Asker:
    """A client that publishes under one topic, and waits for what comes under another."""

    def __init__(self, port: int) -> None:
        self.heard: queue.Queue[tuple[int, float]] = queue.Queue()
        self.client = Client(CallbackAPIVersion.VERSION2, "", protocol=MQTTProtocolVersion.MQTTv5)
        self.client.on_message = self._take
        self.client.on_socket_open = lambda _c, _u, sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.connect("127.0.0.1", port, 30)
        self.client.loop_start()

    def _take(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self.heard.put((json.loads(message.payload)["number"], time.perf_counter()))

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def times(self, said: str, heard: str, qos: int) -> list[float]:
        """Milliseconds from publishing to hearing, sorted; the first ones are not counted."""
        self.client.subscribe(heard, qos)
        took: list[float] = []
        due = time.perf_counter()
        for number in range(-WARM, COUNT):
            due += 1 / PER_S
            _until(due)
            start = time.perf_counter()
            self.client.publish(said, json.dumps({"value": 10, "number": number}), qos)
            while True:
                which, at = self.heard.get(timeout=LOST_S)
                if which == number:
                    break
            took.append((at - start) * 1e3)
        self.client.unsubscribe(heard)
        return sorted(took[WARM:])


def _until(due: float) -> None:
    pause: queue.Queue[None] = queue.Queue()
    left = due - time.perf_counter()
    if left > 0:
        try:
            pause.get(timeout=left)
        except queue.Empty:
            return


@contextmanager
def running(folder: Path) -> Iterator[Mosquitto]:
    """A broker and a Node-RED with its flows, connected."""
    with Mosquitto(folder) as broker:
        nodered = NodeRed(context='{ default: { module: "memory" } }')
        try:
            nodered.deploy(flows(broker.port))
            ends = ("in0", "in1", "out0", "out1")
            nodered.until(lambda: all("connected" in nodered.shown.get(end, "") for end in ends), "it is connected")
            yield broker
        finally:
            nodered.close()


def rows() -> list[dict[str, object]]:
    """As tests/bench prints them; the floor is the same message through the broker alone."""
    found: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="pw-") as folder, running(Path(folder)) as broker:
        asker = Asker(broker.port)
        for qos in (0, 1):
            floor = asker.times("echo", "echo", qos)
            times = asker.times(f"wish/{qos}", f"given/{qos}", qos)
            found.append(
                {
                    "id": "P4",
                    "what": f"the check in Node-RED, QoS {qos}, {PER_S} a second ({COUNT} answered)",
                    "measured": f"p50 {_part(times, 50):.2f} ms, p99 {_part(times, 99):.2f} ms",
                    "must": "",
                    "floor": f"broker p50 {_part(floor, 50):.2f} ms, p99 {_part(floor, 99):.2f} ms",
                    "ratio": f"{_part(times, 50) / _part(floor, 50):.1f}",
                }
            )
        asker.close()
    return found


def _part(times: list[float], percent: int) -> float:
    return times[min(len(times) * percent // 100, len(times) - 1)]


def main() -> int:
    parser = argparse.ArgumentParser(description="The same check in Node-RED, beside the broker alone.")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    chosen = parser.parse_args()
    missing = nodered_install.missing() or ("" if MOSQUITTO else MISSING)
    if missing:
        sys.stdout.write(f"{missing}\n")
        return 1
    found = rows()
    for row in found:
        sys.stdout.write("  ".join(str(row[key]) for key in ("id", "what", "measured", "floor", "ratio")) + "\n")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
