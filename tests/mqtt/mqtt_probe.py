"""A client of the broker for tests: it remembers all it hears, waits for conditions, and shows the broker's reasons."""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

SECONDS_MAX = 20.0  # every wait in these tests ends


@dataclass(frozen=True)
class Got:
    topic: str
    payload: bytes
    retain: bool
    correlation: bytes
    at_s: float

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class Probe:
    """``kept``: the newest payload under each topic, as a dashboard sees it; a topic that was cleared is not there."""

    def __init__(self, port: int, *filters: str, user: str = "", password: str = "") -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, "", protocol=MQTTProtocolVersion.MQTTv5)
        if user:
            self._client.username_pw_set(user, password)
        self.kept: dict[str, bytes] = {}
        self.heard: list[Got] = []
        self._news = threading.Condition()
        self._acknowledged: queue.Queue[tuple[int, str]] = queue.Queue()
        self._subscribed: queue.Queue[list[str]] = queue.Queue()
        self._filters = filters
        self._ready = threading.Event()
        self.refused = ""
        client = self._client
        client.on_message, client.on_connect = self._on_message, self._on_connect
        client.on_publish = lambda _c, _u, mid, code, _p: self._acknowledged.put((mid, str(code)))
        client.on_subscribe = lambda *_: self._ready.set()
        client.reconnect_delay_set(1, 1)
        client.on_socket_open = lambda _c, _u, sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect(("127.0.0.1"), port, 10)
        client.loop_start()
        assert self._ready.wait(SECONDS_MAX), "the broker does not let the probe in"

    def _on_connect(self, client: Client, _u: Any, _f: Any, code: Any, _p: Any) -> None:
        if code.is_failure or not self._filters:
            self.refused = str(code) if code.is_failure else ""
            self._ready.set()
            return
        client.subscribe([(each, SubscribeOptions(qos=1)) for each in self._filters])

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", b"")
        got = Got(message.topic, bytes(message.payload), message.retain, correlation, time.monotonic())
        with self._news:
            self.heard.append(got)
            if got.payload:
                self.kept[got.topic] = got.payload
            else:
                self.kept.pop(got.topic, None)
            self._news.notify_all()

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(
        self, topic: str, payload: object = b"", retain: bool = False, response: str = "", correlation: bytes = b""
    ) -> str:
        """Publish with QoS 1; the broker's reason. ``payload``: bytes or text as it is, anything else as JSON."""
        data = payload if isinstance(payload, bytes | str) else json.dumps(payload)
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if response:
            properties.ResponseTopic = response
        if correlation:
            properties.CorrelationData = correlation
        sent = self._client.publish(topic, data, qos=1, retain=retain, properties=properties)
        while True:
            mid, code = self._acknowledged.get(timeout=SECONDS_MAX)
            if mid == sent.mid:
                return code

    def until(self, condition: Callable[[], Any], what: str, seconds: float = SECONDS_MAX) -> Any:
        """Wait for ``condition``, which is asked again whenever something was heard; its value is returned."""
        end = time.monotonic() + seconds
        with self._news:
            while not (value := condition()):
                left = end - time.monotonic()
                assert left > 0, f"never within {seconds} s: {what}; heard last: {self.heard[-5:]}"
                self._news.wait(min(left, 0.2))
        return value

    def next(self, topic: str, after: int = 0) -> Got:
        """The first message under ``topic`` after the ``after``-th that was heard."""
        got = self.until(lambda: next((g for g in self.heard[after:] if g.topic == topic), None), topic)
        assert isinstance(got, Got)
        return got

    def until_kept(self, topic: str, condition: Callable[[Any], Any], seconds: float = SECONDS_MAX) -> Any:
        """Wait until what is kept under ``topic``, as JSON where it is, fulfils ``condition``; it is returned."""

        def holds() -> Any:
            value = _value(self.kept[topic]) if topic in self.kept else None
            return (value,) if value is not None and condition(value) else None

        return self.until(holds, f"{topic} as wanted", seconds)[0]

    def ask(self, topic: str, payload: object = b"", **more: Any) -> Any:
        """Publish below ask/ or request/ and return the answer, as JSON."""
        kind, identity = topic.split("/ask/" if "/ask/" in topic else "/request/", 1)
        base, who = kind, identity.split("/", 1)[0]
        answers = f"{base}/answer/{who}" if "/ask/" in topic else f"{base}/response/{who}"
        before = len(self.heard)
        assert self.publish(topic, payload, **more) == "Success"
        return self.next(answers, before).json


def _value(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")
