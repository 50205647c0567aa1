"""The connection to the broker: paho-mqtt's MQTT 5 on the gateway's own loop.

Theory of operation
    down --a thread connects--> waiting --CONNACK--> up --anything that goes wrong--> down, again after 0.2 ... 5 s

paho is used directly, without a wrapper: its calls never block once it is connected, an answer leaves in the call that
makes it, and a broker that hangs while we connect holds up a thread of its own that nobody waits for at the end.

Rules
* Clean start and no session: what is sent while we are away is not ours, and no command waits for us.
* The name of the client is fixed by the base: a new connection ends the old one, whose last will would otherwise say
  "offline" after we have said "online".
* At most UNACKNOWLEDGED_MAX messages wait for the broker; those beyond are dropped and counted. A message of more than
  PACKET_MAX bytes does not reach us. Nagle's algorithm is off: with it every answer takes 44 ms.
* A new connection begins with nothing: what the old one had not said is not said late.

This file must never look into a payload.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from supervisor.gateway.mqtt.heard import Heard
from supervisor.gateway.mqtt.topics import OFFLINE

KEEPALIVE_S = 10
CONNECT_S = 4.0  # for the socket, and once more for the broker's word
PAUSE_FIRST_S, PAUSE_LAST_S = 0.2, 5.0
PACKET_MAX = 16 * 1024  # bytes
RECEIVE_MAX = 64  # messages that the broker may have on the way to us
IN_FLIGHT_MAX = 20  # and we to it: what brokers allow unless they say more
UNACKNOWLEDGED_MAX = 1_000
STOP_S = 0.5  # for the last words


class BrokerError(Exception):
    """The connection is over, or did not come about. The text says why."""


@dataclass(frozen=True)
class Settings:
    """``client``: our name at the broker. ``ca``: a file with the certificates to trust, "" for the system's."""

    host: str
    port: int
    tls: bool
    client: str
    will: str
    user: str = ""
    password: str = ""
    ca: str = ""

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class Correlation(Properties):
    """The one property that we publish with. paho's own takes 80 us to build and to pack, this one two."""

    def __init__(self, data: bytes) -> None:
        object.__setattr__(self, "_packed", self._pack(data))

    @staticmethod
    def _pack(data: bytes) -> bytes:
        body = b"\x09" + len(data).to_bytes(2, "big") + data
        rest, head = len(body), b""
        while True:
            rest, digit = rest >> 7, rest & 0x7F
            head += bytes([digit | 0x80 if rest else digit])
            if not rest:
                return head + body

    def pack(self) -> bytes:
        packed: bytes = object.__getattribute__(self, "_packed")
        return packed


@dataclass
class Events:
    """What the connection tells, always on the loop."""

    filters: Callable[[], list[str]]  # what to subscribe to, asked at each connect
    up: Callable[[], None]  # connected and subscribed
    heard: Callable[[Heard], None]
    say: Callable[[str], None]  # a line for the log


class Broker:
    """One broker. ``connections`` and ``dropped`` count since the process began; ``trouble``: why it is not there."""

    def __init__(self, settings: Settings, events: Events) -> None:
        self.settings = settings
        self.up = False
        self.trouble = "not connected yet"
        self.connections = 0
        self.dropped = 0
        self.forbidden = 0
        self.unacknowledged = 0
        self._events = events
        self._client: Client | None = None
        self._fd = -1
        self._ended: asyncio.Future[str] | None = None
        self._told = ""

    async def run(self) -> NoReturn:
        """Keep the connection up until cancelled."""
        pause_s = PAUSE_FIRST_S
        while True:
            before = self.connections
            try:
                await self._conversation()
            except BrokerError as error:
                self._lost(str(error))
            finally:
                self._drop()
            pause_s = PAUSE_FIRST_S if self.connections > before else min(pause_s * 2, PAUSE_LAST_S)
            await asyncio.sleep(pause_s)

    def say(self, topic: str, payload: bytes, retain: bool = False, correlation: bytes = b"") -> bool:
        """Publish with QoS 1, now. False when there is no broker, or one that does not read."""
        client = self._client
        if client is None or not self.up or self.unacknowledged >= UNACKNOWLEDGED_MAX:
            self.dropped += 1 if client is not None and self.up else 0
            return False
        properties = Correlation(correlation) if correlation else None
        self.unacknowledged += 1
        sent = client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self.dropped += 1
            return False
        self._write_more()
        return True

    async def close(self) -> None:
        """Let what was said go out, and leave in order; a broker that hangs waits in vain for us."""
        client = self._client
        if client is None or not self.up:
            return
        end = asyncio.get_running_loop().time() + STOP_S
        while self.up and self.unacknowledged and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.005)
        if self._client is client:
            client.disconnect()

    # ---- one connection ------------------------------------------------------------------------------------------
    async def _conversation(self) -> NoReturn:
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        welcome: asyncio.Future[str] = loop.create_future()
        client = self._make(welcome)
        await self._open(client)
        self._client = client
        sock = client.socket()
        if not isinstance(sock, socket.socket):
            raise BrokerError("it hung up at once")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._fd = sock.fileno()
        loop.add_reader(self._fd, self._read)
        self._write_more()
        await asyncio.wait([welcome, self._ended], timeout=CONNECT_S, return_when=asyncio.FIRST_COMPLETED)
        if not welcome.done():
            ended = self._ended.result() if self._ended.done() else f"it did not answer within {CONNECT_S:g} s"
            raise BrokerError(ended)
        if refused := welcome.result():
            raise BrokerError(refused)
        self._is_up(client)
        while not self._ended.done():
            await asyncio.wait([self._ended], timeout=1.0)
            client.loop_misc()  # keep-alive, and its end
        raise BrokerError(self._ended.result())

    def _is_up(self, client: Client) -> None:
        self.up, self.unacknowledged = True, 0
        self.connections += 1
        self._told = ""
        self._events.say(f"connected to the broker at {self.settings}")
        wanted = self._events.filters()
        kept = SubscribeOptions(qos=1, retainAsPublished=True)
        live = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True, retainHandling=2)
        client.subscribe([(each, kept) for each in wanted])  # shows what is kept, also of our own former life
        client.unsubscribe(wanted)  # mosquitto 2.0.11 does not take noLocal over when a subscription is only replaced
        client.subscribe([(each, live) for each in wanted])  # and from now on only what others say
        self._write_more()
        self._events.up()

    async def _open(self, client: Client) -> None:
        """Connect in a thread of its own. Raises BrokerError. A thread that comes too late closes what it opened."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str] = loop.create_future()
        given_up = threading.Event()

        def tell(trouble: str) -> None:
            if not done.done():
                done.set_result(trouble)

        def work() -> None:
            trouble = self._connect(client)
            late = client.socket()
            if given_up.is_set() and late is not None:
                late.close()
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, trouble)

        threading.Thread(target=work, name="broker", daemon=True).start()
        try:
            async with asyncio.timeout(3 * CONNECT_S):
                trouble = await done
        except TimeoutError:
            trouble = "it accepts nobody"
        finally:
            if not done.done() or done.cancelled():
                given_up.set()
        if trouble:
            raise BrokerError(trouble)

    def _connect(self, client: Client) -> str:
        """In the thread; the trouble, or ""."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own
        properties.SessionExpiryInterval = 0
        properties.ReceiveMaximum = RECEIVE_MAX
        properties.MaximumPacketSize = PACKET_MAX
        told = self.settings
        try:
            if told.tls:
                client.tls_set(ca_certs=told.ca or None)
            client.connect(told.host, told.port, KEEPALIVE_S, clean_start=True, properties=properties)
        except (OSError, ValueError) as error:  # ssl's errors are OSErrors; paho's own are ValueErrors
            return str(error) or type(error).__name__
        return ""

    def _make(self, welcome: asyncio.Future[str]) -> Client:
        told = self.settings
        client = Client(CallbackAPIVersion.VERSION2, told.client, protocol=MQTTProtocolVersion.MQTTv5)
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages_set(IN_FLIGHT_MAX)
        client.will_set(told.will, OFFLINE, qos=1, retain=True)
        if told.user:
            client.username_pw_set(told.user, told.password)

        def on_connect(_c: Client, _u: Any, _f: ConnectFlags, code: ReasonCode, _p: Properties | None) -> None:
            if not welcome.done():
                welcome.set_result(f"it refuses us: {code}" if code.is_failure else "")

        def on_end(_c: Client, _u: Any, _f: DisconnectFlags, code: ReasonCode, _p: Properties | None) -> None:
            self._end(str(code))

        def on_publish(_c: Client, _u: Any, _mid: int, code: ReasonCode, _p: Properties | None) -> None:
            self.unacknowledged = max(0, self.unacknowledged - 1)
            if code.is_failure:
                self._not_allowed(str(code))

        def on_subscribe(_c: Client, _u: Any, _mid: int, codes: list[ReasonCode], _p: Properties | None) -> None:
            if any(code.is_failure for code in codes):
                self._not_allowed(f"a subscription: {codes[0]}")

        client.on_connect, client.on_disconnect = on_connect, on_end
        client.on_publish, client.on_subscribe = on_publish, on_subscribe
        client.on_message = self._on_message
        client.on_socket_close = lambda *_: self._forget_socket()
        return client

    def _not_allowed(self, what: str) -> None:
        if self.forbidden == 0:
            self._events.say(
                f"the broker does not let us ({what}): give our login the rights of `powerwarden acl SITE`"
            )
        self.forbidden += 1

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        said = message.properties
        response = getattr(said, "ResponseTopic", "") if said is not None else ""
        correlation = getattr(said, "CorrelationData", b"") if said is not None else b""
        self._events.heard(
            Heard(topic, bytes(message.payload), message.retain, message.dup, str(response), bytes(correlation))
        )

    def _read(self) -> None:
        client = self._client
        if client is None:
            return
        try:
            client.loop_read()
            while (sock := client.socket()) is not None and getattr(sock, "pending", lambda: 0)() > 0:
                client.loop_read()  # what TLS has already decrypted wakes nobody
        except Exception as error:  # noqa: BLE001  whatever a broken packet makes paho raise ends this connection only
            self._end(f"it said something that is not MQTT: {type(error).__name__}")
        self._write_more()

    def _write_more(self) -> None:
        """paho has written what the socket took; the rest goes when it takes more."""
        if self._client is not None and self._fd >= 0 and self._client.want_write():
            asyncio.get_running_loop().add_writer(self._fd, self._write)

    def _write(self) -> None:
        if self._client is not None:
            self._client.loop_write()
            if self._fd >= 0 and not self._client.want_write():
                asyncio.get_running_loop().remove_writer(self._fd)

    def _end(self, why: str) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(why)

    def _forget_socket(self) -> None:
        if self._fd >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._fd)
            loop.remove_writer(self._fd)
            self._fd = -1

    def _drop(self) -> None:
        """End what is left of a connection."""
        client, self._client, self.up, self.unacknowledged = self._client, None, False, 0
        self._forget_socket()
        sock = client.socket() if client is not None else None
        if sock is not None:
            sock.close()

    def _lost(self, why: str) -> None:
        self.trouble = why
        if why != self._told:
            self._told = why
            self._events.say(f"no broker at {self.settings}: {why}")


def is_loopback(host: str) -> bool:
    """Does what we say to ``host`` stay on this machine?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
